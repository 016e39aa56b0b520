//! People who come through a gateway: a program of this machine that speaks for many.

use alloc::format;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use meshchat_proto::control::{Error, ErrorCode, Reply};
use meshchat_proto::id::MessageId;
use meshchat_proto::limits::{GUEST_KEY, ROOMS_PER_PERSON};
use meshchat_proto::name::{PersonName, RoomName, Via};
use meshchat_proto::skeleton;

use crate::env::Env;
use crate::io::{Note, Output, SessionId};
use crate::node::Node;
use crate::people::{GATEWAY, LocalPerson};
use crate::replies::{parse_room, too_many_people};
use crate::time::Now;

/// Whom a gateway speaks for, as it told.
pub(crate) struct Guest {
    pub(crate) name: String,
    pub(crate) via: String,
    pub(crate) key: Option<String>,
    pub(crate) rooms: Option<Vec<String>>,
}

impl<E: Env> Node<E> {
    /// Makes a session that of a gateway's person, until it ends. The caller has checked that
    /// its Unix user may do that.
    pub(crate) fn become_person(
        &mut self,
        now: Now,
        session: SessionId,
        guest: Guest,
    ) -> Result<Reply, Error> {
        let name = guest.name()?;
        let fresh = self
            .sessions
            .get(session)
            .is_some_and(|state| state.streams.is_empty() && !self.people.is_gateway(&state.user));
        if !fresh {
            let error = Error::new(ErrorCode::BadArgument, "this session is somebody already");
            return Err(error.hint("open a new session for each person"));
        }
        let user = self.guest_key(guest.key.as_deref())?;
        if self.is_member_name(&name) || self.people.is_taken(&user, &name) {
            let words = format!("{name} is, or looks like, the name of somebody here");
            return Err(Error::new(ErrorCode::NameTaken, words).hint("choose another name"));
        }
        match self.people.person_of_guest(&user) {
            Some(known) if known.name == name => {}
            Some(known) => {
                known.name = name.clone();
                self.record_changed(now);
            }
            None => {
                let person = LocalPerson::guest(name.clone(), guest.rooms()?, guest.via()?);
                if !self.people.welcome(&user, person) {
                    return Err(too_many_people());
                }
                self.record_changed(now);
                let via = guest.via;
                self.out.push_back(Output::Note(Note::Became { name, via }));
            }
        }
        self.sessions.rename(session, user);
        Ok(Reply::Done {})
    }

    /// What takes the place of a Unix user for a guest.
    fn guest_key(&mut self, key: Option<&str>) -> Result<String, Error> {
        let hash = match key {
            Some(key) if key.len() > GUEST_KEY || key.is_empty() => {
                let words = format!("the key of a guest has 1 to {GUEST_KEY} bytes");
                return Err(Error::new(ErrorCode::BadArgument, words));
            }
            Some(key) => MessageId::of(key.as_bytes()),
            None => MessageId::of(
                &[self.env.random(), self.env.random()].map(u64::to_le_bytes).concat(),
            ),
        };
        Ok(format!("{GATEWAY}{}", hash.to_string().chars().take(KEY_CHARS).collect::<String>()))
    }

    /// Whether somebody anywhere who is no guest of a gateway is called so.
    pub(crate) fn is_member_name(&self, name: &PersonName) -> bool {
        let plain = skeleton(name.as_str());
        let people = self.nodes.iter().flat_map(|(_, known)| &known.record.people);
        let mut members = people.filter(|person| !person.gateway);
        members.any(|person| skeleton(person.name.as_str()) == plain)
    }
}

impl Guest {
    fn name(&self) -> Result<PersonName, Error> {
        self.name.parse().map_err(|error| {
            Error::new(ErrorCode::BadArgument, format!("bad name: {error}"))
                .hint("choose 1 to 32 visible characters")
        })
    }

    fn via(&self) -> Result<Via, Error> {
        let word = if self.via.is_empty() { "gateway" } else { &self.via };
        word.parse().map_err(|error| {
            Error::new(ErrorCode::BadArgument, format!("bad kind of door: {error}"))
        })
    }

    fn rooms(&self) -> Result<Vec<RoomName>, Error> {
        let Some(rooms) = &self.rooms else { return Ok([RoomName::lobby()].into()) };
        let mut parsed = Vec::new();
        for room in rooms.iter().take(ROOMS_PER_PERSON) {
            let room = parse_room(room)?;
            if room.is_sealed() {
                let words = format!("nobody can join {room}, as it is a private room");
                return Err(Error::new(ErrorCode::Denied, words));
            }
            if !parsed.contains(&room) {
                parsed.push(room);
            }
        }
        Ok(parsed)
    }
}

/// Of 52: more than anyone could find by trying.
const KEY_CHARS: usize = 26;
