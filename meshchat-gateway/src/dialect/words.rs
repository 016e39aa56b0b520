//! Text from the network, made fit for where it goes.

use std::borrow::Cow;

use meshchat_client::proto::message::MessageKind;

/// Text that is one line and moves nothing on a terminal: ends of lines become a mark, other
/// control characters and those that reorder text are written out as `\u{1b}`.
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| is_end(c) || is_unsafe(c)) {
        return Cow::Borrowed(text);
    }
    let mut line = String::with_capacity(text.len() + 16);
    let mut ended = false;
    for c in text.trim_end_matches(is_end).chars() {
        if is_end(c) {
            if !ended {
                line.push_str(" \u{23ce} ");
            }
        } else if is_unsafe(c) {
            line.extend(c.escape_unicode());
        } else {
            line.push(c);
        }
        ended = is_end(c);
    }
    Cow::Owned(line)
}

/// What was said, or done.
pub(crate) fn said(kind: MessageKind, text: &str) -> Cow<'_, str> {
    match kind {
        MessageKind::Action => format!("* {text}").into(),
        MessageKind::Text | MessageKind::Sealed | MessageKind::Unknown(_) => text.into(),
    }
}

const fn is_end(c: char) -> bool {
    matches!(c, '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_unsafe(c: char) -> bool {
    (c.is_control() && c != '\t' && !is_end(c))
        || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::cut;

    #[test]
    fn a_cut_is_between_characters() {
        assert_eq!([cut("aé", 2), cut("aé", 3), cut("aé", 9), cut("é", 1)], ["a", "aé", "aé", ""]);
    }

    #[test]
    fn ordinary_text_stays() {
        for text in ["hello", "a\tb", "\u{2764}\u{fe0f}", "👩\u{200d}💻", "李雷"] {
            assert_eq!(one_line(text), text);
        }
    }

    #[test]
    fn nothing_gets_out_of_its_line() {
        assert_eq!(one_line("a\r\n\nmallory:b\n"), "a \u{23ce} mallory:b");
        assert_eq!(one_line("\0\u{1b}[2J\u{9b}"), "\\u{0}\\u{1b}[2J\\u{9b}");
        assert_eq!(one_line("\u{202e}x"), "\\u{202e}x");
    }
}
