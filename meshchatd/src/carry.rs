//! History that is not on disk, carried over a planned restart: in the runtime directory, which
//! lies in memory, in the form that history on disk has.
//!
//! The next run takes it up and removes it. What neighbours would give back need not be asked
//! for, and what nobody else holds is not lost.

use std::fs;
use std::io;
use std::path::Path;

use meshchat_core::{Env, Mono, Node, Restored};

use crate::store::log::{Bounds, Directory, Log, Refused, SEGMENT};

/// Leaves all that `node` shows and has not kept up to the cursor `kept`. Returns how many
/// messages that are.
///
/// # Errors
///
/// Those of the file system; then nothing is left.
pub(crate) fn leave<E: Env>(
    place: &Path,
    node: &Node<E>,
    now: Mono,
    kept: u64,
) -> Result<usize, Refused> {
    forget(place).map_err(Refused::Disk)?;
    let written = write(place, node, now, kept);
    if written.is_err() {
        forget(place).ok();
    }
    written
}

fn write<E: Env>(place: &Path, node: &Node<E>, now: Mono, kept: u64) -> Result<usize, Refused> {
    let (mut log, _) = Log::open(Directory::new(place.into()), BOUNDS);
    let (mut upto, mut count) = (kept, 0);
    loop {
        if log.wants_snapshot() {
            log.begin(now, &node.snapshot(now, upto))?;
        }
        let messages = node.kept_after(upto, PIECE);
        let Some(last) = messages.last() else { return Ok(count) };
        upto = last.cursor;
        log.append(now, &messages)?;
        count += messages.len();
    }
}

/// What the run before has left, and what its clock showed. It stays until [`forget`]: a start
/// that fails must not cost it.
#[must_use]
pub(crate) fn read(place: &Path) -> Option<(Restored, Mono)> {
    if !place.exists() {
        return None;
    }
    let (_, found) = Log::open(Directory::new(place.into()), BOUNDS);
    Some((found.restored, found.ran))
}

/// Removes what was left.
///
/// # Errors
///
/// Those of the file system.
pub(crate) fn forget(place: &Path) -> io::Result<()> {
    match fs::remove_dir_all(place) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        result => result,
    }
}

/// History bounds itself.
const BOUNDS: Bounds = Bounds { bytes: u64::MAX, per_day: u64::MAX, segment: SEGMENT };
/// Bytes that are written at once.
const PIECE: usize = 128 * 1024;
