//! Another place for the state of a node whose directory cannot be written: its card is mounted
//! read-only, on purpose or because it fails, or the disk is full.
//!
//! The key is still read from the state directory. All else is read from the spare place, or from
//! the state directory if nothing was saved since, and is written to the spare place alone. That
//! is beside the control socket, where it outlives the daemon but not the machine. Without it each
//! run would get the number of the one before, and who follows the node would take them for one.

use std::path::{Path, PathBuf};
use std::{fs, io};

use nix::sys::statfs::{TMPFS_MAGIC, statfs};
use serde::Serialize;

use super::{
    KEY, StateDir, StateFile, StoreError, boot, check, file, lock_read_only, make, save_in,
};

impl StateDir {
    /// Opens the state directory at `path` as [`StateDir::open`] does. If it holds a key but
    /// cannot be written, state is kept at `spare` until it can. What is still there is brought
    /// back first.
    ///
    /// # Errors
    /// Those of [`StateDir::open`]; also when the spare place cannot be used either.
    pub fn open_with_spare(path: &Path, spare: &Path) -> Result<Self, StoreError> {
        let (mut directory, refused) = match Self::open(path) {
            Ok(mut directory) => {
                directory.place = Some(spare.into());
                let refused = directory.bring_back(spare).err().filter(|error| {
                    let helps = spare_helps(error);
                    if !helps {
                        // Once newer state is in the directory, this must not come over it.
                        set_aside(spare, error);
                    }
                    helps
                });
                (directory, refused)
            }
            Err(error @ StoreError::ReadOnly(_)) if has_key(path) => {
                let lock = lock_read_only(check(path)?)?;
                (Self { path: path.into(), place: None, spare: None, _lock: lock }, Some(error))
            }
            Err(error) => return Err(error),
        };
        if let Some(error) = refused {
            directory.use_spare(spare, error)?;
        }
        Ok(directory)
    }

    /// Counts this start as [`StateDir::next_boot`] does, at `spare` if the disk is full.
    ///
    /// # Errors
    /// Those of [`StateDir::next_boot`].
    pub fn next_boot_or_spare(&mut self, spare: &Path) -> Result<u64, StoreError> {
        match self.next_boot() {
            Err(error) if self.spare.is_none() => {
                self.use_spare(spare, error)?;
                self.next_boot()
            }
            result => result,
        }
    }

    /// Where state is kept because the state directory cannot be written.
    #[must_use]
    pub fn spare(&self) -> Option<&Path> {
        self.spare.as_deref()
    }

    /// A place in memory for what is saved so often that the card should not see all of it. It is
    /// brought back at the next start, unless the machine restarts.
    pub(crate) fn quick_place(&self) -> Option<&Path> {
        let place = self.place.as_deref().filter(|_| self.spare.is_none())?;
        let above = statfs(place.parent()?).ok()?;
        (above.filesystem_type() == TMPFS_MAGIC).then_some(place)
    }

    fn use_spare(&mut self, spare: &Path, error: StoreError) -> Result<(), StoreError> {
        if !spare_helps(&error) || !has_key(&self.path) {
            return Err(error);
        }
        let foreign = spare.exists() && matches!(belongs(spare, &self.path), Ok(false));
        if foreign {
            set_aside(spare, "it belongs to another key");
        }
        if let Err(other) = make_for(&self.path, spare) {
            tracing::error!("there is no other place for it: {other}");
            return Err(error);
        }
        tracing::warn!(
            "the state of this node is not kept over a restart of the machine: {error}; until \
             then it is in {}",
            spare.display()
        );
        self.spare = Some(spare.into());
        Ok(())
    }

