//! What must hold when the world has come to rest.

use std::collections::{BTreeMap, BTreeSet};

use meshchat_core::{Node, limits};
use meshchat_proto::control::{Event, NodeState, Request};
use meshchat_proto::frame::Kind;
use meshchat_proto::id::{MessageId, NodeId};

use super::host::{Ask, Client};
use super::log::{View, Viewer};
use super::plan::{Mood, SECOND};
use super::world::World;

/// Nobody may ask for anything in this time before the end.
const QUIET: u64 = 30 * SECOND;
/// When all have found each other, where nothing fails.
const SETTLED: u64 = 21 * SECOND;
/// Heartbeats of one link in a minute, both directions: a question and its answer every 5 s, or
/// up to twice as often where one comes early together with those of other links, and some to
/// spare for a link that came up meanwhile.
const BEATS_PER_MINUTE: u64 = 52;

impl World {
    /// Lets the world run to its end and judges it. Returns a number for all that was shown.
    pub(crate) fn judge_all(&mut self) -> u64 {
        let quiet = self.plan.end - 2 * QUIET;
        if self.plan.mood == Mood::Calm && !self.plan.serene {
            self.run_until(19 * SECOND);
            self.meter.reset();
            self.run_until(quiet);
            self.check_cost();
        }
        self.run_until(quiet);
        self.meter.beats.clear();
        self.run_until(self.plan.end - QUIET);
        self.meter.kinds.clear();
        self.run_until(self.plan.end);
        self.check_quiet();
        let parts = self.parts();
        self.check_links();
        self.ask_all();
        for part in &parts {
            self.check_part(part);
        }
        self.log.digest
    }

    /// The hosts that are up, in connected parts.
    fn parts(&self) -> Vec<Vec<usize>> {
        let up = |host: usize| self.hosts[host].node.is_some();
        let mut part: Vec<usize> = (0..self.plan.hosts).collect();
        // Each pass carries the smallest number at least one link further.
        for _ in 0..self.plan.hosts {
            for [one, other] in self.plan.edges.iter().map(|edge| edge.ends) {
                if up(one) && up(other) && self.are_friends(one, other) {
                    let least = part[one].min(part[other]);
                    (part[one], part[other]) = (least, least);
                }
            }
        }
        let mut parts: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
        for host in (0..self.plan.hosts).filter(|host| up(*host)) {
            parts.entry(part[host]).or_default().push(host);
        }
        parts.into_values().collect()
    }

    /// Where nodes do nothing but start again, nobody is seen to come or go.
    pub(crate) fn check_serene(&self, viewer: Viewer, event: &Event) {
        let change = matches!(event, Event::Node(_) | Event::Person(_) | Event::Partition(_));
        let odd = self.plan.serene && self.now > SETTLED && change;
        assert!(!odd, "{viewer:?} was told {event:?}");
    }

    fn check_cost(&self) {
        let (hosts, edges) = (self.plan.hosts as u64, self.plan.edges.len() as u64);
        // The origin sends to all its neighbours, everyone else to all but the one that it has
        // it from: twice each edge, less one for each of the others. In a tree that is once
        // each edge.
        let most = 2 * edges - (hosts - 1);
        for times in self.meter.chat.values() {
            assert!(*times <= most, "a message crossed {times} links and {most} are enough");
            assert!(*times >= hosts - 1, "a message crossed only {times} links");
        }
        assert!(!self.plan.is_tree() || most == hosts - 1);
    }

    fn check_quiet(&self) {
        for kind in [Kind::Summary, Kind::SyncEnd, Kind::Chat, Kind::Goodbye] {
            // Where one forgets, two may stay apart and ask each other, ever more rarely.
            if self.plan.forgetful.is_some() && kind != Kind::Goodbye {
                continue;
            }
            let count = self.meter.kinds.get(&kind).copied().unwrap_or(0);
            assert!(count == 0, "{count} {kind:?} frames in the last 30 s of quiet");
        }
        for (wire, beats) in &self.meter.beats {
            assert!(*beats <= BEATS_PER_MINUTE, "{beats} heartbeats a minute on wire {wire}");
        }
    }

