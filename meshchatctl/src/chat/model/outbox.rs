//! What one says, until the node has it: in order, never lost, and never said twice if that can be
//! told.

use std::time::Duration;

use meshchat_client::RequestError;
use meshchat_client::proto::control::{DmRequest, ErrorCode, Reply, Request};
use meshchat_client::proto::message::MessageKind;

use super::log::{Name, lines};
use super::place::Place;
use crate::chat::seam::{AskId, Unsent};

/// Words that wait; beyond them the line of input keeps what is typed.
pub(crate) const WAITING: usize = 50;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    items: Vec<Item>,
    next: u64,
    pause: Duration,
    /// No attempt before this.
    not_before: Duration,
}

#[derive(Debug)]
pub(crate) struct Item {
    key: u64,
    pub(crate) place: Place,
    text: String,
    /// The lines of the text, escaped.
    pub(crate) lines: Vec<String>,
    pub(crate) action: bool,
    pub(crate) state: State,
    /// When the node was first given it, by the time of day.
    tried_ms: Option<u64>,
    /// It is not known whether the node took it.
    doubted: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    Waiting,
    Asked(AskId),
    /// The node has it, under this name; it shows it soon, or never after this time.
    Taken(Option<Name>, Duration),
    /// Trying again does not help.
    Refused(String),
}

/// What became of a question to the node.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Taken,
    Later,
    Refused,
    /// Its message was seen before the answer came.
    Gone,
}

impl Outbox {
    pub(crate) fn new(unsent: Vec<Unsent>) -> Self {
        let mut this = Self::default();
        for one in unsent.into_iter().take(WAITING) {
            if let Some(place) = Place::parse(&one.conversation) {
                let doubted = one.tried_ms.is_some();
                this.push(place, one.text, one.action, one.tried_ms, doubted);
            }
        }
        this
    }

    pub(crate) fn of<'a>(&'a self, place: &'a Place) -> impl DoubleEndedIterator<Item = &'a Item> {
        self.items.iter().filter(move |item| item.place == *place)
    }

    /// How many the node does not have yet.
    pub(crate) fn waiting(&self) -> usize {
        self.items.iter().filter(|item| !matches!(item.state, State::Taken(..))).count()
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= WAITING
    }

    pub(crate) fn put(&mut self, place: Place, text: String, action: bool) {
        self.push(place, text, action, None, false);
    }

    fn push(
        &mut self,
        place: Place,
        text: String,
        action: bool,
        tried: Option<u64>,
        doubted: bool,
    ) {
        self.next += 1;
        let (lines, state) = (lines(&text), State::Waiting);
        let item =
            Item { key: self.next, place, text, lines, action, state, tried_ms: tried, doubted };
        self.items.push(item);
    }

    /// What is kept on disk.
    pub(crate) fn unsent(&self) -> Vec<Unsent> {
        let open = self.items.iter().filter(|item| !matches!(item.state, State::Taken(..)));
        let unsent = |item: &Item| Unsent {
            conversation: item.place.key(),
            text: item.text.clone(),
            action: item.action,
            tried_ms: item.tried_ms,
        };
        open.map(unsent).collect()
    }

    /// The next question to the node, if it is time for one: one at a time, so that all keep
    /// their order.
    pub(crate) fn next(
        &mut self,
        ask: AskId,
        now_ms: u64,
        now: Duration,
    ) -> Option<(u64, Request)> {
        let busy = self.items.iter().any(|item| matches!(item.state, State::Asked(_)));
        if busy || now < self.not_before {
            return None;
        }
        let item = self.items.iter_mut().find(|item| item.state == State::Waiting)?;
        if !item.doubted || item.tried_ms.is_none() {
            item.tried_ms = Some(now_ms);
        }
        item.state = State::Asked(ask);
        Some((item.key, item.request()))
    }

    /// When [`Self::next`] may have something, by the running clock.
    pub(crate) fn due(&self) -> Option<Duration> {
        let busy = self.items.iter().any(|item| matches!(item.state, State::Asked(_)));
        let waits = self.items.iter().any(|item| item.state == State::Waiting);
        (waits && !busy).then_some(self.not_before)
    }

