//! How fast people may speak: a token bucket for each author, at every hop.
//!
//! An author is a name on a node. Names are free to invent and keys are not, so a whole node may
//! speak as fast as [`limits::RATE_AUTHORS_PER_NODE`] authors and no faster. Buckets are kept as
//! the moment at which they are full again (the virtual scheduling algorithm of ITU-T I.371), so a
//! bucket at rest is like one that never was, and forgetting it gives nobody anything.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use core::time::Duration;

use meshchat_proto::id::NodeId;

use crate::limits;
use crate::time::Mono;

/// How fast one author may speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// Messages at once, from 1.
    pub burst: u32,
    /// Messages a second in the long run, from 1.
    pub per_second: u32,
}

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is taken in.
    Admitted,
    /// Too many at once, though not too many for an outage: catch-up brings it.
    PutOff,
    /// Too many.
    Refused,
}

/// A token bucket: the moment at which it is full again.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket(Mono);

/// How much a bucket holds and how fast it fills.
#[derive(Debug, Clone, Copy)]
struct Size {
    /// The time between two tokens.
    every: Duration,
    /// The time that it takes to fill all but one.
    depth: Duration,
}

/// The buckets of one author or one whole node.
#[derive(Debug, Clone, Copy, Default)]
struct Pair {
    live: Bucket,
    /// Fills as fast and holds far more: what one sender may have in history. All is charged to
    /// it, so that nobody gains from pretending that live chat is history.
    long: Bucket,
}

#[derive(Debug, Default)]
struct OfNode {
    all: Pair,
    authors: BTreeMap<Box<str>, Pair>,
}

/// The buckets of all authors that spoke lately.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    nodes: BTreeMap<NodeId, OfNode>,
    authors: usize,
    /// Nodes beyond the bound share this.
    others: Pair,
    /// Before that no bucket is full again: looking for one to forget would be in vain.
    full_until: Mono,
}

impl Size {
    fn new(rate: Rate, times: u32, burst: u32) -> Self {
        let every = Duration::from_secs(1) / rate.per_second.max(1) / times;
        Self { every, depth: every * burst.saturating_sub(1) }
    }
}

impl Bucket {
    /// When it has a token: now or in the past when it has one now.
    fn ready(self, size: Size) -> Mono {
        Mono::from_micros(self.0.as_micros().saturating_sub(micros(size.depth)))
    }

    fn has_token(self, now: Mono, size: Size) -> bool {
        self.ready(size) <= now
    }

    fn charge(&mut self, now: Mono, size: Size) {
        self.0 = self.0.max(now) + size.every;
    }
}

impl Pair {
    fn is_full(&self, now: Mono) -> bool {
        self.full_at() <= now
    }

    fn full_at(&self) -> Mono {
        self.live.0.max(self.long.0)
    }
}

/// What a hop lets through: the sizes of a pair.
#[derive(Debug, Clone, Copy)]
struct Sizes {
    live: Size,
    long: Size,
}

impl Sizes {
    /// For as many authors at once.
    fn new(rate: Rate, times: u32) -> Self {
        // An honest sender paces itself, but a link that hesitates brings a second's worth and
        // more at once.
        let late = u32::try_from(limits::RATE_SLACK.as_secs()).unwrap_or(u32::MAX);
        let burst = rate.burst.saturating_add(rate.per_second.saturating_mul(late));
        let live = burst.saturating_mul(times);
        let share = u32::try_from(limits::HISTORY_MESSAGES / limits::SENDER_SHARE);
        let long = share.unwrap_or(u32::MAX).saturating_add(live);
        Self { live: Size::new(rate, times, live), long: Size::new(rate, times, long) }
    }

    fn verdict(self, now: Mono, pair: &Pair, history: bool) -> Verdict {
        if !pair.long.has_token(now, self.long) {
            Verdict::Refused
        } else if history || pair.live.has_token(now, self.live) {
            Verdict::Admitted
        } else {
            Verdict::PutOff
        }
    }

    fn charge(self, now: Mono, pair: &mut Pair, history: bool) {
        pair.long.charge(now, self.long);
        if !history {
            pair.live.charge(now, self.live);
        }
    }
}

impl Rates {
    /// Nodes with buckets that are not full.
    pub(crate) fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Authors with buckets that are not full.
    pub(crate) fn authors(&self) -> usize {
        self.authors
    }

