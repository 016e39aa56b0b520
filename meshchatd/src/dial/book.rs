//! Every named peer and where we stand with it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use meshchat_proto::id::NodeId;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::backoff::pause;
use super::race::Zeal;
use crate::config::{Peer, PeerAddress};

/// The number of an entry, never used twice.
pub type EntryId = u32;

/// Who named a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The configuration, an environment variable or a flag.
    Config,
    /// An operator, for good.
    Operator,
    /// An operator, until the daemon stops.
    Once,
}

impl Source {
    /// The stable word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Operator => "operator",
            Self::Once => "once",
        }
    }
}

/// Where we stand with a peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// The next try is at this time.
    Waiting(Instant),
    /// A try is under way.
    Dialling,
    /// It is linked over this link.
    Linked(u32),
}

/// One named peer.
#[derive(Debug)]
pub struct Entry {
    /// Where it is and which key must answer.
    pub peer: Peer,
    /// Who named it.
    pub source: Source,
    /// Where we stand.
    pub phase: Phase,
    /// Since when.
    pub since: Instant,
    /// Why the last try failed; empty when it did not.
    pub error: String,
    /// Failures in a row.
    pub tries: u32,
    /// The last failure will not go away by itself.
    pub refused: bool,
    /// Who answered there last.
    pub node: Option<NodeId>,
    /// The link that it has, or had last, was in use.
    worked: bool,
    /// When a link that worked was lost; none when none was, or the peer has refused us since.
    lost: Option<Instant>,
    /// A try that fails is repeated at once: it began in another network.
    again: bool,
}

/// A peer that an operator named for good, as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedPeer {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// The key that must answer there.
    pub key: Option<NodeId>,
}

/// All named peers.
#[derive(Debug, Default)]
pub struct Book {
    entries: BTreeMap<EntryId, Entry>,
    next: EntryId,
}

impl Book {
    /// Most peers that may be named.
    pub const CAPACITY: usize = 512;

    /// Names a peer. Known addresses only change who named them. `false` when the book is full.
    pub fn add(&mut self, now: Instant, peer: Peer, source: Source) -> bool {
        let known = self.entries.values_mut().find(|entry| entry.peer.address == peer.address);
        if let Some(entry) = known {
            if entry.source != Source::Config {
                entry.source = source;
            }
            if peer.key.is_some() {
                entry.peer.key = peer.key;
            }
            if matches!(entry.phase, Phase::Waiting(_)) {
                entry.retry_at(now);
            }
            return true;
        }
        if self.entries.len() >= Self::CAPACITY {
            return false;
        }
        self.next += 1;
        let entry = Entry {
            peer,
            source,
            phase: Phase::Waiting(now),
            since: now,
            error: String::new(),
            tries: 0,
            refused: false,
            node: None,
            worked: false,
            lost: None,
            again: false,
        };
        self.entries.insert(self.next, entry);
        true
    }

