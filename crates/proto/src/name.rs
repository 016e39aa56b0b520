//! Names of people, nodes and rooms, and the text of a message.
//!
//! A value of these types is right by construction: in NFC, within its bounds, and without
//! characters that hide or reorder others.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use unicode_normalization::{UnicodeNormalization, is_nfc};

use crate::id::NodeId;
use crate::limits;

/// Why a name, room or text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// Nothing in it, or only white space.
    #[error("it is empty")]
    Empty,
    /// More characters (names) or bytes (texts) than allowed.
    #[error("it is too long: {length} of at most {most} {unit}")]
    TooLong {
        /// What it has.
        length: usize,
        /// What it may have.
        most: usize,
        /// `characters` or `bytes`.
        unit: &'static str,
    },
    /// A character that a name must not have.
    #[error("it contains {}, which is not allowed in a name", shown(*.0))]
    Character(char),
    /// Spaces where they are not seen.
    #[error("it begins or ends with a space, or has two in a row")]
    Spaces,
    /// A room without its mark.
    #[error("it does not begin with #")]
    NoRoom,
    /// Not in Unicode normalization form C, where the wire demands it.
    #[error("it is not in Unicode normalization form C")]
    NotNormal,
}

/// A character as it can be told: itself, if that is seen.
fn shown(letter: char) -> String {
    match letter {
        ' ' => "a space".into(),
        letter if letter.is_ascii_graphic() => format!("'{letter}'"),
        letter => format!("U+{:04X}", u32::from(letter)),
    }
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks text from the wire without keeping it.
            ///
            /// # Errors
            ///
            /// [`NameError`] says what is wrong with it.
            pub fn check(text: &str) -> Result<(), NameError> {
                $check(text)
            }

            /// Takes a name from the wire as it is.
            ///
            /// # Errors
            ///
            /// [`NameError`] says what is wrong with it.
            pub fn from_wire(text: &str) -> Result<Self, NameError> {
                Self::check(text)?;
                Ok(Self(text.into()))
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", &*self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Visit(Self::from_wire))
            }
        }
    };
}

name_type! {
    /// What a person is called, unique on their node. Inner single spaces are allowed.
    PersonName, check_person
}

name_type! {
    /// What a node is called; usually the name of its host.
    NodeName, check_node
}

name_type! {
    /// What a closed network is called. Inner single spaces are allowed.
    NetworkName, check_person
}

name_type! {
    /// A room, always with its `#` and in lower case.
    RoomName, check_room
}

name_type! {
    /// The words of a message, 1 to [`limits::TEXT_BYTES`] bytes. Any character may be in it:
    /// whoever shows it escapes it.
    Text, check_text
}

name_type! {
    /// By which kind of door somebody came in who is no user of their node: `irc`, `web`, `nats`.
    /// 1 to [`limits::VIA_BYTES`] lower-case ASCII letters, digits and dashes.
    Via, check_via
}

impl Via {
    pub(crate) fn of_checked(text: &str) -> Self {
        Self(text.into())
    }
}

impl FromStr for Via {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_wire(text)
    }
}

impl RoomName {
    /// The room that everyone is in unless they left it.
    pub fn lobby() -> Self {
        Self("#lobby".into())
    }

    pub(crate) fn of_checked(text: &str) -> Self {
        Self(text.into())
    }

    /// Whether the name is kept for sealed messages and private rooms: nobody can speak openly
    /// in a room called so.
    pub fn is_sealed(&self) -> bool {
        self.0.starts_with("#~")
    }

    /// Reads the name of a private room that a person typed: `#~`, or a part of it, may be
    /// missing.
    ///
    /// # Errors
    ///
    /// [`NameError`] says what is wrong with it.
    pub fn private(typed: &str) -> Result<Self, NameError> {
        let bare = typed.trim().trim_start_matches('#').trim_start_matches('~');
        let name: Self = format!("#~{bare}").parse()?;
        let (length, most) = (name.0.chars().count() - 2, limits::PRIVATE_ROOM_CHARS);
        match length {
            0 => Err(NameError::Empty),
            length if length > most => Err(NameError::TooLong { length, most, unit: "characters" }),
            _ => Ok(name),
        }
    }
}

impl PersonName {
    pub(crate) fn of_checked(text: &str) -> Self {
        Self(text.into())
    }

    /// The name of last resort.
    pub fn anonymous() -> Self {
        Self("anonymous".into())
    }
}

impl Text {
    pub(crate) fn of_checked(text: &str) -> Self {
        Self(text.into())
    }
}

impl NodeName {
    /// The name of last resort.
    pub fn unnamed() -> Self {
        Self("node".into())
    }

