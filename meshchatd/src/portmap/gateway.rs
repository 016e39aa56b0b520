//! Which router to ask, and as whom.

use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::num::NonZeroU16;

use meshchat_proto::address::Address;

use crate::interfaces::Interface;

/// What is asked of whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Target {
    /// The router.
    pub(super) gateway: Ipv4Addr,
    /// This machine, as the router sees it.
    pub(super) client: Ipv4Addr,
    /// The port that is to be reached, UDP and TCP.
    pub(super) port: NonZeroU16,
    /// The number of the interface; another one is another network, whatever its addresses.
    pub(super) interface: u32,
}

/// The router of this machine, if it has one and is not reachable without its help.
pub(super) fn find(listen: SocketAddr, interfaces: &[Interface]) -> Option<Target> {
    let gateway = default_gateway(std::fs::File::open(ROUTES).ok()?)?;
    target(listen, interfaces, gateway, source_towards(gateway).ok()?)
}

fn target(
    listen: SocketAddr,
    interfaces: &[Interface],
    gateway: Ipv4Addr,
    client: Ipv4Addr,
) -> Option<Target> {
    let port = NonZeroU16::new(listen.port())?;
    let heard = match listen.ip().to_canonical() {
        IpAddr::V4(ip) => ip.is_unspecified() || ip == client,
        IpAddr::V6(ip) => ip.is_unspecified(),
    };
    let at_home = |ip, port| Address::new((ip, port).into()).is_some_and(|it| !it.is_global());
    let holds = |interface: &&Interface| {
        interface.up && interface.addresses.iter().any(|own| own.ip == IpAddr::V4(client))
    };
    let interface = interfaces.iter().find(holds)?.index;
    let wanted = heard && at_home(client, port.get()) && gateway != client;
    wanted.then_some(Target { gateway, client, port, interface })
}

/// The address that the kernel sends from; nothing is sent.
fn source_towards(gateway: Ipv4Addr) -> io::Result<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
    socket.connect((gateway, crab_nat::GATEWAY_PORT))?;
    match socket.local_addr()?.ip() {
        IpAddr::V4(ip) => Ok(ip),
        IpAddr::V6(_) => Err(io::ErrorKind::AddrNotAvailable.into()),
    }
}

/// The gateway of the default route that is used first, of those in the table of the kernel.
fn default_gateway(table: impl io::Read) -> Option<Ipv4Addr> {
    let mut text = String::new();
    table.take(LARGEST_TABLE).read_to_string(&mut text).ok()?;
    let routes = text.lines().skip(1).filter_map(default_route);
    let (_, gateway) = routes.min_by_key(|(metric, _)| *metric)?;
    // It answers for itself or not at all.
    let bad = gateway.is_unspecified() || gateway.is_multicast() || gateway.is_broadcast();
    (!bad && !gateway.is_loopback()).then_some(gateway)
}

/// Interface, destination, gateway, flags, two counters, metric and mask; metric and gateway are
/// returned.
fn default_route(line: &str) -> Option<(u32, Ipv4Addr)> {
    let mut words = line.split_ascii_whitespace().skip(1);
    let destination = address(words.next()?)?;
    let gateway = address(words.next()?)?;
    let flags = u32::from_str_radix(words.next()?, 16).ok()?;
    let metric = words.nth(2)?.parse().ok()?;
    let mask = address(words.next()?)?;
    let all = destination.is_unspecified() && mask.is_unspecified();
    let used = flags & UP != 0 && flags & GATEWAY != 0 && flags & REJECT == 0;
    (all && used).then_some((metric, gateway))
}

/// As the kernel writes it: a number whose bytes in memory are those of the address.
fn address(word: &str) -> Option<Ipv4Addr> {
    u32::from_str_radix(word, 16).ok().map(|bits| Ipv4Addr::from(bits.to_ne_bytes()))
}

