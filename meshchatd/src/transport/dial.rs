//! Outbound connections.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use quinn::ConnectError;
use thiserror::Error;
use tokio::net::{TcpSocket, TcpStream, UdpSocket};
use tokio::time::timeout;

use super::quic::{open_lanes, proven_key, wire};
use super::{Channel, CloseCode, Endpoint, Lost, PeerKey, plain};

/// Why a dial gave no channel.
#[derive(Debug, Error)]
pub enum DialError {
    /// Nobody answered in time.
    #[error("no answer")]
    TimedOut,
    /// The machine is there, but nothing listens at that port, or it wants no more links now.
    #[error("connection refused")]
    Refused,
    /// No way leads there.
    #[error("unreachable")]
    Unreachable(#[source] io::Error),
    /// The address can never be dialled, or not from a socket of this family.
    #[error("address {0} cannot be dialled")]
    BadAddress(SocketAddr),
    /// Another node than the expected one answered.
    #[error("another node answered")]
    WrongKey {
        /// The key that it proved.
        answered: PeerKey,
    },
    /// This very node answered.
    #[error("that is this node itself")]
    OwnKey,
    /// Whoever answered speaks no version of the protocol that this node does.
    #[error("no common protocol version")]
    Incompatible,
    /// The endpoint is shut down.
    #[error("shutting down")]
    Stopping,
    /// The connection failed while it was made.
    #[error("handshake failed")]
    Failed(#[source] Lost),
}

impl Endpoint {
    /// Connects by QUIC to the node at `addr`, and insists on its key if `expect` gives one.
    ///
    /// A second socket sends one byte there, to hear of refusals at once.
    ///
    /// # Errors
    /// Within [`super::Limits::dial`], whatever happens. Dropping the future ends the attempt.
    pub async fn dial(
        &self,
        addr: SocketAddr,
        expect: Option<PeerKey>,
    ) -> Result<Channel, DialError> {
        tokio::select! {
            channel = self.dial_quietly(addr, expect) => channel,
            error = refusal(addr) => Err(error),
        }
    }

    /// The same with the node's own socket alone: a refusal is not heard, and no box on the way
    /// sees a second port of this machine.
    ///
    /// # Errors
    /// As [`Self::dial`].
    pub async fn dial_quietly(
        &self,
        addr: SocketAddr,
        expect: Option<PeerKey>,
    ) -> Result<Channel, DialError> {
        if expect == Some(self.key) {
            return Err(DialError::OwnKey);
        }
        let outcome = timeout(self.limits.dial, self.handshake(addr, expect));
        outcome.await.unwrap_or(Err(DialError::TimedOut))
    }

    /// Connects by TLS over TCP, with the same keys.
    ///
    /// # Errors
    /// As [`Self::dial`].
    pub async fn dial_tcp(
        &self,
        addr: SocketAddr,
        expect: Option<PeerKey>,
    ) -> Result<Channel, DialError> {
        if expect == Some(self.key) {
            return Err(DialError::OwnKey);
        }
        let outcome = timeout(self.limits.dial, self.handshake_tcp(addr, expect));
        outcome.await.unwrap_or(Err(DialError::TimedOut))
    }

    async fn handshake_tcp(
        &self,
        addr: SocketAddr,
        expect: Option<PeerKey>,
    ) -> Result<Channel, DialError> {
        if self.tcp.is_stopped() {
            return Err(DialError::Stopping);
        }
        if addr.port() == 0 || addr.ip().is_unspecified() || addr.ip().is_multicast() {
            return Err(DialError::BadAddress(addr));
        }
        let stream = self.connect(addr).await.map_err(|e| not_connected(addr, e))?;
        let shaken = self.tcp.connect(stream).await.map_err(failed_tcp)?;
        if shaken.peer == self.key {
            return Err(DialError::OwnKey);
        }
        if expect.is_some_and(|key| key != shaken.peer) {
            return Err(DialError::WrongKey { answered: shaken.peer });
        }
        Ok(shaken.channel(true))
    }

    /// From the address that the node listens on, if it is only one.
    async fn connect(&self, addr: SocketAddr) -> io::Result<TcpStream> {
        let socket = if addr.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
        if let Some(own) = self.local_addr().filter(|own| !own.ip().is_unspecified()) {
            socket.bind((own.ip(), 0).into())?;
        }
        socket.connect(plain(addr)).await
    }

    async fn handshake(
        &self,
        addr: SocketAddr,
        expect: Option<PeerKey>,
    ) -> Result<Channel, DialError> {
        let connecting = self.quic.connect(addr, SERVER_NAME).map_err(|e| not_begun(addr, &e))?;
        let conn = connecting.await.map_err(|e| failed(e.into()))?;
        let Some(peer) = proven_key(&conn) else {
            return Err(DialError::Failed(Lost::Failed("no key was proven".into())));
        };
        if peer == self.key {
            conn.close(wire(CloseCode::OwnNode), b"");
            return Err(DialError::OwnKey);
        }
        if expect.is_some_and(|key| key != peer) {
            conn.close(wire(CloseCode::WrongPeer), b"");
            return Err(DialError::WrongKey { answered: peer });
        }
        open_lanes(conn, peer).await.map_err(failed)
    }
}

/// Ends only if the network says that `addr` cannot be reached. Our own socket serves all peers
/// and is not told such things, so another one knocks with a byte that no QUIC node answers.
async fn refusal(addr: SocketAddr) -> DialError {
    match knock(addr).await {
        Err(e) if e.kind() == io::ErrorKind::ConnectionRefused => DialError::Refused,
        Err(e) if is_unreachable(&e) => DialError::Unreachable(e),
        Ok(()) | Err(_) => std::future::pending().await,
    }
}

async fn knock(addr: SocketAddr) -> io::Result<()> {
    let local: SocketAddr = match addr {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let socket = UdpSocket::bind(local).await?;
    socket.connect(addr).await?;
    socket.send(&[0]).await?;
    socket.recv(&mut [0]).await.map(drop)
}

fn is_unreachable(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable)
}

fn not_begun(addr: SocketAddr, error: &ConnectError) -> DialError {
    match error {
        ConnectError::EndpointStopping => DialError::Stopping,
        ConnectError::InvalidRemoteAddress(_) => DialError::BadAddress(addr),
        ConnectError::CidsExhausted
        | ConnectError::InvalidServerName(_)
        | ConnectError::NoDefaultClientConfig
        | ConnectError::UnsupportedVersion => DialError::Failed(Lost::Failed(error.to_string())),
    }
}

fn failed(lost: Lost) -> DialError {
    match lost {
        Lost::Refused => DialError::Refused,
        Lost::Incompatible => DialError::Incompatible,
        Lost::TimedOut => DialError::TimedOut,
        Lost::Here => DialError::Stopping,
        Lost::ByPeer { code: CloseCode::OwnNode, .. } => DialError::OwnKey,
        lost @ (Lost::ByPeer { .. } | Lost::Restarted | Lost::Failed(_)) => DialError::Failed(lost),
    }
}

fn not_connected(addr: SocketAddr, error: io::Error) -> DialError {
    use io::ErrorKind::{ConnectionRefused, ConnectionReset, InvalidInput, TimedOut};
    let kind = error.kind();
    if matches!(kind, ConnectionRefused | ConnectionReset) {
        DialError::Refused
    } else if kind == TimedOut {
        DialError::TimedOut
    } else if kind == InvalidInput {
        DialError::BadAddress(addr)
    } else {
        DialError::Unreachable(error)
    }
}

/// A node that wants no more handshakes closes without a word.
fn failed_tcp(lost: Lost) -> DialError {
    if matches!(lost, Lost::ByPeer { code: CloseCode::Abandoned, .. }) {
        return DialError::Refused;
    }
    failed(lost)
}

/// TLS wants a name; it is neither sent nor checked.
pub(super) const SERVER_NAME: &str = "meshchat";

#[cfg(test)]
mod tests {
    use super::super::{Limits, bind, tls};
    use super::*;

    #[tokio::test]
    async fn another_protocol_version_is_named() {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let mut identity = tls::Identity::from_seed(&[1; 32]).unwrap();
        identity.server.alpn_protocols = vec![b"meshchat/9".to_vec()];
        let sockets = bind::sockets(anywhere).unwrap();
        let theirs = Endpoint::start(sockets, identity, &[1; 32], Limits::default()).unwrap();
        let ours = Endpoint::bind(anywhere, &[2; 32], Limits::default()).unwrap();
        let mut acceptor = theirs.acceptor();
        tokio::select! {
            _ = acceptor.accept() => panic!("linked across versions"),
            outcome = ours.dial(theirs.local_addr().unwrap(), None) => {
                assert!(matches!(outcome, Err(DialError::Incompatible)), "{outcome:?}");
            }
        }
        tokio::select! {
            _ = acceptor.accept() => panic!("linked across versions"),
            outcome = ours.dial_tcp(theirs.local_addr().unwrap(), None) => {
                // The word of TLS may be lost with the connection.
                let expected =
                    matches!(outcome, Err(DialError::Incompatible | DialError::Refused));
                assert!(expected, "{outcome:?}");
            }
        }
    }
}
