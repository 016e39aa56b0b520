//! What one run leaves for the next when it ends only to start again, in a file.
//!
//! It counts once, for the seconds that neighbours wait, and in the same boot of the machine.
//! Where the file lies in memory, it is written now and then, in case the run ends without warning.

use std::borrow::Cow;
use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use meshchat_core::{Handover, limits};
use nix::fcntl::OFlag;
use nix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::config::Environment;

/// Where the note is kept.
#[derive(Debug)]
pub struct Notebook {
    path: PathBuf,
    /// The id of this boot of the machine; none where the directory does not outlive one.
    boot: Option<String>,
}

/// What is in the file behind its checksum.
#[derive(Serialize, Deserialize)]
struct Page<'a> {
    /// See [`Notebook::boot`].
    boot: Option<String>,
    /// When it was written: milliseconds of the clock that also counts sleep, since the boot.
    at: u64,
    handover: Cow<'a, Handover>,
}

impl Notebook {
    /// In the runtime directory that systemd made, which lies in memory; or else in `state_dir`,
    /// if the system tells one boot from another.
    #[must_use]
    pub fn new(environment: &Environment, state_dir: &Path) -> Option<Self> {
        if let Some(runtime) = environment.given("RUNTIME_DIRECTORY") {
            return Some(Self { path: runtime.join(NAME), boot: None });
        }
        let boot = fs::read_to_string(BOOT_ID).ok()?.trim().to_owned();
        Some(Self { path: state_dir.join(NAME), boot: Some(boot) })
    }

    /// Whether writing costs no disk anything.
    #[must_use]
    pub const fn is_in_memory(&self) -> bool {
        self.boot.is_none()
    }

    /// Where history may be left beside the note; none where writing costs a disk.
    #[must_use]
    pub fn place_of_history(&self) -> Option<PathBuf> {
        self.is_in_memory().then(|| self.path.with_file_name(HISTORY))
    }

    /// Removes a note that must not count any more.
    pub fn clear(&self) {
        fs::remove_file(&self.path).ok();
    }

    /// Takes the note of the run before out, if it is of use: and how old it is. What it says of
    /// who is there counts for [`limits::RESTART`], the words in it without end.
    #[must_use]
    pub fn take(&self) -> Option<(Handover, Duration)> {
        let read = self.read();
        // It must never count twice.
        match fs::remove_file(&self.path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
            Err(error) => {
                tracing::warn!(%error, "cannot remove {}; it is not used", self.path.display());
                return None;
            }
        }
        let page = read.ok().and_then(|bytes| decode(&bytes));
        let Some(page) = page.filter(|page| page.boot == self.boot) else {
            tracing::warn!("the note of the run before cannot be used");
            return None;
        };
        let age = Duration::from_millis(running()?.checked_sub(page.at)?);
        let counts = age < limits::RESTART || !page.handover.words.is_empty();
        counts.then(|| (page.handover.into_owned(), age))
    }

    /// Leaves a note for the next run; without one, others see this node go and come.
    pub fn leave(&self, mut handover: Handover) {
        let words = handover.words.len();
        let at = running();
        let Err(error) = self.write(at, &handover) else { return };
        // Records come from neighbours, too; without them it fits where little space is left.
        handover.records.clear();
        if self.write(at, &handover).is_ok() {
            return;
        }
        tracing::warn!(%error, "cannot leave a note for the next run");
        if words > 0 {
            tracing::error!("{words} messages that waited for their turn are lost; say them again");
        }
    }

    fn write(&self, at: Option<u64>, handover: &Handover) -> io::Result<()> {
        let at = at.ok_or(io::ErrorKind::Unsupported)?;
        let page = Page { boot: self.boot.clone(), at, handover: Cow::Borrowed(handover) };
        let body = rmp_serde::to_vec_named(&page).map_err(io::Error::other)?;
        let sum = blake3::hash(&body);
        let new = self.path.with_extension("new");
        // Whatever was left there is not written through.
        fs::remove_file(&new).ok();
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
        let written = file
            .write_all(sum.as_bytes())
            .and_then(|()| file.write_all(&body))
            .and_then(|()| fs::rename(&new, &self.path));
        if written.is_err() {
            // Half a note has words in it, too.
            fs::remove_file(&new).ok();
        }
        written
    }

