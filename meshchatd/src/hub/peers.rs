//! Peers as people see them: links, and addresses that are dialled.

use std::collections::BTreeMap;
use std::time::Duration;

use meshchat_core::{LinkInfo, Sought};
use meshchat_proto::control::{PeerInfo, PeerState};
use tokio::time::Instant;

use super::Hub;
use crate::dial::{Entry, Phase};
use crate::near;
use crate::transport::Lane;

impl Hub {
    /// Named peers first, then other links, then nodes that are wanted as neighbours.
    pub(super) fn peer_infos(&self) -> Vec<PeerInfo> {
        let now = Instant::now();
        let mut links: BTreeMap<u32, LinkInfo> = BTreeMap::new();
        for link in self.node.links(self.now().mono) {
            links.insert(link.link, link);
        }
        let mut infos = Vec::new();
        for (_, entry) in self.book.iter() {
            let serving = links.values().find(|link| match entry.phase {
                Phase::Linked(id) => link.link == id,
                Phase::Waiting(_) | Phase::Dialling => Some(link.peer) == entry.node && link.live,
            });
            let link = serving.map(|link| link.link).and_then(|id| links.remove(&id));
            infos.push(self.named(now, entry, link.as_ref()));
        }
        infos.extend(links.values().map(|link| {
            let source = self.links.get(&link.link).map_or("inbound", |state| state.source);
            let none = PeerInfo { address: link.address.clone(), ..blank(source) };
            self.linked(none, link)
        }));
        let listed: Vec<_> = infos.iter().filter_map(|info| info.node).collect();
        let sought = self.node.sought(self.now().mono).into_iter();
        infos.extend(sought.filter(|one| !listed.contains(&one.node)).map(sought_info));
        infos
    }

    fn named(&self, now: Instant, entry: &Entry, link: Option<&LinkInfo>) -> PeerInfo {
        let info = PeerInfo {
            address: entry.peer.address.to_string(),
            node: entry.node.or(entry.peer.key.map(meshchat_proto::id::NodeId)),
            name: entry.node.and_then(|node| self.node.name_of(&node)),
            dialled: true,
            since_ms: millis(now.duration_since(entry.since)),
            error: entry.error.clone(),
            tries: entry.tries,
            via: entry.node.and_then(|node| self.node.relay_to(&node)),
            ..blank(entry.source.as_str())
        };
        if let Some(link) = link {
            return self.linked(info, link);
        }
        match entry.phase {
            Phase::Dialling | Phase::Linked(_) => info,
            Phase::Waiting(at) => PeerInfo {
                state: match (entry.refused, &info.via) {
                    (true, _) => PeerState::Refused,
                    (false, Some(_)) => PeerState::Relayed,
                    (false, None) => PeerState::Waiting,
                },
                next_try_ms: Some(millis(at.duration_since(now))),
                ..info
            },
        }
    }

    fn linked(&self, info: PeerInfo, link: &LinkInfo) -> PeerInfo {
        let state = self.links.get(&link.link);
        let stats = state.map(|state| state.handle.stats()).unwrap_or_default();
        // QUIC has an estimate before the first heartbeat.
        let rtt = link.rtt.or_else(|| state.and_then(|state| state.handle.rtt()));
        let carrier = state.map_or("", |state| state.handle.carrier().as_str());
        let queued = state.map_or(0, |state| state.handle.queued(Lane::Bulk));
        PeerInfo {
            node: Some(link.peer),
            name: link.name.clone(),
            state: if link.live { PeerState::Linked } else { PeerState::Connecting },
            dialled: link.dialled,
            since_ms: millis(link.since),
            rtt_us: rtt.map(|rtt| u64::try_from(rtt.as_micros()).unwrap_or(u64::MAX)),
            sent_bytes: stats.sent_bytes,
            received_bytes: stats.received_bytes,
            queued_bytes: queued as u64,
            behind: link.behind,
            carrier: carrier.into(),
            error: String::new(),
            next_try_ms: None,
            via: None,
            ..info
        }
    }
}

fn sought_info(sought: Sought) -> PeerInfo {
    let Sought { node, name, address, via, since, dialling, next_try, tries } = sought;
    PeerInfo {
        address: address.map(near::shown).unwrap_or_default(),
        node: Some(node),
        name: Some(name),
        state: match (dialling, &via) {
            (true, None) => PeerState::Connecting,
            (_, Some(_)) => PeerState::Relayed,
            (false, None) => PeerState::Waiting,
        },
        dialled: true,
        since_ms: millis(since),
        next_try_ms: (!dialling).then(|| millis(next_try)),
        tries,
        via,
        ..blank("mesh")
    }
}

fn blank(source: &str) -> PeerInfo {
    PeerInfo {
        address: String::new(),
        node: None,
        name: None,
        state: PeerState::Connecting,
        dialled: false,
        source: source.into(),
        since_ms: 0,
        rtt_us: None,
        sent_bytes: 0,
        received_bytes: 0,
        queued_bytes: 0,
        behind: false,
        error: String::new(),
        next_try_ms: None,
        tries: 0,
        carrier: String::new(),
        via: None,
    }
}

fn millis(span: Duration) -> u64 {
    u64::try_from(span.as_millis()).unwrap_or(u64::MAX)
}
