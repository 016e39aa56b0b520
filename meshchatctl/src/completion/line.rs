//! What a shell's line says so far, and how a value is written into it.

/// The words of a line, up to the cursor.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// All words as the program would get them, the last one unfinished and perhaps empty.
    pub(super) words: Vec<String>,
    /// The part of the last word that stays as it is typed.
    kept: String,
    /// What stands open where the rest of the last word begins.
    open: Quote,
}

/// The quote that a place in a line stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Quote {
    #[default]
    None,
    Single,
    Double,
}

impl Line {
    /// Reads `typed`, of whose end the shell replaces `replaced` by what is chosen.
    pub(super) fn read(typed: &str, replaced: &str) -> Self {
        let from =
            if typed.ends_with(replaced) { typed.len() - replaced.len() } else { usize::MAX };
        let mut reader = Reader::default();
        let mut at_replaced = None;
        for (index, letter) in typed.char_indices() {
            if index == from {
                at_replaced = Some(reader.place());
            }
            reader.take(letter);
        }
        // A replaced part that begins in an earlier word, or that is not there, is the last word.
        let place = match at_replaced {
            _ if from == typed.len() => reader.place(),
            Some((word, kept, open)) if word == reader.words.len() => (word, kept, open),
            Some(_) | None => (0, String::new(), Quote::None),
        };
        reader.words.push(reader.word);
        Self { words: reader.words, kept: place.1, open: place.2 }
    }

    /// These words, of which the shell writes the last one itself.
    pub(super) fn of(words: Vec<String>) -> Self {
        Self { words, kept: String::new(), open: Quote::None }
    }

    /// The unfinished word.
    pub(super) fn current(&self) -> &str {
        self.words.last().map_or("", String::as_str)
    }

    /// `value`, a whole word, as what the shell is to put in the place of the replaced part.
    pub(super) fn write(&self, value: &str) -> Option<String> {
        let rest = value.strip_prefix(&self.kept)?;
        Some(match self.open {
            // Readline closes what is open, unless its last letter is such a quote already.
            Quote::Single => match rest.strip_suffix('\'') {
                Some(rest) => format!(r"{}'\'", within_single(rest)),
                None => within_single(rest),
            },
            Quote::Double => match rest.strip_suffix('"') {
                Some(rest) => format!(r#"{}"\""#, within_double(rest)),
                None => within_double(rest),
            },
            Quote::None if self.kept.is_empty() => bare(rest),
            Quote::None => escaped(rest),
        })
    }
}

/// Takes a line apart as a POSIX shell does, letter by letter.
#[derive(Debug, Default)]
struct Reader {
    words: Vec<String>,
    word: String,
    begun: bool,
    quote: Quote,
    escaped: bool,
}

impl Reader {
    /// In which word, behind which part of it, and in which quote the next letter stands.
    fn place(&self) -> (usize, String, Quote) {
        (self.words.len(), self.word.clone(), self.quote)
    }

    fn take(&mut self, letter: char) {
        if self.escaped {
            self.escaped = false;
            if self.quote == Quote::Double && !matches!(letter, '"' | '\\' | '$' | '`') {
                self.word.push('\\');
            }
            self.word.push(letter);
            return;
        }
        match (self.quote, letter) {
            (Quote::None, ' ' | '\t' | '\n') => return self.end_word(),
            (Quote::None, '\'') => self.quote = Quote::Single,
            (Quote::None, '"') => self.quote = Quote::Double,
            (Quote::Single, '\'') | (Quote::Double, '"') => self.quote = Quote::None,
            (Quote::None | Quote::Double, '\\') => self.escaped = true,
            (Quote::None | Quote::Single | Quote::Double, _) => self.word.push(letter),
        }
        self.begun = true;
    }

    fn end_word(&mut self) {
        if self.begun {
            self.words.push(std::mem::take(&mut self.word));
            self.begun = false;
        }
    }
}

/// A whole word: in single quotes if it begins with what means something to the shell, as rooms
/// do, else with backslashes, so that words with a common beginning keep it.
fn bare(value: &str) -> String {
    if value.starts_with(['#', '~']) {
        return format!("'{}'", within_single(value));
    }
    escaped(value)
}

/// With a backslash before each letter that could mean something to a shell.
fn escaped(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for letter in value.chars() {
        if !is_plain(letter) {
            out.push('\\');
        }
        out.push(letter);
    }
    out
}

fn within_single(value: &str) -> String {
    value.replace('\'', r"'\''")
}

fn within_double(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 8);
    for letter in value.chars() {
        match letter {
            '"' | '\\' | '$' | '`' => out.extend(['\\', letter]),
            // Within double quotes nothing keeps it from being taken for a line of the past.
            '!' => out.push_str("\"\\!\""),
            _ => out.push(letter),
        }
    }
    out
}

/// Whether it stands for itself in every POSIX shell.
fn is_plain(letter: char) -> bool {
    letter.is_alphanumeric() || "-_./:@%+,=".contains(letter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_those_that_the_shell_would_pass() {
        let words = |typed: &str| Line::read(typed, "").words;
        assert_eq!(words("ctl send"), ["ctl", "send"]);
        assert_eq!(words("ctl  send "), ["ctl", "send", ""]);
        assert_eq!(words(r#"ctl 'a b' "c \" \x" d\ e"#), ["ctl", "a b", r#"c " \x"#, "d e"]);
        assert_eq!(words("ctl ''"), ["ctl", ""]);
        assert_eq!(words("ctl 'op en"), ["ctl", "op en"]);
        assert_eq!(words(""), [""]);
    }

    #[test]
    fn what_is_written_is_the_value_again() {
        let values = [
            "plain",
            "two words",
            "#ops",
            "#~fam",
            "~root",
            "$(touch x)",
            "`x`",
            "it's",
            "a\"b",
            "\\",
            "!!",
            "wörld",
            "*",
            "a;b",
            "a&b|c>d",
        ];
        for value in values {
            for (typed, replaced) in [("ctl ", ""), ("ctl '", ""), ("ctl \"", "")] {
                let line = Line::read(typed, replaced);
                let written = line.write(value).unwrap();
                let whole = format!("{typed}{written}");
                let read = Line::read(&whole, "");
                assert_eq!(read.current(), value, "{whole}");
            }
        }
    }

    #[test]
    fn a_quote_at_the_end_is_not_left_open() {
        let written = |typed: &str, value: &str| Line::read(typed, "").write(value).unwrap();
        assert_eq!(written("ctl '", "it'"), r"it'\'");
        assert_eq!(written("ctl '", "a'b"), r"a'\''b");
        assert_eq!(written("ctl \"", "in\""), r#"in"\""#);
    }

    #[test]
    fn what_the_shell_keeps_is_not_written_again() {
        // The @ begins a word of its own for bash.
        let line = Line::read("ctl dm ann@pi", "@pi");
        assert_eq!(line.current(), "ann@pi");
        assert_eq!(line.write("ann@pi barn").unwrap(), r"@pi\ barn");
        assert_eq!(line.write("bob@pi"), None);
        let line = Line::read("ctl --socket=/t", "/t");
        assert_eq!(line.write("--socket=/tmp/").unwrap(), "/tmp/");
        let line = Line::read("ctl join '#lo", "#lo");
        assert_eq!(line.write("#lobby").unwrap(), "#lobby");
        // Nothing that was typed: all of the word.
        let line = Line::read("ctl join #lo", "else");
        assert_eq!(line.write("#lobby").unwrap(), "'#lobby'");
    }
}
