//! Which messages were seen, per origin: the run of one node.
//!
//! The set of seen numbers refuses repetitions, is the question that catch-up asks, and gives
//! the fingerprint that tells two nodes whether they need to ask.

use alloc::collections::BTreeMap;
use core::ops::Bound;

use meshchat_proto::id::{Boot, NodeId};
use meshchat_proto::limits::RANGES;

use crate::history::Entry;
use crate::limits;
use crate::ranges::Ranges;
use crate::time::Mono;

/// One run of one node.
pub(crate) type Origin = (NodeId, Boot);

/// What is known of the messages of one origin.
#[derive(Debug, Default)]
pub(crate) struct Window {
    /// Taken in; a second copy is refused.
    pub(crate) seen: Ranges,
    /// Given up, because nobody holds them. Should one come after all, it is taken in.
    pub(crate) gone: Ranges,
    /// Refused because they came too fast; not asked for any more. They count as gone as soon as
    /// it is known to all that the origin has come so far.
    pub(crate) refused: Ranges,
    /// The number of the newest message that others know of, as the origin's record or somebody
    /// else tells.
    pub(crate) told: u64,
    /// Numbers that were given up to keep the books small, and not yet told of.
    pub(crate) untold: u64,
    /// The greatest number that the origin has signed.
    pub(crate) proven: u64,
    /// The number to show next; smaller ones are late.
    pub(crate) next_show: u64,
    /// Taken in, waiting for an earlier one.
    pub(crate) held: BTreeMap<u64, Entry>,
    /// When something was last taken in.
    pub(crate) came: Option<Mono>,
    /// Up to here `seen` may be more than what was taken in: holes were closed.
    doubtful: u64,
    touched: u64,
}

impl Window {
    /// Seen or given up: not asked for any more.
    pub(crate) fn settled(&self) -> Ranges {
        if self.gone.is_empty() { self.seen.clone() } else { self.seen.union(&self.gone) }
    }

    /// What a neighbour need not send: seen or refused, in so few ranges as a summary may have.
    pub(crate) fn unwanted(&self) -> Ranges {
        let mut unwanted = self.seen.union(&self.refused);
        while unwanted.as_slice().len() > RANGES && unwanted.close_lowest_hole().is_some() {}
        unwanted
    }

    /// Whether a message is not to be looked at again.
    pub(crate) fn is_known(&self, seq: u64) -> bool {
        self.seen.contains(seq) || self.refused.contains(seq)
    }

    /// A gateway brings a message, the first of this run: nobody here ever had those before it, so
    /// they are neither waited for nor missed.
    pub(crate) fn begin_at(&mut self, seq: u64) {
        if self.proven == 0 && self.gone.is_empty() {
            self.next_show = seq;
        }
    }

    /// The numbers between those that were seen that nobody has brought, and nobody has said to be
    /// gone.
    pub(crate) fn holes(&self) -> Ranges {
        let Some((first, _)) = self.seen.as_slice().first() else { return Ranges::default() };
        let all = Ranges::of(*first, self.seen.last());
        all.minus(&self.settled()).minus(&self.refused)
    }

    /// Refuses a message, whose signature is proven.
    pub(crate) fn refuse(&mut self, seq: u64) {
        self.refused.insert(seq, seq);
        self.proven = self.proven.max(seq);
        if self.refused.as_slice().len() > RANGES {
            self.refused = self.refused.union(&self.settled());
            while self.refused.as_slice().len() > RANGES
                && let Some((start, end)) = self.refused.close_lowest_hole()
            {
                self.untold = self.untold.saturating_add((end - start).saturating_add(1));
            }
        }
        self.settle_refused();
    }

    /// Counts what was refused as gone, up to the newest message that others have a proof of:
    /// further ones nobody else would believe, and the fingerprints would stay apart.
    pub(crate) fn settle_refused(&mut self) {
        let upto = self.seen.last().max(self.told);
        let more = self.refused.up_to(upto).minus(&self.gone);
        if !more.is_empty() {
            self.gone.insert_all(&more);
            let given_up = self.smooth_gone();
            self.untold = self.untold.saturating_add(given_up);
        }
    }

