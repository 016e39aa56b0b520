//! Trying whether a node can be reached, as a stranger would.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use quinn::EndpointConfig;
use tokio::time::timeout;

use super::dial::SERVER_NAME;
use super::quic::{proven_key, wire};
use super::runtime::QuietRuntime;
use super::{CloseCode, Endpoint, PeerKey, bind};

impl Endpoint {
    /// Whether the node of this key answers there by QUIC, asked from a socket of its own: a
    /// router that lets in only those whom its host has sent to does not know it.
    pub async fn probe_udp(&self, addr: SocketAddr, key: PeerKey) -> bool {
        let Ok(stranger) = self.stranger(addr) else { return false };
        let Ok(connecting) = stranger.connect(addr, SERVER_NAME) else { return false };
        let Ok(Ok(conn)) = timeout(self.limits.dial, connecting).await else { return false };
        let answered = proven_key(&conn) == Some(key);
        conn.close(wire(CloseCode::Goodbye), b"only a probe");
        timeout(FAREWELL, stranger.wait_idle()).await.ok();
        answered
    }

    /// Whether the node of this key answers there by TCP.
    pub async fn probe_tcp(&self, addr: SocketAddr, key: PeerKey) -> bool {
        self.dial_tcp(addr, Some(key)).await.is_ok()
    }

    /// An endpoint that only dials, from a fresh port.
    fn stranger(&self, addr: SocketAddr) -> io::Result<quinn::Endpoint> {
        let anywhere: SocketAddr = match addr {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = bind::socket(anywhere).map_err(io::Error::other)?;
        let config = EndpointConfig::default();
        let mut endpoint = quinn::Endpoint::new(config, None, socket, Arc::new(QuietRuntime))?;
        endpoint.set_default_client_config(self.client.clone());
        Ok(endpoint)
    }
}

/// How long the other side may take to hear that it was only a probe.
const FAREWELL: Duration = Duration::from_millis(300);
