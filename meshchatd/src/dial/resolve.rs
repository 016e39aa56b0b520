//! From what people write to addresses that can be dialled.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV6};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use super::Failure;
use crate::config::PeerAddress;
use crate::near;

/// All addresses of a peer, in the order of the system's preference.
///
/// An interface is looked up by name each time, as its number changes when it comes back.
///
/// # Errors
/// If the name has none now, or the interface of a link-local address is not there.
pub(super) async fn resolve(address: &PeerAddress) -> Result<Vec<SocketAddr>, Failure> {
    let PeerAddress { host, port } = address;
    if let Some((ip, interface)) = host.split_once('%') {
        let Ok(ip) = ip.parse::<Ipv6Addr>() else {
            return Err(Failure::Name("a zone belongs to an IPv6 address".into()));
        };
        let Some(scope) = near::scope(interface) else {
            return Err(Failure::NoInterface(interface.into()));
        };
        return Ok(vec![SocketAddrV6::new(ip, *port, 0, scope).into()]);
    }
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, *port).into()]);
    }
    match timeout(RESOLVE, lookup_host((host.as_str(), *port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => Err(Failure::Name(error.to_string())),
        Err(_) => Err(Failure::Name("the name server did not answer".into())),
    }
}

const RESOLVE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    async fn of(text: &str) -> Result<Vec<SocketAddr>, Failure> {
        resolve(&text.parse().unwrap()).await
    }

    #[tokio::test]
    async fn addresses_are_themselves() {
        assert_eq!(of("192.0.2.1:5").await.unwrap(), ["192.0.2.1:5".parse().unwrap()]);
        assert_eq!(of("[2001:db8::1]").await.unwrap(), ["[2001:db8::1]:7117".parse().unwrap()]);
        assert!(!of("localhost:5").await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn a_zone_is_an_interface_that_must_be_there() {
        let [SocketAddr::V6(local)] = of("[fe80::1%lo]:5").await.unwrap()[..] else { panic!() };
        assert_eq!(Some(local.scope_id()), near::scope("lo"));
        let missing = of("[fe80::1%gone0]:5").await.unwrap_err();
        assert!(missing.to_string().contains("gone0") && !missing.is_final(), "{missing}");
    }
}
