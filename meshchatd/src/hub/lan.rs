//! What is made of beacons and of changes of the network.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use meshchat_proto::control::LimitRow;
use meshchat_proto::id::NodeId;
use tokio::time::Instant;

use super::Hub;
use crate::config::{Admit, Peer, PeerAddress};
use crate::dial::{EntryId, Phase, Source};
use crate::discover::{self, Heard};
use crate::interfaces::{Interface, NetworkChange};
use crate::transport::Channel;

/// What the hub knows of the local network.
#[derive(Debug)]
pub(super) struct Lan {
    interfaces: Vec<Interface>,
    /// Beacons that are being followed.
    dialling: BTreeMap<EntryId, Heard>,
    /// Who answered to which nonce, so that a node is not dialled at each of its addresses. A
    /// forger could repeat a neighbour's nonce and answer itself; then that neighbour dials us.
    answered: VecDeque<([u8; 16], NodeId)>,
    /// When and where beacons were followed in the last minute.
    dials: VecDeque<(Instant, IpAddr)>,
    /// Beacons that were not followed since there were too many.
    pub(super) refused: u64,
}

impl Hub {
    pub(super) fn on_network_change(&mut self, change: NetworkChange) {
        let NetworkChange { interfaces, came } = change;
        self.parts.discovery.network_changed(&interfaces, came);
        self.lan.interfaces = interfaces;
        if came {
            tracing::debug!("the network changed; whoever could not be reached is dialled again");
            let now = Instant::now();
            self.book.retry_all(now);
            self.dial_due(now);
            self.peers_changed = true;
        }
    }

    /// Dials where a beacon points, unless that node is linked already.
    pub(super) fn on_heard(&mut self, heard: Heard) {
        let linked = self.links.values().any(|link| link.handle.remote() == heard.address);
        let known = self.lan.who_answered(&heard).is_some_and(|node| self.is_linked(&node));
        // Its other addresses have time until this one has failed.
        let tried = self.lan.dialling.values().any(|other| other.nonce == heard.nonce);
        if linked || known || tried || self.parts.settings.admit.value == Admit::Configured {
            return;
        }
        let address = self.lan.written(&heard);
        let entry = self.book.at(&address).map(|(_, entry)| entry);
        if entry.is_some_and(|entry| entry.refused || !matches!(entry.phase, Phase::Waiting(_))) {
            return;
        }
        let now = Instant::now();
        if !self.lan.may_dial(now, heard.address.ip()) {
            return;
        }
        self.book.add(now, Peer { address: address.clone(), key: None }, Source::Lan);
        tracing::debug!("heard a node at {address}");
        self.dial_due(now);
        // A full book has none.
        let entry = self.book.at(&address);
        if let Some((id, _)) = entry.filter(|(_, entry)| entry.phase == Phase::Dialling) {
            self.lan.dialling.insert(id, heard);
        }
    }

    pub(super) fn lan_limits(&self, rows: &mut Vec<LimitRow>) {
        let stats = self.parts.discovery.stats();
        let mut row = |name: &str, used: usize, most: usize, when_full: &str| {
            let (name, when_full) = (name.into(), when_full.into());
            rows.push(LimitRow { name, used: used as u64, most: most as u64, when_full });
        };
        let mut names: Vec<_> = stats.interfaces.iter().map(|row| &row.name).collect();
        names.dedup();
        row("lan_interfaces", names.len(), discover::INTERFACES, "the others stay silent");
        row("lan_neighbours", stats.pairs, discover::PAIRS, "a random one is forgotten");
        row("lan_dials", self.lan.dials.len(), DIALS, "beacons are ignored for a while");
    }
}

impl Lan {
    pub(super) fn new(interfaces: Vec<Interface>) -> Self {
        Self {
            interfaces,
            dialling: BTreeMap::new(),
            answered: VecDeque::new(),
            dials: VecDeque::new(),
            refused: 0,
        }
    }

