//! One connection between two hosts: in each direction two lanes that keep their own order.

use std::collections::VecDeque;

use bytes::Bytes;
use meshchat_core::{Level, LinkId};

use super::plan::{Loss, SECOND};
use super::rng::Rng;

pub(crate) type WireId = u32;

#[derive(Debug)]
pub(crate) struct Wire {
    pub(crate) hosts: [usize; 2],
    pub(crate) links: [LinkId; 2],
    /// Ends whose host still has the link.
    pub(crate) open: [bool; 2],
    /// Directions, by the end that they come from.
    pub(crate) ways: [Way; 2],
}

#[derive(Debug)]
pub(crate) struct Way {
    /// When the last frame of each lane arrives: urgent, bulk.
    last: [u64; 2],
    delay: u64,
    /// Frames that wait for a cut to heal.
    pub(crate) held: VecDeque<(Bytes, bool)>,
    outbox: Option<Outbox>,
}

/// A queue of bulk frames that a slow link works off.
#[derive(Debug)]
struct Outbox {
    rate: u64,
    most: u64,
    /// When all that is queued is written.
    done: u64,
    level: Option<Level>,
}

impl Wire {
    pub(crate) fn new(
        hosts: [usize; 2],
        links: [LinkId; 2],
        slow: Option<(u64, u64)>,
        rng: &mut Rng,
    ) -> Self {
        let delay = rng.pick(&[200, 2_000, 30_000, 150_000]);
        let way = || Way {
            last: [0; 2],
            delay,
            held: VecDeque::new(),
            outbox: slow.map(|(rate, most)| Outbox { rate, most, done: 0, level: None }),
        };
        Self { hosts, links, open: [true; 2], ways: [way(), way()] }
    }

    pub(crate) fn end_of(&self, host: usize) -> usize {
        usize::from(self.hosts[0] != host)
    }
}

impl Way {
    /// Puts a frame into the outbox. Returns when it is written, none when it did not fit, and
    /// the new level of the outbox when that changed.
    pub(crate) fn queue(
        &mut self,
        now: u64,
        bytes: usize,
        urgent: bool,
    ) -> (Option<u64>, Option<Level>) {
        let Some(outbox) = self.outbox.as_mut().filter(|_| !urgent) else {
            return (Some(now), None);
        };
        let before = outbox.level;
        let waiting = outbox.waiting(now);
        if waiting + bytes as u64 > outbox.most && waiting > 0 {
            outbox.level = Some(Level::Full);
            // The daemon tells of every frame that it drops.
            return (None, Some(Level::Full));
        }
        outbox.done = outbox.done.max(now) + bytes as u64 * SECOND / outbox.rate;
        if outbox.waiting(now) > outbox.most / 2 && before.is_none() {
            outbox.level = Some(Level::Half);
        }
        (Some(outbox.done), outbox.level.filter(|_| before.is_none()))
    }

    /// When to look whether the outbox has drained; none when nobody waits for it.
    pub(crate) fn drained_at(&self) -> Option<u64> {
        let outbox = self.outbox.as_ref().filter(|outbox| outbox.level.is_some())?;
        Some(outbox.done.saturating_sub(outbox.most / 5 * SECOND / outbox.rate))
    }

    /// Whether it has drained just now.
    pub(crate) fn has_drained(&mut self, now: u64) -> bool {
        let Some(outbox) = self.outbox.as_mut() else { return false };
        outbox.waiting(now) < outbox.most / 4 && outbox.level.take().is_some()
    }

    /// When a frame that is written at `at` arrives; none when it is lost.
    pub(crate) fn arrival(
        &mut self,
        at: u64,
        urgent: bool,
        loss: Loss,
        rng: &mut Rng,
    ) -> Option<u64> {
        let mut arrival = at + self.delay + rng.below(self.delay / 4 + 1);
        match loss {
            Loss::Late(chance) if rng.percent(chance) => {
                arrival += rng.between(SECOND / 20, 3 * SECOND);
            }
            Loss::Dropped(chance) if rng.percent(chance) => return None,
            Loss::None | Loss::Late(_) | Loss::Dropped(_) => {}
        }
        let last = &mut self.last[usize::from(!urgent)];
        *last = arrival.max(*last);
        Some(*last)
    }

    /// Makes a slow link quick.
    pub(crate) fn heal(&mut self, now: u64) {
        if let Some(outbox) = &mut self.outbox {
            (outbox.rate, outbox.most, outbox.done) = (100 * SECOND, 2 << 20, now);
        }
    }

    /// When everything sent so far has arrived.
    pub(crate) fn flushed(&self, now: u64) -> u64 {
        now.max(self.last[0]).max(self.last[1]) + self.delay
    }
}

impl Outbox {
    fn waiting(&self, now: u64) -> u64 {
        self.done.saturating_sub(now) * self.rate / SECOND
    }
}
