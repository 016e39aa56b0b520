//! What a node says it has taken in, so that others know who holds a message.
//!
//! It travels in each node's record, and soon after news by itself: one small signed frame for
//! any number of messages, instead of an acknowledgement for each.

use serde::{Deserialize, Serialize};

use crate::codec;
use crate::id::{Boot, NetworkId, NodeId};
use crate::limits;

/// What a node has taken in: a fingerprint of all of it, and the newest of it in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holdings {
    /// Counts up with each that the node tells in one run; a higher one is newer.
    pub count: u64,
    /// Fingerprint of all that was taken in. Unlike [`crate::peer::Record::seen`] it leaves out
    /// what was given up, so that equal ones prove that both have the same messages.
    pub taken: u64,
    /// Origins that something was taken in of lately, the latest first.
    #[serde(default, deserialize_with = "rows", skip_serializing_if = "Vec::is_empty")]
    pub rows: Vec<Holding>,
}

/// What was taken in of one run of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    /// [`origin_tag`] of the run.
    #[serde(rename = "o")]
    pub origin: u64,
    /// Inclusive ranges of its numbers, ascending and apart, the highest of all that there are.
    #[serde(rename = "r", deserialize_with = "ranges")]
    pub ranges: Vec<(u64, u64)>,
}

/// The body of a frame of [`crate::frame::Kind::Holdings`], under the signature of its node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The network that the node belongs to.
    #[serde(rename = "net")]
    pub network: NetworkId,
    /// The node.
    pub node: NodeId,
    /// Its run.
    pub boot: Boot,
    /// What it has taken in.
    pub holdings: Holdings,
}

/// Where one message stands on its way, asked of one node over the shortest path, and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trail {
    /// Who asked.
    pub from: NodeId,
    /// Who is to answer.
    pub to: NodeId,
    /// Chosen by the asker.
    pub token: u64,
    /// The message: its node,
    pub node: NodeId,
    /// its run,
    pub boot: Boot,
    /// and its number.
    pub seq: u64,
    /// The answer; none in the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<Footprint>,
}

/// How a message came to the node that answers.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Footprint {
    /// Whether the node still knows; all else says nothing otherwise.
    pub known: bool,
    /// Microseconds of its running clock since the message came.
    #[serde(default)]
    pub age: u64,
    /// The neighbour that brought it; none at its origin.
    #[serde(default)]
    pub via: Option<NodeId>,
    /// How often it was passed on before, since its origin or since a catch-up; 0 at its origin.
    #[serde(default)]
    pub hops: u8,
    /// It came by catch-up, not live.
    #[serde(default)]
    pub caught_up: bool,
    /// It came over TCP, not QUIC.
    #[serde(default)]
    pub tcp: bool,
    /// Round-trip time of the link to that neighbour in microseconds; 0 when it is not known.
    #[serde(default)]
    pub rtt: u64,
    /// Further copies that came and were dropped.
    #[serde(default)]
    pub copies: u32,
    /// Links that it was passed on to at once.
    #[serde(default)]
    pub passed: u32,
}

/// A number for one run of one node. Two runs with one number are as rare as chance makes 64
/// bits equal; and who makes it so can only have its own messages mistaken.
pub fn origin_tag(node: &NodeId, boot: &Boot) -> u64 {
    let mut bytes = [0; 48];
    let (left, right) = bytes.split_at_mut(32);
    left.copy_from_slice(node.as_bytes());
    right.copy_from_slice(boot.as_bytes());
    let mut tag = [0; 8];
    tag.copy_from_slice(blake3::hash(&bytes).as_bytes().split_at(8).0);
    u64::from_le_bytes(tag)
}

/// What a node signs for its [`Holder`]: a fixed word, then the hash of its bytes.
pub fn signed_holder(body: &[u8]) -> [u8; 48] {
    let mut bytes = [0; 48];
    let (word, hash) = bytes.split_at_mut(16);
    word.copy_from_slice(b"meshchat1 holder");
    hash.copy_from_slice(blake3::hash(body).as_bytes());
    bytes
}

fn rows<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<Holding>, D::Error> {
    codec::bounded::<_, _, { limits::HOLDINGS }>(d)
}

fn ranges<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<(u64, u64)>, D::Error> {
    codec::bounded::<_, _, { limits::HOLDING_RANGES }>(d)
}
