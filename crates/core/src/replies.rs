//! Requests of local clients.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use meshchat_proto::control::{Error, ErrorCode, PersonStatus, PrivateRequest, Reply, Request};
use meshchat_proto::limits::{NAME_CHARS, NOTE_CHARS, ROOMS_PER_PERSON, TEXT_BYTES};
use meshchat_proto::message::{Draft, MessageKind};
use meshchat_proto::name::{NameError, PersonName, RoomName, Text};

use crate::chat::{Outgoing, Post};
use crate::env::Env;
use crate::gateway::Guest;
use crate::io::{Output, SessionId};
use crate::node::Node;
use crate::streams::TailWish;
use crate::time::Now;

/// The longest that a ping may wait.
const PING_TIMEOUT: Duration = Duration::from_secs(60);

impl<E: Env> Node<E> {
    pub(crate) fn on_request(&mut self, now: Now, session: SessionId, id: u64, request: Request) {
        let Some(user) = self.sessions.get(session).map(|state| state.user.clone()) else {
            return;
        };
        let at = (session, id);
        let result = match request {
            Request::Send { room, text, kind } => {
                self.say(now, at, &user, (room.as_deref(), &text, kind)).map(|()| None)
            }
            Request::Tail { room, start, follow, presence, dm, cursor } => {
                let room = room.as_deref().map(|room| self.readable_room(&user, room)).transpose();
                room.map(|room| {
                    let unseen = false;
                    let wish = TailWish { room, start, follow, presence, dm, cursor, unseen };
                    self.open_tail(now, session, id, wish);
                    None
                })
            }
            Request::Read { room, start, presence } => open_room(room.as_deref()).map(|room| {
                self.open_tail(now, session, id, TailWish::unseen(room, start, presence));
                None
            }),
            Request::Private(request) => self.on_private_request(now, &user, request).map(Some),
            Request::Dm(request) => self.on_dm_request(now, at, &user, request).map(|()| None),
            Request::Cursor(request) => self.on_cursor_request(&user, request).map(Some),
            Request::Ping { node, timeout_ms } => self.find_node(&node).map(|node| {
                let timeout = Duration::from_millis(timeout_ms.into()).min(PING_TIMEOUT);
                self.ping(now, at, node, timeout);
                None
            }),
            Request::Delivery(request) => self.on_delivery_request(now, at, request),
            Request::Names(request) => self.on_names_request(now, &user, request).map(Some),
            Request::Become { name, via, key, rooms } => {
                self.become_person(now, session, Guest { name, via, key, rooms }).map(Some)
            }
            Request::Doors(request) => {
                self.on_doors_request(now, session, &user, request).map(Some)
            }
            Request::Relay(request) => self.on_relay_request(now, at, request),
            Request::Network(request) => self.on_network_request(now, at, request).map(|()| None),
            request @ (Request::Status {}
            | Request::Limits {}
            | Request::Nodes {}
            | Request::Graph {}
            | Request::Who { .. }
            | Request::Rooms {}
            | Request::Join { .. }
            | Request::Leave { .. }
            | Request::Nick { .. }
            | Request::Away { .. }
            | Request::Cancel { .. }
            | Request::Peers {}
            | Request::WatchPeers {}
            | Request::Connect { .. }
            | Request::Disconnect { .. }
            | Request::Config {}
            | Request::Doctor {}
            | Request::Log(_)
            | Request::Reload {}) => self.answer(now, session, &user, request).map(Some),
        };
        match result {
            // It is answered when its message is sealed, its stream begins or its echo comes.
            Ok(None) => {}
            Ok(Some(reply)) => self.reply(session, id, Ok(reply)),
            Err(error) => self.reply(session, id, Err(error)),
        }
    }

