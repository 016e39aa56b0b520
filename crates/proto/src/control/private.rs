use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::name::{NodeName, PersonName, RoomName};

/// What a client wants of private rooms. Rooms are named as they are shown, `#~family`; the `#~`
/// may be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivateRequest {
    /// Makes a private room, with the person as its first member and this node as its owner.
    /// Replies [`super::Reply::Private`].
    Create {
        /// What it is called.
        room: String,
    },
    /// Lets somebody in; only at the owner's node. Replies [`super::Reply::Done`].
    Invite {
        /// The room.
        room: String,
        /// `PERSON` or `PERSON@NODE`.
        person: String,
    },
    /// Leaves a room. Replies [`super::Reply::Done`].
    Leave {
        /// The room.
        room: String,
    },
    /// Puts somebody out; only at the owner's node. Replies [`super::Reply::Done`].
    Remove {
        /// The room.
        room: String,
        /// `PERSON` or `PERSON@NODE`.
        person: String,
    },
    /// Who is in it. Replies [`super::Reply::Private`].
    Members {
        /// The room.
        room: String,
    },
}

/// A private room as a member sees it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PrivateInfo {
    /// What it is called on this node.
    pub room: RoomName,
    /// The node that lets people in and puts them out.
    pub owner: NodeId,
    /// What that node is called.
    pub owner_name: NodeName,
    /// How often the key was changed.
    pub epoch: u64,
    /// Who is in it, the longest member first.
    pub members: Vec<RoomMember>,
}

/// A member of a private room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomMember {
    /// Who.
    pub person: PersonName,
    /// Their node.
    pub node: NodeId,
    /// What their node is called.
    pub node_name: NodeName,
    /// It is the person who asks.
    #[serde(default)]
    pub me: bool,
}
