//! Partitions: what of the mesh is missing, told when it splits and when it grows together.
//!
//! Nodes that are lost at about the same moment are one split, told once some seconds have
//! passed. A node that is lost alone is none, unless it was all there was. When nodes of a split
//! come back, what arrives of their side is counted until it is quiet.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use meshchat_proto::control::{Event, Missing, NodeState, PartitionChange, PartitionState};
use meshchat_proto::id::NodeId;
use meshchat_proto::name::NodeName;

use crate::env::Env;
use crate::io::{Note, Output};
use crate::limits;
use crate::node::Node;
use crate::nodes::{Flap, Known};
use crate::records::is_up;
use crate::replies::narrow;
use crate::time::{Mono, Now, millis};

/// The splits that this node has seen and that have not ended.
#[derive(Debug)]
pub(crate) struct Partition {
    splits: Vec<Split>,
    merge: Option<Merge>,
    /// When a node was last lost or found.
    changed: Mono,
    flap: Flap,
}

/// Nodes that were lost together.
#[derive(Debug, Default)]
struct Split {
    away: BTreeSet<NodeId>,
    /// Those that have come back and whose return is still to be told.
    back: BTreeSet<NodeId>,
    /// When it is to be told; none once it was.
    due: Option<Mono>,
    /// Messages of this side since.
    ours: u64,
    /// Messages of the other side that came nevertheless: some come before it is known to be
    /// back, the rest until its return is told.
    theirs: u64,
}

/// A return that is being counted.
#[derive(Debug)]
struct Merge {
    began: Mono,
    due: Mono,
    ours: u64,
}

impl Partition {
    pub(crate) fn new(now: Mono) -> Self {
        Self { splits: Vec::new(), merge: None, changed: now, flap: Flap::new(now) }
    }

    pub(crate) fn len(&self) -> usize {
        self.splits.len()
    }

    /// The next thing to tell.
    pub(crate) fn due(&self) -> Option<Mono> {
        let splits = self.splits.iter().filter_map(|split| split.due);
        splits.chain(self.merge.as_ref().map(|merge| merge.due)).min()
    }

    /// Counts a message of a node that was not here before.
    pub(crate) fn heard(&mut self, now: Mono, node: &NodeId) {
        for split in &mut self.splits {
            let away = split.away.contains(node);
            if !away && !split.back.contains(node) {
                split.ours += 1;
                continue;
            }
            split.theirs += 1;
            if let Some(merge) = self.merge.as_mut().filter(|_| !split.back.is_empty()) {
                merge.wait(now);
            }
        }
    }

    fn lose(&mut self, now: Mono, node: NodeId) {
        if let Some(split) = self.splits.iter_mut().find(|split| split.back.contains(&node)) {
            split.back.remove(&node);
            split.away.insert(node);
            return self.settle();
        }
        let pending = self.splits.iter().position(|split| split.due.is_some());
        let full = self.splits.len() >= limits::SPLITS;
        let split = match pending.or(full.then_some(limits::SPLITS - 1)) {
            Some(at) => self.splits.get_mut(at),
            None => {
                let due = Some(now + limits::SPLIT_SETTLE);
                self.splits.push(Split { due, ..Split::default() });
                self.splits.last_mut()
            }
        };
        if let Some(split) = split {
            split.away.insert(node);
        }
    }

    fn regain(&mut self, now: Mono, node: NodeId) {
        let Some(split) = self.splits.iter_mut().find(|split| split.away.contains(&node)) else {
            return;
        };
        split.away.remove(&node);
        if split.due.is_none() {
            split.back.insert(node);
            let fresh = || Merge { began: now, due: now, ours: 0 };
            let merge = self.merge.get_or_insert_with(fresh);
            merge.ours = merge.ours.max(split.ours);
            merge.wait(now);
        }
        self.settle();
    }

    fn keep(&mut self, is_missed: impl Fn(&NodeId) -> bool) {
        for split in &mut self.splits {
            split.away.retain(&is_missed);
        }
        self.settle();
    }

    /// Ends what has nobody left in it.
    fn settle(&mut self) {
        self.splits.retain(|split| !split.away.is_empty() || !split.back.is_empty());
        if self.splits.iter().all(|split| split.back.is_empty()) {
            self.merge = None;
        }
    }

    /// Whether a split is to be told now. A single lost node is none, unless this node is
    /// `isolated` by it.
    fn splits_now(&mut self, now: Mono, isolated: bool) -> bool {
        let due = |split: &&mut Split| split.due.is_some_and(|due| due <= now);
        let Some(split) = self.splits.iter_mut().find(due) else { return false };
        if split.away.len() < 2 && !isolated {
            split.away.clear();
            self.settle();
            return false;
        }
        split.due = self.flap.take(now).err();
        split.due.is_none()
    }

    /// What a merge that is over has brought: nodes, messages of theirs and of ours. While
    /// `busy`, more is on its way.
    fn merges_now(&mut self, now: Mono, busy: bool) -> Option<(usize, u64, u64)> {
        let merge = self.merge.as_mut().filter(|merge| merge.due <= now)?;
        if busy && now < merge.began + limits::MERGE_MOST {
            merge.wait(now);
            return None;
        }
        let ours = self.merge.take()?.ours;
        let (mut nodes, mut theirs) = (0, 0);
        for split in self.splits.iter_mut().filter(|split| !split.back.is_empty()) {
            nodes += core::mem::take(&mut split.back).len();
            theirs += split.theirs;
            // For those who are still away, they are of this side now.
            split.ours += core::mem::take(&mut split.theirs);
        }
        self.settle();
        Some((nodes, theirs, ours))
    }

