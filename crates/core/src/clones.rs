//! Keys that two machines use: a copied card beside its original.
//!
//! A run whose boot counter the disk has forgotten, as after a backup was restored, meets the
//! record of an earlier run, numbers itself behind it, and that is all. Another live holder of
//! the key does the same in turn, and its answer is one number above ours. Both then know; the
//! leapfrogging ends after a few turns, and both go on, as different runs of one node. Neighbours
//! keep a link to each. When the later one has said goodbye or renews its record no more, the
//! earlier one takes its place: all others believe the later one.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::control::{Event, KeyShared};
use meshchat_proto::id::{Boot, NodeId};
use meshchat_proto::message::Signature;
use meshchat_proto::peer::{Record, signed_record};

use crate::env::Env;
use crate::io::{LinkId, Note, Output};
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now};

/// What is known of other holders of keys.
#[derive(Debug, Default)]
pub(crate) struct Clones {
    /// How often this run has numbered itself anew.
    turns: u32,
    /// When it did so last.
    reborn: Option<Mono>,
    /// When another holder of this node's key was heard last.
    met: Option<Mono>,
    /// The newest record of another run of this key, and since when it is known.
    newest: Option<(Boot, u64, Mono)>,
    /// Peers that greeted with an earlier run beside a link to a later one: how often, and when
    /// last. An earlier run that is over may do so once, when it was slow.
    peers: BTreeMap<NodeId, (u32, Mono)>,
}

impl Clones {
    /// How long ago another machine spoke with this node's key.
    pub(crate) fn met(&self, now: Mono) -> Option<Duration> {
        self.met.map(|at| now.since(at)).filter(|ago| *ago < limits::DOUBLED)
    }

    /// Whether two live machines have greeted here with this key.
    pub(crate) fn is_shared(&self, peer: &NodeId) -> bool {
        self.peers.get(peer).is_some_and(|(times, _)| *times > 1)
    }

    /// Peers that greeted out of turn.
    pub(crate) fn len(&self) -> usize {
        self.peers.len()
    }

    /// Whether a record of a later boot can only be an answer to what this run has published: one
    /// number above, and just begun. One of a run that is over has been renewed a few times, and
    /// does not come just then.
    fn is_answer(&self, now: Mono, ours: Boot, record: &Record) -> bool {
        let soon = self.reborn.is_some_and(|at| now.since(at) < limits::ANSWERED);
        let next = ours.count().checked_add(1) == Some(record.boot.count());
        soon && next && record.version <= limits::ANSWER_VERSIONS
    }

    /// Whether the run is over that a record is of: it says so, or has not renewed it. All others
    /// then take its end for ours.
    fn is_over(&mut self, now: Mono, record: &Record, refresh: Duration) -> bool {
        let this = (record.boot, record.version);
        if self.newest.is_none_or(|(boot, version, _)| this > (boot, version)) {
            self.newest = Some((this.0, this.1, now));
        }
        // An older one proves no life: some neighbours never get the newest.
        let silent = refresh * limits::SILENT_REFRESHES;
        record.left || self.newest.is_some_and(|(.., since)| now.since(since) >= silent)
    }

    /// Takes a turn to number this run anew: a few at once, then ever more rarely, so that two
    /// live holders do not use up each other's runs.
    fn take_turn(&mut self, now: Mono, is_over: bool) -> bool {
        let pause = if is_over { limits::RETURN_PAUSE } else { limits::REBORN_PAUSE };
        let rested = self.reborn.is_none_or(|at| now.since(at) >= pause);
        if self.turns >= limits::REBORN_BURST && !rested {
            return false;
        }
        self.turns = self.turns.saturating_add(1);
        self.reborn = Some(now);
        true
    }

    /// A peer greets with an earlier run than that of a live link to it.
    fn greeted(&mut self, now: Mono, peer: NodeId) {
        self.peers.retain(|_, (_, at)| now.since(*at) < limits::DOUBLED);
        if self.peers.len() < limits::LINKS || self.peers.contains_key(&peer) {
            let (times, at) = self.peers.entry(peer).or_insert((0, now));
            (*times, *at) = (times.saturating_add(1), now);
        }
    }
}