    /// The number to wait for: the next that is not given up.
    pub(crate) fn expected(&self) -> u64 {
        let mut next = self.next_show;
        while let Some(end) = self.refused.end_of(next).or_else(|| self.gone.end_of(next)) {
            let Some(behind) = end.checked_add(1) else { return end };
            next = behind;
        }
        next
    }

    /// What was provably taken in.
    pub(crate) fn taken(&self) -> Ranges {
        self.seen.above(self.doubtful)
    }

    /// Whether this message was provably taken in.
    pub(crate) fn has_taken(&self, seq: u64) -> bool {
        seq > self.doubtful && self.seen.contains(seq)
    }

    /// Keeps what is given up from getting too ragged: its lowest holes are given up as well.
    /// Returns how many numbers that were.
    pub(crate) fn smooth_gone(&mut self) -> u64 {
        if self.gone.as_slice().len() <= RANGES {
            return 0;
        }
        self.gone = self.settled();
        let mut more = Ranges::default();
        while self.gone.as_slice().len() > RANGES
            && let Some((start, end)) = self.gone.close_lowest_hole()
        {
            more.insert(start, end);
        }
        more.count()
    }

    /// Marks a number as seen. When the set gets too ragged, its lowest hole is given up and
    /// returned.
    pub(crate) fn mark(&mut self, seq: u64) -> Option<Ranges> {
        self.seen.insert(seq, seq);
        self.proven = self.proven.max(seq);
        if !self.refused.is_empty() {
            self.settle_refused();
        }
        if self.seen.as_slice().len() <= RANGES {
            return None;
        }
        let (start, end) = self.seen.close_lowest_hole()?;
        self.doubtful = self.doubtful.max(end);
        Some(Ranges::of(start, end).minus(&self.gone).minus(&self.refused))
    }
}

/// All windows.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    windows: BTreeMap<Origin, Window>,
    /// Boot counters of a node up to this are refused: their windows were forgotten.
    floors: BTreeMap<NodeId, u64>,
    touches: u64,
    /// A node that had the most windows when that was last counted, which takes long.
    crowd: Option<NodeId>,
}

impl Seen {
    pub(crate) fn len(&self) -> usize {
        self.windows.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&Origin, &Window)> {
        self.windows.iter()
    }

    pub(crate) fn get(&self, origin: &Origin) -> Option<&Window> {
        self.windows.get(origin)
    }

    pub(crate) fn get_mut(&mut self, origin: &Origin) -> Option<&mut Window> {
        self.windows.get_mut(origin)
    }

    pub(crate) fn windows_mut(&mut self) -> impl Iterator<Item = &mut Window> {
        self.windows.values_mut()
    }

    /// Whether messages of this run may still come.
    pub(crate) fn admits(&self, origin: &Origin) -> bool {
        self.floors.get(&origin.0).is_none_or(|floor| origin.1.count() > *floor)
    }

    /// The window of an origin, made when there is none; makes room where it must.
    ///
    /// `None` when the run is too old or no room can be made.
    pub(crate) fn window(&mut self, origin: Origin) -> Option<&mut Window> {
        if !self.windows.contains_key(&origin)
            && (!self.admits(&origin) || !self.make_room(&origin))
        {
            return None;
        }
        self.touches += 1;
        let fresh = || Window { next_show: 1, ..Window::default() };
        let window = self.windows.entry(origin).or_insert_with(fresh);
        window.touched = self.touches;
        Some(window)
    }

    /// Windows behind `after` up to `upto`.
    pub(crate) fn between(
        &self,
        after: Option<Origin>,
        upto: Option<Origin>,
    ) -> impl Iterator<Item = (&Origin, &Window)> {
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let to = upto.map_or(Bound::Unbounded, Bound::Included);
        // A range that ends before it starts would panic, and the ends come from a peer.
        let empty = matches!((after, upto), (Some(after), Some(upto)) if after >= upto);
        (!empty).then(|| self.windows.range((from, to))).into_iter().flatten()
    }

