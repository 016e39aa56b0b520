//! What the stream of the node brings.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::civil::DateTime;
use meshchat_client::proto::control::{
    DirectMessage, Event, KeyChange, Message, PartitionChange, PartitionState, PersonChange,
};
use meshchat_client::proto::id::MessageId;
use meshchat_client::proto::name::RoomName;

use super::Model;
use super::changes::Changes;
use super::conversation::{Past, View};
use super::log::{Mark, Said, What};
use super::outbox::Seen;
use super::place::{Place, Who};
use super::refresh::Topic;
use super::standing::LinkState;
use crate::chat::seam::{Effect, Keep, Link, Notify};
use crate::output::escape::escape;
use crate::output::feed::{gone_words, missed_words, shared_words};
use crate::output::partition;
use crate::output::style::Paint;
use crate::output::time::Clock;

impl Model {
    pub(super) fn link(&mut self, link: Link, clock: &Clock) {
        match link {
            Link::Up { welcome, restarted } => {
                self.standing.welcome(&welcome);
                self.refresh.anew();
                self.outbox.is_up(restarted, self.running);
                self.deliveries.lost();
                self.flags.members_of = None;
                self.ask_name();
                if restarted {
                    self.rule_everywhere("meshchatd was restarted", Paint::Dim, clock);
                }
            }
            Link::Lost(why) => {
                self.deliveries.lost();
                // What was on its way does not come any more.
                for one in self.places.iter_mut().filter(|one| one.past == Past::Asked) {
                    one.past = Past::Wanted(self.running);
                }
                if self.standing.is_up() || self.standing.link == LinkState::Connecting {
                    self.standing.link = LinkState::Lost(self.running, why);
                } else if let LinkState::Lost(_, before) = &mut self.standing.link {
                    *before = why;
                }
                self.standing.caught_up = false;
            }
        }
    }

    pub(super) fn event(&mut self, event: Event, clock: &Clock) {
        match event {
            Event::Message(message) => self.room_message(&message, clock),
            Event::Direct(message) => self.direct(&message, clock),
            Event::DirectState(change) => {
                let who = Who { name: change.to, node: change.to_node_name };
                self.mark_letter(who, change.letter, change.state);
            }
            Event::Person(change) => {
                self.people.change(change);
                self.outbox.known_anew(self.running);
                self.refresh.want(&[Topic::People, Topic::Status]);
            }
            Event::Node(_) => {
                self.refresh.want(&[Topic::Status, Topic::Peers, Topic::People]);
                self.deliveries.hurry(self.running);
                self.outbox.known_anew(self.running);
            }
            Event::Partition(change) => self.partition(&change, clock),
            Event::Key(change) => self.key_changed(&change, clock),
            Event::Missed(missed) => {
                self.outbox.missed();
                self.rule_everywhere(&missed_words(&missed), Paint::Warn, clock);
                self.refresh.want(&[Topic::People, Topic::Status, Topic::Rooms]);
            }
            Event::Gone(gone) => self.rule_everywhere(&gone_words(&gone), Paint::Warn, clock),
            Event::KeyShared(shared) => {
                self.rule_everywhere(&shared_words(&shared), Paint::Warn, clock);
            }
            Event::CaughtUp { .. } => self.caught_up(),
            Event::Relayed(_) | Event::Log(_) | Event::Peers(_) => {}
        }
    }

    /// Something of the past of a room that was just entered.
    pub(super) fn past(&mut self, room: &RoomName, event: Option<Event>, clock: &Clock) {
        let place = Place::Room(room.clone());
        let Some(Event::Message(message)) = event else {
            if let Some(one) = self.places.find_mut(&place) {
                one.past = Past::Had;
            }
            return;
        };
        let mine = self.is_mine(&message);
        let said = Said::room(&message, clock, mine, false);
        if mine {
            let (name, text, action) = (said.name, message.text.as_str(), said.action);
            let seen = Seen { name, text, action, age_ms: message.age_ms };
            self.saw(&place, &seen, clock);
        }
        let one = self.places.get(&place);
        one.log.say(message.cursor, moment(message.wall_ms, clock), said);
        if one.view == View::End {
            one.log.trim(super::log::KEPT);
        }
    }

