//! Addresses of directly connected subnets: which they are, and their interfaces by name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nix::ifaddrs::getifaddrs;
use nix::net::if_::{if_indextoname, if_nametoindex};
use nix::sys::socket::SockaddrStorage;

/// Whether `ip` is this machine or on a subnet of one of its interfaces.
///
/// Asks the system each time: interfaces come and go.
#[must_use]
pub fn is_near(ip: IpAddr) -> bool {
    let ip = ip.to_canonical();
    if ip.is_loopback() || matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local()) {
        return true;
    }
    // Without a list of interfaces nobody is a neighbour; named peers still are welcome.
    let Ok(interfaces) = getifaddrs() else { return false };
    interfaces
        .filter_map(|interface| Some((address(interface.address?)?, address(interface.netmask?)?)))
        .any(|(own, mask)| same_subnet(ip, own, mask))
}

/// An address as people write it: a link-local one with the name of its interface, as in
/// `[fe80::1%eth0]:7117`, or with its number once that interface is gone.
#[must_use]
pub fn shown(addr: SocketAddr) -> String {
    match addr {
        SocketAddr::V6(v6) if v6.scope_id() != 0 => match if_indextoname(v6.scope_id()) {
            // For a number that nobody has, nix gives an empty name and no error.
            Ok(name) if !name.is_empty() => {
                let name = name.to_bytes().escape_ascii();
                format!("[{}%{name}]:{}", v6.ip(), v6.port())
            }
            Ok(_) | Err(_) => addr.to_string(),
        },
        SocketAddr::V4(_) | SocketAddr::V6(_) => addr.to_string(),
    }
}

/// The scope id of an interface; `None` if there is no such interface now.
#[must_use]
pub fn scope(interface: &str) -> Option<u32> {
    if_nametoindex(interface).ok()
}

fn address(storage: SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

fn same_subnet(ip: IpAddr, own: IpAddr, mask: IpAddr) -> bool {
    let v4 = |ip: Ipv4Addr, mask: Ipv4Addr| ip.to_bits() & mask.to_bits();
    let v6 = |ip: Ipv6Addr, mask: Ipv6Addr| ip.to_bits() & mask.to_bits();
    match (ip, own, mask) {
        // A point-to-point address has no neighbours in its subnet of one.
        (IpAddr::V4(ip), IpAddr::V4(own), IpAddr::V4(mask)) => v4(ip, mask) == v4(own, mask),
        (IpAddr::V6(ip), IpAddr::V6(own), IpAddr::V6(mask)) => v6(ip, mask) == v6(own, mask),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddrV6;

    use super::*;

    fn same(ip: &str, own: &str, mask: &str) -> bool {
        same_subnet(ip.parse().unwrap(), own.parse().unwrap(), mask.parse().unwrap())
    }

    #[test]
    fn a_subnet_is_an_address_under_its_mask() {
        assert!(same("192.0.2.77", "192.0.2.1", "255.255.255.0"));
        assert!(!same("192.0.3.77", "192.0.2.1", "255.255.255.0"));
        assert!(same("2001:db8::5", "2001:db8::1", "ffff:ffff:ffff:ffff::"));
        assert!(!same("2001:db8:1::5", "2001:db8::1", "ffff:ffff:ffff:ffff::"));
        assert!(!same("192.0.2.77", "2001:db8::1", "ffff::"));
    }

    #[test]
    fn this_machine_is_near_and_the_rest_of_the_world_is_not() {
        assert!(is_near("127.0.0.1".parse().unwrap()));
        assert!(is_near("::ffff:127.0.0.1".parse().unwrap()));
        assert!(!is_near("198.51.100.7".parse().unwrap()));
    }

    #[test]
    fn an_interface_goes_by_its_name() {
        let index = scope("lo").unwrap();
        assert_eq!(scope("no-such-one"), None);
        let local = |scope| SocketAddrV6::new("fe80::1".parse().unwrap(), 7117, 0, scope).into();
        assert_eq!(shown(local(index)), "[fe80::1%lo]:7117");
        assert_eq!(shown(local(99_999)), "[fe80::1%99999]:7117");
        assert_eq!(shown("[2001:db8::1]:1".parse().unwrap()), "[2001:db8::1]:1");
        assert_eq!(shown("192.0.2.1:1".parse().unwrap()), "192.0.2.1:1");
    }
}
