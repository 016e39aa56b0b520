//! The bytes: code that knows no types.

use serde::de::{self, Expected, Unexpected};

use crate::codec::DecodeError;

/// What is still to be read of one value.
#[derive(Debug)]
pub(crate) struct Reader<'de> {
    rest: &'de [u8],
    /// How many levels may still be entered.
    depth: usize,
    /// The next number of a list that came as bytes.
    pub(super) byte: Option<u8>,
}

/// The first part of a value: all of it, or how many values follow.
#[derive(Debug, Clone, Copy)]
pub(super) enum Head<'de> {
    Nil,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(&'de [u8]),
    Bytes(&'de [u8]),
    List(u32),
    Map(u32),
    Extension,
}

pub(super) type Read<T> = Result<T, DecodeError>;

impl<'de> Reader<'de> {
    pub(crate) const fn new(bytes: &'de [u8], depth: usize) -> Self {
        Self { rest: bytes, depth, byte: None }
    }

    /// Whether nothing remains.
    pub(crate) const fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    fn take(&mut self, count: usize) -> Read<&'de [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or_else(cut)?;
        self.rest = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or_else(cut)?;
        self.rest = rest;
        Ok(*taken)
    }

    fn number<const N: usize>(&mut self) -> Read<u64> {
        Ok(self.array::<N>()?.into_iter().fold(0, |number, byte| number << 8 | u64::from(byte)))
    }

    fn length<const N: usize>(&mut self) -> Read<u32> {
        u32::try_from(self.number::<N>()?).map_err(|_too_long| cut())
    }

    fn text(&mut self, length: u32) -> Read<Head<'de>> {
        Ok(Head::Text(self.take(length as usize)?))
    }

    fn bytes(&mut self, length: u32) -> Read<Head<'de>> {
        Ok(Head::Bytes(self.take(length as usize)?))
    }

    /// An extension has a byte for its kind.
    fn extension(&mut self, length: u32) -> Read<Head<'de>> {
        self.take(length as usize)?;
        self.take(1)?;
        Ok(Head::Extension)
    }

    #[inline(never)]
    pub(super) fn head(&mut self) -> Read<Head<'de>> {
        if let Some(byte) = self.byte.take() {
            return Ok(Head::Unsigned(byte.into()));
        }
        let [marker] = self.array()?;
        Ok(match marker {
            0x00..=0x7f => Head::Unsigned(marker.into()),
            0x80..=0x8f => Head::Map((marker & 0x0f).into()),
            0x90..=0x9f => Head::List((marker & 0x0f).into()),
            0xa0..=0xbf => self.text((marker & 0x1f).into())?,
            0xc0 => Head::Nil,
            0xc1 => return Err(DecodeError::Malformed("a marker that means nothing".into())),
            0xc2 | 0xc3 => Head::Bool(marker == 0xc3),
            0xc4..=0xc6 => {
                let length = self.sized(marker - 0xc4)?;
                self.bytes(length)?
            }
            0xc7..=0xc9 => {
                let length = self.sized(marker - 0xc7)?;
                self.extension(length)?
            }
            0xca => Head::Float(f32::from_be_bytes(self.array()?).into()),
            0xcb => Head::Float(f64::from_be_bytes(self.array()?)),
            0xcc => Head::Unsigned(self.number::<1>()?),
            0xcd => Head::Unsigned(self.number::<2>()?),
            0xce => Head::Unsigned(self.number::<4>()?),
            0xcf => Head::Unsigned(self.number::<8>()?),
            0xd0 => Head::Signed(i8::from_be_bytes(self.array()?).into()),
            0xd1 => Head::Signed(i16::from_be_bytes(self.array()?).into()),
            0xd2 => Head::Signed(i32::from_be_bytes(self.array()?).into()),
            0xd3 => Head::Signed(i64::from_be_bytes(self.array()?)),
            0xd4..=0xd8 => self.extension(1 << (marker - 0xd4))?,
            0xd9..=0xdb => {
                let length = self.sized(marker - 0xd9)?;
                self.text(length)?
            }
            0xdc | 0xdd => Head::List(self.sized(marker - 0xdc + 1)?),
            0xde | 0xdf => Head::Map(self.sized(marker - 0xde + 1)?),
            0xe0..=0xff => Head::Signed(marker.cast_signed().into()),
        })
    }

    /// A length of one, two or four bytes.
    fn sized(&mut self, width: u8) -> Read<u32> {
        match width {
            0 => self.length::<1>(),
            1 => self.length::<2>(),
            _ => self.length::<4>(),
        }
    }

    /// Skips an empty value, if it is one.
    pub(super) fn next_is_nil(&mut self) -> bool {
        let rest = self.rest.strip_prefix(&[0xc0]).filter(|_| self.byte.is_none());
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Whether the next variant comes alone; if something belongs to it, what is around both is
    /// skipped.
    pub(super) fn next_is_alone(&mut self) -> Read<bool> {
        let mut ahead = Self { rest: self.rest, depth: self.depth, byte: self.byte };
        match ahead.head()? {
            Head::Map(1) | Head::List(1) => self.rest = ahead.rest,
            Head::Map(_) | Head::List(_) => {
                return Err(DecodeError::Malformed("not one variant".into()));
            }
            _ => return Ok(true),
        }
        Ok(false)
    }

    pub(super) fn enter(&mut self) -> Read<()> {
        self.depth = self.depth.saturating_sub(1);
        if self.depth == 0 {
            return Err(DecodeError::Malformed("nested too deep".into()));
        }
        Ok(())
    }

    pub(super) fn leave(&mut self, left: u32) -> Read<()> {
        self.depth += 1;
        if left > 0 {
            return Err(DecodeError::Malformed(format!("{left} values too many")));
        }
        Ok(())
    }

    pub(super) fn skip(&mut self) -> Read<()> {
        let count = match self.head()? {
            Head::List(count) => u64::from(count),
            Head::Map(count) => 2 * u64::from(count),
            _ => return Ok(()),
        };
        self.enter()?;
        for _ in 0..count {
            self.skip()?;
        }
        self.leave(0)
    }
}

impl Head<'_> {
    #[cold]
    #[inline(never)]
    pub(super) fn unexpected(self, expected: &dyn Expected) -> DecodeError {
        let found = match self {
            Self::Nil => Unexpected::Unit,
            Self::Bool(value) => Unexpected::Bool(value),
            Self::Unsigned(value) => Unexpected::Unsigned(value),
            Self::Signed(value) => Unexpected::Signed(value),
            Self::Float(value) => Unexpected::Float(value),
            Self::Text(_) => Unexpected::Other("text"),
            Self::Bytes(_) => Unexpected::Other("bytes"),
            Self::List(_) => Unexpected::Seq,
            Self::Map(_) => Unexpected::Map,
            Self::Extension => Unexpected::Other("an extension"),
        };
        de::Error::invalid_type(found, expected)
    }
}

#[cold]
pub(super) fn cut() -> DecodeError {
    DecodeError::Malformed("it ends too soon".into())
}

pub(super) fn utf8(bytes: &[u8]) -> Read<&str> {
    std::str::from_utf8(bytes).map_err(|error| DecodeError::Malformed(error.to_string()))
}