    pub(super) fn no_past(&mut self, room: &RoomName) {
        if let Some(one) = self.places.find_mut(&Place::Room(room.clone())) {
            one.past = Past::Wanted(self.running + PAST_AGAIN);
        }
    }

    fn caught_up(&mut self) {
        self.standing.caught_up = true;
        self.outbox.caught_up(self.running);
        let doubted: BTreeSet<RoomName> =
            self.outbox.doubted().filter_map(Place::room).cloned().collect();
        let many = u32::try_from(PAST_OF_ALL).unwrap_or(u32::MAX);
        self.effects.extend(doubted.into_iter().map(|room| Effect::Past(room, many)));
        self.ask_letters();
        self.flags.unsent_changed = true;
        if self.replayed < PAST_OF_ALL {
            // The stream had all that there is.
            self.places.iter_mut().for_each(|one| one.past = Past::Had);
        }
        if !self.introduced {
            // Who is new here has missed nothing.
            for one in self.places.iter_mut() {
                one.at_end();
                one.marker = None;
            }
            self.keep_read();
        }
    }

    fn room_message(&mut self, message: &Message, clock: &Clock) {
        let place = Place::Room(message.room.clone());
        let mine = self.is_mine(message);
        let mention = !mine && self.standing.is_mention(message.text.as_str());
        let said = Said::room(message, clock, mine, mention);
        if !message.caught_up && self.standing.caught_up && !message.own {
            self.standing.heard(message.node, !said.doubtful);
        }
        if mine {
            let (name, text, action) = (said.name, message.text.as_str(), said.action);
            let seen = Seen { name, text, action, age_ms: message.age_ms };
            self.saw(&place, &seen, clock);
            if self.standing.caught_up {
                self.ask_delivery(message.id, &place);
            }
        }
        let news = News { said, cursor: message.cursor, wall_ms: message.wall_ms };
        self.said(&place, news, clock);
    }

    fn direct(&mut self, message: &DirectMessage, clock: &Clock) {
        let place = Place::Person(Who::opposite(message));
        let said = Said::direct(message, clock);
        if said.mine {
            let (name, text, action) = (said.name, message.text.as_str(), said.action);
            let seen = Seen { name, text, action, age_ms: message.age_ms };
            self.saw(&place, &seen, clock);
        }
        let news = News { said, cursor: message.cursor, wall_ms: message.wall_ms };
        self.said(&place, news, clock);
    }

    fn saw(&mut self, place: &Place, seen: &Seen<'_>, clock: &Clock) {
        if !self.places.find(place).is_some_and(|one| one.log.knows(seen.name)) {
            let now = (clock.now_ms(), self.running);
            self.flags.unsent_changed |= self.outbox.saw(place, seen, now);
        }
    }

    pub(super) fn ask_delivery(&mut self, id: MessageId, place: &Place) {
        if let Some((place, id)) = self.deliveries.sent(id, place, self.running) {
            self.mark(&place, id, Mark::Sent);
        }
    }

    /// Puts what was said where it belongs, and tells the person if they want to be told.
    fn said(&mut self, place: &Place, news: News, clock: &Clock) {
        self.replayed += usize::from(!self.standing.caught_up);
        let News { mut said, cursor, wall_ms } = news;
        let (mine, mention) = (said.mine, said.mention);
        if mine && said.mark == Mark::None && self.standing.caught_up {
            said.mark = Mark::Sent;
        }
        let notice = notice(place, &said);
        let (looked_at, live) = (self.places.is_open(place), self.standing.caught_up);
        let running = self.running;
        let one = self.places.get(place);
        let Some(id) = one.log.say(cursor, moment(wall_ms, clock), said) else { return };
        one.touched = running;
        one.added();
        if mine {
            // Another program of the person may have said it: that reads nothing.
            if looked_at && one.view == View::End {
                one.saw(cursor);
            }
            return;
        }
        if looked_at && !live && one.read.is_some_and(|read| cursor > read) {
            one.marker.get_or_insert(id);
        }
        one.heard(id, cursor, mention, looked_at);
        if live {
            self.notify(place, mention, notice);
        }
    }

