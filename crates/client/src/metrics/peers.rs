//! Links, and peers that are dialled.

use std::collections::BTreeSet;
use std::time::Duration;

use meshchat_proto::control::{PeerInfo, PeerState};

use super::text::{Kind, Labels, Number, Text};
use super::{OTHER, PEERS, STRANGER};

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

/// `closed`: nobody links who was not let into the network.
pub(super) fn peers(text: &mut Text, peers: &[PeerInfo], closed: bool) {
    let count = |state| peers.iter().filter(|peer| peer.state == state).count() as u64;
    text.family(
        "meshchat_peers",
        Kind::Gauge,
        "Peers: links, and addresses that are dialled, by state.",
        STATES.map(|state| (vec![("state", word(state))], count(state))),
    );
    let (rows, rest) = split(peers, closed);
    let states = rows.iter().flat_map(|row| {
        STATES.map(|state| {
            let mut labels = row.labels();
            labels.push(("state", word(state)));
            (labels, row.peer.state == state)
        })
    });
    let help = "The state of a peer: 1 for the one that it is in.";
    text.family("meshchat_peer_state", Kind::Gauge, help, states);
    links(text, &rows, &rest);
    let help = "How often a peer was tried in vain since it last worked.";
    let tries = rows.iter().map(|row| (row.labels(), row.peer.tries));
    text.family("meshchat_peer_tries", Kind::Gauge, help, tries);
}

fn links(text: &mut Text, rows: &[Row<'_>], rest: &[&PeerInfo]) {
    let rtt = rows.iter().filter_map(|row| Some((row.labels(), Number::Micros(row.peer.rtt_us?))));
    let help = "Round-trip time of a link.";
    text.family("meshchat_peer_rtt_seconds", Kind::Gauge, help, rtt);
    let is_linked = |peer: &PeerInfo| peer.state == PeerState::Linked;
    let links = || rows.iter().filter(|row| is_linked(row.peer));
    let mut count = |name: &str, help: &str, value: fn(&PeerInfo) -> u64| {
        let samples = links().map(|row| (row.labels(), value(row.peer)));
        text.family(name, Kind::Counter, help, samples);
    };
    // Not of all others together: that sum would fall whenever one of them goes.
    count("meshchat_peer_sent_bytes_total", "Bytes sent over a link.", |peer| peer.sent_bytes);
    let help = "Bytes got over a link.";
    count("meshchat_peer_received_bytes_total", help, |peer| peer.received_bytes);
    let others: Vec<_> = rest.iter().filter(|peer| is_linked(peer)).collect();
    let mut gauge = |name: &str, help: &str, value: fn(&PeerInfo) -> u64, all: u64| {
        let other = (!others.is_empty()).then(|| (vec![("peer", OTHER), ("node", "")], all));
        let samples = links().map(|row| (row.labels(), value(row.peer))).chain(other);
        text.family(name, Kind::Gauge, help, samples);
    };
    let queued = others.iter().fold(0u64, |sum, peer| sum.saturating_add(peer.queued_bytes));
    let help = "Bytes that wait for a link.";
    gauge("meshchat_peer_queued_bytes", help, |peer| peer.queued_bytes, queued);
    let behind = others.iter().any(|peer| peer.behind);
    let help = "Whether the queue of a link was full: catch-up brings the rest.";
    gauge("meshchat_peer_behind", help, |peer| peer.behind.into(), behind.into());
}

/// Those with numbers of their own, the linked ones first, and all others. Of several with the same
/// labels, the first.
fn split(peers: &[PeerInfo], closed: bool) -> (Vec<Row<'_>>, Vec<&PeerInfo>) {
    let mut sorted: Vec<_> = peers.iter().collect();
    sorted.sort_by_key(|peer| (rank(peer.state), &peer.address));
    let (mut rows, mut rest, mut known) = (Vec::new(), Vec::new(), BTreeSet::new());
    for peer in sorted {
        // A linked peer's address may be any port; its name stays.
        let name = peer.name.as_ref().map_or_else(|| peer.address.clone(), ToString::to_string);
        let node = peer.node.as_ref().map_or_else(String::new, |node| node.short());
        if rows.len() == PEERS || !is_kept(peer, closed) {
            rest.push(peer);
        } else if known.insert((name.clone(), node.clone())) {
            rows.push(Row { peer, name, node });
        }
    }
    (rows, rest)
}

/// Whether a peer is worth a place in a database for ever: it was named here, was let into the
/// network, or stays.
fn is_kept(peer: &PeerInfo, closed: bool) -> bool {
    let linked = peer.state == PeerState::Linked;
    let stays = linked && Duration::from_millis(peer.since_ms) >= STRANGER;
    NAMED.contains(&peer.source.as_str()) || stays || closed && (linked || peer.source == "mesh")
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
/// Sources of peers that somebody on this machine named for good.
const NAMED: [&str; 4] = ["config", "flag", "operator", "named"];
