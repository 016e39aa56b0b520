//! Where a node is: what people write to name a peer.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::error::BadValue;

/// UDP port of a node when none is written.
pub const DEFAULT_PORT: u16 = 7117;

const LONGEST_HOST: usize = 255;

/// `host[:port]`: a host name, an IPv4 address, or an IPv6 address in brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct PeerAddress {
    /// Host name or address, an IPv6 address without its brackets, 1 to 255 bytes.
    pub host: String,
    /// UDP and TCP port, never 0.
    pub port: u16,
}

impl fmt::Display for PeerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

impl std::str::FromStr for PeerAddress {
    type Err = BadValue;

    fn from_str(text: &str) -> Result<Self, BadValue> {
        let (host, port) = split_port(text).ok_or(BadValue::Address)?;
        let port = match port {
            None => DEFAULT_PORT,
            Some(digits) => digits.parse().ok().filter(|port| *port != 0).ok_or(BadValue::Port)?,
        };
        if host.len() > LONGEST_HOST {
            return Err(BadValue::Address);
        }
        if host.contains(':') || text.starts_with('[') {
            let (address, zone) =
                host.split_once('%').map_or((host, None), |(address, zone)| (address, Some(zone)));
            let address = address.parse::<Ipv6Addr>().ok().ok_or_else(|| no_address(text))?;
            check_ipv6(address, zone, text)?;
        } else if let Ok(address) = host.parse::<Ipv4Addr>() {
            check_ipv4(address)?;
        } else if !is_host_name(host) {
            return Err(BadValue::Address);
        }
        Ok(Self { host: host.to_owned(), port })
    }
}

/// What has colons and is no IPv6 address: perhaps one with a port behind it.
fn no_address(text: &str) -> BadValue {
    let bare = text.rsplit_once(':').is_some_and(|(host, _)| host.parse::<Ipv6Addr>().is_ok());
    if bare { BadValue::NoBrackets } else { BadValue::Address }
}

fn check_ipv4(address: Ipv4Addr) -> Result<(), BadValue> {
    let nobodys = address.is_unspecified() || address.is_multicast() || address.is_broadcast();
    if nobodys { Err(BadValue::NobodysAddress) } else { Ok(()) }
}

/// What parses as an address and cannot be the one of a node, or is hardly what was meant.
fn check_ipv6(address: Ipv6Addr, zone: Option<&str>, text: &str) -> Result<(), BadValue> {
    if address.is_unspecified() || address.is_multicast() {
        return Err(BadValue::NobodysAddress);
    }
    if address.is_unicast_link_local() && zone.is_none_or(str::is_empty) {
        return Err(BadValue::NoZone);
    }
    // With fewer than eight groups the port of this program is a port and no group.
    let usual = format!(":{DEFAULT_PORT}");
    if !text.starts_with('[') && text.contains("::") && text.ends_with(&usual) {
        return Err(BadValue::NoBrackets);
    }
    address.to_ipv4_mapped().map_or(Ok(()), check_ipv4)
}

fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, tail) = rest.split_once(']')?;
        return match tail.strip_prefix(':') {
            Some(port) => Some((host, Some(port))),
            None if tail.is_empty() => Some((host, None)),
            None => None,
        };
    }
    match text.split_once(':') {
        Some((_, rest)) if rest.contains(':') => Some((text, None)),
        Some((host, port)) => Some((host, Some(port))),
        None => Some((text, None)),
    }
}

fn is_host_name(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    // A name whose last label is all digits can only be a mistyped IPv4 address.
    let numeric = host.rsplit('.').next().is_some_and(|l| l.bytes().all(|b| b.is_ascii_digit()));
    !numeric
        && host.split('.').all(|label| {
            (1..=63).contains(&label.len())
                && !label.starts_with('-')
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_with_and_without_port() {
        let shown = |text: &str| text.parse::<PeerAddress>().map(|a| a.to_string());
        assert_eq!(shown("barn.local").unwrap(), "barn.local:7117");
        assert_eq!(shown("barn:99").unwrap(), "barn:99");
        assert_eq!(shown("192.0.2.1:1").unwrap(), "192.0.2.1:1");
        assert_eq!(shown("2001:db8::1").unwrap(), "[2001:db8::1]:7117");
        assert_eq!(shown("[fe80::1%eth0]:80").unwrap(), "[fe80::1%eth0]:80");
        for bad in
            ["", ":1", "a b", "a:0", "a:65536", "a:x", "[::1", "[::1]x", "[a]", "1.2.3", "-a"]
        {
            assert!(shown(bad).is_err(), "{bad:?} was accepted");
        }
        assert!(shown(&"a.".repeat(200)).is_err());
        let bad = |text: &str| text.parse::<PeerAddress>().unwrap_err();
        for nobody in ["0.0.0.0", "224.0.0.1:7117", "255.255.255.255", "::", "[ff02::1]:7117"] {
            assert_eq!(bad(nobody), BadValue::NobodysAddress, "{nobody}");
        }
        assert_eq!(bad("fe80::1"), BadValue::NoZone);
        assert_eq!(bad("[fe80::1%]:80"), BadValue::NoZone);
        assert_eq!(bad("::ffff:224.0.0.1"), BadValue::NobodysAddress);
        for bare in ["::1:7117", "2001:db8:1:2:3:4:5:6:7117"] {
            assert_eq!(bad(bare), BadValue::NoBrackets, "{bare}");
        }
        assert_eq!(shown("2001:db8:1:2:3:4:5:7117").unwrap(), "[2001:db8:1:2:3:4:5:7117]:7117");
    }
}