    /// Answers what can be answered at once.
    fn answer(
        &mut self,
        now: Now,
        session: SessionId,
        user: &str,
        request: Request,
    ) -> Result<Reply, Error> {
        match request {
            Request::Status {} => Ok(Reply::Status(self.status(now).into())),
            Request::Limits {} => Ok(Reply::Limits(self.limits())),
            Request::Nodes {} => Ok(Reply::Nodes(self.node_infos(now.mono))),
            Request::Graph {} => Ok(Reply::Graph(self.graph(now.mono))),
            Request::Who { room } => {
                let room = room.as_deref().map(parse_room).transpose()?;
                Ok(Reply::People(self.person_infos(now.mono, user, room.as_ref())))
            }
            Request::Rooms {} => Ok(Reply::Rooms(self.room_infos(user))),
            Request::Join { room } => self.join(now, user, &room),
            Request::Leave { room } => self.leave(now, user, &room),
            Request::Nick { name } => self.nick(now, user, &name),
            Request::Away { away, note } => self.away(now, user, away.then_some(note)),
            Request::Cancel { id }
                if self.close_tail(now, session, id)
                    || self.stop_relaying(session, id)
                    || self.deliveries.cancel(session, Some(id)) =>
            {
                Ok(Reply::Done {})
            }
            Request::Cancel { .. } => {
                Err(Error::new(ErrorCode::NotFound, "no such running request"))
            }
            Request::Send { .. }
            | Request::Tail { .. }
            | Request::Read { .. }
            | Request::Ping { .. }
            | Request::Peers {}
            | Request::WatchPeers {}
            | Request::Connect { .. }
            | Request::Disconnect { .. }
            | Request::Config {}
            | Request::Doctor {}
            | Request::Log(_)
            | Request::Delivery(_)
            | Request::Names(_)
            | Request::Become { .. }
            | Request::Doors(_)
            | Request::Relay(_)
            | Request::Network(_)
            | Request::Dm(_)
            | Request::Cursor(_)
            | Request::Private(_)
            | Request::Reload {} => {
                Err(Error::new(ErrorCode::UnknownRequest, "not a question to the core"))
            }
        }
    }

    /// The room that somebody wants to read: a private one must be theirs.
    fn readable_room(&self, user: &str, room: &str) -> Result<RoomName, Error> {
        let room = parse_room(room)?;
        if room.is_sealed() {
            self.own_room(user, room.as_str())?;
        }
        Ok(room)
    }

    fn join(&mut self, now: Now, user: &str, room: &str) -> Result<Reply, Error> {
        let room = parse_room(room)?;
        if room.is_sealed() {
            let words = format!("nobody can join {room}, as it is a private room");
            return Err(Error::new(ErrorCode::Denied, words)
                .hint("ask a member to invite you: meshchatctl room invite ROOM PERSON"));
        }
        let person = self.people.person(user).ok_or_else(too_many_people)?;
        person.join(&room).map_err(|crate::people::TooManyRooms| {
            let words = format!("you are in {ROOMS_PER_PERSON} rooms, which is the most");
            Error::new(ErrorCode::TooMany, words).hint("leave one: meshchatctl leave ROOM")
        })?;
        let _ = self.rooms.intern(room.as_str());
        self.person_changed(now);
        Ok(Reply::Done {})
    }

    fn leave(&mut self, now: Now, user: &str, room: &str) -> Result<Reply, Error> {
        let room = parse_room(room)?;
        if room.is_sealed() {
            let room = room.as_str().into();
            return self.on_private_request(now, user, PrivateRequest::Leave { room });
        }
        let person = self.people.person(user).ok_or_else(too_many_people)?;
        let before = person.rooms.len();
        person.rooms.retain(|joined| *joined != room);
        if person.rooms.len() == before {
            return Err(Error::new(ErrorCode::NotFound, format!("you are not in {room}"))
                .hint("see your rooms: meshchatctl rooms"));
        }
        self.person_changed(now);
        Ok(Reply::Done {})
    }

