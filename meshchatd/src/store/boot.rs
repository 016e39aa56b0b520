//! The count of starts.

use super::{StateDir, StoreError, file};

pub(super) fn next(directory: &StateDir) -> Result<u64, StoreError> {
    let last = match directory.read(NAME)? {
        None => 0,
        Some(found) => {
            let text = std::str::from_utf8(&found.body).ok();
            let count: Option<u64> = text.and_then(|text| text.trim().parse().ok());
            // The previous generation is one start behind the damaged one.
            let count = count.and_then(|count| count.checked_add(u64::from(found.previous)));
            count.ok_or_else(|| StoreError::Damaged(directory.path().join(NAME)))?
        }
    };
    let lost = || StoreError::Damaged(directory.path().join(NAME));
    let next = last.checked_add(1).ok_or_else(lost)?;
    file::write(directory.kept_in(), NAME, format!("{next}\n").as_bytes())?;
    Ok(next)
}

/// Counts on from a number that somebody else remembers.
pub(super) fn set(directory: &StateDir, count: u64) -> Result<(), StoreError> {
    file::write(directory.kept_in(), NAME, format!("{count}\n").as_bytes())
}

pub(super) const NAME: &str = "boot";
