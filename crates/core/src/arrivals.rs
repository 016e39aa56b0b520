//! How the newest messages came here: over which link, when, and where they went on to.
//!
//! One row for each batch, so that a burst costs little.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use meshchat_proto::id::NodeId;
use meshchat_proto::message::Body;

use crate::dial::Carrier;
use crate::env::Env;
use crate::io::LinkId;
use crate::limits;
use crate::node::Node;
use crate::seen::Origin;
use crate::time::{Mono, Now};

/// Messages of one origin that came together.
#[derive(Debug)]
pub(crate) struct Arrival {
    pub(crate) origin: Origin,
    first: u64,
    last: u64,
    /// The link that they came by; none when they are of this node.
    pub(crate) from: Option<LinkId>,
    pub(crate) at: Mono,
    /// How often they were passed on before, from their origin or from a catch-up.
    pub(crate) hops: u8,
    pub(crate) caught_up: bool,
    /// Links that they were passed on to at once.
    pub(crate) passed: Vec<LinkId>,
    copies: Vec<Copied>,
}

/// Some of them came again.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copied {
    first: u64,
    last: u64,
    pub(crate) from: LinkId,
    pub(crate) at: Mono,
}

/// What is remembered of a link, which may be gone.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Way {
    pub(crate) peer: NodeId,
    pub(crate) carrier: Carrier,
}

/// The newest arrivals.
#[derive(Debug, Default)]
pub(crate) struct Arrivals {
    rows: VecDeque<Arrival>,
    /// Arrivals ever.
    count: u64,
    ways: BTreeMap<LinkId, Way>,
}

impl Arrival {
    /// Messages `seqs`, in ascending order, must be without a hole.
    pub(crate) fn new(origin: Origin, (first, last): (u64, u64), at: Mono) -> Self {
        Self {
            origin,
            first,
            last,
            from: None,
            at,
            hops: 0,
            caught_up: false,
            passed: Vec::new(),
            copies: Vec::new(),
        }
    }

    fn has(&self, origin: &Origin, seq: u64) -> bool {
        (self.first..=self.last).contains(&seq) && self.origin == *origin
    }

    /// Further copies of one of them.
    pub(crate) fn copies_of(&self, seq: u64) -> impl Iterator<Item = &Copied> {
        self.copies.iter().filter(move |copy| (copy.first..=copy.last).contains(&seq))
    }
}

impl Arrivals {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    pub(crate) fn ways(&self) -> usize {
        self.ways.len()
    }

    /// How many there ever were; the next one has this number.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Notes who is at the other end of a link. Links are numbered as they come.
    pub(crate) fn link(&mut self, link: LinkId, way: Way) {
        if self.ways.len() == limits::ARRIVAL_LINKS {
            self.ways.pop_first();
        }
        self.ways.insert(link, way);
    }

    pub(crate) fn way(&self, link: LinkId) -> Option<Way> {
        self.ways.get(&link).copied()
    }

    pub(crate) fn push(&mut self, arrival: Arrival) {
        if self.rows.len() == limits::ARRIVALS {
            self.rows.pop_front();
        }
        self.rows.push_back(arrival);
        self.count += 1;
    }

    /// Where the last `count` arrivals went on to.
    pub(crate) fn passed(&mut self, count: u64, links: &[LinkId]) {
        let count = usize::try_from(count).unwrap_or(usize::MAX);
        for arrival in self.rows.iter_mut().rev().take(count) {
            arrival.passed = links.to_vec();
        }
    }

    /// Messages of an origin came again, the first and the last of them.
    pub(crate) fn copied(&mut self, now: Mono, link: LinkId, origin: &Origin, seqs: (u64, u64)) {
        let (first, last) = seqs;
        let mut seq = first;
        // What is copied came lately: the newest are looked at first.
        while seq <= last
            && let Some(row) = self.rows.iter_mut().rev().find(|row| row.has(origin, seq))
        {
            if row.copies.len() < limits::ARRIVAL_COPIES {
                row.copies.push(Copied { first, last, from: link, at: now });
            }
            let Some(next) = row.last.checked_add(1) else { break };
            seq = next;
        }
    }

    /// The number of the arrival of a message, and what is known of it; none when it was too
    /// long ago.
    pub(crate) fn find(&self, origin: &Origin, seq: u64) -> Option<(u64, &Arrival)> {
        let numbers = (0..self.count).rev();
        let mut rows = numbers.zip(self.rows.iter().rev());
        rows.find(|(_, row)| row.has(origin, seq))
    }

    /// The number of the arrival of a message that came before all that are remembered.
    pub(crate) fn forgotten(&self) -> u64 {
        (self.count - self.rows.len() as u64).saturating_sub(1)
    }
}

