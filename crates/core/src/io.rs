use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use core::net::SocketAddr;

use bytes::Bytes;
use meshchat_proto::control::{Error, Event, PartitionChange, Reply, Request};
use meshchat_proto::id::{NetworkId, NodeId};
use meshchat_proto::name::{NodeName, PersonName, RoomName};
use meshchat_proto::peer::GoodbyeReason;

use crate::dial::{Carrier, Dial, DialId, Goal, SavedContact};

/// A link, as the caller numbers it. A number is never used twice.
pub type LinkId = u32;
/// A local client, as the caller numbers it. A number is never used twice.
pub type SessionId = u32;

/// What a node is at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its key.
    pub id: NodeId,
    /// Its network.
    pub network: NetworkId,
    /// What it is called.
    pub name: NodeName,
    /// Its release, for display.
    pub software: String,
    /// How often it has started, this time included; kept on disk by the caller.
    pub boot_count: u64,
    /// Who may link.
    pub admit: Admit,
    /// What is kept of messages.
    pub history: HistoryMode,
    /// Its people, as last saved.
    pub people: Vec<SavedPerson>,
    /// How many links it looks after by itself.
    pub goal: Goal,
    /// The beginning of the number in its beacons on the LAN; 0 when it sends none.
    pub beacon: u64,
    /// The addresses of its interfaces, with the port that it listens on.
    pub addresses: Vec<SocketAddr>,
    /// Nodes that it knew, as last saved.
    pub contacts: Vec<SavedContact>,
}

/// Who may link to a node of the open network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// Peers that are configured or named, and whoever dials in from a directly connected
    /// subnet.
    Neighbours,
    /// Everyone.
    Anyone,
    /// Only peers that are configured or named.
    Configured,
}

impl Admit {
    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neighbours => "neighbours",
            Self::Anyone => "anyone",
            Self::Configured => "configured",
        }
    }
}

/// What is kept of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryMode {
    /// Nothing.
    Off,
    /// The newest, in memory.
    Memory,
}

/// What outlives a restart of one person.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedPerson {
    /// The Unix user.
    pub user: String,
    /// What they are called.
    pub name: PersonName,
    /// Rooms that they are in.
    pub rooms: Vec<RoomName>,
    /// Why they are away; none when they are not.
    pub away: Option<String>,
}

/// Everything that can happen to a node.
#[derive(Debug)]
pub enum Input {
    /// A link stands: the transport knows who is at the other end.
    LinkUp {
        /// The new link.
        link: LinkId,
        /// Who is there.
        peer: NodeId,
        /// We dialled.
        dialled: bool,
        /// An operator or the configuration named this peer.
        named: bool,
        /// The address is on a directly connected subnet.
        near: bool,
        /// Where it is.
        remote: SocketAddr,
        /// The same for display.
        address: String,
        /// What carries it.
        carrier: Carrier,
        /// The [`Output::Dial`] that led to it.
        dial: Option<DialId>,
    },
    /// The other end of a link has moved.
    LinkMoved {
        /// The link.
        link: LinkId,
        /// Where it is now.
        remote: SocketAddr,
        /// The same for display.
        address: String,
    },
    /// An [`Output::Dial`] came to nothing.
    DialFailed {
        /// Which.
        dial: DialId,
    },
    /// The network around the node changed.
    NetworkChanged {
        /// The addresses of its interfaces now, with the port that it listens on.
        addresses: Vec<SocketAddr>,
        /// Something is new, not only gone: what failed before may work now.
        came: bool,
    },
    /// A router gave, or took back, an address that leads here.
    Mapped {
        /// The address.
        address: Option<SocketAddr>,
    },
    /// A beacon of the same network was heard on the LAN.
    Heard {
        /// The beginning of its number.
        beacon: u64,
        /// Where its node listens.
        address: SocketAddr,
    },
    /// A frame came, its length prefix taken off.
    Frame {
        /// Over this link.
        link: LinkId,
        /// The frame.
        frame: Bytes,
    },
    /// The queue of a link changed its level.
    LinkLevel {
        /// The link.
        link: LinkId,
        /// The level.
        level: Level,
    },
    /// A link is gone.
    LinkDown {
        /// The link.
        link: LinkId,
    },
    /// A client came.
    SessionUp {
        /// The new session.
        session: SessionId,
        /// Its Unix user.
        user: String,
    },
    /// A client wants something. Requests about peers and settings are the caller's.
    Request {
        /// The session.
        session: SessionId,
        /// The id of the request.
        id: u64,
        /// What it wants.
        request: Request,
    },
    /// A client has taken all that was sent to it.
    SessionDrained {
        /// The session.
        session: SessionId,
    },
    /// A client is gone.
    SessionDown {
        /// The session.
        session: SessionId,
    },
    /// Ask a few neighbours to try to reach this node. Answers come as [`Output::Probed`].
    AskProbes {
        /// Returned with the answers.
        token: u64,
        /// Where the node listens for TCP; 0 when it does not.
        tcp_port: u16,
    },
    /// An [`Output::Probe`] is done.
    ProbeDone {
        /// The link over which it was asked for.
        link: LinkId,
        /// Its token.
        token: u64,
        /// The node answered over UDP.
        udp: bool,
        /// The node answered over TCP.
        tcp: bool,
    },
    /// Settings that may change while running.
    Reconfigure {
        /// What the node is called.
        name: NodeName,
        /// Who may link; links that stand are kept.
        admit: Admit,
        /// How many links it looks after by itself.
        goal: Goal,
    },
    /// End the link to this peer on an operator's word.
    Disconnect {
        /// The peer.
        peer: NodeId,
    },
    /// Say goodbye to everyone. Nothing else is handled afterwards.
    Shutdown,
}