    /// The name with the beginning of the node's key behind it, as `pi-barn~7f3k`: how a node is
    /// shown whose name somebody else had before. No node can call itself so.
    pub fn tagged(&self, node: &NodeId) -> Self {
        let bare = self.as_str().split(TAG_MARK).next().unwrap_or_default();
        let tag: String = node.to_string().chars().take(TAG_CHARS).collect();
        Self(format!("{bare}{TAG_MARK}{tag}").into())
    }

    /// Whether it ends with a tag.
    pub fn is_tagged(&self) -> bool {
        self.0.contains(TAG_MARK)
    }

    /// The name of a node that never said how it is called: its short id.
    pub fn of_id(node: &NodeId) -> Self {
        Self(node.short().into())
    }
}

impl FromStr for PersonName {
    type Err = NameError;

    /// Reads a name that a person typed: trimmed and normalized.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_wire(&text.trim().nfc().collect::<String>())
    }
}

impl FromStr for NodeName {
    type Err = NameError;

    /// Reads a name that a person typed: trimmed and normalized. It may not have a tag.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let name = Self::from_wire(&text.trim().nfc().collect::<String>())?;
        if name.is_tagged() { Err(NameError::Character(TAG_MARK)) } else { Ok(name) }
    }
}

impl FromStr for NetworkName {
    type Err = NameError;

    /// Reads a name that a person typed: trimmed and normalized.
    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_wire(&text.trim().nfc().collect::<String>())
    }
}

impl FromStr for RoomName {
    type Err = NameError;

    /// Reads a room that a person typed: trimmed, normalized, lower case; `#` may be missing.
    fn from_str(text: &str) -> Result<Self, NameError> {
        let text = text.trim();
        let bare = text.strip_prefix('#').unwrap_or(text);
        Self::from_wire(&format!("#{}", bare.to_lowercase().nfc().collect::<String>()))
    }
}

impl FromStr for Text {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::from_wire(text)
    }
}

/// Whether `c` is invisible, reorders text, or controls a terminal.
///
/// Covers the categories Cc, Cf, Zl and Zp, variation selectors, and the blank fillers that
/// carry other categories.
pub fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(u32::from(c),
            0xAD | 0x34F | 0x600..=0x605 | 0x61C | 0x6DD | 0x70F | 0x890..=0x891 | 0x8E2
            | 0x115F..=0x1160 | 0x17B4..=0x17B5 | 0x180B..=0x180F | 0x200B..=0x200F
            | 0x2028..=0x202E | 0x2060..=0x206F | 0x2800 | 0x3164 | 0xFE00..=0xFE0F | 0xFEFF
            | 0xFFA0 | 0xFFF0..=0xFFFB | 0x110BD | 0x110CD | 0x13430..=0x1345F
            | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0000..=0xE0FFF)
}

fn check_person(text: &str) -> Result<(), NameError> {
    check_name(text, limits::NAME_CHARS)?;
    let spaced = text.starts_with(' ') || text.ends_with(' ') || text.contains("  ");
    let banned = |c: char| matches!(c, '@' | ':' | '~' | '/' | ',' | '#') || is_odd_space(c);
    match text.chars().find(|c| banned(*c)) {
        Some(c) => Err(NameError::Character(c)),
        None if spaced => Err(NameError::Spaces),
        None => Ok(()),
    }
}

fn check_node(text: &str) -> Result<(), NameError> {
    let text = match text.rsplit_once(TAG_MARK) {
        Some((name, tag)) if is_tag(tag) => name,
        _ => text,
    };
    check_name(text, limits::NAME_CHARS)?;
    let banned =
        |c: char| matches!(c, '@' | ':' | '~' | '/' | ',' | '#' | '[' | ']') || c.is_whitespace();
    text.chars().find(|c| banned(*c)).map_or(Ok(()), |c| Err(NameError::Character(c)))
}

fn is_tag(tag: &str) -> bool {
    tag.len() == TAG_CHARS
        && tag.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

fn check_room(text: &str) -> Result<(), NameError> {
    let Some(bare) = text.strip_prefix('#') else {
        return Err(if text.is_empty() { NameError::Empty } else { NameError::NoRoom });
    };
    check_name(bare, limits::ROOM_CHARS - 1)?;
    let banned =
        |c: char| matches!(c, '@' | ':' | ',' | '#') || c.is_whitespace() || c.is_uppercase();
    bare.chars().find(|c| banned(*c)).map_or(Ok(()), |c| Err(NameError::Character(c)))
}

fn check_via(text: &str) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > limits::VIA_BYTES {
        let length = text.len();
        return Err(NameError::TooLong { length, most: limits::VIA_BYTES, unit: "bytes" });
    }
    let allowed = |c: &char| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-';
    text.chars().find(|c| !allowed(c)).map_or(Ok(()), |c| Err(NameError::Character(c)))
}

fn check_text(text: &str) -> Result<(), NameError> {
    let length = text.len();
    if length > limits::TEXT_BYTES {
        return Err(NameError::TooLong { length, most: limits::TEXT_BYTES, unit: "bytes" });
    }
    if text.trim().is_empty() { Err(NameError::Empty) } else { Ok(()) }
}