    fn notify(&mut self, place: &Place, mention: bool, (title, text): (String, String)) {
        let direct = matches!(place, Place::Person(_));
        let one = self.places.get(place);
        let wanted = match one.notify.unwrap_or(self.taste.notify) {
            Notify::Off => false,
            Notify::Mentions => mention || direct,
            Notify::Messages => true,
        };
        let soon = self.flags.notified_at.is_some_and(|at| self.running < at + super::RINGS_APART);
        if wanted && !one.muted && !soon {
            self.flags.notified_at = Some(self.running);
            self.effects.push(Effect::Notify { title, text });
        }
    }

    fn is_mine(&self, message: &Message) -> bool {
        message.own && message.via.is_none() && self.standing.is_mine(&message.author)
    }

    fn partition(&mut self, change: &PartitionChange, clock: &Clock) {
        let merged = change.state == PartitionState::Merged;
        let paint = if merged { Paint::Good } else { Paint::Warn };
        self.rule_everywhere(&partition::change(change), paint, clock);
        self.refresh.want(&[Topic::Status, Topic::People, Topic::Peers]);
        self.deliveries.hurry(self.running);
    }

    fn key_changed(&mut self, change: &KeyChange, clock: &Clock) {
        let (name, known) = (&change.name, if change.verified { "verified" } else { "known" });
        let words = format!(
            "WARNING: {name} has another key than the {known} node of that name; \
             see: meshchatctl verify {name}"
        );
        self.rule_everywhere(&words, Paint::Bad, clock);
    }

    /// What concerns the node concerns every conversation that one may look at.
    fn rule_everywhere(&mut self, words: &str, paint: Paint, clock: &Clock) {
        if words.is_empty() {
            return;
        }
        let open = self.places.open().clone();
        let now = Some(clock.now.datetime());
        for one in self.places.iter_mut().filter(|one| one.joined || one.place == open) {
            one.log.add(now, What::Rule(escape(words).into_owned(), paint));
            one.added();
        }
    }

    /// The changes that waited are shown where these people are.
    pub(super) fn show_changes(&mut self, clock: &Clock) {
        for change in std::mem::take(&mut self.people.changes) {
            let who = Who { name: change.name.clone(), node: change.node_name.clone() };
            if self.people.find(&who).is_some_and(|person| person.me) {
                continue;
            }
            let rooms = self.people.find(&who).map(|person| person.rooms.clone());
            let rooms = rooms.unwrap_or_default().into_iter().map(Place::Room);
            for place in rooms.chain([Place::Person(who)]) {
                self.show_change(&place, &change, clock);
            }
        }
    }

    fn show_change(&mut self, place: &Place, change: &PersonChange, clock: &Clock) {
        let Some(one) = self.places.iter_mut().find(|one| one.place == *place) else { return };
        if let Some(changes) = one.log.last_changes() {
            changes.add(change);
            return;
        }
        let mut changes = Changes::default();
        changes.add(change);
        one.log.add(Some(clock.now.datetime()), What::Changes(changes));
        one.log.trim(super::log::KEPT_WHILE_READ);
    }

    /// The first start asks for a name.
    fn ask_name(&mut self) {
        if self.introduced {
            return;
        }
        if let (super::mode::Mode::Chat, Some(_)) = (&self.mode, &self.standing.me) {
            self.mode = super::mode::Mode::Name(super::mode::Prompt::default(), String::new());
        }
    }

    pub(super) fn introduced(&mut self) {
        self.introduced = true;
        self.mode = super::mode::Mode::Chat;
        self.effects.push(Effect::Keep(Keep::Introduced));
    }
}

struct News {
    said: Said,
    cursor: u64,
    wall_ms: u64,
}

fn moment(wall_ms: u64, clock: &Clock) -> Option<DateTime> {
    clock.local(wall_ms).map(|when| when.datetime())
}

/// What a notice of the terminal says.
fn notice(place: &Place, said: &Said) -> (String, String) {
    let title = match place {
        Place::Room(room) => format!("{} in {room}", said.who.name),
        Place::Person(who) => format!("{who} (direct)"),
    };
    let text = said.lines.first().map(|line| line.chars().take(NOTICE).collect());
    (title, text.unwrap_or_default())
}

/// Messages of all rooms that the stream begins with.
pub(crate) const PAST_OF_ALL: usize = 1_000;
/// After a failure to read the past of a room.
const PAST_AGAIN: Duration = Duration::from_secs(5);
/// Letters of a notice.
const NOTICE: usize = 200;
