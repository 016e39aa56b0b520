//! What came from the network must not control a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

use meshchat_client::proto::name::is_deceptive;

/// Text for one line: whatever controls a terminal, hides or reorders is shown as an escape.
pub(crate) fn escape(text: &str) -> Cow<'_, str> {
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut before = None;
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        let after = letters.peek().copied();
        if !is_deceptive(letter) || belongs_to_emoji(before, letter, after) {
            out.push(letter);
        } else {
            push_escaped(&mut out, letter);
        }
        before = Some(letter);
    }
    Cow::Owned(out)
}

/// Text of a message: its first line, then each further one behind `indent` on a line of its
/// own.
pub(crate) fn escape_lines(text: &str, indent: &str) -> String {
    let mut lines = text.trim_end_matches(['\n', '\r']).split('\n');
    let clean = |line: &str| escape(line.strip_suffix('\r').unwrap_or(line)).into_owned();
    let mut out = lines.next().map(clean).unwrap_or_default();
    for line in lines {
        out.push('\n');
        out.push_str(indent);
        out.push_str(&clean(line));
    }
    out
}

fn push_escaped(out: &mut String, letter: char) {
    let code = u32::from(letter);
    // Writing to a string cannot fail.
    let _ = match letter {
        '\t' => out.write_str("\\t"),
        '\n' => out.write_str("\\n"),
        '\r' => out.write_str("\\r"),
        _ if code < 0x100 => write!(out, "\\x{code:02x}"),
        _ => write!(out, "\\u{{{code:x}}}"),
    };
}

/// The joiner and the colour selector are invisible, but emoji are built with them.
fn belongs_to_emoji(before: Option<char>, letter: char, after: Option<char>) -> bool {
    let selects = |letter| letter == '\u{FE0F}';
    match letter {
        '\u{FE0F}' => before.is_some_and(is_pictured),
        '\u{200D}' => {
            before.is_some_and(|before| is_pictured(before) || selects(before))
                && after.is_some_and(is_pictured)
        }
        _ => false,
    }
}

fn is_pictured(letter: char) -> bool {
    matches!(u32::from(letter), 0x2190..=0x21FF | 0x2300..=0x27BF | 0x2900..=0x2BFF | 0x1F000..=0x1FAFF)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_corpus_of_tricks_shows_what_it_is() {
        for (text, shown) in [
            ("plain text, ünïcode, 李雷, 🎉", "plain text, ünïcode, 李雷, 🎉"),
            ("\x1b[31mred", "\\x1b[31mred"),
            ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
            ("\x1b]8;;http://x\x1b\\link", "\\x1b]8;;http://x\\x1b\\link"),
            ("\u{9b}31m", "\\x9b31m"),
            ("\u{90}q\u{9c}", "\\x90q\\x9c"),
            ("a\rb", "a\\rb"),
            ("a\nb", "a\\nb"),
            ("a\tb", "a\\tb"),
            ("a\x08\x7f\0", "a\\x08\\x7f\\x00"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("\u{2066}x\u{2069}", "\\u{2066}x\\u{2069}"),
            ("\u{200f}x\u{61c}", "\\u{200f}x\\u{61c}"),
            ("in\u{200b}visible\u{feff}", "in\\u{200b}visible\\u{feff}"),
            ("line\u{2028}para\u{2029}", "line\\u{2028}para\\u{2029}"),
            ("soft\u{ad}", "soft\\xad"),
            ("tag\u{e0041}", "tag\\u{e0041}"),
            ("❤\u{fe0f} 👩\u{200d}🚀", "❤\u{fe0f} 👩\u{200d}🚀"),
            ("a\u{fe0f}b\u{200d}c", "a\\u{fe0f}b\\u{200d}c"),
            ("👩\u{200d}", "👩\\u{200d}"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }

    #[test]
    fn no_control_character_survives_at_all() {
        for code in (0..=0x1F).chain(0x7F..=0x9F) {
            let letter = char::from_u32(code).unwrap();
            assert!(!escape(&letter.to_string()).contains(letter), "{code:x}");
        }
    }

    #[test]
    fn lines_of_a_message_are_indented() {
        assert_eq!(escape_lines("a\r\nb\x1b\n\n", "  "), "a\n  b\\x1b");
        assert_eq!(escape_lines("one", "  "), "one");
    }
}
