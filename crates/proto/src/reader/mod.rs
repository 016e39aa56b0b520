//! MessagePack into values, at little cost in code.
//!
//! A general reader must offer every type each form that a value may have, and so is compiled for
//! each type with all of them: for the types of this crate that was an eighth of meshchatctl.
//! This one looks at what a type asks for. The marker is read by code that knows no types.

#![expect(
    clippy::wildcard_enum_match_arm,
    reason = "whatever comes in place of what a type can have is refused alike"
)]

mod bytes;
#[cfg(test)]
mod tests;

use serde::de::{self, DeserializeSeed, Unexpected, Visitor};

pub(crate) use bytes::Reader;
use bytes::{Head, Read, cut, utf8};

use crate::codec::DecodeError;

impl<'de> Reader<'de> {
    fn list<V: Visitor<'de>>(&mut self, visitor: V, count: u32) -> Read<V::Value> {
        self.items(visitor, count, None)
    }

    /// A list that came as bytes.
    fn octets<V: Visitor<'de>>(&mut self, visitor: V, bytes: &'de [u8]) -> Read<V::Value> {
        let count = u32::try_from(bytes.len()).map_err(|_too_long| cut())?;
        self.items(visitor, count, Some(bytes))
    }

    fn items<V: Visitor<'de>>(
        &mut self,
        visitor: V,
        count: u32,
        octets: Option<&'de [u8]>,
    ) -> Read<V::Value> {
        self.enter()?;
        let mut items = Items { reader: self, left: count, octets };
        let value = visitor.visit_seq(&mut items)?;
        let left = items.left;
        self.leave(left)?;
        Ok(value)
    }

    fn fields<V: Visitor<'de>>(&mut self, visitor: V, count: u32) -> Read<V::Value> {
        self.enter()?;
        let mut items = Items { reader: self, left: count, octets: None };
        let value = visitor.visit_map(&mut items)?;
        let left = items.left;
        self.leave(left)?;
        Ok(value)
    }

    fn scalar<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::Unsigned(number) => visitor.visit_u64(number),
            Head::Signed(number) => visitor.visit_i64(number),
            Head::Float(number) => visitor.visit_f64(number),
            head => Err(head.unexpected(&visitor)),
        }
    }

    fn word<V: Visitor<'de>>(&mut self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::Text(bytes) => visitor.visit_borrowed_str(utf8(bytes)?),
            Head::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            // The number of a field.
            Head::Unsigned(number) => visitor.visit_u64(number),
            head => Err(head.unexpected(&visitor)),
        }
    }
}

macro_rules! as_scalar {
    ($($method:ident),*) => {
        $(fn $method<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
            self.scalar(visitor)
        })*
    };
}

impl<'de> de::Deserializer<'de> for &mut Reader<'de> {
    type Error = DecodeError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::Nil => visitor.visit_unit(),
            Head::Bool(value) => visitor.visit_bool(value),
            Head::Unsigned(number) => visitor.visit_u64(number),
            Head::Signed(number) => visitor.visit_i64(number),
            Head::Float(number) => visitor.visit_f64(number),
            Head::Text(bytes) => visitor.visit_borrowed_str(utf8(bytes)?),
            Head::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Head::List(count) => self.list(visitor, count),
            Head::Map(count) => self.fields(visitor, count),
            head @ Head::Extension => Err(head.unexpected(&visitor)),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::Bool(value) => visitor.visit_bool(value),
            head => Err(head.unexpected(&visitor)),
        }
    }

    as_scalar!(
        deserialize_u8,
        deserialize_u16,
        deserialize_u32,
        deserialize_u64,
        deserialize_i8,
        deserialize_i16,
        deserialize_i32,
        deserialize_i64,
        deserialize_f32,
        deserialize_f64
    );

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.word(visitor)
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.word(visitor)
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.word(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.word(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::Text(bytes) | Head::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Head::List(count) => self.list(visitor, count),
            head => Err(head.unexpected(&visitor)),
        }
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        if self.next_is_nil() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::Nil => visitor.visit_unit(),
            head => Err(head.unexpected(&visitor)),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        match self.head()? {
            Head::Nil | Head::List(0) => visitor.visit_unit(),
            head => Err(head.unexpected(&visitor)),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        visitor: V,
    ) -> Read<V::Value> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::List(count) => self.list(visitor, count),
            Head::Bytes(bytes) => self.octets(visitor, bytes),
            head => Err(head.unexpected(&visitor)),
        }
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _length: usize, visitor: V) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _length: usize,
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_seq(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        match self.head()? {
            Head::Map(count) => self.fields(visitor, count),
            head => Err(head.unexpected(&visitor)),
        }
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        self.deserialize_map(visitor)
    }

    /// The name of the variant, or a map of that name to what belongs to it.
    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        let alone = self.next_is_alone()?;
        visitor.visit_enum(Variant { reader: self, alone })
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Read<V::Value> {
        self.skip()?;
        visitor.visit_unit()
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The values of a list or a map.
struct Items<'a, 'de> {
    reader: &'a mut Reader<'de>,
    left: u32,
    /// They come from here, each a byte.
    octets: Option<&'de [u8]>,
}

impl Items<'_, '_> {
    /// Whether there is one more.
    fn next(&mut self) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        if let Some((byte, rest)) = self.octets.and_then(<[u8]>::split_first) {
            (self.reader.byte, self.octets) = (Some(*byte), Some(rest));
        }
        true
    }
}

impl<'de> de::SeqAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Read<Option<T::Value>> {
        if self.next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

impl<'de> de::MapAccess<'de> for &mut Items<'_, 'de> {
    type Error = DecodeError;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Read<Option<K::Value>> {
        if self.next() { seed.deserialize(&mut *self.reader).map(Some) } else { Ok(None) }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Read<V::Value> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left as usize)
    }
}

/// One variant of an enum.
struct Variant<'a, 'de> {
    reader: &'a mut Reader<'de>,
    /// Only its name is there.
    alone: bool,
}

impl<'a, 'de> Variant<'a, 'de> {
    fn content(self) -> Read<&'a mut Reader<'de>> {
        if self.alone {
            return Err(de::Error::invalid_type(Unexpected::UnitVariant, &"what belongs to it"));
        }
        Ok(self.reader)
    }
}

impl<'de> de::EnumAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Read<(V::Value, Self)> {
        Ok((seed.deserialize(&mut *self.reader)?, self))
    }
}

impl<'de> de::VariantAccess<'de> for Variant<'_, 'de> {
    type Error = DecodeError;

    fn unit_variant(self) -> Read<()> {
        if self.alone { Ok(()) } else { de::Deserialize::deserialize(self.reader) }
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Read<T::Value> {
        seed.deserialize(self.content()?)
    }

    fn tuple_variant<V: Visitor<'de>>(self, length: usize, visitor: V) -> Read<V::Value> {
        de::Deserializer::deserialize_tuple(self.content()?, length, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        _fields: &'static [&'static str],
        visitor: V,
    ) -> Read<V::Value> {
        de::Deserializer::deserialize_map(self.content()?, visitor)
    }
}
