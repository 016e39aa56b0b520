//! MessagePack with named fields, and nothing left over.
//!
//! `tokio-serde`'s own MessagePack format writes arrays, which break on the first added field,
//! and ignores trailing bytes. [`Named`] implements its traits without either fault.

use std::fmt;
use std::marker::PhantomData;
use std::pin::Pin;

use bytes::{Bytes, BytesMut};
use serde::de::{self, DeserializeOwned, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::limits;
use crate::reader::Reader;

/// Why bytes could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not MessagePack, or not of the expected form.
    #[error("malformed message: {0}")]
    Malformed(String),
    /// A whole value was read and bytes remain behind it.
    #[error("bytes behind the end of the message")]
    Trailing,
}

/// Writes `value` as a MessagePack map with named fields.
///
/// # Panics
///
/// Never for the types of this crate: writing to memory cannot fail and none of them has a map
/// or sequence of unknown length.
#[expect(clippy::expect_used, reason = "writing these types to memory cannot fail")]
pub fn encode<T: Serialize + ?Sized>(value: &T) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    rmp_serde::encode::write_named(&mut out, value).expect("encoding to memory");
    out
}

/// Appends `value` to `out`; see [`encode`].
#[expect(clippy::expect_used, reason = "writing these types to memory cannot fail")]
pub fn encode_into<T: Serialize + ?Sized>(out: &mut Vec<u8>, value: &T) {
    rmp_serde::encode::write_named(out, value).expect("encoding to memory");
}

/// Reads one value from exactly `bytes`.
///
/// Unknown fields are ignored, nesting is followed to [`limits::DEPTH`].
///
/// # Errors
///
/// [`DecodeError`] when the bytes are not one whole value of this type.
pub fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, DecodeError> {
    let mut reader = Reader::new(bytes, limits::DEPTH);
    let value = T::deserialize(&mut reader)?;
    if reader.is_at_end() { Ok(value) } else { Err(DecodeError::Trailing) }
}

impl de::Error for DecodeError {
    fn custom<T: fmt::Display>(words: T) -> Self {
        Self::Malformed(words.to_string())
    }
}

/// Reads a sequence of at most `MOST` items; for `#[serde(deserialize_with)]`.
///
/// # Errors
///
/// Those of the items, and a clear one when there are too many, before memory is spent on them.
pub fn bounded<'de, D, T, const MOST: usize>(deserializer: D) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    deserializer.deserialize_seq(Bounded::<T, MOST>(PhantomData))
}

struct Bounded<T, const MOST: usize>(PhantomData<fn() -> T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Bounded<T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a sequence of at most {MOST} items")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let claimed = seq.size_hint().unwrap_or(0);
        if claimed > MOST {
            return Err(de::Error::invalid_length(claimed, &self));
        }
        let mut items = Vec::with_capacity(claimed);
        while let Some(item) = seq.next_element()? {
            if items.len() == MOST {
                return Err(de::Error::invalid_length(MOST + 1, &self));
            }
            items.push(item);
        }
        Ok(items)
    }
}

/// The `tokio-serde` format: frames of `Item` in, frames of `SinkItem` out.
#[derive(Debug)]
pub struct Named<Item, SinkItem>(PhantomData<fn() -> (Item, SinkItem)>);

impl<Item, SinkItem> Default for Named<Item, SinkItem> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<Item, SinkItem: Serialize> tokio_serde::Serializer<SinkItem> for Named<Item, SinkItem> {
    type Error = std::io::Error;

    fn serialize(self: Pin<&mut Self>, item: &SinkItem) -> Result<Bytes, Self::Error> {
        Ok(encode(item).into())
    }
}

impl<Item: DeserializeOwned, SinkItem> tokio_serde::Deserializer<Item> for Named<Item, SinkItem> {
    type Error = std::io::Error;

    fn deserialize(self: Pin<&mut Self>, src: &BytesMut) -> Result<Item, Self::Error> {
        decode(src).map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidData, error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Old {
        a: u8,
    }

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct New {
        a: u8,
        #[serde(default)]
        b: Option<String>,
    }

    #[test]
    fn fields_may_be_added_in_both_directions() {
        let new = encode(&New { a: 1, b: Some("x".into()) });
        assert_eq!(decode::<Old>(&new).unwrap(), Old { a: 1 });
        assert_eq!(decode::<New>(&encode(&Old { a: 1 })).unwrap(), New { a: 1, b: None });
    }

    #[test]
    fn trailing_bytes_are_refused() {
        for tail in 0..=255u8 {
            let mut bytes = encode(&Old { a: 1 });
            bytes.push(tail);
            assert_eq!(decode::<Old>(&bytes), Err(DecodeError::Trailing), "tail {tail:#x}");
        }
    }

    #[test]
    fn every_truncation_is_refused() {
        let bytes = encode(&New { a: 200, b: Some("hello".into()) });
        for end in 0..bytes.len() {
            assert!(decode::<New>(&bytes[..end]).is_err(), "cut at {end}");
        }
    }

    #[test]
    fn deep_nesting_is_refused_without_overflow() {
        let mut bytes = vec![0x82, 0xa1, b'a', 0x01, 0xa1, b'z'];
        bytes.extend(std::iter::repeat_n(0x91, 60_000));
        bytes.push(0xc0);
        assert!(decode::<Old>(&bytes).is_err());
    }
}
