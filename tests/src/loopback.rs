//! Addresses of this machine's own network, where tests do not take each other's ports.

use std::net::{Ipv4Addr, SocketAddr, TcpStream};

use socket2::{Domain, Socket, Type};

/// An address of this process: a port that is free there stays free until it is taken on purpose.
pub fn own_address() -> Ipv4Addr {
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    // Below are those that tests name, above is the address of all.
    Ipv4Addr::new(127, 64 + high % 64, middle, low)
}

/// Connects from this address.
pub fn dial_from(source: Ipv4Addr, to: SocketAddr) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from((source, 0)).into()).unwrap();
    socket.connect(&to.into()).unwrap();
    socket.into()
}
