//! Frames on their way out of one link: two queues, bounded in bytes, that never make anyone wait.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::{Bytes, BytesMut};
use thiserror::Error;
use tokio::sync::Notify;

use crate::transport::{CloseCode, Lane};

use super::{MAX_FRAME, MIN_FRAME, PREFIX};

/// Most bytes that wait in the outbox of a lane, each frame counted with 32 more.
#[must_use]
pub const fn capacity(lane: Lane) -> usize {
    match lane {
        Lane::Control => 512 * 1024,
        Lane::Bulk => 2 * 1024 * 1024,
    }
}

/// The outbox of the lane has no room, or takes nothing because the link is closing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("outbox is full")]
pub struct Full;

/// How full the outbox of a lane is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// It was at least half full and is below a quarter now.
    Drained,
    /// It is half full. Said again while it is and the peer takes something.
    Half,
    /// It refused a frame.
    Full,
}

#[derive(Debug)]
pub(super) struct Outbox {
    state: Mutex<State>,
    /// One stream carries both lanes.
    single: bool,
    control: Notify,
    bulk: Notify,
    levels: Notify,
    closing: Notify,
}

/// Bytes to write next, and what to take off the queue's account once they are written.
#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) bytes: Bytes,
    pub(super) receipt: Receipt,
}

#[derive(Debug)]
pub(super) struct Receipt {
    lane: Lane,
    cost: usize,
}

impl Outbox {
    pub(super) fn new(single: bool) -> Self {
        let state = State {
            control: Queue::new(capacity(Lane::Control)),
            bulk: Queue::new(capacity(Lane::Bulk)),
            close: None,
        };
        Self {
            state: Mutex::new(state),
            single,
            control: Notify::new(),
            bulk: Notify::new(),
            levels: Notify::new(),
            closing: Notify::new(),
        }
    }

    pub(super) fn push(&self, lane: Lane, frame: Bytes) -> Result<(), Full> {
        debug_assert!(is_frame(&frame), "frame without a true length in front");
        let mut state = self.lock();
        if state.close.is_some() {
            return Err(Full);
        }
        let queue = state.queue(lane);
        let outcome = queue.push(frame);
        if queue.unsaid.is_some() {
            self.levels.notify_one();
        }
        self.writer(lane).notify_one();
        outcome
    }

    pub(super) fn queued(&self, lane: Lane) -> usize {
        self.lock().queue(lane).cost
    }

    /// The next bytes for the stream of `lane`; `None` when the link is closing and all is sent.
    pub(super) async fn next(&self, lane: Lane) -> Option<Chunk> {
        loop {
            {
                let mut state = self.lock();
                if let Some(chunk) = self.take(&mut state, lane) {
                    return Some(chunk);
                }
                if state.close.is_some() {
                    return None;
                }
            }
            self.writer(lane).notified().await;
        }
    }

    pub(super) fn written(&self, receipt: &Receipt) {
        let mut state = self.lock();
        let queue = state.queue(receipt.lane);
        queue.written(receipt.cost);
        if queue.unsaid.is_some() {
            self.levels.notify_one();
        }
    }

    /// The next change of level that nobody was told.
    pub(super) async fn next_level(&self) -> (Lane, Level) {
        loop {
            {
                let mut state = self.lock();
                for lane in [Lane::Control, Lane::Bulk] {
                    if let Some(level) = state.queue(lane).unsaid.take() {
                        return (lane, level);
                    }
                }
            }
            self.levels.notified().await;
        }
    }

    pub(super) fn close(&self, code: CloseCode, text: &str) {
        self.lock().close.get_or_insert_with(|| (code, text.to_owned()));
        self.control.notify_one();
        self.bulk.notify_one();
        self.closing.notify_one();
    }

