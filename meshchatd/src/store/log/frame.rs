//! How a record lies in a segment: one byte to find it by, its kind, its length, a checksum,
//! and what it says.
//!
//! The checksum covers the number of the segment and the place in it, so that bytes of another
//! file or place that a failing disk brings here are never taken for a record.

/// Bytes of a record beside what it says.
pub(super) const HEAD: usize = 1 + 1 + 2 + SUM;
/// Most bytes that a record says.
pub(super) const MOST: usize = 32 * 1024;

const MARK: u8 = 0xc5;
/// BLAKE3, cut to 64 bits: chance makes a wrong record good once in 10¹⁹ tries.
const SUM: usize = 8;
/// Bytes hashed in search of the next record behind a damaged one, before the rest of the
/// segment is given up: what was sent may be made to look like many beginnings.
const SEARCH: usize = 4 * 1024 * 1024;

/// A part of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A sound record.
    Record {
        /// What it is.
        kind: u8,
        /// What it says.
        payload: &'a [u8],
    },
    /// So many bytes in a row are damaged.
    Damaged(usize),
}

/// Appends a record to `out`, whose first byte lies at `start` of the segment.
///
/// What is longer than [`MOST`] is left out.
pub(super) fn put(out: &mut Vec<u8>, (segment, start): (u64, u64), kind: u8, payload: &[u8]) {
    let Some(length) = u16::try_from(payload.len()).ok().filter(|_| payload.len() <= MOST) else {
        return;
    };
    let at = start.saturating_add(out.len() as u64);
    out.extend([MARK, kind]);
    out.extend(length.to_le_bytes());
    out.extend(sum(segment, at, kind, payload));
    out.extend(payload);
}

/// Reads the parts of a segment, in order.
pub(super) fn parts(segment: u64, bytes: &[u8]) -> impl Iterator<Item = Part<'_>> {
    let (mut at, mut search) = (0, SEARCH);
    std::iter::from_fn(move || {
        if at >= bytes.len() {
            return None;
        }
        let start = at;
        while at < bytes.len() {
            if let Some((kind, payload)) = record(segment, bytes, at, &mut search) {
                if at > start {
                    break;
                }
                at += HEAD + payload.len();
                return Some(Part::Record { kind, payload });
            }
            at = if search == 0 { bytes.len() } else { at + 1 };
        }
        Some(Part::Damaged(at - start))
    })
}

/// The sound record at `at`, if there is one.
fn record<'a>(
    segment: u64,
    bytes: &'a [u8],
    at: usize,
    search: &mut usize,
) -> Option<(u8, &'a [u8])> {
    let rest = bytes.get(at..)?;
    let (head, rest) = rest.split_at_checked(HEAD)?;
    let [MARK, kind, low, high, found @ ..] = head else { return None };
    let length = usize::from(u16::from_le_bytes([*low, *high]));
    let payload = rest.get(..length).filter(|_| length <= MOST)?;
    if found == sum(segment, at as u64, *kind, payload) {
        return Some((*kind, payload));
    }
    *search = search.saturating_sub(HEAD + length);
    None
}

fn sum(segment: u64, at: u64, kind: u8, payload: &[u8]) -> [u8; SUM] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"meshchat log 1");
    hasher.update(&segment.to_le_bytes());
    hasher.update(&at.to_le_bytes());
    hasher.update(&[kind]);
    hasher.update(payload);
    let mut sum = [0; SUM];
    sum.copy_from_slice(hasher.finalize().as_bytes().split_at(SUM).0);
    sum
}
