//! What was heard on the LAN, and which of it to dial.
//!
//! Anyone can send beacons, so they are worth a guess and no more: a bounded table, a bounded
//! number of dials, and chance in both, so that a neighbour comes through whatever else is heard.

use alloc::vec::Vec;
use core::net::SocketAddr;

use meshchat_proto::id::NodeId;

use crate::dial::Way;
use crate::env::Env;
use crate::limits;
use crate::node::Node;
use crate::peering::Purpose;
use crate::time::{Mono, Now};

/// Beacons heard of late.
#[derive(Debug, Default)]
pub(crate) struct Beacons(Vec<Beacon>);

#[derive(Debug)]
struct Beacon {
    number: u64,
    addresses: Vec<SocketAddr>,
    /// Heard again some time after the first: more likely a neighbour than a forgery.
    again: bool,
    /// Who answered there.
    node: Option<NodeId>,
    failures: u32,
    next: Mono,
}

impl Beacons {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn answered(&mut self, number: u64, node: NodeId) {
        // It has one number in each run, and only the last is heard again.
        self.0.retain(|beacon| beacon.node != Some(node) || beacon.number == number);
        if let Some(beacon) = self.0.iter_mut().find(|beacon| beacon.number == number) {
            (beacon.node, beacon.failures) = (Some(node), 0);
        }
    }

    pub(crate) fn failed(&mut self, now: Mono, number: u64) {
        if let Some(beacon) = self.0.iter_mut().find(|beacon| beacon.number == number) {
            beacon.failures += 1;
            let pause = limits::RETRY * 2u32.pow(beacon.failures.min(16));
            beacon.next = now + pause.min(limits::RETRY_MOST);
        }
    }

    /// What failed before may work now.
    pub(crate) fn forgive_all(&mut self, now: Mono) {
        for beacon in &mut self.0 {
            (beacon.failures, beacon.next) = (0, beacon.next.min(now));
        }
    }

