//! The QUIC carrier: one socket for all connections, one bidirectional stream for each lane.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use quinn::{ClosedStream, ReadError, ReadExactError, StoppedError, VarInt, WriteError};
use rustls::pki_types::CertificateDer;

use super::accept::Counters;
use super::runtime::QuietRuntime;
use super::{
    BindError, Channel, CloseCode, Drops, Lane, LaneIo, Limits, Lost, PeerKey, bind, tls, tune,
};

/// The node's side of all its connections. Clones share the socket.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub(super) quic: quinn::Endpoint,
    pub(super) key: PeerKey,
    pub(super) limits: Limits,
    pub(super) counters: Arc<Counters>,
}

impl Endpoint {
    /// Listens on `listen` with the Ed25519 key of `seed`. Must be called inside a tokio runtime.
    ///
    /// Port 0 takes a free port. `[::]` means IPv4 as well, and only that where there is no IPv6.
    ///
    /// # Errors
    /// If the address cannot be had; a port in use is an error of its own.
    pub fn bind(listen: SocketAddr, seed: &[u8; 32], limits: Limits) -> Result<Self, BindError> {
        let socket = bind::socket(listen)?;
        let identity = tls::Identity::from_seed(seed).map_err(BindError::Tls)?;
        Self::start(socket, identity, seed, limits)
    }

    pub(super) fn start(
        socket: UdpSocket,
        identity: tls::Identity,
        seed: &[u8; 32],
        limits: Limits,
    ) -> Result<Self, BindError> {
        let no_suite = |e| BindError::Tls(rustls::Error::General(format!("{e}")));
        let server = tune::server(identity.server, &limits).map_err(no_suite)?;
        let client = tune::client(identity.client).map_err(no_suite)?;
        let runtime = Arc::new(QuietRuntime);
        let mut quic = quinn::Endpoint::new(tune::endpoint(seed), Some(server), socket, runtime)
            .map_err(BindError::Start)?;
        quic.set_default_client_config(client);
        Ok(Self { quic, key: identity.key, limits, counters: Arc::default() })
    }

    /// This node's own key.
    #[must_use]
    pub fn key(&self) -> PeerKey {
        self.key
    }

    /// The address that was bound, with the port that was chosen; `None` if the socket is gone.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        self.quic.local_addr().ok().map(plain)
    }

    /// How many inbound handshakes were dropped so far, by reason.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.counters.read()
    }

    /// Closes all connections, takes no more, and waits at most `limit` until all peers were told.
    pub async fn shutdown(&self, code: CloseCode, text: &str, limit: Duration) {
        self.quic.close(wire(code), text.as_bytes());
        // Past the limit there is nothing left to do: peers find out by silence.
        tokio::time::timeout(limit, self.quic.wait_idle()).await.ok();
    }
}

/// A handle on one connection. Clones share it; the connection closes when the last one, and all
/// halves of its lanes, are dropped.
#[derive(Debug, Clone)]
pub struct Conn(ConnKind);

#[derive(Debug, Clone)]
enum ConnKind {
    Quic(quinn::Connection),
}

/// What a connection carried so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Stats {
    /// Bytes sent, with all overhead of the carrier but IP headers.
    pub sent_bytes: u64,
    /// Bytes received, likewise.
    pub received_bytes: u64,
    /// Packets sent.
    pub sent_packets: u64,
    /// Packets sent that were declared lost and sent again.
    pub lost_packets: u64,
}

impl Conn {
    /// Closes at once; what is queued or on its way may be lost. Of `text`, the peer keeps
    /// [`super::MAX_CLOSE_TEXT`] bytes.
    pub fn close(&self, code: CloseCode, text: &str) {
        match &self.0 {
            ConnKind::Quic(conn) => conn.close(wire(code), text.as_bytes()),
        }
    }

    /// Waits until the connection is lost, and says how.
    pub async fn closed(&self) -> Lost {
        match &self.0 {
            ConnKind::Quic(conn) => conn.closed().await.into(),
        }
    }

    /// The carrier's estimate of the round trip.
    #[must_use]
    pub fn rtt(&self) -> Duration {
        match &self.0 {
            ConnKind::Quic(conn) => conn.rtt(),
        }
    }

    /// Where the peer is now; it may move.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        match &self.0 {
            ConnKind::Quic(conn) => plain(conn.remote_address()),
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
        }
    }
}

/// The outbound direction of a lane.
#[derive(Debug)]
pub struct SendHalf(SendKind);

#[derive(Debug)]
enum SendKind {
    Quic(quinn::SendStream),
}

impl SendHalf {
    /// Hands `bytes` to the carrier without a copy; waits while the peer or the path has no room.
    ///
    /// # Errors
    /// If the connection is lost or the peer reads this lane no more.
    pub async fn write(&mut self, bytes: Bytes) -> Result<(), Lost> {
        match &mut self.0 {
            SendKind::Quic(stream) => stream.write_chunk(bytes).await.map_err(from_write),
        }
    }

