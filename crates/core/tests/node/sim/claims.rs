//! What nodes say of who holds a message, against what those have.

use meshchat_core::Node;

use super::log::Said;
use super::world::World;
use crate::env::AnyEnv;

/// Newest messages that are looked at while the world goes on.
const NEWEST: usize = 24;

impl World {
    /// Notes what a host has before it goes down: others may still say so.
    pub(crate) fn note_had(&mut self, host: usize) {
        let Some(node) = &self.hosts[host].node else { return };
        for said in self.log.said.iter_mut().filter(|said| has(node, said)) {
            said.had.insert(host);
        }
    }

    /// Whoever is said to hold a message has had it.
    pub(crate) fn check_claims(&self) {
        for said in self.log.said.iter().rev().take(NEWEST) {
            for host in 0..self.plan.hosts {
                self.check_claim(host, said);
            }
        }
    }

    fn check_claim(&self, host: usize, said: &Said) {
        let Some(holders) = self.holders(host, said) else { return };
        for holder in holders {
            let (state, other) = (&self.hosts[holder], said.host != holder);
            let up = state.node.as_ref().is_some_and(|node| has(node, said));
            let had = up || said.had.contains(&holder);
            let text = said.text.get(..8);
            assert!(!other || had, "node {host} says that {holder} holds {text:?}, it does not");
        }
    }

    /// All that a part has is known to be so in all of the part.
    pub(crate) fn check_told(&self, part: &[usize]) {
        if self.plan.rate.is_some() {
            // What is left of a flood is too ragged for few ranges, and then not told of.
            return;
        }
        for said in &self.log.said {
            for host in part {
                self.check_claim(*host, said);
                let Some(holders) = self.holders(*host, said) else { continue };
                let has = |host: &&usize| {
                    self.hosts[**host].node.as_ref().is_some_and(|node| has(node, said))
                };
                for other in part.iter().filter(has) {
                    let (known, text) = (holders.contains(other), said.text.get(..8));
                    assert!(known, "node {host} does not know that {other} holds {text:?}");
                }
            }
        }
    }

    /// Hosts that hold a message, as a host says that holds it itself.
    fn holders(&self, host: usize, said: &Said) -> Option<Vec<usize>> {
        let state = &self.hosts[host];
        let (node, id) = (state.node.as_ref()?, said.accepted?);
        // Of who was removed from the network nobody keeps count any more.
        if !node.admits(&said.node) {
            return None;
        }
        let info = node.delivery(state.time(self.now), &id.to_string()).ok()?;
        let holders = info.nodes.iter().filter(|node| node.holds);
        let host = |id| self.hosts.iter().position(|host| host.id == id);
        Some(holders.filter_map(|node| host(node.node)).collect())
    }
}

/// Of who was removed from the network nobody keeps count any more: it may have been had.
fn has(node: &Node<AnyEnv>, said: &Said) -> bool {
    let counted = node.has_taken(&said.node, said.boot, said.seq);
    said.accepted.is_some() && (counted || !node.admits(&said.node))
}
