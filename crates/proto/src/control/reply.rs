use serde::{Deserialize, Serialize};

use super::cursor::CursorInfo;
use super::delivery::{DeliveryInfo, TrailInfo};
use super::doors::{DoorInfo, PairingInfo};
use super::finding::Finding;
use super::log::LogLevel;
use super::mail::DirectInfo;
use super::names::{MuteInfo, VerifyInfo};
use super::network::{InviteInfo, MemberInfo, NetworkInfo, TicketInfo};
use super::private::PrivateInfo;
use super::relay::Injected;
use super::shape::{Graph, Missing};
use crate::id::{MessageId, NetworkId, NodeId};
use crate::name::{NodeName, PersonName, RoomName};
use crate::network::Role;

/// The answer to a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// It is done, or the stream begins.
    Done {},
    /// To [`super::Request::Status`].
    Status(Box<Status>),
    /// To [`super::Request::Limits`].
    Limits(Vec<LimitRow>),
    /// To [`super::Request::Peers`].
    Peers(Vec<PeerInfo>),
    /// To [`super::Request::Nodes`].
    Nodes(Vec<NodeInfo>),
    /// To [`super::Request::Graph`].
    Graph(Graph),
    /// To [`super::Request::Who`].
    People(Vec<PersonInfo>),
    /// To [`super::Request::Rooms`].
    Rooms(Vec<RoomInfo>),
    /// To [`super::Request::Send`].
    Sent(Sent),
    /// To [`super::DeliveryRequest::Show`] and [`super::DeliveryRequest::Await`].
    Delivery(DeliveryInfo),
    /// To [`super::DeliveryRequest::Trace`].
    Trail(TrailInfo),
    /// To [`super::DmRequest::Send`].
    Direct(DirectInfo),
    /// To [`super::DmRequest::List`], the oldest first.
    Directs(Vec<DirectInfo>),
    /// To [`super::PrivateRequest::Create`] and [`super::PrivateRequest::Members`].
    Private(PrivateInfo),
    /// To [`super::Request::Ping`].
    Pong(Pong),
    /// To [`super::Request::Config`].
    Config(Vec<ConfigEntry>),
    /// To [`super::Request::Reload`].
    Reloaded(Reloaded),
    /// To [`super::Request::Doctor`].
    Doctor(Vec<Finding>),
    /// To all but [`super::LogRequest::Follow`].
    LogLevel(LogLevel),
    /// To [`super::NamesRequest::Verify`].
    Verify(VerifyInfo),
    /// To [`super::NamesRequest::Mutes`].
    Mutes(Vec<MuteInfo>),
    /// To [`super::NetworkRequest::Show`], [`super::NetworkRequest::Create`] and
    /// [`super::NetworkRequest::Join`].
    Network(NetworkInfo),
    /// To [`super::CursorRequest::List`].
    Cursors(Vec<CursorInfo>),
    /// To [`super::NetworkRequest::Invite`].
    Ticket(TicketInfo),
    /// To [`super::NetworkRequest::Invites`].
    Invites(Vec<InviteInfo>),
    /// To [`super::DoorsRequest::List`].
    Doors(Vec<DoorInfo>),
    /// To [`super::DoorsRequest::Pair`].
    Pairing(PairingInfo),
    /// To [`super::RelayRequest::Inject`].
    Injected(Injected),
    /// To [`super::NetworkRequest::Members`].
    Members(Vec<MemberInfo>),
    /// To [`super::NetworkRequest::Backup`]: 64 hexadecimal digits.
    RootKey(String),
}

