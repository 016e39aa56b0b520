//! What people do with private rooms.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use meshchat_proto::control::{
    Error, ErrorCode, PrivateInfo, PrivateRequest, Reply, RoomInfo, RoomMember,
};
use meshchat_proto::id::{NodeId, RoomId};
use meshchat_proto::limits::{PRIVATE_ROOM_CHARS, ROOM_MEMBERS, ROOM_MEMBERS_ON_NODE};
use meshchat_proto::message::MessageKind;
use meshchat_proto::name::{PersonName, RoomName, Text};
use meshchat_proto::network::Role;
use meshchat_proto::sealed::{Content, Leave, Member, Say, next_key};

use super::{Local, PrivateRoom, RoomKey};
use crate::chat::{Outgoing, Post};
use crate::env::Env;
use crate::io::SessionId;
use crate::limits;
use crate::node::Node;
use crate::replies::{is_present, narrow};
use crate::time::Now;

impl<E: Env> Node<E> {
    pub(crate) fn on_private_request(
        &mut self,
        now: Now,
        user: &str,
        request: PrivateRequest,
    ) -> Result<Reply, Error> {
        match request {
            PrivateRequest::Create { room } => self.create_room(now, user, &room),
            PrivateRequest::Invite { room, person } => self.bring_in(now, user, &room, &person),
            PrivateRequest::Leave { room } => self.leave_room(now, user, &room),
            PrivateRequest::Remove { room, person } => self.put_out(now, user, &room, &person),
            PrivateRequest::Members { room } => {
                let id = self.own_room(user, &room)?;
                self.private_info(user, &id).map(Reply::Private)
            }
        }
    }

    /// Says something in a private room that the user is in.
    pub(crate) fn say_in_room(
        &mut self,
        now: Now,
        (session, id): (SessionId, u64),
        user: &str,
        (room, text, kind): (&RoomName, Text, MessageKind),
    ) -> Result<(), Error> {
        let at = self.own_room(user, room.as_str())?;
        let from = self.speaker(now, user)?;
        let say = Say { from, kind, text, wall: now.wall_ms };
        let draft = self.lock_for(&at, &Content::Say(say)).ok_or_else(no_secret)?;
        self.outgoing.push_back(Outgoing { session, id, draft, post: Post::Said });
        Ok(())
    }

    /// The private room that a user means.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NotFound`] when the user is in none of that name.
    pub(crate) fn own_room(&self, user: &str, room: &str) -> Result<RoomId, Error> {
        let name = parse_private(room)?;
        self.private.of_user(user, &name).ok_or_else(|| {
            Error::new(ErrorCode::NotFound, format!("you are in no private room {name}"))
                .hint("see yours: meshchatctl rooms; to make one: meshchatctl room create NAME")
        })
    }

