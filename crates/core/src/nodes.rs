//! The link-state database: the newest record of every known node.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use meshchat_proto::control::{NodeState, PersonStatus};
use meshchat_proto::id::{Boot, NodeId};
use meshchat_proto::name::{NodeName, PersonName, RoomName};
use meshchat_proto::peer::{Person, PersonState, Record};

use crate::graph::Path;
use crate::limits;
use crate::time::Mono;

/// One known node.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) record: Record,
    /// The signed record as it travels; empty for this node before it is first signed.
    pub(crate) signed: Bytes,
    /// What it is called here: its name, that with a tag, or a pet name.
    pub(crate) called: NodeName,
    pub(crate) path: Option<Path>,
    pub(crate) state: NodeState,
    pub(crate) since: Mono,
    pub(crate) shown: NodeState,
    pub(crate) flap: Flap,
    pub(crate) people: Vec<PersonView>,
}

/// A person as seen from here.
#[derive(Debug)]
pub(crate) struct PersonView {
    pub(crate) name: PersonName,
    pub(crate) rooms: Vec<RoomName>,
    pub(crate) note: alloc::string::String,
    pub(crate) status: PersonStatus,
    pub(crate) since: Mono,
    /// What local clients were last told; none when nothing yet.
    pub(crate) shown: Option<PersonStatus>,
    pub(crate) flap: Flap,
}

/// A token bucket that keeps a flapping person or node from filling every screen.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Flap {
    tokens: u32,
    refilled: Mono,
}

/// All known nodes, this one included.
#[derive(Debug, Default)]
pub(crate) struct Nodes {
    map: BTreeMap<NodeId, Known>,
    fingerprint: Option<u64>,
}

impl Flap {
    pub(crate) fn new(now: Mono) -> Self {
        Self { tokens: limits::FLAP_BURST, refilled: now }
    }

    /// Takes a token; otherwise tells when there is one.
    pub(crate) fn take(&mut self, now: Mono) -> Result<(), Mono> {
        while self.tokens < limits::FLAP_BURST && now >= self.refilled + limits::FLAP_PAUSE {
            self.tokens += 1;
            self.refilled = self.refilled + limits::FLAP_PAUSE;
        }
        if self.tokens == limits::FLAP_BURST {
            self.refilled = now;
        }
        if self.tokens == 0 {
            return Err(self.refilled + limits::FLAP_PAUSE);
        }
        self.tokens -= 1;
        Ok(())
    }
}

impl Nodes {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn get(&self, node: &NodeId) -> Option<&Known> {
        self.map.get(node)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Known)> {
        self.map.iter()
    }

    /// The node whose record names this beacon.
    pub(crate) fn with_beacon(&self, beacon: u64) -> Option<NodeId> {
        let named = |known: &&Known| known.record.beacon == beacon;
        self.map.values().find(named).map(|known| known.record.node)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Known> {
        self.map.values_mut()
    }

    /// What a node is called here; its short id when it never said.
    pub(crate) fn name(&self, node: &NodeId) -> NodeName {
        match self.map.get(node) {
            Some(known) => known.called.clone(),
            None => NodeName::of_id(node),
        }
    }

    /// Calls a node so from now on.
    pub(crate) fn call(&mut self, node: &NodeId, called: NodeName) {
        if let Some(known) = self.map.get_mut(node) {
            known.called = called;
        }
    }

    /// Whether this record would replace what is known.
    pub(crate) fn is_news(&self, node: &NodeId, boot: Boot, version: u64) -> bool {
        self.map
            .get(node)
            .is_none_or(|known| (boot, version) > (known.record.boot, known.record.version))
    }

    /// Takes in a record. A node that nobody reaches makes room, the one lost longest first;
    /// `false` when there is none.
    pub(crate) fn put(&mut self, now: Mono, record: Record, signed: Bytes) -> bool {
        self.fingerprint = None;
        let node = record.node;
        if let Some(known) = self.map.get_mut(&node) {
            known.record = record;
            known.signed = signed;
            known.merge_people(now);
            return true;
        }
        if self.map.len() >= limits::NODES && !self.make_room() {
            return false;
        }
        let mut known = Known {
            called: record.name.clone(),
            record,
            signed,
            path: None,
            state: NodeState::Unreachable,
            since: now,
            shown: NodeState::Unreachable,
            flap: Flap::new(now),
            people: Vec::new(),
        };
        known.merge_people(now);
        self.map.insert(node, known);
        true
    }

    /// One number for all records of other nodes and this one's; equal tables, equal numbers.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.fingerprint.unwrap_or_else(|| {
            let parts = self.map.values().filter(|known| !known.signed.is_empty());
            parts.fold(0, |sum: u64, known| sum.wrapping_add(known.digest()))
        })
    }

    /// Keeps the fingerprint until something changes.
    pub(crate) fn settle_fingerprint(&mut self) {
        self.fingerprint = Some(self.fingerprint());
    }

    /// Forgets all others.
    pub(crate) fn retain(&mut self, keep: impl Fn(&NodeId) -> bool) {
        self.map.retain(|node, _| keep(node));
        self.fingerprint = None;
    }

    fn make_room(&mut self) -> bool {
        let lost = self
            .map
            .iter()
            .filter(|(_, known)| matches!(known.state, NodeState::Unreachable | NodeState::Left));
        let Some(oldest) = lost.min_by_key(|(_, known)| known.since).map(|(node, _)| *node) else {
            return false;
        };
        self.map.remove(&oldest);
        true
    }
}