    /// Exactly one link joins two neighbours, and both mean the same one.
    fn check_links(&self) {
        for [one, other] in self.plan.edges.iter().map(|edge| edge.ends) {
            let wires = [(one, other), (other, one)].map(|(host, peer)| self.live(host, peer));
            if !self.are_friends(one, other) {
                let live = wires.iter().flatten().flatten().count();
                assert_eq!(live, 0, "nodes {one} and {other} are linked, and one is removed");
                continue;
            }
            if let [Some(here), Some(there)] = wires {
                assert_eq!(here.len(), 1, "node {one} has {} links to {other}", here.len());
                assert_eq!(here, there, "nodes {one} and {other} keep different links");
                for host in [one, other] {
                    // Or what was said before waits for two heartbeats to differ.
                    let asked = self.meter.asked.contains(&(here[0], host));
                    assert!(asked, "node {host} did not ask what it lacks when its link came up");
                }
            }
        }
    }

    /// The wires of live links from a host to a peer; none when one of them is down.
    fn live(&self, host: usize, peer: usize) -> Option<Vec<u32>> {
        let (state, peer) =
            (&self.hosts[host], self.hosts[peer].node.as_ref().map(|_| &self.hosts[peer])?);
        let links = state.node.as_ref()?.links(state.time(self.now).mono);
        let live = links.iter().filter(|link| link.live && link.peer == peer.id);
        Some(live.map(|link| state.links[&link.link]).collect())
    }

    fn ask_all(&mut self) {
        for host in 0..self.plan.hosts {
            for request in [Request::Nodes {}, Request::Who { room: None }, Request::Status {}] {
                self.request(host, 0, request, Ask::Other);
            }
        }
        // Not a moment later, or the end would be the end of something else.
        self.run_until(self.plan.end);
    }

    fn check_part(&mut self, part: &[usize]) {
        let ids: BTreeSet<NodeId> = part.iter().map(|host| self.hosts[*host].id).collect();
        for host in part {
            self.check_reach(*host, &ids);
            self.check_clients(*host);
        }
        let [first, rest @ ..] = part else { return };
        for host in rest {
            self.check_same(*first, *host);
        }
        self.check_rosters(part);
        self.check_shown(part);
        self.check_told(part);
        self.check_sealed(part);
    }

    fn check_reach(&self, host: usize, part: &BTreeSet<NodeId>) {
        let nodes = &self.hosts[host].clients[0].answers.nodes;
        let up = |state| matches!(state, NodeState::Here | NodeState::Reachable);
        let seen = nodes.iter().filter(|node| up(node.state)).map(|node| node.node);
        let seen: BTreeSet<NodeId> = seen.collect();
        assert_eq!(&seen, part, "node {host} is wrong about who can be reached");
        let lost = nodes.iter().filter(|node| node.state == NodeState::Unreachable).count();
        let status = self.hosts[host].clients[0].answers.status.as_ref();
        let missing = status.and_then(|status| status.missing.as_ref()).map(|missing| {
            assert_eq!(missing.reachable as usize, part.len(), "node {host} counts wrongly");
            (missing.known - missing.reachable) as usize
        });
        // Who was removed is told that, and nothing of whom it misses.
        let removed = self.hosts[host].node.as_ref().is_some_and(Node::is_removed);
        let lost = if removed { 0 } else { lost };
        // Whoever has met nobody in this run knows from the roster who should be there.
        let closed = status.is_some_and(|status| status.role.is_some());
        if nodes.len() == 1 && closed && !removed && missing.is_some() {
            let isolated = status.and_then(|status| status.missing.as_ref());
            assert!(isolated.is_some_and(|missing| missing.isolated), "node {host} is alone");
        } else {
            assert_eq!(missing.unwrap_or(0), lost, "node {host} is wrong about who is missing");
        }
        let unknown = nodes.iter().find(|node| !self.log.nodes.contains(&node.node));
        assert!(unknown.is_none(), "node {host} knows {unknown:?}, which never was");
    }

