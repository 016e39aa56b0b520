use serde::{Deserialize, Serialize};

/// Why a request failed, in words and as a stable code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    /// What programs decide by.
    pub code: ErrorCode,
    /// What people read: lower case, one line, already escaped.
    pub message: String,
    /// What to do about it; empty when there is nothing to say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hint: String,
}

impl Error {
    /// An error without advice.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: String::new() }
    }

    /// The same error with a line of advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }
}

/// Stable error codes. New ones may come; a client treats an unknown one as
/// [`ErrorCode::Internal`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorCode {
    /// The frame is not a request: not MessagePack, or fields missing or of the wrong type.
    BadFrame,
    /// The daemon does not know this request; it is older than the client.
    UnknownRequest,
    /// No common protocol version.
    Version,
    /// This Unix user may not do this.
    Denied,
    /// A name, room, text or address is not allowed.
    BadArgument,
    /// No node, peer or person of that name.
    NotFound,
    /// More than one thing has that name.
    Ambiguous,
    /// Someone on this node has that name already.
    NameTaken,
    /// A table is full, or the client has too many requests running.
    TooMany,
    /// Nothing answered in time.
    TimedOut,
    /// There is no way to that node now.
    Unreachable,
    /// The daemon is stopping.
    Stopping,
    /// The daemon could not read or write its files.
    Storage,
    /// Something else; the message tells.
    #[serde(other)]
    Internal,
}