    /// A dial of any kind came to something, or to nothing.
    pub(super) fn on_dialled(&mut self, entry: EntryId, channel: Option<&Channel>) {
        let (Some(heard), channel) = (self.dialling.remove(&entry), channel) else { return };
        let Some(channel) = channel else { return };
        self.answered.retain(|(known, _)| *known != heard.nonce);
        if self.answered.len() >= ANSWERED {
            self.answered.pop_front();
        }
        self.answered.push_back((heard.nonce, NodeId(channel.peer)));
    }

    fn who_answered(&self, heard: &Heard) -> Option<NodeId> {
        self.answered.iter().find(|(known, _)| *known == heard.nonce).map(|(_, node)| *node)
    }

    /// The address as a person would write it, with the interface's name.
    fn written(&self, heard: &Heard) -> PeerAddress {
        let port = heard.address.port();
        let host = match heard.address {
            SocketAddr::V6(address) if address.scope_id() != 0 => {
                let index = address.scope_id();
                let found = self.interfaces.iter().find(|interface| interface.index == index);
                let zone = found.map_or_else(|| index.to_string(), |found| found.name.clone());
                format!("{}%{zone}", address.ip())
            }
            address @ (SocketAddr::V4(_) | SocketAddr::V6(_)) => address.ip().to_string(),
        };
        PeerAddress { host, port }
    }

    /// Whether one more beacon may be followed; then it counts.
    fn may_dial(&mut self, now: Instant, ip: IpAddr) -> bool {
        let is_old = |dial: &(Instant, IpAddr)| now.duration_since(dial.0) >= MINUTE;
        while self.dials.front().is_some_and(is_old) {
            self.dials.pop_front();
        }
        let there = self.dials.iter().filter(|(_, other)| *other == ip).count();
        let may = self.dials.len() < DIALS && there < DIALS_PER_ADDRESS;
        if may {
            self.dials.push_back((now, ip));
        } else {
            self.refused += 1;
        }
        may
    }
}

/// Beacons followed in a minute, whatever arrives.
const DIALS: usize = 32;
/// The same to one address, so that whoever forges beacons with its own leaves room for others.
const DIALS_PER_ADDRESS: usize = 8;
const MINUTE: Duration = Duration::from_secs(60);
/// Beacons whose sender is remembered; the oldest is forgotten.
const ANSWERED: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_beacons_are_followed_and_fewer_to_one_address() {
        let (mut lan, start) = (Lan::new(Vec::new()), Instant::now());
        let ip = |last: u32| IpAddr::from(last.to_be_bytes());
        let count = |lan: &mut Lan, now, ips: &mut dyn Iterator<Item = u32>| {
            ips.filter(|last| lan.may_dial(now, ip(*last))).count()
        };
        assert_eq!(count(&mut lan, start, &mut std::iter::repeat_n(1, 100)), DIALS_PER_ADDRESS);
        assert_eq!(count(&mut lan, start, &mut (2..1000)), DIALS - DIALS_PER_ADDRESS);
        assert_eq!(lan.dials.len(), DIALS);
        let later = start + MINUTE;
        assert_eq!(count(&mut lan, later, &mut (2..1000)), DIALS);
    }

    #[test]
    fn link_local_addresses_are_written_with_their_interface() {
        let eth0 = Interface {
            name: "eth0".into(),
            index: 3,
            up: true,
            multicast: true,
            loopback: false,
            addresses: Vec::new(),
        };
        let lan = Lan::new(vec![eth0]);
        let written = |address: &str| {
            let heard = Heard { interface: 3, nonce: [0; 16], address: address.parse().unwrap() };
            lan.written(&heard).to_string()
        };
        assert_eq!(written("[fe80::1%3]:7117"), "[fe80::1%eth0]:7117");
        assert_eq!(written("[fe80::1%4]:7117"), "[fe80::1%4]:7117");
        assert_eq!(written("10.0.0.1:1"), "10.0.0.1:1");
    }
}
