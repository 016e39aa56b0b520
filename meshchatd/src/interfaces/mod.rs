//! The network interfaces of this machine, and word of their changes.

mod list;
mod watch;

use std::net::IpAddr;

pub use list::list;
pub use watch::Watcher;

/// A network interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Interface {
    /// Its name, such as `eth0`.
    pub name: String,
    /// Its number, which a new interface of the same name does not get.
    pub index: u32,
    /// Switched on, and the cable is in or the radio is connected.
    pub up: bool,
    /// Whether it can send to groups.
    pub multicast: bool,
    /// Whether it leads only to this machine.
    pub loopback: bool,
    /// Its addresses that can be used now, sorted.
    pub addresses: Vec<Subnet>,
}

/// An address of an interface and what it is directly connected to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Subnet {
    /// The address.
    pub ip: IpAddr,
    /// Leading bits that all addresses of the subnet share.
    pub prefix: u8,
}

/// What changed, told after the dust has settled.
#[derive(Debug, Clone)]
pub struct NetworkChange {
    /// All interfaces as they are now.
    pub interfaces: Vec<Interface>,
    /// A link or an address is there that was not: what failed before may work now.
    pub came: bool,
}

/// Most interfaces that are looked at; those with the greatest numbers are left out.
pub const INTERFACES: usize = 256;

impl Subnet {
    /// Whether `ip` is an address of a machine on this subnet.
    #[must_use]
    pub fn has_host(&self, ip: IpAddr) -> bool {
        match (self.ip, ip) {
            (IpAddr::V4(own), IpAddr::V4(ip)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                let host = ip.to_bits() & !mask;
                // The first and the last address mean the subnet itself and all of it, where it
                // has more than two.
                let reserved = self.prefix < 31 && (host == 0 || host == !mask);
                own.to_bits() & mask == ip.to_bits() & mask && !reserved
            }
            (IpAddr::V6(own), IpAddr::V6(ip)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                own.to_bits() & mask == ip.to_bits() & mask
            }
            (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => false,
        }
    }
}

/// Whether `new` has a link or an address that `old` had not.
#[must_use]
pub fn came(old: &[Interface], new: &[Interface]) -> bool {
    new.iter().filter(|interface| interface.up).any(|interface| {
        let before = old.iter().find(|old| old.index == interface.index && old.up);
        before.is_none_or(|before| {
            interface.addresses.iter().any(|address| !before.addresses.contains(address))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(ip: &str, prefix: u8) -> Subnet {
        Subnet { ip: ip.parse().unwrap(), prefix }
    }

    fn interface(index: u32, up: bool, addresses: &[&str]) -> Interface {
        let addresses = addresses.iter().map(|ip| subnet(ip, 24)).collect();
        let name = format!("eth{index}");
        Interface { name, index, up, multicast: true, loopback: false, addresses }
    }

    #[test]
    fn a_subnet_has_hosts_but_not_its_ends() {
        let has = |net: Subnet, ip: &str| net.has_host(ip.parse().unwrap());
        let small = subnet("192.0.2.1", 24);
        assert!(has(small, "192.0.2.77") && has(small, "192.0.2.1"));
        assert!(!has(small, "192.0.2.0") && !has(small, "192.0.2.255"));
        assert!(!has(small, "192.0.3.77") && !has(small, "2001:db8::1"));
        assert!(has(subnet("192.0.2.0", 31), "192.0.2.1"), "a cable between two");
        assert!(!has(subnet("192.0.2.4", 32), "192.0.2.5"));
        assert!(has(subnet("192.0.2.4", 0), "198.51.100.1"));
        let six = subnet("2001:db8::1", 64);
        assert!(has(six, "2001:db8::5") && !has(six, "2001:db8:0:1::5"));
    }

    #[test]
    fn only_what_is_new_has_come() {
        let one = [interface(2, true, &["10.0.0.1"])];
        let more = [interface(2, true, &["10.0.0.1", "10.0.1.1"])];
        let down = [interface(2, false, &["10.0.0.1"])];
        assert!(came(&[], &one) && came(&one, &more) && came(&down, &one));
        assert!(!came(&one, &one) && !came(&more, &one) && !came(&one, &down) && !came(&one, &[]));
        let again = [interface(3, true, &["10.0.0.1"])];
        assert!(came(&one, &again), "another interface of the same kind");
    }
}
