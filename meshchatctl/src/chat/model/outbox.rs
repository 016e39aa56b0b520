//! What one says, until the node has it: in order within a conversation, never lost, and never
//! said twice by itself. What the node may have taken is sent again only where its stream would
//! have shown it; otherwise the person decides.

mod item;
mod verdict;

use std::time::Duration;

use meshchat_client::RequestError;
use meshchat_client::proto::control::{Reply, Request};

use self::item::Doubt;
pub(crate) use self::item::{Item, Seen, State, typed};
use self::verdict::{is_doubt, is_hopeless, is_unknown, name, reason};
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
    /// Since when the node is there, by the running clock, and whether it had been restarted.
    up: (Duration, bool),
}

/// Whether words can be said in a conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    Open,
    NotYet,
    /// The person is not in this room.
    Closed,
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
                this.put(place, one.text, one.action);
                if let (Some(item), Some(tried_ms)) = (this.items.last_mut(), one.tried_ms) {
                    (item.tried, item.doubt) = (Some((tried_ms, None)), Doubt::Untold);
                }
            }
        }
        this
    }

    /// What is to be shown as not sent in a conversation.
    pub(crate) fn of<'a>(&'a self, place: &'a Place) -> impl DoubleEndedIterator<Item = &'a Item> {
        self.items.iter().filter(move |item| item.place == *place && item.echo.is_none())
    }

    pub(crate) fn has(&self, place: &Place) -> bool {
        self.items.iter().any(|item| item.place == *place)
    }

    /// Whether the person is to decide something there.
    pub(crate) fn wants(&self, place: &Place) -> bool {
        let open = |item: &Item| matches!(item.state, State::Refused(_) | State::Held);
        self.of(place).any(open)
    }

    /// How many the node does not have yet.
    pub(crate) fn waiting(&self) -> usize {
        self.items.iter().filter(|item| !matches!(item.state, State::Taken(..))).count()
    }

    /// Whether the node may take something within a moment, without the person.
    pub(crate) fn is_under_way(&self) -> bool {
        let goes = |item: &Item| match item.state {
            State::Waiting => !item.blocked,
            State::Asked(_) => true,
            State::Taken(..) | State::Refused(_) | State::Held => false,
        };
        self.items.iter().any(goes)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.items.len() >= WAITING
    }

    pub(crate) fn put(&mut self, place: Place, text: String, action: bool) {
        self.next += 1;
        self.items.push(Item::new(self.next, place, text, action));
    }

    /// What is kept on disk.
    pub(crate) fn unsent(&self) -> Vec<Unsent> {
        let open = self.items.iter().filter(|item| !matches!(item.state, State::Taken(..)));
        let unsent = |item: &Item| Unsent {
            conversation: item.place.key(),
            text: item.text.clone(),
            action: item.action,
            tried_ms: item.tried.map(|(ms, _)| ms),
        };
        open.map(unsent).collect()
    }

    /// Sorts out what is not to be sent by itself; true if something was.
    pub(crate) fn sort_out(&mut self, now: Duration, way: impl Fn(&Place) -> Way) -> bool {
        let mut changed = false;
        for item in self.items.iter_mut().filter(|item| item.state == State::Waiting) {
            let way = way(&item.place);
            item.blocked = way == Way::NotYet;
            let state = match (item.doubt, way) {
                (Doubt::Untold, _) | (Doubt::Told, Way::Closed) if now >= item.later => State::Held,
                (Doubt::No, Way::Closed) => {
                    let place = &item.place;
                    State::Refused(format!("you are not in {place}; first: /join {place}"))
                }
                (Doubt::No | Doubt::Told | Doubt::Untold, _) => continue,
            };
            item.state = state;
            changed = true;
        }
        changed
    }

    /// The next question to the node, if it is time for one: one at a time, so that all keep
    /// their order.
    pub(crate) fn next(
        &mut self,
        ask: AskId,
        now_ms: u64,
        now: Duration,
    ) -> Option<(u64, Request)> {
        if now < self.not_before {
            return None;
        }
        let key = self.heads().find(|item| item.later <= now).map(|item| item.key)?;
        let item = self.items.iter_mut().find(|item| item.key == key)?;
        item.tried.get_or_insert((now_ms, Some(now)));
        item.state = State::Asked(ask);
        Some((item.key, item.request()))
    }

    /// When [`Self::next`] may have something, by the running clock.
    pub(crate) fn due(&self) -> Option<Duration> {
        self.heads().map(|item| item.later.max(self.not_before)).min()
    }

    /// The first that waits of each conversation, when nothing is asked.
    fn heads(&self) -> impl Iterator<Item = &Item> {
        let busy = self.items.iter().any(|item| matches!(item.state, State::Asked(_)));
        let waits = |item: &&Item| item.state == State::Waiting;
        let first = move |item: &&Item| {
            let mut before = self.items.iter().take_while(|one| one.key != item.key);
            !before.any(|one| one.place == item.place && waits(&one))
        };
        self.items
            .iter()
            .filter(move |_| !busy)
            .filter(waits)
            .filter(first)
            .filter(|one| !one.blocked)
    }

    pub(crate) fn answered(
        &mut self,
        key: u64,
        result: &Result<Reply, RequestError>,
        now: Duration,
    ) -> Outcome {
        let Some(at) = self.items.iter().position(|item| item.key == key) else {
            return Outcome::Gone;
        };
        let (up, restarted) = self.up;
        let Some(item) = self.items.get_mut(at) else { return Outcome::Gone };
        let echo = item.echo.take();
        item.state = State::Waiting;
        let error = match result {
            Ok(reply) => {
                let (name, cursor) = name(reply);
                self.pause = Duration::ZERO;
                if echo.is_some() && (name.is_none() || name == echo) {
                    self.items.remove(at);
                } else {
                    item.state = State::Taken(name, cursor, now + ECHO);
                }
                return Outcome::Taken;
            }
            Err(error) => error,
        };
        if is_doubt(error) {
            if echo.is_some() {
                self.items.remove(at);
                return Outcome::Taken;
            }
            (item.doubt, item.later) = (item.doubt.max(Doubt::Told), now + SETTLE);
        } else if item.doubt == Doubt::No {
            item.tried = None;
        }
        let person = matches!(item.place, Place::Person(_));
        item.unknown = person && is_unknown(error);
        if item.unknown && (item.waited || restarted) && now < up + PATIENCE {
            item.later = now + MOST_PAUSE;
            return Outcome::Later;
        }
        if is_hopeless(error) {
            (item.state, item.tried, item.doubt) = (State::Refused(reason(error)), None, Doubt::No);
            return Outcome::Refused;
        }
        self.pause = (self.pause * 2).clamp(LEAST_PAUSE, MOST_PAUSE);
        self.not_before = now + self.pause;
        Outcome::Later
    }

    /// One's own message was shown that was not shown before: it may be what waits here.
    pub(crate) fn saw(
        &mut self,
        place: &Place,
        seen: &Seen<'_>,
        (ms, now): (u64, Duration),
    ) -> bool {
        let named =
            |item: &Item| matches!(item.state, State::Taken(Some(name), ..) if name == seen.name);
        if let Some(at) = self.items.iter().position(named) {
            self.items.remove(at);
            return true;
        }
        let says = |item: &&mut Item| {
            item.place == *place && item.action == seen.action && seen.says(&item.text)
        };
        let mut same = self.items.iter_mut().filter(says);
        let found = same.find_map(|item| match item.state {
            State::Asked(_) if item.doubt == Doubt::No => {
                item.echo.get_or_insert(seen.name);
                None
            }
            State::Taken(None, ..) => Some(item.key),
            State::Asked(_) | State::Waiting | State::Held if item.doubt != Doubt::No => {
                item.was_tried_before(seen.age_ms, ms, now).then_some(item.key)
            }
            State::Asked(_)
            | State::Waiting
            | State::Held
            | State::Taken(..)
            | State::Refused(_) => None,
        });
        let Some(key) = found else { return false };
        self.items.retain(|item| item.key != key);
        true
    }

    /// The node is there again.
    pub(crate) fn is_up(&mut self, restarted: bool, now: Duration) {
        self.up = (now, restarted);
        self.items.iter_mut().for_each(|item| item.waited = true);
        if restarted {
            self.missed();
        }
        self.hurry();
    }

    /// The stream does not tell all: what is doubted remains so.
    pub(crate) fn missed(&mut self) {
        for item in self.items.iter_mut().filter(|item| item.doubt == Doubt::Told) {
            item.doubt = Doubt::Untold;
        }
    }

    /// All that the node has is shown, but for what it is just about to show.
    pub(crate) fn caught_up(&mut self, now: Duration) {
        self.hurry();
        for item in self.items.iter_mut().filter(|item| item.doubt != Doubt::No) {
            item.later = now + SETTLE;
        }
    }

    /// Rooms in which something is doubted: their past may tell.
    pub(crate) fn doubted(&self) -> impl Iterator<Item = &Place> {
        self.items.iter().filter(|item| item.doubt != Doubt::No).map(|item| &item.place)
    }

    fn hurry(&mut self) {
        (self.pause, self.not_before) = (Duration::ZERO, Duration::ZERO);
    }

    /// Somebody came: who was not known may be now.
    pub(crate) fn known_anew(&mut self, now: Duration) {
        for item in self.items.iter_mut().filter(|item| item.unknown) {
            item.later = item.later.min(now + LEAST_PAUSE);
        }
    }

    /// Takes out what the node took a while ago and does not show.
    pub(crate) fn take_silent(&mut self, now: Duration) -> Vec<Item> {
        let silent =
            |item: &mut Item| matches!(item.state, State::Taken(.., until) if now >= until);
        self.items.extract_if(.., silent).collect()
    }

    /// Where something waits for the person that they were not told of yet, and the reason if it
    /// was refused. Of the conversation that is open, the screen tells.
    pub(crate) fn untold(&mut self, open: &Place) -> Vec<(Place, Option<String>)> {
        let mut all = Vec::new();
        for item in self.items.iter_mut().filter(|item| !item.told) {
            let why = match &item.state {
                State::Refused(why) => Some(why.clone()),
                State::Held => None,
                State::Waiting | State::Asked(_) | State::Taken(..) => continue,
            };
            item.told = true;
            if item.place != *open {
                all.push((item.place.clone(), why));
            }
        }
        all
    }

    /// Takes out what was refused here, as it would be typed, and the reason.
    pub(crate) fn take_refused(&mut self, place: &Place) -> Option<(String, String)> {
        let refused = |item: &Item| item.place == *place && matches!(item.state, State::Refused(_));
        let at = self.items.iter().position(refused)?;
        let item = self.items.remove(at);
        let State::Refused(why) = item.state else { return None };
        Some((typed(&item.text, item.action), why))
    }

    /// Sends again what may have been sent here; how many there are.
    pub(crate) fn resend(&mut self, place: &Place) -> usize {
        let held = |item: &&mut Item| item.place == *place && item.state == State::Held;
        let again = |item: &mut Item| {
            (item.state, item.doubt, item.tried) = (State::Waiting, Doubt::No, None);
            item.told = false;
        };
        self.items.iter_mut().filter(held).map(again).count()
    }

    /// Forgets what may have been sent here; how many there were.
    pub(crate) fn drop_held(&mut self, place: &Place) -> usize {
        let held = |item: &mut Item| item.place == *place && item.state == State::Held;
        self.items.extract_if(.., held).count()
    }
}

const LEAST_PAUSE: Duration = Duration::from_secs(1);
const MOST_PAUSE: Duration = Duration::from_secs(15);
/// How long a message that the node took may need to be shown.
const ECHO: Duration = Duration::from_secs(5);
/// How long doubted words wait for their message: neighbours give back what the node forgot.
const SETTLE: Duration = Duration::from_secs(3);
/// How long a person may be unknown to a node that was restarted.
const PATIENCE: Duration = Duration::from_secs(300);
