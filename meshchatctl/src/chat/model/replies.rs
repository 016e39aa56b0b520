//! Questions to the node that nobody typed, and what comes back.

use meshchat_client::RequestError;
use meshchat_client::proto::control::{
    ErrorCode, NetworkRequest, PersonInfo, PersonStatus, PrivateRequest, Reply, Request, RoomInfo,
};
use meshchat_client::proto::id::{MessageId, NodeId};
use meshchat_client::proto::name::RoomName;

use super::Model;
use super::ask::{Purpose, Wish};
use super::log::Mark;
use super::mode::Mode;
use super::outbox::Outcome;
use super::place::Place;
use super::refresh::Topic;
use crate::chat::seam::{AskId, Effect};
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::time::Clock;

type Answer = Result<Reply, RequestError>;

impl Model {
    pub(super) fn send(&mut self, clock: &Clock) {
        let id = self.asks.next();
        if let Some((key, request)) = self.outbox.next(id, clock.now_ms(), self.running) {
            self.flags.unsent_changed = true;
            self.effects.push(self.asks.asked(id, Purpose::Send(key), request));
        }
    }

    pub(super) fn ask_what_is_due(&mut self) {
        while let Some(topic) = self.refresh.next(self.running) {
            self.effects.push(self.asks.ask(Purpose::Refresh(topic), topic.request()));
        }
        while let Some((id, request)) = self.deliveries.next(self.running) {
            self.effects.push(self.asks.ask(Purpose::Delivery(id), request));
        }
        if self.shows_people() {
            let open = self.places.open().clone();
            if let Some(node) = self.people.next_to_measure(&open, self.running) {
                let request = Request::Ping { node: node.to_string(), timeout_ms: PING_MS };
                self.effects.push(self.asks.ask(Purpose::RoundTrip(node), request));
            }
        }
        self.ask_members();
        self.ask_past();
        self.enter_wanted();
    }

    /// Nobody but its members' node tells who is in a private room.
    fn ask_members(&mut self) {
        let open = self.places.open().clone();
        if self.flags.members_of.as_ref() == Some(&open) {
            return;
        }
        self.flags.members_of = Some(open.clone());
        if let Some(room) = open.room().filter(|room| room.is_sealed()) {
            let request = PrivateRequest::Members { room: room.to_string() };
            self.effects.push(self.asks.ask(Purpose::Members, Request::Private(request)));
        }
    }

    /// The past of the open room, when the stream did not bring it.
    fn ask_past(&mut self) {
        if !self.standing.caught_up {
            return;
        }
        let one = self.places.current_mut();
        if let (true, false, Some(room)) = (one.joined, one.asked_past, one.place.room().cloned()) {
            one.asked_past = true;
            self.effects.push(Effect::Past(room, PAST));
        }
    }

    /// The room of the command line is entered once it is known that one is not in it.
    fn enter_wanted(&mut self) {
        if !self.standing.rooms_known {
            return;
        }
        if let Some(Place::Room(room)) = self.wanted.take() {
            let joined = |one: &RoomInfo| one.joined && one.room == room;
            if !self.standing.rooms.iter().any(joined) {
                let place = Place::Room(room.clone());
                let wish = Purpose::Command(place.clone(), Wish::Join(place));
                let request = Request::Join { room: room.to_string() };
                self.effects.push(self.asks.ask(wish, request));
            }
        }
    }

    pub(super) fn answer(&mut self, id: AskId, answer: Answer, clock: &Clock) {
        match self.asks.take(id) {
            Some(Purpose::Send(key)) => self.sent(key, &answer),
            Some(Purpose::Refresh(topic)) => self.refreshed(topic, answer, clock),
            Some(Purpose::Members) => {
                if let Ok(Reply::Private(info)) = answer {
                    self.people.learn_members(&info);
                }
            }
            Some(Purpose::RoundTrip(node)) => self.measured(node, answer),
            Some(Purpose::Delivery(id)) => self.delivery(id, answer),
            Some(Purpose::Name(name)) => match answer {
                Ok(_) => {
                    self.standing.renamed(name);
                    self.introduced();
                }
                Err(error) => {
                    if let Mode::Name(_, why) = &mut self.mode {
                        *why = escape(&error.to_string()).into_owned();
                    }
                }
            },
            Some(Purpose::Command(place, wish)) => self.answered(&place, wish, answer, clock),
            None => {}
        }
    }

