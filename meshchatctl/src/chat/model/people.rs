//! Who is known, whether they are there, and how far their nodes are.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshchat_client::proto::control::{
    PeerInfo, PeerState, PersonChange, PersonInfo, PersonStatus, PrivateInfo,
};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::RoomName;

use super::place::{Place, Who};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct People {
    all: Vec<PersonInfo>,
    /// Those who are known on more than one node by the same name.
    twice: BTreeSet<String>,
    /// Members of private rooms, of which nobody else tells.
    members: BTreeMap<RoomName, Vec<Who>>,
    linked: BTreeMap<NodeId, u64>,
    /// What linked nodes are called.
    peers: BTreeSet<String>,
    /// Round-trips of those who are not linked, in microseconds.
    measured: BTreeMap<NodeId, u64>,
    /// No measurement before this.
    measure_at: Duration,
    asked: Option<NodeId>,
    /// Changes that wait until it is known in which rooms these people are.
    pub(super) changes: Vec<PersonChange>,
}

impl People {
    pub(crate) fn all(&self) -> &[PersonInfo] {
        &self.all
    }

    pub(crate) fn learn(&mut self, people: Vec<PersonInfo>) {
        let mut seen = BTreeSet::new();
        self.twice = people
            .iter()
            .filter(|person| !seen.insert(person.name.as_str()))
            .map(|person| person.name.to_string())
            .collect();
        self.all = people;
        self.measured.retain(|node, _| self.all.iter().any(|person| person.node == *node));
    }

    pub(crate) fn learn_members(&mut self, info: &PrivateInfo) {
        let who = |name: &_, node: &_| Who { name: Clone::clone(name), node: Clone::clone(node) };
        let members = info.members.iter().map(|one| who(&one.person, &one.node_name));
        self.members.retain(|room, _| *room == info.room);
        self.members.insert(info.room.clone(), members.collect());
    }

    pub(crate) fn learn_peers(&mut self, peers: &[PeerInfo]) {
        let linked = peers.iter().filter(|peer| peer.state == PeerState::Linked);
        self.peers =
            linked.clone().filter_map(|peer| Some(peer.name.as_ref()?.to_string())).collect();
        self.linked = linked.filter_map(|peer| Some((peer.node?, peer.rtt_us?))).collect();
    }

    /// Whether the name alone does not say who it is.
    pub(crate) fn is_ambiguous(&self, name: &str) -> bool {
        self.twice.contains(name)
    }

    pub(crate) fn find(&self, who: &Who) -> Option<&PersonInfo> {
        self.all.iter().find(|one| one.name == who.name && one.node_name == who.node)
    }

    /// Those of a conversation: who is there first, then by name.
    pub(crate) fn of(&self, place: &Place) -> Vec<&PersonInfo> {
        let mut people: Vec<&PersonInfo> =
            self.all.iter().filter(|person| self.is_in(person, place)).collect();
        people
            .sort_by_cached_key(|person| (rank(person.state), person.name.as_str().to_lowercase()));
        people
    }

    fn is_in(&self, person: &PersonInfo, place: &Place) -> bool {
        match place {
            Place::Person(who) => person.me || Who::of(person) == *who,
            Place::Room(room) => {
                person.rooms.contains(room)
                    || self.members.get(room).is_some_and(|all| all.contains(&Who::of(person)))
            }
        }
    }

    /// Microseconds there and back.
    pub(crate) fn round_trip(&self, node: &NodeId) -> Option<u64> {
        self.linked.get(node).or_else(|| self.measured.get(node)).copied()
    }

    /// What nodes are called that have people or are linked.
    pub(crate) fn nodes(&self) -> BTreeSet<String> {
        let with_people = self.all.iter().map(|person| person.node_name.to_string());
        with_people.chain(self.peers.iter().cloned()).collect()
    }

    /// The node to be asked for its round-trip now, one at a time and each in turn.
    pub(crate) fn next_to_measure(&mut self, place: &Place, now: Duration) -> Option<NodeId> {
        if now < self.measure_at {
            return None;
        }
        let far = |person: &&PersonInfo| {
            is_there(person.state) && !person.me && !self.linked.contains_key(&person.node)
        };
        let nodes: BTreeSet<NodeId> =
            self.of(place).into_iter().filter(far).map(|person| person.node).collect();
        let next = nodes.iter().find(|node| self.asked.is_none_or(|asked| **node > asked));
        let next = next.or_else(|| nodes.first()).copied();
        self.measure_at = now + if next.is_some() { MEASURE } else { LOOK };
        self.asked = next.or(self.asked);
        next
    }

    /// What the question came to.
    pub(crate) fn measured(&mut self, node: NodeId, round_trip: Option<u64>) {
        match round_trip {
            Some(us) => self.measured.insert(node, us),
            None => self.measured.remove(&node),
        };
    }

    /// Notes a change until [`Self::learn`] has told where it is to be shown.
    pub(crate) fn change(&mut self, change: PersonChange) {
        if self.changes.len() < CHANGES {
            self.changes.push(change);
        }
    }
}

/// Whether somebody reads along.
pub(crate) const fn is_there(state: PersonStatus) -> bool {
    matches!(state, PersonStatus::Online | PersonStatus::Away)
}

const fn rank(state: PersonStatus) -> u8 {
    match state {
        PersonStatus::Online => 0,
        PersonStatus::Away => 1,
        PersonStatus::Unreachable => 2,
        PersonStatus::Unknown => 3,
        PersonStatus::Offline => 4,
    }
}

/// Between two measurements of nodes that are not linked: each costs frames on every link.
const MEASURE: Duration = Duration::from_secs(10);
/// Until it is looked again whether there is a node to be measured.
const LOOK: Duration = Duration::from_secs(2);
/// Changes that wait; beyond them the people pane alone tells it.
const CHANGES: usize = 256;
