//! Messages on disk: a log in segments that are only appended to and removed whole.
//!
//! Each segment begins with a snapshot of all that was seen, so that the newest sound one,
//! together with the records behind it, tells what must neither be shown nor asked for again.
//! What is damaged is skipped and counted; the records around it stay.

mod budget;
mod disk;
mod frame;
mod read;
mod record;
#[cfg(test)]
mod sim;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::io;

use meshchat_core::{Kept, Mono, Snapshot};

use budget::Budget;
pub(crate) use disk::{Directory, Disk};
pub(crate) use read::Damage;
#[cfg(test)]
use read::Found;
use record::Mark;
pub(crate) use record::Spent;

/// What a log may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Bytes on disk, some kilobytes more for a moment.
    pub(crate) bytes: u64,
    /// Bytes written in a day of running time.
    pub(crate) per_day: u64,
    /// Bytes of a segment, [`SEGMENT`] outside tests.
    pub(crate) segment: u64,
}

/// Why nothing was written.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The day's budget is used up.
    Budget,
    /// The disk.
    Disk(io::Error),
}

/// The log of this node.
#[derive(Debug)]
pub(crate) struct Log<D> {
    disk: D,
    bounds: Bounds,
    /// Whether what is on the disk is known; if not, it is looked at before anything is written.
    listed: bool,
    segments: BTreeMap<u64, Segment>,
    /// The number of the last segment ever made.
    last: u64,
    open: Option<Open>,
    /// The newest message in it, and the newest that survives a power cut.
    written: u64,
    synced: u64,
    dirty: bool,
    budget: Budget,
}

/// One file.
#[derive(Debug, Clone, Copy, Default)]
struct Segment {
    bytes: u64,
    /// The newest message in it.
    newest: u64,
}

/// The segment that is written.
#[derive(Debug, Clone, Copy)]
struct Open {
    number: u64,
    /// From so many bytes on the next one is begun.
    full: u64,
}

impl<D: Disk> Log<D> {
    /// Whether the next message needs a new segment, and so a snapshot.
    pub(crate) fn wants_snapshot(&self) -> bool {
        let bytes = |open: Open| self.segments.get(&open.number).map_or(0, |held| held.bytes);
        self.open.is_none_or(|open| bytes(open) >= open.full)
    }

    /// Begins a new segment.
    ///
    /// # Errors
    ///
    /// When the budget or the disk does not allow it. Then nothing is written until it does.
    pub(crate) fn begin(&mut self, now: Mono, snapshot: &Snapshot) -> Result<(), Refused> {
        self.sync().map_err(Refused::Disk)?;
        self.list().map_err(Refused::Disk)?;
        let (newest, at) = (snapshot.newest, snapshot.at);
        let number = self.last.saturating_add(1);
        let (network, spent) = (snapshot.network, self.budget.spent());
        let mark = Mark { parts: 0, newest, at, spent, network };
        let mut bytes = Vec::new();
        record::put_snapshot(&mut bytes, (number, 0), mark, &snapshot.seen);
        let length = bytes.len() as u64;
        if !self.budget.allows(length, now) {
            return Err(Refused::Budget);
        }
        self.open = None;
        let made = self.disk.open(number, true).and_then(|()| self.disk.append(&bytes));
        if let Err(error) = made {
            // Half a snapshot helps nobody, and on a full disk it takes the last space.
            self.disk.remove(number).ok();
            return Err(Refused::Disk(error));
        }
        self.budget.charge(length);
        self.last = number;
        // A large snapshot must be worth its bytes.
        self.open = Some(Open { number, full: self.bounds.segment.max(4 * length) });
        self.segments.insert(number, Segment { bytes: length, newest: 0 });
        self.dirty = true;
        Ok(())
    }