    /// Ends the lane and waits until the peer's machine has all of it.
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
        }
    }
}

/// The inbound direction of a lane.
#[derive(Debug)]
pub struct RecvHalf(RecvKind);

#[derive(Debug)]
enum RecvKind {
    Quic(quinn::RecvStream),
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
        }
    }
}

/// Opens both lanes of a connection that was dialled.
pub(super) async fn open_lanes(conn: quinn::Connection, peer: PeerKey) -> Result<Channel, Lost> {
    let control = open_lane(&conn, Lane::Control).await?;
    let bulk = open_lane(&conn, Lane::Bulk).await?;
    Ok(channel(conn, peer, true, control, bulk))
}

/// Takes both lanes of a connection that was accepted, in whichever order they come.
pub(super) async fn accept_lanes(conn: quinn::Connection, peer: PeerKey) -> Result<Channel, Lost> {
    let mut lanes = [accept_lane(&conn).await?, accept_lane(&conn).await?];
    lanes.sort_by_key(|(lane, _)| *lane);
    let [(Lane::Control, control), (Lane::Bulk, bulk)] = lanes else {
        return Err(Lost::Failed("one lane opened twice".into()));
    };
    Ok(channel(conn, peer, false, control, bulk))
}

/// The key that the other side proved in the handshake.
pub(super) fn proven_key(conn: &quinn::Connection) -> Option<PeerKey> {
    let shown = conn.peer_identity()?.downcast::<Vec<CertificateDer<'static>>>().ok()?;
    tls::peer_key(shown.first()?)
}

/// An IPv4 address as itself, also when it was used through an IPv6 socket.
pub(super) fn plain(addr: SocketAddr) -> SocketAddr {
    SocketAddr::new(addr.ip().to_canonical(), addr.port())
}

pub(super) fn wire(code: CloseCode) -> VarInt {
    VarInt::from_u32(code.into())
}

fn channel(
    conn: quinn::Connection,
    peer: PeerKey,
    dialled: bool,
    control: LaneIo,
    bulk: LaneIo,
) -> Channel {
    let remote = plain(conn.remote_address());
    let conn = Conn(ConnKind::Quic(conn));
    Channel { peer, remote, dialled, control, bulk: Some(bulk), conn }
}

async fn open_lane(conn: &quinn::Connection, lane: Lane) -> Result<LaneIo, Lost> {
    let (mut send, recv) = conn.open_bi().await?;
    send.write_all(&[preamble(lane)]).await.map_err(from_write)?;
    Ok(lane_io(lane, send, recv))
}

async fn accept_lane(conn: &quinn::Connection) -> Result<(Lane, LaneIo), Lost> {
    let (send, mut recv) = conn.accept_bi().await?;
    let mut first = [0];
    recv.read_exact(&mut first).await.map_err(|e| match e {
        ReadExactError::ReadError(e) => from_read(e),
        ReadExactError::FinishedEarly(_) => Lost::Failed("a lane ended before it began".into()),
    })?;
    let lane = match first {
        [CONTROL] => Lane::Control,
        [BULK] => Lane::Bulk,
        [other] => return Err(Lost::Failed(format!("unknown lane {other}"))),
    };
    Ok((lane, lane_io(lane, send, recv)))
}

fn lane_io(lane: Lane, send: quinn::SendStream, recv: quinn::RecvStream) -> LaneIo {
    // Fails only for a stream that is already closed, which the first write tells better.
    send.set_priority(i32::from(lane == Lane::Control)).ok();
    LaneIo { send: SendHalf(SendKind::Quic(send)), recv: RecvHalf(RecvKind::Quic(recv)) }
}

fn preamble(lane: Lane) -> u8 {
    match lane {
        Lane::Control => CONTROL,
        Lane::Bulk => BULK,
    }
}

fn from_read(error: ReadError) -> Lost {
    match error {
        ReadError::ConnectionLost(e) => e.into(),
        ReadError::Reset(_) => Lost::Failed("the peer reset a lane".into()),
        ReadError::ClosedStream | ReadError::IllegalOrderedRead | ReadError::ZeroRttRejected => {
            Lost::Failed(error.to_string())
        }
    }
}

fn from_write(error: WriteError) -> Lost {
    match error {
        WriteError::ConnectionLost(e) => e.into(),
        WriteError::Stopped(_) => deaf(),
        WriteError::ClosedStream | WriteError::ZeroRttRejected => Lost::Failed(error.to_string()),
    }
}

fn deaf() -> Lost {
    Lost::Failed("the peer reads a lane no more".into())
}

/// First byte of the stream of each lane.
const CONTROL: u8 = 1;
const BULK: u8 = 2;
