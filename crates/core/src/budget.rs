//! What the dials that nobody asked for may cost others.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use crate::limits;
use crate::time::Mono;

const MINUTE: Duration = Duration::from_secs(60);

/// Counts dials of the last minute.
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// Each dialled address, with whether a beacon caused it.
    recent: VecDeque<(Mono, IpAddr)>,
    /// When beacons, and when all other reasons, caused a dial.
    dials: [VecDeque<Mono>; 2],
}

impl Budget {
    /// Takes one dial out of the budget: gives back the addresses that may be dialled now, and
    /// none when there were enough dials in this minute.
    pub(crate) fn take(
        &mut self,
        now: Mono,
        beacon: bool,
        mut addresses: Vec<SocketAddr>,
    ) -> Vec<SocketAddr> {
        self.forget(now);
        let [others, beacons] = &mut self.dials;
        let dials = if beacon { beacons } else { others };
        if dials.len() >= limits::DIALS_PER_MINUTE as usize {
            return Vec::new();
        }
        let recent = &mut self.recent;
        addresses.retain(|address| {
            let before = recent.iter().filter(|(_, ip)| *ip == address.ip()).count();
            let spared = before < limits::DIALS_PER_ADDRESS as usize;
            if spared {
                recent.push_back((now, address.ip()));
            }
            spared
        });
        if !addresses.is_empty() {
            dials.push_back(now);
        }
        addresses
    }

    /// When a dial would be possible again.
    pub(crate) fn next(&self, beacon: bool) -> Option<Mono> {
        let [others, beacons] = &self.dials;
        let dials = if beacon { beacons } else { others };
        let full = dials.len() >= limits::DIALS_PER_MINUTE as usize;
        dials.front().filter(|_| full).map(|first| *first + MINUTE)
    }

    fn forget(&mut self, now: Mono) {
        let old = |at: Mono| now.since(at) >= MINUTE;
        while self.recent.front().is_some_and(|(at, _)| old(*at)) {
            self.recent.pop_front();
        }
        for dials in &mut self.dials {
            while dials.front().is_some_and(|at| old(*at)) {
                dials.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn dials_are_bounded_in_all_and_for_each_address() {
        let mut budget = Budget::default();
        let at = |n: u32| SocketAddr::from((n.to_be_bytes(), 7117));
        let start = Mono::from_micros(1);
        let mut dialled = 0;
        for _ in 0..100 {
            dialled += budget.take(start, true, vec![at(1)]).len();
        }
        assert_eq!(dialled, limits::DIALS_PER_ADDRESS as usize);
        for n in 2..100 {
            dialled += budget.take(start, true, vec![at(n)]).len();
        }
        assert_eq!(dialled, limits::DIALS_PER_MINUTE as usize);
        assert_eq!(budget.next(true), Some(start + MINUTE));
        assert_eq!(budget.take(start, false, vec![at(1), at(500)]), [at(500)]);
        assert_eq!(budget.take(start + MINUTE, true, vec![at(1)]).len(), 1);
        assert!(budget.recent.len() <= 1);
    }
}
