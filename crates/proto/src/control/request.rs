use serde::{Deserialize, Serialize};

use super::cursor::CursorRequest;
use super::delivery::DeliveryRequest;
use super::doors::DoorsRequest;
use super::log::LogRequest;
use super::mail::{Dm, DmRequest};
use super::names::NamesRequest;
use super::network::NetworkRequest;
use super::private::PrivateRequest;
use super::relay::RelayRequest;
use crate::id::NodeId;
use crate::message::MessageKind;

/// What a client wants. Names, rooms and texts are as the person typed them; the daemon
/// normalizes or refuses them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Request {
    /// The state of the node. Replies [`super::Reply::Status`].
    Status {},
    /// Every bounded table, its use and its bound. Replies [`super::Reply::Limits`].
    Limits {},
    /// Peers: links, and addresses being dialled. Replies [`super::Reply::Peers`].
    Peers {},
    /// Streams [`super::Event::Peers`] at once and on every change until cancelled.
    WatchPeers {},
    /// Dials an address and keeps dialling it. Replies [`super::Reply::Done`] at once. Admin.
    Connect {
        /// `HOST[:PORT]`.
        address: String,
        /// Forget it when the daemon stops.
        #[serde(default)]
        once: bool,
        /// The key that must answer there.
        #[serde(default)]
        key: Option<NodeId>,
    },
    /// Ends the link to a peer and stops dialling it. Replies [`super::Reply::Done`]. Admin.
    Disconnect {
        /// Its address, name or id.
        peer: String,
    },
    /// All known nodes. Replies [`super::Reply::Nodes`].
    Nodes {},
    /// The shape of the mesh: nodes and the links between them. Replies
    /// [`super::Reply::Graph`].
    Graph {},
    /// People, of one room or all. Replies [`super::Reply::People`].
    Who {
        /// The room; everyone when missing.
        #[serde(default)]
        room: Option<String>,
    },
    /// Known rooms. Replies [`super::Reply::Rooms`].
    Rooms {},
    /// Enters a room. Replies [`super::Reply::Done`].
    Join {
        /// The room.
        room: String,
    },
    /// Leaves a room. Replies [`super::Reply::Done`].
    Leave {
        /// The room.
        room: String,
    },
    /// Says something. Replies [`super::Reply::Sent`] once the node has numbered and signed it.
    Send {
        /// The room; `#lobby` when missing.
        #[serde(default)]
        room: Option<String>,
        /// The words.
        text: String,
        /// What the author does.
        #[serde(default = "text")]
        kind: MessageKind,
    },
    /// About the way of a message.
    Delivery(DeliveryRequest),
    /// Streams messages, and changes of presence if asked, until cancelled or, without
    /// `follow`, until history ends. Replies [`super::Reply::Done`] first.
    Tail {
        /// The room; all rooms that the person is in when missing.
        #[serde(default)]
        room: Option<String>,
        /// Where in history to start.
        #[serde(default)]
        start: Start,
        /// Go on with what comes.
        #[serde(default)]
        follow: bool,
        /// Also changes of people and nodes.
        #[serde(default)]
        presence: bool,
        /// Direct messages to and from the person.
        #[serde(default, skip_serializing_if = "Dm::is_no")]
        dm: Dm,
        /// A durable cursor of the person: the stream begins behind the last line that was
        /// confirmed with it. If there is none of this name, it is made, and `start` says where.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cursor: Option<String>,
    },
    /// Streams the messages of one room that is not private, history and then what comes, for
    /// nobody: unlike with [`Self::Tail`], no person is there who reads along, and what the user
    /// has muted is shown. Only for gateways.
    /// Replies [`super::Reply::Done`] first.
    Read {
        /// The room; `#lobby` when missing.
        #[serde(default)]
        room: Option<String>,
        /// Where in history to start.
        #[serde(default)]
        start: Start,
        /// Also changes of people and nodes.
        #[serde(default)]
        presence: bool,
    },
    /// Direct messages.
    Dm(DmRequest),
    /// Private rooms.
    Private(PrivateRequest),
    /// Changes what the person is called. Replies [`super::Reply::Done`].
    Nick {
        /// The new name.
        name: String,
    },
    /// Says that the person is away, or back. Replies [`super::Reply::Done`].
    Away {
        /// Away or back.
        away: bool,
        /// Why, for others to read.
        #[serde(default)]
        note: String,
    },
    /// Sends one question to a node and waits for its answer. Replies [`super::Reply::Pong`].
    Ping {
        /// Its name or id.
        node: String,
        /// Milliseconds to wait, at most 60,000.
        #[serde(default = "ping_timeout")]
        timeout_ms: u32,
    },
    /// The settings in force and where each comes from. Replies [`super::Reply::Config`].
    Config {},
    /// Reads the configuration again. Replies [`super::Reply::Reloaded`]. Admin.
    Reload {},
    /// Examines the node and its ways to others; takes some seconds. Replies
    /// [`super::Reply::Doctor`].
    Doctor {},
    /// About the log of the daemon.
    Log(LogRequest),
    /// What is said here of other nodes and people.
    Names(NamesRequest),
    /// Makes this session that of a person who comes through a gateway, until it ends. Only for
    /// operators and the users that `gateways` names, before anything else. Replies
    /// [`super::Reply::Done`].
    Become {
        /// What they are called.
        name: String,
        /// The kind of door, which the person's messages carry: a word such as `irc`, `web`.
        #[serde(default)]
        via: String,
        /// A secret that makes sessions of the same name those of one person, and their direct
        /// messages unreadable for whoever takes the name later; up to 64 bytes. Without one the
        /// person lasts as long as this session.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key: Option<String>,
        /// The rooms that they are in to begin with, when they are new; the lobby when missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rooms: Option<Vec<String>>,
    },
    /// Doors for other clients, which gateways hold open beside the daemon.
    Doors(DoorsRequest),
    /// Signed messages on their way to and from nodes that no link leads to.
    Relay(RelayRequest),
    /// About the network that the node belongs to.
    Network(NetworkRequest),
    /// About the durable cursors of the person.
    Cursor(CursorRequest),
    /// Ends a running request of this connection. Replies [`super::Reply::Done`]; the stream
    /// itself gets its `end` before.
    Cancel {
        /// The request to end.
        id: u64,
    },
}

/// Where in history a [`Request::Tail`] starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// With nothing old.
    #[default]
    Now,
    /// With this many of the newest messages.
    Last(u32),
    /// With what this node got in this many milliseconds.
    Since(u64),
    /// Behind this cursor. Numbers go on over restarts of the daemon.
    After(u64),
}

const fn text() -> MessageKind {
    MessageKind::Text
}

const fn ping_timeout() -> u32 {
    5_000
}
