//! What a datagram is worth.

use std::net::{IpAddr, SocketAddr, SocketAddrV6};

use meshchat_proto::beacon::BadBeacon;

use super::Heard;
use super::place::Place;
use super::stats::{Drops, InterfaceStats};
use super::task::Me;

/// The beacon in it, if it is of another node and can be true. Counts what it is; allocates
/// nothing.
pub(super) fn judge(
    me: &Me,
    place: &Place,
    datagram: &[u8],
    from: SocketAddr,
    row: &mut InterfaceStats,
    drops: &mut Drops,
) -> Option<Heard> {
    let beacon = match me.key.open(datagram) {
        Ok(beacon) => beacon,
        Err(BadBeacon::Tag) => {
            drops.tag += 1;
            return None;
        }
        Err(BadBeacon::Length | BadBeacon::Magic | BadBeacon::Port) => {
            drops.malformed += 1;
            return None;
        }
    };
    let ip = from.ip();
    let is_here = place.interface.addresses.iter().any(|own| own.ip == ip);
    if is_here && beacon.nonce == me.beacon.nonce {
        row.heard_own();
        return None;
    }
    row.heard_others += 1;
    // Another node on this machine has another port.
    let is_me = beacon.nonce == me.beacon.nonce || (is_here && beacon.port == me.beacon.port);
    if is_me || !is_neighbour(place, ip) {
        drops.source += 1;
        return None;
    }
    let index = place.interface.index;
    let address = match ip {
        IpAddr::V6(ip) if ip.is_unicast_link_local() => {
            SocketAddrV6::new(ip, beacon.port, 0, index).into()
        }
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => SocketAddr::new(ip, beacon.port),
    };
    Some(Heard { interface: index, nonce: beacon.nonce, address })
}

/// Whether a machine that is directly connected to that interface may have this address.
fn is_neighbour(place: &Place, ip: IpAddr) -> bool {
    let is_one = match ip {
        IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_unspecified() && !ip.is_broadcast(),
        IpAddr::V6(ip) => !ip.is_loopback() && !ip.is_unspecified(),
    };
    let link_local = matches!(ip, IpAddr::V6(ip) if ip.is_unicast_link_local());
    let connected = || place.interface.addresses.iter().any(|own| own.has_host(ip));
    is_one && !ip.is_multicast() && (link_local || connected())
}

#[cfg(test)]
mod tests {
    use meshchat_proto::beacon::{Beacon, BeaconKey};
    use meshchat_proto::id::NetworkId;

    use super::*;
    use crate::discover::stats::Family;
    use crate::interfaces::{Interface, Subnet};

    struct Ear {
        me: Me,
        place: Place,
        row: InterfaceStats,
        drops: Drops,
    }

    impl Ear {
        fn new() -> Self {
            let subnet = |ip: &str, prefix| Subnet { ip: ip.parse().unwrap(), prefix };
            let addresses = vec![subnet("10.0.0.1", 24), subnet("fe80::1", 64)];
            let interface = Interface {
                name: "eth0".into(),
                index: 3,
                up: true,
                multicast: true,
                loopback: false,
                addresses,
            };
            let beacon = Beacon { port: 7117, nonce: [1; 16] };
            let key = BeaconKey::new(&NetworkId::OPEN);
            Self {
                me: Me { key, beacon, listen: IpAddr::from([0, 0, 0, 0]) },
                place: Place { interface, family: Family::V4, socket: None },
                row: InterfaceStats::new("eth0", Family::V4),
                drops: Drops::default(),
            }
        }

        fn hear(&mut self, bytes: &[u8], from: &str) -> Option<SocketAddr> {
            let from = SocketAddr::new(from.parse().unwrap(), 7118);
            let Self { me, place, row, drops } = self;
            judge(me, place, bytes, from, row, drops).map(|heard| heard.address)
        }

        fn beacon(&self, port: u16, nonce: u8) -> Vec<u8> {
            self.me.key.seal(&Beacon { port, nonce: [nonce; 16] }).to_vec()
        }
    }

    #[test]
    fn a_neighbour_is_where_its_beacon_came_from_with_its_port() {
        let mut ear = Ear::new();
        let beacon = ear.beacon(7200, 2);
        let heard = ear.hear(&beacon, "10.0.0.9").unwrap();
        assert_eq!(heard.to_string(), "10.0.0.9:7200");
        assert_eq!(ear.hear(&beacon, "fe80::9").unwrap().to_string(), "[fe80::9%3]:7200");
        assert_eq!(ear.hear(&beacon, "10.0.0.1").unwrap().to_string(), "10.0.0.1:7200");
        assert_eq!((ear.row.heard_others, ear.drops), (3, Drops::default()));
    }

    #[test]
    fn own_beacons_only_prove_that_multicast_works() {
        let mut ear = Ear::new();
        let own = ear.beacon(7117, 1);
        assert_eq!(ear.hear(&own, "10.0.0.1"), None);
        assert_eq!((ear.row.heard_own, ear.drops.source), (1, 0));
        assert_eq!(ear.hear(&own, "10.0.0.9"), None, "played back by another");
        let port = ear.beacon(7117, 2);
        assert_eq!(ear.hear(&port, "10.0.0.1"), None, "to be dialled at ourselves");
        assert_eq!((ear.row.heard_own, ear.drops.source), (1, 2));
    }

    #[test]
    fn nobody_is_where_no_neighbour_can_be() {
        let mut ear = Ear::new();
        let beacon = ear.beacon(7200, 2);
        let bad = ["127.0.0.1", "0.0.0.0", "255.255.255.255", "224.0.0.1", "10.0.0.255"];
        let worse = ["10.0.0.0", "192.0.2.1", "::1", "::", "ff02::1", "2001:db8::1"];
        for from in bad.into_iter().chain(worse) {
            assert_eq!(ear.hear(&beacon, from), None, "{from}");
        }
        assert_eq!(ear.drops.source, 11);
    }

    #[test]
    fn what_is_no_beacon_is_counted_by_reason() {
        let mut ear = Ear::new();
        let mut beacon = ear.beacon(7200, 2);
        assert_eq!(ear.hear(&[], "10.0.0.9"), None);
        assert_eq!(ear.hear(&[7; 39], "10.0.0.9"), None);
        beacon[10] ^= 1;
        assert_eq!(ear.hear(&beacon, "10.0.0.9"), None);
        assert_eq!((ear.drops.malformed, ear.drops.tag), (2, 1));
    }
}
