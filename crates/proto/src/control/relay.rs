use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::codec;
use crate::id::MessageId;
use crate::limits;

/// What gateways want that carry signed messages between nodes which no link joins: from the node
/// of one session to a bus such as NATS, and from there to others.
///
/// A message is carried as the body of a chat frame with this one message: signature, exact bytes,
/// and its place in its batch. Nobody on the way can change it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RelayRequest {
    /// Streams [`super::Event::Relayed`] for every message that the node takes in from now on, its
    /// own included, except what this session itself has brought by [`Self::Inject`]. Replies
    /// [`super::Reply::Done`] first. Only for gateways.
    Watch {
        /// Begin with what history holds that came in so many milliseconds; the newest
        /// [`limits::RELAY_RECENT`] of these.
        #[serde(default)]
        since_ms: u64,
    },
    /// Takes messages in as if they had come over a link: with the same checks, and on to all
    /// neighbours. Replies [`super::Reply::Injected`]. Only for gateways.
    Inject {
        /// At most [`limits::RELAY_FRAMES`].
        #[serde(deserialize_with = "frames")]
        frames: Vec<ByteBuf>,
    },
}

/// A signed message that the node took in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relayed {
    /// Its id, the same on all nodes.
    pub id: MessageId,
    /// The body of a chat frame with this one message.
    pub frame: ByteBuf,
}

/// What became of injected messages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Injected {
    /// Taken in, and passed on to all neighbours.
    pub taken: u32,
    /// Known before.
    pub known: u32,
    /// Not to be believed, of another network or of no member, or too many; `drops` of the status
    /// counts why.
    pub refused: u32,
    /// Places in the request, from 0, of frames whose author speaks too fast, or that were not
    /// looked at after too many that could not be believed: they may be injected again a second
    /// later.
    #[serde(default)]
    pub later: Vec<u32>,
    /// Places in the request, from 0, of the refused frames.
    #[serde(default)]
    pub refused_at: Vec<u32>,
}

fn frames<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<ByteBuf>, D::Error> {
    codec::bounded::<_, _, { limits::RELAY_FRAMES }>(d)
}