    /// The private rooms of a user, for the list of rooms.
    pub(crate) fn private_infos<'a>(
        &'a self,
        user: &'a str,
    ) -> impl Iterator<Item = RoomInfo> + 'a {
        self.private.rooms_of(user).map(move |(_, room)| {
            let is_there = |member: &&Member| {
                let known = self.nodes.get(&member.node);
                let mut views = known.iter().flat_map(|known| &known.people);
                views.any(|view| view.name == member.person && is_present(view.status))
            };
            let read = self.mail.index.iter().filter(|(cursor, opened)| {
                opened.room() == Some(&room.name)
                    && opened.is_for(user)
                    && self.history.holds(*cursor)
            });
            RoomInfo {
                room: room.name.clone(),
                joined: true,
                people: narrow(room.members.len()),
                present: narrow(room.members.iter().filter(is_there).count()),
                messages: read.count() as u64,
                private: true,
            }
        })
    }

    fn create_room(&mut self, now: Now, user: &str, name: &str) -> Result<Reply, Error> {
        let name = parse_private(name)?;
        if self.private.rooms.values().any(|room| room.name == name) {
            let words = format!("somebody on this node is in a private room {name} already");
            return Err(Error::new(ErrorCode::NameTaken, words).hint("choose another name"));
        }
        if self.private.len() >= limits::PRIVATE_ROOMS {
            let words =
                format!("this node is in {} private rooms, the most", limits::PRIVATE_ROOMS);
            return Err(Error::new(ErrorCode::TooMany, words)
                .hint("leave one: meshchatctl room leave NAME"));
        }
        let person = self.speaker(now, user)?;
        let key = self.env.secret().ok_or_else(no_secret)?;
        let id = RoomId(self.random_id());
        let me = self.me.id;
        let room = PrivateRoom {
            name,
            owner: me,
            keys: VecDeque::from([RoomKey { key, epoch: 0 }]),
            locals: [Local { user: user.into(), person: person.clone(), since: 0 }].into(),
            version: 1,
            members: [Member { node: me, person, since: 0 }].into(),
            parts: Default::default(),
        };
        self.private.put(id, room);
        self.private_info(user, &id).map(Reply::Private)
    }

    fn bring_in(&mut self, now: Now, user: &str, room: &str, person: &str) -> Result<Reply, Error> {
        let id = self.ruled_room(user, room)?;
        let (node, person) = self.find_person(user, person)?;
        if let Some(error) = self.dm_blocked(&node).or_else(|| self.uninvitable(&node)) {
            return Err(error);
        }
        let by = self.speaker(now, user)?;
        let called = self.full_name(&node, &person);
        let local = if node == self.me.id { self.people.user_called(&person) } else { None };
        let room = self.private.rooms.get_mut(&id).ok_or_else(gone)?;
        if room.members.iter().any(|member| member.node == node && member.person == person) {
            let words = format!("{called} is in {} already", room.name);
            return Err(Error::new(ErrorCode::NameTaken, words));
        }
        let there = room.people_on(&node).len();
        if room.members.len() >= ROOM_MEMBERS || there >= ROOM_MEMBERS_ON_NODE {
            let words = format!(
                "{} is full: {ROOM_MEMBERS} members, {ROOM_MEMBERS_ON_NODE} on one node",
                room.name
            );
            return Err(Error::new(ErrorCode::TooMany, words));
        }
        let newest = room.newest().cloned().ok_or_else(gone)?;
        let since = newest.epoch.saturating_add(1);
        room.put_key(next_key(&newest.key), since);
        room.members.push(Member { node, person: person.clone(), since });
        room.locals.extend(local.map(|user| Local { user, person, since }));
        if node != self.me.id {
            self.grant(&id, node, &by);
        }
        self.publish_members(&id);
        self.remark(now, &id, by, &format!("invited {called}"));
        Ok(Reply::Done {})
    }

    fn put_out(&mut self, now: Now, user: &str, room: &str, person: &str) -> Result<Reply, Error> {
        let id = self.ruled_room(user, room)?;
        let by = self.speaker(now, user)?;
        let info = self.private_info(user, &id)?;
        let member = pick(&info.members, person).ok_or_else(|| {
            Error::new(ErrorCode::NotFound, format!("no member {person:?} in {}", info.room))
                .hint(format!("see who is: meshchatctl room members '{}'", info.room))
        })?;
        let called = format!("{}@{}", member.person, member.node_name);
        self.take_out(&id, member.node, &member.person, &by)?;
        self.remark(now, &id, by, &format!("removed {called}"));
        Ok(Reply::Done {})
    }

    fn leave_room(&mut self, now: Now, user: &str, room: &str) -> Result<Reply, Error> {
        let id = self.own_room(user, room)?;
        let me = self.me.id;
        let room = self.private.rooms.get_mut(&id).ok_or_else(gone)?;
        let at = room.locals.iter().position(|local| local.user == user).ok_or_else(gone)?;
        let person = room.locals.get(at).map(|local| local.person.clone()).ok_or_else(gone)?;
        let (owner, epoch, is_last) = (room.owner, room.epoch(), room.locals.len() == 1);
        if owner != me {
            room.locals.remove(at);
            self.private.changed = true;
            self.post(owner, &Content::Leave(Leave { room: id, person, epoch }));
        } else if is_last {
            self.hand_over(now, &id, &person);
        } else {
            self.remark(now, &id, person.clone(), "left the room");
            self.take_out(&id, me, &person, &person.clone())?;
        }
        if is_last {
            self.private.forget(&id);
        }
        Ok(Reply::Done {})
    }

    /// The last member on the owner's node goes: the node of the next one is the owner from now
    /// on, and changes the key.
    fn hand_over(&mut self, now: Now, id: &RoomId, person: &PersonName) {
        self.remark(now, id, person.clone(), "left the room");
        let me = self.me.id;
        let Some(room) = self.private.rooms.get_mut(id) else { return };
        room.members.retain(|member| member.node != me);
        if let Some(heir) = room.members.first().map(|member| member.node) {
            room.owner = heir;
            self.publish_members(id);
        }
    }

    /// Takes a member out and renews the key.
    fn take_out(
        &mut self,
        id: &RoomId,
        node: NodeId,
        person: &PersonName,
        by: &PersonName,
    ) -> Result<(), Error> {
        let me = self.me.id;
        let room = self.private.rooms.get_mut(id).ok_or_else(gone)?;
        let before = (room.members.clone(), room.locals.clone(), room.epoch());
        room.members.retain(|member| (member.node, &member.person) != (node, person));
        if node == me {
            room.locals.retain(|local| local.person != *person);
        }
        if self.renew_key(id, by).is_none() {
            if let Some(room) = self.private.rooms.get_mut(id) {
                (room.members, room.locals) = (before.0, before.1);
            }
            return Err(no_secret());
        }
        if node != me {
            let leave = Leave { room: *id, person: person.clone(), epoch: before.2 };
            self.post(node, &Content::Leave(leave));
        }
        Ok(())
    }

    /// The room that a user means, if this node looks after it.
    fn ruled_room(&self, user: &str, room: &str) -> Result<RoomId, Error> {
        let id = self.own_room(user, room)?;
        let room = self.private.get(&id).ok_or_else(gone)?;
        if room.owner == self.me.id {
            return Ok(id);
        }
        let owner = self.nodes.name(&room.owner);
        let words = format!("only members on {owner} let people into {} and out", room.name);
        let hint = format!("see who is there: meshchatctl room members '{}'", room.name);
        Err(Error::new(ErrorCode::Denied, words).hint(hint))
    }

    /// Says in a room what somebody did to it.
    fn remark(&mut self, now: Now, id: &RoomId, from: PersonName, words: &str) {
        if let Ok(text) = words.parse() {
            let (kind, wall) = (MessageKind::Action, now.wall_ms);
            self.post_in_room(id, &Content::Say(Say { from, kind, text, wall }));
        }
    }

    /// Why nobody on a node can be let into private rooms.
    fn uninvitable(&self, node: &NodeId) -> Option<Error> {
        if !self.roster.is_closed() || self.roster.role_of(node) > Some(Role::Guest) {
            return None;
        }
        let words = format!("{} is a guest of this network", self.nodes.name(node));
        Some(Error::new(ErrorCode::Denied, words).hint(format!(
            "guests cannot be let into private rooms; an admin can make it a member: meshchatctl members promote {}",
            self.nodes.name(node)
        )))
    }

    fn private_info(&self, user: &str, id: &RoomId) -> Result<PrivateInfo, Error> {
        let room = self.private.get(id).ok_or_else(gone)?;
        let own = room.locals.iter().find(|local| local.user == user).map(|local| &local.person);
        let member = |member: &Member| RoomMember {
            person: member.person.clone(),
            node: member.node,
            node_name: self.nodes.name(&member.node),
            me: member.node == self.me.id && Some(&member.person) == own,
        };
        Ok(PrivateInfo {
            room: room.name.clone(),
            owner: room.owner,
            owner_name: self.nodes.name(&room.owner),
            epoch: room.epoch(),
            members: room.members.iter().map(member).collect(),
        })
    }
}