/// Seen also where other files of `/proc` are hidden.
const ROUTES: &str = "/proc/self/net/route";
/// Machines with more routes than fit in here are routers themselves.
const LARGEST_TABLE: u64 = 256 * 1024;
/// `RTF_UP`.
const UP: u32 = 0x1;
/// `RTF_GATEWAY`.
const GATEWAY: u32 = 0x2;
/// `RTF_REJECT`.
const REJECT: u32 = 0x200;

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::*;
    use crate::interfaces::Subnet;

    const HEADER: &str =
        "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n";

    /// A line of the table, addresses in their usual form.
    fn line(destination: &str, gateway: &str, flags: u32, metric: u32, mask: &str) -> String {
        let hex = |text: &str| u32::from_ne_bytes(text.parse::<Ipv4Addr>().unwrap().octets());
        let (to, by, mask) = (hex(destination), hex(gateway), hex(mask));
        format!("eth0\t{to:08X}\t{by:08X}\t{flags:04X}\t0\t0\t{metric}\t{mask:08X}\t0\t0\t0\n")
    }

    fn gateway(lines: &[String]) -> Option<Ipv4Addr> {
        default_gateway((HEADER.to_owned() + &lines.concat()).as_bytes())
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_real_table_is_read() {
        let table = "eth0\t00000000\t0101A8C0\t0003\t0\t0\t202\t00000000\t0\t0\t0\n\
            wlan0\t00000000\t0102A8C0\t0003\t0\t0\t303\t00000000\t0\t0\t0\n\
            eth0\t0001A8C0\t00000000\t0001\t0\t0\t202\t00FFFFFF\t0\t0\t0\n";
        assert_eq!(gateway(&[table.into()]), Some(Ipv4Addr::new(192, 168, 1, 1)));
    }

    #[test]
    fn the_default_route_with_the_least_metric_counts() {
        let any = "0.0.0.0";
        let slow = line(any, "10.0.0.1", 3, 600, any);
        let fast = line(any, "10.0.0.2", 3, 100, any);
        let down = line(any, "10.0.0.3", 2, 0, any);
        let cable = line(any, any, 1, 0, any);
        let refused = line(any, "10.0.0.4", 0x203, 0, any);
        let half = line(any, "10.0.0.5", 3, 0, "128.0.0.0");
        let other = line("10.1.0.0", "10.0.0.6", 3, 0, "255.255.0.0");
        let all = [slow.clone(), down, cable, refused, half, other, fast];
        assert_eq!(gateway(&all), Some(Ipv4Addr::new(10, 0, 0, 2)));
        assert_eq!(gateway(&all[1..6]), None);
        assert_eq!(gateway(&[slow]), Some(Ipv4Addr::new(10, 0, 0, 1)));
        for bad in [any, "127.0.0.1", "224.0.0.1", "255.255.255.255"] {
            assert_eq!(gateway(&[line(any, bad, 3, 0, any)]), None, "{bad}");
        }
    }

    #[test]
    fn nonsense_is_no_gateway() {
        for text in ["", "x", "eth0\t0\n", "eth0 zz 1 3 0 0 0 0\n", "a b c d e f g h i\n\n\n"] {
            assert_eq!(gateway(&[text.into()]), None, "{text:?}");
        }
        // A table without an end is read to the bound.
        let endless = Read::chain(HEADER.as_bytes(), io::repeat(b'\n'));
        assert_eq!(default_gateway(endless), None);
    }

    #[test]
    fn only_who_is_not_reachable_by_itself_asks() {
        let interface = |up, ip: &str| Interface {
            name: "eth0".into(),
            index: 5,
            up,
            multicast: true,
            loopback: false,
            addresses: vec![Subnet { ip: ip.parse().unwrap(), prefix: 24 }],
        };
        let ask = |listen: &str, up, own: &str, client: &str| {
            let (router, client) = (Ipv4Addr::new(192, 168, 1, 1), client.parse().unwrap());
            target(listen.parse().unwrap(), &[interface(up, own)], router, client)
        };
        let (home, me) = ("192.168.1.7", Ipv4Addr::new(192, 168, 1, 7));
        let found = ask("[::]:7117", true, home, home).unwrap();
        assert_eq!((found.client, found.port.get(), found.interface), (me, 7117, 5));
        assert!(ask("0.0.0.0:1", true, home, home).is_some());
        assert!(ask("192.168.1.7:1", true, home, home).is_some());
        assert!(ask("0.0.0.0:1", true, "100.64.1.7", "100.64.1.7").is_some(), "carrier NAT");
        assert_eq!(ask("127.0.0.1:1", true, home, home), None, "listens to this machine only");
        assert_eq!(ask("[2001:db8::1]:1", true, home, home), None);
        assert_eq!(ask("0.0.0.0:1", false, home, home), None, "the cable is out");
        assert_eq!(ask("0.0.0.0:1", true, "192.168.1.8", home), None, "an address gone");
        assert_eq!(ask("0.0.0.0:1", true, "203.0.113.7", "203.0.113.7"), None, "on the internet");
        assert_eq!(ask("0.0.0.0:1", true, "192.168.1.1", "192.168.1.1"), None, "its own router");
    }
}
