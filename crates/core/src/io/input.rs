use alloc::string::String;
use alloc::vec::Vec;

use core::net::SocketAddr;

use bytes::Bytes;
use meshchat_proto::control::Request;
use meshchat_proto::id::NodeId;
use meshchat_proto::name::NodeName;

use super::{Admit, LinkId, SessionId};
use crate::dial::{Carrier, DialId, Goal};
use crate::rates::Rate;

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
        /// The [`Output::Dial`](super::Output::Dial) that led to it.
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
    /// An [`Output::Dial`](super::Output::Dial) came to nothing.
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
    /// A link is gone: the other end knows nothing of it, as it was started anew.
    LinkReset {
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
    /// Ask a few neighbours to try to reach this node. Answers come as [`Output::Probed`](super::Output::Probed).
    AskProbes {
        /// Returned with the answers.
        token: u64,
        /// Where the node listens for TCP; 0 when it does not.
        tcp_port: u16,
    },
    /// An [`Output::Probe`](super::Output::Probe) is done.
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
        /// How fast one author may speak; none when nobody is held back.
        rate: Option<Rate>,
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
    /// End, to start again at once: neighbours are asked to wait, and what the next run is to know
    /// comes as [`Output::Handover`](super::Output::Handover). Nothing else is handled afterwards.
    Restart,
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
