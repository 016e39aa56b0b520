//! From one run to the next: what is left for it, and what was left for this one.

use std::time::Duration;

use meshchat_core::{Handover, limits};
use tokio::time::Instant;

use super::Hub;

impl Hub {
    /// Takes up what the run before has left, `age` ago.
    pub fn take_over(&mut self, handover: Handover, age: Duration) {
        if age < limits::RESTART {
            tracing::info!("goes on where the run before stopped");
        }
        self.node.take_over(self.now(), handover, age);
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
