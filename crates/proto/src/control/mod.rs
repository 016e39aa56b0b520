//! The control protocol: how local tools speak to the daemon.
//!
//! Frames are a `u32` big-endian length and a MessagePack map with named fields. The client
//! opens with [`Hello`], the daemon answers with [`Welcome`] or [`FromDaemon::error`]; then the
//! client sends [`ToDaemon`] frames and gets [`FromDaemon`] frames, each with the id of the
//! request that it belongs to. `docs/control-protocol.md` describes it for other languages.
//!
//! It changes by addition only: unknown fields are ignored, unknown requests get
//! [`ErrorCode::UnknownRequest`], unknown events are to be skipped.

mod cursor;
mod delivery;
mod doors;
mod error;
mod event;
mod finding;
mod log;
mod mail;
mod names;
mod network;
mod private;
mod relay;
mod reply;
mod request;
mod shape;

use serde::{Deserialize, Serialize};

use crate::id::NodeId;
use crate::name::{NodeName, PersonName};

pub use cursor::{CursorInfo, CursorRequest, MissedWhy};
pub use delivery::{
    DeliveryInfo, DeliveryRequest, DeliveryState, HolderInfo, TrailCopy, TrailFacts, TrailHop,
    TrailInfo, Wait,
};
pub use doors::{DoorInfo, DoorsRequest, PairingInfo};
pub use error::{Error, ErrorCode};
pub use event::{Event, Gone, KeyShared, Message, Missed, NodeChange, PersonChange};
pub use finding::{Finding, Grade};
pub use log::{LogGrade, LogLevel, LogLine, LogRequest};
pub use mail::{DirectChange, DirectInfo, DirectMessage, DirectState, Dm, DmRequest};
pub use names::{KeyChange, MuteInfo, NamesRequest, VerifyInfo};
pub use network::{InviteInfo, MemberInfo, NetworkInfo, NetworkRequest, TicketInfo};
pub use private::{PrivateInfo, PrivateRequest, RoomMember};
pub use relay::{Injected, RelayRequest, Relayed};
pub use reply::{
    ConfigEntry, DiskStatus, DropCount, HistoryStatus, Hop, LimitRow, NodeInfo, NodeState,
    PeerInfo, PeerState, PersonInfo, PersonStatus, Pong, ProcessStatus, Reloaded, Reply, RoomInfo,
    Sent, Status,
};
pub use request::{Request, Start};
pub use shape::{Graph, GraphLink, GraphNode, Missing, PartitionChange, PartitionState};

/// Version of the control protocol that this build speaks.
pub const VERSION: u16 = 1;

/// First frame of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Lowest version that the client speaks.
    pub min: u16,
    /// Highest version that the client speaks.
    pub max: u16,
    /// Name and release of the client, for the daemon's log.
    #[serde(default)]
    pub client: String,
}

/// First frame of the daemon.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version that both speak from here on.
    pub version: u16,
    /// The daemon's release.
    pub software: String,
    /// Its node.
    pub node: NodeId,
    /// What its node is called.
    pub name: NodeName,
    /// Who the client is, by its Unix user.
    pub person: PersonName,
    /// Whether the client may administer the node.
    pub admin: bool,
}

/// A frame from a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToDaemon {
    /// Chosen by the client, not in use by another running request of this connection.
    pub id: u64,
    /// What it wants.
    pub request: Request,
}

/// A frame from the daemon: exactly one of its optional fields is there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FromDaemon {
    /// The request that it belongs to; 0 when it belongs to none.
    pub id: u64,
    /// The answer. A request that streams gets it when its stream begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ok: Option<Reply>,
    /// One event of a stream.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<Event>,
    /// The request failed; nothing more comes for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<Error>,
    /// The stream is over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub end: bool,
}

impl FromDaemon {
    const NOTHING: Self = Self { id: 0, ok: None, event: None, error: None, end: false };

    /// The answer to request `id`.
    pub fn ok(id: u64, reply: Reply) -> Self {
        Self { id, ok: Some(reply), ..Self::NOTHING }
    }

    /// An event of the stream of request `id`.
    pub fn event(id: u64, event: Event) -> Self {
        Self { id, event: Some(event), ..Self::NOTHING }
    }

    /// The failure of request `id`.
    pub fn error(id: u64, error: Error) -> Self {
        Self { id, error: Some(error), ..Self::NOTHING }
    }

    /// The end of the stream of request `id`.
    pub fn end(id: u64) -> Self {
        Self { id, end: true, ..Self::NOTHING }
    }
}

/// Appends the bytes of an event frame that come before the event itself.
///
/// An event goes to many clients under different ids: it is encoded once, and each frame is
/// this head followed by the shared bytes. The result equals the encoding of
/// [`FromDaemon::event`].
pub fn event_head(out: &mut Vec<u8>, id: u64) {
    #[derive(Serialize)]
    struct Head {
        id: u64,
    }
    let start = out.len();
    crate::codec::encode_into(out, &Head { id });
    // A map of two instead of one, then the key of the second.
    if let Some(first) = out.get_mut(start) {
        *first = 0x82;
    }
    out.extend_from_slice(b"\xa5event");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    #[test]
    fn shared_event_bytes_equal_the_whole_encoding() {
        for id in [0, 1, 127, 128, 70_000, u64::MAX] {
            let event = Event::CaughtUp { cursor: 9 };
            let mut shared = Vec::new();
            event_head(&mut shared, id);
            shared.extend(codec::encode(&event));
            assert_eq!(shared, codec::encode(&FromDaemon::event(id, event)));
        }
    }

    #[test]
    fn requests_of_other_languages_are_read() {
        // {"id": 1, "request": {"status": {}}}
        let bytes = b"\x82\xa2id\x01\xa7request\x81\xa6status\x80";
        let frame: ToDaemon = codec::decode(bytes).unwrap();
        assert_eq!(frame, ToDaemon { id: 1, request: Request::Status {} });
        assert_eq!(codec::encode(&frame), bytes);
    }
}
