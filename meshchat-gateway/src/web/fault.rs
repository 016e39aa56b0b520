//! What went wrong, as pages and tools are told.

use meshchat_client::proto::control::{Error, ErrorCode};
use meshchat_client::{ConnectError, RequestError, SpeakError, TailError};
use serde::Serialize;

use super::Refusal;
use crate::door::Full;

/// Why something was not done: a stable code, words for people, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// A code of the control protocol, or one of the gateway's own.
    pub code: Code,
    /// One line for people.
    pub message: String,
    /// What to do about it; empty when there is nothing to say.
    pub hint: String,
}

/// What programs decide by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Code {
    /// Said by the daemon.
    Daemon(ErrorCode),
    /// Said by the gateway.
    Own(&'static str),
}

impl Fault {
    /// With a code of the gateway's own.
    pub fn own(code: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { code: Code::Own(code), message: message.into(), hint: hint.into() }
    }

    /// Nobody answers for the node now.
    pub fn unreachable(why: impl std::fmt::Display) -> Self {
        Self::own("unreachable", format!("the node does not answer: {why}"), "try again soon")
    }

    /// The same under another code.
    #[must_use]
    pub fn with_code(self, code: &'static str) -> Self {
        Self { code: Code::Own(code), ..self }
    }
}

impl From<Full> for Fault {
    fn from(full: Full) -> Self {
        Self::own("full", full.to_string(), "")
    }
}

impl From<Error> for Fault {
    fn from(error: Error) -> Self {
        Self { code: Code::Daemon(error.code), message: error.message, hint: error.hint }
    }
}

impl From<ConnectError> for Fault {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::Refused(error) if error.code == ErrorCode::Denied => error.into(),
            other @ (ConnectError::NotRunning(_)
            | ConnectError::Permission(_)
            | ConnectError::Version(_)
            | ConnectError::Refused(_)
            | ConnectError::TimedOut(_)
            | ConnectError::Io { .. }) => Self::unreachable(other),
        }
    }
}

impl From<RequestError> for Fault {
    fn from(error: RequestError) -> Self {
        match error {
            RequestError::Daemon(error) if error.code == ErrorCode::Stopping => {
                Self::unreachable(error)
            }
            RequestError::Daemon(error) => error.into(),
            RequestError::Lost(_) => Self::own(
                "lost",
                "the connection to the node broke, and it is unknown whether this was done",
                "look whether it was, and do it again if not",
            ),
            other @ (RequestError::NotUnderstood
            | RequestError::TooLong(_)
            | RequestError::Full) => Self::own("internal", other.to_string(), ""),
        }
    }
}

impl From<SpeakError> for Fault {
    fn from(error: SpeakError) -> Self {
        match error {
            SpeakError::Connect(error) => error.into(),
            SpeakError::Request(error) => error.into(),
        }
    }
}

impl From<TailError> for Fault {
    fn from(error: TailError) -> Self {
        match error {
            TailError::Connect(error) => error.into(),
            // Nothing but a stream was asked for.
            TailError::Request(RequestError::Lost(why)) => Self::unreachable(why),
            TailError::Request(error) => error.into(),
        }
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        let words = refusal.to_string();
        match refusal {
            Refusal::CodeNeeded => Self::own("code_needed", words, "type the code that it shows"),
            Refusal::BadToken => Self::own(
                "bad_token",
                words,
                "ask for a new code on the machine of the node: meshchatctl pair",
            ),
            Refusal::TooMany => Self::own("too_many", words, "wait a minute"),
            Refusal::Code(error) => of_code(error),
        }
    }
}

fn of_code(error: Error) -> Fault {
    let code = error.code;
    if matches!(code, ErrorCode::TooMany | ErrorCode::Denied) {
        error.into()
    } else if matches!(code, ErrorCode::Unreachable | ErrorCode::Stopping) {
        Fault::unreachable(error)
    } else {
        Fault::from(error).with_code("bad_code")
    }
}