    fn sent(&mut self, key: u64, answer: &Answer) {
        match self.outbox.answered(key, answer, self.running) {
            Outcome::Taken | Outcome::Refused => self.flags.unsent_changed = true,
            Outcome::Later | Outcome::Gone => {}
        }
    }

    /// Words that were refused go back into the line of input, as soon as it is empty.
    pub(super) fn give_back(&mut self, clock: &Clock) {
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

    fn refreshed(&mut self, topic: Topic, answer: Answer, clock: &Clock) {
        self.refresh.answered(topic);
        match answer {
            Ok(Reply::Status(status)) => self.standing.status = Some(status),
            Ok(Reply::People(people)) => self.learn_people(people, clock),
            Ok(Reply::Rooms(rooms)) => self.learn_rooms(rooms),
            Ok(Reply::Peers(peers)) => self.people.learn_peers(&peers),
            // It is asked again.
            Ok(_) | Err(_) => {}
        }
    }

    fn learn_people(&mut self, people: Vec<PersonInfo>, clock: &Clock) {
        if let Some(me) = people.iter().find(|person| person.me) {
            let away = me.state == PersonStatus::Away;
            self.standing.away = away.then(|| me.note.clone());
            self.standing.renamed_elsewhere(&me.name);
        }
        self.people.learn(people);
        self.show_changes(clock);
    }

    fn learn_rooms(&mut self, rooms: Vec<RoomInfo>) {
        for one in self.places.iter_mut() {
            one.joined = false;
        }
        for info in rooms.iter().filter(|info| info.joined) {
            self.places.get(&Place::Room(info.room.clone())).joined = true;
        }
        (self.standing.rooms, self.standing.rooms_known) = (rooms, true);
        let wanted = self.wanted.clone();
        let left = |place: &Place, joined: bool| {
            !joined && place.room().is_some() && wanted.as_ref() != Some(place)
        };
        let gone: Vec<Place> = self
            .places
            .iter()
            .map(|one| (&one.place, one.joined))
            .filter(|(place, joined)| left(place, *joined))
            .map(|(place, _)| place.clone())
            .collect();
        for place in gone {
            if self.places.is_open(&place) {
                let Some(other) = self.first_joined() else { continue };
                self.enter(&other);
            }
            self.places.remove(&place);
        }
    }

    /// The lobby, or another room that the person is in.
    pub(super) fn first_joined(&self) -> Option<Place> {
        let lobby = Place::Room(RoomName::lobby());
        let joined = |place: &Place| self.places.find(place).is_some_and(|one| one.joined);
        if joined(&lobby) {
            return Some(lobby);
        }
        self.places.iter().find(|one| one.joined).map(|one| one.place.clone())
    }

    fn measured(&mut self, node: NodeId, answer: Answer) {
        let round_trip = match answer {
            Ok(Reply::Pong(pong)) => Some(pong.rtt_us),
            Ok(_) | Err(_) => None,
        };
        self.people.measured(node, round_trip);
    }

    fn delivery(&mut self, id: MessageId, answer: Answer) {
        let info = match answer {
            Ok(Reply::Delivery(info)) => Some(info),
            Ok(_) | Err(_) => None,
        };
        if let Some((place, mark)) = self.deliveries.answered(id, info.as_ref(), self.running) {
            self.mark(&place, id, mark);
        }
    }

    pub(super) fn mark(&mut self, place: &Place, id: MessageId, mark: Mark) {
        self.places.get(place).log.mark(super::log::Name::Message(id), mark);
    }

    /// Makes a ticket with which a node joins the network.
    pub(super) fn ticket() -> Request {
        let (uses, expires_ms) = (1, DAY_MS);
        let role = meshchat_client::proto::network::Role::Member;
        Request::Network(NetworkRequest::Invite { uses, expires_ms, role })
    }
}

/// Whether an error says that the person may not do this.
pub(super) fn is_denied(error: &RequestError) -> bool {
    matches!(error, RequestError::Daemon(error) if error.code == ErrorCode::Denied)
}

/// Messages of a room that are asked for when it is entered.
const PAST: u32 = 200;
const PING_MS: u32 = 5_000;
/// A ticket is used soon or not at all.
const DAY_MS: u64 = 24 * 3600 * 1000;