impl<E: Env> Node<E> {
    /// Somebody knows a record of this node's key that this run did not write, of a later boot.
    /// This run is then numbered behind it.
    pub(crate) fn on_own_record(
        &mut self,
        now: Now,
        record: &Record,
        sig: &Signature,
        body: &[u8],
    ) {
        if record.boot <= self.me.boot || !self.env.verify(&record.node, &signed_record(body), sig)
        {
            return;
        }
        if self.clones.met.is_some() || self.clones.is_answer(now.mono, self.me.boot, record) {
            self.meet_clone(now);
        }
        let is_over = self.clones.is_over(now.mono, record, self.record_refresh());
        if !self.clones.take_turn(now.mono, is_over) {
            return;
        }
        let count = record.boot.count().saturating_add(1);
        self.me.boot = Boot::new(count, self.env.random());
        self.me.seq = 0;
        self.publication.begin_anew();
        self.out.push_back(Output::SaveBoot(count));
        self.record_changed(now);
    }

    /// A peer greets. Tells the link to it that stands in the way of a new one.
    pub(crate) fn rival(&mut self, now: Now, peer: &NodeId, boot: Boot) -> Option<LinkId> {
        let boots = |link: &crate::links::Link| link.hello.as_ref().map(|hello| hello.boot);
        let live = self.links.live().filter(|(_, link)| link.peer == *peer);
        let live: Vec<_> = live.map(|(id, link)| (id, boots(link))).collect();
        if live.iter().any(|(_, other)| *other > Some(boot)) {
            self.clones.greeted(now.mono, *peer);
        }
        if self.clones.is_shared(peer) {
            self.presence_dirty = true;
            return live.into_iter().find(|(_, other)| *other == Some(boot)).map(|(id, _)| id);
        }
        live.first().map(|(id, _)| *id)
    }

    /// Links to an origin that greeted as an earlier run than its record is of, and that do not
    /// get it anyway: the other end may be another holder of its key.
    pub(crate) fn holders_unaware(&self, origin: &NodeId, boot: Boot, from: LinkId) -> Vec<LinkId> {
        if self.links.doubled.contains(origin) {
            return Vec::new();
        }
        let earlier = |link: &crate::links::Link| {
            link.peer == *origin && link.hello.as_ref().is_some_and(|hello| hello.boot < boot)
        };
        let links = self.links.live().filter(|(id, link)| *id != from && earlier(link));
        links.map(|(id, _)| id).collect()
    }

    /// Whether other machines use the key of a node, too, as far as is known.
    pub(crate) fn is_doubled(&self, now: Mono, node: &NodeId) -> bool {
        if *node == self.me.id {
            return self.clones.met(now).is_some();
        }
        self.clones.is_shared(node)
            || self.nodes.get(node).is_some_and(|known| known.record.doubled)
    }

    /// Tells clients and the log of keys that are newly known to be shared.
    pub(crate) fn tell_clones(&mut self, now: Now) {
        let doubled = |node: &&NodeId| self.is_doubled(now.mono, node);
        let doubled: Vec<_> =
            self.nodes.iter().map(|(node, _)| node).filter(doubled).copied().collect();
        let new = doubled.iter().filter(|node| !self.links.doubled.contains(*node));
        for node in new.copied().collect::<Vec<_>>() {
            let (node_name, own) = (self.nodes.name(&node), node == self.me.id);
            self.out.push_back(Output::Note(Note::KeyShared {
                node,
                name: node_name.clone(),
                own,
            }));
            self.announce(Event::KeyShared(KeyShared { node, node_name, own }).into());
        }
        self.links.doubled = doubled.into_iter().collect();
    }

    /// Lines about shared keys for the status.
    pub(crate) fn clone_notes(&self, now: Mono) -> Vec<String> {
        let others = self.nodes.iter().map(|(node, _)| node).filter(|node| **node != self.me.id);
        let doubled = others.filter(|node| self.is_doubled(now, node)).take(limits::MISSING_NAMES);
        let own = self.clones.met(now).map(|_| {
            String::from(
                "another machine uses this node's key, as after copying a card; run on the copy: \
                 meshchatd identity fork",
            )
        });
        let line = |node: &NodeId| {
            format!("two machines use the key of {} ({})", self.nodes.name(node), node.short())
        };
        own.into_iter().chain(doubled.map(line)).collect()
    }

    fn meet_clone(&mut self, now: Now) {
        if self.clones.met.replace(now.mono).is_none() {
            self.record_changed(now);
        }
    }
}
