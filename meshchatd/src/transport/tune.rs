//! Every number that QUIC and TCP are given, and why.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use quinn::crypto::rustls::{NoInitialCipherSuite, QuicClientConfig, QuicServerConfig};
use quinn::crypto::{CryptoError, HmacKey};
use quinn::{
    AckFrequencyConfig, ClientConfig, EndpointConfig, IdleTimeout, MtuDiscoveryConfig,
    NoneTokenStore, ServerConfig, TimeSource, TransportConfig, VarInt,
};
use quinn_proto::HashedConnectionIdGenerator;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::TcpStream;

use super::window::FlooredCubic;

/// Bounds on what strangers may cost, and how long dialling may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Inbound handshakes at once; further ones are ignored, and a peer that keeps asking gets in
    /// when one ends.
    pub handshakes: usize,
    /// Inbound handshakes at once from one IPv4 address or one IPv6 network of 64 bits.
    pub per_source: usize,
    /// Time from a peer's proven address to its proven key and open lanes.
    pub handshake: Duration,
    /// Time for a dial.
    pub dial: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            handshakes: 64,
            per_source: 8,
            handshake: Duration::from_secs(3),
            dial: Duration::from_secs(5),
        }
    }
}

/// Settings of the socket as a whole.
///
/// Both keys come from the node's seed, so that a node that was killed and started again can tell
/// its peers at their next packet that it no longer knows their connections.
pub(super) fn endpoint(seed: &[u8; 32]) -> EndpointConfig {
    let reset = blake3::derive_key("meshchat 1 quic stateless reset", seed);
    let cid = blake3::derive_key("meshchat 1 quic connection ids", seed);
    let cid = cid.iter().take(8).fold(0, |n, b| n << 8 | u64::from(*b));
    let mut config = EndpointConfig::new(Arc::new(ResetKey(reset)));
    config.cid_generator(move || Box::new(HashedConnectionIdGenerator::from_key(cid)));
    config
}

pub(super) fn server(
    tls: rustls::ServerConfig,
    limits: &Limits,
) -> Result<ServerConfig, NoInitialCipherSuite> {
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config
        .transport_config(Arc::new(transport()))
        .time_source(Arc::new(RunningClock(Instant::now())))
        .max_incoming(MAX_UNANSWERED.max(2 * limits.handshakes))
        .incoming_buffer_size(4 * 1024)
        .incoming_buffer_size_total(256 * 1024);
    Ok(config)
}

pub(super) fn client(tls: rustls::ClientConfig) -> Result<ClientConfig, NoInitialCipherSuite> {
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport())).token_store(Arc::new(NoneTokenStore));
    Ok(config)
}

/// Settings of a TCP connection. It works without each of them, only worse.
pub(super) fn tcp(stream: &TcpStream) {
    let socket = SockRef::from(stream);
    let probes = TcpKeepalive::new().with_time(TCP_IDLE / 2).with_interval(TCP_IDLE / 6);
    socket.set_tcp_nodelay(true).ok();
    socket.set_tcp_notsent_lowat(TCP_UNSENT).ok();
    socket.set_tcp_user_timeout(Some(TCP_IDLE)).ok();
    socket.set_tcp_keepalive(&probes).ok();
}

fn transport() -> TransportConfig {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(LANES)
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .datagram_receive_buffer_size(None)
        .datagram_send_buffer_size(0)
        .stream_receive_window(STREAM_WINDOW)
        .receive_window(CONNECTION_WINDOW)
        .send_window(SEND_WINDOW)
        .max_idle_timeout(Some(IdleTimeout::from(IDLE_MS)))
        .initial_rtt(Duration::from_millis(100))
        .congestion_controller_factory(Arc::new(FlooredCubic::default()))
        .ack_frequency_config(Some(prompt_acks()))
        .mtu_discovery_config(Some(rare_mtu_probes()));
    config
}

/// A delayed acknowledgement is one more wake-up on both sides of every idle link.
fn prompt_acks() -> AckFrequencyConfig {
    let mut acks = AckFrequencyConfig::default();
    acks.ack_eliciting_threshold(VarInt::from_u32(0));
    acks
}

/// A handful of probes when a link comes up saves a fifth of the packets of a burst; after that
/// they would only wake an idle link.
fn rare_mtu_probes() -> MtuDiscoveryConfig {
    let mut probes = MtuDiscoveryConfig::default();
    probes.interval(Duration::from_secs(3600));
    probes
}

/// Signs the tokens that tell a peer that its connection is unknown.
struct ResetKey([u8; 32]);

impl HmacKey for ResetKey {
    fn sign(&self, data: &[u8], signature_out: &mut [u8]) {
        blake3::Hasher::new_keyed(&self.0).update(data).finalize_xof().fill(signature_out);
    }

    fn signature_len(&self) -> usize {
        32
    }

    fn verify(&self, data: &[u8], signature: &[u8]) -> Result<(), CryptoError> {
        let want = blake3::keyed_hash(&self.0, data);
        // Comparing hashes, not bytes, takes the same time wherever they differ.
        match blake3::Hash::from_slice(signature) {
            Ok(given) if given == want => Ok(()),
            _ => Err(CryptoError),
        }
    }
}

/// Dates Retry tokens by running time: a machine whose clock is set during a handshake is common.
struct RunningClock(Instant);

impl TimeSource for RunningClock {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + self.0.elapsed()
    }
}

/// Streams that a peer may open: one for each lane.
const LANES: VarInt = VarInt::from_u32(2);

/// Unread bytes of one lane: full speed on a LAN, 10 MB/s at a round trip of 50 ms.
const STREAM_WINDOW: VarInt = VarInt::from_u32(512 * 1024);

/// Unread bytes of both lanes; larger than one lane's, so that a stalled one leaves room.
const CONNECTION_WINDOW: VarInt = VarInt::from_u32(768 * 1024);

/// Bytes sent and not acknowledged, both lanes.
const SEND_WINDOW: u64 = 512 * 1024;

/// Heartbeats find a dead link long before; this one ends what nobody watches.
const IDLE_MS: VarInt = VarInt::from_u32(60_000);

/// The same over TCP.
const TCP_IDLE: Duration = Duration::from_secs(60);

/// Bytes that the system takes beyond what is on its way: a heartbeat waits behind them.
const TCP_UNSENT: u32 = 16 * 1024;

/// First packets that wait to be looked at; each is a few kilobytes.
const MAX_UNANSWERED: usize = 256;