impl Known {
    /// Brings the views in line with the people of the record; who is no longer named stays
    /// until its going was shown.
    fn merge_people(&mut self, now: Mono) {
        for person in &self.record.people {
            if let Some(view) = self.people.iter_mut().find(|view| view.name == person.name) {
                view.rooms.clone_from(&person.rooms);
                view.note.clone_from(&person.note);
            } else {
                self.people.push(PersonView {
                    name: person.name.clone(),
                    rooms: person.rooms.clone(),
                    note: person.note.clone(),
                    status: PersonStatus::Offline,
                    since: now,
                    shown: None,
                    flap: Flap::new(now),
                });
            }
        }
    }

    /// What a person of this node is, given whether the node can be reached.
    pub(crate) fn status_of(&self, name: &PersonName) -> Option<PersonStatus> {
        let person = self.record.people.iter().find(|person| person.name == *name)?;
        Some(match (self.state, person.state) {
            (NodeState::Left, _) | (_, PersonState::Offline) => PersonStatus::Offline,
            (NodeState::Unreachable | NodeState::Unknown, _) => PersonStatus::Unreachable,
            (_, PersonState::Online) => PersonStatus::Online,
            (_, PersonState::Away) => PersonStatus::Away,
        })
    }

    pub(crate) fn person(&self, name: &PersonName) -> Option<&Person> {
        self.record.people.iter().find(|person| person.name == *name)
    }

    /// Local clients are to be told only of what changes from now on.
    pub(crate) fn take_as_shown(&mut self) {
        self.shown = self.state;
        for view in &mut self.people {
            view.shown = Some(view.status);
        }
    }

    fn digest(&self) -> u64 {
        let mut bytes = [0; 8];
        let hash = meshchat_proto::id::MessageId::of(&self.signed);
        bytes.copy_from_slice(hash.0.split_at(8).0);
        u64::from_le_bytes(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;
    use meshchat_proto::id::NetworkId;

    fn record(node: u16) -> Record {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&node.to_be_bytes());
        Record {
            network: NetworkId::OPEN,
            node: NodeId(id),
            boot: Boot::new(1, 1),
            version: 1,
            name: "pi".parse().unwrap(),
            software: "test".into(),
            neighbours: Vec::new(),
            people: Vec::new(),
            seq: 0,
            seen: 0,
            left: false,
            addresses: Vec::new(),
            beacon: 0,
            holdings: None,
            doubled: false,
        }
    }

    #[test]
    fn the_node_lost_longest_makes_room() {
        let mut nodes = Nodes::default();
        for n in 0..u16::try_from(limits::NODES).unwrap() {
            let now = Mono::from_micros(n.into());
            assert!(nodes.put(now, record(n), Bytes::from_static(b"x")));
        }
        nodes.map.get_mut(&record(0).node).unwrap().state = NodeState::Reachable;
        assert!(nodes.put(Mono::ZERO, record(5000), Bytes::from_static(b"x")));
        assert!(nodes.get(&record(0).node).is_some() && nodes.get(&record(1).node).is_none());
        nodes.values_mut().for_each(|known| known.state = NodeState::Reachable);
        assert!(!nodes.put(Mono::ZERO, record(5001), Bytes::from_static(b"x")));
        assert_eq!(nodes.len(), limits::NODES);
    }

    #[test]
    fn a_flapping_person_is_shown_a_few_times_and_then_rarely() {
        let mut flap = Flap::new(Mono::ZERO);
        let mut shown = 0;
        for second in 0..600 {
            shown += u32::from(flap.take(Mono::ZERO + Duration::from_secs(second)).is_ok());
        }
        assert_eq!(shown, limits::FLAP_BURST + 600 / 30 - 1);
    }
}