    /// Two nodes of one part agree about everything that all should know.
    fn check_same(&self, one: usize, other: usize) {
        let people = |host: usize| {
            let people = &self.hosts[host].clients[0].answers.people;
            let views = people.iter().map(|person| {
                let rooms: Vec<String> = person.rooms.iter().map(ToString::to_string).collect();
                let name = person.name.as_str().to_owned();
                (person.node, name, format!("{:?} {rooms:?} {}", person.state, person.note))
            });
            views.collect::<BTreeSet<_>>()
        };
        let (here, there) = (people(one), people(other));
        let odd = here.symmetric_difference(&there).next();
        assert!(odd.is_none(), "nodes {one} and {other} disagree about {odd:?}");
        let (here, there) = (self.meter.pulse[one], self.meter.pulse[other]);
        if let (Some(here), Some(there)) = (here, there) {
            // What is left of a flood is rarely given up in the same ranges everywhere.
            let judged = self.plan.forgetful.is_none() && self.plan.flooder.is_none();
            let apart = here.0 != there.0 && judged;
            assert!(!apart, "nodes {one} and {other} have seen different messages");
            assert_eq!(here.1, there.1, "nodes {one} and {other} hold different records");
        }
    }

    /// What one node shows, all show: once, or they say that it is gone.
    fn check_shown(&mut self, part: &[usize]) {
        let run = |host: usize| (host, self.hosts[host].run, 0);
        let viewers: Vec<_> = part.iter().map(|host| run(*host)).collect();
        let mut all: BTreeMap<MessageId, usize> = BTreeMap::new();
        for viewer in &viewers {
            all.extend(self.log.view(*viewer).shown.clone());
        }
        if self.plan.closed {
            // Of a removed node, each shows what came before the removal did.
            let of = |text: &usize| self.log.said[*text].host;
            all.retain(|_, text| part.contains(&of(text)) || self.are_members(part, of(text)));
        }
        for viewer in viewers {
            let view = &self.log.views[&viewer];
            let mut lacks: BTreeMap<NodeId, u64> = BTreeMap::new();
            for text in all.iter().filter(|(id, _)| !view.shown.contains_key(id)).map(|(_, t)| t) {
                *lacks.entry(self.log.said[*text].node).or_default() += 1;
            }
            self.check_lacks(viewer.0, view, &lacks);
        }
    }

    fn check_lacks(&self, host: usize, view: &View, lacks: &BTreeMap<NodeId, u64>) {
        let own = self.log.said.iter().filter(|said| {
            (said.host, said.run) == (host, self.hosts[host].run)
                && said.accepted.is_some_and(|id| !view.shown.contains_key(&id))
        });
        let own = own.count() as u64;
        assert!(own <= view.missed, "node {host} does not show {own} of its own messages");
        for (node, count) in lacks {
            let told = view.gone.get(node).copied().unwrap_or(0) + view.missed;
            // What only a forgetful node saw is not always proven to have been said: about one
            // such network in a hundred lacks something untold.
            assert!(
                *count <= told || self.plan.forgetful.is_some(),
                "node {host} lacks {count} messages of {node:?} and told of {told}"
            );
        }
    }

    /// Each client got all that its node showed, or was told how much it missed.
    fn check_clients(&self, host: usize) {
        let state = &self.hosts[host];
        let newest = state.clients[0].answers.status.as_ref().map(|status| status.history.cursor);
        let view = |client| self.log.views.get(&(host, state.run, client));
        let Some(all) = view(0) else { return };
        let got = all.shown.len() as u64;
        // What is sealed has a place in the order, too, and shows to few.
        let exact = Some(got + all.missed) == newest || self.plan.sealing;
        assert!(exact, "node {host}: {got} shown and {} missed of {newest:?}", all.missed);
        let Some(ops) = view(1).filter(|ops| ops.missed + all.missed == 0) else { return };
        let in_ops = |text: &&usize| self.log.said[**text].room == "#ops";
        let (wanted, got) = (all.shown.values().filter(in_ops).count(), ops.shown.len());
        assert_eq!(got, wanted, "node {host}: whoever reads #ops only got {got} of {wanted}");
    }
}

/// A client that does not read costs only so much memory.
pub(crate) fn unread_is_bounded(host: usize, client: &Client) {
    let bytes = client.unread.iter().map(|event| match event {
        Event::Message(message) => message.text.as_str().len(),
        _ => 0,
    });
    let bytes: usize = bytes.sum();
    assert!(
        bytes < limits::CLIENT_BYTES / 2 + 8192,
        "node {host}: {bytes} bytes wait for a client"
    );
}
