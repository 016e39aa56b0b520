//! What a session wants of the daemon, and what comes back.

use meshchat_client::proto::control::{DmRequest, Error, ErrorCode, Reply, Request};
use meshchat_client::proto::name::RoomName;
use meshchat_client::{RequestError, SpeakError};

use super::heard::Heard;
use super::history::Query;
use super::nicks::Who;

/// One thing to do, and what for.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Errand {
    /// What to do.
    pub(super) what: What,
    /// What for.
    pub(super) purpose: Purpose,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// A request with one answer.
    Ask(Request),
    /// Something to read out of history.
    Read(Query),
}

/// What an errand is for.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Purpose {
    /// Who there is.
    People,
    /// To enter a room.
    Join(RoomName),
    /// Who is in a room that was entered.
    Enter(RoomName),
    /// What was last said in a room that was entered.
    Replay(RoomName),
    /// To enter a private room.
    JoinPrivate(RoomName),
    /// To leave a room, with a last word.
    Part(RoomName, String),
    /// To say something, to this target.
    Say(String),
    /// To say something to one person, shown by this nick.
    Direct(String),
    /// To be away, or not.
    Away(bool),
    /// To be called otherwise.
    Nick(String),
    /// About one person.
    Whois(Who),
    /// About people.
    WhoList(String),
    /// Which rooms there are; these only, if any.
    List(Vec<String>),
    /// The message of the day.
    Motd,
    /// How many there are.
    Lusers,
    /// What a client wants of history: its target, as a tag of the answer.
    History(String),
    /// With whom there is history in a span of time.
    Targets(u64, u64),
}

/// What came of an errand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// The daemon's reply.
    Reply(Box<Reply>),
    /// What was read.
    Read(Vec<Heard>),
}

/// Why nothing came of an errand.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// The daemon said no.
    Refused(Error),
    /// The daemon is away; it was not asked.
    Away(String),
    /// The daemon went away before it answered: nobody knows whether it was done.
    Unsure,
}

impl Errand {
    /// Whether doing it twice is the same as doing it once.
    pub(super) const fn may_repeat(&self) -> bool {
        !matches!(self.what, What::Ask(Request::Send { .. } | Request::Dm(DmRequest::Send { .. })))
    }
}

impl Trouble {
    /// What a person reads.
    pub(super) fn words(&self) -> String {
        match self {
            Self::Refused(error) if error.hint.is_empty() => error.message.clone(),
            Self::Refused(error) => format!("{} ({})", error.message, error.hint),
            Self::Away(why) => format!("not done, the node is away: {why}; try again"),
            Self::Unsure => "the node went away before it answered; nobody knows whether it was \
                             done"
                .to_owned(),
        }
    }

    /// The code of a refusal.
    pub(super) const fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(error) => Some(error.code),
            Self::Away(_) | Self::Unsure => None,
        }
    }
}

impl From<SpeakError> for Trouble {
    fn from(error: SpeakError) -> Self {
        match error {
            SpeakError::Connect(error) => Self::Away(error.to_string()),
            SpeakError::Request(RequestError::Lost(_)) => Self::Unsure,
            SpeakError::Request(RequestError::Daemon(error))
                if error.code == ErrorCode::Stopping =>
            {
                Self::Away(error.message)
            }
            SpeakError::Request(RequestError::Daemon(error)) => Self::Refused(error),
            SpeakError::Request(
                error @ (RequestError::NotUnderstood
                | RequestError::TooLong(_)
                | RequestError::Full),
            ) => Self::Refused(Error::new(ErrorCode::Internal, error.to_string())),
        }
    }
}