    /// Forgets all others. Returns those that had messages waiting, and how many.
    pub(crate) fn retain(
        &mut self,
        keep: impl Fn(&Origin) -> bool,
    ) -> alloc::vec::Vec<(Origin, usize)> {
        let gone = self.windows.iter().filter(|(origin, _)| !keep(origin));
        let held = gone.map(|(origin, window)| (*origin, window.held.len())).collect();
        self.windows.retain(|origin, _| keep(origin));
        held
    }

    /// One number for all that is settled; equal sets have equal numbers.
    pub(crate) fn fingerprint(&self) -> u64 {
        self.digest(Window::settled)
    }

    /// One number for all that was taken in; equal sets have equal numbers.
    pub(crate) fn taken(&self) -> u64 {
        self.digest(Window::taken)
    }

    fn digest(&self, set: impl Fn(&Window) -> Ranges) -> u64 {
        let mut sum = 0xcbf2_9ce4_8422_2325;
        for ((node, boot), window) in &self.windows {
            let set = set(window);
            if set.is_empty() {
                continue;
            }
            let mut one = mix(fold(node.as_bytes()) ^ fold(boot.as_bytes()).rotate_left(32));
            for (start, end) in set.as_slice() {
                one = mix(mix(one ^ start) ^ end);
            }
            sum = mix(sum ^ one);
        }
        sum
    }

    fn make_room(&mut self, origin: &Origin) -> bool {
        if self.runs_of(&origin.0).count() >= limits::BOOTS_PER_NODE
            && !self.forget_run_of(&origin.0, origin)
        {
            return false;
        }
        if self.windows.len() >= limits::ORIGINS {
            // Whoever has many runs makes room first: runs are free to invent.
            if self.crowd.is_none_or(|node| self.runs_of(&node).count() <= RUNS) {
                self.crowd = self.most_runs();
            }
            if let Some(node) = self.crowd {
                return self.forget_run_of(&node, origin);
            }
            let free = self.windows.iter().filter(|(_, window)| window.held.is_empty());
            let victim = free.min_by_key(|(_, window)| (window.proven > 0, window.touched));
            let Some(victim) = victim.map(|(at, _)| *at) else { return false };
            self.windows.remove(&victim);
        }
        true
    }

    fn runs_of(&self, node: &NodeId) -> impl Iterator<Item = (&Origin, &Window)> {
        let lowest = (*node, Boot::new(0, 0));
        let highest = (*node, Boot::new(u64::MAX, u64::MAX));
        self.windows.range(lowest..=highest)
    }

    /// The node with the most windows, if it has more than an honest one needs.
    fn most_runs(&self) -> Option<NodeId> {
        let (mut most, mut last) = (None, None);
        let mut runs = 0;
        for (node, _) in self.windows.keys() {
            runs = if last == Some(*node) { runs + 1 } else { 1 };
            last = Some(*node);
            most = most.max(Some((runs, *node)));
        }
        most.filter(|(runs, _)| *runs > RUNS).map(|(_, node)| node)
    }

    /// Forgets one run of a node, which makes room for `origin`.
    fn forget_run_of(&mut self, node: &NodeId, origin: &Origin) -> bool {
        // What was only heard of goes before what was seen, earlier runs before later ones.
        let free = self.runs_of(node).filter(|(_, window)| window.held.is_empty());
        let Some(victim) = free.min_by_key(|(at, window)| (window.proven > 0, at.1)) else {
            return false;
        };
        let (victim, proven) = (*victim.0, victim.1.proven);
        if proven > 0 && victim.0 == origin.0 && victim.1 > origin.1 {
            return false;
        }
        self.windows.remove(&victim);
        if proven > 0 {
            self.floors.insert(*node, victim.1.count());
        }
        if self.floors.len() > limits::ORIGINS {
            self.floors.pop_first();
        }
        true
    }
}

/// Runs of one node that are remembered for as long as those of others.
const RUNS: usize = 2;

fn fold(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum: u64, byte| sum.wrapping_mul(0x0100_0000_01b3) ^ u64::from(*byte))
}

