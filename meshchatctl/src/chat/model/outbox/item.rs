//! Words that wait, and what is known of them.

use std::time::Duration;

use meshchat_client::proto::control::{DmRequest, Request};
use meshchat_client::proto::message::MessageKind;

use crate::chat::model::log::{Name, lines};
use crate::chat::model::place::Place;
use crate::chat::seam::AskId;

/// Words of one's own, and how far they are.
#[derive(Debug)]
pub(crate) struct Item {
    pub(super) key: u64,
    pub(crate) place: Place,
    pub(super) text: String,
    /// The lines of the text, escaped.
    pub(crate) lines: Vec<String>,
    pub(crate) action: bool,
    pub(crate) state: State,
    /// When the node was first given it: by the time of day, and by the running clock if that was
    /// in this run of the chat. None once it is known that the node did not take it.
    pub(super) tried: Option<(u64, Option<Duration>)>,
    pub(super) doubt: Doubt,
    /// It is looked at again then.
    pub(super) later: Duration,
    /// The node does not know yet whom it is for.
    pub(crate) unknown: bool,
    /// It was put before the node came.
    pub(super) waited: bool,
    /// It is not known yet whether it may be sent there.
    pub(super) blocked: bool,
    /// A message that says the same came while this was asked.
    pub(super) echo: Option<Name>,
    /// The person knows what became of it.
    pub(super) told: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Asked(AskId),
    /// The node has it, under this name and with this cursor; it shows it soon, or never after
    /// this time.
    Taken(Option<Name>, Option<u64>, Duration),
    /// Trying again does not help.
    Refused(String),
    /// It may have been sent; the person decides.
    Held,
}

/// Whether the node may have taken words that it did not answer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Doubt {
    No,
    /// It would show them on its stream.
    Told,
    /// It, or its memory, is another than then.
    Untold,
}

impl Item {
    pub(super) fn new(key: u64, place: Place, text: String, action: bool) -> Self {
        Self {
            key,
            lines: lines(&text),
            place,
            text,
            action,
            state: State::Waiting,
            tried: None,
            doubt: Doubt::No,
            later: Duration::ZERO,
            unknown: false,
            waited: false,
            blocked: false,
            echo: None,
            told: false,
        }
    }

    pub(super) fn request(&self) -> Request {
        let kind = if self.action { MessageKind::Action } else { MessageKind::Text };
        let text = self.text.clone();
        match &self.place {
            Place::Room(room) => Request::Send { room: Some(room.to_string()), text, kind },
            Place::Person(who) => Request::Dm(DmRequest::Send { to: who.to_string(), text, kind }),
        }
    }

    /// Whether a message so old is younger than the attempt. By the running clock where there is
    /// one: the time of day may jump.
    pub(super) fn was_tried_before(&self, age_ms: u64, now_ms: u64, now: Duration) -> bool {
        let since = |at: Duration| u64::try_from(now.saturating_sub(at).as_millis()).ok();
        let passed = match self.tried {
            Some((_, Some(at))) => since(at),
            Some((ms, None)) => now_ms.checked_sub(ms),
            None => None,
        };
        passed.is_some_and(|passed| age_ms <= passed.saturating_add(GRACE_MS))
    }
}

/// Words as they would be typed.
pub(crate) fn typed(text: &str, action: bool) -> String {
    match (action, text.starts_with('/')) {
        (true, _) => format!("/me {text}"),
        (false, true) => format!("/{text}"),
        (false, false) => text.to_owned(),
    }
}

/// A message of one's own that was shown.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) name: Name,
    pub(crate) text: &'a str,
    pub(crate) action: bool,
    pub(crate) age_ms: u64,
}

impl Seen<'_> {
    /// Whether these words became that message; the node normalizes them.
    pub(super) fn says(&self, text: &str) -> bool {
        lines(text.trim()) == lines(self.text.trim())
    }
}

/// Ages of messages are told in whole steps, and take a moment to arrive.
const GRACE_MS: u64 = 2_000;
