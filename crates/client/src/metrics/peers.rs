//! Links, and peers that are dialled.

use std::collections::BTreeSet;

use meshchat_proto::control::{PeerInfo, PeerState};

use super::PEERS;
use super::text::{Kind, Labels, Number, Text};

/// A peer and its labels, which no other has.
struct Row<'a> {
    peer: &'a PeerInfo,
    name: String,
    node: String,
}

impl Row<'_> {
    fn labels(&self) -> Labels<'_> {
        vec![("peer", self.name.as_str()), ("node", self.node.as_str())]
    }
}

pub(super) fn peers(text: &mut Text, peers: &[PeerInfo]) {
    let count = |state| peers.iter().filter(|peer| peer.state == state).count() as u64;
    text.family(
        "meshchat_peers",
        Kind::Gauge,
        "Peers: links, and addresses that are dialled, by state.",
        STATES.map(|state| (vec![("state", word(state))], count(state))),
    );
    let rows = rows(peers);
    let states = rows.iter().flat_map(|row| {
        STATES.map(|state| {
            let mut labels = row.labels();
            labels.push(("state", word(state)));
            (labels, row.peer.state == state)
        })
    });
    let help = "The state of a peer: 1 for the one that it is in.";
    text.family("meshchat_peer_state", Kind::Gauge, help, states);
    let rtt = rows.iter().filter_map(|row| Some((row.labels(), Number::Micros(row.peer.rtt_us?))));
    let help = "Round-trip time of a link.";
    text.family("meshchat_peer_rtt_seconds", Kind::Gauge, help, rtt);
    let links = || rows.iter().filter(|row| row.peer.state == PeerState::Linked);
    let mut family = |name: &str, kind, help: &str, value: fn(&PeerInfo) -> u64| {
        text.family(name, kind, help, links().map(|row| (row.labels(), value(row.peer))));
    };
    let (name, help) = ("meshchat_peer_sent_bytes_total", "Bytes sent over a link.");
    family(name, Kind::Counter, help, |peer| peer.sent_bytes);
    let (name, help) = ("meshchat_peer_received_bytes_total", "Bytes got over a link.");
    family(name, Kind::Counter, help, |peer| peer.received_bytes);
    let (name, help) = ("meshchat_peer_queued_bytes", "Bytes that wait for a link.");
    family(name, Kind::Gauge, help, |peer| peer.queued_bytes);
    let help = "Whether the queue of a link was full: catch-up brings the rest.";
    family("meshchat_peer_behind", Kind::Gauge, help, |peer| peer.behind.into());
    let help = "How often a peer was tried in vain since it last worked.";
    let tries = rows.iter().map(|row| (row.labels(), row.peer.tries));
    text.family("meshchat_peer_tries", Kind::Gauge, help, tries);
}

/// Those that are linked first; of several with the same labels, the first.
fn rows(peers: &[PeerInfo]) -> Vec<Row<'_>> {
    let mut sorted: Vec<_> = peers.iter().collect();
    sorted.sort_by_key(|peer| (rank(peer.state), &peer.address));
    let mut known = BTreeSet::new();
    let rows = sorted.into_iter().map(|peer| {
        // A linked peer's address may be any port; its name stays.
        let name = peer.name.as_ref().map_or_else(|| peer.address.clone(), ToString::to_string);
        let node = peer.node.as_ref().map_or_else(String::new, |node| node.short());
        Row { peer, name, node }
    });
    rows.filter(|row| known.insert((row.name.clone(), row.node.clone()))).take(PEERS).collect()
}

fn rank(state: PeerState) -> usize {
    STATES.iter().position(|known| *known == state).unwrap_or(STATES.len())
}

const fn word(state: PeerState) -> &'static str {
    match state {
        PeerState::Linked => "linked",
        PeerState::Connecting => "connecting",
        PeerState::Waiting => "waiting",
        PeerState::Relayed => "relayed",
        PeerState::Refused => "refused",
        PeerState::Unknown => "unknown",
    }
}

const STATES: [PeerState; 5] = [
    PeerState::Linked,
    PeerState::Connecting,
    PeerState::Relayed,
    PeerState::Waiting,
    PeerState::Refused,
];
