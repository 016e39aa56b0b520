//! Where the page is, as people would type it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use meshchat_client::proto::limits::DOOR_ADDRESSES;
use nix::ifaddrs::getifaddrs;
use nix::net::if_::InterfaceFlags;
use nix::sys::socket::SockaddrStorage;
use tokio::time;

use super::Web;

/// Keeps telling the addresses, which come and go with the networks; never ends.
pub(super) async fn keep(web: Web, local: SocketAddr) {
    loop {
        let urls = urls(&web, local);
        if web.door.info().addresses != urls {
            web.door.set_addresses(urls);
        }
        time::sleep(REFRESH).await;
    }
}

/// All addresses of the page: those that others can use first.
pub(super) fn urls(web: &Web, local: SocketAddr) -> Vec<String> {
    let mut urls: Vec<_> =
        web.config.hosts.iter().map(|host| url_of_host(host, web, local)).collect();
    let own = reachable(local.ip()).into_iter();
    urls.extend(own.map(|ip| url(&bare(ip), local.port(), web.secure)));
    let last = urls.pop();
    urls.truncate(DOOR_ADDRESSES - 1);
    urls.extend(last);
    urls
}

/// What others may ask for at this address, the loopback last.
pub(super) fn reachable(listen: IpAddr) -> Vec<IpAddr> {
    if !listen.is_unspecified() {
        return vec![listen.to_canonical()];
    }
    let mut all = interfaces();
    all.retain(|ip| ip.is_ipv4() || listen.is_ipv6());
    all.push(Ipv4Addr::LOCALHOST.into());
    all
}

/// The addresses of this machine, without loopbacks and those that need the name of an interface.
fn interfaces() -> Vec<IpAddr> {
    let Ok(entries) = getifaddrs() else { return Vec::new() };
    let wanted = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING;
    let mut found: Vec<(bool, bool, IpAddr)> = entries
        .filter(|entry| entry.flags.contains(wanted))
        .filter_map(|entry| {
            let ip = ip(entry.address.as_ref()?)?;
            // Networks of containers and virtual machines lead nobody else here.
            let inner = INNER.iter().any(|prefix| entry.interface_name.starts_with(prefix));
            usable(ip).then_some((inner, ip.is_ipv6(), ip))
        })
        .collect();
    found.sort();
    found.dedup();
    found.into_iter().map(|(_, _, ip)| ip).collect()
}

fn ip(storage: &SockaddrStorage) -> Option<IpAddr> {
    let v4 = storage.as_sockaddr_in().map(|address| IpAddr::V4(address.ip()));
    v4.or_else(|| storage.as_sockaddr_in6().map(|address| IpAddr::V6(address.ip())))
}

fn usable(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_loopback(),
        IpAddr::V6(ip) => ip != Ipv6Addr::LOCALHOST && !ip.is_unicast_link_local(),
    }
}

fn url_of_host(host: &str, web: &Web, local: SocketAddr) -> String {
    if let Some(name) = host.strip_suffix(":443") {
        format!("https://{name}/")
    } else if let Some(name) = host.strip_suffix(":80") {
        format!("http://{name}/")
    } else if host.ends_with(|last: char| last.is_ascii_digit()) && host.contains(':') {
        format!("{}://{host}/", scheme(web.secure))
    } else {
        url(host, local.port(), web.secure)
    }
}

/// An address as it stands in a URL.
fn bare(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

fn url(host: &str, port: u16, secure: bool) -> String {
    let scheme = scheme(secure);
    match (secure, port) {
        (true, 443) | (false, 80) => format!("{scheme}://{host}/"),
        (_, port) => format!("{scheme}://{host}:{port}/"),
    }
}

const fn scheme(secure: bool) -> &'static str {
    if secure { "https" } else { "http" }
}

const INNER: [&str; 6] = ["docker", "br-", "veth", "virbr", "lxc", "podman"];
const REFRESH: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_type() {
        assert_eq!(url("192.0.2.7", 8480, false), "http://192.0.2.7:8480/");
        assert_eq!(url("192.0.2.7", 443, true), "https://192.0.2.7/");
        assert_eq!(
            url(&bare("2001:db8::1".parse().unwrap()), 80, true),
            "https://[2001:db8::1]:80/"
        );
    }

    #[test]
    fn the_loopback_comes_last() {
        let all = reachable(Ipv6Addr::UNSPECIFIED.into());
        assert_eq!(all.last(), Some(&Ipv4Addr::LOCALHOST.into()));
        assert!(reachable(Ipv4Addr::UNSPECIFIED.into()).iter().all(IpAddr::is_ipv4));
        let one = "192.0.2.7".parse().unwrap();
        assert_eq!(reachable(one), [one]);
    }
}
