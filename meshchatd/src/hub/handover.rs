//! From one run to the next: what is left for it, and what was left for this one.

use std::io;
use std::time::Duration;

use meshchat_core::{Handover, limits};
use tokio::time::Instant;

use super::{Hub, Shelf};
use crate::carry;
use crate::handover::Notebook;
use crate::store::log::Refused;

impl Hub {
    /// Takes up what the run before has left, `age` ago.
    pub fn take_over(&mut self, handover: Handover, age: Duration) {
        if age < limits::RESTART {
            tracing::info!("goes on where the run before stopped");
        }
        self.node.take_over(self.now(), handover, age);
    }

    /// Leaves the history that is not on disk for the next run.
    pub(super) fn carry_history(&self) {
        let shelf = self.parts.keeper.shelf.as_ref();
        let kept = shelf.map_or(0, |shelf| shelf.written);
        if self.node.kept_after(kept, 1).is_empty() {
            return;
        }
        let left = match self.parts.notebook.as_ref().and_then(Notebook::place_of_history) {
            Some(place) => carry::leave(&place, &self.node, self.now().mono, kept),
            // It is on its way to the disk.
            None if shelf.is_some_and(Shelf::is_writing) => return,
            None => Err(Refused::Disk(io::Error::other("there is no runtime directory in memory"))),
        };
        match left {
            Ok(count) => tracing::debug!(count, "left messages for the next run"),
            Err(Refused::Disk(error)) => tracing::warn!(
                %error, "the next run begins without history; other nodes give back what they hold"
            ),
            Err(Refused::Budget) => {}
        }
    }

    /// In case this run ends without warning. Never a reason to wake up.
    pub(super) fn note_for_next(&mut self, now: Instant) {
        let notebook = self.parts.notebook.as_ref().filter(|notebook| notebook.is_in_memory());
        if let Some(notebook) = notebook.filter(|_| now >= self.noted + NOTE_PAUSE) {
            self.noted = now;
            notebook.leave(self.node.handover(self.now()));
        }
    }
}

/// How often the next run is left a note: a third of the time that it counts.
const NOTE_PAUSE: Duration = Duration::from_millis(4_900);