    /// Forgets a peer by address or by who answered there. Returns those it forgot.
    pub fn remove(&mut self, matches: impl Fn(&Entry) -> bool) -> Vec<Entry> {
        let ids: Vec<_> =
            self.entries.iter().filter(|(_, entry)| matches(entry)).map(|(id, _)| *id).collect();
        ids.into_iter().filter_map(|id| self.entries.remove(&id)).collect()
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = (EntryId, &Entry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether this node, or whoever is at this address, was named.
    #[must_use]
    pub fn names(&self, node: &NodeId, ip: IpAddr) -> bool {
        self.entries.values().any(|entry| {
            entry.peer.key == Some(node.0)
                || entry.node == Some(*node)
                || entry.peer.address.host.parse() == Ok(ip)
        })
    }

    /// Entries to be dialled now, marked as such. `linked` tells whether a node has a link.
    pub fn take_due(
        &mut self,
        now: Instant,
        linked: impl Fn(&NodeId) -> bool,
    ) -> Vec<(EntryId, Peer, Zeal)> {
        let mut due = Vec::new();
        for (id, entry) in &mut self.entries {
            if matches!(entry.phase, Phase::Waiting(at) if at <= now) {
                if entry.node.is_some_and(|node| linked(&node)) {
                    // The link that the other side dialled serves.
                    entry.phase = Phase::Waiting(now + COVERED);
                    continue;
                }
                (entry.phase, entry.again) = (Phase::Dialling, false);
                entry.since = now;
                due.push((*id, entry.peer.clone(), entry.zeal(now)));
            }
        }
        due
    }

    /// Puts off whatever is due.
    pub fn rest(&mut self, now: Instant) {
        for entry in self.entries.values_mut() {
            if matches!(entry.phase, Phase::Waiting(at) if at <= now) {
                entry.retry_at(now + COVERED);
            }
        }
    }

    /// When the next entry is due.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        let waiting = self.entries.values().filter_map(|entry| match entry.phase {
            Phase::Waiting(at) => Some(at),
            Phase::Dialling | Phase::Linked(_) => None,
        });
        waiting.min()
    }

    /// A try gave a link.
    pub fn linked(&mut self, now: Instant, id: EntryId, link: u32, node: NodeId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            (entry.phase, entry.since, entry.node) = (Phase::Linked(link), now, Some(node));
            entry.worked = false;
        }
    }

    /// A link serves: earlier failures are forgotten.
    pub fn works(&mut self, link: u32) {
        for entry in self.entries.values_mut().filter(|entry| entry.phase == Phase::Linked(link)) {
            (entry.tries, entry.refused, entry.worked) = (0, false, true);
            entry.error.clear();
        }
    }

    /// The network changed: what was in vain may work now, so all that wait are due at once, and
    /// those that are being dialled are dialled once more if that fails.
    pub fn retry_all(&mut self, now: Instant) {
        for entry in self.entries.values_mut() {
            match entry.phase {
                Phase::Waiting(_) => {
                    entry.tries = 0;
                    entry.retry_at(now);
                }
                Phase::Dialling => entry.again = true,
                Phase::Linked(_) => {}
            }
        }
    }

    /// A try failed.
    pub fn failed(&mut self, now: Instant, id: EntryId, error: String, refused: bool) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.tries += 1;
        entry.error = error;
        entry.refused = refused;
        entry.lost = entry.lost.filter(|_| !refused);
        let pause = match entry.zeal(now) {
            Zeal::Calm => pause(entry.tries, refused, random()),
            Zeal::Eager => pause(1, false, random()) / 4,
        };
        let again = std::mem::take(&mut entry.again);
        entry.retry_at(if again { now } else { now + pause });
        entry.since = now;
    }

    /// An operator's peer is not worth keeping on disk. Whether it was on it.
    pub fn demote(&mut self, id: EntryId) -> bool {
        let entry = self.entries.get_mut(&id);
        if let Some(entry) = entry.filter(|entry| entry.source == Source::Operator) {
            entry.source = Source::Once;
            return true;
        }
        false
    }

    /// A link ended. Its peer is tried again soon, or later when it refused us.
    pub fn lost(&mut self, now: Instant, link: u32, error: &str, refused: bool) {
        let ids = self.entries.iter().filter(|(_, entry)| entry.phase == Phase::Linked(link));
        for id in ids.map(|(id, _)| *id).collect::<Vec<_>>() {
            if let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.worked) {
                entry.lost = Some(now);
            }
            self.failed(now, id, error.into(), refused);
        }
    }

    /// A node has no link any more: entries that relied on the other side's dialling go first.
    pub fn uncovered(&mut self, now: Instant, node: &NodeId) {
        for entry in self.entries.values_mut().filter(|entry| entry.node == Some(*node)) {
            if matches!(entry.phase, Phase::Waiting(_)) && !entry.refused {
                entry.lost = Some(now);
                entry.retry_at(now + pause(1, false, random()) / 4);
                entry.since = now;
            }
        }
    }

    /// What is to be kept on disk.
    #[must_use]
    pub fn save(&self) -> Vec<SavedPeer> {
        let kept = self.entries.values().filter(|entry| entry.source == Source::Operator);
        kept.map(|entry| SavedPeer {
            host: entry.peer.address.host.clone(),
            port: entry.peer.address.port,
            key: entry.peer.key.map(NodeId),
        })
        .collect()
    }
}

impl Entry {
    fn zeal(&self, now: Instant) -> Zeal {
        let eager = self.lost.is_some_and(|lost| now.duration_since(lost) < EAGER);
        if eager { Zeal::Eager } else { Zeal::Calm }
    }

    fn retry_at(&mut self, at: Instant) {
        self.phase = Phase::Waiting(at);
    }
}

impl From<SavedPeer> for Peer {
    fn from(saved: SavedPeer) -> Self {
        let address = PeerAddress { host: saved.host, port: saved.port };
        Self { address, key: saved.key.map(|key| key.0) }
    }
}

/// A peer that was lost is looked for without pause for so long; most cuts are shorter.
const EAGER: Duration = Duration::from_secs(60);
/// How often to look whether a peer that the other side has dialled still has its link.
const COVERED: Duration = Duration::from_secs(60);

