//! Asking the system for its interfaces.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv6Addr};

use nix::ifaddrs::{InterfaceAddress, getifaddrs};
use nix::net::if_::{InterfaceFlags, if_nametoindex};
use nix::sys::socket::SockaddrStorage;

use super::{INTERFACES, Interface, Subnet};

/// All interfaces, sorted by number.
///
/// IPv6 addresses that the system still checks for duplicates are left out: nothing can be sent
/// from them yet.
///
/// # Errors
/// When the system does not tell.
pub fn list() -> io::Result<Vec<Interface>> {
    let unusable = File::open(IPV6_ADDRESSES).map(unusable).unwrap_or_default();
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in getifaddrs()? {
        let interface = match found.get_mut(&entry.interface_name) {
            Some(interface) => interface,
            None => {
                let Some(index) = index(&entry) else { continue };
                let name = entry.interface_name.clone();
                found.entry(name).or_insert_with(|| describe(&entry, index))
            }
        };
        if let Some(subnet) = subnet(&entry)
            && !unusable.contains(&(subnet.ip, interface.index))
            && interface.addresses.len() < ADDRESSES
        {
            interface.addresses.push(subnet);
        }
    }
    let mut interfaces: Vec<_> = found.into_values().collect();
    interfaces.sort_by_key(|interface| interface.index);
    interfaces.truncate(INTERFACES);
    for interface in &mut interfaces {
        interface.addresses.sort_unstable();
        interface.addresses.dedup();
    }
    Ok(interfaces)
}

fn index(entry: &InterfaceAddress) -> Option<u32> {
    let link = entry.address.as_ref().and_then(SockaddrStorage::as_link_addr);
    let told = link.and_then(|link| u32::try_from(link.ifindex()).ok());
    // It may be gone by now.
    told.or_else(|| if_nametoindex(entry.interface_name.as_str()).ok())
}

fn describe(entry: &InterfaceAddress, index: u32) -> Interface {
    let has = |flag| entry.flags.contains(flag);
    Interface {
        name: entry.interface_name.clone(),
        index,
        up: has(InterfaceFlags::IFF_UP) && has(InterfaceFlags::IFF_RUNNING),
        multicast: has(InterfaceFlags::IFF_MULTICAST),
        loopback: has(InterfaceFlags::IFF_LOOPBACK),
        addresses: Vec::new(),
    }
}

fn subnet(entry: &InterfaceAddress) -> Option<Subnet> {
    let mask = entry.netmask.as_ref().and_then(ip);
    let ip = ip(entry.address.as_ref()?)?;
    let prefix = match mask {
        Some(IpAddr::V4(mask)) => mask.to_bits().leading_ones(),
        Some(IpAddr::V6(mask)) => mask.to_bits().leading_ones(),
        // Alone on its subnet.
        None => 128,
    };
    let widest = if ip.is_ipv4() { 32 } else { 128 };
    Some(Subnet { ip, prefix: u8::try_from(prefix.min(widest)).unwrap_or(u8::MAX) })
}

fn ip(storage: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

/// The addresses in `/proc/net/if_inet6` that are being checked, or failed the check.
fn unusable(file: impl io::Read) -> Vec<(IpAddr, u32)> {
    let mut text = String::new();
    // What cannot be read counts as usable; sending from it fails, and is tried again.
    file.take(LARGEST_TABLE).read_to_string(&mut text).ok();
    text.lines().filter_map(unusable_line).collect()
}

/// Address, interface, prefix, scope and flags in hexadecimal, and the interface's name.
fn unusable_line(line: &str) -> Option<(IpAddr, u32)> {
    let mut words = line.split_ascii_whitespace();
    let ip = u128::from_str_radix(words.next()?, 16).ok()?;
    let index = u32::from_str_radix(words.next()?, 16).ok()?;
    let flags = u32::from_str_radix(words.nth(2)?, 16).ok()?;
    let bad = flags & FAILED != 0 || (flags & TENTATIVE != 0 && flags & OPTIMISTIC == 0);
    bad.then(|| (Ipv6Addr::from_bits(ip).into(), index))
}

/// Most addresses of one interface that are looked at.
const ADDRESSES: usize = 32;
/// Seen also where other files of `/proc` are hidden.
const IPV6_ADDRESSES: &str = "/proc/self/net/if_inet6";
const LARGEST_TABLE: u64 = 256 * 1024;
/// `IFA_F_OPTIMISTIC`: may be used while it is checked.
const OPTIMISTIC: u32 = 0x04;
/// `IFA_F_DADFAILED`.
const FAILED: u32 = 0x08;
/// `IFA_F_TENTATIVE`.
const TENTATIVE: u32 = 0x40;

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn the_loopback_is_there() {
        let interfaces = list().unwrap();
        let lo = interfaces.iter().find(|interface| interface.name == "lo").unwrap();
        assert!(lo.loopback && lo.index > 0);
        let home = Subnet { ip: Ipv4Addr::LOCALHOST.into(), prefix: 8 };
        assert!(!lo.up || lo.addresses.contains(&home), "{lo:?}");
    }

    #[test]
    fn addresses_that_are_being_checked_are_known() {
        let table = "fe80000000000000000000000000000a 02 40 20 80     eth0\n\
            fe80000000000000000000000000000b 03 40 20 c0    wlan0\n\
            fe80000000000000000000000000000c 1f 40 20 48    wlan1\n\
            fe80000000000000000000000000000d 04 40 20 44    wlan2\n\
            nonsense\n\n";
        let address = |text: &str| text.parse::<IpAddr>().unwrap();
        let expected = [(address("fe80::b"), 3), (address("fe80::c"), 0x1f)];
        assert_eq!(unusable(table.as_bytes()), expected);
    }
}
