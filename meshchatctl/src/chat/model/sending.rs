//! Words on their way to the node, and what the person is told of those that do not get there.

use meshchat_client::RequestError;
use meshchat_client::proto::control::Reply;
use meshchat_client::proto::id::LetterId;

use super::Model;
use super::ask::Purpose;
use super::log::{Mark, Name, Said};
use super::outbox::{Item, Outcome, State, Way};
use super::place::{Place, Who};
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::time::Clock;

impl Model {
    pub(super) fn send(&mut self, clock: &Clock) {
        let Self { outbox, places, standing, asks, wanted, running, .. } = self;
        let way = |place: &Place| match place {
            Place::Person(_) => Way::Open,
            Place::Room(_) if !standing.rooms_known => Way::NotYet,
            Place::Room(_) if places.find(place).is_some_and(|one| one.joined) => Way::Open,
            // Without being in the room one would not see what comes of it.
            Place::Room(_) if asks.is_joining(place) || wanted.as_ref() == Some(place) => {
                Way::NotYet
            }
            Place::Room(_) => Way::Closed,
        };
        self.flags.unsent_changed |= outbox.sort_out(*running, way);
        let id = asks.next();
        if let Some((key, request)) = outbox.next(id, clock.now_ms(), *running) {
            self.flags.unsent_changed = true;
            self.effects.push(asks.asked(id, Purpose::Send(key), request));
        }
    }

    pub(super) fn sent(&mut self, key: u64, answer: &Result<Reply, RequestError>) {
        match self.outbox.answered(key, answer, self.running) {
            Outcome::Taken | Outcome::Refused | Outcome::Later => self.flags.unsent_changed = true,
            Outcome::Gone => {}
        }
    }

    /// Nothing that was typed goes without a word.
    pub(super) fn tell_of_words(&mut self, clock: &Clock) {
        self.give_back(clock);
        for item in self.outbox.take_silent(self.running) {
            self.show_unshown(item, clock);
        }
        let open = self.places.open().clone();
        for (place, why) in self.outbox.untold(&open) {
            // It is listed at the side, with its mark, from now on.
            self.places.get(&place);
            let words = match why {
                Some(why) => format!("not sent to {place}: {}; your words are there", escape(&why)),
                None => format!("words of yours in {place} may have been sent, or not; see there"),
            };
            self.tell(&words, Paint::Bad, clock);
        }
    }

    /// Words that were refused go back into the line of input, as soon as it is empty.
    fn give_back(&mut self, clock: &Clock) {
        if !self.editor.is_empty() {
            return;
        }
        let place = self.places.open().clone();
        if let Some((words, why)) = self.outbox.take_refused(&place) {
            self.editor.insert(&words);
            self.flags.unsent_changed = true;
            self.tell(&format!("not sent: {}", escape(&why)), Paint::Bad, clock);
        }
    }

    /// The node took it and does not show it: it stands where it was said all the same.
    fn show_unshown(&mut self, item: Item, clock: &Clock) {
        let State::Taken(name, cursor, _) = item.state else { return };
        let Some(me) = &self.standing.me else { return };
        let said = Said {
            name: name.unwrap_or(Name::Letter(LetterId([0; 16]))),
            who: Who { name: me.name.clone(), node: me.node_name.clone() },
            via: None,
            lines: item.lines,
            action: item.action,
            late: false,
            doubtful: false,
            mine: true,
            mention: false,
            mark: Mark::Sent,
        };
        let one = self.places.get(&item.place);
        one.log.say_unshown(cursor, Some(clock.now.datetime()), said);
        one.added();
        if let Some(Name::Message(id)) = name {
            self.ask_delivery(id, &item.place);
        }
    }

    /// What may have been sent here is sent again, as the person wants it.
    pub(super) fn resend(&mut self, clock: &Clock) {
        let place = self.places.open().clone();
        let words = match self.outbox.resend(&place) {
            0 => "nothing here waits for you to decide",
            _ => "sent again: others may see it twice",
        };
        self.flags.unsent_changed = true;
        self.tell(words, Paint::Plain, clock);
    }

    /// What may have been sent here is not sent again.
    pub(super) fn drop_held(&mut self, clock: &Clock) {
        let place = self.places.open().clone();
        let words = match self.outbox.drop_held(&place) {
            0 => "nothing here waits for you to decide",
            _ => "not sent again; Up brings back what you typed",
        };
        self.flags.unsent_changed = true;
        self.tell(words, Paint::Plain, clock);
    }
}
