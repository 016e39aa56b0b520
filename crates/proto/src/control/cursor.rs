use serde::{Deserialize, Serialize};

/// What a client wants of its durable cursors. Each Unix user has their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CursorRequest {
    /// The client has dealt with all lines up to this one; a [`super::Request::Tail`] with the
    /// same cursor begins behind it. On disk at most 2 s later. Replies [`super::Reply::Done`].
    Confirm {
        /// The name of the cursor.
        name: String,
        /// The cursor number of the last line.
        upto: u64,
    },
    /// The client's cursors. Replies [`super::Reply::Cursors`].
    List {},
    /// Forgets a cursor. Replies [`super::Reply::Done`].
    Remove {
        /// Its name.
        name: String,
    },
}

/// A durable cursor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CursorInfo {
    /// What its owner calls it.
    pub name: String,
    /// The cursor number of the last line that was confirmed.
    pub upto: u64,
    /// Messages in history, of rooms that the person is in, that were not confirmed.
    pub waiting: u64,
    /// A client reads along with it now.
    pub active: bool,
}

/// Why a client did not get messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissedWhy {
    /// It was too slow, and history has lost them.
    #[default]
    Slow,
    /// Its cursor was not read from for too long, and history has lost them.
    History,
    /// The daemon was restarted, and its history was in memory. What neighbours still hold comes
    /// back. There may be more than were counted.
    Restart,
    /// A reason that this build does not know.
    #[serde(other)]
    Unknown,
}

impl MissedWhy {
    pub(super) const fn is_slow(&self) -> bool {
        matches!(self, Self::Slow)
    }
}
