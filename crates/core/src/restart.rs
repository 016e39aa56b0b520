//! A node that ends only to start again: neighbours wait for it, and the next run takes up where
//! this one stopped, so that nobody sees anybody go.
//!
//! A link needs the word of both ends. The neighbours go on claiming theirs for
//! [`limits::RESTART`], no longer than they would take to notice a cut; the new run claims the
//! same ones for what is left of that time. Then only what really stands counts.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::control::NodeState;
use meshchat_proto::id::{Boot, NetworkId, NodeId};
use meshchat_proto::message::{Draft, MessageKind};
use meshchat_proto::name::{PersonName, RoomName, Text, Via};
use meshchat_proto::peer::{GoodbyeReason, Record, Signed};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::chat::{Outgoing, Post};
use crate::env::Env;
use crate::io::{LinkId, Output, SavedPerson};
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now, millis};

/// What one run hands to the next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handover {
    /// The network that it belonged to.
    pub network: NetworkId,
    /// Its neighbours.
    pub neighbours: Vec<HeldNeighbour>,
    /// Its people who were there.
    pub people: Vec<HeldPerson>,
    /// Signed records of other nodes, at most [`limits::HANDOVER_RECORDS`] bytes.
    pub records: Vec<ByteBuf>,
    /// What its people said faster than it may be sent.
    pub words: Vec<HeldWords>,
}

/// A neighbour that a run had when it ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldNeighbour {
    /// Which.
    pub node: NodeId,
    /// Milliseconds after which the run would have given it up without a word from it.
    pub left_ms: u64,
}

/// Somebody who was there when a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldPerson {
    /// Who.
    pub person: SavedPerson,
    /// The door that they came in by; none for a Unix user.
    pub via: Option<Via>,
    /// They read along.
    pub reading: bool,
    /// Milliseconds that they have to come back.
    pub left_ms: u64,
}

/// A message that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldWords {
    /// Who said it.
    pub author: PersonName,
    /// Where.
    pub room: RoomName,
    /// What they did.
    pub kind: MessageKind,
    /// The words.
    pub text: Text,
    /// Milliseconds since 1970, for display only.
    pub wall: u64,
    /// The kind of door that the author came in by.
    pub via: Option<Via>,
}

/// Neighbours without a link, each until a moment: it has ended one link for another, or starts
/// again.
#[derive(Debug, Default)]
pub(crate) struct Between(BTreeMap<NodeId, Wait>);

#[derive(Debug, Clone, Copy)]
struct Wait {
    until: Mono,
    /// It has said that it starts again, and gets no more time by saying so once more.
    restarting: bool,
}

impl Between {
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        self.0.keys().copied()
    }

    pub(crate) fn due(&self) -> impl Iterator<Item = Mono> {
        self.0.values().map(|wait| wait.until)
    }

    pub(crate) fn has(&self, node: &NodeId) -> bool {
        self.0.contains_key(node)
    }

    /// Waits for these until then, as far as there is room.
    pub(crate) fn extend(&mut self, nodes: impl IntoIterator<Item = (NodeId, Mono)>) {
        for (node, until) in nodes {
            self.wait(node, Wait { until, restarting: false });
        }
    }

    fn wait(&mut self, node: NodeId, more: Wait) {
        if self.0.len() < limits::LINKS || self.0.contains_key(&node) {
            let known = self.0.entry(node).or_insert(more);
            if !(known.restarting && more.restarting) {
                known.until = known.until.max(more.until);
                known.restarting |= more.restarting;
            }
        }
    }

    pub(crate) fn remove(&mut self, node: &NodeId) {
        self.0.remove(node);
    }

    /// With the time that is left to each.
    fn left(&self, now: Mono) -> impl Iterator<Item = (NodeId, Duration)> {
        self.0.iter().map(move |(node, wait)| (*node, wait.until.since(now)))
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&NodeId) -> bool) {
        self.0.retain(|node, _| keep(node));
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }
}

