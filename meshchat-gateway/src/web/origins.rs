//! By which names this door may be asked for, and whose pages may use it.
//!
//! A page of a stranger can make any browser on this network send requests here, and by an answer
//! of its own name server even under a name of its own. So names and origins are those that are
//! known here, exactly, and nothing else.

use std::net::{IpAddr, SocketAddr};

use axum::http::uri::Authority;

use crate::config::WebConfig;

/// The names and origins of one door.
#[derive(Debug, Clone)]
pub struct Origins {
    /// The names of this machine, in lower case.
    own: Vec<String>,
    /// Further names, with the port where one was given.
    hosts: Vec<(String, Option<u16>)>,
    others: Vec<String>,
    connect: String,
}

/// Whose page a request comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// Ours.
    Own,
    /// One of those in `origins`.
    Listed,
}

impl Origins {
    /// What the settings and the name of this machine allow.
    pub fn new(config: &WebConfig, machine: &str) -> Self {
        let hosts = config.hosts.iter().map(|host| name_and_port(host)).collect();
        let lower = |origins: &[String]| -> Vec<_> {
            origins.iter().map(|origin| origin.trim_end_matches('/').to_ascii_lowercase()).collect()
        };
        let pages = lower(&config.others);
        // A socket's origin is written with its own scheme.
        let connect = pages.iter().fold(String::new(), |all, origin| {
            format!("{all} {origin} {}", origin.replacen("http", "ws", 1))
        });
        Self { own: machine_names(machine), hosts, others: lower(&config.origins), connect }
    }

    /// Whether a browser may ask for this host at this address of ours; then, the scheme that its
    /// page has.
    pub fn scheme(
        &self,
        host: &Authority,
        local: SocketAddr,
        secure: bool,
    ) -> Option<&'static str> {
        let (ours, default) = if secure { ("https", 443) } else { ("http", 80) };
        let (name, port) = split(host)?;
        let at_ours = port.unwrap_or(default) == local.port();
        let is_own = match literal(&name) {
            // The address that the browser has reached is surely ours.
            Some(ip) => ip == local.ip().to_canonical(),
            None => self.own.contains(&name),
        };
        if is_own && at_ours {
            return Some(ours);
        }
        self.hosts.iter().filter(|(known, _)| *known == name).find_map(|(_, known)| {
            match known {
                None => at_ours.then_some(ours),
                // Somebody before us, who speaks TLS or not, passes on what comes to this port.
                Some(443) if port.is_none_or(|port| port == 443) => Some("https"),
                Some(80) if port.is_none_or(|port| port == 80) => Some("http"),
                Some(known) => (port == Some(*known)).then_some(ours),
            }
        })
    }

    /// Whose page has this origin; `own` is that of the request's host.
    pub fn source(&self, origin: &str, own: &str) -> Option<Source> {
        let origin = origin.to_ascii_lowercase();
        if origin == own {
            Some(Source::Own)
        } else {
            self.others.contains(&origin).then_some(Source::Listed)
        }
    }

    /// All names, without ports and brackets.
    pub fn names(&self) -> impl Iterator<Item = String> {
        let hosts = self.hosts.iter().map(|(name, _)| name);
        let bare = |name: &String| name.trim_matches(['[', ']']).to_owned();
        self.own.iter().chain(hosts).map(bare)
    }

    /// What our page may connect to beside us: each with a space before it.
    pub fn connect(&self) -> &str {
        &self.connect
    }
}

/// The names by which this machine goes on its network.
pub(super) fn machine_names(machine: &str) -> Vec<String> {
    let machine = machine.to_ascii_lowercase();
    let short = machine.split('.').next().unwrap_or_default().to_owned();
    let mut names = vec!["localhost".to_owned()];
    // What no URL can have is no name to ask for.
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    if !short.is_empty() && machine.chars().all(plain) {
        names.extend([format!("{short}.local"), short, machine]);
    }
    names.dedup();
    names
}

/// A setting such as `chat.example.org:443` or `[2001:db8::1]:8480`.
fn name_and_port(host: &str) -> (String, Option<u16>) {
    let parsed = host.parse::<Authority>().ok();
    parsed.as_ref().and_then(split).unwrap_or_else(|| (host.to_ascii_lowercase(), None))
}

