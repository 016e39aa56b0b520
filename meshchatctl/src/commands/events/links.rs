//! What changed between two pushes of the peers.

use std::collections::BTreeMap;

use meshchat_client::proto::control::{PeerInfo, PeerState};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::NodeName;
use serde::Serialize;

/// The peers as they were.
#[derive(Debug, Default)]
pub(super) struct Links {
    /// By node, or by address where nobody has answered. As many as the daemon has peers.
    was: Option<BTreeMap<Key, Seen>>,
}

type Key = (Option<NodeId>, String);

#[derive(Debug, Clone)]
struct Seen {
    up: bool,
    name: Option<NodeName>,
    address: String,
    reason: String,
}

/// One line.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct LinkChange {
    /// `up`, `down` or `failed`: it was tried, and why that did not work is new.
    state: &'static str,
    node: Option<NodeId>,
    name: Option<NodeName>,
    address: String,
    /// Why it is down; empty when it is not, or when nobody knows.
    reason: String,
}

impl Links {
    /// What is new; the first time, all links that are up.
    pub(super) fn compare(&mut self, peers: &[PeerInfo]) -> Vec<LinkChange> {
        let mut now = BTreeMap::new();
        for peer in peers {
            let seen = Seen {
                up: peer.state == PeerState::Linked,
                name: peer.name.clone(),
                address: peer.address.clone(),
                reason: peer.error.clone(),
            };
            let here: &mut Seen = now.entry(key(peer)).or_insert_with(|| seen.clone());
            // A node may have an address that is dialled beside the link that it has.
            if seen.up && !here.up {
                *here = seen;
            }
        }
        let was = self.was.replace(now.clone()).unwrap_or_default();
        let lost = was.iter().filter(|(key, seen)| seen.up && !now.contains_key(*key));
        let lost = lost.map(|(key, seen)| change("down", key, seen));
        let others = now.iter().filter_map(|(key, seen)| {
            let before = was.get(key);
            let up = before.is_some_and(|before| before.up);
            let told = before.map_or("", |before| before.reason.as_str());
            match (up, seen.up) {
                (false, true) => Some(change("up", key, seen)),
                (true, false) => Some(change("down", key, seen)),
                (false, false) if !seen.reason.is_empty() && seen.reason != told => {
                    Some(change("failed", key, seen))
                }
                (true, true) | (false, false) => None,
            }
        });
        lost.chain(others).collect()
    }

    /// The daemon is gone, and its links with it: when it is back, all are new.
    pub(super) fn forget(&mut self) {
        self.was = None;
    }
}

fn key(peer: &PeerInfo) -> Key {
    match peer.node {
        Some(node) => (Some(node), String::new()),
        None => (None, peer.address.clone()),
    }
}

fn change(state: &'static str, key: &Key, seen: &Seen) -> LinkChange {
    let reason = if state == "up" { String::new() } else { seen.reason.clone() };
    let (name, address) = (seen.name.clone(), seen.address.clone());
    LinkChange { state, node: key.0, name, address, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: Option<u8>, address: &str, state: PeerState, error: &str) -> PeerInfo {
        PeerInfo {
            address: address.into(),
            node: n.map(|n| NodeId([n; 32])),
            name: n.map(|n| format!("pi-{n}").parse().unwrap()),
            state,
            dialled: true,
            source: String::new(),
            since_ms: 0,
            rtt_us: None,
            sent_bytes: 0,
            received_bytes: 0,
            queued_bytes: 0,
            behind: false,
            error: error.into(),
            next_try_ms: None,
            tries: 0,
            carrier: String::new(),
            via: None,
        }
    }

    fn words(links: &mut Links, peers: &[PeerInfo]) -> Vec<String> {
        let all = links.compare(peers).into_iter();
        all.map(|change| format!("{} {} {}", change.state, change.address, change.reason)).collect()
    }

    #[test]
    fn links_come_and_go_with_their_reasons() {
        use PeerState::{Connecting, Linked, Waiting};
        let mut links = Links::default();
        let up = [peer(Some(1), "a:1", Linked, ""), peer(None, "b:1", Connecting, "")];
        assert_eq!(words(&mut links, &up), ["up a:1 "]);
        assert_eq!(words(&mut links, &up), Vec::<String>::new());
        let down = [peer(Some(1), "a:1", Waiting, "silent"), peer(None, "b:1", Waiting, "refused")];
        assert_eq!(words(&mut links, &down), ["failed b:1 refused", "down a:1 silent"]);
        assert_eq!(words(&mut links, &down), Vec::<String>::new());
        assert_eq!(words(&mut links, &up[..1]), ["up a:1 "]);
        assert_eq!(words(&mut links, &[]), ["down a:1 "]);
        links.forget();
        assert_eq!(words(&mut links, &up[..1]), ["up a:1 "]);
    }

    #[test]
    fn an_address_beside_a_link_is_no_loss() {
        let mut links = Links::default();
        let both = [
            peer(Some(1), "b:1", PeerState::Waiting, "no"),
            peer(Some(1), "a:1", PeerState::Linked, ""),
        ];
        assert_eq!(words(&mut links, &both), ["up a:1 "]);
    }
}
