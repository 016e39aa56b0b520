//! The thread that writes: what changes often is gathered for some seconds.

use std::collections::BTreeSet;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::files::{Folder, LARGEST, STATE, State, TYPED, TypedLine, UNSENT, render_unsent};
use super::{Trouble, failed};
use crate::chat::editor::PLACES;
use crate::chat::seam::{Keep, Kept, Unsent};

#[derive(Debug)]
pub(super) struct Keeper {
    folder: Folder,
    state: State,
    state_due: Option<Instant>,
    typed: Vec<u8>,
    typed_due: Option<Instant>,
    unsent: Vec<Unsent>,
    /// What the file has.
    unsent_written: Vec<Unsent>,
    unsent_due: Option<Instant>,
    trouble: Trouble,
    /// Why unsent words are not in their file.
    unsent_failed: Option<String>,
    /// The files of which it was told already that they cannot be written.
    told: BTreeSet<&'static str>,
}

impl Keeper {
    pub(super) fn new(folder: Folder, kept: &Kept, trouble: Trouble) -> Self {
        let Kept { read, unsent, muted, last, introduced, .. } = kept.clone();
        Self {
            folder,
            state: State { read, muted, last, introduced },
            state_due: None,
            typed: Vec::new(),
            typed_due: None,
            unsent_written: unsent.clone(),
            unsent,
            unsent_due: None,
            trouble,
            unsent_failed: None,
            told: BTreeSet::new(),
        }
    }

    /// Runs until the chat ends, and writes all that is left then.
    ///
    /// # Errors
    ///
    /// Why words that are not sent are not kept.
    pub(super) fn run(mut self, orders: &Receiver<Keep>) -> Result<(), String> {
        loop {
            let due = [self.state_due, self.typed_due, self.unsent_due].into_iter().flatten().min();
            let pause = due.map_or(IDLE, |due| due.saturating_duration_since(Instant::now()));
            match orders.recv_timeout(pause) {
                Ok(keep) => self.note(keep),
                Err(RecvTimeoutError::Timeout) => self.write(Instant::now()),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let end = Instant::now() + 2 * RETRY;
        self.write(end);
        self.unsent_failed.map_or(Ok(()), Err)
    }

    fn note(&mut self, keep: Keep) {
        let now = Instant::now();
        match keep {
            Keep::Read { conversation, cursor } => self.read(conversation, cursor),
            Keep::Muted(rooms) => self.state.muted = rooms,
            Keep::Last(conversation) => self.state.last = Some(conversation),
            Keep::Introduced => self.state.introduced = true,
            Keep::Typed { conversation, line } => {
                if self.typed.len() < GATHERED {
                    self.typed.extend(TypedLine { at: conversation, line }.render());
                }
                self.typed_due.get_or_insert(now + SELDOM);
                return;
            }
            Keep::Unsent(unsent) => {
                self.unsent = unsent;
                self.unsent_due.get_or_insert(now + SOON);
                return;
            }
        }
        self.state_due.get_or_insert(now + SELDOM);
    }

    fn read(&mut self, conversation: String, cursor: u64) {
        let read = &mut self.state.read;
        read.insert(conversation, cursor);
        while read.len() > PLACES {
            // The one that nothing was read in for the longest.
            let oldest = read.iter().min_by_key(|(_, cursor)| **cursor);
            let oldest = oldest.map(|(name, _)| name.clone()).unwrap_or_default();
            read.remove(&oldest);
        }
    }

    /// Writes what is due.
    fn write(&mut self, now: Instant) {
        let is_due = |due: Option<Instant>| due.is_some_and(|due| due <= now);
        if is_due(self.unsent_due) {
            let written = self.write_unsent();
            self.unsent_failed = written.as_ref().err().map(|error| failed(UNSENT, error));
            self.unsent_due = self.after(UNSENT, written);
        }
        if is_due(self.typed_due) {
            let written = self.write_typed();
            self.typed_due = self.after(TYPED, written);
        }
        if is_due(self.state_due) {
            let state = serde_json::to_vec(&self.state).unwrap_or_default();
            let written = self.folder.replace(STATE, &state, false);
            self.state_due = self.after(STATE, written);
        }
    }

    fn write_unsent(&mut self) -> io::Result<()> {
        // Else all was said and accepted meanwhile: nothing to write.
        if self.unsent != self.unsent_written {
            self.folder.replace(UNSENT, &render_unsent(&self.unsent), true)?;
            self.unsent_written = self.unsent.clone();
        }
        Ok(())
    }

    fn write_typed(&mut self) -> io::Result<()> {
        let size = self.folder.append(&self.typed)?;
        // In the file once, even if that cannot be made smaller now.
        self.typed.clear();
        match size > LARGEST * 3 / 4 {
            true => self.folder.compact(),
            false => Ok(()),
        }
    }

    /// When to try again, if it did not work.
    fn after(&mut self, name: &'static str, written: io::Result<()>) -> Option<Instant> {
        let error = written.err()?;
        if self.told.insert(name) {
            self.trouble.add(failed(name, &error));
        }
        Some(Instant::now() + RETRY)
    }
}

/// Words that were not accepted at once are worth a write of their own.
const SOON: Duration = Duration::from_millis(300);
/// All else, as cards wear with each write.
const SELDOM: Duration = Duration::from_secs(5);
/// After a write that failed.
const RETRY: Duration = Duration::from_secs(60);
const IDLE: Duration = Duration::from_secs(3600);
/// Bytes of typed lines that wait to be written; further ones are not kept.
const GATHERED: usize = 256 * 1024;
