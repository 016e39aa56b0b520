//! Reads bodies of the form in which this build writes them, ten times as fast as the general
//! decoder, which reads the rest.

use serde_bytes::Bytes as ByteSlice;

use super::{Body, MessageKind};
use crate::id::{Boot, KeyId, MessageRef, NetworkId, NodeId};
use crate::limits;

/// The body, exactly as the general decoder would have it; `None` when that one is needed, be it
/// to say what is wrong.
pub(super) fn body(bytes: &[u8]) -> Option<Body<'_>> {
    let mut reader = Reader(bytes);
    let fields = reader.byte()?.checked_sub(0x80).filter(|count| *count < 16)?;
    // Nine are always there.
    let mut read = 9;
    let body = Body {
        network: NetworkId(reader.key(b"\xa3net")?.bin()?),
        node: NodeId(reader.key(b"\xa4node")?.bin()?),
        name: reader.key(b"\xa4name")?.str()?,
        boot: Boot(reader.key(b"\xa4boot")?.bin()?),
        seq: reader.key(b"\xa3seq")?.uint()?,
        room: reader.key(b"\xa4room")?.str()?,
        kind: MessageKind::from(u8::try_from(reader.key(b"\xa4kind")?.uint()?).ok()?),
        text: reader.key(b"\xa4text")?.str()?,
        seen: match reader.optional(b"\xa4seen", &mut read) {
            Some(reader) => reader.refs()?,
            None => Vec::new(),
        },
        wall: reader.key(b"\xa4wall")?.uint()?,
        to: match reader.optional(b"\xa2to", &mut read) {
            Some(reader) => Some(NodeId(reader.bin()?)),
            None => None,
        },
        keys: match reader.optional(b"\xa4keys", &mut read) {
            Some(reader) => reader.keys()?,
            None => Vec::new(),
        },
        key: match reader.optional(b"\xa3key", &mut read) {
            Some(reader) => Some(KeyId(reader.bin()?)),
            None => None,
        },
        lock: match reader.optional(b"\xa4lock", &mut read) {
            Some(reader) => Some(reader.bytes()?),
            None => None,
        },
        via: match reader.optional(b"\xa3via", &mut read) {
            Some(reader) => Some(reader.str()?),
            None => None,
        },
    };
    (fields == read && reader.0.is_empty()).then_some(body)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// Goes past a key.
    fn key(&mut self, key: &[u8]) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(key)?;
        Some(self)
    }

    /// Goes past a key that is there, and counts it.
    fn optional(&mut self, key: &[u8], read: &mut u8) -> Option<&mut Self> {
        self.0 = self.0.strip_prefix(key)?;
        *read += 1;
        Some(self)
    }

    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (first, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*first)
    }

    fn bin<const N: usize>(&mut self) -> Option<[u8; N]> {
        let [marker, length] = self.array()?;
        if marker == 0xc4 && usize::from(length) == N { self.array() } else { None }
    }

    fn str(&mut self) -> Option<&'a str> {
        let length = match self.byte()? {
            short @ 0xa0..=0xbf => usize::from(short & 0x1f),
            0xd9 => self.byte()?.into(),
            0xda => u16::from_be_bytes(self.array()?).into(),
            _ => return None,
        };
        let (text, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        std::str::from_utf8(text).ok()
    }

    fn uint(&mut self) -> Option<u64> {
        match self.byte()? {
            small @ 0..=0x7f => Some(small.into()),
            0xcc => self.byte().map(u64::from),
            0xcd => self.array().map(|bytes| u16::from_be_bytes(bytes).into()),
            0xce => self.array().map(|bytes| u32::from_be_bytes(bytes).into()),
            0xcf => self.array().map(u64::from_be_bytes),
            _ => None,
        }
    }

    fn bytes(&mut self) -> Option<&'a ByteSlice> {
        let length = match self.byte()? {
            0xc4 => self.byte()?.into(),
            0xc5 => u16::from_be_bytes(self.array()?).into(),
            _ => return None,
        };
        let (bytes, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(ByteSlice::new(bytes))
    }

    fn keys(&mut self) -> Option<Vec<&'a ByteSlice>> {
        let count = usize::from(self.byte()?.checked_sub(0x90)?);
        if count > limits::SEALED_KEYS {
            return None;
        }
        (0..count).map(|_| self.bytes()).collect()
    }

    fn refs(&mut self) -> Option<Vec<MessageRef>> {
        let count = usize::from(self.byte()?.checked_sub(0x90)?);
        if count > limits::SEEN_REFS {
            return None;
        }
        (0..count).map(|_| self.bin().map(MessageRef)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::Draft;
    use super::*;
    use crate::codec;
    use crate::sealed::Sealed;

    fn sealed(length: usize, of: usize) -> Option<Sealed> {
        let (to, key) = (Some(NodeId([4; 32])), Some(KeyId([5; 8])));
        let (keys, lock) = (vec![vec![6; 80].into(); 2], vec![7; length].into());
        match of {
            0 => None,
            1 => Some(Sealed { to, keys, key: None, lock }),
            2 => Some(Sealed { to: None, keys: Vec::new(), key, lock }),
            _ => Some(Sealed { to, keys, key, lock }),
        }
    }

    fn bodies() -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for (length, seen) in [(1, 0), (31, 1), (32, 4), (255, 3), (256, 4), (4096, 2)] {
            for number in [1, 127, 128, 255, 256, 65_535, 65_536, 1 << 32, u64::MAX] {
                let draft = Draft {
                    author: "Zoë".parse().unwrap(),
                    room: "#lobby".parse().unwrap(),
                    kind: MessageKind::Unknown(u8::try_from(number % 256).unwrap()),
                    text: "x".repeat(length).parse().unwrap(),
                    seen: vec![MessageRef([7; 8]); seen],
                    wall: number,
                    sealed: sealed(length, seen),
                    via: (seen == 1).then(|| "irc".parse().unwrap()),
                };
                let boot = Boot::new(number, 5);
                all.push(draft.to_body(NetworkId::OPEN, NodeId([9; 32]), boot, number));
            }
        }
        all
    }

    #[test]
    fn what_this_build_writes_is_read_the_fast_way() {
        for bytes in bodies() {
            assert_eq!(body(&bytes), codec::decode(&bytes).ok());
            assert!(body(&bytes).is_some());
        }
    }

    #[test]
    fn what_is_read_the_fast_way_is_read_alike() {
        for bytes in bodies().iter().filter(|bytes| bytes.len() < 520).step_by(3) {
            for at in 0..bytes.len() {
                assert_eq!(body(&bytes[..at]), None);
                for value in 0..=255 {
                    let mut bytes = bytes.clone();
                    bytes[at] = value;
                    if let Some(fast) = body(&bytes) {
                        assert_eq!(Ok(fast), codec::decode(&bytes), "{value} at {at}");
                    }
                }
            }
        }
    }
}
