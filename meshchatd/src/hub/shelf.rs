//! What the hub knows of messages on disk, and what it says of them.

use std::path::PathBuf;
use std::time::Duration;

use meshchat_proto::control::DiskStatus;
use tokio::time::Instant;

use crate::config::Size;
use crate::store::StoreError;
use crate::store::log::{Bounds, Damage, Refused};
use crate::store::scribe::Facts;

/// Messages on disk.
#[derive(Debug)]
pub struct Shelf {
    /// Where they are.
    directory: PathBuf,
    bounds: Bounds,
    damage: Damage,
    facts: Facts,
    /// Offered to the writer up to this cursor, and written up to that one.
    pub(super) offered: u64,
    pub(super) written: u64,
    /// Jobs under way, and when one of them was last heard of.
    under_way: u32,
    since: Instant,
    trouble: Option<Trouble>,
    /// How long the last trouble was left alone.
    pause: Duration,
}

/// Why nothing is written now.
#[derive(Debug)]
struct Trouble {
    words: String,
    fix: String,
    /// None while it is being tried.
    retry: Option<Instant>,
}

impl Shelf {
    /// For a log that was just opened.
    pub(crate) fn new(directory: PathBuf, bounds: Bounds, damage: Damage, facts: Facts) -> Self {
        Self {
            directory,
            bounds,
            damage,
            facts,
            offered: facts.upto,
            written: facts.upto,
            under_way: 0,
            since: Instant::now(),
            trouble: None,
            pause: Duration::ZERO,
        }
    }

    /// Whether a message that was just shown can be written at once.
    pub(super) fn is_writing(&self) -> bool {
        self.trouble.is_none() && !self.is_stalled()
    }

    /// Whether the writer may be offered something now.
    pub(super) fn may_offer(&self) -> bool {
        let now = Instant::now();
        let due = |trouble: &Trouble| trouble.retry.is_some_and(|retry| retry <= now);
        self.trouble.as_ref().is_none_or(due)
    }

    /// Whether the next job must begin a segment; not before all others are done.
    pub(super) fn wants_snapshot(&self) -> Option<bool> {
        match (self.facts.wants_snapshot, self.under_way) {
            (true, 1..) => None,
            (wants, _) => Some(wants),
        }
    }

    /// When it is to be looked at without being asked to.
    pub(super) fn due(&self) -> Option<Instant> {
        let retry = self.trouble.as_ref().and_then(|trouble| trouble.retry);
        let stall = (self.under_way > 0 && !self.is_stalled()).then_some(self.since + STALL);
        retry.into_iter().chain(stall).min()
    }

    pub(super) fn took_job(&mut self) {
        if self.under_way == 0 {
            self.since = Instant::now();
        }
        self.under_way += 1;
        if let Some(trouble) = &mut self.trouble {
            trouble.retry = None;
        }
    }

    /// Nothing is there to be written up to this cursor.
    pub(super) fn skip_to(&mut self, cursor: u64) {
        self.offered = cursor;
        if self.under_way == 0 {
            self.written = cursor;
        }
    }

    /// What was due and found nothing to try it with is due later.
    pub(super) fn postpone(&mut self) {
        let now = Instant::now();
        if let Some(retry) = self.trouble.as_mut().and_then(|trouble| trouble.retry.as_mut()) {
            *retry = if *retry <= now { now + self.pause } else { *retry };
        }
    }

    pub(super) fn done(&mut self, facts: Facts) {
        self.under_way = self.under_way.saturating_sub(1);
        self.heard(facts);
    }

    pub(super) fn heard(&mut self, facts: Facts) {
        (self.facts, self.since) = (facts, Instant::now());
    }

    /// Messages up to this cursor are written.
    pub(super) fn wrote(&mut self, upto: u64) {
        self.written = self.written.max(upto);
        self.pause = Duration::ZERO;
        if self.trouble.take().is_some() {
            tracing::info!("messages are kept on disk again");
        }
    }

    /// Goes on in memory for a while, a longer one each time.
    pub(super) fn fail(&mut self, safe: u64, why: Refused) {
        (self.offered, self.written) = (safe, self.written.min(safe));
        let now = Instant::now();
        if self.trouble.as_ref().is_some_and(|trouble| trouble.retry.is_some()) {
            // Jobs behind one that failed fail for no reason of their own.
            return;
        }
        self.pause = match &why {
            Refused::Budget => BUDGET_PAUSE,
            Refused::Disk(_) => (self.pause * 2).clamp(SHORTEST_PAUSE, LONGEST_PAUSE),
        };
        let (words, fix) = match why {
            Refused::Budget => {
                let budget = Size(self.bounds.per_day);
                let words = format!("the {budget} of this day are written");
                (words, "it goes on as they come back; or raise history_budget".into())
            }
            Refused::Disk(error) => {
                let error = StoreError::from_io(&self.directory, error);
                (error.to_string(), error.fix())
            }
        };
        if self.trouble.as_ref().is_none_or(|trouble| trouble.words != words) {
            tracing::warn!("messages are kept in memory only: {words}; {fix}");
        }
        self.trouble = Some(Trouble { words, fix, retry: Some(now + self.pause) });
    }

    /// What an operator should know.
    pub(super) fn note(&self) -> Option<String> {
        if let Some(Trouble { words, fix, .. }) = &self.trouble {
            return Some(format!("messages are kept in memory only: {words}; {fix}"));
        }
        let stalled = self.is_stalled().then(|| {
            let seconds = self.since.elapsed().as_secs();
            format!(
                "messages are kept in memory only: the disk has not answered for {seconds} s; \
                 check it with dmesg"
            )
        });
        stalled.or_else(|| {
            let Damage { places, bytes, files } = self.damage;
            (places + files > 0).then(|| {
                format!(
                    "the history on disk was damaged: {places} places with {} and {files} files \
                     were skipped; check the disk with dmesg",
                    Size(bytes)
                )
            })
        })
    }

    pub(super) fn status(&self) -> DiskStatus {
        let Facts { bytes, upto, spent, syncs, wants_snapshot: _ } = self.facts;
        DiskStatus {
            writing: self.is_writing(),
            bytes,
            most: self.bounds.bytes,
            upto,
            written_today: spent.today,
            budget: self.bounds.per_day,
            budget_left: spent.left,
            written_total: spent.total,
            syncs,
            damaged: self.damage.places + self.damage.files,
        }
    }

    fn is_stalled(&self) -> bool {
        self.under_way > 0 && self.since.elapsed() >= STALL
    }
}

/// A disk that answers nothing for so long is not waited for.
const STALL: Duration = Duration::from_secs(2);
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(300);
const BUDGET_PAUSE: Duration = Duration::from_secs(60);