    /// Writes messages behind all others, at once but not yet safe from a power cut.
    ///
    /// # Errors
    ///
    /// When the budget or the disk does not allow it. After an error of the disk a new segment is
    /// needed, and [`Log::safe`] tells from where on to write again.
    pub(crate) fn append(&mut self, now: Mono, messages: &[Kept]) -> Result<(), Refused> {
        let newest = messages.iter().map(|kept| kept.cursor).max().unwrap_or(0);
        self.write(now, |out, at| {
            messages.iter().for_each(|kept| record::put_message(out, at, kept));
        })?;
        self.written = self.written.max(newest);
        if let Some(segment) = self.open.and_then(|open| self.segments.get_mut(&open.number)) {
            segment.newest = segment.newest.max(newest);
        }
        Ok(())
    }

    /// Notes how far the running clock has come; only if there is a segment.
    ///
    /// # Errors
    ///
    /// As [`Log::append`].
    pub(crate) fn note_time(&mut self, now: Mono, newest: u64) -> Result<(), Refused> {
        let spent = self.budget.spent();
        let mark = Mark { newest, at: now, spent, ..Mark::default() };
        if self.open.is_none() {
            return Ok(());
        }
        self.write(now, |out, at| record::put_mark(out, at, &mark))
    }

    /// Makes all that was written safe.
    ///
    /// # Errors
    ///
    /// Those of the disk. What was not safe before may be lost then; see [`Log::safe`].
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if !self.dirty {
            return Ok(());
        }
        self.dirty = false;
        match self.disk.sync() {
            Ok(()) => self.synced = self.written,
            Err(error) => {
                // The system may have dropped what it could not write: it is written again.
                (self.open, self.written) = (None, self.synced);
                return Err(error);
            }
        }
        Ok(())
    }

    /// Whether something waits for [`Log::sync`].
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty
    }

    /// The newest message that need not be written again.
    pub(crate) fn safe(&self) -> u64 {
        self.written
    }

    /// Removes segments whose messages are all older than `oldest`, and the oldest ones while
    /// there are too many bytes.
    pub(crate) fn trim(&mut self, oldest: u64) {
        let most = self.bounds.bytes;
        while self.segments.len() > 1
            && let Some((number, segment)) = self.segments.first_key_value()
            && (segment.newest < oldest || self.bytes() > most || self.segments.len() > SEGMENTS)
            && self.open.is_none_or(|open| open.number != *number)
        {
            let number = *number;
            if self.disk.remove(number).is_err() {
                return;
            }
            self.segments.remove(&number);
        }
    }

    /// Bytes on disk.
    pub(crate) fn bytes(&self) -> u64 {
        self.segments.values().map(|segment| segment.bytes).sum()
    }

    /// What was spent on writing.
    pub(crate) fn spent(&self) -> Spent {
        self.budget.spent()
    }

    fn write(
        &mut self,
        now: Mono,
        put: impl FnOnce(&mut Vec<u8>, (u64, u64)),
    ) -> Result<(), Refused> {
        let segment =
            self.open.and_then(|open| Some((open.number, self.segments.get_mut(&open.number)?)));
        let Some((number, segment)) = segment else {
            return Err(Refused::Disk(io::Error::other("no segment is open")));
        };
        let mut bytes = Vec::new();
        put(&mut bytes, (number, segment.bytes));
        let length = bytes.len() as u64;
        if !self.budget.allows(length, now) {
            return Err(Refused::Budget);
        }
        if let Err(error) = self.disk.append(&bytes) {
            // What came before it may still be saved; the torn end is skipped when it is read.
            segment.bytes += length;
            self.sync().ok();
            self.open = None;
            return Err(Refused::Disk(error));
        }
        segment.bytes += length;
        self.budget.charge(length);
        self.dirty = true;
        Ok(())
    }

    /// Finds out which segments there are, if that could not be done at the start.
    fn list(&mut self) -> io::Result<()> {
        if !self.listed {
            let numbers = self.disk.list()?;
            self.last = numbers.iter().copied().fold(self.last, u64::max);
            self.segments.extend(numbers.into_iter().map(|number| (number, Segment::default())));
            self.listed = true;
        }
        Ok(())
    }
}

/// Bytes of a segment: little is lost when one is removed whole.
pub(crate) const SEGMENT: u64 = 512 * 1024;
/// Segments; each power cut may leave a short one.
const SEGMENTS: usize = 256;