    /// Whether a message of this author may pass now; takes a token if so. What comes through
    /// catch-up is `history`.
    pub(crate) fn take(
        &mut self,
        now: Mono,
        rate: Rate,
        (node, author): (&NodeId, &str),
        history: bool,
    ) -> Verdict {
        let (each, all) = (Sizes::new(rate, 1), Sizes::new(rate, limits::RATE_AUTHORS_PER_NODE));
        let room = self.make_room(now, node, author);
        let Some(of_node) = self.nodes.get_mut(node) else {
            let verdict = all.verdict(now, &self.others, history);
            if verdict == Verdict::Admitted {
                all.charge(now, &mut self.others, history);
            }
            return verdict;
        };
        let known = of_node.authors.get(author).copied();
        let mut pair = known.unwrap_or_default();
        let verdict = all.verdict(now, &of_node.all, history);
        let verdict = verdict.worse(each.verdict(now, &pair, history));
        if verdict == Verdict::Admitted {
            all.charge(now, &mut of_node.all, history);
            each.charge(now, &mut pair, history);
            match of_node.authors.get_mut(author) {
                Some(place) => *place = pair,
                // Without room the bucket of its node is what bounds an author.
                None if !room => {}
                None => {
                    of_node.authors.insert(author.into(), pair);
                    self.authors += 1;
                }
            }
        }
        verdict
    }

    /// Sees to a place for this node and this author. Returns whether a new author has one.
    fn make_room(&mut self, now: Mono, node: &NodeId, author: &str) -> bool {
        let known = self.nodes.get(node);
        let known_author = known.is_some_and(|of_node| of_node.authors.contains_key(author));
        let nodes_full = known.is_none() && self.nodes.len() >= limits::RATE_NODES;
        let authors_full = !known_author && self.authors >= limits::RATE_AUTHORS;
        if (nodes_full || authors_full) && now >= self.full_until {
            self.forget_full(now);
        }
        if known_author {
            return true;
        }
        if self.nodes.contains_key(node) || self.nodes.len() < limits::RATE_NODES {
            self.nodes.entry(*node).or_default();
        }
        self.authors < limits::RATE_AUTHORS
    }

    /// Forgets buckets that are full: nobody can tell them from new ones.
    fn forget_full(&mut self, now: Mono) {
        let mut soonest = Mono::from_micros(u64::MAX);
        self.nodes.retain(|_, of_node| {
            of_node.authors.retain(|_, pair| !pair.is_full(now));
            let pairs = of_node.authors.values().chain([&of_node.all]);
            soonest = pairs.map(Pair::full_at).filter(|at| *at > now).fold(soonest, Mono::min);
            !(of_node.authors.is_empty() && of_node.all.is_full(now))
        });
        self.authors = self.nodes.values().map(|of_node| of_node.authors.len()).sum();
        self.full_until = soonest;
    }
}

impl Verdict {
    fn worse(self, other: Self) -> Self {
        match (self, other) {
            (Self::Refused, _) | (_, Self::Refused) => Self::Refused,
            (Self::PutOff, _) | (_, Self::PutOff) => Self::PutOff,
            (Self::Admitted, Self::Admitted) => Self::Admitted,
        }
    }
}

/// The buckets of this node's own people, which it keeps to the rate before others refuse them.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    all: Bucket,
    authors: BTreeMap<Box<str>, Bucket>,
}

impl Pace {
    /// Takes a token; otherwise tells when there is one.
    pub(crate) fn take(&mut self, now: Mono, rate: Rate, author: &str) -> Result<(), Mono> {
        let times = limits::RATE_AUTHORS_PER_NODE;
        let each = Size::new(rate, 1, rate.burst);
        let all = Size::new(rate, times, rate.burst.saturating_mul(times));
        let mut own = self.authors.get(author).copied().unwrap_or_default();
        let ready = own.ready(each).max(self.all.ready(all));
        if ready > now {
            return Err(ready);
        }
        own.charge(now, each);
        self.all.charge(now, all);
        if !self.authors.contains_key(author) && self.authors.len() >= limits::PACED {
            self.authors.retain(|_, bucket| bucket.0 > now);
        }
        // Whoever takes ever new names is bounded by what the whole node may say.
        if self.authors.len() < limits::PACED || self.authors.contains_key(author) {
            self.authors.insert(author.into(), own);
        }
        Ok(())
    }

