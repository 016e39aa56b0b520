//! Whom to link with: a few good links, which the node finds and keeps by itself.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use meshchat_proto::address::Address;
use meshchat_proto::control::NodeState;
use meshchat_proto::id::NodeId;
use meshchat_proto::name::NodeName;
use meshchat_proto::peer::GoodbyeReason;

use crate::budget::Budget;
use crate::dial::{Carrier, Dial, DialId, Goal, Way};
use crate::env::Env;
use crate::io::{LinkId, Output};
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now};
use crate::tries::Tries;

/// Looking is not worth more.
const PACE: Duration = Duration::from_millis(200);

/// What a dial is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// One more link.
    Seek,
    /// A beacon was heard.
    Beacon(u64),
    /// A link does not answer any more; perhaps one of its ends has moved.
    Anew,
    /// A link goes over TCP.
    Upgrade,
}

/// Dials that the node has asked for, and when to ask for more.
#[derive(Debug)]
pub(crate) struct Peering {
    pub(crate) goal: Goal,
    pub(crate) tries: Tries,
    pub(crate) budget: Budget,
    /// Something changed that may call for a dial.
    pub(crate) dirty: bool,
    next: DialId,
    dials: BTreeMap<DialId, Attempt>,
    looked: Option<Mono>,
    pub(crate) due: Option<Mono>,
    pub(crate) prune_at: Option<Mono>,
}

#[derive(Debug)]
struct Attempt {
    node: Option<NodeId>,
    purpose: Purpose,
    until: Mono,
}

/// A node that is wanted as a neighbour and is none.
#[derive(Debug, Clone)]
pub struct Sought {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// One of its addresses.
    pub address: Option<SocketAddr>,
    /// The neighbour over which it is reached meanwhile; none when it is out of reach.
    pub via: Option<NodeName>,
    /// How long it has been in or out of reach.
    pub since: Duration,
    /// It is being dialled.
    pub dialling: bool,
    /// Time until the next try.
    pub next_try: Duration,
    /// Tries in vain.
    pub tries: u32,
}

/// A node that might become a neighbour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Candidate {
    pub(crate) node: NodeId,
    /// Links on the way to it; none when it is out of reach.
    pub(crate) hops: Option<u32>,
    pub(crate) links: usize,
}

impl Peering {
    pub(crate) fn new(goal: Goal) -> Self {
        Self {
            goal,
            tries: Tries::default(),
            budget: Budget::default(),
            dirty: true,
            next: 0,
            dials: BTreeMap::new(),
            looked: None,
            due: None,
            prune_at: None,
        }
    }

    /// The number of another dial.
    pub(crate) fn number(&mut self) -> DialId {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    /// As at the start, but that no number is used twice.
    pub(crate) fn start_anew(&mut self) {
        *self = Self { next: self.next, ..Self::new(self.goal) };
    }

    /// When [`Node::seek`] is to be called.
    pub(crate) fn due(&self) -> Option<Mono> {
        let look = self.dirty.then(|| self.looked.map_or(Mono::ZERO, |at| at + PACE));
        let expiry = self.dials.values().map(|dial| dial.until).min();
        [look, expiry, self.due, self.prune_at].into_iter().flatten().min()
    }

    pub(crate) fn dials(&self) -> usize {
        self.dials.len()
    }

    /// Whether a dial to this node is under way.
    pub(crate) fn is_dialling(&self, node: &NodeId) -> bool {
        self.dials.values().any(|dial| dial.node == Some(*node))
    }

    /// Nothing that failed before counts any more.
    pub(crate) fn forgive_all(&mut self, now: Mono) {
        self.tries.forgive_all(now);
        self.dirty = true;
    }

    /// Whether a beacon is being followed.
    pub(crate) fn follows(&self, beacon: u64) -> bool {
        self.dials.values().any(|dial| dial.purpose == Purpose::Beacon(beacon))
    }

    /// Dials under way that may give one more link.
    pub(crate) fn seeking(&self) -> usize {
        let seek = |purpose| matches!(purpose, Purpose::Seek | Purpose::Beacon(_));
        self.dials.values().filter(|dial| seek(dial.purpose)).count()
    }
}

impl<E: Env> Node<E> {
    /// Looks whether there are links enough, and starts what is missing.
    pub(crate) fn seek(&mut self, now: Now) {
        self.peering.dirty = false;
        self.peering.looked = Some(now.mono);
        self.peering.due = None;
        self.expire_dials(now);
        if self.peering.goal.least == 0 || self.is_removed() {
            self.peering.prune_at = None;
            return;
        }
        self.follow_beacons(now);
        let linked = self.links.iter().count();
        let under_way = self.peering.seeking() + self.meetings.len();
        let mut room = self.peering.goal.least.saturating_sub(linked + under_way);
        let candidates = self.candidates(linked, now);
        let mut soonest: Option<Mono> = None;
        let mut merging = candidates.iter().any(|one| self.peering.is_dialling(&one.node));
        for one in candidates {
            let next = self.peering.tries.next(&one.node);
            // A node that is out of reach is looked for even by those with links enough: it may
            // be the other half of the mesh.
            let may = if one.hops.is_none() && linked > 0 { !merging } else { room > 0 };
            if next > now.mono || !may {
                if room > 0 || one.hops.is_none() {
                    soonest = Some(soonest.map_or(next, |soonest| soonest.min(next)));
                }
                continue;
            }
            let started = match one.hops {
                Some(_) => self.propose_meeting(now, one.node),
                None => self.dial_node(now, one.node, Way::Plain, Duration::ZERO),
            };
            if started {
                room = room.saturating_sub(1);
                merging |= one.hops.is_none();
            } else {
                self.peering.tries.fail(now.mono, one.node, Duration::ZERO);
            }
        }
        let later = now.mono + Duration::from_secs(1);
        let soonest = soonest.map(|soonest| soonest.max(later));
        self.peering.due = [soonest, self.peering.due].into_iter().flatten().min();
        self.prune(now);
    }

