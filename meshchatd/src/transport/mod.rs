//! Authenticated byte streams to other nodes.
//!
//! A [`Channel`] is a peer whose Ed25519 key is proven, and one or two byte streams ("lanes") to
//! it. This module knows addresses, keys and bytes; what the bytes mean is the business of
//! [`crate::link`]. The carrier is QUIC, or TLS over TCP where UDP does not get through, on the same
//! port number and with the same keys; [`SendHalf`], [`RecvHalf`] and [`Conn`] are closed enums
//! inside so that another one is a new variant and not a new interface.

mod accept;
mod bind;
mod close;
mod conn;
mod dial;
mod endpoint;
mod probe;
mod quic;
mod runtime;
mod tcp;
mod tls;
mod tune;
mod window;

use std::net::{IpAddr, SocketAddr};

pub use accept::{Acceptor, Drops};
pub use bind::{BindError, Sockets};
pub use close::{CloseCode, Lost, MAX_CLOSE_TEXT};
pub use conn::{Carrier, Conn, RecvHalf, SendHalf, Stats};
pub use dial::DialError;
pub use endpoint::Endpoint;
pub use tune::Limits;

/// The Ed25519 public key of a peer, which is its name.
pub type PeerKey = [u8; 32];

/// What a byte stream of a channel is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Heartbeats, membership and whatever is urgent; sent before anything of the other lane.
    Control,
    /// Chat and catch-up.
    Bulk,
}

/// The two directions of one lane.
#[derive(Debug)]
pub struct LaneIo {
    /// To the peer.
    pub send: SendHalf,
    /// From the peer.
    pub recv: RecvHalf,
}

/// A peer that proved its key, and the byte streams to it. Dropping all of it closes it.
#[derive(Debug)]
pub struct Channel {
    /// Who is at the other end.
    pub peer: PeerKey,
    /// Where the peer was when the channel opened. IPv4 is never shown as mapped IPv6.
    pub remote: SocketAddr,
    /// Whether this side dialled.
    pub dialled: bool,
    /// The lane for urgent bytes.
    pub control: LaneIo,
    /// The lane for all else; `None` if the carrier has a single stream for both.
    pub bulk: Option<LaneIo>,
    /// The handle on the connection as a whole.
    pub conn: Conn,
}

/// An IPv4 address as itself, also when it was used through an IPv6 socket.
fn plain(addr: SocketAddr) -> SocketAddr {
    match addr.ip().to_canonical() {
        ip @ IpAddr::V4(_) => SocketAddr::new(ip, addr.port()),
        // With its scope, without which a link-local address leads nowhere.
        IpAddr::V6(_) => addr,
    }
}
