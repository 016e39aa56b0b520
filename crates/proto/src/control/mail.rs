use serde::{Deserialize, Serialize};

use crate::id::{LetterId, MessageId, NodeId};
use crate::message::MessageKind;
use crate::name::{NodeName, PersonName, Text};

/// What a client wants of direct messages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DmRequest {
    /// Says something to one person. Replies [`super::Reply::Direct`] once the node has sealed,
    /// numbered and signed it; never sent in plain.
    Send {
        /// `PERSON`, if only one is known of that name, or `PERSON@NODE`.
        to: String,
        /// The words.
        text: String,
        /// What the author does.
        #[serde(default = "text")]
        kind: MessageKind,
    },
    /// The direct messages that the person has sent, with their states. Replies
    /// [`super::Reply::Directs`].
    List {},
}

/// Whether a [`super::Request::Tail`] has direct messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dm {
    /// None of them: for clients that do not show them.
    #[default]
    No,
    /// Beside the messages of rooms; of one room only there are none.
    Also,
    /// Nothing else.
    Only,
}

impl Dm {
    pub(crate) fn is_no(&self) -> bool {
        *self == Self::No
    }
}

/// How far a direct message has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DirectState {
    /// The node of the recipient has not said that it came.
    Queued,
    /// The node of the recipient has it.
    Delivered,
    /// A program of the recipient was given it.
    Read,
    /// It did not get there within seven days of running time, and is not tried again.
    Expired,
    /// Nobody of that name is there, or the person does not want it.
    Refused,
    /// A state newer than this build.
    #[serde(other)]
    Unknown,
}

impl DirectState {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
        }
    }
}

/// A direct message of this node's outbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectInfo {
    /// The message that it was first sent as; none when that was never numbered.
    pub id: Option<MessageId>,
    /// The same over all its sendings.
    pub letter: LetterId,
    /// To whom.
    pub to: PersonName,
    /// Their node.
    pub to_node: NodeId,
    /// What their node is called.
    pub to_node_name: NodeName,
    /// How far it has come.
    pub state: DirectState,
    /// Milliseconds of running time since it was accepted.
    pub age_ms: u64,
    /// Links that it first went out on; 0 means that nobody else has it yet.
    #[serde(default)]
    pub links: u32,
}

/// A direct message to or from the person, old or new.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectMessage {
    /// Its place in this node's order of showing, within this run of the daemon.
    pub cursor: u64,
    /// The message that carried it.
    pub id: MessageId,
    /// The same over all its sendings: tell repetitions by it.
    pub letter: LetterId,
    /// Who wrote it, as called then.
    pub from: PersonName,
    /// Their node.
    pub from_node: NodeId,
    /// What their node is called.
    pub from_node_name: NodeName,
    /// To whom.
    pub to: PersonName,
    /// Their node.
    pub to_node: NodeId,
    /// What their node is called.
    pub to_node_name: NodeName,
    /// What the author did.
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
    /// Came through catch-up, not live.
    #[serde(default)]
    pub caught_up: bool,
    /// The person who reads wrote it.
    #[serde(default)]
    pub own: bool,
    /// How far it has come, of one's own while the outbox knows it.
    #[serde(default)]
    pub state: Option<DirectState>,
}

/// A direct message of one's own has come further.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DirectChange {
    /// The message that it was first sent as; none when that was never numbered.
    pub id: Option<MessageId>,
    /// The same over all its sendings.
    pub letter: LetterId,
    /// To whom.
    pub to: PersonName,
    /// Their node.
    pub to_node: NodeId,
    /// What their node is called.
    pub to_node_name: NodeName,
    /// How far.
    pub state: DirectState,
}

const fn text() -> MessageKind {
    MessageKind::Text
}
