//! Frames of the backbone on their way to the daemon: those that it has not seen yet, and those
//! that it put off because their author speaks too fast.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use meshchat_client::proto::id::NodeId;
use tokio::time::Instant;

/// All that waits for the daemon.
#[derive(Debug)]
pub(super) struct Held {
    ready: VecDeque<Frame>,
    /// Put off, by author: one who speaks too fast holds up nobody else. Only what is signed by
    /// its author comes here.
    later: BTreeMap<NodeId, VecDeque<Bytes>>,
    /// When these are tried again.
    again: Instant,
    /// Nothing is given before.
    rests: Instant,
    /// What was refused, and since when.
    refused: (Instant, u32),
}

#[derive(Debug)]
struct Frame {
    author: NodeId,
    bytes: Bytes,
    /// It was put off before.
    again: bool,
}

impl Held {
    pub(super) fn new(now: Instant) -> Self {
        let (ready, later) = (VecDeque::new(), BTreeMap::new());
        Self { ready, later, again: now, rests: now, refused: (now, 0) }
    }

    /// Adds a frame. Returns how many had to make room.
    pub(super) fn push(&mut self, author: NodeId, bytes: Bytes) -> u64 {
        let full = self.ready.len() >= HELD;
        if full {
            self.ready.pop_front();
        }
        self.ready.push_back(Frame { author, bytes, again: false });
        u64::from(full)
    }

    /// When there is something to give; none when nothing waits.
    pub(super) fn due(&self) -> Option<Instant> {
        if !self.ready.is_empty() {
            return Some(self.rests);
        }
        (!self.later.is_empty()).then(|| self.rests.max(self.again))
    }

    /// What is to be given now, in one request. It stays until it is [`given`](Self::given).
    pub(super) fn next(&mut self, now: Instant) -> Vec<Bytes> {
        if self.rests > now {
            return Vec::new();
        }
        if self.again <= now && !self.later.is_empty() {
            self.again = now + TOO_FAST;
            for (author, frames) in &mut self.later {
                let some = frames.drain(..frames.len().min(TRIED));
                let frame = |bytes| Frame { author: *author, bytes, again: true };
                self.ready.extend(some.map(frame));
            }
            self.later.retain(|_, frames| !frames.is_empty());
        }
        let mut bytes = 0;
        let fits = |(place, frame): &(usize, &Frame)| {
            bytes += frame.bytes.len() + 8;
            bytes <= AT_ONCE || *place == 0
        };
        let some = self.ready.iter().take(MOST).enumerate().take_while(fits);
        some.map(|(_, frame)| frame.bytes.clone()).collect()
    }

    /// The first `count` were given, and those at the places of `later` were put off. Returns how
    /// many found no room.
    pub(super) fn given(&mut self, now: Instant, count: usize, later: &[u32]) -> u64 {
        let given: Vec<_> = self.ready.drain(..count.min(self.ready.len())).collect();
        let put_off = |place: &u32| later.contains(place);
        let frames = (0_u32..).zip(given).filter(|(place, _)| put_off(place));
        let (old, new): (Vec<_>, Vec<_>) = frames.map(|(_, f)| f).partition(|frame| frame.again);
        if self.later.is_empty() && !later.is_empty() {
            self.again = now + TOO_FAST;
        }
        let mut dropped = 0;
        // In their order: what was tried before comes before what waits.
        for Frame { author, bytes, .. } in old.into_iter().rev() {
            self.later.entry(author).or_default().push_front(bytes);
        }
        for Frame { author, bytes, .. } in new {
            let all: usize = self.later.values().map(VecDeque::len).sum();
            let frames = self.later.entry(author).or_default();
            if frames.len() < EACH && all < HELD {
                frames.push_back(bytes);
            } else {
                dropped += 1;
            }
        }
        self.later.retain(|_, frames| !frames.is_empty());
        dropped
    }

    /// The daemon did not believe some. Returns whether these were too many, and all rests for a
    /// while: to check a signature takes the daemon's time.
    pub(super) fn refused(&mut self, now: Instant, count: u32) -> bool {
        let (since, all) = &mut self.refused;
        if now - *since >= REST {
            (*since, *all) = (now, 0);
        }
        *all = all.saturating_add(count);
        let too_many = count > 0 && *all >= FORGED;
        if too_many {
            self.rests = now + REST;
        }
        too_many
    }
}

/// Messages for the daemon that wait; one more pushes out the oldest.
const HELD: usize = 512;
/// Of those that were put off, messages of one author.
const EACH: usize = 256;
/// Messages of one author that are tried again at once.
const TRIED: usize = 32;
/// How long authors rest who speak too fast.
const TOO_FAST: Duration = Duration::from_secs(1);
/// Frames in the time of a rest that are not to be believed, before there is one. With one request
/// more it is less than the daemon allows.
const FORGED: u32 = 32;
const REST: Duration = Duration::from_secs(1);
/// Messages of one request, and bytes.
const MOST: usize = 64;
const AT_ONCE: usize = 48 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_who_speaks_too_fast_holds_up_nobody() {
        let now = Instant::now();
        let mut held = Held::new(now);
        let frame = |node: u8, seq: u8| Bytes::from(vec![node, seq]);
        let author = |node: u8| NodeId([node; 32]);
        (0..64).for_each(|seq| assert_eq!(held.push(author(1), frame(1, seq)), 0));
        held.push(author(2), frame(2, 0));
        let first = held.next(now);
        let later: Vec<u32> = (4..64).collect();
        assert_eq!((first.len(), held.given(now, first.len(), &later)), (MOST, 0));
        assert_eq!(held.next(now), [frame(2, 0)]);
        held.given(now, 1, &[]);
        assert_eq!((held.due(), held.next(now).len()), (Some(now + TOO_FAST), 0));
        let soon = now + TOO_FAST;
        let tried = held.next(soon);
        assert_eq!((tried.len(), &tried[0]), (TRIED, &frame(1, 4)));
        held.given(soon, TRIED, &(1..32).collect::<Vec<_>>());
        assert_eq!(held.next(soon + TOO_FAST)[..2], [frame(1, 5), frame(1, 6)]);
    }

    #[tokio::test(start_paused = true)]
    async fn after_many_forged_frames_it_rests() {
        let now = Instant::now();
        let mut held = Held::new(now);
        held.push(NodeId([1; 32]), Bytes::from_static(b"x"));
        assert!(!held.refused(now, FORGED - 1) && !held.refused(now, 0));
        assert!(held.refused(now, 1));
        assert_eq!((held.next(now).len(), held.due()), (0, Some(now + REST)));
        assert_eq!(held.next(now + REST).len(), 1);
        assert!(!held.refused(now + REST, 1));
    }
}