    fn heard(&mut self, number: u64, address: SocketAddr, first_dial: Mono, random: u64) {
        if let Some(beacon) = self.0.iter_mut().find(|beacon| beacon.number == number) {
            if beacon.addresses.contains(&address) {
                beacon.again = true;
            } else if beacon.addresses.len() < limits::BEACON_ADDRESSES {
                beacon.addresses.push(address);
            }
            return;
        }
        let new = Beacon {
            number,
            addresses: [address].into(),
            again: false,
            node: None,
            failures: 0,
            next: first_dial,
        };
        if self.0.len() < limits::BEACONS {
            return self.0.push(new);
        }
        let doubtful = |beacon: &Beacon| !beacon.again && beacon.node.is_none();
        let mut victims: Vec<&mut Beacon> = self.0.iter_mut().filter(|one| doubtful(one)).collect();
        if victims.is_empty() {
            victims = self.0.iter_mut().filter(|beacon| beacon.node.is_none()).collect();
        }
        if victims.is_empty() {
            victims = self.0.iter_mut().collect();
        }
        let count = victims.len().max(1) as u64;
        let victim = usize::try_from(random % count).unwrap_or(0);
        if let Some(victim) = victims.into_iter().nth(victim) {
            *victim = new;
        }
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn on_heard(&mut self, now: Now, number: u64, address: SocketAddr) {
        if number == self.me.beacon || self.peering.goal.least == 0 {
            return;
        }
        let enough = self.links.live().count() >= self.peering.goal.least;
        let wait = if enough {
            limits::BEACON_CALM
        } else if self.me.beacon > number {
            limits::BEACON_YIELD
        } else {
            core::time::Duration::ZERO
        };
        let random = self.env.random();
        self.beacons.heard(number, address, now.mono + wait, random);
        self.peering.dirty = true;
    }

    /// Dials what beacons tell of, as far as it is due and not known to be linked.
    pub(crate) fn follow_beacons(&mut self, now: Now) {
        let links = self.links.live().count();
        let mut due = Vec::new();
        let mut soonest: Option<Mono> = None;
        for (index, beacon) in self.beacons.0.iter().enumerate() {
            let node = beacon.node.or_else(|| self.nodes.with_beacon(beacon.number));
            let reached = node
                .and_then(|node| self.nodes.get(&node))
                .is_some_and(|known| known.path.is_some() && links >= self.peering.goal.least);
            let barred = node.is_some_and(|node| !self.roster.admits(&node));
            let linked = node.is_some_and(|node| self.has_link(&node))
                || self.links.iter().any(|(_, link)| beacon.addresses.contains(&link.remote));
            // Its node is in reach, and there are links enough.
            if reached || linked || barred || self.peering.follows(beacon.number) {
                continue;
            }
            if beacon.next <= now.mono {
                due.push((!beacon.again, index));
            } else {
                soonest = Some(soonest.map_or(beacon.next, |soonest| soonest.min(beacon.next)));
            }
        }
        // By turns one that was heard twice and one that was not, chosen by chance.
        let random = self.env.random();
        due.sort_by_key(|(first, index)| {
            (*first != (random & 1 == 0), (*index as u64 ^ random).wrapping_mul(MIX))
        });
        // Only one at a time when there are links enough: it may be the other half of the mesh.
        let wanted = self.peering.goal.least.max(links + 1);
        for (_, index) in due {
            if links + self.peering.seeking() >= wanted {
                let later = now.mono + core::time::Duration::from_secs(1);
                soonest = Some(soonest.map_or(later, |soonest| soonest.min(later)));
                break;
            }
            let Some(beacon) = self.beacons.0.get(index) else { continue };
            let (number, addresses) = (beacon.number, beacon.addresses.clone());
            let how = (Way::Plain, Purpose::Beacon(number), core::time::Duration::ZERO);
            if !self.dial(now, None, addresses, how) {
                let free = self.peering.budget.next(true);
                let later = now.mono + core::time::Duration::from_secs(1);
                soonest = Some(free.unwrap_or(later).max(later));
                break;
            }
        }
        self.peering.due = [self.peering.due, soonest].into_iter().flatten().min();
    }

    pub(crate) fn has_link(&self, node: &NodeId) -> bool {
        self.links.iter().any(|(_, link)| link.peer == *node)
    }
}

/// An odd number that spreads small ones (Fibonacci hashing).
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(n: u16) -> SocketAddr {
        let [high, low] = n.to_be_bytes();
        ([10, 0, high, low], 7117).into()
    }

    #[test]
    fn forgeries_do_not_drive_out_a_neighbour_that_is_heard_again() {
        let mut beacons = Beacons::default();
        beacons.heard(7, at(1), Mono::ZERO, 0);
        beacons.heard(7, at(1), Mono::ZERO, 0);
        for n in 0..10_000u16 {
            beacons.heard(1000 + u64::from(n), at(n), Mono::ZERO, u64::from(n) * 7);
        }
        assert_eq!(beacons.len(), limits::BEACONS);
        assert!(beacons.0.iter().any(|beacon| beacon.number == 7 && beacon.again));
    }

    #[test]
    fn neighbours_that_are_gone_make_room_in_the_end() {
        let mut beacons = Beacons::default();
        let node = |n: u16| {
            let mut id = [0; 32];
            id[..2].copy_from_slice(&n.to_be_bytes());
            NodeId(id)
        };
        for n in 0..500u16 {
            beacons.heard(u64::from(n), at(n), Mono::ZERO, u64::from(n));
            assert!(beacons.0.iter().any(|beacon| beacon.number == u64::from(n)), "{n}");
            beacons.answered(u64::from(n), node(n));
        }
        for run in 1000..1100 {
            beacons.heard(run, at(1), Mono::ZERO, run);
            beacons.answered(run, node(7000));
        }
        let runs = beacons.0.iter().filter(|beacon| beacon.node == Some(node(7000)));
        assert_eq!(runs.count(), 1);
    }

    #[test]
    fn one_number_has_few_addresses() {
        let mut beacons = Beacons::default();
        for n in 0..100 {
            beacons.heard(7, at(n), Mono::ZERO, 0);
        }
        assert_eq!(beacons.0[0].addresses.len(), limits::BEACON_ADDRESSES);
    }
}
