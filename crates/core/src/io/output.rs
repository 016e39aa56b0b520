use alloc::boxed::Box;
use alloc::vec::Vec;

use core::net::SocketAddr;

use bytes::Bytes;
use meshchat_proto::control::{Error, Event, Reply};
use meshchat_proto::id::{NetworkId, NodeId};
use meshchat_proto::peer::GoodbyeReason;

use super::{LinkId, Note, SavedCursors, SavedNetwork, SavedPerson, SessionId};
use crate::acquaintances::SavedAcquaintances;
use crate::dial::{Dial, SavedContact};
use crate::mail::SavedMail;
use crate::private::SavedRooms;
use crate::restart::Handover;

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
    /// Dial a node; answer with [`Input::LinkUp`](super::Input::LinkUp) or [`Input::DialFailed`](super::Input::DialFailed).
    Dial(Dial),
    /// Try to reach a node from a fresh socket; answer with [`Input::ProbeDone`](super::Input::ProbeDone).
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
        /// Of the [`Input::AskProbes`](super::Input::AskProbes).
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
    /// Keep the cursors on disk.
    SaveCursors(SavedCursors),
    /// Keep the people on disk.
    SavePeople(Vec<SavedPerson>),
    /// Keep the closed network on disk, or that there is none, in both generations when there is
    /// none; then answer a request, with an error if it could not be kept.
    SaveNetwork {
        /// The network.
        network: Option<Box<SavedNetwork>>,
        /// The answer: session, id of the request, and what it is when all went well.
        then: Option<(SessionId, u64, Box<Reply>)>,
    },
    /// The node belongs to another network now: beacons are to be of that, and named peers that
    /// refused it may not do so again.
    NetworkSwitched(NetworkId),
    /// Keep direct messages on disk.
    SaveMail(SavedMail),
    /// Keep what is remembered of others on disk.
    SaveAcquaintances(SavedAcquaintances),
    /// Keep private rooms and their keys on disk, at once.
    SaveRooms(SavedRooms),
    /// Keep the boot counter on disk: others knew a later run of this key.
    SaveBoot(u64),
    /// Keep this for the next run, which is about to start.
    Handover(Box<Handover>),
    /// Tell the log.
    Note(Note),
}
