//! Where to call: the chosen interfaces, and a socket on each for each family.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use meshchat_proto::beacon::{BEACON_PORT, GROUP_V4, GROUP_V6};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, SockRef, Socket, Type};
use tokio::net::UdpSocket;

use super::stats::Family;
use super::{Discovery, Orders};
use crate::interfaces::Interface;

/// Most interfaces that are called on; those with the greatest numbers are left out.
pub const INTERFACES: usize = 16;

/// One interface and family.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) interface: Interface,
    pub(super) family: Family,
    /// None when it could not be opened, or failed.
    pub(super) socket: Option<UdpSocket>,
}

/// Where to call now, without sockets, and how many interfaces more there would be.
pub(super) fn choose(orders: &Orders, listen: IpAddr) -> (Vec<Place>, usize) {
    if orders.discovery == Discovery::Off {
        return (Vec::new(), 0);
    }
    let usable = orders.interfaces.iter().filter(|interface| {
        interface.up
            && interface.multicast
            && !interface.loopback
            && orders.patterns.allow(&interface.name)
    });
    let mut chosen = Vec::new();
    for interface in usable {
        let families: Vec<_> = [Family::V4, Family::V6]
            .into_iter()
            .filter(|family| serves(interface, *family, listen))
            .collect();
        if !families.is_empty() {
            chosen.push((interface, families));
        }
    }
    let left_out = chosen.len().saturating_sub(INTERFACES);
    let places = chosen.into_iter().take(INTERFACES).flat_map(|(interface, families)| {
        families.into_iter().map(|family| Place {
            interface: interface.clone(),
            family,
            socket: None,
        })
    });
    (places.collect(), left_out)
}

/// Whether who hears a beacon there can link with us at the address that it came from.
fn serves(interface: &Interface, family: Family, listen: IpAddr) -> bool {
    let mut own = interface.addresses.iter().map(|subnet| subnet.ip);
    match (family, listen) {
        // It takes IPv4 too.
        (_, IpAddr::V6(any)) if any.is_unspecified() => own.any(|ip| calls_from(family, ip)),
        (Family::V4, IpAddr::V4(any)) if any.is_unspecified() => {
            own.any(|ip| calls_from(family, ip))
        }
        (_, listen) => calls_from(family, listen) && own.any(|ip| ip == listen),
    }
}

/// Whether a beacon of that family may come from this address of ours.
fn calls_from(family: Family, ip: IpAddr) -> bool {
    match (family, ip) {
        (Family::V4, IpAddr::V4(_)) => true,
        (Family::V6, IpAddr::V6(ip)) => ip.is_unicast_link_local(),
        (Family::V4, IpAddr::V6(_)) | (Family::V6, IpAddr::V4(_)) => false,
    }
}

impl Place {
    pub(super) fn is_at(&self, other: &Self) -> bool {
        self.family == other.family && self.interface == other.interface
    }

    /// Opens the socket if it is not open.
    pub(super) fn open(&mut self) -> io::Result<&UdpSocket> {
        let socket = match self.socket.take() {
            Some(socket) => socket,
            None => UdpSocket::from_std(open(&self.interface, self.family)?.into())?,
        };
        Ok(self.socket.insert(socket))
    }

    /// Sends to the group now or not at all. Past tokio, which would have to wait until it knows
    /// that a new socket takes something.
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let group = group(self.family, self.interface.index);
        SockRef::from(self.open()?).send_to(bytes, &group.into()).map(drop)
    }
}

fn group(family: Family, index: u32) -> SocketAddr {
    match family {
        Family::V4 => (Ipv4Addr::from(GROUP_V4), BEACON_PORT).into(),
        Family::V6 => SocketAddrV6::new(Ipv6Addr::from(GROUP_V6), BEACON_PORT, 0, index).into(),
    }
}

/// Bound to the group, so that nothing else comes in, and to the interface, which any user may
/// since Linux 5.7. The address is shared: several nodes on one machine hear all.
fn open(interface: &Interface, family: Family) -> io::Result<Socket> {
    let group = group(family, interface.index);
    let socket = Socket::new(Domain::for_address(group), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    socket.bind_device(Some(interface.name.as_bytes()))?;
    match family {
        Family::V4 => {
            let index = InterfaceIndexOrAddress::Index(interface.index);
            socket.set_multicast_ttl_v4(1)?;
            socket.set_multicast_loop_v4(true)?;
            socket.join_multicast_v4_n(&GROUP_V4.into(), &index)?;
        }
        Family::V6 => {
            socket.set_only_v6(true)?;
            socket.set_multicast_hops_v6(1)?;
            socket.set_multicast_loop_v6(true)?;
            socket.set_multicast_if_v6(interface.index)?;
            socket.join_multicast_v6(&GROUP_V6.into(), interface.index)?;
        }
    }
    socket.bind(&group.into())?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Patterns;
    use crate::interfaces::Subnet;

    fn interface(name: &str, index: u32, addresses: &[&str]) -> Interface {
        let subnet = |ip: &&str| Subnet { ip: ip.parse().unwrap(), prefix: 24 };
        let addresses = addresses.iter().map(subnet).collect();
        Interface {
            name: name.into(),
            index,
            up: true,
            multicast: true,
            loopback: false,
            addresses,
        }
    }

    fn chosen(interfaces: Vec<Interface>, listen: &str) -> (Vec<(String, Family)>, usize) {
        let patterns = Patterns::default();
        let key = meshchat_proto::beacon::BeaconKey::new(&meshchat_proto::id::NetworkId::OPEN);
        let orders = Orders { discovery: Discovery::Lan, patterns, interfaces, key, hurries: 0 };
        let (places, more) = choose(&orders, listen.parse().unwrap());
        (places.into_iter().map(|place| (place.interface.name, place.family)).collect(), more)
    }

    #[test]
    fn only_interfaces_that_can_be_used_are_chosen() {
        let all = ["10.0.0.1", "fe80::1", "2001:db8::1"];
        let down = Interface { up: false, ..interface("eth1", 3, &all) };
        let deaf = Interface { multicast: false, ..interface("eth2", 4, &all) };
        let lo = Interface { loopback: true, ..interface("lo", 1, &all) };
        let some = vec![
            lo,
            interface("eth0", 2, &all),
            down,
            deaf,
            interface("docker0", 5, &all),
            interface("wlan0", 6, &["fe80::2"]),
            interface("eth3", 7, &["2001:db8::1"]),
            interface("eth4", 8, &[]),
        ];
        let name = |name: &str, family| (name.to_owned(), family);
        let four = name("eth0", Family::V4);
        let both = [four.clone(), name("eth0", Family::V6), name("wlan0", Family::V6)];
        assert_eq!(chosen(some.clone(), "::"), (both.to_vec(), 0));
        assert_eq!(chosen(some.clone(), "0.0.0.0"), (vec![four.clone()], 0));
        assert_eq!(chosen(some.clone(), "10.0.0.1"), (vec![four], 0));
        assert_eq!(chosen(some.clone(), "127.0.0.1").0, []);
        assert_eq!(chosen(some, "2001:db8::1").0, []);
    }

    #[test]
    fn interfaces_are_bounded() {
        let many = (1..=20).map(|index| interface(&format!("eth{index}"), index, &["10.0.0.1"]));
        let (places, more) = chosen(many.collect(), "::");
        assert_eq!((places.len(), more), (INTERFACES, 4));
    }
}