    /// Who might become a neighbour, in the order of preference: those that are far away in the
    /// mesh make it more robust, those with few links need one more.
    fn candidates(&mut self, linked: usize, now: Now) -> Vec<Candidate> {
        let known = self.nodes.iter().filter(|(node, known)| {
            **node != self.me.id && !matches!(known.state, NodeState::Left | NodeState::Here)
        });
        let mut all: Vec<Candidate> = known
            .map(|(node, known)| Candidate {
                node: *node,
                // Nothing passes to a neighbour that starts again.
                hops: known.path.filter(|_| !self.links.between.has(node)).map(|path| path.hops),
                links: known.record.neighbours.len(),
            })
            .collect();
        let remembered = self.contacts.nodes().filter(|node| self.nodes.get(node).is_none());
        all.extend(remembered.map(|node| Candidate { node: *node, hops: None, links: 0 }));
        all.retain(|one| {
            self.roster.admits(&one.node)
                && !self.links.iter().any(|(_, link)| link.peer == one.node)
                && !self.peering.is_dialling(&one.node)
                && !self.meetings.is_with(&one.node)
                && !self.addresses_of(&one.node).is_empty()
        });
        let salt = self.env.random();
        let (me, least) = (self.me.id, self.peering.goal.least);
        let lonely = linked < least;
        for one in &all {
            let yields = one.hops.is_some() && one.links < least && me > one.node;
            let calm = one.hops.is_none() && linked > 0 && !lonely;
            let wait = if self.links.between.has(&one.node) {
                Duration::ZERO
            } else if yields {
                limits::ACQUAINTANCE + limits::YIELD
            } else if one.hops.is_some() {
                limits::ACQUAINTANCE
            } else if calm {
                Duration::from_millis(2_000 + mix(salt, &one.node) % 20_000)
            } else {
                Duration::ZERO
            };
            self.peering.tries.consider(now.mono, one.node, wait);
        }
        all.sort_by_key(|one| {
            (core::cmp::Reverse(one.hops), one.links, mix(salt, &one.node), one.node)
        });
        all
    }

    /// Dials a node at all its addresses. `false` when none may be dialled now.
    pub(crate) fn dial_node(&mut self, now: Now, node: NodeId, way: Way, after: Duration) -> bool {
        let addresses = self.addresses_of(&node);
        self.dial(now, Some(node), addresses, (way, Purpose::Seek, after))
    }

    pub(crate) fn dial(
        &mut self,
        now: Now,
        node: Option<NodeId>,
        addresses: Vec<SocketAddr>,
        (way, purpose, after): (Way, Purpose, Duration),
    ) -> bool {
        if self.peering.dials.len() >= limits::DIALS {
            return false;
        }
        let beacon = matches!(purpose, Purpose::Beacon(_));
        let addresses = self.peering.budget.take(now.mono, beacon, addresses);
        if addresses.is_empty() {
            return false;
        }
        let id = self.peering.number();
        self.peering.dials.insert(id, Attempt { node, purpose, until: now.mono + limits::DIAL });
        self.counters.dials += 1;
        self.out.push_back(Output::Dial(Dial { id, node, addresses, way, after }));
        self.out.push_back(Output::PeersChanged);
        true
    }

    /// A dial gave a link to `peer`. Tells what it was for.
    pub(crate) fn dial_succeeded(&mut self, dial: DialId, peer: NodeId) -> Option<Purpose> {
        let attempt = self.peering.dials.remove(&dial)?;
        if let Purpose::Beacon(beacon) = attempt.purpose {
            self.beacons.answered(beacon, peer);
        }
        Some(attempt.purpose)
    }

