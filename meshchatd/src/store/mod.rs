//! The state directory: one owner, one daemon, and small files that survive power loss.
//!
//! Every state file carries a checksum and keeps its previous generation as `NAME.old`, which is
//! used, with a warning in the log, when the newest does not check out.

mod boot;
pub(crate) mod cursors;
mod file;
pub(crate) mod log;
pub(crate) mod scribe;
mod spare;

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

pub(crate) use file::sync_directory;
use meshchat_proto::codec;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use nix::unistd::{Gid, Uid, geteuid, setgid, setgroups, setuid};
use serde::Serialize;
use serde::de::DeserializeOwned;
pub use spare::spare_of;

/// Most bytes of one state file.
pub const LARGEST_STATE: usize = 1024 * 1024;

/// The state directory of this daemon, locked for as long as this lives.
#[derive(Debug)]
pub struct StateDir {
    path: PathBuf,
    /// Another place, which lasts until the machine restarts.
    place: Option<PathBuf>,
    /// Where state goes because it cannot be written there.
    spare: Option<PathBuf>,
    _lock: Flock<File>,
}

/// Lets root work as the owner of an existing state directory, from now on and for good.
///
/// Commands such as `identity fork` are started with sudo, but what they write must belong to the
/// service's user. Does nothing for other users and when there is no directory yet.
///
/// # Errors
/// When the system refuses the change.
pub fn act_as_owner(path: &Path) -> io::Result<()> {
    let Ok(status) = fs::metadata(path) else { return Ok(()) };
    if geteuid().is_root() && status.uid() != 0 {
        let group = Gid::from_raw(status.gid());
        setgroups(&[group])?;
        setgid(group)?;
        setuid(Uid::from_raw(status.uid()))?;
    }
    Ok(())
}

/// The typed state files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFile {
    /// Peers that were named while running.
    Peers,
    /// People and their local settings.
    People,
    /// Where other nodes were last known to be.
    Contacts,
    /// The closed network, or that there is none.
    Network,
    /// Direct messages on their way, and which ones came.
    Mail,
    /// How far clients have read.
    Cursors,
    /// What is remembered of other nodes, and what people said of them.
    Acquaintances,
    /// Private rooms and their keys.
    Rooms,
}

