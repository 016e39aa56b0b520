//! Which of several bridges on one subject acts.
//!
//! Bridges of one mesh are ranked by their nodes. The first acts at once; others wait a little for
//! each before them and act only if nobody did. Nobody needs to be told that another is gone.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshchat_client::proto::id::NodeId;
use tokio::time::Instant;

/// A bridge: its node, and what tells it from others there.
pub(super) type Bridge = (NodeId, u64);

/// The other bridges on one subject, of the same network.
#[derive(Debug, Default)]
pub(super) struct Peers {
    known: BTreeMap<Bridge, Peer>,
}

#[derive(Debug)]
struct Peer {
    heard: Instant,
    backbone: bool,
}

/// Where a bridge stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Standing<'a> {
    pub(super) me: Bridge,
    /// Nodes of its mesh.
    pub(super) reach: &'a BTreeSet<NodeId>,
    /// It carries messages over the backbone.
    pub(super) backbone: bool,
}

impl Peers {
    /// A bridge has said that it is there.
    pub(super) fn heard(&mut self, now: Instant, bridge: Bridge, backbone: bool) {
        self.known.retain(|_, peer| now - peer.heard < ALIVE);
        if self.known.len() < MOST || self.known.contains_key(&bridge) {
            self.known.insert(bridge, Peer { heard: now, backbone });
        }
    }

    /// How long to wait before publishing a message that a person of `node` said: those near it
    /// are to do so first.
    pub(super) fn publish_after(&self, now: Instant, own: Standing<'_>, node: &NodeId) -> Duration {
        let far = !own.reach.contains(node) && self.far(now, own).next().is_some();
        self.near_before(now, own) + if far { FAR } else { Duration::ZERO }
    }

    /// How long to wait before bringing a foreign message into the mesh: over the backbone it
    /// would also come from the other island.
    pub(super) fn inject_after(&self, now: Instant, own: Standing<'_>) -> Duration {
        let far = self.far(now, own).any(|bridge| *bridge < own.me);
        self.near_before(now, own) + if far { FAR } else { Duration::ZERO }
    }

    /// Whether it is the first in its mesh.
    pub(super) fn is_first(&self, now: Instant, own: Standing<'_>) -> bool {
        self.near_before(now, own).is_zero()
    }

    fn near_before(&self, now: Instant, own: Standing<'_>) -> Duration {
        let near = self.alive(now).filter(|((node, _), _)| own.reach.contains(node));
        let before = near.map(|(bridge, _)| bridge).filter(|bridge| **bridge < own.me);
        let before = before.map(|(node, _)| node).collect::<BTreeSet<_>>().len();
        // Whoever may write on NATS may invent bridges.
        STEP * u32::try_from(before).unwrap_or(MOST_BEFORE).min(MOST_BEFORE)
    }

    fn far<'a>(&'a self, now: Instant, own: Standing<'a>) -> impl Iterator<Item = &'a Bridge> + 'a {
        let far = move |peer: &Peer, node: &NodeId| {
            own.backbone && peer.backbone && !own.reach.contains(node)
        };
        self.alive(now).filter(move |((node, _), peer)| far(peer, node)).map(|(bridge, _)| bridge)
    }

    fn alive(&self, now: Instant) -> impl Iterator<Item = (&Bridge, &Peer)> {
        self.known.iter().filter(move |(_, peer)| now - peer.heard < ALIVE)
    }
}

/// For each node of the same mesh with a bridge that comes first.
const STEP: Duration = Duration::from_millis(400);
/// Nodes that are waited for.
const MOST_BEFORE: u32 = 5;
/// When a bridge of another island comes first.
const FAR: Duration = Duration::from_secs(2);
/// Who was not heard for so long is gone.
const ALIVE: Duration = Duration::from_secs(6);
/// Bridges remembered; further ones are not waited for.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    fn bridge(n: u8) -> Bridge {
        (NodeId([n; 32]), 1)
    }

    #[tokio::test(start_paused = true)]
    async fn invented_bridges_delay_little() {
        let now = Instant::now();
        let mut peers = Peers::default();
        let reach: BTreeSet<_> = (0..40).map(|n| NodeId([n; 32])).collect();
        let own = Standing { me: bridge(39), reach: &reach, backbone: true };
        (0..9).for_each(|run| peers.heard(now, (NodeId([0; 32]), run), true));
        assert_eq!(peers.inject_after(now, own), STEP);
        (1..39).for_each(|n| peers.heard(now, bridge(n), true));
        assert_eq!(peers.inject_after(now, own), STEP * 5);
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_first_acts_at_once() {
        let now = Instant::now();
        let mut peers = Peers::default();
        let reach: BTreeSet<_> = [1, 2, 3].map(|n| NodeId([n; 32])).into();
        let own = Standing { me: bridge(2), reach: &reach, backbone: true };
        assert!(peers.is_first(now, own));
        peers.heard(now, bridge(3), true);
        assert_eq!(peers.inject_after(now, own), Duration::ZERO);
        peers.heard(now, bridge(1), true);
        assert_eq!(peers.inject_after(now, own), STEP);
        assert_eq!(peers.publish_after(now, own, &NodeId([3; 32])), STEP);
        assert!(peers.is_first(now + ALIVE, own), "the others are gone");
        // Another island.
        peers.heard(now, (NodeId([0; 32]), 1), true);
        assert_eq!(peers.inject_after(now, own), STEP + FAR);
        assert_eq!(peers.publish_after(now, own, &NodeId([9; 32])), STEP + FAR);
        assert_eq!(peers.publish_after(now, own, &NodeId([1; 32])), STEP);
        let alone = Standing { backbone: false, ..own };
        assert_eq!(peers.inject_after(now, alone), STEP, "no way leads there");
    }
}
