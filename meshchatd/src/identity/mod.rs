//! Who this node is: an Ed25519 key, made once, kept private, bound to its machine.
//!
//! A copied SD card holds the key of another node. Two nodes with one key would fight over one
//! name and look like replays to everyone, so a key on a foreign machine is refused until a
//! person says what happened.

mod machine;
mod seal;
mod signature;
mod text;

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub use machine::{MACHINE_ID, MachineId};
pub use seal::{lock, open, seal, secret, unlock};
pub use signature::{Signer, Verifier, verify};

use crate::store::{KEY, StateDir, StoreError, sync_directory};

/// The key of this node and whether it is new.
#[derive(Debug)]
pub struct Identity {
    /// Signs for this node.
    pub signer: Signer,
    /// Whether the key was made by this call.
    pub is_new: bool,
}

/// Why there is no usable key.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// Others can read or write it.
    #[error("the key {} is open to others (mode {mode:04o})", path.display())]
    OpenToOthers {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It belongs to another user or is no plain file.
    #[error("the key {} is not a plain file of this user", .0.display())]
    NotOurs(PathBuf),
    /// It is not what was written.
    #[error("the key {} is damaged: {reason}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// It was made on another machine.
    #[error(
        "the key {} was made on another machine; this looks like a copied SD card or disk",
        .0.display()
    )]
    OtherMachine(PathBuf),
    /// There is nothing to move.
    #[error("there is no key {}", .0.display())]
    NoKey(PathBuf),
    /// The system gave no random numbers.
    #[error("no random numbers: {0}")]
    Random(getrandom::Error),
    /// The file system failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl IdentityError {
    /// What the person should do now.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::OpenToOthers { path, .. } => format!("chmod 600 {}", path.display()),
            Self::NotOurs(path) => format!("check with: ls -l {}", path.display()),
            Self::Damaged { path, .. } => format!(
                "put back a copy of {0}, or give this node a new key:  meshchatd identity fork",
                path.display()
            ),
            Self::OtherMachine(_) => "stop meshchatd, then\n  \
                if this is a copy and the original still runs:   meshchatd identity fork\n  \
                if this is the same node on new hardware:        meshchatd identity move\n  \
                (with sudo for the system service, and with the same --instance if it has one)"
                .into(),
            Self::NoKey(_) => "nothing to do; the key is made at the first start".into(),
            Self::Random(_) => "start again later in the boot".into(),
            Self::Store(error) => error.fix(),
        }
    }
}

/// Reads the key, or makes one if there is none, and checks that it belongs to this machine.
///
/// Without a machine id the key is not bound.
///
/// # Errors
/// When the key is open to others, damaged, of another machine, or cannot be made.
pub fn load_or_create(
    directory: &StateDir,
    machine: Option<&MachineId>,
) -> Result<Identity, IdentityError> {
    let path = directory.path().join(KEY);
    let (signer, is_new) = match read(&path)? {
        Some(signer) => (signer, false),
        None => (create(directory)?, true),
    };
    match machine {
        None => {}
        Some(machine) if is_new => machine::bind(directory, &signer, machine)?,
        Some(machine) => match machine::check(directory, &signer, machine)? {
            machine::Bound::Here => {}
            // What cannot be written is bound once it can.
            machine::Bound::Nowhere if directory.spare().is_some() => {}
            machine::Bound::Nowhere => machine::bind(directory, &signer, machine)?,
            machine::Bound::Elsewhere => return Err(IdentityError::OtherMachine(path)),
        },
    }
    Ok(Identity { signer, is_new })
}

/// Gives this node a new key; the old one stays beside it as `key.before-fork`.
///
/// # Errors
/// When the new key cannot be made. The old key is never lost.
pub fn fork(directory: &StateDir, machine: Option<&MachineId>) -> Result<Identity, IdentityError> {
    let path = directory.path().join(KEY);
    if fs::symlink_metadata(&path).is_ok() {
        let kept = free_name(directory.path());
        fs::rename(&path, &kept).map_err(|error| StoreError::from_io(&kept, error))?;
    }
    let signer = create(directory)?;
    if let Some(machine) = machine {
        machine::bind(directory, &signer, machine)?;
    }
    Ok(Identity { signer, is_new: true })
}

/// Binds the key that is there to this machine.
///
/// # Errors
/// When there is no key, or it is open to others or damaged.
pub fn adopt(directory: &StateDir, machine: Option<&MachineId>) -> Result<Identity, IdentityError> {
    let path = directory.path().join(KEY);
    let signer = read(&path)?.ok_or(IdentityError::NoKey(path))?;
    if let Some(machine) = machine {
        machine::bind(directory, &signer, machine)?;
    }
    Ok(Identity { signer, is_new: false })
}

fn read(path: &Path) -> Result<Option<Signer>, IdentityError> {
    let failed = |error| StoreError::from_io(path, error);
    let status = match fs::symlink_metadata(path) {
        Ok(status) => status,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error).into()),
    };
    if !status.is_file() || status.uid() != nix::unistd::geteuid().as_raw() {
        return Err(IdentityError::NotOurs(path.into()));
    }
    let mode = status.mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(IdentityError::OpenToOthers { path: path.into(), mode });
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(failed)?;
    file.take(LARGEST_KEY).read_to_end(&mut bytes).map_err(failed)?;
    let damaged = |reason| IdentityError::Damaged { path: path.into(), reason };
    text::read(&bytes).map(Some).map_err(damaged)
}

fn create(directory: &StateDir) -> Result<Signer, IdentityError> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(IdentityError::Random)?;
    let signer = Signer::from_seed(&seed);
    write_whole(directory, KEY, text::write(&signer).as_bytes())?;
    Ok(signer)
}

/// Writes a whole file or nothing.
fn write_whole(directory: &StateDir, name: &str, content: &[u8]) -> Result<(), StoreError> {
    let path = directory.path().join(name);
    let temporary = path.with_extension("new");
    let written = || {
        let mut options = OpenOptions::new();
        let mut file =
            options.write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, &path)?;
        sync_directory(directory.path())
    };
    written().map_err(|error| {
        let _ = fs::remove_file(&temporary);
        StoreError::from_io(&path, error)
    })
}

/// A name for the old key that takes no other old key's place.
fn free_name(directory: &Path) -> PathBuf {
    let first = directory.join("key.before-fork");
    let more = (2..).map(|n: u32| directory.join(format!("key.before-fork-{n}")));
    let mut names = std::iter::once(first.clone()).chain(more);
    names.find(|path| fs::symlink_metadata(path).is_err()).unwrap_or(first)
}

/// A key file has about 220 bytes.
const LARGEST_KEY: u64 = 4096;

#[cfg(test)]
mod tests;
