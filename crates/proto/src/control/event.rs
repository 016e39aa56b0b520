use serde::{Deserialize, Serialize};

use super::cursor::MissedWhy;
use super::log::LogLine;
use super::mail::{DirectChange, DirectMessage};
use super::names::KeyChange;
use super::relay::Relayed;
use super::reply::{NodeState, PeerInfo, PersonStatus};
use super::shape::PartitionChange;
use crate::id::{MessageId, NodeId};
use crate::message::MessageKind;
use crate::name::{NodeName, PersonName, RoomName, Text, Via};

/// Something that happened, on a stream that a client opened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A message, old or new.
    Message(Message),
    /// A direct message, old or new.
    Direct(DirectMessage),
    /// A direct message of one's own has come further.
    DirectState(DirectChange),
    /// A person came, went, or changed their name.
    Person(PersonChange),
    /// A node became reachable or not.
    Node(NodeChange),
    /// The mesh split or grew together again, as seen from here.
    Partition(PartitionChange),
    /// A name that was known appears with another key.
    Key(KeyChange),
    /// This client was too slow, and history no longer has what it missed.
    Missed(Missed),
    /// Messages that no reachable node holds any more.
    Gone(Gone),
    /// History is shown up to here; what follows is live.
    CaughtUp {
        /// The newest message shown.
        cursor: u64,
    },
    /// Two machines use one key, as after copying a card.
    KeyShared(KeyShared),
    /// A signed message for a gateway to carry on.
    Relayed(Relayed),
    /// A line of the daemon's log.
    Log(LogLine),
    /// All peers, after something changed.
    Peers(Vec<PeerInfo>),
}

/// One chat message as this node holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Its place in this node's order of showing, within this run of the daemon.
    pub cursor: u64,
    /// Its id, the same on all nodes.
    pub id: MessageId,
    /// The room.
    pub room: RoomName,
    /// Who wrote it, as called then.
    pub author: PersonName,
    /// Their node.
    pub node: NodeId,
    /// What their node is called; its short id when it never said.
    pub node_name: NodeName,
    /// The number of their node's run, and the message's number in it.
    pub boot: u64,
    /// Its number within that run.
    pub seq: u64,
    /// What they did.
    pub kind: MessageKind,
    /// The words. Any character may be in it: escape it before showing.
    pub text: Text,
    /// Milliseconds since 1970 by the author's clock, which may be wrong.
    pub wall_ms: u64,
    /// Milliseconds since this node got it.
    pub age_ms: u64,
    /// Shown behind a message of the same sender that was sent later.
    #[serde(default)]
    pub late: bool,
    /// Came through catch-up, here or on its way, not live all the way.
    #[serde(default)]
    pub caught_up: bool,
    /// Sent from this node.
    #[serde(default)]
    pub own: bool,
    /// The kind of door that the author came in by; none for a user of their node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<Via>,
}

/// A change of one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonChange {
    /// Who.
    pub name: PersonName,
    /// Their node.
    pub node: NodeId,
    /// What their node is called.
    pub node_name: NodeName,
    /// What they are now.
    pub state: PersonStatus,
    /// What they were; none when they are new here.
    #[serde(default)]
    pub was: Option<PersonStatus>,
    /// What they said about being away.
    #[serde(default)]
    pub note: String,
}

/// A change of one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeChange {
    /// Which.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// What it is now.
    pub state: NodeState,
}

/// Messages that a client did not get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missed {
    /// How many messages.
    pub messages: u64,
    /// How many changes of presence; ask again for the people.
    pub changes: u64,
    /// The cursor of the last message that it did get.
    pub cursor: u64,
    /// Why; too slow when missing.
    #[serde(default, skip_serializing_if = "MissedWhy::is_slow")]
    pub why: MissedWhy,
}

/// Messages that no reachable node holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// The node that sent them.
    pub node: NodeId,
    /// What it is called.
    pub node_name: NodeName,
    /// How many.
    pub count: u64,
    /// They were sent before this node first caught up in this run.
    pub before_start: bool,
    /// They came, and were refused: their author speaks faster than is allowed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
}

/// A key that two machines use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyShared {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub node_name: NodeName,
    /// It is the node that tells it.
    pub own: bool,
}