impl<E: Env> Node<E> {
    /// Ends this run in favour of the next one.
    pub(crate) fn restart(&mut self, now: Now) {
        self.seal(now);
        // What waits for an earlier one is history, too, and is kept or carried with it.
        self.release_all(now);
        let words = self.take_waiting().filter_map(HeldWords::of).collect();
        self.publish_last(now);
        let handover =
            Handover { records: self.records_to_hand_over(), words, ..self.handover(now) };
        self.out.push_back(Output::Handover(Box::new(handover)));
        for link in self.links.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            self.end_link(now, link, GoodbyeReason::Restarting);
        }
        self.put_away(now);
    }

    /// What the next run should know if this one ends without warning: only what others would
    /// miss.
    pub fn handover(&self, now: Now) -> Handover {
        let live = self.links.live().map(|(_, link)| (link.peer, link.time_left(now.mono)));
        let mut neighbours: BTreeMap<NodeId, Duration> =
            self.links.between.left(now.mono).collect();
        neighbours.extend(live);
        let held = |(node, left)| HeldNeighbour { node, left_ms: millis(left) };
        Handover {
            network: self.me.network,
            neighbours: neighbours.into_iter().map(held).collect(),
            people: self.people.hand_over(now.mono),
            records: Vec::new(),
            words: Vec::new(),
        }
    }

    /// Takes up what the run before has handed over, `age` ago. Call it before anything else happens,
    /// but after letters and rooms were loaded.
    ///
    /// What is said to be there has only the time that was left to it then; what was said has no end.
    pub fn take_over(&mut self, now: Now, handover: Handover, age: Duration) {
        let Handover { network, neighbours, people, records, words } = handover;
        if network != self.me.network {
            return;
        }
        let until = |left_ms| {
            let left = Duration::from_millis(left_ms).min(limits::RESTART).checked_sub(age);
            left.filter(|left| !left.is_zero()).map(|left| now.mono + left)
        };
        let fit = neighbours.into_iter().filter(|held| self.roster.admits(&held.node));
        let fit = fit.filter_map(|held| Some((held.node, until(held.left_ms)?)));
        self.links.between.extend(fit);
        for held in people {
            if let Some(until) = until(held.left_ms) {
                self.people.hold(held, until);
            }
        }
        for signed in records {
            self.take_over_record(now, Bytes::from(signed.into_vec()));
        }
        self.record_changed(now);
        self.work_out_presence(now);
        // Nothing has changed since others looked last.
        self.nodes.values_mut().for_each(|known| known.take_as_shown());
        for words in words {
            let outgoing =
                Outgoing { session: 0, id: 0, draft: words.into_draft(), post: Post::Silent };
            // There are no more of them than may wait.
            let _ = self.pace(now, outgoing);
        }
    }

    /// When people who have not come back are gone.
    pub(crate) fn held_due(&self) -> Option<Mono> {
        self.people.held_due()
    }

    /// Ends waiting: for neighbours, and for people of this node.
    pub(crate) fn end_waiting(&mut self, now: Now) {
        let before = self.links.neighbours();
        self.links.between.0.retain(|_, wait| wait.until > now.mono);
        if self.links.neighbours() != before {
            self.neighbours_changed(now);
        }
        let Self { people, sessions, .. } = self;
        if people.release(now.mono, |user| sessions.is_open_for(user)) {
            self.record_changed(now);
        }
    }

    /// The other end of a link starts again: it stays a neighbour for a while.
    pub(crate) fn expect_back(&mut self, now: Now, link: LinkId) {
        let known = self.links.get(link).filter(|state| state.hello.is_some());
        if let Some(peer) = known.map(|state| state.peer) {
            let until = now.mono + limits::RESTART;
            self.links.between.wait(peer, Wait { until, restarting: true });
        }
    }

    /// A link goes live with a newer run of a node that was here until now: its old record counts
    /// for the moment that the new one takes.
    pub(crate) fn bridge_runs(&mut self, now: Now, link: LinkId) {
        let Some(state) = self.links.get(link) else { return };
        let known = self.nodes.get(&state.peer);
        let here = known.is_some_and(|known| known.state == NodeState::Reachable);
        let (peer, outdated) = (state.peer, known.is_some_and(|known| state.outdates(known)));
        if here && outdated {
            self.links.between.extend([(peer, now.mono + limits::BETWEEN)]);
        } else if !outdated && known.is_some() {
            self.links.between.remove(&peer);
        }
    }

    /// The first record of a new run has come: the node speaks for itself again, once there is a
    /// link.
    pub(crate) fn is_back(&mut self, node: &NodeId, boot: Boot) {
        let newer = self.nodes.get(node).is_none_or(|known| known.record.boot < boot);
        if newer && self.links.live_to(node).is_some() {
            self.links.between.remove(node);
        }
    }

    fn records_to_hand_over(&self) -> Vec<ByteBuf> {
        let others = self.nodes.iter().filter(|(node, _)| **node != self.me.id);
        let signed = others.map(|(_, known)| &known.signed).filter(|signed| !signed.is_empty());
        let mut left = limits::HANDOVER_RECORDS;
        let fits = signed.take_while(|signed| {
            let fits = left.checked_sub(signed.len());
            left = fits.unwrap_or(0);
            fits.is_some()
        });
        fits.map(|signed| ByteBuf::from(signed.to_vec())).collect()
    }

    /// Its signature was checked by the run before, and the caller knows that these are its words.
    fn take_over_record(&mut self, now: Now, bytes: Bytes) {
        let Ok(signed) = codec::decode::<Signed<'_>>(&bytes) else { return };
        let Ok(mut record) = codec::decode::<Record>(signed.body) else { return };
        let node = record.node;
        if record.network != self.me.network || node == self.me.id || !self.roster.admits(&node) {
            return;
        }
        self.addresses_heard(now, &record);
        let (boot, holdings) = (record.boot, record.holdings.take());
        if self.nodes.put(now.mono, record, bytes.clone()) {
            self.name_node(now, node);
            if let Some(holdings) = holdings {
                self.take_holdings(now.mono, (node, boot), &holdings);
            }
        }
    }
}

