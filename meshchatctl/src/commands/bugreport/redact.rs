//! Takes out who is who.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use meshchat_client::proto::id::NodeId;

use crate::output::escape::escape;

/// What must not be told, and what stands for it. As bounded as what the daemon tells.
#[derive(Debug, Default)]
pub(super) struct Redactor {
    words: BTreeMap<String, String>,
    nodes: BTreeMap<NodeId, usize>,
    people: usize,
    rooms: usize,
    hosts: usize,
}

impl Redactor {
    /// Knows the machine and its user by now.
    pub(super) fn of_machine() -> Self {
        let mut this = Self::default();
        for name in ["USER", "LOGNAME", "SUDO_USER"] {
            if let Ok(user) = std::env::var(name)
                && user != "root"
            {
                this.person(&user);
            }
        }
        if let Ok(home) = std::env::var("HOME")
            && home.len() > 1
            && home != "/root"
        {
            this.words.insert(home, "~".into());
        }
        let host = nix::unistd::gethostname().ok().and_then(|host| host.into_string().ok());
        host.iter().for_each(|host| this.host(host));
        this
    }

    pub(super) fn node(&mut self, node: &NodeId, name: &str) {
        let next = self.nodes.len() + 1;
        let number = *self.nodes.entry(*node).or_insert(next);
        let label = format!("node-{number}");
        // A node that is called like its host is both; the node says more.
        for word in [name.to_owned(), node.short(), node.to_string()] {
            self.words.insert(word, label.clone());
        }
    }

    pub(super) fn person(&mut self, name: &str) {
        if !name.is_empty() && !self.words.contains_key(name) && !PUBLIC.contains(&name) {
            self.people += 1;
            self.words.insert(name.to_owned(), format!("person-{}", self.people));
        }
    }

    pub(super) fn room(&mut self, room: &str) {
        if room != "#lobby" && !self.words.contains_key(room) {
            self.rooms += 1;
            self.words.insert(room.to_owned(), format!("#room-{}", self.rooms));
        }
    }

    pub(super) fn network(&mut self, name: Option<&str>) {
        if let Some(name) = name.filter(|name| !name.is_empty()) {
            self.words.entry(name.to_owned()).or_insert_with(|| "network-1".into());
        }
    }

    /// The name in an address; numbers are seen without being known.
    pub(super) fn host(&mut self, address: &str) {
        let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
        let host = host.trim_matches(['[', ']']);
        let number = host.parse::<IpAddr>().is_ok() || host.contains(':');
        let known = self.words.contains_key(host) || PUBLIC.contains(&host);
        if !host.is_empty() && !number && !known {
            self.hosts += 1;
            self.words.insert(host.to_owned(), format!("host-{}", self.hosts));
        }
    }

    /// The text without any of it.
    pub(super) fn clean(&self, text: &str) -> String {
        let forms = self
            .words
            .iter()
            .flat_map(|(word, label)| forms(word).into_iter().map(move |form| (form, label)));
        let mut words: Vec<(String, &String)> = forms.collect();
        // The longest first: one may be the beginning of another.
        words.sort_by_key(|(word, _)| std::cmp::Reverse(word.len()));
        let mut addresses = BTreeMap::new();
        let lines = text.lines().map(|line| {
            let line = words
                .iter()
                .fold(line.to_owned(), |line, (word, label)| replace(&line, word, label));
            mask(&line, &mut addresses)
        });
        lines.map(|line| line + "\n").collect()
    }
}

/// A word as it is, and as logs, debugging and this report itself write it.
fn forms(word: &str) -> BTreeSet<String> {
    let quote = |letter: char| matches!(letter, '\'' | '"');
    let logged = word.chars().flat_map(|letter| match quote(letter) {
        true => vec![letter],
        false => letter.escape_debug().collect(),
    });
    let quoted = format!("{word:?}");
    let quoted = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let forms = [word.to_owned(), logged.collect(), quoted.unwrap_or_default().to_owned()];
    forms.iter().flat_map(|form| [form.clone(), escape(form).into_owned()]).collect()
}

