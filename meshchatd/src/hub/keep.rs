//! What goes to disk while the node runs: messages, where history is kept there, and cursors.
//!
//! History itself is the queue: the writer is offered what lies behind the last message that it
//! took. So nothing is held twice, and what could not be written is offered again.

use std::collections::{BTreeSet, VecDeque};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Duration;

use meshchat_core::SavedCursors;
use meshchat_proto::control::{Reply, Sent};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Hub, Shelf};
use crate::store::scribe::{Job, Outcome, Report};

/// The writer, and what waits for it.
#[derive(Debug)]
pub struct Keeper {
    /// None once the daemon stops.
    pub(super) door: Option<SyncSender<Job>>,
    /// None when history is not kept on disk.
    pub(super) shelf: Option<Shelf>,
    /// Cursors that wait for a place in the queue.
    cursors: Option<Box<SavedCursors>>,
    /// Answers that wait until their message is written, oldest first.
    parked: VecDeque<Parked>,
    /// Sessions that end when their answers are given.
    closing: BTreeSet<u32>,
}

/// The answer to a `send`.
#[derive(Debug)]
struct Parked {
    session: u32,
    id: u64,
    sent: Sent,
}

impl Keeper {
    /// With the queue of the writer.
    #[must_use]
    pub(crate) fn new(door: SyncSender<Job>, shelf: Option<Shelf>) -> Self {
        let (parked, closing) = (VecDeque::new(), BTreeSet::new());
        Self { door: Some(door), shelf, cursors: None, parked, closing }
    }

    /// When it is to be looked at without being asked to.
    pub(super) fn due(&self) -> Option<Instant> {
        self.shelf.as_ref().and_then(Shelf::due)
    }

    fn try_send(&mut self, job: Job) -> Result<(), Job> {
        let Some(door) = &self.door else { return Err(job) };
        door.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }

    fn send_cursors(&mut self) {
        if let Some(cursors) = self.cursors.take()
            && let Err(Job::Save(cursors)) = self.try_send(Job::Save(cursors))
        {
            self.cursors = Some(cursors);
        }
    }
}

impl Hub {
    pub(super) fn save_cursors(&mut self, cursors: SavedCursors) {
        self.parts.keeper.cursors = Some(Box::new(cursors));
        self.parts.keeper.send_cursors();
    }

    /// Answers a `send`: at once, or when its message is on disk.
    pub(super) fn answer_sent(&mut self, session: u32, id: u64, mut sent: Sent) {
        let writing = self.parts.keeper.shelf.as_ref().is_some_and(Shelf::is_writing);
        if sent.kept == "disk" && writing && self.parts.keeper.parked.len() < PARKED {
            return self.parts.keeper.parked.push_back(Parked { session, id, sent });
        }
        if sent.kept == "disk" {
            sent.kept = "memory".into();
        }
        self.answer(session, id, Ok(Reply::Sent(sent)));
    }

    /// Whether a session still waits for such an answer; then it is ended afterwards.
    pub(super) fn ends_later(&mut self, session: u32) -> bool {
        let waits = self.parts.keeper.parked.iter().any(|parked| parked.session == session);
        waits && self.parts.keeper.closing.insert(session)
    }

    /// Offers the writer what is new, and gives up waiting for it where it takes too long.
    pub(super) fn keep(&mut self) {
        self.parts.keeper.send_cursors();
        while self.offer() {}
        if let Some(shelf) = &mut self.parts.keeper.shelf {
            shelf.postpone();
        }
        if self.parts.keeper.shelf.as_ref().is_some_and(|shelf| !shelf.is_writing()) {
            self.release(u64::MAX, "memory");
        }
    }

    /// Offers the next messages. Returns whether there may be more to offer.
    fn offer(&mut self) -> bool {
        let now = self.now().mono;
        let (newest, oldest) = self.node.cursors();
        let Some(shelf) = self.parts.keeper.shelf.as_mut().filter(|shelf| shelf.may_offer()) else {
            return false;
        };
        let Some(begin) = shelf.wants_snapshot().filter(|_| shelf.offered < newest) else {
            return false;
        };
        let upto = shelf.offered;
        let messages = self.node.kept_after(upto, JOB_BYTES);
        let Some(last) = messages.last().map(|kept| kept.cursor) else {
            // History has lost them, or they were numbered only.
            shelf.skip_to(newest);
            self.release(newest, "memory");
            return false;
        };
        let snapshot = begin.then(|| self.node.snapshot(now, upto));
        let sent = self.parts.keeper.try_send(Job::Keep { snapshot, messages, oldest }).is_ok();
        if let Some(shelf) = self.parts.keeper.shelf.as_mut().filter(|_| sent) {
            shelf.offered = last;
            shelf.took_job();
        }
        sent
    }

    pub(super) fn on_report(&mut self, report: Report) {
        let Report { outcome, facts } = report;
        if let Outcome::Saved(Err(error)) = &outcome {
            tracing::error!("cannot keep the cursors: {error}; {}", error.fix());
        }
        let Some(shelf) = &mut self.parts.keeper.shelf else { return };
        match outcome {
            Outcome::Kept(upto) => {
                shelf.done(facts);
                shelf.wrote(upto);
                self.release(upto, "disk");
            }
            Outcome::Refused { safe, why, job } => {
                if job {
                    shelf.done(facts);
                } else {
                    shelf.heard(facts);
                }
                shelf.fail(safe, why);
            }
            Outcome::Synced | Outcome::Saved(_) => shelf.heard(facts),
        }
    }

    /// Waits for the writer, for a moment, and gives the answers that waited for it.
    pub(super) async fn finish_keeping(&mut self, reports: &mut mpsc::Receiver<Report>) {
        let deadline = Instant::now() + FINISH;
        loop {
            self.keep();
            let shelf = self.parts.keeper.shelf.as_ref().filter(|shelf| shelf.is_writing());
            let behind = shelf.is_some_and(|shelf| shelf.written < self.node.cursors().0);
            if !behind && self.parts.keeper.cursors.is_none() {
                break;
            }
            let Ok(Some(report)) = timeout_at(deadline, reports.recv()).await else { break };
            self.on_report(report);
        }
        // The writer ends when its queue does; what it wrote is safe then.
        self.parts.keeper.door = None;
        while let Ok(Some(report)) = timeout_at(deadline, reports.recv()).await {
            self.on_report(report);
        }
        self.release(u64::MAX, "memory");
    }

    /// Gives the answers that waited for messages up to this cursor.
    fn release(&mut self, upto: u64, kept: &str) {
        let parked = &mut self.parts.keeper.parked;
        let count = parked.iter().take_while(|next| next.sent.cursor <= upto).count();
        for Parked { session, id, sent } in parked.drain(..count).collect::<Vec<_>>() {
            let sent = Sent { kept: kept.into(), ..sent };
            self.answer(session, id, Ok(Reply::Sent(sent)));
            let waits = self.parts.keeper.parked.iter().any(|parked| parked.session == session);
            if !waits && self.parts.keeper.closing.remove(&session) {
                self.end_session(session);
            }
        }
    }
}

/// Bytes of messages in one job.
const JOB_BYTES: usize = 128 * 1024;
/// Answers that wait; more are given at once and say that their message is in memory.
const PARKED: usize = 8192;
/// How long the end may wait for the disk.
const FINISH: Duration = Duration::from_millis(700);
