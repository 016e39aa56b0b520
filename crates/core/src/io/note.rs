use meshchat_proto::control::PartitionChange;
use meshchat_proto::id::NodeId;
use meshchat_proto::name::NodeName;
use meshchat_proto::peer::GoodbyeReason;

use super::LinkId;

/// What an operator may want to read in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// A link is in use.
    LinkLive {
        /// The link.
        link: LinkId,
        /// Who is there.
        peer: NodeId,
        /// What it is called.
        name: NodeName,
        /// Their clock and ours, in milliseconds; far apart when one is wrong.
        clock_offset_ms: i64,
    },
    /// A link ended.
    LinkLost {
        /// The link.
        link: LinkId,
        /// Who was there.
        peer: NodeId,
        /// Why; none when the transport lost it, which the caller knows better.
        reason: Option<GoodbyeReason>,
    },
    /// A peer sent something that no honest node sends.
    BadPeer {
        /// The link.
        link: LinkId,
        /// Who is there.
        peer: NodeId,
        /// What.
        what: &'static str,
    },
    /// A node can be reached, or not any more.
    NodeChanged {
        /// The node.
        node: NodeId,
        /// What it is called.
        name: NodeName,
        /// What it is now: `reachable`, `unreachable` or `left`.
        state: &'static str,
    },
    /// The mesh split or grew together again.
    Partition(PartitionChange),
    /// This node was removed from its closed network.
    Removed,
    /// Messages are gone.
    Gone {
        /// Who sent them.
        node: NodeId,
        /// How many.
        count: u64,
    },
    /// Messages were refused: their author speaks faster than is allowed.
    Refused {
        /// Who sent them.
        node: NodeId,
        /// How many.
        count: u64,
    },
    /// Two machines use one key.
    KeyShared {
        /// The node.
        node: NodeId,
        /// What it is called.
        name: NodeName,
        /// It is this node's own key.
        own: bool,
    },
    /// The loop was late; peers were given the time back.
    Overslept {
        /// Milliseconds.
        late_ms: u64,
    },
}
