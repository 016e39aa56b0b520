//! The node's side of all its connections.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use socket2::SockRef;
use tokio::net::TcpListener;

use super::accept::Counters;
use super::quic::wire;
use super::runtime::QuietRuntime;
use super::tcp::Tcp;
use super::{BindError, CloseCode, Drops, Limits, PeerKey, Sockets, plain, tls, tune};

/// One UDP socket for all QUIC connections, and a TCP listener beside it. Clones share both.
#[derive(Debug, Clone)]
pub struct Endpoint {
    pub(super) quic: quinn::Endpoint,
    /// How this node dials.
    pub(super) client: quinn::ClientConfig,
    pub(super) tcp: Tcp,
    pub(super) listener: Option<Arc<TcpListener>>,
    pub(super) key: PeerKey,
    pub(super) limits: Limits,
    pub(super) counters: Arc<Counters>,
}

impl Endpoint {
    /// Listens on `listen` with the Ed25519 key of `seed`. Must be called inside a tokio runtime.
    ///
    /// Port 0 takes a free port. TCP gets the same port number; if it cannot be had, the log says
    /// so and peers can link by UDP only. `[::]` means IPv4 as well, and only that where there is no IPv6.
    ///
    /// # Errors
    /// If the address cannot be had; a port in use is an error of its own.
    pub fn bind(listen: SocketAddr, seed: &[u8; 32], limits: Limits) -> Result<Self, BindError> {
        Self::over(Sockets::bind(listen)?, seed, limits)
    }

    /// As [`Endpoint::bind`], over sockets that are open already.
    ///
    /// # Errors
    /// If they cannot be used.
    pub fn over(sockets: Sockets, seed: &[u8; 32], limits: Limits) -> Result<Self, BindError> {
        let identity = tls::Identity::from_seed(seed).map_err(BindError::Tls)?;
        Self::start((sockets.udp, sockets.tcp), identity, seed, limits)
    }

    pub(super) fn start(
        (socket, listener): (UdpSocket, Option<std::net::TcpListener>),
        identity: tls::Identity,
        seed: &[u8; 32],
        limits: Limits,
    ) -> Result<Self, BindError> {
        let no_suite = |e| BindError::Tls(rustls::Error::General(format!("{e}")));
        let tcp = Tcp::new(identity.server.clone(), identity.client.clone());
        let listener = listener.map(TcpListener::from_std).transpose().map_err(BindError::Start)?;
        let server = tune::server(identity.server, &limits).map_err(no_suite)?;
        let client = tune::client(identity.client).map_err(no_suite)?;
        let runtime = Arc::new(QuietRuntime);
        let mut quic = quinn::Endpoint::new(tune::endpoint(seed), Some(server), socket, runtime)
            .map_err(BindError::Start)?;
        quic.set_default_client_config(client.clone());
        let listener = listener.map(Arc::new);
        let (key, counters) = (identity.key, Arc::default());
        Ok(Self { quic, client, tcp, listener, key, limits, counters })
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

    /// Whether peers can link over TCP too.
    #[must_use]
    pub fn listens_on_tcp(&self) -> bool {
        self.listener.is_some()
    }

    /// How many inbound handshakes were dropped so far, by reason.
    #[must_use]
    pub fn drops(&self) -> Drops {
        self.counters.read()
    }

    /// Closes all connections, takes no more, and waits at most `limit` until all QUIC peers were
    /// told; over TCP the system tells them.
    pub async fn shutdown(&self, code: CloseCode, text: &str, limit: Duration) {
        self.tcp.stop();
        if let Some(listener) = &self.listener {
            // Strangers are refused from now on; the port is free once all clones are gone.
            SockRef::from(&**listener).shutdown(std::net::Shutdown::Both).ok();
        }
        self.close(code, text, limit).await;
    }

    /// As [`Endpoint::shutdown`], but strangers may go on knocking: whoever holds the sockets
    /// open for the next run lets that answer them.
    pub async fn close(&self, code: CloseCode, text: &str, limit: Duration) {
        self.tcp.stop();
        self.quic.close(wire(code), text.as_bytes());
        // Past the limit there is nothing left to do: peers find out by silence.
        tokio::time::timeout(limit, self.quic.wait_idle()).await.ok();
    }
}