/// The finalizer of SplitMix64 (Steele, Lea, Flood 2014).
fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(node: u16, boot: u64) -> Origin {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&node.to_be_bytes());
        (NodeId(id), Boot::new(boot, 7))
    }

    #[test]
    fn many_runs_of_a_few_push_out_nobody_else() {
        let mut seen = Seen::default();
        seen.window(origin(0, 1)).unwrap().mark(1);
        for boot in 1..=40 {
            for node in 1..=300 {
                if let Some(window) = seen.window(origin(node, boot)) {
                    window.mark(1);
                }
                assert!(seen.len() <= limits::ORIGINS);
            }
            if boot % 10 == 0 {
                assert!(seen.get(&origin(0, 1)).is_some(), "run {boot}");
            }
        }
        let late = seen.window(origin(400, 1)).map(|window| window.mark(1));
        assert!(late.is_some() && seen.get(&origin(0, 1)).is_some());
    }

    #[test]
    fn equal_sets_have_equal_fingerprints_however_they_came() {
        let (mut a, mut b) = (Seen::default(), Seen::default());
        assert_eq!(a.fingerprint(), b.fingerprint());
        for seq in [1, 2, 5, 3] {
            a.window(origin(1, 1)).unwrap().mark(seq);
        }
        assert_ne!(a.fingerprint(), b.fingerprint());
        for seq in [5, 3, 2] {
            b.window(origin(1, 1)).unwrap().mark(seq);
        }
        assert_ne!(a.fingerprint(), b.fingerprint());
        b.window(origin(1, 1)).unwrap().gone.insert(1, 1);
        assert_eq!(a.fingerprint(), b.fingerprint());
    }

    #[test]
    fn a_node_keeps_its_latest_boots() {
        let mut seen = Seen::default();
        for boot in 1..=40 {
            seen.window(origin(1, boot)).unwrap().mark(1);
        }
        assert_eq!(seen.len(), limits::BOOTS_PER_NODE);
        assert!(!seen.admits(&origin(1, 24)) && seen.admits(&origin(1, 25)));
        assert!(seen.window(origin(1, 3)).is_none());
        assert!(seen.window(origin(2, 3)).is_some());
    }

    #[test]
    fn windows_are_bounded_and_the_least_used_goes_first() {
        let mut seen = Seen::default();
        let most = u16::try_from(limits::ORIGINS).unwrap();
        for node in 0..most {
            seen.window(origin(node, 1)).unwrap().mark(1);
        }
        seen.window(origin(0, 1)).unwrap();
        seen.window(origin(most, 1)).unwrap().mark(1);
        assert_eq!(seen.len(), limits::ORIGINS);
        assert!(seen.get(&origin(0, 1)).is_some());
        assert!(seen.get(&origin(1, 1)).is_none());
    }

    #[test]
    fn a_ragged_window_gives_up_its_lowest_hole() {
        let mut window = Window::default();
        let most = u64::try_from(RANGES).unwrap();
        let given_up: alloc::vec::Vec<_> =
            (0..=most).filter_map(|n| window.mark(2 + 2 * n)).collect();
        assert_eq!(given_up, [Ranges::of(3, 3)]);
        assert_eq!(window.seen.as_slice().len(), RANGES);
        assert!(!window.has_taken(3) && !window.has_taken(2) && window.has_taken(4));
    }

    #[test]
    fn what_is_given_up_gets_no_more_ragged_than_what_is_seen() {
        let mut window = Window::default();
        let most = u64::try_from(RANGES).unwrap();
        (0..=most).for_each(|n| window.gone.insert(1 + 3 * n, 1 + 3 * n));
        window.seen.insert(2, 2);
        assert_eq!(window.smooth_gone(), 1, "2 is seen, 3 is given up with it");
        assert_eq!(window.gone.as_slice().len(), RANGES);
        assert_eq!(window.smooth_gone(), 0);
    }

    #[test]
    fn a_backward_range_from_a_peer_is_empty() {
        let mut seen = Seen::default();
        seen.window(origin(1, 1)).unwrap();
        assert_eq!(seen.between(Some(origin(3, 1)), Some(origin(2, 1))).count(), 0);
        assert_eq!(seen.between(Some(origin(1, 1)), Some(origin(1, 1))).count(), 0);
        assert_eq!(seen.between(None, None).count(), 1);
    }
}