/// Replaces a word where it stands by itself, however it is written.
fn replace(line: &str, word: &str, label: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    let mut before = None;
    let belongs = |letter: Option<char>| letter.is_some_and(|l| l.is_alphanumeric() || l == '_');
    while let Some(letter) = rest.chars().next() {
        let hit = rest.get(..word.len()).filter(|begin| begin.eq_ignore_ascii_case(word));
        let behind = rest.get(word.len()..).and_then(|rest| rest.chars().next());
        if hit.is_some() && !belongs(before) && !belongs(behind) {
            out.push_str(label);
            before = word.chars().last();
            rest = rest.get(word.len()..).unwrap_or_default();
        } else {
            out.push(letter);
            before = Some(letter);
            rest = rest.get(letter.len_utf8()..).unwrap_or_default();
        }
    }
    out
}

/// Masks what shows by its form what it is: addresses, keys, tickets, people at nodes.
fn mask(line: &str, addresses: &mut BTreeMap<String, usize>) -> String {
    let belongs = |letter: char| letter.is_ascii_alphanumeric() || "_-.:@[]%".contains(letter);
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while !rest.is_empty() {
        let end = rest.find(|letter| !belongs(letter)).unwrap_or(rest.len());
        let (token, behind) = rest.split_at(end);
        out.push_str(&masked(token, addresses));
        let next = behind.find(belongs).unwrap_or(behind.len());
        let (between, after) = behind.split_at(next);
        out.push_str(between);
        rest = after;
    }
    out
}

fn masked(token: &str, addresses: &mut BTreeMap<String, usize>) -> String {
    let bare = token.trim_end_matches(['.', ':', '-']);
    let tail = token.get(bare.len()..).unwrap_or_default();
    if let Some(address) = address(bare, addresses) {
        return format!("{address}{tail}");
    }
    if bare.starts_with("meshchat1") && bare.len() > 20 {
        return format!("(ticket){tail}");
    }
    if bare.len() >= KEY_LETTERS && bare.bytes().all(|letter| letter.is_ascii_alphanumeric()) {
        return format!("(key or id){tail}");
    }
    match bare.split_once('@') {
        Some((person, node)) if !person.is_empty() => {
            let person = if is_label(person) { person } else { "(somebody)" };
            let node = match (is_label(node), address(node, addresses)) {
                (true, _) => node.to_owned(),
                (false, Some(address)) => address,
                (false, None) => "(somewhere)".to_owned(),
            };
            format!("{person}@{node}{tail}")
        }
        _ => format!("{}{tail}", joined(bare, addresses)),
    }
}

/// Addresses that hang together with something else, as in `203.0.113.9-host`.
fn joined(token: &str, addresses: &mut BTreeMap<String, usize>) -> String {
    let parts = token.split('-').map(|part| {
        let apart = part.split('_').map(|word| match address(word, addresses) {
            Some(address) => address,
            None => word.to_owned(),
        });
        apart.collect::<Vec<_>>().join("_")
    });
    parts.collect::<Vec<_>>().join("-")
}

/// What stands for an address, with a port or without; itself when it is of a local network. None
/// for all else.
fn address(text: &str, addresses: &mut BTreeMap<String, usize>) -> Option<String> {
    let mut number = |address: IpAddr| {
        let next = addresses.len() + 1;
        *addresses.entry(address.to_string()).or_insert(next)
    };
    if let Ok(address) = text.parse::<SocketAddr>() {
        return Some(match is_local(address.ip()) {
            true => text.to_owned(),
            false => format!("address-{}:{}", number(address.ip()), address.port()),
        });
    }
    let plain = text.trim_matches(['[', ']']);
    let address = plain.split('%').next().unwrap_or_default().parse::<IpAddr>().ok()?;
    Some(match is_local(address) {
        true => text.to_owned(),
        false => format!("address-{}", number(address)),
    })
}

/// Whether it stands for a name already, as `node-3` does, or for that of many.
fn is_label(word: &str) -> bool {
    let numbered = |rest: &str| {
        let end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        // A port may follow.
        end > 0 && rest.get(end..).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    };
    PUBLIC.contains(&word)
        || ["node-", "person-", "host-"]
            .iter()
            .any(|kind| word.strip_prefix(kind).is_some_and(numbered))
}