fn random() -> u64 {
    // Without randomness the pauses are merely not jittered.
    getrandom::u64().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(host: &str) -> Peer {
        Peer { address: PeerAddress { host: host.into(), port: 7117 }, key: None }
    }

    #[test]
    fn a_peer_is_dialled_again_after_each_failure_and_at_once_when_named_again() {
        let now = Instant::now();
        let mut book = Book::default();
        assert!(book.add(now, peer("a"), Source::Operator));
        let due = book.take_due(now, |_| false);
        assert_eq!(due.len(), 1);
        assert!(book.take_due(now, |_| false).is_empty(), "one try at a time");
        assert_eq!(due[0].2, Zeal::Calm);
        book.failed(now, due[0].0, "no answer".into(), false);
        assert!(book.take_due(now, |_| false).is_empty());
        assert!(book.due().unwrap() > now);
        book.add(now, peer("a"), Source::Once);
        assert_eq!(book.take_due(now, |_| false).len(), 1);
        assert_eq!(book.len(), 1);
    }

    #[test]
    fn a_peer_that_was_there_is_looked_for_eagerly_for_a_while() {
        let now = Instant::now();
        let mut book = Book::default();
        book.add(now, peer("a"), Source::Config);
        let id = book.take_due(now, |_| false)[0].0;
        book.linked(now, id, 5, NodeId([1; 32]));
        book.works(5);
        book.lost(now, 5, "no sign of life", false);
        let soon = now + Duration::from_millis(100);
        assert_eq!(book.take_due(soon, |_| false)[0].2, Zeal::Eager);
        let later = now + EAGER;
        book.failed(later, id, "no answer".into(), false);
        assert_eq!(book.take_due(later + EAGER, |_| false)[0].2, Zeal::Calm);
    }

    #[test]
    fn a_peer_whose_links_never_worked_or_that_refuses_is_tried_ever_more_seldom() {
        let (now, node) = (Instant::now(), NodeId([1; 32]));
        for refused in [false, true] {
            let mut book = Book::default();
            book.add(now, peer("a"), Source::Config);
            let id = book.take_due(now, |_| false)[0].0;
            book.linked(now, id, 5, node);
            if refused {
                book.works(5);
            }
            book.lost(now, 5, "closed by the peer", refused);
            assert!(book.take_due(now + Duration::from_millis(100), |_| false).is_empty());
            let later = now + Duration::from_secs(80);
            assert_eq!(book.take_due(later, |_| false)[0].2, Zeal::Calm);
        }
    }

    #[test]
    fn a_link_that_the_other_side_dialled_serves() {
        let (now, node) = (Instant::now(), NodeId([1; 32]));
        let mut book = Book::default();
        book.add(now, peer("a"), Source::Config);
        let id = book.take_due(now, |_| false)[0].0;
        book.linked(now, id, 5, node);
        book.lost(now, 5, "another link to this node is kept", false);
        let later = now + Duration::from_secs(1);
        assert!(book.take_due(later, |other| *other == node).is_empty());
        book.uncovered(later, &node);
        assert_eq!(book.take_due(later + Duration::from_secs(1), |_| false).len(), 1);
    }

    #[test]
    fn a_change_of_the_network_makes_all_that_wait_due() {
        let now = Instant::now();
        let mut book = Book::default();
        for host in ["a", "b", "c"] {
            book.add(now, peer(host), Source::Config);
        }
        let ids: Vec<_> = book.take_due(now, |_| false).into_iter().map(|due| due.0).collect();
        for _ in 0..20 {
            book.failed(now, ids[0], "no answer".into(), false);
        }
        book.failed(now, ids[1], "another node answered".into(), true);
        assert!(book.take_due(now, |_| false).is_empty());
        book.retry_all(now);
        let due: Vec<_> = book.take_due(now, |_| false).into_iter().map(|due| due.0).collect();
        assert_eq!(due, ids[..2], "not the one that is being dialled");
        book.failed(now, ids[2], "no answer".into(), false);
        assert_eq!(book.take_due(now, |_| false).len(), 1, "but that one when it fails");
        book.failed(now, ids[2], "no answer".into(), false);
        assert!(book.take_due(now, |_| false).is_empty(), "once");
    }

    #[test]
    fn the_book_is_bounded_and_only_the_operators_peers_are_saved() {
        let now = Instant::now();
        let mut book = Book::default();
        for n in 0..Book::CAPACITY {
            let source = if n == 3 { Source::Operator } else { Source::Config };
            assert!(book.add(now, peer(&format!("h{n}")), source));
        }
        assert!(!book.add(now, peer("one-more"), Source::Operator));
        assert_eq!(book.save(), [SavedPeer { host: "h3".into(), port: 7117, key: None }]);
    }
}
