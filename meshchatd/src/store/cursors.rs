//! The file of cursors, which change while somebody reads along: what is confirmed goes to memory
//! at once, and to the disk once a minute.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use meshchat_core::SavedCursors;

use super::spare::{forget_quick, save_quick};
use super::{StateFile, StoreError, save_in};

/// Saves cursors.
#[derive(Debug)]
pub(crate) struct CursorFile {
    directory: PathBuf,
    /// A place that outlives the daemon, but not the machine, and wears nothing.
    quick: Option<PathBuf>,
    /// Saved there, and not yet in the directory.
    held: Option<Box<SavedCursors>>,
    /// The reserved numbers that are in the directory, and since when they are.
    written: Option<(u64, Instant)>,
}

impl CursorFile {
    pub(crate) const fn new(directory: PathBuf, quick: Option<PathBuf>) -> Self {
        Self { directory, quick, held: None, written: None }
    }

    /// Saves cursors: what would be used twice after a power cut at once, the rest in time.
    pub(super) fn save(&mut self, cursors: Box<SavedCursors>) -> Result<(), StoreError> {
        let rests = self.written.is_some_and(|(reserved, at)| {
            reserved == cursors.reserved && at.elapsed() < PAUSE && !cursors.clean
        });
        if let Some(quick) = self.quick.as_ref().filter(|_| rests)
            && save_quick(&self.directory, quick, StateFile::Cursors, &*cursors).is_ok()
        {
            self.held = Some(cursors);
            return Ok(());
        }
        self.write(&cursors)
    }

    /// When something must be written.
    pub(super) fn due(&self) -> Option<Instant> {
        self.held.as_ref().and(self.written).map(|(_, at)| at + PAUSE)
    }

    /// Writes what was saved in memory alone.
    pub(super) fn flush(&mut self) -> Result<(), StoreError> {
        self.held.take().map_or(Ok(()), |cursors| self.write(&cursors))
    }

    fn write(&mut self, cursors: &SavedCursors) -> Result<(), StoreError> {
        self.held = None;
        if let Some(quick) = &self.quick {
            // First: if this ends in between, some lines are shown twice, but no number is used
            // twice.
            forget_quick(quick);
        }
        save_in(&self.directory, StateFile::Cursors, cursors)?;
        self.written = Some((cursors.reserved, Instant::now()));
        Ok(())
    }
}

/// Least time between two writes, and the most that a power cut takes.
const PAUSE: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::StateDir;
    use crate::testing::Directory;

    #[test]
    fn what_is_confirmed_reaches_the_disk_seldom_and_memory_at_once() {
        let place = Directory::new();
        let (disk, quick) = (place.path().join("disk"), place.path().join("quick"));
        let on_disk = || StateDir::open(&disk).unwrap().load(StateFile::Cursors).unwrap();
        drop(StateDir::open(&disk).unwrap());
        let mut file = CursorFile::new(disk.clone(), Some(quick.clone()));
        let first = SavedCursors { newest: 1, reserved: 4096, ..SavedCursors::default() };
        file.save(Box::new(first.clone())).unwrap();
        let second = SavedCursors { newest: 2, ..first.clone() };
        file.save(Box::new(second.clone())).unwrap();
        assert_eq!(on_disk(), Some(first));
        assert!(file.due().is_some());
        // The daemon ends without a word.
        let store = StateDir::open_with_spare(&disk, &quick).unwrap();
        assert_eq!(store.load(StateFile::Cursors).unwrap(), Some(second.clone()));
        drop(store);

        let third = SavedCursors { reserved: 8192, ..second.clone() };
        file.save(Box::new(third.clone())).unwrap();
        assert_eq!(on_disk(), Some(third.clone()), "numbers are reserved at once");
        let fourth = SavedCursors { newest: 9, ..third };
        file.save(Box::new(fourth.clone())).unwrap();
        file.flush().unwrap();
        assert_eq!((on_disk(), quick.exists()), (Some(fourth), false));
    }
}
