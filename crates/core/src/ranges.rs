//! Sets of sequence numbers as ascending, separate, inclusive ranges.

use alloc::vec::Vec;

/// A set of numbers, small when the numbers are dense.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Ranges(Vec<(u64, u64)>);

impl Ranges {
    /// The set of one range; empty when it ends before it starts.
    pub(crate) fn of(start: u64, end: u64) -> Self {
        if start <= end { Self([(start, end)].into()) } else { Self::default() }
    }

    /// Takes ranges from the wire; those out of order are put in order.
    pub(crate) fn from_wire(ranges: &[(u64, u64)]) -> Self {
        let mut set = Self::default();
        for (start, end) in ranges {
            set.insert(*start, *end);
        }
        set
    }

    pub(crate) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The greatest number; 0 when empty.
    pub(crate) fn last(&self) -> u64 {
        self.0.last().map_or(0, |range| range.1)
    }

    /// How many numbers are in it.
    pub(crate) fn count(&self) -> u64 {
        self.0
            .iter()
            .fold(0, |sum: u64, (start, end)| sum.saturating_add((end - start).saturating_add(1)))
    }

    pub(crate) fn contains(&self, number: u64) -> bool {
        // Mostly there is one range, and the number is at its end or just behind it.
        if self.last() < number {
            return false;
        }
        let at = self.0.partition_point(|range| range.1 < number);
        self.0.get(at).is_some_and(|range| range.0 <= number)
    }

    /// The end of the range that a number is in.
    pub(crate) fn end_of(&self, number: u64) -> Option<u64> {
        let at = self.0.partition_point(|range| range.1 < number);
        self.0.get(at).filter(|range| range.0 <= number).map(|range| range.1)
    }

    /// Adds `start..=end`, joining what touches.
    pub(crate) fn insert(&mut self, start: u64, end: u64) {
        if start > end {
            return;
        }
        if let Some(last) = self.0.last_mut()
            && last.1.checked_add(1) == Some(start)
        {
            last.1 = end;
            return;
        }
        let from = self.0.partition_point(|range| range.1.saturating_add(1) < start);
        let upto = self.0.partition_point(|range| range.0 <= end.saturating_add(1));
        let joined = self.0.get(from..upto).unwrap_or_default();
        let low = joined.first().map_or(start, |range| range.0.min(start));
        let high = joined.last().map_or(end, |range| range.1.max(end));
        self.0.splice(from..upto, [(low, high)]);
    }

    pub(crate) fn insert_all(&mut self, other: &Self) {
        for (start, end) in &other.0 {
            self.insert(*start, *end);
        }
    }

    pub(crate) fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.insert_all(other);
        both
    }

    /// The numbers that are in here and not in `other`.
    pub(crate) fn minus(&self, other: &Self) -> Self {
        let mut rest = Vec::new();
        for (start, end) in &self.0 {
            // None once a hole reaches the end of the number line.
            let mut from = Some(*start);
            let skip = other.0.partition_point(|range| range.1 < *start);
            for hole in other.0.iter().skip(skip).take_while(|hole| hole.0 <= *end) {
                if let Some(low) = from.filter(|low| *low < hole.0) {
                    rest.push((low, hole.0 - 1));
                }
                from = hole.1.checked_add(1);
            }
            rest.extend(from.filter(|low| *low <= *end).map(|low| (low, *end)));
        }
        Self(rest)
    }

    /// The part behind `least`, that number not included.
    pub(crate) fn above(&self, least: u64) -> Self {
        let skip = self.0.partition_point(|range| range.1 <= least);
        let above = self.0.iter().skip(skip);
        Self(above.map(|(start, end)| ((*start).max(least.saturating_add(1)), *end)).collect())
    }

    /// Leaves out all but the highest `most` ranges.
    pub(crate) fn keep_highest(&mut self, most: usize) {
        let rest = self.0.len().saturating_sub(most);
        self.0.drain(..rest);
    }

    /// The part up to `most`, that number included.
    pub(crate) fn up_to(&self, most: u64) -> Self {
        let below = self.0.iter().take_while(|range| range.0 <= most);
        Self(below.map(|(start, end)| (*start, (*end).min(most))).collect())
    }

    /// Forgets the lowest ranges beyond `most`.
    pub(crate) fn keep_last(&mut self, most: usize) {
        let crowd = self.0.len().saturating_sub(most);
        self.0.drain(..crowd);
    }

    /// Closes the lowest hole; tells which numbers it was, or none when there is no hole.
    pub(crate) fn close_lowest_hole(&mut self) -> Option<(u64, u64)> {
        let (first, second) = (*self.0.first()?, *self.0.get(1)?);
        self.0.splice(0..2, [(first.0, second.1)]);
        Some((first.1 + 1, second.0 - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::collections::BTreeSet;

    /// A small generator, so that the model test needs no crate.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        *state >> 33
    }

    fn numbers(set: &Ranges) -> BTreeSet<u64> {
        set.as_slice().iter().flat_map(|(start, end)| *start..=*end).collect()
    }

    #[test]
    fn agrees_with_a_plain_set() {
        for seed in 0..200 {
            let mut state = seed;
            let (mut a, mut b) = (Ranges::default(), Ranges::default());
            for _ in 0..20 {
                let start = 1 + random(&mut state) % 60;
                a.insert(start, start + random(&mut state) % 5);
                let start = 1 + random(&mut state) % 60;
                b.insert(start, start + random(&mut state) % 5);
                let (left, right) = (numbers(&a), numbers(&b));
                assert_eq!(a.count(), left.len() as u64, "seed {seed}");
                assert_eq!(numbers(&a.minus(&b)), &left - &right, "seed {seed}");
                assert_eq!(numbers(&a.union(&b)), &left | &right, "seed {seed}");
                assert!((0..80).all(|n| a.contains(n) == left.contains(&n)), "seed {seed}");
                let apart = a.as_slice().windows(2).all(|pair| pair[0].1 + 1 < pair[1].0);
                assert!(apart, "seed {seed}: {a:?}");
                let cut: BTreeSet<u64> = left.iter().copied().filter(|n| *n <= 30).collect();
                assert_eq!(numbers(&a.up_to(30)), cut, "seed {seed}");
            }
        }
    }

    #[test]
    fn the_ends_of_the_number_line_do_not_overflow() {
        let mut set = Ranges::of(u64::MAX - 1, u64::MAX);
        set.insert(1, 1);
        set.insert(u64::MAX, u64::MAX);
        assert_eq!(set.as_slice(), [(1, 1), (u64::MAX - 1, u64::MAX)]);
        assert!(set.minus(&set).is_empty());
        assert_eq!(Ranges::of(0, u64::MAX).count(), u64::MAX);
    }

    #[test]
    fn the_lowest_hole_is_closed_first() {
        let mut set = Ranges::from_wire(&[(7, 9), (1, 2), (20, 20)]);
        assert_eq!(set.close_lowest_hole(), Some((3, 6)));
        assert_eq!(set.close_lowest_hole(), Some((10, 19)));
        assert_eq!(set.close_lowest_hole(), None);
        assert_eq!(set.as_slice(), [(1, 20)]);
    }
}
