//! What outlives the chat.

use super::daemon::Daemon;
use crate::chat::seam::{Input, Keep, Kept};

/// Files of one node and person.
#[derive(Debug)]
pub(crate) struct Memory;

impl Memory {
    pub(crate) fn open(_daemon: &Daemon) -> Self {
        Self
    }

    pub(crate) fn kept(&self) -> Kept {
        Kept::default()
    }

    /// Keeps it; says so, once, when that is not possible.
    pub(crate) fn keep(&mut self, _keep: Keep) -> Option<Input> {
        None
    }
}
