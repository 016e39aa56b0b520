//! The files: what is in them, how they are read, and how they are replaced.

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::failed;
use crate::chat::editor::{LINES, PLACES};
use crate::chat::seam::{Kept, Unsent};

/// The folder of one node and person, which only they can read.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    lock: File,
}

/// Small things that change often; losing the last of them does no harm.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct State {
    #[serde(default)]
    pub(super) read: BTreeMap<String, u64>,
    #[serde(default)]
    pub(super) muted: Vec<String>,
    #[serde(default)]
    pub(super) last: Option<String>,
    #[serde(default)]
    pub(super) introduced: bool,
}

/// One line of the file of typed lines.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TypedLine {
    pub(super) at: String,
    pub(super) line: String,
}

impl Folder {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        let lock = private().create(true).truncate(false).open(path.join(LOCK))?;
        Ok(Self { path: path.to_owned(), lock })
    }

    /// Takes the folder for this run.
    ///
    /// # Errors
    ///
    /// Why that cannot be; another chat has it for example.
    pub(super) fn lock(&self) -> Result<(), String> {
        match self.lock.try_lock() {
            Ok(()) => Ok(()),
            Err(TryLockError::WouldBlock) => {
                Err("another chat of yours is running, and keeps its own".into())
            }
            Err(TryLockError::Error(error)) => Err(failed(LOCK, &error)),
        }
    }

    /// All that was kept, and what was damaged.
    pub(super) fn read(&self) -> (Kept, Vec<String>) {
        let mut damaged = Vec::new();
        let state: State = self.read_json(STATE, &mut damaged);
        let unsent = self.read_json(UNSENT, &mut damaged);
        let typed = self.read_typed(&mut damaged);
        let State { read, muted, last, introduced } = state;
        (Kept { read, typed, unsent, muted, last, introduced }, damaged)
    }

    fn read_json<T: Default + DeserializeOwned>(&self, name: &str, damaged: &mut Vec<String>) -> T {
        let parsed = self.load(name).and_then(|text| match text {
            Some(text) => Ok(serde_json::from_slice(&text)?),
            None => Ok(T::default()),
        });
        parsed.unwrap_or_else(|error| {
            damaged.push(self.set_aside(name, &error));
            T::default()
        })
    }

    /// A last line without its end is what a power cut leaves, and no damage.
    fn read_typed(&self, damaged: &mut Vec<String>) -> BTreeMap<String, Vec<String>> {
        let text = self.load(TYPED).unwrap_or_else(|error| {
            damaged.push(self.set_aside(TYPED, &error));
            None
        });
        let text = text.unwrap_or_default();
        let whole = text.iter().rposition(|byte| *byte == b'\n').unwrap_or(0);
        let lines = text.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n');
        let mut typed = TypedLines::default();
        let mut bad = None;
        for line in lines.filter(|line| !line.is_empty()) {
            match serde_json::from_slice::<TypedLine>(line) {
                Ok(line) => typed.push(line),
                Err(error) => bad = Some(io::Error::from(error)),
            }
        }
        if let Some(error) = bad {
            damaged.push(self.set_aside(TYPED, &error));
            // What is sound stays.
            if let Err(error) = self.replace(TYPED, &typed.render(), false) {
                damaged.push(failed(TYPED, &error));
            }
        }
        typed.by_conversation()
    }

    fn load(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        let file = match File::open(self.path.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut text = Vec::new();
        file.take(LARGEST + 1).read_to_end(&mut text)?;
        match u64::try_from(text.len()).is_ok_and(|length| length <= LARGEST) {
            true => Ok(Some(text)),
            false => Err(io::Error::other("it is too large")),
        }
    }

    fn set_aside(&self, name: &str, error: &io::Error) -> String {
        let aside = format!("{name}.damaged");
        match fs::rename(self.path.join(name), self.path.join(&aside)) {
            Ok(()) => format!(
                "{} was damaged ({error}) and is now {aside}",
                self.path.join(name).display()
            ),
            Err(_) => format!("{}: {error}", self.path.join(name).display()),
        }
    }

    /// Puts a file in the place of another, whole or not at all.
    pub(super) fn replace(&self, name: &str, content: &[u8], sync: bool) -> io::Result<()> {
        let temporary = self.path.join(format!("{name}.new"));
        let written = (|| {
            let mut file = private().create(true).truncate(true).open(&temporary)?;
            file.write_all(content)?;
            if sync {
                file.sync_data()?;
            }
            fs::rename(&temporary, self.path.join(name))
        })();
        if written.is_err() {
            // It may hold the last free bytes of the disk.
            let _ = fs::remove_file(&temporary);
        }
        written
    }

    /// Adds typed lines and gives the size of the file. What a power cut or a write that failed
    /// left behind is cut off.
    pub(super) fn append(&self, lines: &[u8]) -> io::Result<u64> {
        let path = self.path.join(TYPED);
        let mut file = private().read(true).create(true).append(true).open(path)?;
        let before = self.cut_torn(&file)?;
        if let Err(error) = file.write_all(lines) {
            let _ = file.set_len(before);
            return Err(error);
        }
        Ok(before + u64::try_from(lines.len()).unwrap_or(0))
    }

    /// Cuts off a last line without its end, as the next one would be glued to it; gives the size.
    fn cut_torn(&self, file: &File) -> io::Result<u64> {
        let size = file.metadata()?.len();
        let mut last = [b'\n'];
        if let Some(at) = size.checked_sub(1) {
            file.read_exact_at(&mut last, at)?;
        }
        if last == [b'\n'] {
            return Ok(size);
        }
        let text = self.load(TYPED)?.unwrap_or_default();
        let whole = text.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let whole = u64::try_from(whole).unwrap_or(size);
        file.set_len(whole)?;
        Ok(whole)
    }

    /// Writes the typed lines anew, without those that are too old.
    pub(super) fn compact(&self) -> io::Result<()> {
        let mut damaged = Vec::new();
        let kept = self.read_typed(&mut damaged);
        let mut typed = TypedLines::default();
        for (at, lines) in kept {
            lines.into_iter().for_each(|line| typed.push(TypedLine { at: at.clone(), line }));
        }
        typed.fit(LARGEST / 2);
        self.replace(TYPED, &typed.render(), false)
    }
}