    fn read(&self) -> io::Result<Vec<u8>> {
        let mut options = OpenOptions::new();
        let flags = OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK;
        let file = options.read(true).custom_flags(flags.bits()).open(&self.path)?;
        let mut bytes = Vec::new();
        file.take(LARGEST).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

fn decode(bytes: &[u8]) -> Option<Page<'static>> {
    let (sum, body) = bytes.split_at_checked(blake3::OUT_LEN)?;
    if blake3::hash(body) != *<&[u8; blake3::OUT_LEN]>::try_from(sum).ok()? {
        return None;
    }
    rmp_serde::from_slice(body).ok()
}

/// Milliseconds since the boot.
fn running() -> Option<u64> {
    let now = clock_gettime(ClockId::CLOCK_BOOTTIME).ok()?;
    u64::try_from(Duration::from(now).as_millis()).ok()
}

const NAME: &str = "handover";
const HISTORY: &str = "history";
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";
/// Bytes that are read: records, people and words at their bounds have less.
const LARGEST: u64 = 8 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use meshchat_proto::id::NetworkId;

    use super::*;
    use crate::testing::Directory;

    fn handover() -> Handover {
        Handover {
            network: NetworkId::OPEN,
            neighbours: Vec::new(),
            people: Vec::new(),
            records: Vec::new(),
            words: Vec::new(),
        }
    }

    fn notebook(dir: &Directory) -> Notebook {
        Notebook { path: dir.path().join(NAME), boot: Some("a".into()) }
    }

    #[test]
    fn a_note_counts_once_and_for_some_seconds() {
        let dir = Directory::new();
        let notebook = notebook(&dir);
        assert!(notebook.take().is_none());
        notebook.leave(handover());
        let mode = std::os::unix::fs::MetadataExt::mode(&fs::metadata(&notebook.path).unwrap());
        assert_eq!(mode & 0o777, 0o600);
        let (taken, age) = notebook.take().unwrap();
        assert_eq!(taken, handover());
        assert!(age < limits::RESTART / 2);
        assert!(notebook.take().is_none());
    }

    #[test]
    fn a_note_that_is_old_damaged_or_of_another_boot_is_not_used() {
        let dir = Directory::new();
        let notebook = notebook(&dir);
        let other = Notebook { path: notebook.path.clone(), boot: Some("b".into()) };
        notebook.leave(handover());
        assert!(other.take().is_none());
        notebook.leave(handover());
        let mut bytes = fs::read(&notebook.path).unwrap();
        *bytes.last_mut().unwrap() ^= 1;
        fs::write(&notebook.path, &bytes).unwrap();
        assert!(notebook.take().is_none());
        let page = |at| Page { boot: Some("a".into()), at, handover: Cow::Owned(handover()) };
        let age = u64::try_from(limits::RESTART.as_millis()).unwrap();
        for at in [running().unwrap().saturating_sub(age + 1), running().unwrap() + 60_000] {
            let body = rmp_serde::to_vec_named(&page(at)).unwrap();
            let sum = blake3::hash(&body);
            fs::write(&notebook.path, [sum.as_bytes().as_slice(), &body].concat()).unwrap();
            assert!(notebook.take().is_none());
        }
        assert!(!notebook.path.exists(), "what is not used is removed all the same");
    }

    #[test]
    fn a_link_in_its_place_is_not_followed() {
        let dir = Directory::new();
        let notebook = notebook(&dir);
        let elsewhere = dir.path().join("elsewhere");
        fs::write(&elsewhere, "").unwrap();
        std::os::unix::fs::symlink(&elsewhere, notebook.path.with_extension("new")).unwrap();
        notebook.leave(handover());
        assert_eq!(fs::read(&elsewhere).unwrap(), b"");
        assert!(notebook.take().is_some());
        std::os::unix::fs::symlink(&elsewhere, &notebook.path).unwrap();
        assert!(notebook.take().is_none() && elsewhere.exists());
    }
}
