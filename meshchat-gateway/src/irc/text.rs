//! Words of messages: from the mesh into lines, and from lines into words that all clients of the
//! mesh can show.

use irc_proto::FormattedStringExt as _;
use meshchat_client::proto::message::MessageKind;

/// Most bytes of one piece of a text in a line.
pub(super) const PIECE_BYTES: usize = 400;

/// The pieces in which a text is shown, each of at most `most` bytes: one for each of its lines,
/// and more where that is too long. Nothing is left out but control characters and blank lines.
/// A text of very many lines goes on in one.
pub(super) fn pieces(text: &str, most: usize) -> Vec<String> {
    let most = most.clamp(SHORTEST_PIECE, PIECE_BYTES);
    let mut pieces = Vec::new();
    for line in text.splitn(LINES, BREAKS) {
        // A control character could begin a CTCP question, or reach a terminal.
        let line: String = line.chars().map(shown).collect();
        let mut rest = line.trim_end();
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(cut(rest, most));
            pieces.push(piece.to_owned());
            rest = more;
        }
    }
    pieces
}

/// Where to cut a line: behind a space near the limit if there is one.
fn cut(line: &str, most: usize) -> usize {
    if line.len() <= most {
        return line.len();
    }
    let head = super::nicks::clip(line, most);
    let hard = head.len();
    let soft = head.rfind(' ').map(|at| at + 1);
    soft.filter(|at| hard - at <= WORD_BYTES && *at > WORD_BYTES).unwrap_or(hard)
}

fn shown(c: char) -> char {
    match c {
        '\t' => ' ',
        c if BREAKS.contains(&c) => ' ',
        c if c.is_control() => char::REPLACEMENT_CHARACTER,
        c => c,
    }
}

/// What somebody typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Typed {
    /// Words, with what the author did.
    Words(MessageKind, String),
    /// A question to another client (CTCP), which the mesh does not carry.
    Question(String),
    /// Nothing but formatting.
    Nothing,
}

/// Reads the text of a PRIVMSG. Colours and other formatting are left out, as most clients of the
/// mesh would show them as rubbish.
pub(super) fn typed(text: &str) -> Typed {
    let (kind, text) = match text.strip_prefix('\x01') {
        None => (MessageKind::Text, text),
        Some(inside) => {
            let inside = inside.strip_suffix('\x01').unwrap_or(inside);
            match inside.split_once(' ').unwrap_or((inside, "")) {
                (word, words) if word.eq_ignore_ascii_case("ACTION") => {
                    (MessageKind::Action, words)
                }
                (word, _) => return Typed::Question(word.to_ascii_uppercase()),
            }
        }
    };
    let plain: String = strip(text).chars().filter(|c| !c.is_control() || *c == '\t').collect();
    if plain.trim().is_empty() { Typed::Nothing } else { Typed::Words(kind, plain) }
}

/// Without `\x04RRGGBB`, which the crate does not know, and what it knows.
fn strip(text: &str) -> String {
    let mut parts = text.split('\x04');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let colour = part.get(..6).filter(|hex| hex.bytes().all(|byte| byte.is_ascii_hexdigit()));
        plain.push_str(part.get(colour.map_or(0, str::len)..).unwrap_or_default());
    }
    plain.strip_formatting().into_owned()
}

/// What a person reads, in one line.
pub(super) fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// What ends a line of a text.
const BREAKS: [char; 4] = ['\n', '\r', '\u{2028}', '\u{2029}'];
/// Lines of a text that are shown as such: thousands would flood a client.
const LINES: usize = 32;
/// Even beside the longest names a piece holds a few characters.
const SHORTEST_PIECE: usize = 16;
/// Words up to this length are not cut.
const WORD_BYTES: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_come_whole_in_pieces() {
        for text in ["é".repeat(2048), "word ".repeat(800), "x".repeat(4096), "日本".repeat(500)]
        {
            let pieces = pieces(&text, 400);
            assert!(pieces.iter().all(|piece| piece.len() <= 400 && !piece.is_empty()));
            assert_eq!(pieces.concat(), text.trim_end());
        }
        assert_eq!(pieces("one\r\n\ntwo\n", 400), ["one", "two"]);
        assert!(pieces(&"word ".repeat(100), 399)[0].ends_with("word "));
        assert_eq!(pieces(&"x\n".repeat(2000), 400).len(), 31 + 10);
    }

    #[test]
    fn control_characters_do_not_pass() {
        let evil = "\x01DCC SEND x\x01 \x1b[31m \0 \u{85}";
        let all = pieces(evil, 400).concat();
        assert!(!all.chars().any(char::is_control), "{all:?}");
        assert_eq!(pieces("a\tb", 400), ["a b"]);
        assert_eq!(pieces("a\rPRIVMSG", 400), ["a", "PRIVMSG"]);
    }

    #[test]
    fn typed_words_are_plain() {
        let words = |text: &str| Typed::Words(MessageKind::Text, text.into());
        assert_eq!(typed("\x02bold\x02 \x0304,12red\x03 \x1ditalic\x1d"), words("bold red italic"));
        assert_eq!(typed("\x04ff0000red\x04"), words("red"));
        assert_eq!(typed("\x04é"), words("é"));
        let waves = Typed::Words(MessageKind::Action, "waves".into());
        assert_eq!(typed("\x01ACTION waves\x01"), waves);
        assert_eq!(typed("\x01action waves"), waves);
        assert_eq!(typed("\x01VERSION\x01"), Typed::Question("VERSION".into()));
        assert_eq!(typed("\x02 \x02"), Typed::Nothing);
    }
}
