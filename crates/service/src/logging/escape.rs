//! Words of others, made harmless.

use std::fmt::{self, Write as _};

/// Text from the network for the log: control, direction and invisible characters escaped, cut.
#[must_use]
pub fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// Made by [`escaped`].
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(LONGEST_TEXT) {
            match c {
                '\'' | '"' => f.write_char(c)?,
                _ if is_direction_mark(c) => write!(f, "{}", c.escape_unicode())?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        if self.0.chars().nth(LONGEST_TEXT).is_some() { f.write_str("...") } else { Ok(()) }
    }
}

/// Text of at most so many bytes, in which nothing controls, hides or reorders.
#[derive(Debug)]
pub(super) struct Bounded {
    text: String,
    most: usize,
    cut: bool,
}

impl Bounded {
    pub(super) const fn new(most: usize) -> Self {
        Self { text: String::new(), most, cut: false }
    }

    pub(super) fn finish(mut self) -> String {
        if self.cut {
            self.text.push_str(CUT);
        }
        self.text
    }

    fn push(&mut self, part: &str) -> fmt::Result {
        if self.text.len() + part.len() + CUT.len() > self.most {
            self.cut = true;
            // Whoever writes more need not go on.
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

impl fmt::Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut buffer = [0; 4];
        for c in text.chars() {
            if c.is_control() || is_direction_mark(c) {
                let escaped: String = c.escape_default().collect();
                self.push(&escaped)?;
            } else {
                self.push(c.encode_utf8(&mut buffer))?;
            }
        }
        Ok(())
    }
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

const CUT: &str = "...";
/// Enough to recognise what came; the log is no archive of texts.
const LONGEST_TEXT: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_the_network_is_harmless_and_short() {
        assert_eq!(escaped("it's \"\u{fc}\"").to_string(), "it's \"\u{fc}\"");
        assert_eq!(escaped("\u{1b}[31m\r\n").to_string(), "\\u{1b}[31m\\r\\n");
        assert_eq!(escaped("a\u{202e}b").to_string(), "a\\u{202e}b");
        assert_eq!(escaped(&"x".repeat(1000)).to_string().len(), LONGEST_TEXT + 3);
    }

    #[test]
    fn bounded_text_is_harmless_and_bounded() {
        let bounded = |text: &str, most| {
            let mut out = Bounded::new(most);
            out.write_str(text).ok();
            out.finish()
        };
        assert_eq!(bounded("a \\ \u{fc}", 20), "a \\ \u{fc}");
        assert_eq!(bounded("a\nb\u{1b}\u{202e}", 40), "a\\nb\\u{1b}\\u{202e}");
        for most in 3..12 {
            let text = bounded("\u{1f600}\u{1b}[31mmore", most);
            assert!(text.len() <= most && text.ends_with(CUT), "{most}: {text}");
        }
    }
}
