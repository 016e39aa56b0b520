//! What an answer of the node means for the words that it is about.

use meshchat_client::RequestError;
use meshchat_client::proto::control::{ErrorCode, Reply};

use crate::chat::model::log::Name;

/// Whether trying again does not help.
pub(super) const fn is_hopeless(error: &RequestError) -> bool {
    match error {
        RequestError::Daemon(error) => match error.code {
            ErrorCode::BadArgument
            | ErrorCode::NotFound
            | ErrorCode::Ambiguous
            | ErrorCode::Denied
            | ErrorCode::BadFrame
            | ErrorCode::UnknownRequest
            | ErrorCode::NameTaken
            | ErrorCode::Version => true,
            ErrorCode::TooMany
            | ErrorCode::TimedOut
            | ErrorCode::Unreachable
            | ErrorCode::Stopping
            | ErrorCode::Storage
            | ErrorCode::Internal => false,
        },
        RequestError::TooLong(_) => true,
        RequestError::Lost(_) | RequestError::NotUnderstood | RequestError::Full => false,
    }
}

/// Whether the node may have taken it all the same.
pub(super) const fn is_doubt(error: &RequestError) -> bool {
    match error {
        RequestError::Daemon(error) => matches!(error.code, ErrorCode::TimedOut),
        RequestError::Lost(_) | RequestError::NotUnderstood => true,
        RequestError::TooLong(_) | RequestError::Full => false,
    }
}

/// Why, for the person.
pub(super) fn reason(error: &RequestError) -> String {
    match error {
        RequestError::Daemon(error) if !error.hint.is_empty() => {
            format!("{}; {}", error.message, error.hint)
        }
        RequestError::Daemon(_)
        | RequestError::TooLong(_)
        | RequestError::Lost(_)
        | RequestError::NotUnderstood
        | RequestError::Full => error.to_string(),
    }
}

/// What the node calls it, and its place in the order of showing.
pub(super) fn name(reply: &Reply) -> (Option<Name>, Option<u64>) {
    if let Reply::Sent(sent) = reply {
        return (Some(Name::Message(sent.id)), Some(sent.cursor));
    }
    if let Reply::Direct(info) = reply {
        return (Some(Name::Letter(info.letter)), None);
    }
    (None, None)
}

/// Whether the node does not know whom it is for.
pub(super) const fn is_unknown(error: &RequestError) -> bool {
    match error {
        RequestError::Daemon(error) => matches!(error.code, ErrorCode::NotFound),
        RequestError::TooLong(_)
        | RequestError::Lost(_)
        | RequestError::NotUnderstood
        | RequestError::Full => false,
    }
}