/// Why the state directory or a file in it cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another daemon uses it.
    #[error("the state directory {} is in use by {}", path.display(), holder(*.pid))]
    InUse {
        /// The directory.
        path: PathBuf,
        /// The process that holds it, if it said so.
        pid: Option<u32>,
    },
    /// It belongs to another user.
    #[error("the state directory {} belongs to user id {owner}, not to {own}", path.display())]
    WrongOwner {
        /// The directory.
        path: PathBuf,
        /// Who owns it.
        owner: u32,
        /// Who we are.
        own: u32,
    },
    /// Others could replace files in it.
    #[error("the state directory {} is writable for others (mode {mode:04o})", path.display())]
    Writable {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Something else has this name.
    #[error("{} is not a directory", .0.display())]
    NotADirectory(PathBuf),
    /// It is on a file system that is mounted read-only.
    #[error("{} is on a read-only file system", .0.display())]
    ReadOnly(PathBuf),
    /// There is no space left.
    #[error("no space left for {}", .0.display())]
    Full(PathBuf),
    /// It may not be written or read.
    #[error("no permission for {}", .0.display())]
    Denied(PathBuf),
    /// Another failure of the system.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Neither generation of a file checks out.
    #[error("{} is damaged, and so is its previous generation", .0.display())]
    Damaged(PathBuf),
    /// It is kept, but not in the state directory.
    #[error("{} cannot be written; it is kept in {} until the machine restarts", path.display(), spare.display())]
    InSpare {
        /// The state directory.
        path: PathBuf,
        /// Where it is kept.
        spare: PathBuf,
    },
    /// The state has grown over [`LARGEST_STATE`].
    #[error("{} would be larger than {LARGEST_STATE} bytes", .0.display())]
    TooLarge(PathBuf),
    /// The value has no MessagePack form.
    #[error("cannot encode {}: {source}", path.display())]
    Encode {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rmp_serde::encode::Error,
    },
    /// The file is sound but holds something else.
    #[error("cannot understand {}: {reason}", path.display())]
    Decode {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl StateFile {
    const ALL: [Self; 8] = [
        Self::Peers,
        Self::People,
        Self::Contacts,
        Self::Network,
        Self::Mail,
        Self::Cursors,
        Self::Acquaintances,
        Self::Rooms,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Peers => "peers",
            Self::People => "people",
            Self::Contacts => "contacts",
            Self::Network => "network",
            Self::Mail => "mail",
            Self::Cursors => "cursors",
            Self::Acquaintances => "acquaintances",
            Self::Rooms => "rooms",
        }
    }
}

impl StateDir {
    /// Makes the directory if there is none (0700), checks it, and locks it.
    ///
    /// # Errors
    /// When it cannot be made, belongs to others, is open to others, or is in use.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        make(path)?;
        Ok(Self { path: path.to_path_buf(), place: None, spare: None, _lock: lock(path)? })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Counts this start and returns its number, from 1; it never repeats and never falls.
    ///
    /// # Errors
    /// When the number cannot be kept, or both generations of it are damaged.
    pub fn next_boot(&self) -> Result<u64, StoreError> {
        boot::next(self)
    }

    /// Goes on counting behind `count`: other nodes remember that this one had got so far.
    ///
    /// # Errors
    /// When the number cannot be kept.
    pub fn set_boot(&self, count: u64) -> Result<(), StoreError> {
        boot::set(self, count)
    }

    /// What was saved last, or `None` if nothing was.
    ///
    /// # Errors
    /// When the file cannot be read, is damaged in both generations, or holds something else.
    pub fn load<T: DeserializeOwned>(&self, state: StateFile) -> Result<Option<T>, StoreError> {
        let Some(found) = self.read(state.name())? else { return Ok(None) };
        let value = codec::decode(&found.body).map_err(|error| {
            let path = self.path.join(state.name());
            StoreError::Decode { path, reason: error.to_string() }
        })?;
        Ok(Some(value))
    }

    /// Keeps `value` in place of what was saved before; after a crash either of them is there.
    ///
    /// # Errors
    /// When it is too large or cannot be written; then the old state is still there.
    pub fn save<T: Serialize>(&self, state: StateFile, value: &T) -> Result<(), StoreError> {
        save_in(self.kept_in(), state, value)
    }

    /// As [`StateDir::save`], for what must not be forgotten when the machine restarts.
    ///
    /// # Errors
    /// Those of [`StateDir::save`], and [`StoreError::InSpare`], when it is saved for less long.
    pub fn save_for_good<T: Serialize>(
        &self,
        state: StateFile,
        value: &T,
    ) -> Result<(), StoreError> {
        self.save(state, value)?;
        let Some(spare) = self.spare.clone() else { return Ok(()) };
        Err(StoreError::InSpare { path: self.path.clone(), spare })
    }

    /// Where state is written.
    pub(crate) fn kept_in(&self) -> &Path {
        self.spare.as_deref().unwrap_or(&self.path)
    }

    fn read(&self, name: &str) -> Result<Option<file::Found>, StoreError> {
        let newer = self.spare.as_deref().map_or(Ok(None), |spare| file::read(spare, name))?;
        newer.map_or_else(|| file::read(&self.path, name), |found| Ok(Some(found)))
    }
}

/// Makes a directory for this user alone if there is none, and checks it.
fn make(path: &Path) -> Result<(), StoreError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    match (check(path), made) {
        (Err(_), Err(source)) => Err(StoreError::from_io(path, source)),
        (checked, _) => checked.map(drop),
    }
}

/// Checks that it is a directory of this user, and that nobody else can write there.
fn check(path: &Path) -> Result<&Path, StoreError> {
    let status = fs::metadata(path).map_err(|source| StoreError::from_io(path, source))?;
    let (owner, own, mode) = (status.uid(), geteuid().as_raw(), status.mode() & 0o7777);
    if !status.is_dir() {
        return Err(StoreError::NotADirectory(path.into()));
    }
    if owner != own {
        return Err(StoreError::WrongOwner { path: path.into(), owner, own });
    }
    if mode & 0o022 != 0 {
        return Err(StoreError::Writable { path: path.into(), mode });
    }
    Ok(path)
}