fn check_name(text: &str, most: usize) -> Result<(), NameError> {
    if text.trim().is_empty() {
        return Err(NameError::Empty);
    }
    // Nearly all names, of which each message has two to check.
    if text.len() <= most && text.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Ok(());
    }
    // Four bytes a character at the most: a cheap bound before anything is counted.
    let length = if text.len() > most * 4 { text.len() } else { text.chars().count() };
    if length > most {
        return Err(NameError::TooLong { length, most, unit: "characters" });
    }
    if let Some(c) = text.chars().find(|c| is_deceptive(*c)) {
        return Err(NameError::Character(c));
    }
    if text.is_ascii() || is_nfc(text) { Ok(()) } else { Err(NameError::NotNormal) }
}

fn is_odd_space(c: char) -> bool {
    c.is_whitespace() && c != ' '
}

/// Stands before the tag of a name, and in no name.
const TAG_MARK: char = '~';
/// 20 bits: enough to tell a handful of nodes apart at a glance. It proves nothing.
const TAG_CHARS: usize = 4;

struct Visit<T>(fn(&str) -> Result<T, NameError>);

impl<T> de::Visitor<'_> for Visit<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a valid name")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        self.0(text).map_err(E::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_may_have_ordinary_names() {
        for name in ["ann", "Ann Lee", "Zoë", "李雷", "o'neil", "x"] {
            assert_eq!(name.parse::<PersonName>().unwrap().as_str(), name);
        }
        assert_eq!(" Zoe\u{308} ".parse::<PersonName>().unwrap().as_str(), "Zoë");
    }

    #[test]
    fn a_tag_is_shown_and_never_taken() {
        let name: NodeName = "pi-barn".parse().unwrap();
        let tagged = name.tagged(&NodeId([1; 32]));
        assert_eq!(tagged.as_str(), "pi-barn~040g");
        assert_eq!(NodeName::from_wire("pi-barn~040g").unwrap(), tagged);
        assert!(tagged.is_tagged() && !name.is_tagged());
        for bad in ["pi-barn~", "pi-barn~040", "pi-barn~040G", "~040g", "a~040g~040g"] {
            assert!(NodeName::from_wire(bad).is_err(), "{bad}");
        }
        assert!("pi-barn~040g".parse::<NodeName>().is_err());
    }

    #[test]
    fn deceptive_names_are_refused() {
        let long = "x".repeat(limits::NAME_CHARS + 1);
        for name in ["", "  ", "a\u{202e}b", "a\u{200b}", "a\x1b[31m", "a@b", "a:b", "a  b", &long]
        {
            assert!(name.parse::<PersonName>().is_err(), "{name:?}");
        }
        let told = |name: &str| name.parse::<PersonName>().unwrap_err().to_string();
        assert_eq!(told("a  b"), "it begins or ends with a space, or has two in a row");
        assert_eq!(told("a@b"), "it contains '@', which is not allowed in a name");
        assert_eq!(told("a\u{202e}b"), "it contains U+202E, which is not allowed in a name");
        assert_eq!(PersonName::from_wire("Zoe\u{308}"), Err(NameError::NotNormal));
        assert!("pi 3".parse::<NodeName>().is_err());
    }

    #[test]
    fn rooms_are_lower_case_with_a_hash() {
        for typed in ["lobby", "#lobby", " #Lobby ", "LOBBY"] {
            assert_eq!(typed.parse::<RoomName>(), Ok(RoomName::lobby()), "{typed}");
        }
        for bad in ["", "#", "a b", "a#b", "a\u{feff}"] {
            assert!(bad.parse::<RoomName>().is_err(), "{bad:?}");
        }
        assert!(RoomName::from_wire("lobby").is_err());
        assert!(RoomName::from_wire("#Lobby").is_err());
    }

    #[test]
    fn private_rooms_have_names_of_their_own() {
        for typed in ["Family", "#family", "~family", "#~family"] {
            assert_eq!(RoomName::private(typed).unwrap().as_str(), "#~family", "{typed}");
        }
        assert!(RoomName::private("#~family").unwrap().is_sealed());
        assert!(!RoomName::lobby().is_sealed());
        for bad in ["", "#~", "a b", &"x".repeat(limits::PRIVATE_ROOM_CHARS + 1)] {
            assert!(RoomName::private(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn texts_are_bounded_and_not_blank() {
        assert!("x".repeat(limits::TEXT_BYTES).parse::<Text>().is_ok());
        assert!("x".repeat(limits::TEXT_BYTES + 1).parse::<Text>().is_err());
        assert_eq!(" \n".parse::<Text>(), Err(NameError::Empty));
        assert!("\x1b[31m \u{202e}".parse::<Text>().is_ok());
    }
}