/// Collects what came together into arrivals without holes.
#[derive(Debug)]
pub(crate) struct Run {
    next: Arrival,
    empty: bool,
}

impl Run {
    pub(crate) fn new(
        origin: Origin,
        at: Mono,
        from: Option<LinkId>,
        (hops, caught_up): (u8, bool),
    ) -> Self {
        let next = Arrival { from, hops, caught_up, ..Arrival::new(origin, (0, 0), at) };
        Self { next, empty: true }
    }

    pub(crate) fn add(&mut self, arrivals: &mut Arrivals, seq: u64) {
        let follows = self.next.last.checked_add(1) == Some(seq);
        if !self.empty && !follows {
            self.flush(arrivals);
        }
        if self.empty {
            (self.next.first, self.empty) = (seq, false);
        }
        self.next.last = seq;
    }

    pub(crate) fn end(mut self, arrivals: &mut Arrivals) {
        self.flush(arrivals);
    }

    fn flush(&mut self, arrivals: &mut Arrivals) {
        if !core::mem::replace(&mut self.empty, true) {
            let Arrival { origin, first, last, from, at, hops, caught_up, .. } = self.next;
            let one = Arrival::new(origin, (first, last), at);
            arrivals.push(Arrival { from, hops, caught_up, ..one });
        }
    }
}

impl<E: Env> Node<E> {
    /// Notes where the arrivals from number `before` on go: links that are behind get them later.
    pub(crate) fn note_passed(&mut self, before: u64, links: &[LinkId]) {
        let behind = |link: &LinkId| self.links.get(*link).is_none_or(|link| link.behind);
        let links: Vec<LinkId> = links.iter().copied().filter(|link| !behind(link)).collect();
        self.arrivals.passed(self.arrivals.count() - before, &links);
    }

    /// Notes which messages of a batch are not `fresh`.
    pub(crate) fn copies_came(
        &mut self,
        now: Now,
        link: Option<LinkId>,
        (origin, bodies): (Origin, &[Body<'_>]),
        fresh: &[bool],
    ) {
        let Some(link) = link else { return };
        let old = bodies.iter().zip(fresh).filter(|(_, fresh)| !**fresh);
        let seqs = old.map(|(body, _)| body.seq);
        let Some(first) = seqs.clone().min() else { return };
        let last = seqs.max().unwrap_or(first);
        self.arrivals.copied(now.mono, link, &origin, (first, last));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use meshchat_proto::id::Boot;

    fn origin() -> Origin {
        (NodeId([1; 32]), Boot::new(1, 1))
    }

    #[test]
    fn arrivals_are_found_by_number_and_bounded() {
        let mut arrivals = Arrivals::default();
        let most = limits::ARRIVALS as u64;
        for n in 0..=most {
            arrivals.push(Arrival::new(origin(), (n * 10, n * 10 + 4), Mono::ZERO));
        }
        assert_eq!(arrivals.len(), limits::ARRIVALS);
        assert!(arrivals.find(&origin(), 3).is_none() && arrivals.find(&origin(), 15).is_none());
        assert_eq!(arrivals.find(&origin(), 14).map(|(at, _)| at), Some(1));
        assert_eq!(arrivals.find(&origin(), most * 10).map(|(at, _)| at), Some(most));
        assert_eq!(arrivals.forgotten(), 0);
        for link in 0..1000 {
            arrivals.link(link, Way { peer: NodeId([1; 32]), carrier: Carrier::Quic });
        }
        assert_eq!(arrivals.ways(), limits::ARRIVAL_LINKS);
        assert!(arrivals.way(999).is_some() && arrivals.way(0).is_none());
    }

    #[test]
    fn copies_count_for_the_messages_that_they_are_of() {
        let mut arrivals = Arrivals::default();
        arrivals.push(Arrival::new(origin(), (1, 4), Mono::ZERO));
        arrivals.push(Arrival::new(origin(), (5, 9), Mono::ZERO));
        arrivals.passed(1, &[7]);
        arrivals.copied(Mono::ZERO, 3, &origin(), (3, 6));
        let copies = |arrivals: &Arrivals, seq| {
            arrivals.find(&origin(), seq).unwrap().1.copies_of(seq).count()
        };
        assert_eq!([2, 3, 5, 7].map(|seq| copies(&arrivals, seq)), [0, 1, 1, 0]);
        let passed = |seq| arrivals.find(&origin(), seq).unwrap().1.passed.len();
        assert_eq!((passed(1), passed(5)), (0, 1));
        for _ in 0..100 {
            arrivals.copied(Mono::ZERO, 3, &origin(), (1, u64::MAX));
        }
        assert_eq!(copies(&arrivals, 3), limits::ARRIVAL_COPIES);
    }
}
