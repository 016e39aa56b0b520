//! The count of starts.

use std::path::Path;

use super::{StateDir, StoreError, file};

pub(super) fn next(directory: &StateDir) -> Result<u64, StoreError> {
    let lost = || StoreError::Damaged(directory.path().join(NAME));
    let last = count(directory.read(NAME)?).ok_or_else(lost)?;
    let next = last.checked_add(1).ok_or_else(lost)?;
    file::write(directory.kept_in(), NAME, format!("{next}\n").as_bytes())?;
    Ok(next)
}

/// The number of starts that a file tells; none if it cannot be read.
fn count(found: Option<file::Found>) -> Option<u64> {
    let Some(found) = found else { return Some(0) };
    let text = std::str::from_utf8(&found.body).ok();
    let count: Option<u64> = text.and_then(|text| text.trim().parse().ok());
    // The previous generation is one start behind the damaged one.
    count.and_then(|count| count.checked_add(u64::from(found.previous)))
}

/// Brings what was counted in `spare` to the state directory, unless that has counted further.
pub(super) fn bring_back(directory: &StateDir, spare: &Path) -> Result<(), StoreError> {
    let there = file::read(spare, NAME).ok().and_then(count).unwrap_or(0);
    let here = file::read(directory.path(), NAME).ok().and_then(count).unwrap_or(0);
    if there > here {
        file::write(directory.path(), NAME, format!("{there}\n").as_bytes())?;
    }
    Ok(())
}

/// Counts on from a number that somebody else remembers.
pub(super) fn set(directory: &StateDir, count: u64) -> Result<(), StoreError> {
    file::write(directory.kept_in(), NAME, format!("{count}\n").as_bytes())
}

pub(super) const NAME: &str = "boot";
