//! What two nodes of a closed network say to each other about it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_bytes::ByteBuf;

use super::SignedStatement;
use crate::codec;
use crate::id::StatementRef;

/// Evens out what two nodes know of who belongs to their network.
///
/// First each tells a fingerprint of its set. If they differ, one lists what it has and asks; the
/// other sends what is missing there and its own list, and gets what it lacks itself. New
/// statements are sent to all neighbours at once.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Roster {
    /// Fingerprint of all statements of the sender.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub print: Option<u64>,
    /// All statements of the sender, as their references one behind the other.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "refs")]
    pub refs: Option<ByteBuf>,
    /// The other side is to list its own.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ask: bool,
    /// With what is in this frame the other side has all that the sender had and it lacked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// Statements that the other side may lack.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "statements")]
    pub statements: Vec<SignedStatement>,
}

impl Roster {
    /// Most statements in one frame.
    pub const STATEMENTS: usize = 128;
    /// Most bytes of statements in one frame, by [`SignedStatement::size`].
    pub const BYTES: usize = 48 * 1024;
    /// Most references in one frame.
    pub const REFS: usize = 4096;

    /// The references that it lists, if it lists any.
    pub fn listed(&self) -> Option<impl Iterator<Item = StatementRef>> {
        let refs = self.refs.as_ref()?;
        let (refs, _rest) = refs.as_chunks::<8>();
        Some(refs.iter().map(|bytes| StatementRef(*bytes)))
    }

    /// References one behind the other.
    pub fn list(refs: impl Iterator<Item = StatementRef>) -> ByteBuf {
        ByteBuf::from(refs.take(Self::REFS).flat_map(|one| one.0).collect::<Vec<u8>>())
    }
}

/// The answer to the bearer of a ticket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// Why the bearer is not let in; then all else is empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// The exact bytes of the [`super::Charter`].
    #[serde(default, deserialize_with = "charter")]
    pub charter: ByteBuf,
    /// What proves that the bearer belongs to the network now.
    #[serde(default, deserialize_with = "statements")]
    pub statements: Vec<SignedStatement>,
}

/// Why the bearer of a ticket is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum Refusal {
    /// As many nodes have joined with it as may.
    UsedUp,
    /// Its time is over.
    Expired,
    /// Its inviter has made it worthless.
    Revoked,
    /// The bearer was removed from the network.
    Removed,
    /// The network has as many members as it can.
    Full,
    /// Its inviter may not let anyone in any more.
    NoAdmin,
    /// A reason newer than this build.
    Unknown(u8),
}

const REFUSALS: [Refusal; 6] = [
    Refusal::UsedUp,
    Refusal::Expired,
    Refusal::Revoked,
    Refusal::Removed,
    Refusal::Full,
    Refusal::NoAdmin,
];

impl From<u8> for Refusal {
    fn from(code: u8) -> Self {
        let index = usize::from(code).checked_sub(1);
        index.and_then(|index| REFUSALS.get(index).copied()).unwrap_or(Self::Unknown(code))
    }
}

impl From<Refusal> for u8 {
    fn from(refusal: Refusal) -> Self {
        if let Refusal::Unknown(code) = refusal {
            return code;
        }
        REFUSALS.iter().zip(1..).find(|(known, _)| **known == refusal).map_or(0, |(_, code)| code)
    }
}

fn statements<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<SignedStatement>, D::Error> {
    codec::bounded::<D, SignedStatement, { Roster::STATEMENTS }>(from)
}

fn refs<'de, D: Deserializer<'de>>(from: D) -> Result<Option<ByteBuf>, D::Error> {
    short(from, Roster::REFS * 8).map(Some)
}

fn charter<'de, D: Deserializer<'de>>(from: D) -> Result<ByteBuf, D::Error> {
    short(from, 1024)
}

fn short<'de, D: Deserializer<'de>>(from: D, most: usize) -> Result<ByteBuf, D::Error> {
    let bytes = <&serde_bytes::Bytes>::deserialize(from)?;
    if bytes.len() > most {
        return Err(serde::de::Error::invalid_length(bytes.len(), &"fewer bytes"));
    }
    Ok(ByteBuf::from(bytes.to_vec()))
}
