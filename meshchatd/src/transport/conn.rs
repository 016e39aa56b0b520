//! What all carriers have in common: a connection and the two directions of its lanes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{ClosedStream, StoppedError};

use super::quic::{deaf, from_read, from_write, wire};
use super::tcp::{Socket, TcpRecv, TcpSend};
use super::{CloseCode, Lost, plain};

/// What carries a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// QUIC over UDP, one stream for each lane.
    Quic,
    /// TLS 1.3 over TCP, one stream for both lanes.
    Tcp,
}

impl Carrier {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Quic => "quic",
            Self::Tcp => "tcp",
        }
    }
}

/// A handle on one connection. Clones share it; the connection closes when the last one, and all
/// halves of its lanes, are dropped.
#[derive(Debug, Clone)]
pub struct Conn(ConnKind);

#[derive(Debug, Clone)]
enum ConnKind {
    Quic(quinn::Connection),
    Tcp(Arc<Socket>),
}

/// What a connection carried so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Bytes sent, with all overhead of the carrier but TCP and IP headers.
    pub sent_bytes: u64,
    /// Bytes received, likewise.
    pub received_bytes: u64,
    /// Packets sent; 0 where the carrier does not tell.
    pub sent_packets: u64,
    /// Packets sent that were declared lost and sent again; 0 where the carrier does not tell.
    pub lost_packets: u64,
}

impl Conn {
    /// What carries it.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        match &self.0 {
            ConnKind::Quic(_) => Carrier::Quic,
            ConnKind::Tcp(_) => Carrier::Tcp,
        }
    }

    /// Closes at once; what is queued or on its way may be lost. Of `text`, the peer keeps
    /// [`super::MAX_CLOSE_TEXT`] bytes; over TCP it learns only that the connection is closed.
    pub fn close(&self, code: CloseCode, text: &str) {
        match &self.0 {
            ConnKind::Quic(conn) => conn.close(wire(code), text.as_bytes()),
            ConnKind::Tcp(socket) => socket.close(),
        }
    }

    /// Waits until the connection is lost, and says how. Over TCP only reads and writes notice it.
    pub async fn closed(&self) -> Lost {
        match &self.0 {
            ConnKind::Quic(conn) => conn.closed().await.into(),
            ConnKind::Tcp(socket) => socket.closed().await,
        }
    }

    /// The carrier's estimate of the round trip, if it has one.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        match &self.0 {
            ConnKind::Quic(conn) => Some(conn.rtt()),
            ConnKind::Tcp(_) => None,
        }
    }

    /// Most bytes of one packet on the path, if the carrier knows.
    #[must_use]
    pub fn mtu(&self) -> Option<u16> {
        match &self.0 {
            ConnKind::Quic(conn) => Some(conn.stats().path.current_mtu),
            ConnKind::Tcp(_) => None,
        }
    }

    /// Where the peer is now; it may move.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        match &self.0 {
            ConnKind::Quic(conn) => plain(conn.remote_address()),
            ConnKind::Tcp(socket) => socket.remote(),
        }
    }

    /// What was carried so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        match &self.0 {
            ConnKind::Quic(conn) => {
                let stats = conn.stats();
                Stats {
                    sent_bytes: stats.udp_tx.bytes,
                    received_bytes: stats.udp_rx.bytes,
                    sent_packets: stats.path.sent_packets,
                    lost_packets: stats.path.lost_packets,
                }
            }
            ConnKind::Tcp(socket) => socket.stats(),
        }
    }
}

impl From<quinn::Connection> for Conn {
    fn from(conn: quinn::Connection) -> Self {
        Self(ConnKind::Quic(conn))
    }
}

impl From<Arc<Socket>> for Conn {
    fn from(socket: Arc<Socket>) -> Self {
        Self(ConnKind::Tcp(socket))
    }
}

/// The outbound direction of a lane.
#[derive(Debug)]
pub struct SendHalf(SendKind);

#[derive(Debug)]
enum SendKind {
    Quic(quinn::SendStream),
    Tcp(TcpSend),
}

impl SendHalf {
    /// Hands `bytes` to the carrier; waits while the peer or the path has no room.
    ///
    /// # Errors
    /// If the connection is lost or the peer reads this lane no more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Lost> {
        match &mut self.0 {
            SendKind::Quic(stream) => stream.write_chunk(bytes).await.map_err(from_write),
            SendKind::Tcp(stream) => stream.write(&bytes).await,
        }
    }

    /// Ends the lane and waits until the peer's machine has all of it; over TCP, until the peer
    /// has ended its own direction too.
    ///
    /// # Errors
    /// If the connection is lost before.
    pub async fn finish(&mut self) -> Result<(), Lost> {
        match &mut self.0 {
            SendKind::Quic(stream) => {
                stream.finish().map_err(|ClosedStream { .. }| Lost::Here)?;
                match stream.stopped().await {
                    Ok(None) => Ok(()),
                    Ok(Some(_)) => Err(deaf()),
                    Err(StoppedError::ConnectionLost(e)) => Err(e.into()),
                    Err(e @ StoppedError::ZeroRttRejected) => Err(Lost::Failed(e.to_string())),
                }
            }
            SendKind::Tcp(stream) => stream.finish().await,
        }
    }
}

impl From<quinn::SendStream> for SendHalf {
    fn from(stream: quinn::SendStream) -> Self {
        Self(SendKind::Quic(stream))
    }
}

impl From<TcpSend> for SendHalf {
    fn from(stream: TcpSend) -> Self {
        Self(SendKind::Tcp(stream))
    }
}

/// The inbound direction of a lane.
#[derive(Debug)]
pub struct RecvHalf(RecvKind);

#[derive(Debug)]
enum RecvKind {
    Quic(quinn::RecvStream),
    Tcp(TcpRecv),
}

impl RecvHalf {
    /// Fills `bufs` from the front with the next bytes, in order, as they came, and says how many
    /// were filled: at least one, or `None` when the peer has ended the lane. The pieces may be
    /// views of larger buffers (up to 64 KiB): copy what is to be kept. Cancel safe.
    ///
    /// # Errors
    /// If the connection is lost; bytes that came before are still yielded first.
    pub async fn read(&mut self, bufs: &mut [Bytes]) -> Result<Option<usize>, Lost> {
        match &mut self.0 {
            RecvKind::Quic(stream) => stream.read_chunks(bufs).await.map_err(from_read),
            RecvKind::Tcp(stream) => stream.read(bufs).await,
        }
    }
}

impl From<quinn::RecvStream> for RecvHalf {
    fn from(stream: quinn::RecvStream) -> Self {
        Self(RecvKind::Quic(stream))
    }
}

impl From<TcpRecv> for RecvHalf {
    fn from(stream: TcpRecv) -> Self {
        Self(RecvKind::Tcp(stream))
    }
}
