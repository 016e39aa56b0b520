//! What outlives the chat: small files in one folder for each node and person, written by a
//! thread of their own, so that a slow card holds up nobody who types.

mod files;
mod keeper;

use std::mem;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::{env, io};

use meshchat_client::proto::control::Welcome;
use nix::unistd::geteuid;

use self::files::Folder;
use self::keeper::Keeper;
use super::daemon::Daemon;
use crate::chat::seam::{Input, Keep, Kept};

/// Files of one node and person.
#[derive(Debug)]
pub(crate) struct Memory {
    kept: Kept,
    /// To the thread that writes; none when nothing can be kept.
    queue: Option<SyncSender<Keep>>,
    /// It gives why unsent words are not on the disk.
    thread: Option<JoinHandle<Result<(), String>>>,
    /// Why nothing can be kept.
    nowhere: Option<String>,
    trouble: Trouble,
}

/// Why something was not kept, until it is told.
#[derive(Debug, Clone, Default)]
struct Trouble(Arc<Mutex<Vec<String>>>);

impl Trouble {
    fn add(&self, why: String) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() < TROUBLES {
            waiting.push(why);
        }
    }

    /// All of it, in one line.
    fn take(&self) -> Option<String> {
        let waiting = mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        (!waiting.is_empty()).then(|| waiting.join("; "))
    }
}

impl Memory {
    pub(crate) fn open(daemon: &Daemon) -> Self {
        match folder(daemon.welcome(), |name| env::var_os(name).filter(|value| !value.is_empty())) {
            Some(path) => Self::open_at(&path),
            None => Self::nowhere(Kept::default(), "neither XDG_STATE_HOME nor HOME is set".into()),
        }
    }

    fn open_at(path: &Path) -> Self {
        let trouble = Trouble::default();
        let folder = match Folder::open(path) {
            Ok(folder) => folder,
            Err(error) => {
                return Self::nowhere(Kept::default(), format!("{}: {error}", path.display()));
            }
        };
        let (kept, damaged) = folder.read();
        damaged.into_iter().for_each(|damage| trouble.add(damage));
        if let Err(why) = folder.lock() {
            // What waits to be sent is in the hands of the other one.
            return Self::nowhere(Kept { unsent: Vec::new(), ..kept }, why);
        }
        let (queue, orders) = sync_channel(QUEUE);
        let keeper = Keeper::new(folder, &kept, trouble.clone());
        let thread = thread::Builder::new().name("memory".into());
        match thread.spawn(move || keeper.run(&orders)) {
            Ok(thread) => {
                let (queue, thread) = (Some(queue), Some(thread));
                Self { kept, queue, thread, nowhere: None, trouble }
            }
            Err(error) => Self::nowhere(kept, error.to_string()),
        }
    }

    fn nowhere(kept: Kept, why: String) -> Self {
        let trouble = Trouble::default();
        trouble.add(why.clone());
        Self { kept, queue: None, thread: None, nowhere: Some(why), trouble }
    }

    /// What was kept the last time.
    pub(crate) fn kept(&self) -> Kept {
        self.kept.clone()
    }

    /// Keeps it, soon; says what could not be kept, once for each kind.
    pub(crate) fn keep(&mut self, keep: Keep) -> Option<Input> {
        if let Some(queue) = &self.queue
            && let Err(TrySendError::Full(_)) = queue.try_send(keep)
        {
            self.queue = None;
            self.nowhere = Some(STUCK.into());
            self.trouble.add(STUCK.into());
        }
        self.trouble()
    }

    /// What could not be kept since it was asked for last.
    pub(crate) fn trouble(&self) -> Option<Input> {
        self.trouble.take().map(Input::NotKept)
    }

    /// Waits until all is written.
    ///
    /// # Errors
    ///
    /// Why the unsent words are not kept.
    pub(crate) fn close(mut self) -> Result<(), String> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), String> {
        self.queue = None;
        let thread = self.thread.take();
        if let Some(why) = self.nowhere.take() {
            // A thread that is stuck is not waited for.
            return Err(why);
        }
        let failed = || Err("the part that writes has failed".into());
        thread.map_or(Ok(()), |thread| thread.join().unwrap_or_else(|_| failed()))
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // Who wants to know whether it worked closes it.
        let _ = self.finish();
    }
}

/// By the node's key and the Unix user: names change.
fn folder(welcome: &Welcome, get: impl Fn(&str) -> Option<std::ffi::OsString>) -> Option<PathBuf> {
    let base = get("XDG_STATE_HOME").map(PathBuf::from);
    let base = base.or_else(|| Some(Path::new(&get("HOME")?).join(".local/state")))?;
    Some(base.join("meshchat").join("chat").join(format!("{}-{}", welcome.node, geteuid())))
}

/// A broken pipe of words for people.
fn failed(what: &str, error: &io::Error) -> String {
    format!("cannot write {what}: {error}")
}

/// Things to keep on their way to the disk; when it is full, nothing more is kept.
const QUEUE: usize = 1024;
const STUCK: &str = "the disk does not answer";
/// Reasons that wait to be told.
const TROUBLES: usize = 8;

#[cfg(test)]
mod tests;