/// The state of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Status {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// The daemon's release.
    pub software: String,
    /// Its network; all zeros is the open one.
    pub network: NetworkId,
    /// What people call it; none for the open one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_name: Option<String>,
    /// What this node is in its closed network.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<Role>,
    /// Who may link: `neighbours`, `anyone` or `configured`.
    pub admit: String,
    /// Addresses that it listens on.
    pub listen: Vec<String>,
    /// Milliseconds since the daemon started.
    pub uptime_ms: u64,
    /// How often the node has started.
    pub boot: u64,
    /// Live links.
    pub links: u32,
    /// Nodes that can be reached now, this one included.
    pub nodes_reachable: u32,
    /// Nodes known, this one included.
    pub nodes_known: u32,
    /// People online or away anywhere.
    pub people_present: u32,
    /// Local clients.
    pub clients: u32,
    /// What history holds.
    pub history: HistoryStatus,
    /// Messages sent from here, taken from others, and passed on, in this run.
    pub sent: u64,
    /// See `sent`.
    pub received: u64,
    /// Frames passed on to other links.
    pub forwarded: u64,
    /// Messages that came again over another way, as a flood must.
    pub duplicates: u64,
    /// Messages that are gone: nobody reachable holds them.
    pub gone: u64,
    /// Everything that was dropped, by reason; only what is not zero.
    pub drops: Vec<DropCount>,
    /// What an operator should know, one line each.
    pub notes: Vec<String>,
    /// Known nodes that are out of reach; none when nothing is missing.
    #[serde(default)]
    pub missing: Option<Missing>,
    /// What the daemon takes of the machine; none where that cannot be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<ProcessStatus>,
    /// Milliseconds by which the clocks of linked neighbours are ahead of this node's, their
    /// median; none without such neighbours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clock_offset_ms: Option<i64>,
}

/// What the daemon takes of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessStatus {
    /// Bytes of resident memory.
    pub resident_bytes: u64,
    /// Milliseconds of processor time, in this run.
    pub cpu_ms: u64,
    /// Open files and sockets.
    pub open_files: u64,
    /// Open files and sockets that it may have.
    pub most_files: u64,
}

/// What history holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryStatus {
    /// `memory`, `disk` or `off`.
    pub mode: String,
    /// Messages held.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The cursor of the newest message shown; 0 when none.
    pub cursor: u64,
    /// What is on disk, when history is kept there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<DiskStatus>,
}

/// History on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskStatus {
    /// Whether new messages are written now; if not, a note says why.
    pub writing: bool,
    /// Bytes on disk.
    pub bytes: u64,
    /// Bytes that they may take.
    pub most: u64,
    /// The newest message on disk, by its cursor.
    pub upto: u64,
    /// Bytes written in this day of running time.
    pub written_today: u64,
    /// Bytes that may be written in a day.
    pub budget: u64,
    /// Bytes that may be written now; the budget comes back evenly over a day.
    pub budget_left: u64,
    /// Bytes written ever.
    pub written_total: u64,
    /// How often data was made safe in this run.
    pub syncs: u64,
    /// Damaged places that were skipped at the start.
    pub damaged: u64,
}

/// How often something was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropCount {
    /// The reason, stable.
    pub reason: String,
    /// How often in this run.
    pub count: u64,
}

/// One bounded table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitRow {
    /// Its name, stable.
    pub name: String,
    /// What is in it.
    pub used: u64,
    /// What may be in it.
    pub most: u64,
    /// What happens when it is full.
    pub when_full: String,
}

/// A peer: a link, or an address that is dialled.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerInfo {
    /// The address, as configured or as seen.
    pub address: String,
    /// Its node, once it answered.
    pub node: Option<NodeId>,
    /// What its node is called.
    pub name: Option<NodeName>,
    /// What is going on.
    pub state: PeerState,
    /// We dialled it.
    pub dialled: bool,
    /// Where it comes from: `config`, `flag`, `operator`, `once`, `lan`, `mesh` or `inbound`.
    pub source: String,
    /// Milliseconds in this state.
    pub since_ms: u64,
    /// Round-trip time in microseconds.
    pub rtt_us: Option<u64>,
    /// Bytes sent over the link.
    pub sent_bytes: u64,
    /// Bytes got over the link.
    pub received_bytes: u64,
    /// Bytes that wait for the link.
    pub queued_bytes: u64,
    /// Its queue was full; it gets the rest through catch-up.
    pub behind: bool,
    /// Why it is down; empty when it is not.
    #[serde(default)]
    pub error: String,
    /// Milliseconds until the next try.
    pub next_try_ms: Option<u64>,
    /// How often it was tried in vain since it last worked.
    pub tries: u32,
    /// The neighbour over which it is in reach, when it is not linked.
    #[serde(default)]
    pub via: Option<NodeName>,
    /// What carries the link: `quic` or `tcp`; empty without a link.
    #[serde(default)]
    pub carrier: String,
}

