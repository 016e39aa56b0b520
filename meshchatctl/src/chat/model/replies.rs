//! Questions to the node that nobody typed, and what comes back.

use std::time::Duration;

use meshchat_client::RequestError;
use meshchat_client::proto::control::{
    DirectState, DmRequest, ErrorCode, NetworkRequest, PersonInfo, PersonStatus, PrivateRequest,
    Reply, Request, RoomInfo,
};
use meshchat_client::proto::id::{LetterId, MessageId, NodeId};

use super::Model;
use super::ask::{Purpose, Wish};
use super::conversation::Past;
use super::log::{Mark, Name};
use super::mode::Mode;
use super::place::{Place, Who};
use super::refresh::Topic;
use crate::chat::seam::{AskId, Effect};
use crate::output::escape::escape;
use crate::output::time::Clock;

type Answer = Result<Reply, RequestError>;

impl Model {
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
        let fresh = |(place, at): &(Place, _)| *place == open && self.running < *at + MEMBERS;
        if self.flags.members_of.as_ref().is_some_and(fresh) {
            return;
        }
        self.flags.members_of = Some((open.clone(), self.running));
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
        let due = matches!(one.past, Past::Wanted(from) if self.running >= from);
        if let (true, true, Some(room)) = (one.joined, due, one.place.room().cloned()) {
            one.past = Past::Asked;
            self.effects.push(Effect::Past(room, PAST));
        }
    }

    /// The states of one's own direct messages may have changed unseen.
    pub(super) fn ask_letters(&mut self) {
        let direct = |place: &Place| matches!(place, Place::Person(_));
        if self.places.iter().any(|one| direct(&one.place) && one.log.len() > 0) {
            let request = Request::Dm(DmRequest::List {});
            self.effects.push(self.asks.ask(Purpose::Letters, request));
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
            Some(Purpose::Letters) => {
                if let Ok(Reply::Directs(letters)) = answer {
                    letters.into_iter().for_each(|letter| {
                        let who = Who { name: letter.to, node: letter.to_node_name };
                        self.mark_letter(who, letter.letter, letter.state);
                    });
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

    fn refreshed(&mut self, topic: Topic, answer: Answer, clock: &Clock) {
        self.refresh.answered(topic);
        match answer {
            Ok(Reply::Status(status)) => self.standing.status = Some(status),
            Ok(Reply::People(people)) => self.learn_people(people, clock),
            Ok(Reply::Rooms(rooms)) => self.learn_rooms(rooms, clock),
            Ok(Reply::Peers(peers)) => self.people.learn_peers(&peers),
            // Words wait until it is known which rooms one is in; the rest is asked again anyway.
            Err(_) if topic == Topic::Rooms => self.refresh.want(&[Topic::Rooms]),
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
        if let Some(one) = self.places.find_mut(place) {
            one.log.mark(Name::Message(id), mark);
        }
    }

    pub(super) fn mark_letter(&mut self, who: Who, letter: LetterId, state: DirectState) {
        if let Some(one) = self.places.find_mut(&Place::Person(who)) {
            one.log.mark(Name::Letter(letter), Mark::Direct(state));
        }
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

/// How often it is asked who is in a private room.
const MEMBERS: Duration = Duration::from_secs(30);
/// Messages of a room that are asked for when it is entered.
const PAST: u32 = 200;
const PING_MS: u32 = 5_000;
/// A ticket is used soon or not at all.
const DAY_MS: u64 = 24 * 3600 * 1000;
