//! The thread that writes messages and cursors: a disk that stalls holds up nothing else.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use meshchat_core::{Kept, SavedCursors, Snapshot};
use tokio::sync::mpsc;

use super::StoreError;
use super::cursors::CursorFile;
use super::log::{Directory, Log, Refused, Spent};
use crate::clock::Clock;
use crate::supervise::Tasks;

/// Something to write. Full means: it waits with its owner, in history or as the newest cursors.
#[derive(Debug)]
pub(crate) enum Job {
    /// Messages behind all others.
    Keep {
        /// Begins a new segment.
        snapshot: Option<Snapshot>,
        /// The messages.
        messages: Vec<Kept>,
        /// The oldest cursor that is still remembered.
        oldest: u64,
    },
    /// The cursors.
    Save(Box<SavedCursors>),
}

/// What came of a job.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// All messages up to this cursor are written; safe from a power cut at most 2 s later.
    Kept(u64),
    /// Not all is kept.
    Refused {
        /// Nothing behind this cursor is.
        safe: u64,
        /// Why.
        why: Refused,
        /// It answers a job, and is not about a sync.
        job: bool,
    },
    /// What was written is safe.
    Synced,
    /// Saved or not.
    Saved(Result<(), StoreError>),
}

/// An outcome, and how the log is.
#[derive(Debug)]
pub(crate) struct Report {
    pub(crate) outcome: Outcome,
    pub(crate) facts: Facts,
}

/// How the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Facts {
    /// Bytes on disk.
    pub(crate) bytes: u64,
    /// The newest message that is written.
    pub(crate) upto: u64,
    /// What was spent on writing.
    pub(crate) spent: Spent,
    /// Syncs in this run.
    pub(crate) syncs: u64,
    /// The next message needs a snapshot.
    pub(crate) wants_snapshot: bool,
}

/// The writer.
#[derive(Debug)]
pub(crate) struct Scribe {
    cursors: CursorFile,
    log: Option<Log<Directory>>,
    clock: Clock,
    reports: mpsc::Sender<Report>,
    /// When what is written is made safe.
    sync_due: Option<Instant>,
    noted: Instant,
    syncs: u64,
}

/// Jobs that wait.
const JOBS: usize = 4;
/// Reports that wait.
pub(crate) const REPORTS: usize = 16;
/// What a power cut may take at most, and how long a disk rests between two syncs at least.
const SYNC: Duration = Duration::from_secs(2);
/// How often the running time is noted when nobody speaks.
const NOTE: Duration = Duration::from_secs(3600);

impl Scribe {
    /// Starts the thread; it ends when the sender is dropped and all is safe, and its reports
    /// end with it.
    pub(crate) fn start(
        tasks: &Tasks,
        cursors: CursorFile,
        log: Option<Log<Directory>>,
        clock: Clock,
        reports: mpsc::Sender<Report>,
    ) -> (SyncSender<Job>, Facts) {
        let noted = Instant::now();
        let sync_due = log.as_ref().filter(|log| log.is_dirty()).map(|_| noted + SYNC);
        let scribe = Self { cursors, log, clock, reports, sync_due, noted, syncs: 0 };
        let facts = scribe.facts();
        let (door, jobs) = sync_channel(JOBS);
        tasks.thread("scribe", move || scribe.run(&jobs));
        (door, facts)
    }

    fn run(mut self, jobs: &Receiver<Job>) {
        loop {
            let due = [self.sync_due, self.cursors.due()].into_iter().flatten();
            let due = due.fold(self.noted + NOTE, Instant::min);
            match jobs.recv_timeout(due.saturating_duration_since(Instant::now())) {
                Ok(job) => self.work(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
            if self.noted.elapsed() >= NOTE {
                self.note_time();
            }
            if self.cursors.due().is_some_and(|due| due <= Instant::now()) {
                self.flush_cursors();
            }
            if self.sync_due.is_some_and(|due| due <= Instant::now()) {
                self.sync();
            }
        }
        self.flush_cursors();
        self.note_time();
        self.sync();
    }

    fn flush_cursors(&mut self) {
        if let Err(error) = self.cursors.flush() {
            self.report(Outcome::Saved(Err(error)));
        }
    }

    fn work(&mut self, job: Job) {
        let outcome = match job {
            Job::Keep { snapshot, messages, oldest } => self.keep(snapshot, &messages, oldest),
            Job::Save(cursors) => Outcome::Saved(self.cursors.save(cursors)),
        };
        self.report(outcome);
    }

    fn keep(&mut self, snapshot: Option<Snapshot>, messages: &[Kept], oldest: u64) -> Outcome {
        let Some(log) = &mut self.log else {
            let why = Refused::Disk(std::io::Error::other("there is no log"));
            return Outcome::Refused { safe: 0, why, job: true };
        };
        let now = self.clock.now().mono;
        let begun = snapshot.map_or(Ok(()), |snapshot| log.begin(now, &snapshot));
        let outcome = match begun.and_then(|()| log.append(now, messages)) {
            Ok(()) => Outcome::Kept(log.safe()),
            Err(why) => Outcome::Refused { safe: log.safe(), why, job: true },
        };
        log.trim(oldest);
        if log.is_dirty() {
            self.sync_due.get_or_insert_with(|| Instant::now() + SYNC);
        }
        outcome
    }

    fn note_time(&mut self) {
        self.noted = Instant::now();
        let Some(log) = &mut self.log else { return };
        let newest = log.safe();
        // Only the age of messages depends on it.
        log.note_time(self.clock.now().mono, newest).ok();
        if log.is_dirty() {
            self.sync_due.get_or_insert(self.noted);
        }
    }

    fn sync(&mut self) {
        self.sync_due = None;
        let Some(log) = self.log.as_mut().filter(|log| log.is_dirty()) else { return };
        self.syncs += 1;
        let outcome = match log.sync() {
            Ok(()) => Outcome::Synced,
            Err(error) => {
                Outcome::Refused { safe: log.safe(), why: Refused::Disk(error), job: false }
            }
        };
        self.report(outcome);
    }

    fn report(&self, outcome: Outcome) {
        // Nobody listens any more at the very end.
        self.reports.blocking_send(Report { outcome, facts: self.facts() }).ok();
    }

    fn facts(&self) -> Facts {
        let Some(log) = &self.log else { return Facts::default() };
        Facts {
            bytes: log.bytes(),
            upto: log.safe(),
            spent: log.spent(),
            syncs: self.syncs,
            wants_snapshot: log.wants_snapshot(),
        }
    }
}
