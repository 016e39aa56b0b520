use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::name::{NodeName, PersonName};

/// What a client says of nodes and people, for this node alone.
///
/// `Alias`, and `Verify` with `yes` or `accept`, are for operators of the node: they hold for all
/// of its people. What is muted or blocked holds for the Unix user who says so. Nodes are named by
/// name, id or the beginning of an id, people as `ann@pi-3`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NamesRequest {
    /// Gives a node a name of one's own, which wins over all others. Replies
    /// [`super::Reply::Done`].
    Alias {
        /// The node.
        node: String,
        /// The name; none takes it away.
        #[serde(default)]
        name: Option<String>,
    },
    /// The number that both ends of a pair of nodes share. Replies [`super::Reply::Verify`], how
    /// it is afterwards.
    Verify {
        /// The other node.
        node: String,
        /// The numbers were compared and are equal: the node is verified.
        #[serde(default)]
        yes: bool,
        /// The name that another key had belongs to this node now.
        #[serde(default)]
        accept: bool,
    },
    /// Does not show the messages of a node or person any more. Replies [`super::Reply::Done`].
    Mute {
        /// Whom.
        who: String,
        /// Takes no direct messages from them either.
        #[serde(default)]
        block: bool,
    },
    /// Ends that. Replies [`super::Reply::Done`].
    Unmute {
        /// Whom.
        who: String,
    },
    /// Nodes and people that the user does not hear. Replies [`super::Reply::Mutes`].
    Mutes {},
}

/// What is known of the identity of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifyInfo {
    /// The node.
    pub node: NodeId,
    /// What it is called here.
    pub name: NodeName,
    /// Six groups of five digits, the same at the other end.
    pub digits: String,
    /// Somebody here has compared them.
    pub verified: bool,
    /// The key that had this name before, when this one is not yet accepted.
    #[serde(default)]
    pub was: Option<NodeId>,
}

/// A node or person that is not heard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MuteInfo {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub node_name: NodeName,
    /// The person; none for all of the node.
    #[serde(default)]
    pub person: Option<PersonName>,
    /// Direct messages are not taken either.
    #[serde(default)]
    pub block: bool,
}

/// A name that was known under another key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyChange {
    /// The node that has the name now.
    pub node: NodeId,
    /// What it is called, with the tag of its key.
    pub name: NodeName,
    /// The node that had it before.
    pub was: NodeId,
    /// That node was verified.
    #[serde(default)]
    pub verified: bool,
}