/// How full the queue of a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// Less than a quarter: all is well again.
    Drained,
    /// More than half: local clients should pause.
    Half,
    /// Something did not fit and was dropped.
    Full,
}

/// Everything that can follow.
#[derive(Debug)]
pub enum Output {
    /// Queue a frame, its length prefix included, on each of these links.
    Send {
        /// The links.
        links: Vec<LinkId>,
        /// The frame.
        frame: Bytes,
        /// It goes ahead of chat.
        urgent: bool,
    },
    /// Send what is queued, then end the link.
    CloseLink {
        /// The link.
        link: LinkId,
        /// Why.
        reason: GoodbyeReason,
        /// The other side said so, not we.
        by_peer: bool,
    },
    /// Answer a request.
    Reply {
        /// The session.
        session: SessionId,
        /// The id of the request.
        id: u64,
        /// The answer.
        result: Result<Reply, Error>,
    },
    /// Give an event to all these streams.
    Event {
        /// Session and request id of each.
        streams: Vec<(SessionId, u64)>,
        /// The event.
        event: Box<Event>,
    },
    /// End a stream.
    End {
        /// The session.
        session: SessionId,
        /// The id of its request.
        id: u64,
    },
    /// Dial a node; answer with [`Input::LinkUp`] or [`Input::DialFailed`].
    Dial(Dial),
    /// Try to reach a node from a fresh socket; answer with [`Input::ProbeDone`].
    Probe {
        /// The link over which it was asked for.
        link: LinkId,
        /// Its token.
        token: u64,
        /// Who must answer.
        node: NodeId,
        /// Where.
        remote: SocketAddr,
        /// The port for TCP at the same address; 0 when it is not to be tried.
        tcp_port: u16,
    },
    /// What a neighbour says of its try to reach this node.
    Probed {
        /// Of the [`Input::AskProbes`].
        token: u64,
        /// The neighbour.
        peer: NodeId,
        /// It is on a directly connected subnet.
        near: bool,
        /// It got an answer over UDP.
        udp: bool,
        /// It got an answer over TCP.
        tcp: bool,
    },
    /// Keep where nodes are on disk.
    SaveContacts(Vec<SavedContact>),
    /// Something about links changed: whoever watches peers wants to know.
    PeersChanged,
    /// Keep the people on disk.
    SavePeople(Vec<SavedPerson>),
    /// Keep the boot counter on disk: others knew a later run of this key.
    SaveBoot(u64),
    /// Tell the log.
    Note(Note),
}

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
    /// Messages are gone.
    Gone {
        /// Who sent them.
        node: NodeId,
        /// How many.
        count: u64,
    },
    /// The loop was late; peers were given the time back.
    Overslept {
        /// Milliseconds.
        late_ms: u64,
    },
}