    pub(crate) fn on_dial_failed(&mut self, now: Now, dial: DialId) {
        let Some(attempt) = self.peering.dials.remove(&dial) else { return };
        self.peering.dirty = true;
        self.out.push_back(Output::PeersChanged);
        match (attempt.purpose, attempt.node) {
            (Purpose::Seek, Some(node)) => {
                let random = Duration::from_millis(self.env.random() % 1000);
                self.peering.tries.fail(now.mono, node, random);
                // Who is alone has nothing better to do.
                if self.links.len() == 0 || self.links.between.has(&node) {
                    self.peering.tries.hasten(now.mono, &node, limits::RETRY_LONELY);
                }
            }
            (Purpose::Beacon(beacon), _) => self.beacons.failed(now.mono, beacon),
            (Purpose::Seek | Purpose::Anew | Purpose::Upgrade, _) => {}
        }
    }

    /// A link to this peer is in use.
    pub(crate) fn peer_found(&mut self, now: Now, link: LinkId, peer: NodeId) {
        self.peering.tries.forget(&peer);
        self.meetings.forget(&peer);
        self.peering.dirty = true;
        let Some(state) = self.links.get(link) else { return };
        let proven = state.dialled && state.carrier == Carrier::Quic;
        if let Some(address) = Address::new(state.remote).filter(|_| proven) {
            self.contacts.note_worked(peer, address);
        }
        let goal = self.peering.goal;
        if goal.least > 0 && self.links.live().count() > goal.most {
            self.peering.prune_at.get_or_insert(now.mono + limits::PRUNE);
        }
    }

    /// A link to this peer is gone.
    pub(crate) fn peer_lost(&mut self, now: Now, peer: NodeId, reason: Option<GoodbyeReason>) {
        self.peering.dirty = true;
        let lasting = matches!(
            reason,
            Some(
                GoodbyeReason::OtherNetwork
                    | GoodbyeReason::NotAdmitted
                    | GoodbyeReason::Version
                    | GoodbyeReason::Protocol
                    | GoodbyeReason::Full
                    | GoodbyeReason::Disconnected
            )
        );
        if lasting {
            self.peering.tries.give_up(now.mono, peer);
        }
    }

    /// Nodes that are wanted as neighbours and were dialled in vain so far.
    pub fn sought(&self, now: Mono) -> Vec<Sought> {
        let tried = self.peering.tries.iter().filter(|(node, tried)| {
            tried.failures > 0 || self.peering.is_dialling(node) || self.meetings.is_with(node)
        });
        let tried = tried.filter(|(node, _)| self.links.live_to(node).is_none());
        let sought = |(node, tried): (&NodeId, &crate::tries::Tried)| {
            let known = self.nodes.get(node).filter(|known| known.state != NodeState::Left)?;
            // Who is lost shows in the list of nodes; here only to those who have nobody else.
            if known.path.is_none() && self.links.live().next().is_some() {
                return None;
            }
            Some(Sought {
                node: *node,
                name: known.called.clone(),
                address: self.addresses_of(node).first().copied(),
                via: self.relay_to(node),
                since: now.since(known.since),
                dialling: self.peering.is_dialling(node) || self.meetings.is_with(node),
                next_try: tried.next.since(now),
                tries: tried.failures,
            })
        };
        tried.filter_map(sought).collect()
    }

    /// The neighbour over which a node that is none is reached.
    pub fn relay_to(&self, node: &NodeId) -> Option<NodeName> {
        let path = self.nodes.get(node)?.path?;
        (path.hops > 1).then(|| self.nodes.name(&path.first))
    }

    fn expire_dials(&mut self, now: Now) {
        let late = self.peering.dials.iter().filter(|(_, dial)| dial.until <= now.mono);
        for dial in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.on_dial_failed(now, dial);
        }
    }

    /// Gives up a link when there are too many: one that nobody asked for, whose other end has
    /// links enough and stays two hops away; of those the slowest.
    fn prune(&mut self, now: Now) {
        let Some(at) = self.peering.prune_at else { return };
        if self.links.live().count() <= self.peering.goal.most {
            self.peering.prune_at = None;
            return;
        }
        if at > now.mono {
            return;
        }
        let jitter = Duration::from_millis(self.env.random() % 5_000);
        self.peering.prune_at = Some(now.mono + limits::PRUNE + jitter);
        let neighbours =
            |node: &NodeId| self.nodes.get(node).map(|known| known.record.neighbours.as_slice());
        let peers: Vec<NodeId> = self.links.live().map(|(_, link)| link.peer).collect();
        let spare = self.links.live().filter(|(_, link)| {
            let wanted = link.named || link.hello.as_ref().is_some_and(|hello| hello.wanted);
            let theirs = neighbours(&link.peer).unwrap_or_default();
            let shared = theirs.iter().any(|node| peers.contains(node));
            !wanted
                && shared
                && theirs.len() >= self.peering.goal.least
                && now.mono.since(link.since) >= limits::PRUNE
        });
        let slowest = spare.max_by_key(|(id, link)| (link.heart.rtt(), *id)).map(|(id, _)| id);
        if let Some(link) = slowest {
            self.end_link(now, link, GoodbyeReason::Full);
        }
    }
}

/// A number that differs from node to node and from time to time.
fn mix(salt: u64, node: &NodeId) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(node.0.split_at(8).0);
    (u64::from_le_bytes(bytes) ^ salt).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
}
