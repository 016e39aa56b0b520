//! Ids of nodes, networks, boots and messages, and their written forms.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// Lower-case Crockford alphabet: no `i`, `l`, `o`, `u`, so that keys can be read aloud.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Text that is not a written id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a valid id: expected {expected} characters of 0-9 and a-z without i, l, o and u")]
pub struct BadId {
    expected: usize,
}

macro_rules! byte_id {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; $len]);

        impl $name {
            /// The raw bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }

            /// Whether its written form begins so; dashes and capitals are forgiven.
            pub fn begins_with(&self, text: &str) -> bool {
                let mut digits = digits(&self.0);
                let letters = text.chars().filter(|letter| *letter != '-');
                letters.map(|letter| letter.to_ascii_lowercase()).all(|letter| {
                    let read = match letter {
                        'o' => '0',
                        'i' | 'l' => '1',
                        other => other,
                    };
                    digits.next() == Some(read)
                })
            }

            /// The first eight characters in two groups, as people read it: `7f3k-q2mz`.
            pub fn short(&self) -> String {
                let mut text = to_base32(&self.0);
                text.truncate(8);
                text.insert(4, '-');
                text
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&to_base32(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.short())
            }
        }

        impl FromStr for $name {
            type Err = BadId;

            fn from_str(text: &str) -> Result<Self, BadId> {
                from_base32(text).map(Self)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    serializer.serialize_bytes(&self.0)
                }
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                    text.parse().map_err(de::Error::custom)
                } else {
                    serde_bytes::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

byte_id! {
    /// A node: its Ed25519 public key.
    NodeId, 32
}

byte_id! {
    /// A message: the BLAKE3 hash of the exact bytes of its body.
    MessageId, 32
}

byte_id! {
    /// A network. All zeros is the open network.
    NetworkId, 16
}

byte_id! {
    /// The first bytes of a [`MessageId`], enough to point at a message, not to prove it.
    MessageRef, 8
}

byte_id! {
    /// One run of a node: a counter kept on disk (8 bytes, big-endian) and 64 random bits.
    ///
    /// Ordered by counter first, so that a later boot is greater.
    Boot, 16
}

byte_id! {
    /// A statement about who belongs to a network: the first bytes of the BLAKE3 hash of its body.
    StatementId, 16
}

byte_id! {
    /// The first bytes of a [`StatementId`], by which two nodes compare what they know.
    StatementRef, 8
}

byte_id! {
    /// A direct message, the same over all its sendings. Random; travels only sealed.
    LetterId, 16
}

byte_id! {
    /// A private room. Random; travels only sealed.
    RoomId, 16
}

byte_id! {
    /// Which key of a private room: the first bytes of its BLAKE3 hash.
    KeyId, 8
}

impl KeyId {
    /// The id of a room key.
    pub fn of(key: &[u8; 32]) -> Self {
        Self(MessageId::of(key).to_ref().0)
    }
}

impl NetworkId {
    /// The network of everyone who has not joined a closed one.
    pub const OPEN: Self = Self([0; 16]);
}

impl MessageId {
    /// The id of a message body.
    pub fn of(body: &[u8]) -> Self {
        Self(*blake3::hash(body).as_bytes())
    }

    /// The short reference that other messages use.
    pub fn to_ref(self) -> MessageRef {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.0.split_at(8).0);
        MessageRef(bytes)
    }
}

impl Boot {
    /// The boot with this counter and salt.
    pub fn new(count: u64, salt: u64) -> Self {
        let mut bytes = [0; 16];
        let (high, low) = bytes.split_at_mut(8);
        high.copy_from_slice(&count.to_be_bytes());
        low.copy_from_slice(&salt.to_be_bytes());
        Self(bytes)
    }

    /// The counter kept on disk.
    pub fn count(self) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.0.split_at(8).0);
        u64::from_be_bytes(bytes)
    }
}

pub(crate) fn to_base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push_digit(&mut text, buffer >> bits);
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        push_digit(&mut text, buffer << (5 - bits));
    }
    text
}

/// The digits of the written form, one after the other.
fn digits(bytes: &[u8]) -> impl Iterator<Item = char> {
    let count = (bytes.len() * 8).div_ceil(5);
    (0..count).map(move |at| {
        let bit = at * 5;
        let byte = |at: usize| u32::from(bytes.get(at).copied().unwrap_or(0));
        let pair = (byte(bit / 8) << 8) | byte(bit / 8 + 1);
        let digit = (pair >> (11 - bit % 8)) & 31;
        char::from(ALPHABET.get(digit as usize).copied().unwrap_or(b'?'))
    })
}

fn push_digit(text: &mut String, value: u32) {
    let digit = ALPHABET.get((value & 31) as usize).copied().unwrap_or(b'?');
    text.push(char::from(digit));
}

/// The value of a digit; capitals and the look-alikes `i l o` are forgiven.
pub(crate) fn digit(letter: u8) -> Option<u32> {
    let letter = match letter.to_ascii_lowercase() {
        b'o' => b'0',
        b'i' | b'l' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|digit| *digit == letter).and_then(|at| u32::try_from(at).ok())
}

/// Reads a written id; capitals, dashes and the look-alikes `i l o` are forgiven.
fn from_base32<const N: usize>(text: &str) -> Result<[u8; N], BadId> {
    let bad = BadId { expected: (N * 8).div_ceil(5) };
    let mut out = [0u8; N];
    let mut filled = out.iter_mut();
    let (mut buffer, mut bits, mut digits) = (0u32, 0u32, 0usize);
    for letter in text.bytes().filter(|letter| *letter != b'-') {
        digits += 1;
        buffer = (buffer << 5) | digit(letter).ok_or(bad)?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            *filled.next().ok_or(bad)? = u8::try_from(buffer >> bits).unwrap_or(0);
            buffer &= (1 << bits) - 1;
        }
    }
    if digits == bad.expected && buffer == 0 { Ok(out) } else { Err(bad) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_survive_writing_and_reading() {
        for seed in 0..=255u8 {
            let id = NodeId(std::array::from_fn(|i| {
                seed.wrapping_mul(31).wrapping_add(u8::try_from(i).unwrap())
            }));
            assert_eq!(id.to_string().parse::<NodeId>(), Ok(id));
            assert_eq!(id.to_string().to_uppercase().parse::<NodeId>(), Ok(id));
            assert!(id.begins_with(&id.to_string().to_uppercase()) && id.begins_with(&id.short()));
            assert!(id.begins_with("") && !id.begins_with(&format!("{id}0")));
            assert!(!id.begins_with("u"));
        }
        assert_eq!(NodeId([0xff; 32]).short(), "zzzz-zzzz");
    }

    #[test]
    fn damaged_ids_are_refused() {
        let text = NodeId([7; 32]).to_string();
        assert!(text[1..].parse::<NodeId>().is_err());
        assert!(format!("{text}0").parse::<NodeId>().is_err());
        assert!(text.replace('0', "u").parse::<NodeId>().is_err());
        assert!("".parse::<NodeId>().is_err());
    }

    #[test]
    fn boots_are_ordered_by_counter() {
        assert!(Boot::new(2, 0) > Boot::new(1, u64::MAX));
        assert_eq!(Boot::new(77, 5).count(), 77);
    }
}
