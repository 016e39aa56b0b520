//! Names and rooms of foreign clients, which may be called more than the mesh allows.

use meshchat_client::proto::limits::{NAME_CHARS, ROOM_CHARS};
use meshchat_client::proto::name::{NameError, PersonName, RoomName, is_deceptive};

/// A name as the client wrote it, or the nearest that the mesh allows: what is invisible is left
/// out, what has a meaning here becomes a dash, what is too long is cut.
///
/// # Errors
///
/// When nothing is left.
pub fn person(typed: &str) -> Result<PersonName, NameError> {
    typed.parse().or_else(|_| {
        let banned = |c: char| matches!(c, '@' | ':' | '~' | '/' | ',' | '#');
        let clean: String =
            typed.chars().take(LONGEST).filter_map(|c| visible(c, banned)).collect();
        let words: Vec<_> = clean.split_whitespace().collect();
        cut(&words.join(" "), NAME_CHARS).parse()
    })
}

/// The same for a room; the lobby when there is none.
///
/// # Errors
///
/// When nothing is left of what was written.
pub fn room(typed: &str) -> Result<RoomName, NameError> {
    if typed.trim().is_empty() {
        return Ok(RoomName::lobby());
    }
    typed.parse().or_else(|_| {
        let bare = typed.trim().trim_start_matches('#');
        let banned = |c: char| matches!(c, '@' | ':' | ',' | '#') || c.is_whitespace();
        let clean: String = bare.chars().take(LONGEST).filter_map(|c| visible(c, banned)).collect();
        cut(&clean.to_lowercase(), ROOM_CHARS - 1).parse()
    })
}

/// The name with a number behind it: for the second who wants to be called so.
pub fn tagged(name: &PersonName, number: usize) -> Option<PersonName> {
    let tag = format!("-{number}");
    format!("{}{tag}", cut(name.as_str(), NAME_CHARS - tag.len())).parse().ok()
}

fn visible(c: char, banned: impl Fn(char) -> bool) -> Option<char> {
    if banned(c) {
        Some('-')
    } else if c.is_whitespace() {
        Some(' ')
    } else {
        (!is_deceptive(c)).then_some(c)
    }
}

fn cut(text: &str, most: usize) -> String {
    text.chars().take(most).collect::<String>().trim_end().to_owned()
}

/// Characters that are looked at; many times what is left of them.
const LONGEST: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_stay_as_they_are() {
        assert_eq!(person(" Zoe\u{308} ").unwrap().as_str(), "Zoë");
        assert_eq!(room("Dev").unwrap().as_str(), "#dev");
        assert_eq!(room(" ").unwrap(), RoomName::lobby());
    }

    #[test]
    fn others_become_the_nearest() {
        for (typed, clean) in [
            ("a:b\r\nc", "a-b c"),
            ("root@pi\u{202e}", "root-pi"),
            ("\u{1b}[31mred", "[31mred"),
            ("a   b", "a b"),
        ] {
            assert_eq!(person(typed).unwrap().as_str(), clean, "{typed:?}");
        }
        assert_eq!(person(&"x".repeat(5000)).unwrap().as_str().len(), NAME_CHARS);
        assert_eq!(room("My Room: #1").unwrap().as_str(), "#my-room---1");
        assert_eq!(room(&"R".repeat(5000)).unwrap().as_str().len(), ROOM_CHARS);
        for nothing in ["", " \n", "\u{200b}\u{202e}"] {
            assert!(person(nothing).is_err(), "{nothing:?}");
        }
        assert!(room("\u{200b}x\u{200b}").is_ok() && room("#").is_err());
    }

    #[test]
    fn tags_fit() {
        let long = person(&"x".repeat(NAME_CHARS)).unwrap();
        assert_eq!(tagged(&long, 2).unwrap().as_str(), format!("{}-2", "x".repeat(30)));
        assert_eq!(tagged(&person("ann").unwrap(), 17).unwrap().as_str(), "ann-17");
    }
}