    pub(crate) fn answered(
        &mut self,
        key: u64,
        result: &Result<Reply, RequestError>,
        now: Duration,
    ) -> Outcome {
        let Some(item) = self.items.iter_mut().find(|item| item.key == key) else {
            return Outcome::Gone;
        };
        match result {
            Ok(reply) => {
                item.state = State::Taken(name(reply), now + ECHO);
                self.pause = Duration::ZERO;
                Outcome::Taken
            }
            Err(error) if is_hopeless(error) => {
                item.state = State::Refused(reason(error));
                Outcome::Refused
            }
            Err(error) => {
                item.doubted |= is_doubt(error);
                item.state = State::Waiting;
                self.pause = (self.pause * 2).clamp(LEAST_PAUSE, MOST_PAUSE);
                self.not_before = now + self.pause;
                Outcome::Later
            }
        }
    }

    /// One's own message was shown: what was tried and says the same is done. `came_ms` is when
    /// the node got it.
    pub(crate) fn saw(&mut self, place: &Place, seen: &Seen<'_>, came_ms: u64) -> bool {
        let is_it = |item: &Item| {
            let named = matches!(item.state, State::Taken(Some(name), _) if name == seen.name);
            let says = item.place == *place && item.action == seen.action && seen.says(&item.text);
            named || (says && item.tried_ms.is_some_and(|at| came_ms + GRACE_MS > at))
        };
        let found = self.items.iter().position(is_it);
        found.map(|at| self.items.remove(at)).is_some()
    }

    /// The connection is back: no need to wait.
    pub(crate) fn hurry(&mut self) {
        (self.pause, self.not_before) = (Duration::ZERO, Duration::ZERO);
    }

    /// Forgets what the node took long ago and never showed.
    pub(crate) fn forget(&mut self, now: Duration) {
        self.items.retain(|item| !matches!(item.state, State::Taken(_, until) if now >= until));
    }

    /// Takes out what was refused here, with its words and the reason.
    pub(crate) fn take_refused(&mut self, place: &Place) -> Option<(String, String)> {
        let refused = |item: &Item| item.place == *place && matches!(item.state, State::Refused(_));
        let at = self.items.iter().position(refused)?;
        let item = self.items.remove(at);
        let State::Refused(why) = item.state else { return None };
        Some((if item.action { format!("/me {}", item.text) } else { item.text }, why))
    }
}

impl Item {
    fn request(&self) -> Request {
        let kind = if self.action { MessageKind::Action } else { MessageKind::Text };
        let text = self.text.clone();
        match &self.place {
            Place::Room(room) => Request::Send { room: Some(room.to_string()), text, kind },
            Place::Person(who) => Request::Dm(DmRequest::Send { to: who.to_string(), text, kind }),
        }
    }
}

/// A message of one's own that was shown.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) name: Name,
    pub(crate) text: &'a str,
    pub(crate) action: bool,
}

impl Seen<'_> {
    /// Whether these words became that message; the node normalizes them.
    fn says(&self, text: &str) -> bool {
        lines(text.trim()) == lines(self.text.trim())
    }
}

const fn is_hopeless(error: &RequestError) -> bool {
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

const fn is_doubt(error: &RequestError) -> bool {
    match error {
        RequestError::Daemon(error) => matches!(error.code, ErrorCode::TimedOut),
        RequestError::Lost(_) | RequestError::NotUnderstood => true,
        RequestError::TooLong(_) | RequestError::Full => false,
    }
}

fn reason(error: &RequestError) -> String {
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

fn name(reply: &Reply) -> Option<Name> {
    if let Reply::Sent(sent) = reply {
        return Some(Name::Message(sent.id));
    }
    if let Reply::Direct(info) = reply {
        return Some(Name::Letter(info.letter));
    }
    None
}

const LEAST_PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_secs(15);
/// How long a message that the node took may need to be shown.
const ECHO: Duration = Duration::from_secs(5);
/// Ages of messages are told in whole steps, and take a moment to arrive.
const GRACE_MS: u64 = 2_000;
