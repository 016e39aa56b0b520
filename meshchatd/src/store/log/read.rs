//! Reading a log, however damaged it is.

use std::collections::BTreeMap;
use std::io;

use meshchat_core::{Kept, Mono, Restored, SeenNumbers, Snapshot};

use super::budget::Budget;
use super::frame::{self, HEAD, Part};
use super::record::{self, Mark, Record, Spent};
use super::{Bounds, Disk, Log, Open, Segment};

/// What a log held.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// For the node.
    pub(crate) restored: Restored,
    /// Where the running clock goes on.
    pub(crate) ran: Mono,
    /// What could not be read.
    pub(crate) damage: Damage,
    /// Why nothing could be read at all.
    pub(crate) error: Option<io::Error>,
}

/// What could not be read of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Damage {
    /// Damaged stretches.
    pub(crate) places: u64,
    /// Their bytes.
    pub(crate) bytes: u64,
    /// Files that the disk did not give.
    pub(crate) files: u64,
}

/// One segment as it was read.
#[derive(Debug, Default)]
struct Content {
    bytes: u64,
    /// The sound snapshot at its start.
    snapshot: Option<Snapshot>,
    /// What was spent by its end.
    spent: Option<(Spent, Mono)>,
    messages: Vec<Kept>,
    newest: u64,
    at: Mono,
    damage: Damage,
}

impl<D: Disk> Log<D> {
    /// Reads what is on the disk, the newest messages of it, and goes on behind them.
    ///
    /// Never fails: what cannot be read is told in [`Found`].
    pub(crate) fn open(mut disk: D, bounds: Bounds) -> (Self, Found) {
        let mut found = Found::default();
        let (mut numbers, listed) = match disk.list() {
            Ok(numbers) => (numbers, true),
            Err(error) => {
                found.error = Some(error);
                (Vec::new(), false)
            }
        };
        numbers.sort_unstable();
        let (mut segments, mut messages) = (BTreeMap::new(), BTreeMap::new());
        let (mut spent, mut snapshot, mut room, mut tail) = (None, None, READ, None);
        for number in numbers.iter().rev().copied() {
            if room == 0 {
                segments.insert(number, Segment { bytes: bounds.segment, newest: 0 });
                continue;
            }
            let Ok(bytes) = disk.read(number, LARGEST) else {
                found.damage.files += 1;
                segments.insert(number, Segment::default());
                continue;
            };
            let content = Content::read(number, &bytes);
            room = room.saturating_sub(bytes.len());
            let (bytes, newest) = (content.bytes, content.newest);
            segments.insert(number, Segment { bytes, newest });
            if numbers.last() == Some(&number) && content.damage == Damage::default() && bytes > 0 {
                tail = Some(Open { number, full: bounds.segment });
            }
            found.add(&content);
            spent = spent.or(content.spent);
            snapshot = snapshot.or(content.snapshot);
            for kept in content.messages {
                messages.entry(kept.cursor).or_insert(kept);
            }
        }
        let newest = found.restored.snapshot.newest;
        found.restored.snapshot =
            Snapshot { newest, at: found.ran, ..snapshot.unwrap_or_default() };
        found.restored.messages = messages.into_values().collect();
        let budget = Budget::new(bounds.per_day, spent, found.ran);
        let last = numbers.last().copied().unwrap_or(0);
        let open = tail.filter(|tail| disk.open(tail.number, false).is_ok());
        // What a killed process wrote may still be on its way to the disk.
        let (dirty, written) = (open.is_some(), newest);
        let synced = written;
        (Self { disk, bounds, listed, segments, last, open, written, synced, dirty, budget }, found)
    }
}

impl Found {
    fn add(&mut self, content: &Content) {
        let newest = &mut self.restored.snapshot.newest;
        *newest = (*newest).max(content.newest);
        self.ran = self.ran.max(content.at);
        self.damage.places += content.damage.places;
        self.damage.bytes += content.damage.bytes;
    }
}

impl Content {
    fn read(number: u64, bytes: &[u8]) -> Self {
        let mut content = Self { bytes: bytes.len() as u64, ..Self::default() };
        // Parts of a snapshot that are still to come, and those that came.
        let mut missing = None;
        let mut seen = Vec::new();
        let mut mark = Mark::default();
        let mut at = 0;
        for part in frame::parts(number, bytes) {
            let start = at;
            let Part::Record { kind, payload } = part else {
                let Part::Damaged(count) = part else { continue };
                at += count as u64;
                content.damage.places += 1;
                content.damage.bytes += count as u64;
                missing = None;
                continue;
            };
            at += (HEAD + payload.len()) as u64;
            match record::read(kind, payload) {
                Some(Record::Mark(found)) => {
                    mark = found;
                    missing = Some(mark.parts).filter(|_| start == 0);
                    content.take_mark(&mark, content.bytes - start);
                }
                Some(Record::Seen(windows)) => {
                    missing = missing.and_then(|missing: u32| missing.checked_sub(1));
                    seen.extend(windows);
                }
                Some(Record::Message(kept)) => content.take_message(kept),
                None => {}
            }
            if missing == Some(0) {
                missing = None;
                content.take_snapshot(&mark, std::mem::take(&mut seen));
            }
        }
        content
    }

    fn take_mark(&mut self, mark: &Mark, behind: u64) {
        self.newest_at(0, mark.at);
        self.newest = self.newest.max(mark.newest);
        let Spent { total, left, today } = mark.spent;
        let (total, today) = (total.saturating_add(behind), today.saturating_add(behind));
        self.spent = Some((Spent { total, left: left.saturating_sub(behind), today }, mark.at));
    }

    fn take_snapshot(&mut self, mark: &Mark, seen: Vec<SeenNumbers>) {
        let Mark { network, newest, at, .. } = *mark;
        self.snapshot = Some(Snapshot { network, newest, at, seen });
    }

    fn take_message(&mut self, kept: Kept) {
        self.newest_at(kept.cursor, kept.at);
        self.messages.push(kept);
    }

    fn newest_at(&mut self, cursor: u64, at: Mono) {
        self.newest = self.newest.max(cursor);
        self.at = self.at.max(at);
    }
}

/// Bytes read of all segments together, the newest first: about twice what history holds in
/// memory.
const READ: usize = 16 * 1024 * 1024;
/// Bytes read of one segment: a full one behind the largest snapshot.
const LARGEST: usize = 8 * 1024 * 1024;
