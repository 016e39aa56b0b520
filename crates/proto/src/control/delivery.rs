use serde::{Deserialize, Serialize};

use super::reply::Hop;
use crate::id::{MessageId, NodeId};
use crate::name::{NodeName, PersonName, RoomName};

/// What a client wants to know of a message's way.
///
/// Messages are named by their id or the beginning of it, 6 characters or more. Only those are
/// known that this node holds, or has sent in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryRequest {
    /// Who holds it, who does not, and why. Replies [`super::Reply::Delivery`].
    Show {
        /// The message.
        message: String,
    },
    /// Waits until enough nodes hold it. Replies [`super::Reply::Delivery`], or fails with
    /// [`super::ErrorCode::TimedOut`] and words that name who is missing.
    Await {
        /// The message.
        message: String,
        /// For whom.
        wait: Wait,
        /// Milliseconds to wait, at most an hour.
        timeout_ms: u32,
    },
    /// How it came here: asks the nodes on its way. Replies [`super::Reply::Trail`].
    Trace {
        /// The message.
        message: String,
        /// Milliseconds to wait for each node, at most 10,000.
        #[serde(default = "trace_timeout")]
        timeout_ms: u32,
    },
}

/// Who is to hold a message before it counts as delivered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Wait {
    /// Any node beside this one.
    Neighbour,
    /// All nodes that can be reached when the wait begins.
    Reachable,
    /// This many nodes beside this one.
    Reached(u32),
    /// All nodes that [`DeliveryInfo::known`] counts.
    All,
}

/// Who holds a message, as far as it is known here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryInfo {
    /// The message.
    pub id: MessageId,
    /// Its room.
    pub room: RoomName,
    /// Who wrote it.
    pub author: PersonName,
    /// Their node.
    pub node: NodeId,
    /// What their node is called.
    pub node_name: NodeName,
    /// Milliseconds since this node got it.
    pub age_ms: u64,
    /// Nodes that hold it, this one included.
    pub reached: u32,
    /// Those and the nodes that are to get it: known ones that did not leave, were not lost for
    /// more than seven days, and belong to the network.
    pub known: u32,
    /// Every known node: holders first.
    pub nodes: Vec<HolderInfo>,
}

/// What is known of one node and one message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HolderInfo {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// Whether it holds the message: how that is known, or why it does not.
    pub state: DeliveryState,
    /// It holds the message.
    pub holds: bool,
    /// Milliseconds since that is known, or since the reason holds; none when it is not known.
    pub since_ms: Option<u64>,
    /// The neighbour that the way to it begins with, when that is what it waits for.
    #[serde(default)]
    pub via: Option<NodeName>,
}

/// How it is known that a node holds a message, or why it does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is this node.
    Here,
    /// It wrote the message.
    Wrote,
    /// It told so, in numbers.
    Told,
    /// It told a fingerprint that only who has all messages of this node can have.
    Equal,
    /// It can be reached and has not told yet; or the message is older than what it tells of.
    Waiting,
    /// A link of this node on the way to it is behind or catching up.
    Behind,
    /// No path leads to it.
    Unreachable,
    /// It said goodbye.
    Left,
    /// No path has led to it for more than seven days; it is not waited for.
    Lost,
    /// It does not belong to the network any more.
    NotMember,
    /// Its software is older and does not tell what it holds.
    Silent,
    /// Something newer than this build.
    #[serde(other)]
    Unknown,
}

impl DeliveryState {
    /// Whether a node of this state holds the message.
    pub const fn holds(self) -> bool {
        matches!(self, Self::Here | Self::Wrote | Self::Told | Self::Equal)
    }

    /// Whether a node of this state counts among those that are to get it.
    pub const fn counts(self) -> bool {
        !matches!(self, Self::Left | Self::Lost | Self::NotMember)
    }
}

/// How a message came to this node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailInfo {
    /// The message.
    pub id: MessageId,
    /// Its number within the run of its node.
    pub seq: u64,
    /// It was shown behind a later one of its sender.
    pub late: bool,
    /// The nodes on its way, its origin first, this one last.
    pub hops: Vec<TrailHop>,
    /// Neighbours that brought further copies here, which were dropped.
    pub copies: Vec<TrailCopy>,
    /// Neighbours that this node passed it on to at once.
    pub passed: Vec<Hop>,
    /// The way is known without a gap.
    pub complete: bool,
}

/// One node on the way of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailHop {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// What it told; none when it did not answer or no longer knows.
    pub told: Option<TrailFacts>,
    /// Microseconds from the arrival at the node before to the arrival here, by the running
    /// clocks of both; none where one of them is not known.
    pub after_us: Option<i64>,
    /// How wrong that may be, in microseconds.
    #[serde(default)]
    pub give_us: u64,
}

/// How a message came to one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailFacts {
    /// Microseconds since it came.
    pub age_us: u64,
    /// What carried it: `quic` or `tcp`; empty at its origin.
    pub carrier: String,
    /// It came by catch-up, not live.
    pub caught_up: bool,
    /// How often it was passed on before, since its origin or since a catch-up; 0 at its origin.
    pub hops: u8,
    /// Half the round-trip time of the link that it came over, in microseconds; none when that
    /// link is gone.
    pub link_us: Option<u64>,
    /// Further copies that came and were dropped.
    pub copies: u32,
    /// Links that it was passed on to at once.
    pub passed: u32,
}

/// A further copy of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrailCopy {
    /// The neighbour that brought it.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// Microseconds behind the first.
    pub after_us: u64,
}

const fn trace_timeout() -> u32 {
    1_000
}