    /// Own people whose buckets are kept.
    pub(crate) fn len(&self) -> usize {
        self.authors.len()
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString as _;

    const RATE: Rate = Rate { burst: 20, per_second: 5 };

    fn node(n: u16) -> NodeId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    fn at(ms: u64) -> Mono {
        Mono::from_micros(1_000_000_000 + ms * 1000)
    }

    /// How many of a message each millisecond pass until then.
    fn passed(rates: &mut Rates, from: u64, upto: u64, author: &str, history: bool) -> u64 {
        let of = |ms| rates.take(at(ms), RATE, (&node(1), author), history);
        (from..upto).map(of).filter(|verdict| *verdict == Verdict::Admitted).count() as u64
    }

    #[test]
    fn a_burst_passes_and_then_so_many_a_second() {
        let mut rates = Rates::default();
        let burst = 20 + 5 * limits::RATE_SLACK.as_secs();
        assert_eq!(passed(&mut rates, 0, 100, "ann", false), burst);
        assert_eq!(passed(&mut rates, 100, 60_000, "ann", false), 5 * 60 - 1);
        assert_eq!(passed(&mut rates, 600_000, 600_100, "ann", false), burst, "all is forgiven");
    }

    #[test]
    fn what_is_beyond_is_put_off_until_there_is_more_than_any_outage_leaves() {
        let mut rates = Rates::default();
        let mut take = |ms, history| rates.take(at(ms), RATE, (&node(1), "ann"), history);
        (0..45).for_each(|_| assert_eq!(take(0, false), Verdict::Admitted));
        assert_eq!(take(0, false), Verdict::PutOff);
        (0..1250).for_each(|_| assert_eq!(take(0, true), Verdict::Admitted));
        assert_eq!([take(0, true), take(0, false)], [Verdict::Refused; 2]);
        // Live chat and history together are no faster than one of them.
        let ms = |n: u64| n * 50;
        let both = (1..2400).filter(|n| take(ms(*n), n % 2 == 0) == Verdict::Admitted).count();
        assert!((595..=601).contains(&both), "{both} in two minutes");
    }

    #[test]
    fn many_names_make_a_node_no_faster_than_eight_authors() {
        let mut rates = Rates::default();
        let mut passed = 0;
        for ms in 0..60_000 {
            let name = (ms % 997).to_string();
            let verdict = rates.take(at(ms), RATE, (&node(1), &name), false);
            passed += u64::from(verdict == Verdict::Admitted);
        }
        assert_eq!(passed, 8 * (45 + 5 * 60) - 1);
    }

    #[test]
    fn buckets_are_bounded_and_forgetting_them_gives_nothing() {
        let mut rates = Rates::default();
        while rates.take(at(0), RATE, (&node(0), "flooder"), true) == Verdict::Admitted {}
        for n in 1..3000u16 {
            for name in ["a", "b", "c"] {
                rates.take(at(1), RATE, (&node(n), name), false);
                assert!(rates.nodes() <= limits::RATE_NODES);
                assert!(rates.authors() <= limits::RATE_AUTHORS);
            }
        }
        let again = rates.take(at(2), RATE, (&node(0), "flooder"), true);
        assert_eq!(again, Verdict::Refused);
        let late = rates.take(at(3_600_000), RATE, (&node(4000), "late"), false);
        assert_eq!(late, Verdict::Admitted);
        assert_eq!((rates.nodes(), rates.authors()), (1, 1), "those at rest were forgotten");
    }

    #[test]
    fn absurd_rates_neither_panic_nor_silence_anybody() {
        for burst in [1, 2, u32::MAX] {
            for per_second in [1, 1_000_000_001, u32::MAX] {
                let rate = Rate { burst, per_second };
                let (mut rates, mut pace) = (Rates::default(), Pace::default());
                for ms in [0, 1, u64::MAX / 2_000] {
                    let verdict = rates.take(at(ms), rate, (&node(1), "ann"), false);
                    assert_eq!(verdict, Verdict::Admitted, "{rate:?}");
                }
                assert_eq!(pace.take(at(0), rate, "ann"), Ok(()), "{rate:?}");
            }
        }
    }

    #[test]
    fn own_people_are_told_when_their_turn_is() {
        let mut pace = Pace::default();
        (0..20).for_each(|_| assert_eq!(pace.take(at(0), RATE, "ann"), Ok(())));
        assert_eq!(pace.take(at(0), RATE, "ann"), Err(at(200)));
        assert_eq!(pace.take(at(200), RATE, "ann"), Ok(()));
        assert_eq!(pace.take(at(200), RATE, "ann"), Err(at(400)));
        assert_eq!(pace.take(at(200), RATE, "bob"), Ok(()), "nobody waits for another");
        for n in 0..4 * limits::PACED {
            let _ = pace.take(at(400), RATE, &n.to_string());
        }
        assert!(pace.len() <= limits::PACED);
    }
}
