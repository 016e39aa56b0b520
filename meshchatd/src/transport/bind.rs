//! Opening the one UDP socket of a node, and the TCP listener of the same number.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use thiserror::Error;

/// Why a node cannot listen.
#[derive(Debug, Error)]
pub enum BindError {
    /// Another program has the port.
    #[error("address {0} is already in use")]
    InUse(SocketAddr),
    /// No interface of this machine has the address.
    #[error("address {0} does not belong to this machine")]
    NotHere(SocketAddr),
    /// Ports below 1024 are for root.
    #[error("not allowed to listen on {0}")]
    NotAllowed(SocketAddr),
    /// The system refused for another reason.
    #[error("cannot listen on {addr}")]
    Io {
        /// Where.
        addr: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The socket was had, but cannot be used.
    #[error("cannot use the socket")]
    Start(#[source] io::Error),
    /// The key cannot be used for TLS.
    #[error("cannot set up TLS")]
    Tls(#[source] rustls::Error),
}

/// The sockets of a node: UDP for QUIC, and TCP of the same number where it could be had.
#[derive(Debug)]
pub struct Sockets {
    pub(super) udp: UdpSocket,
    pub(super) tcp: Option<TcpListener>,
}

impl Sockets {
    /// Opens them. Port 0 takes a port that is free for both; `[::]` takes IPv4 as well, and only
    /// that where there is no IPv6.
    ///
    /// # Errors
    /// If the address cannot be had; a port in use is an error of its own.
    pub fn bind(listen: SocketAddr) -> Result<Self, BindError> {
        let (udp, tcp) = sockets(listen)?;
        Ok(Self { udp, tcp })
    }

    /// Goes on with those of an earlier run. A listener that is none any more, or of another
    /// address, is opened anew.
    #[must_use]
    pub fn take_up(udp: UdpSocket, tcp: Option<TcpListener>) -> Self {
        let at = udp.local_addr().ok();
        let same = |tcp: &TcpListener| {
            tcp.local_addr().ok() == at && SockRef::from(tcp).is_listener().unwrap_or(false)
        };
        let tcp = tcp.filter(same).filter(|tcp| tcp.set_nonblocking(true).is_ok());
        let tcp = tcp.or_else(|| listener(&udp).inspect_err(tell_no_tcp).ok());
        Self { udp, tcp }
    }

    /// The UDP socket, to be kept.
    #[must_use]
    pub fn udp(&self) -> BorrowedFd<'_> {
        self.udp.as_fd()
    }

    /// The TCP listener, to be kept.
    #[must_use]
    pub fn tcp(&self) -> Option<BorrowedFd<'_>> {
        self.tcp.as_ref().map(AsFd::as_fd)
    }
}

fn tell_no_tcp(error: &io::Error) {
    tracing::warn!(
        "cannot listen on TCP: {error}; nodes whose UDP is blocked cannot link to this one"
    );
}

/// Both sockets. With port 0, one is looked for that is free for both; of a port that was asked
/// for, UDP must be had, and TCP is done without if need be.
pub(super) fn sockets(listen: SocketAddr) -> Result<(UdpSocket, Option<TcpListener>), BindError> {
    for _ in 1..PORT_TRIES {
        let udp = socket(listen)?;
        match listener(&udp) {
            Ok(tcp) => return Ok((udp, Some(tcp))),
            Err(_) if listen.port() == 0 => {}
            Err(error) => {
                tracing::warn!(
                    "cannot listen on TCP port {}: {error}; nodes whose UDP is blocked cannot \
                     link to this one",
                    listen.port()
                );
                return Ok((udp, None));
            }
        }
    }
    let udp = socket(listen)?;
    let tcp = listener(&udp);
    if let Err(error) = &tcp {
        tracing::warn!("no port is free for TCP too: {error}; links use UDP only");
    }
    Ok((udp, tcp.ok()))
}

/// Listens on TCP where `udp` is bound.
fn listener(udp: &UdpSocket) -> io::Result<TcpListener> {
    let at = udp.local_addr()?;
    let socket = Socket::new(Domain::for_address(at), Type::STREAM, Some(Protocol::TCP))?;
    if at.is_ipv6() {
        socket.set_only_v6(!at.ip().is_unspecified())?;
    }
    // A restarted daemon gets its port although old connections linger.
    socket.set_reuse_address(true)?;
    socket.bind(&at.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Binds `listen`; `[::]` takes IPv4 as well, and only IPv4 where the machine has no IPv6.
pub(super) fn socket(listen: SocketAddr) -> Result<UdpSocket, BindError> {
    let opened = match open(listen) {
        Err(e) if lacks_ipv6(&e) && listen.is_ipv6() && listen.ip().is_unspecified() => {
            open(SocketAddr::from((Ipv4Addr::UNSPECIFIED, listen.port())))
        }
        other => other,
    };
    opened.map_err(|source| match errno(&source) {
        Some(Errno::EADDRINUSE) => BindError::InUse(listen),
        Some(Errno::EADDRNOTAVAIL) => BindError::NotHere(listen),
        Some(Errno::EACCES | Errno::EPERM) => BindError::NotAllowed(listen),
        Some(_) | None => BindError::Io { addr: listen, source },
    })
}

fn open(listen: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(listen), Type::DGRAM, Some(Protocol::UDP))?;
    if listen.is_ipv6() {
        socket.set_only_v6(!listen.ip().is_unspecified())?;
    }
    // More room lets a burst survive until we are scheduled; the system may give less.
    socket.set_recv_buffer_size(KERNEL_BUFFER).ok();
    socket.set_send_buffer_size(KERNEL_BUFFER).ok();
    socket.bind(&listen.into())?;
    Ok(socket.into())
}

fn lacks_ipv6(error: &io::Error) -> bool {
    matches!(errno(error), Some(Errno::EAFNOSUPPORT | Errno::EADDRNOTAVAIL))
}

fn errno(error: &io::Error) -> Option<Errno> {
    error.raw_os_error().map(Errno::from_raw)
}

/// Bytes that the kernel may hold for us in each direction.
const KERNEL_BUFFER: usize = 1024 * 1024;

/// How many free UDP ports are tried before links do without TCP.
const PORT_TRIES: usize = 8;

/// Connections that the kernel holds until they are taken; more are asked to come again.
const BACKLOG: i32 = 128;

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    #[test]
    fn a_port_in_use_is_named() {
        let first = socket(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let addr = first.local_addr().unwrap();
        assert!(matches!(socket(addr), Err(BindError::InUse(a)) if a == addr));
    }

    #[test]
    fn an_address_of_another_machine_is_named() {
        let addr = SocketAddr::from(([192, 0, 2, 1], 0));
        assert!(matches!(socket(addr), Err(BindError::NotHere(a)) if a == addr));
    }

    #[test]
    fn the_wildcard_takes_ipv4() {
        let all = socket(SocketAddr::from((Ipv6Addr::UNSPECIFIED, 0))).unwrap();
        let port = all.local_addr().unwrap().port();
        let one = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        one.send_to(b"x", (Ipv4Addr::LOCALHOST, port)).unwrap();
        all.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        assert_eq!(all.recv(&mut [0; 4]).unwrap(), 1);
    }

    #[test]
    fn tcp_gets_the_number_of_udp_or_is_done_without() {
        let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let (udp, tcp) = sockets(any).unwrap();
        let at = udp.local_addr().unwrap();
        assert_eq!(tcp.as_ref().unwrap().local_addr().unwrap(), at);
        drop(udp);
        let (_udp, again) = sockets(at).unwrap();
        assert!(again.is_none(), "the first listener still has the port");
    }
}
