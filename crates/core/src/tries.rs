//! Dials in vain, and how long each node is left alone after them.

use alloc::collections::BTreeMap;
use core::time::Duration;

use meshchat_proto::id::NodeId;

use crate::limits;
use crate::time::Mono;

/// How a node that is wanted as a neighbour has answered so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tried {
    /// In a row.
    pub(crate) failures: u32,
    /// Not again before this.
    pub(crate) next: Mono,
    /// It does not want a link, or is not to have one.
    pub(crate) given_up: bool,
}

/// All nodes that are wanted as neighbours.
#[derive(Debug, Default)]
pub(crate) struct Tries(BTreeMap<NodeId, Tried>);

impl Tries {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&NodeId, &Tried)> {
        self.0.iter()
    }

    /// When a node may be dialled.
    pub(crate) fn next(&self, node: &NodeId) -> Mono {
        self.0.get(node).map_or(Mono::ZERO, |tried| tried.next)
    }

    /// A node is wanted: if that is new, it is dialled after `wait`.
    pub(crate) fn consider(&mut self, now: Mono, node: NodeId, wait: Duration) {
        if !self.0.contains_key(&node) {
            self.put(node, Tried { failures: 0, next: now + wait, given_up: false });
        }
    }

    /// A dial was in vain.
    pub(crate) fn fail(&mut self, now: Mono, node: NodeId, jitter: Duration) {
        let failures = self.0.get(&node).map_or(0, |tried| tried.failures).saturating_add(1);
        let pause = limits::RETRY * 2u32.pow((failures - 1).min(16));
        let next = now + pause.min(limits::RETRY_MOST) + jitter;
        self.put(node, Tried { failures, next, given_up: false });
    }

    /// A node is dialled at the latest after `pause`.
    pub(crate) fn hasten(&mut self, now: Mono, node: &NodeId, pause: Duration) {
        if let Some(tried) = self.0.get_mut(node) {
            tried.next = tried.next.min(now + pause);
        }
    }

    /// A node does not want a link, or is not to have one.
    pub(crate) fn give_up(&mut self, now: Mono, node: NodeId) {
        self.put(node, Tried { failures: 0, next: now + limits::RETRY_MOST, given_up: true });
    }

    pub(crate) fn forget(&mut self, node: &NodeId) {
        self.0.remove(node);
    }

    /// Nothing that failed before counts any more.
    pub(crate) fn forgive_all(&mut self, now: Mono) {
        for tried in self.0.values_mut().filter(|tried| !tried.given_up) {
            (tried.failures, tried.next) = (0, tried.next.min(now));
        }
    }

    fn put(&mut self, node: NodeId, tried: Tried) {
        if self.0.len() >= limits::TRIES && !self.0.contains_key(&node) {
            let soonest = self.0.iter().min_by_key(|(_, tried)| tried.next).map(|(node, _)| *node);
            if let Some(soonest) = soonest {
                self.0.remove(&soonest);
            }
        }
        self.0.insert(node, tried);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_failure_in_a_row_doubles_the_pause_to_a_bound() {
        let (mut tries, node) = (Tries::default(), NodeId([1; 32]));
        tries.consider(Mono::ZERO, node, Duration::ZERO);
        assert_eq!(tries.next(&node), Mono::ZERO);
        let mut pauses = alloc::vec::Vec::new();
        for _ in 0..40 {
            tries.fail(Mono::ZERO, node, Duration::ZERO);
            pauses.push(tries.next(&node).since(Mono::ZERO));
        }
        assert_eq!(pauses[..3], [1, 2, 4].map(|n| limits::RETRY * n));
        assert_eq!(pauses[39], limits::RETRY_MOST);
        tries.forgive_all(Mono::from_micros(5));
        assert_eq!(tries.next(&node), Mono::from_micros(5));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut tries = Tries::default();
        for n in 0..2000u16 {
            let mut id = [0; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            tries.consider(Mono::from_micros(n.into()), NodeId(id), Duration::ZERO);
        }
        assert_eq!(tries.len(), limits::TRIES);
        assert_eq!(tries.next(&NodeId([0; 32])), Mono::ZERO, "the first has made room");
    }
}