/// What is going on with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PeerState {
    /// Linked and alive.
    Linked,
    /// Dialling or greeting.
    Connecting,
    /// Waiting for the next try.
    Waiting,
    /// Not linked, but in reach over others; a direct link is tried from time to time.
    Relayed,
    /// Not tried again until something changes: see the error.
    Refused,
    /// A state newer than this build.
    #[serde(other)]
    Unknown,
}

/// One known node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeInfo {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// Whether it can be reached.
    pub state: NodeState,
    /// Links on the shortest path to it; 0 for this node; none when there is no path.
    pub hops: Option<u32>,
    /// The neighbour that the path begins with.
    pub via: Option<NodeName>,
    /// Milliseconds in this state.
    pub since_ms: u64,
    /// Its release.
    pub software: String,
    /// How many links it has.
    pub links: u32,
    /// How many people it has.
    pub people: u32,
    /// The shortest path to it, this node left out and itself the last; empty when there is
    /// none, or when the answer would grow too long with it.
    #[serde(default)]
    pub path: Vec<Hop>,
    /// What it calls itself, where it is shown under another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_name: Option<NodeName>,
    /// Somebody here has compared its safety number.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// Its name was known under another key, and nobody has accepted this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_key: bool,
}

/// Whether a node can be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeState {
    /// This node itself.
    Here,
    /// A path of links that both ends confirm leads to it.
    Reachable,
    /// No path leads to it.
    Unreachable,
    /// It said goodbye.
    Left,
    /// A state newer than this build.
    #[serde(other)]
    Unknown,
}

/// One known person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonInfo {
    /// Who.
    pub name: PersonName,
    /// Their node.
    pub node: NodeId,
    /// What their node is called.
    pub node_name: NodeName,
    /// Whether they are there.
    pub state: PersonStatus,
    /// Milliseconds in this state.
    pub since_ms: u64,
    /// Rooms that they are in.
    pub rooms: Vec<RoomName>,
    /// What they said about being away.
    #[serde(default)]
    pub note: String,
    /// It is the person who asks.
    #[serde(default)]
    pub me: bool,
    /// They come through a gateway of their node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gateway: bool,
    /// Somebody here has compared the safety number of their node.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub verified: bool,
    /// The person who asks has muted or blocked them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub muted: bool,
}

/// Whether a person is there, as seen from this node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonStatus {
    /// Reads along.
    Online,
    /// Reads along but said not to be there.
    Away,
    /// Their node cannot be reached now.
    Unreachable,
    /// Has nothing open, or their node was shut down.
    Offline,
    /// A state newer than this build.
    #[serde(other)]
    Unknown,
}

/// One known room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomInfo {
    /// The room.
    pub room: RoomName,
    /// The person who asks is in it.
    pub joined: bool,
    /// People in it, on all known nodes.
    pub people: u32,
    /// How many of them are online or away.
    pub present: u32,
    /// Messages of it in history.
    pub messages: u64,
    /// Only its members know of it and can read it.
    #[serde(default)]
    pub private: bool,
}

/// A message that the node accepted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sent {
    /// Its id.
    pub id: MessageId,
    /// The room that it went to.
    pub room: RoomName,
    /// Its number within this run of the node.
    pub seq: u64,
    /// Its place in this node's order of showing.
    pub cursor: u64,
    /// Where it is kept: `memory`, or `nowhere` when history is off.
    pub kept: String,
    /// Links that it went out on; 0 means that nobody else has it yet.
    pub links: u32,
}

/// The answer of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pong {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// Microseconds there and back.
    pub rtt_us: u64,
    /// The way there, this node not included.
    pub path: Vec<Hop>,
}

/// One node on a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hop {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
}

/// One setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConfigEntry {
    /// The key, as in the file.
    pub key: String,
    /// The value, as in the file.
    pub value: String,
    /// Where it comes from: `default`, `FILE:LINE`, `MESHCHAT_NAME` or `--flag`.
    pub origin: String,
}

/// What a reload changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reloaded {
    /// Settings that changed and are in force, as `key: old -> new`.
    pub applied: Vec<String>,
    /// Settings that changed and wait for a restart.
    pub needs_restart: Vec<String>,
}