/// As [`StateDir::save`], for the thread that writes: the directory is locked by its owner.
pub(crate) fn save_in<T: Serialize>(
    directory: &Path,
    state: StateFile,
    value: &T,
) -> Result<(), StoreError> {
    let body = rmp_serde::to_vec_named(value)
        .map_err(|source| StoreError::Encode { path: directory.join(state.name()), source })?;
    file::write(directory, state.name(), &body)
}

impl StoreError {
    /// What the person should do now.
    #[must_use]
    pub fn fix(&self) -> String {
        match self {
            Self::InUse { pid: Some(pid), .. } => {
                format!("stop process {pid}, or start this node with --instance NAME")
            }
            Self::InUse { pid: None, .. } => {
                "stop the other meshchatd, or start this node with --instance NAME".into()
            }
            Self::WrongOwner { owner, .. } => format!(
                "run as its owner: sudo -u '#{owner}' meshchatd, \
                 or choose another place with --state-dir DIRECTORY"
            ),
            Self::Writable { path, .. } => format!("chmod go-w {}", path.display()),
            Self::NotADirectory(_) => "choose another place with --state-dir DIRECTORY".into(),
            Self::ReadOnly(_) => {
                "mount it writable, or choose another place with --state-dir DIRECTORY".into()
            }
            Self::InSpare { path, .. } => {
                format!("make {} writable, and restart meshchatd", path.display())
            }
            Self::Full(_) => "free some space, see df -h".into(),
            Self::Denied(_) => "run as the owner of the state directory".into(),
            Self::Io { .. } => "see the reason, and check the disk with dmesg".into(),
            Self::Damaged(path) | Self::Decode { path, .. } if path.ends_with("boot") => {
                "the count of starts is lost: remove the files boot and boot.old, \
                 then make a new key with: meshchatd identity fork"
                    .into()
            }
            Self::Damaged(path) | Self::Decode { path, .. } => {
                format!("remove {0} and {0}.old; what they held is lost", path.display())
            }
            Self::TooLarge(_) | Self::Encode { .. } => "please report this as a bug".into(),
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the enum of the standard library is open")]
    pub(crate) fn from_io(path: &Path, source: io::Error) -> Self {
        let path = path.to_path_buf();
        match source.kind() {
            io::ErrorKind::ReadOnlyFilesystem => Self::ReadOnly(path),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full(path),
            io::ErrorKind::PermissionDenied => Self::Denied(path),
            io::ErrorKind::NotADirectory | io::ErrorKind::AlreadyExists => {
                Self::NotADirectory(path)
            }
            _ => Self::Io { path, source },
        }
    }
}

fn lock(directory: &Path) -> Result<Flock<File>, StoreError> {
    let path = directory.join("lock");
    let failed = |source| StoreError::from_io(&path, source);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let mut lock = hold(directory, options.open(&path).map_err(failed)?)?;
    let pid = format!("{}\n", std::process::id());
    // On a full disk the lock holds all the same, but does not tell who holds it.
    lock.set_len(0).and_then(|()| lock.write_all(pid.as_bytes())).ok();
    Ok(lock)
}

/// The lock of a directory in which nothing can be written: the directory itself.
fn lock_read_only(directory: &Path) -> Result<Flock<File>, StoreError> {
    let file = File::open(directory).map_err(|source| StoreError::from_io(directory, source))?;
    hold(directory, file)
}

fn hold(directory: &Path, file: File) -> Result<Flock<File>, StoreError> {
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(lock),
        Err((file, Errno::EWOULDBLOCK)) => {
            Err(StoreError::InUse { path: directory.into(), pid: written_pid(file) })
        }
        Err((_, error)) => Err(StoreError::from_io(&directory.join("lock"), error.into())),
    }
}

fn written_pid(file: File) -> Option<u32> {
    let mut text = String::new();
    file.take(16).read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
}

fn holder(pid: Option<u32>) -> String {
    pid.map_or_else(|| "another process".into(), |pid| format!("process {pid}"))
}

/// The name of the key, which only `identity` reads and writes.
pub(crate) const KEY: &str = "key";

#[cfg(test)]
mod tests;