    #[cfg(any(test, debug_assertions))]
    pub(crate) fn check_invariants(&self) {
        let merging = self.splits.iter().any(|split| !split.back.is_empty());
        assert_eq!(merging, self.merge.is_some(), "a merge without nodes, or nodes without");
        let sets = self.splits.iter().flat_map(|split| [&split.away, &split.back]);
        let all: Vec<&NodeId> = sets.flatten().collect();
        let sum = all.len();
        let all: BTreeSet<&NodeId> = all.into_iter().collect();
        assert_eq!(all.len(), sum, "a node is away twice");
        let pending = self.splits.iter().filter(|split| split.due.is_some());
        assert!(pending.count() <= 1, "two splits wait to be told");
    }
}

impl Merge {
    fn wait(&mut self, now: Mono) {
        self.due = (now + limits::MERGE_QUIET).min(self.began + limits::MERGE_MOST);
    }
}

impl<E: Env> Node<E> {
    /// Takes in which nodes were in another state before: what they were and are.
    pub(crate) fn nodes_turned(&mut self, now: Now, turns: &[(NodeId, NodeState, NodeState)]) {
        for (node, was, is) in turns {
            match (was, is) {
                (NodeState::Reachable, NodeState::Unreachable) => {
                    self.partition.lose(now.mono, *node);
                }
                (_, NodeState::Reachable) => self.partition.regain(now.mono, *node),
                _ => {}
            }
            if [was, is].contains(&&NodeState::Unreachable) {
                self.partition.changed = now.mono;
            }
        }
        if !self.partition.splits.is_empty() {
            let missed = |known: &Known| is_missed(now.mono, known);
            self.partition.keep(|node| self.nodes.get(node).is_some_and(missed));
        }
    }

    /// Tells of splits and merges that are due.
    pub(crate) fn tick_partition(&mut self, now: Now) {
        if self.partition.due().is_none_or(|due| due > now.mono) {
            return;
        }
        let isolated = self.links.live().next().is_none();
        if self.partition.splits_now(now.mono, isolated) {
            let state = if isolated { PartitionState::Isolated } else { PartitionState::Split };
            self.tell_partition(now.mono, state, (0, 0, 0));
        }
        let busy = self.links.iter().any(|(_, link)| link.asking.is_asking());
        if let Some(counts) = self.partition.merges_now(now.mono, busy) {
            self.tell_partition(now.mono, PartitionState::Merged, counts);
        }
    }

    /// What is missing now; none when nothing is.
    pub(crate) fn missing(&self, now: Mono) -> Option<Missing> {
        let missed = self.lost_nodes(now);
        let Some(newest) = missed.first() else { return self.missing_members(now) };
        let reachable = self.up();
        Some(Missing {
            reachable: narrow(reachable),
            known: narrow(reachable + missed.len()),
            since_ms: millis(now.since(self.partition.changed.max(newest.since))),
            names: names(&missed),
            isolated: self.links.live().next().is_none(),
        })
    }

    /// In a closed network it is known who should be there, also when none was met in this run.
    fn missing_members(&self, now: Mono) -> Option<Missing> {
        let view = self.roster.view()?;
        let others = || view.members.keys().filter(|node| **node != self.me.id);
        let alone = self.links.live().next().is_none() && self.nodes.len() <= 1;
        let since = now.since(self.partition.changed);
        if !alone || others().next().is_none() || since < limits::ALONE {
            return None;
        }
        Some(Missing {
            reachable: 1,
            known: narrow(others().count() + 1),
            since_ms: millis(since),
            names: others()
                .take(limits::MISSING_NAMES)
                .map(|node| self.member_name(node))
                .collect(),
            isolated: true,
        })
    }

    fn tell_partition(&mut self, now: Mono, state: PartitionState, counts: (usize, u64, u64)) {
        let (missed, reachable) = (self.lost_nodes(now), self.up());
        let (back, theirs, ours) = counts;
        let change = PartitionChange {
            state,
            reachable: narrow(reachable),
            known: narrow(reachable + missed.len()),
            missing: names(&missed),
            back: narrow(back),
            theirs,
            ours,
        };
        self.out.push_back(Output::Note(Note::Partition(change.clone())));
        self.announce(Box::new(Event::Partition(change)));
    }

    /// Nodes that should be there, those lost last first.
    fn lost_nodes(&self, now: Mono) -> Vec<&Known> {
        let known = self.nodes.iter().map(|(_, known)| known);
        let mut missed: Vec<_> = known.filter(|known| is_missed(now, known)).collect();
        missed.sort_by_key(|known| core::cmp::Reverse(known.since));
        missed
    }

    fn up(&self) -> usize {
        self.nodes.iter().filter(|(_, known)| is_up(known.state)).count()
    }
}

fn is_missed(now: Mono, known: &Known) -> bool {
    known.state == NodeState::Unreachable && now.since(known.since) <= limits::MISSED
}

fn names(missed: &[&Known]) -> Vec<NodeName> {
    let first = missed.iter().take(limits::MISSING_NAMES);
    first.map(|known| known.called.clone()).collect()
}
