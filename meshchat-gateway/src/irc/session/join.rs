//! Entering and leaving rooms.

use irc_proto::Response;
use meshchat_client::proto::control::{ErrorCode, Request, RoomInfo};
use meshchat_client::proto::limits::ROOMS_PER_PERSON;
use meshchat_client::proto::name::RoomName;

use super::super::caps::Cap;
use super::super::errand::{Errand, Purpose, Trouble, What};
use super::super::heard::Heard;
use super::super::history::{Part, Query, Talk};
use super::super::wire::Line;
use super::{Channel, Session};

impl Session {
    /// JOIN; `0` leaves all rooms.
    pub(super) fn join(&mut self, names: &str) {
        if names == "0" {
            let all: Vec<String> = self.rooms.keys().map(RoomName::to_string).collect();
            self.part(&all.join(","), "");
            return;
        }
        let names = names.split(',').filter(|name| !name.is_empty());
        for (place, name) in names.enumerate() {
            match name.parse::<RoomName>() {
                _ if place >= ROOMS_PER_PERSON => {
                    let words = format!("at most {ROOMS_PER_PERSON} rooms");
                    self.refuse(Response::ERR_TOOMANYCHANNELS, name, &words);
                }
                Ok(_) if !name.starts_with('#') => {
                    let words = format!("rooms begin with #: /join #{name}");
                    self.refuse(Response::ERR_NOSUCHCHANNEL, name, &words);
                }
                Ok(room) if self.rooms.contains_key(&room) => {}
                Ok(room) if room.is_sealed() => {
                    self.ask(Request::Rooms {}, Purpose::JoinPrivate(room));
                }
                Ok(room) => {
                    let request = Request::Join { room: room.to_string() };
                    self.ask(request, Purpose::Join(room));
                }
                Err(error) => {
                    self.refuse(Response::ERR_NOSUCHCHANNEL, name, &format!("bad room: {error}"));
                }
            }
        }
    }

    /// PART.
    pub(super) fn part(&mut self, names: &str, why: &str) {
        for name in names.split(',').filter(|name| !name.is_empty()) {
            let room = name.parse::<RoomName>().ok().filter(|room| self.rooms.contains_key(room));
            match room {
                // To leave a private room is for good; a window that is closed is not.
                Some(room) if room.is_sealed() => self.left(&room, why),
                Some(room) => {
                    let request = Request::Leave { room: room.to_string() };
                    self.ask(request, Purpose::Part(room, why.to_owned()));
                }
                None => {
                    self.refuse(Response::ERR_NOTONCHANNEL, name, "you are not in that room");
                }
            }
        }
    }

    /// The daemon let the client into a room.
    pub(super) fn joined(&mut self, room: RoomName) {
        self.enter(&room);
        self.ask(Request::Who { room: None }, Purpose::Enter(room));
    }

    pub(super) fn not_joined(&mut self, room: &RoomName, trouble: &Trouble) {
        let code = match trouble.code() {
            Some(ErrorCode::TooMany) => Response::ERR_TOOMANYCHANNELS,
            Some(ErrorCode::Denied) => Response::ERR_INVITEONLYCHAN,
            _ => Response::ERR_UNAVAILRESOURCE,
        };
        self.refuse(code, room.as_str(), &trouble.words());
    }

    /// A private room is entered by whoever is a member already.
    pub(super) fn join_private(&mut self, room: RoomName, rooms: &[RoomInfo]) {
        if rooms.iter().any(|info| info.room == room && info.joined) {
            self.joined(room);
        } else {
            let words = "a private room; a member lets you in: meshchatctl room invite";
            self.refuse(Response::ERR_INVITEONLYCHAN, room.as_str(), words);
        }
    }

    /// Opens a channel of the client.
    pub(super) fn enter(&mut self, room: &RoomName) {
        if !self.rooms.contains_key(room) {
            let since_ms = self.now.mono_ms;
            self.rooms.insert(room.clone(), Channel { named: false, since_ms });
            let line = Line::new(&self.my_source(), "JOIN").word(room.as_str());
            self.send(line);
        }
    }

    /// Tells who is in a room that was entered, and has its last words read.
    pub(super) fn named(&mut self, room: &RoomName) {
        let Some(channel) = self.rooms.get_mut(room) else { return };
        channel.named = true;
        self.names(room);
        let most = if self.caps.has(Cap::ChatHistory) {
            return; // Such clients fetch it themselves.
        } else if self.caps.has(Cap::ServerTime) {
            REPLAY
        } else {
            SHORT_REPLAY
        };
        let talk = Talk::Room(room.clone());
        let what = What::Read(Query { talk, part: Part::Latest(None), most });
        self.errands.push_back(Errand { what, purpose: Purpose::Replay(room.clone()) });
    }

    /// Shows what was last said.
    pub(super) fn replay(&mut self, room: &RoomName, all: Vec<Heard>) {
        if !self.rooms.contains_key(room) {
            return;
        }
        let new: Vec<Heard> =
            all.into_iter().filter(|heard| self.said.is_new(heard.id())).collect();
        if !new.is_empty() {
            self.batch(room.as_str(), &new);
        }
    }

    /// The client is out of a room.
    pub(super) fn left(&mut self, room: &RoomName, why: &str) {
        if self.rooms.remove(room).is_some() {
            let mut line = Line::new(&self.my_source(), "PART").word(room.as_str());
            if !why.is_empty() {
                line = line.text(why);
            }
            self.send(line);
        }
    }
}

/// Old messages shown to who enters a room, with their times.
const REPLAY: usize = 50;
/// The same for clients that cannot be told times.
const SHORT_REPLAY: usize = 10;