/// The one member that `text` means: `PERSON`, `PERSON@NODE` or `PERSON@ID`.
fn pick<'a>(members: &'a [RoomMember], text: &str) -> Option<&'a RoomMember> {
    let fits = |member: &&RoomMember| match text.rsplit_once('@') {
        Some((person, node)) => {
            let ids: [String; 2] = [member.node.short(), member.node.to_string()];
            let is_node = member.node_name.as_str() == node || ids.iter().any(|id| id == node);
            member.person.as_str() == person && is_node
        }
        None => member.person.as_str() == text,
    };
    let found: Vec<_> = members.iter().filter(fits).collect();
    if let [one] = found.as_slice() { Some(one) } else { None }
}

fn parse_private(room: &str) -> Result<RoomName, Error> {
    RoomName::private(room).map_err(|error| {
        Error::new(ErrorCode::BadArgument, format!("bad room: {error}")).hint(format!(
            "a private room is a word such as #~family, of at most {PRIVATE_ROOM_CHARS} characters"
        ))
    })
}

fn no_secret() -> Error {
    Error::new(ErrorCode::Internal, "this system gives no random numbers, so nothing can be sealed")
        .hint("try again later in the boot")
}

fn gone() -> Error {
    Error::new(ErrorCode::NotFound, "you are not in that room any more")
}
