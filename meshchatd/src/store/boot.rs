//! The count of starts.

use super::{StateDir, StoreError, file};

pub(super) fn next(directory: &StateDir) -> Result<u64, StoreError> {
    let last = match file::read(directory.path(), NAME)? {
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
    file::write(directory.path(), NAME, format!("{next}\n").as_bytes())?;
    Ok(next)
}

/// Counts on from a number that somebody else remembers.
pub(super) fn set(directory: &StateDir, count: u64) -> Result<(), StoreError> {
    file::write(directory.path(), NAME, format!("{count}\n").as_bytes())
}

const NAME: &str = "boot";
