//! What the records say.

use meshchat_core::{Kept, Mono, SeenNumbers};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::limits::{BODY_BYTES, RANGES};
use meshchat_proto::message::{Body, Place};

use super::frame;

/// One record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    /// A segment begins, with a snapshot of so many parts; or some time has passed.
    Mark(Mark),
    /// A part of the snapshot.
    Seen(Vec<SeenNumbers>),
    /// A shown message.
    Message(Kept),
}

/// How far the node had come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// Parts of a snapshot that follow at once.
    pub(super) parts: u32,
    /// The cursor of the newest message.
    pub(super) newest: u64,
    /// The running clock.
    pub(super) at: Mono,
    /// What was spent on writing.
    pub(super) spent: Spent,
    /// The network that the snapshot is about.
    pub(super) network: NetworkId,
}

/// What was written, this record not included.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Spent {
    /// Bytes ever.
    pub(crate) total: u64,
    /// Bytes that may still be written, as of `at` of the mark.
    pub(crate) left: u64,
    /// Bytes in this day of the running clock.
    pub(crate) today: u64,
}

const MARK: u8 = 1;
const SEEN: u8 = 2;
const MESSAGE: u8 = 3;

const LATE: u8 = 1;
const CAUGHT_UP: u8 = 2;
/// Siblings on the way to the root of a batch.
const PATH: usize = 8;

/// Appends a mark to `out`; see [`frame::put`].
pub(super) fn put_mark(out: &mut Vec<u8>, at: (u64, u64), mark: &Mark) {
    let Spent { total, left, today } = mark.spent;
    let mut payload = mark.parts.to_le_bytes().to_vec();
    for number in [mark.newest, mark.at.as_micros(), total, left, today] {
        payload.extend(number.to_le_bytes());
    }
    payload.extend(mark.network.0);
    frame::put(out, at, MARK, &payload);
}

/// Appends a snapshot with its mark.
pub(super) fn put_snapshot(out: &mut Vec<u8>, at: (u64, u64), mark: Mark, seen: &[SeenNumbers]) {
    let mut parts = vec![Vec::new()];
    for window in seen {
        let mut bytes = window.node.0.to_vec();
        bytes.extend(window.boot.0);
        put_ranges(&mut bytes, &window.seen);
        put_ranges(&mut bytes, &window.gone);
        match parts.last_mut() {
            Some(part) if part.len() + bytes.len() <= PART => part.extend(bytes),
            _ => parts.push(bytes),
        }
    }
    parts.retain(|part| !part.is_empty());
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    put_mark(out, at, &Mark { parts: count, ..mark });
    for part in parts {
        frame::put(out, at, SEEN, &part);
    }
}

/// Appends a message.
pub(super) fn put_message(out: &mut Vec<u8>, at: (u64, u64), kept: &Kept) {
    let mut payload = Vec::with_capacity(kept.body.len() + 96);
    payload.extend(kept.cursor.to_le_bytes());
    payload.extend(kept.at.as_micros().to_le_bytes());
    payload.push(u8::from(kept.late) * LATE + u8::from(kept.caught_up) * CAUGHT_UP);
    payload.extend(kept.sig);
    match &kept.place {
        None => payload.extend([0, 0, 0]),
        Some(Place { index, count, path }) => {
            let siblings = u8::try_from(path.len()).unwrap_or(u8::MAX);
            payload.extend([*index, *count, siblings]);
            path.iter().for_each(|id| payload.extend(id.0));
        }
    }
    payload.extend(&kept.body);
    frame::put(out, at, MESSAGE, &payload);
}

/// Reads a record; `None` when it is none of those that this build knows.
pub(super) fn read(kind: u8, payload: &[u8]) -> Option<Record> {
    let mut reader = Reader(payload);
    let record = match kind {
        MARK => Record::Mark(reader.mark()?),
        SEEN => Record::Seen(reader.seen()?),
        MESSAGE => Record::Message(reader.message()?),
        _ => return None,
    };
    // A mark of a later release may say more.
    (reader.0.is_empty() || kind == MARK).then_some(record)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn mark(&mut self) -> Option<Mark> {
        let parts = u32::from_le_bytes(self.array()?);
        let (newest, at) = (self.number()?, Mono::from_micros(self.number()?));
        let spent = Spent { total: self.number()?, left: self.number()?, today: self.number()? };
        let network = NetworkId(self.array()?);
        Some(Mark { parts, newest, at, spent, network })
    }

    fn seen(&mut self) -> Option<Vec<SeenNumbers>> {
        let mut all = Vec::new();
        while !self.0.is_empty() {
            let (node, boot) = (NodeId(self.array()?), Boot(self.array()?));
            all.push(SeenNumbers { node, boot, seen: self.ranges()?, gone: self.ranges()? });
        }
        Some(all)
    }

    fn message(&mut self) -> Option<Kept> {
        let (cursor, at) = (self.number()?, Mono::from_micros(self.number()?));
        let [flags] = self.array()?;
        let sig = self.array()?;
        let [index, count, siblings] = self.array()?;
        if usize::from(siblings) > PATH {
            return None;
        }
        let mut path = Vec::with_capacity(siblings.into());
        for _ in 0..siblings {
            path.push(MessageId(self.array()?));
        }
        let place = (count > 0).then_some(Place { index, count, path });
        let body = std::mem::take(&mut self.0);
        if body.len() > BODY_BYTES || Body::parse(body).is_err() {
            return None;
        }
        let (late, caught_up) = (flags & LATE != 0, flags & CAUGHT_UP != 0);
        Some(Kept { cursor, at, late, caught_up, sig, place, body: body.into() })
    }

    fn ranges(&mut self) -> Option<Vec<(u64, u64)>> {
        let [count] = self.array()?;
        if usize::from(count) > MOST_RANGES {
            return None;
        }
        let mut ranges = Vec::with_capacity(count.into());
        let mut last: u64 = 0;
        for _ in 0..count {
            let start = last.checked_add(self.varint()?)?;
            last = start.checked_add(self.varint()?)?;
            ranges.push((start, last));
        }
        Some(ranges)
    }

    /// LEB128.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let [byte] = self.array()?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn number(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (found, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*found)
    }
}

/// Ranges as differences: where each starts behind the last, and how far it goes.
fn put_ranges(out: &mut Vec<u8>, ranges: &[(u64, u64)]) {
    let ranges = ranges.get(..ranges.len().min(MOST_RANGES)).unwrap_or_default();
    out.push(u8::try_from(ranges.len()).unwrap_or(0));
    let mut last = 0;
    for (start, end) in ranges {
        put_varint(out, start.saturating_sub(last));
        put_varint(out, end.saturating_sub(*start));
        last = *end;
    }
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(u8::try_from(number & 0x7f).unwrap_or(0) | 0x80);
        number >>= 7;
    }
    out.push(u8::try_from(number).unwrap_or(0));
}

/// Bytes of one part of a snapshot.
const PART: usize = 16 * 1024;
/// The core keeps no more than [`RANGES`] of each; one more may be there for a moment.
const MOST_RANGES: usize = RANGES + 1;