    fn nick(&mut self, now: Now, user: &str, name: &str) -> Result<Reply, Error> {
        let name: PersonName = name.parse().map_err(|error| {
            bad("name", error).hint(format!("choose 1 to {NAME_CHARS} visible characters"))
        })?;
        let of_member = self.people.is_gateway(user) && self.is_member_name(&name);
        if of_member || self.people.is_taken(user, &name) {
            let words = format!("{name} is, or looks like, what somebody here is called");
            return Err(Error::new(ErrorCode::NameTaken, words).hint("choose another name"));
        }
        self.people.person(user).ok_or_else(too_many_people)?.name = name;
        self.person_changed(now);
        Ok(Reply::Done {})
    }

    fn away(&mut self, now: Now, user: &str, away: Option<String>) -> Result<Reply, Error> {
        if away.as_ref().is_some_and(|note| note.chars().count() > NOTE_CHARS) {
            let words = format!("the note is longer than {NOTE_CHARS} characters");
            return Err(Error::new(ErrorCode::BadArgument, words).hint("say it in fewer words"));
        }
        self.people.person(user).ok_or_else(too_many_people)?.away = away;
        self.person_changed(now);
        Ok(Reply::Done {})
    }

    fn say(
        &mut self,
        now: Now,
        (session, id): (SessionId, u64),
        user: &str,
        (room, text, kind): (Option<&str>, &str, MessageKind),
    ) -> Result<(), Error> {
        let room = room.map_or_else(|| Ok(RoomName::lobby()), parse_room)?;
        let text = parse_text(text)?;
        if room.is_sealed() {
            return self.say_in_room(now, (session, id), user, (&room, text, kind));
        }
        self.make_person(now, user)?;
        let author = self.people.name_of(user);
        let room = self.rooms.intern(room.as_str()).unwrap_or(room);
        let seen = self.rooms.take_frontier(&room);
        let via = self.people.get(user).and_then(|person| person.via.clone());
        let draft = Draft { author, room, kind, text, seen, wall: now.wall_ms, sealed: None, via };
        self.pace(now, Outgoing { session, id, draft, post: Post::Said })
    }

    /// Makes sure that a user is a person.
    pub(crate) fn make_person(&mut self, now: Now, user: &str) -> Result<(), Error> {
        if self.people.get(user).is_none() {
            self.people.person(user).ok_or_else(too_many_people)?;
            self.person_changed(now);
        }
        Ok(())
    }

    fn person_changed(&mut self, now: Now) {
        self.out.push_back(Output::SavePeople(self.people.save()));
        self.record_changed(now);
    }
}

/// A room that anybody may read, the lobby when missing.
fn open_room(room: Option<&str>) -> Result<RoomName, Error> {
    let room = room.map_or_else(|| Ok(RoomName::lobby()), parse_room)?;
    if room.is_sealed() {
        let words = format!("only members of {room} read it, as it is a private room");
        return Err(Error::new(ErrorCode::Denied, words));
    }
    Ok(room)
}

pub(crate) fn parse_room(room: &str) -> Result<RoomName, Error> {
    room.parse().map_err(|error| {
        bad("room", error).hint("a room is a word such as #lobby, without spaces, @, : or a comma")
    })
}

/// The words of a message as somebody typed them.
pub(crate) fn parse_text(text: &str) -> Result<Text, Error> {
    text.parse().map_err(|error| {
        let hint = match error {
            NameError::TooLong { .. } => {
                format!("send it in pieces of at most {TEXT_BYTES} bytes")
            }
            NameError::Empty
            | NameError::Character(_)
            | NameError::Spaces
            | NameError::NoRoom
            | NameError::NotNormal => String::from("say something"),
        };
        bad("text", error).hint(hint)
    })
}

fn bad(what: &str, error: NameError) -> Error {
    Error::new(ErrorCode::BadArgument, format!("bad {what}: {error}"))
}

pub(crate) fn too_many_people() -> Error {
    Error::new(ErrorCode::TooMany, "too many people are on this node")
        .hint("wait until somebody else closes their chat")
}

pub(crate) const fn is_present(status: PersonStatus) -> bool {
    matches!(status, PersonStatus::Online | PersonStatus::Away)
}

pub(crate) fn narrow(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}
