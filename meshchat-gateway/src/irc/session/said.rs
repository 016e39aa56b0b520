//! What this client said itself: it comes back on the stream of events, and must be told from what
//! the same person said elsewhere.

use std::collections::VecDeque;

use meshchat_client::proto::id::MessageId;

use super::super::heard::Heard;

/// What was said and shown, as far as it matters.
#[derive(Debug, Default)]
pub(super) struct Said {
    /// Ids of what this client said, the newest of them.
    own: Ring,
    /// Ids of what was shown.
    shown: Ring,
    /// Requests whose answer will name an id.
    pub(super) waiting: usize,
    /// What may turn out to be this client's own.
    pub(super) held: Vec<Heard>,
}

#[derive(Debug, Default)]
struct Ring(VecDeque<MessageId>);

impl Said {
    /// Notes what this client said.
    pub(super) fn note_own(&mut self, id: MessageId) {
        self.own.note(id);
    }

    /// Whether this client said it.
    pub(super) fn is_own(&self, id: MessageId) -> bool {
        self.own.0.contains(&id)
    }

    /// Notes what is shown; false if it was shown before.
    pub(super) fn is_new(&mut self, id: MessageId) -> bool {
        let new = !self.shown.0.contains(&id);
        if new {
            self.shown.note(id);
        }
        new
    }
}

impl Ring {
    fn note(&mut self, id: MessageId) {
        self.0.push_back(id);
        if self.0.len() > REMEMBERED {
            self.0.pop_front();
        }
    }
}

/// More than comes again after a restart of the daemon, usually.
const REMEMBERED: usize = 1024;
