//! What an examination knows before it judges.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use meshchat_proto::address::Address;
use meshchat_proto::name::NodeName;

use crate::config::Patterns;
use crate::discover;
use crate::interfaces::Interface;
use crate::portmap;
use crate::transport::Carrier;

/// All of it.
#[derive(Debug)]
pub struct Facts {
    /// The machine's interfaces.
    pub interfaces: Vec<Interface>,
    /// Those that discovery may use.
    pub patterns: Patterns,
    /// Whether discovery is on.
    pub discovery: bool,
    /// What it has sent and heard.
    pub beacons: discover::Stats,
    /// Where links are taken over UDP.
    pub listen: Option<SocketAddr>,
    /// They are taken over TCP, too.
    pub tcp: bool,
    /// Where the node may be dialled, as it knows itself.
    pub own: Vec<SocketAddr>,
    /// What the router says.
    pub mapping: portmap::State,
    /// Live links.
    pub links: Vec<LinkFacts>,
    /// Peers that a person named.
    pub named: Vec<NamedFacts>,
    /// Neighbours that have tried to reach this node from a fresh socket.
    pub probes: Vec<ProbeFacts>,
    /// How many were asked.
    pub asked: usize,
    /// Milliseconds since 1970 by this machine's clock.
    pub wall_ms: u64,
    /// How long ago somebody else spoke with this node's key.
    pub doubled: Option<Duration>,
    /// What the disk and the hardware say.
    pub machine: super::Machine,
}

/// One live link.
#[derive(Debug)]
pub struct LinkFacts {
    /// Who is there.
    pub name: NodeName,
    /// On a directly connected subnet.
    pub near: bool,
    /// What carries it.
    pub carrier: Carrier,
    /// Most bytes of one packet on the path, if the carrier knows.
    pub mtu: Option<u16>,
    /// Where the neighbour sees this node.
    pub observed: Option<Address>,
    /// The neighbour's clock less ours, in milliseconds.
    pub clock_offset_ms: i64,
}

/// One peer that a person named.
#[derive(Debug)]
pub struct NamedFacts {
    /// As it was named.
    pub address: String,
    /// It is linked.
    pub linked: bool,
    /// Why the last try failed, or empty.
    pub error: String,
}

/// What a neighbour says of its try to reach this node.
#[derive(Debug)]
pub struct ProbeFacts {
    /// The neighbour.
    pub name: NodeName,
    /// On a directly connected subnet.
    pub near: bool,
    /// It got an answer over UDP.
    pub udp: bool,
    /// It got an answer over TCP.
    pub tcp: bool,
}

/// Where to look on the disk.
#[derive(Debug, Clone)]
pub struct Places {
    /// The state directory.
    pub state_dir: PathBuf,
    /// Where state is kept in its place, until the machine restarts.
    pub spare: Option<PathBuf>,
    /// The control socket.
    pub socket: PathBuf,
    /// The group that may use it.
    pub group: String,
    /// The root of `/sys`.
    pub sys: PathBuf,
}
