use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use meshchat_proto::address::Address;
use meshchat_proto::id::NodeId;

/// How many links a node looks after by itself, beside those that were named to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Goal {
    /// With fewer it looks for more; 0 when it never does.
    pub least: usize,
    /// With more it gives up those that others make up for.
    pub most: usize,
}

/// What carries a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Carrier {
    /// TCP and TLS, where UDP does not get through.
    Tcp,
    /// QUIC over UDP.
    Quic,
}

/// Where a node was last known to be.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedContact {
    /// The node.
    pub node: NodeId,
    /// Its addresses, those that worked first.
    pub addresses: Vec<Address>,
}

/// A dial, as the node numbers it. A number is never used twice.
pub type DialId = u32;

/// A node to be dialled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// Returned with what came of it.
    pub id: DialId,
    /// Who must answer; anyone when not known.
    pub node: Option<NodeId>,
    /// Where, the likeliest first; never empty, and no two alike.
    pub addresses: Vec<SocketAddr>,
    /// How.
    pub way: Way,
    /// Begin so much later.
    pub after: Duration,
}

/// How a node is dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One address after the other, with TCP at last.
    Plain,
    /// All addresses at once and again and again for some seconds, as the other side does: the
    /// address translation of each is to let the other in. Nothing else may be sent to them.
    Punch,
    /// By QUIC alone, to replace a link over TCP.
    Upgrade,
}