/// Addresses that many networks use, so that they tell of none. Those of IPv6 may hold the number
/// of a network card.
fn is_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_unspecified()
                || address.is_broadcast()
        }
        IpAddr::V6(address) => address.is_loopback() || address.is_unspecified(),
    }
}

/// Letters without a gap that no word has: ids have 26 or 52, keys 64.
const KEY_LETTERS: usize = 26;
/// Names that many machines have.
const PUBLIC: &[&str] = &["localhost", "meshchat", "meshchat-gateway", "_meshchat-gateway", "root"];

#[cfg(test)]
mod tests {
    use super::*;

    fn redactor() -> Redactor {
        let mut redactor = Redactor::default();
        redactor.node(&NodeId([1; 32]), "pi-barn");
        redactor.node(&NodeId([2; 32]), "pi-barn-2");
        redactor.node(&NodeId([1; 32]), "barn");
        redactor.person("ann");
        redactor.room("#ops");
        redactor.host("gate.example.org:7117");
        redactor.network(Some("Valley Rescue"));
        redactor
    }

    #[test]
    fn the_same_number_is_the_same_node() {
        let id = NodeId([1; 32]);
        let line =
            format!("ann@pi-barn spoke to pi-barn-2; {id} ({}) is Barn, annoyed", id.short());
        let wanted = "person-1@node-1 spoke to node-2; node-1 (node-1) is node-1, annoyed\n";
        assert_eq!(redactor().clean(&line), wanted);
    }

    #[test]
    fn what_shows_by_its_form_what_it_is_goes() {
        for (line, clean) in [
            ("from 203.0.113.9:7117, again 203.0.113.9.", "from address-1:7117, again address-1."),
            ("at 192.168.0.7:7117 and [::1]:80", "at 192.168.0.7:7117 and [::1]:80"),
            ("[2001:db8::1]:7117 fe80::1%eth0", "address-1:7117 address-2"),
            ("in #ops of Valley Rescue", "in #room-1 of network-1"),
            ("gate.example.org:7117 refused", "host-1:7117 refused"),
            ("zed@elsewhere said", "(somebody)@(somewhere) said"),
            ("zed@pi-barn, ann@elsewhere.", "(somebody)@node-1, person-1@(somewhere)."),
            ("root@203.0.113.9 root@10.0.0.7", "root@address-1 root@10.0.0.7"),
            ("203.0.113.9-198.51.100.1_x 203.0.113.9-", "address-1-address-2_x address-1-"),
            ("kernel 6.12.47-v8, meshchat-gateway", "kernel 6.12.47-v8, meshchat-gateway"),
            ("join meshchat1qqqqqqqqqqqqqqqqqqqqq", "join (ticket)"),
            ("0123456789abcdef0123456789abcdef", "(key or id)"),
            ("2026-11-20T20:08:09Z at 12:30:00", "2026-11-20T20:08:09Z at 12:30:00"),
        ] {
            assert_eq!(redactor().clean(line), format!("{clean}\n"));
        }
    }

    #[test]
    fn a_name_goes_however_it_is_written() {
        let names = ["me\u{301}li\u{941}", "Ann \"Doc\" O'Hara", "back\\slash", "\u{941}x"];
        for name in names {
            let mut redactor = Redactor::default();
            redactor.person(name);
            let logged: String = name
                .chars()
                .flat_map(|letter| match letter {
                    '\'' | '"' => vec![letter],
                    _ => letter.escape_debug().collect(),
                })
                .collect();
            let quoted = format!("{name:?}");
            let quoted = quoted.trim_start_matches('"').strip_suffix('"').unwrap();
            for form in [name, &logged, quoted, &escape(name)] {
                assert_eq!(redactor.clean(&format!("<{form}> came")), "<person-1> came\n");
            }
        }
    }

    #[test]
    fn an_address_keeps_its_number_over_lines() {
        let text = redactor().clean("198.51.100.1\n203.0.113.9\n198.51.100.1\n");
        assert_eq!(text, "address-1\naddress-2\naddress-1\n");
    }
}