impl HeldWords {
    /// Letters are none: the outbox has them.
    fn of(outgoing: Outgoing) -> Option<Self> {
        let Draft { author, room, kind, text, seen: _, wall, sealed, via } = outgoing.draft;
        // Silent are those that the run before has handed over.
        let plain = matches!(outgoing.post, Post::Said | Post::Silent) && sealed.is_none();
        plain.then_some(Self { author, room, kind, text, wall, via })
    }

    fn into_draft(self) -> Draft {
        let Self { author, room, kind, text, wall, via } = self;
        Draft { author, room, kind, text, seen: Vec::new(), wall, sealed: None, via }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_says_again_that_it_restarts_gets_no_more_time() {
        let (node, mut between) = (NodeId([7; 32]), Between::default());
        let at = |seconds| Mono::ZERO + Duration::from_secs(seconds);
        let restarting = |seconds| Wait { until: at(seconds), restarting: true };
        between.extend([(node, at(1))]);
        between.wait(node, restarting(15));
        between.wait(node, restarting(25));
        between.extend([(node, at(3))]);
        assert_eq!(between.due().collect::<Vec<_>>(), [at(15)]);
        assert_eq!(between.left(at(12)).collect::<Vec<_>>(), [(node, Duration::from_secs(3))]);
        between.remove(&node);
        between.wait(node, restarting(25));
        assert_eq!(between.due().collect::<Vec<_>>(), [at(25)]);
    }

    #[test]
    fn words_that_were_handed_over_are_handed_on() {
        let words = HeldWords {
            author: "ann".parse().unwrap(),
            room: RoomName::lobby(),
            kind: MessageKind::Text,
            text: "hello".parse().unwrap(),
            wall: 5,
            via: None,
        };
        let outgoing =
            |post| Outgoing { session: 0, id: 0, draft: words.clone().into_draft(), post };
        assert_eq!(HeldWords::of(outgoing(Post::Said)), Some(words.clone()));
        assert_eq!(HeldWords::of(outgoing(Post::Silent)), Some(words.clone()));
    }
}