/// Name and port; none when the port is no port, or somebody's name stands before it.
fn split(host: &Authority) -> Option<(String, Option<u16>)> {
    if host.as_str().contains('@') {
        return None;
    }
    let name = host.host().to_ascii_lowercase();
    match host.as_str().get(name.len()..) {
        Some("") => Some((name, None)),
        Some(_) => Some((name, Some(host.port_u16()?))),
        None => None,
    }
}

fn literal(name: &str) -> Option<IpAddr> {
    let bare = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    bare.parse::<IpAddr>().ok().map(|ip| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origins(hosts: &[&str], listed: &[&str]) -> Origins {
        let text = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let config =
            WebConfig { hosts: text(hosts), origins: text(listed), ..WebConfig::default() };
        Origins::new(&config, "Attic.lan")
    }

    fn ask(origins: &Origins, host: &str, local: &str, secure: bool) -> Option<&'static str> {
        origins.scheme(&host.parse().ok()?, local.parse().unwrap(), secure)
    }

    #[test]
    fn only_names_that_are_known_here_with_the_right_port() {
        let none = origins(&[], &[]);
        let at = "192.0.2.7:8480";
        for good in
            ["192.0.2.7:8480", "localhost:8480", "attic:8480", "ATTIC.local:8480", "attic.lan:8480"]
        {
            assert_eq!(ask(&none, good, at, false), Some("http"), "{good}");
            assert_eq!(ask(&none, good, at, true), Some("https"), "{good}");
        }
        for bad in [
            "192.0.2.8:8480",
            "192.0.2.7",
            "192.0.2.7:80",
            "192.0.2.7:84800",
            "192.0.2.7:",
            "evil.example:8480",
            "attic.evil.example:8480",
            "attic.local.:8480",
            "me@attic:8480",
            "attic@evil:8480",
            "127.0.0.1:8480",
            "localhost",
            "xattic:8480",
            "attic.local.evil:8480",
            "[::1]:8480",
            "0xc0000207:8480",
            "3221225991:8480",
        ] {
            assert_eq!(ask(&none, bad, at, false), None, "{bad}");
        }
        assert_eq!(ask(&none, "attic", "192.0.2.7:80", false), Some("http"));
        assert_eq!(ask(&none, "attic", "192.0.2.7:443", true), Some("https"));
        assert_eq!(ask(&none, "[::1]:8480", "[::1]:8480", false), Some("http"));
        assert_eq!(ask(&none, "127.0.0.1:8480", "[::ffff:127.0.0.1]:8480", false), Some("http"));
    }

    #[test]
    fn a_machine_without_a_usable_name_is_only_localhost() {
        assert_eq!(machine_names(""), ["localhost"]);
        assert_eq!(machine_names("küche"), ["localhost"]);
        assert_eq!(machine_names("Attic"), ["localhost", "attic.local", "attic"]);
    }

    #[test]
    fn further_names_with_and_without_a_port() {
        let some = origins(&["Chat.example", "proxy.example:443", "192.0.2.9:9000"], &[]);
        let at = "10.0.0.2:8480";
        assert_eq!(ask(&some, "chat.example:8480", at, false), Some("http"));
        assert_eq!(ask(&some, "chat.example", at, false), None);
        assert_eq!(ask(&some, "proxy.example", at, false), Some("https"));
        assert_eq!(ask(&some, "proxy.example:443", at, false), Some("https"));
        assert_eq!(ask(&some, "proxy.example:8480", at, false), None);
        assert_eq!(ask(&some, "192.0.2.9:9000", at, false), Some("http"));
        assert_eq!(ask(&some, "192.0.2.9:8480", at, false), None);
    }

    #[test]
    fn origins_are_compared_whole() {
        let some = origins(&[], &["http://Attic.local:8480/", "https://b.example"]);
        let own = "http://192.0.2.7:8480";
        assert_eq!(some.source("http://192.0.2.7:8480", own), Some(Source::Own));
        assert_eq!(some.source("http://attic.local:8480", own), Some(Source::Listed));
        assert_eq!(some.source("https://b.example", own), Some(Source::Listed));
        for bad in [
            "https://192.0.2.7:8480",
            "http://192.0.2.7",
            "null",
            "",
            "https://b.example.evil",
            "http://b.example",
        ] {
            assert_eq!(some.source(bad, own), None, "{bad}");
        }
    }

    #[test]
    fn the_page_may_connect_to_others() {
        let config =
            WebConfig { others: vec!["https://b.example/".into()], ..WebConfig::default() };
        assert_eq!(Origins::new(&config, "").connect(), " https://b.example wss://b.example");
    }
}
