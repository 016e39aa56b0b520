use serde::{Deserialize, Serialize};

use crate::id::{NetworkId, NodeId};
use crate::name::NodeName;
use crate::network::Role;

/// What a client wants to know or change about the network that the node belongs to.
///
/// All but `Show` and `Members` are for operators of the node. Members are named as people name
/// nodes: by name, id, or the beginning of an id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NetworkRequest {
    /// The network and this node's place in it. Replies [`super::Reply::Network`].
    Show {},
    /// Makes a closed network, with this node as its first admin and holder of its root key, and
    /// moves the node into it. Replies [`super::Reply::Network`].
    Create {
        /// What people call it.
        name: String,
    },
    /// Moves the node from its closed network back to the open one. Replies
    /// [`super::Reply::Done`].
    Leave {},
    /// The root key, to write down. Replies [`super::Reply::RootKey`].
    Backup {},
    /// Takes back the root key of this network. Replies [`super::Reply::Done`].
    Restore {
        /// The key, as 64 hexadecimal digits.
        key: String,
    },
    /// Makes a ticket that others join with. Replies [`super::Reply::Ticket`].
    Invite {
        /// How many nodes may use it.
        uses: u32,
        /// Milliseconds of running time until it expires.
        expires_ms: u64,
        /// What they become.
        role: Role,
    },
    /// Tickets of this node that still work. Replies [`super::Reply::Invites`].
    Invites {},
    /// Makes a ticket of this node worthless. Replies [`super::Reply::Done`].
    Revoke {
        /// The short id of the ticket, as [`InviteInfo::id`].
        invite: String,
    },
    /// Joins the network of a ticket. Replies [`super::Reply::Network`] when its inviter has let
    /// the node in.
    Join {
        /// The ticket, one line.
        ticket: String,
    },
    /// Who belongs to the network, and who was removed. Replies [`super::Reply::Members`].
    Members {},
    /// Removes a member for good. Replies [`super::Reply::Done`].
    Remove {
        /// Whom.
        member: String,
    },
    /// Makes a guest a member, or a member an admin. Replies [`super::Reply::Done`].
    Promote {
        /// Whom.
        member: String,
        /// What they become.
        role: Role,
    },
    /// How fast each author may speak, for all nodes of the network. Replies
    /// [`super::Reply::Done`].
    Rate {
        /// Messages at once.
        burst: u32,
        /// Messages a second after that.
        per_second: u32,
    },
}

/// The network of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NetworkInfo {
    /// Which; all zeros is the open network.
    pub id: NetworkId,
    /// What people call it; empty for the open network.
    pub name: String,
    /// What this node is in it; none in the open network, or when it was removed.
    pub role: Option<Role>,
    /// This node holds the root key.
    pub root: bool,
    /// This node was removed from it.
    #[serde(default)]
    pub removed: bool,
    /// Members, this node included; 0 in the open network.
    pub members: u32,
    /// Members that can be reached now, this node included.
    pub reachable: u32,
    /// Messages that an author may send at once, and how many a second after that.
    pub rate: (u32, u32),
}

/// A ticket that was just made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketInfo {
    /// The ticket: one line, good for a QR code, and a secret.
    pub ticket: String,
    /// What lists it.
    pub invite: InviteInfo,
}

/// A ticket that still works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteInfo {
    /// Its short id; not secret.
    pub id: String,
    /// How many nodes may still use it.
    pub uses_left: u32,
    /// Milliseconds of this node's running time until it expires.
    pub expires_ms: u64,
    /// What they become.
    pub role: Role,
}

/// Somebody who belongs to the network, or did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemberInfo {
    /// The node.
    pub node: NodeId,
    /// What it is called; its short id when it was never seen.
    pub name: NodeName,
    /// What it is.
    pub role: Role,
    /// Who let it in: a node, or the root key.
    pub by: NodeId,
    /// What that node is called; none for the root key.
    #[serde(default)]
    pub by_name: Option<NodeName>,
    /// It was removed.
    #[serde(default)]
    pub removed: bool,
    /// It can be reached now.
    #[serde(default)]
    pub reachable: bool,
    /// It is this node.
    #[serde(default)]
    pub me: bool,
}
