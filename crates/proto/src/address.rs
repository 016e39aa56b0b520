//! Where a node may be dialled, as it is told over the wire.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use serde::de::Visitor;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An IP address and a port that anyone may be told of and dial: never loopback, multicast,
/// unspecified, broadcast or link-local, never port 0. On the wire 6 or 18 bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(SocketAddr);

impl Address {
    /// The address, if it is one to be told; an IPv4 address that is written as IPv6 becomes
    /// itself again.
    #[must_use]
    pub fn new(address: SocketAddr) -> Option<Self> {
        let (ip, port) = (address.ip().to_canonical(), address.port());
        (port != 0 && is_dialable(ip)).then(|| Self(SocketAddr::new(ip, port)))
    }

    /// The address to dial.
    #[must_use]
    pub const fn socket(self) -> SocketAddr {
        self.0
    }

    /// Whether it means the same machine everywhere, and not another one in each home network.
    #[must_use]
    pub fn is_global(self) -> bool {
        match self.0.ip() {
            IpAddr::V4(ip) => {
                let shared = ip.octets()[0] == 100 && ip.octets()[1] & 0xc0 == 64;
                !ip.is_private() && !shared
            }
            IpAddr::V6(ip) => !ip.is_unique_local(),
        }
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (ip, port): (IpAddr, _) = if let Ok(bytes) = <[u8; 6]>::try_from(bytes) {
            let [a, b, c, d, high, low] = bytes;
            (Ipv4Addr::new(a, b, c, d).into(), [high, low])
        } else {
            let bytes = <[u8; 18]>::try_from(bytes).ok()?;
            let (ip, port) = bytes.split_first_chunk::<16>()?;
            (Ipv6Addr::from(*ip).into(), port.try_into().ok()?)
        };
        Self::new(SocketAddr::new(ip, u16::from_be_bytes(port)))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Address {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = Vec::with_capacity(18);
        match self.0.ip() {
            IpAddr::V4(ip) => bytes.extend(ip.octets()),
            IpAddr::V6(ip) => bytes.extend(ip.octets()),
        }
        bytes.extend(self.0.port().to_be_bytes());
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_bytes(FromBytes)
    }
}

struct FromBytes;

impl Visitor<'_> for FromBytes {
    type Value = Address;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("6 or 18 bytes of an address to dial")
    }

    fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Address, E> {
        Address::from_bytes(bytes).ok_or(E::custom("not an address to dial"))
    }
}

fn is_dialable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => {
            let first = ip.octets()[0];
            let reserved = first == 0 || first >= 240;
            !(reserved || ip.is_loopback() || ip.is_multicast() || ip.is_link_local())
        }
        IpAddr::V6(ip) => {
            // An IPv4 address in an outdated form would slip through the other arm's rules.
            let embedded = ip.to_bits() >> 32 == 0;
            !(embedded || ip.is_multicast() || ip.is_unicast_link_local())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;

    fn address(text: &str) -> Option<Address> {
        Address::new(text.parse().unwrap())
    }

    #[test]
    fn only_addresses_to_dial_are_told() {
        for good in ["192.0.2.1:7117", "10.0.0.1:1", "[2001:db8::1]:7117", "[fd77::1]:65535"] {
            let good = address(good).unwrap();
            assert_eq!(codec::decode::<Address>(&codec::encode(&good)), Ok(good));
            let file = codec::encode(&good);
            assert_eq!(rmp_serde::from_read::<_, Address>(&file[..]).unwrap(), good);
        }
        for bad in [
            "127.0.0.1:7117",
            "127.8.8.8:7117",
            "0.0.0.0:7117",
            "0.1.2.3:7117",
            "224.0.0.1:7117",
            "255.255.255.255:7117",
            "240.0.0.1:7117",
            "169.254.1.1:7117",
            "192.0.2.1:0",
            "[::1]:7117",
            "[::]:7117",
            "[ff02::1]:7117",
            "[fe80::1]:7117",
            "[::ffff:127.0.0.1]:7117",
            "[::127.0.0.1]:7117",
        ] {
            assert_eq!(address(bad), None, "{bad}");
        }
        assert_eq!(address("[::ffff:192.0.2.1]:5"), address("192.0.2.1:5"));
    }

    #[test]
    fn bad_bytes_are_refused() {
        for bytes in [&[127, 0, 0, 1, 0, 80][..], &[10, 0, 0, 1, 0, 0], &[1; 5], &[0; 18], &[]] {
            let wire = codec::encode(&serde_bytes::Bytes::new(bytes));
            assert!(codec::decode::<Address>(&wire).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn home_networks_are_not_global() {
        for (text, global) in [
            ("192.0.2.1:1", true),
            ("192.168.1.1:1", false),
            ("100.64.0.1:1", false),
            ("[fd77::1]:1", false),
            ("[2001:db8::1]:1", true),
        ] {
            assert_eq!(address(text).unwrap().is_global(), global, "{text}");
        }
    }
}