/// Typed lines of all conversations, the oldest first, within bounds.
#[derive(Debug, Default)]
struct TypedLines {
    lines: VecDeque<TypedLine>,
}

impl TypedLines {
    fn push(&mut self, line: TypedLine) {
        self.lines.push_back(line);
    }

    /// Drops the oldest until the rest has no more than so many bytes.
    fn fit(&mut self, bytes: u64) {
        let mut size: u64 = self.lines.iter().map(TypedLine::size).sum();
        while size > bytes {
            let Some(oldest) = self.lines.pop_front() else { return };
            size = size.saturating_sub(oldest.size());
        }
    }

    fn render(&self) -> Vec<u8> {
        self.lines.iter().flat_map(TypedLine::render).collect()
    }

    /// The newest of each of the conversations that were spoken in last.
    fn by_conversation(self) -> BTreeMap<String, Vec<String>> {
        let mut found: BTreeMap<String, VecDeque<String>> = BTreeMap::new();
        for TypedLine { at, line } in self.lines.into_iter().rev() {
            if found.len() >= PLACES && !found.contains_key(&at) {
                continue;
            }
            let lines = found.entry(at).or_default();
            if lines.len() < LINES {
                lines.push_front(line);
            }
        }
        found.into_iter().map(|(at, lines)| (at, lines.into())).collect()
    }
}

impl TypedLine {
    fn size(&self) -> u64 {
        u64::try_from(self.at.len() + self.line.len()).unwrap_or(0) + FRAME
    }

    pub(super) fn render(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).unwrap_or_default();
        line.push(b'\n');
        line
    }
}

pub(super) fn render_unsent(unsent: &[Unsent]) -> Vec<u8> {
    serde_json::to_vec(unsent).unwrap_or_default()
}

fn private() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.write(true).mode(0o600);
    options
}

pub(super) const STATE: &str = "state.json";
pub(super) const UNSENT: &str = "unsent.json";
pub(super) const TYPED: &str = "typed.jsonl";
const LOCK: &str = "lock";
/// Bytes of any of the files.
pub(super) const LARGEST: u64 = 1024 * 1024;
/// Bytes around a typed line.
const FRAME: u64 = 22;