    /// Waits until [`Self::close`] was called.
    pub(super) async fn closing(&self) {
        while !self.is_closing() {
            self.closing.notified().await;
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.lock().close.is_some()
    }

    pub(super) fn close_reason(&self) -> (CloseCode, String) {
        self.lock().close.clone().unwrap_or((CloseCode::Abandoned, String::new()))
    }

    /// Takes no more frames and forgets those that wait.
    pub(super) fn shut(&self) {
        let mut state = self.lock();
        state.close.get_or_insert((CloseCode::Abandoned, String::new()));
        state.control = Queue::new(capacity(Lane::Control));
        state.bulk = Queue::new(capacity(Lane::Bulk));
    }

    fn take(&self, state: &mut State, lane: Lane) -> Option<Chunk> {
        if let Some(chunk) = state.queue(lane).take(lane) {
            return Some(chunk);
        }
        if self.single && lane == Lane::Control {
            return state.bulk.take(Lane::Bulk);
        }
        None
    }

    fn writer(&self, lane: Lane) -> &Notify {
        match lane {
            Lane::Bulk if !self.single => &self.bulk,
            Lane::Control | Lane::Bulk => &self.control,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
struct State {
    control: Queue,
    bulk: Queue,
    close: Option<(CloseCode, String)>,
}

impl State {
    fn queue(&mut self, lane: Lane) -> &mut Queue {
        match lane {
            Lane::Control => &mut self.control,
            Lane::Bulk => &mut self.bulk,
        }
    }
}

#[derive(Debug)]
struct Queue {
    frames: VecDeque<Bytes>,
    /// Of all frames that are not written yet, also the one being written.
    cost: usize,
    cap: usize,
    level: Level,
    unsaid: Option<Level>,
    /// Written since a level was last set.
    moved: usize,
}

impl Queue {
    const fn new(cap: usize) -> Self {
        let (level, unsaid) = (Level::Drained, None);
        Self { frames: VecDeque::new(), cost: 0, cap, level, unsaid, moved: 0 }
    }

    fn push(&mut self, frame: Bytes) -> Result<(), Full> {
        let cost = cost(&frame);
        if self.cost + cost > self.cap {
            if self.level != Level::Full {
                self.set(Level::Full);
            }
            return Err(Full);
        }
        self.cost += cost;
        self.frames.push_back(frame);
        if self.level == Level::Drained && self.cost >= self.cap / 2 {
            self.set(Level::Half);
        }
        Ok(())
    }

    /// A large frame as it is, or as many small ones as fit in one chunk.
    fn take(&mut self, lane: Lane) -> Option<Chunk> {
        let first = self.frames.pop_front()?;
        let mut cost = cost(&first);
        let (count, bytes) = self.fitting(first.len());
        if count == 0 {
            return Some(Chunk { bytes: first, receipt: Receipt { lane, cost } });
        }
        let mut joined = BytesMut::with_capacity(bytes);
        joined.extend_from_slice(&first);
        for frame in self.frames.drain(..count) {
            cost += self::cost(&frame);
            joined.extend_from_slice(&frame);
        }
        Some(Chunk { bytes: joined.freeze(), receipt: Receipt { lane, cost } })
    }

    /// How many of the waiting frames fit in a chunk behind `bytes`, and the length of all.
    fn fitting(&self, bytes: usize) -> (usize, usize) {
        let mut total = bytes;
        let mut count = 0;
        for frame in &self.frames {
            if total + frame.len() > CHUNK {
                break;
            }
            total += frame.len();
            count += 1;
        }
        (count, total)
    }

    fn written(&mut self, cost: usize) {
        self.cost = self.cost.saturating_sub(cost);
        self.moved += cost;
        if self.level != Level::Drained && self.cost < self.cap / 4 {
            self.set(Level::Drained);
        } else if self.level == Level::Half && self.moved >= self.cap / 16 {
            self.set(Level::Half);
        }
        if self.frames.is_empty() {
            self.frames.shrink_to(KEPT_SLOTS);
        }
    }

    fn set(&mut self, level: Level) {
        self.level = level;
        self.moved = 0;
        self.unsaid = Some(level);
    }
}

fn cost(frame: &Bytes) -> usize {
    frame.len() + FRAME_COST
}

fn is_frame(frame: &[u8]) -> bool {
    let Some((prefix, body)) = frame.split_first_chunk::<PREFIX>() else { return false };
    (MIN_FRAME..=MAX_FRAME).contains(&body.len())
        && usize::try_from(u32::from_be_bytes(*prefix)) == Ok(body.len())
}

/// What a queued frame takes besides its bytes, so that a flood of tiny ones is bounded too.
const FRAME_COST: usize = size_of::<Bytes>();

/// Small frames are copied together up to this size: the carrier looks through all pieces that are
/// not acknowledged for each packet, so a thousand small ones would cost more than the copy.
const CHUNK: usize = 16 * 1024;

/// Places that an empty queue keeps.
const KEPT_SLOTS: usize = 16;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn frame(len: usize) -> Bytes {
        let mut bytes = u32::try_from(len).unwrap().to_be_bytes().to_vec();
        bytes.resize(PREFIX + len, 7);
        bytes.into()
    }

    fn next(outbox: &Outbox, lane: Lane) -> Option<Chunk> {
        outbox.next(lane).now_or_never().flatten()
    }

    fn level(outbox: &Outbox) -> Option<(Lane, Level)> {
        outbox.next_level().now_or_never()
    }

    #[test]
    fn small_frames_go_together_and_large_ones_uncopied() {
        let outbox = Outbox::new(false);
        for _ in 0..20 {
            outbox.push(Lane::Bulk, frame(1020)).unwrap();
        }
        let large = frame(MAX_FRAME);
        outbox.push(Lane::Bulk, large.clone()).unwrap();
        assert_eq!(next(&outbox, Lane::Bulk).unwrap().bytes.len(), CHUNK);
        assert_eq!(next(&outbox, Lane::Bulk).unwrap().bytes.len(), 4 * 1024);
        assert_eq!(next(&outbox, Lane::Bulk).unwrap().bytes.as_ptr(), large.as_ptr());
        assert!(next(&outbox, Lane::Bulk).is_none());
        assert!(next(&outbox, Lane::Control).is_none());
    }

    #[test]
    fn levels_are_told_once_each_way() {
        let outbox = Outbox::new(false);
        let big = frame(MAX_FRAME);
        assert_eq!(level(&outbox), None);
        while level(&outbox).is_none() {
            outbox.push(Lane::Bulk, big.clone()).unwrap();
        }
        assert!(outbox.queued(Lane::Bulk) >= capacity(Lane::Bulk) / 2);
        while outbox.push(Lane::Bulk, big.clone()).is_ok() {}
        assert_eq!(outbox.push(Lane::Bulk, big), Err(Full));
        assert!(outbox.queued(Lane::Bulk) <= capacity(Lane::Bulk));
        assert_eq!(level(&outbox), Some((Lane::Bulk, Level::Full)));
        assert_eq!(level(&outbox), None);
        while let Some(chunk) = next(&outbox, Lane::Bulk) {
            outbox.written(&chunk.receipt);
        }
        assert_eq!(level(&outbox), Some((Lane::Bulk, Level::Drained)));
        assert_eq!(level(&outbox), None);
        assert_eq!(outbox.queued(Lane::Bulk), 0);
    }

    #[test]
    fn whoever_was_refused_hears_of_room_even_if_late() {
        let outbox = Outbox::new(false);
        while outbox.push(Lane::Control, frame(1000)).is_ok() {}
        while let Some(chunk) = next(&outbox, Lane::Control) {
            outbox.written(&chunk.receipt);
        }
        assert_eq!(level(&outbox), Some((Lane::Control, Level::Drained)));
    }

    #[test]
    fn tiny_frames_are_bounded_with_what_they_cost() {
        let outbox = Outbox::new(false);
        let mut count = 0;
        while outbox.push(Lane::Control, frame(4)).is_ok() {
            count += 1;
        }
        assert_eq!(count, capacity(Lane::Control) / (8 + FRAME_COST));
    }

    #[test]
    fn what_is_being_written_counts() {
        let outbox = Outbox::new(false);
        outbox.push(Lane::Bulk, frame(100)).unwrap();
        let chunk = next(&outbox, Lane::Bulk).unwrap();
        assert_eq!(outbox.queued(Lane::Bulk), PREFIX + 100 + FRAME_COST);
        outbox.written(&chunk.receipt);
        assert_eq!(outbox.queued(Lane::Bulk), 0);
    }

    #[test]
    fn a_single_stream_carries_both_lanes_control_first() {
        let outbox = Outbox::new(true);
        outbox.push(Lane::Bulk, frame(10)).unwrap();
        outbox.push(Lane::Control, frame(20)).unwrap();
        assert_eq!(next(&outbox, Lane::Control).unwrap().bytes.len(), 24);
        assert_eq!(next(&outbox, Lane::Control).unwrap().bytes.len(), 14);
    }

    #[test]
    fn a_closing_outbox_gives_what_it_has_and_takes_nothing() {
        let outbox = Outbox::new(false);
        outbox.push(Lane::Bulk, frame(10)).unwrap();
        outbox.close(CloseCode::Goodbye, "bye");
        outbox.close(CloseCode::Silent, "late");
        assert_eq!(outbox.push(Lane::Bulk, frame(10)), Err(Full));
        assert!(next(&outbox, Lane::Bulk).is_some());
        assert!(outbox.next(Lane::Bulk).now_or_never().unwrap().is_none());
        assert_eq!(outbox.close_reason(), (CloseCode::Goodbye, "bye".to_owned()));
    }
}
