//! From one run to the next: what is left for it, and what was left for this one.

use std::time::Duration;

use meshchat_core::Handover;
use tokio::time::Instant;

use super::Hub;

impl Hub {
    /// Takes up what the run before has left, `left` before its neighbours give it up.
    pub fn take_over(&mut self, handover: Handover, left: Duration) {
        tracing::info!("goes on where the run before stopped");
        self.node.take_over(self.now(), handover, left);
    }

    /// In case this run ends without warning. Never a reason to wake up.
    pub(super) fn note_for_next(&mut self, now: Instant) {
        let notebook = self.parts.notebook.as_ref().filter(|notebook| notebook.is_in_memory());
        if let Some(notebook) = notebook.filter(|_| now >= self.noted + NOTE_PAUSE) {
            self.noted = now;
            notebook.leave(self.node.handover());
        }
    }
}

/// How often the next run is left a note: a third of the time that it counts.
const NOTE_PAUSE: Duration = Duration::from_millis(4_900);