    /// Takes what earlier runs have left at the spare place.
    fn bring_back(&self, spare: &Path) -> Result<(), StoreError> {
        if !spare.exists() {
            return Ok(());
        }
        check(spare)?;
        match belongs(spare, &self.path) {
            Ok(true) => {}
            Ok(false) => {
                set_aside(spare, "it belongs to another key");
                return Ok(());
            }
            // Without its key the node does not start; whose it is shows when it does.
            Err(_unreadable) => return Ok(()),
        }
        // First, whatever becomes of the rest: no run may get the number of another.
        boot::bring_back(self, spare)?;
        for state in StateFile::ALL {
            match file::read(spare, state.name()) {
                Ok(None) => {}
                Ok(Some(found)) => {
                    file::write(&self.path, state.name(), &found.body)?;
                    if state == StateFile::Network {
                        // The generation before may hold secrets of a network that was left.
                        file::write(&self.path, state.name(), &found.body)?;
                    }
                }
                // What the state directory has counts then; the others come back all the same.
                Err(error @ StoreError::Damaged(_)) => tracing::warn!("{error}; it is left out"),
                Err(error) => return Err(error),
            }
        }
        tracing::info!("what was kept in {} is in the state directory again", spare.display());
        fs::remove_dir_all(spare).map_err(|error| StoreError::from_io(spare, error))
    }
}

/// The spare place of a state directory, in a directory for what lasts until the machine restarts.
#[must_use]
pub fn spare_of(state: &Path, runtime: &Path) -> PathBuf {
    let hash = blake3::hash(state.as_os_str().as_encoded_bytes()).to_hex();
    runtime.join(format!("state-{}", &hash.as_str()[..8]))
}

/// Saves in the quick place of the state directory at `path`.
pub(super) fn save_quick<T: Serialize>(
    path: &Path,
    place: &Path,
    state: StateFile,
    value: &T,
) -> Result<(), StoreError> {
    make_for(path, place)?;
    save_in(place, state, value)
}

/// Makes the spare place for the key in `path`, unless it is there. Whose that is was looked at
/// when the directory was opened.
fn make_for(path: &Path, spare: &Path) -> Result<(), StoreError> {
    make(spare)?;
    if !spare.join(OWNER).exists() {
        file::write(spare, OWNER, owner(path)?.as_bytes())?;
    }
    Ok(())
}

/// Whether a spare place was made for the key in `path`. The key of a card that was
/// changed, or of a backup that was brought back meanwhile, has state of its own.
fn belongs(spare: &Path, path: &Path) -> Result<bool, StoreError> {
    // Without a mark it is as good as any: what was saved may be all that there is.
    let Ok(Some(mark)) = file::read(spare, OWNER) else { return Ok(true) };
    Ok(mark.body == owner(path)?.as_bytes())
}

/// Names the key in a state directory without telling it; empty if there is none.
fn owner(path: &Path) -> Result<String, StoreError> {
    let key = path.join(KEY);
    match fs::read(&key) {
        Ok(key) => {
            let name = blake3::derive_key("meshchat 2026 owner of spare state", &key);
            Ok(blake3::Hash::from_bytes(name).to_hex().to_string())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
        Err(error) => Err(StoreError::from_io(&key, error)),
    }
}

/// Puts away what cannot be used, in place of what was put away before.
fn set_aside(spare: &Path, why: impl std::fmt::Display) {
    let aside = spare.with_extension("aside");
    fs::remove_dir_all(&aside).ok();
    match fs::rename(spare, &aside) {
        Ok(()) => tracing::warn!(
            "what was kept in {} is not used: {why}; it is in {} until the machine restarts",
            spare.display(),
            aside.display()
        ),
        Err(error) => tracing::warn!(
            "what was kept in {} is not used: {why}; moving it away failed: {error}",
            spare.display()
        ),
    }
}

/// The file that tells whose a spare place is.
const OWNER: &str = "owner";

/// Forgets what was saved in the quick place; it must not be brought back over something newer.
pub(super) fn forget_quick(place: &Path) {
    if place.exists() {
        fs::remove_dir_all(place).ok();
    }
}

/// Whether another place helps against this.
const fn spare_helps(error: &StoreError) -> bool {
    matches!(error, StoreError::ReadOnly(_) | StoreError::Full(_))
}

fn has_key(path: &Path) -> bool {
    fs::symlink_metadata(path.join(KEY)).is_ok()
}
