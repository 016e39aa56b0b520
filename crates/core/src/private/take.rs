//! What comes in for private rooms.

use alloc::vec::Vec;

use meshchat_proto::id::{NodeId, RoomId};
use meshchat_proto::limits::ROOM_MEMBERS;
use meshchat_proto::message::Body;
use meshchat_proto::name::RoomName;
use meshchat_proto::sealed::{Content, Grant, Leave, Members, outer_room, room_context};

use super::{Local, PrivateRoom, RoomKey};
use crate::env::Env;
use crate::history::Entry;
use crate::limits;
use crate::mail::{Of, Opened, unlock};
use crate::node::Node;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Looks into a message of a private room that is about to be shown at `cursor`.
    pub(crate) fn take_in_room(
        &mut self,
        now: Now,
        cursor: u64,
        outer: &RoomName,
        body: &Body<'_>,
    ) {
        let Some((id, key, content)) = self.open_in_room(outer, body) else { return };
        match content {
            Content::Say(_) => {
                let Some(room) = self.private.get(&id) else { return };
                if !room.is_member(&body.node) {
                    return;
                }
                let (name, users) = (room.name.clone(), room.readers(key.epoch));
                let opened = Opened { key: key.key, of: Of::Room { room: id, name, users } };
                self.mail.index.put(self.history.oldest_cursor(), cursor, opened);
            }
            Content::Members(members) => self.take_members(now, id, &body.node, members),
            Content::Direct(_) | Content::Receipt(_) | Content::Grant(_) | Content::Leave(_) => {}
        }
    }

    /// The content of a message in a room whose key is known or follows from a known one.
    fn open_in_room(
        &mut self,
        outer: &RoomName,
        body: &Body<'_>,
    ) -> Option<(RoomId, RoomKey, Content)> {
        let (id, room) = self.private.of_outer(outer)?;
        let key = room.find_key(body.key?)?;
        // Others may speak with a later key, but only the owner moves the room on to it: a member
        // who is about to be removed would else keep everybody on keys that it can make.
        let is_next = key.epoch > room.epoch() && room.owner == body.node;
        let context = room_context(&self.me.network, &body.node, &id);
        let content = unlock(&mut self.env, &key.key, &context, body)?;
        if is_next && let Some(room) = self.private.rooms.get_mut(&id) {
            room.put_key(key.key, key.epoch);
            self.private.changed = true;
        }
        Some((id, key, content))
    }

    /// A key from the node of the owner, or an invitation into a new room.
    pub(crate) fn take_grant(&mut self, from: NodeId, grant: Grant) {
        let id = grant.room;
        let known = self.private.get(&id).map(|room| (room.owner, room.epoch()));
        let is_old = match known {
            Some((owner, epoch)) => owner != from || grant.epoch <= epoch,
            None => self.private.left_at(&id).is_some_and(|epoch| grant.epoch <= epoch),
        };
        let is_full = known.is_none()
            && (self.private.len() >= limits::PRIVATE_ROOMS
                || self.private.owned_by(&from) >= limits::PRIVATE_ROOMS_OWNER);
        let before = known.map_or(0, |(_, epoch)| epoch);
        let is_absurd = grant.epoch > before.saturating_add(limits::ROOM_JUMP);
        let Ok(name) = RoomName::private(grant.name.as_str()) else { return };
        if is_old || is_full || is_absurd || from == self.me.id {
            return;
        }
        let mut locals = Vec::new();
        let before = self.private.get(&id).map(|room| room.locals.clone()).unwrap_or_default();
        for person in grant.people {
            let stays = before.iter().find(|local| local.person == person).cloned();
            let user = self.people.user_called(&person);
            let comes = user.filter(|user| !self.is_blocked(user, &from, &grant.by));
            let comes = comes.map(|user| Local { user, person, since: grant.epoch });
            locals.extend(stays.or(comes));
        }
        if locals.is_empty() {
            return self.private.forget(&id);
        }
        let name = self.private.free_name(&id, name);
        let room = self.private.rooms.remove(&id).unwrap_or_else(|| PrivateRoom {
            name,
            owner: from,
            keys: Default::default(),
            locals: Vec::new(),
            version: 0,
            members: Vec::new(),
            parts: Default::default(),
        });
        let mut room = PrivateRoom { locals, ..room };
        room.put_between(grant.epoch);
        room.put_key(grant.key, grant.epoch);
        self.private.put(id, room);
        self.private.stale.insert(id);
    }

    /// Somebody goes: they say so to the owner, or the owner says so to them.
    pub(crate) fn take_leave(&mut self, from: NodeId, leave: &Leave) {
        let me = self.me.id;
        let Some(room) = self.private.rooms.get_mut(&leave.room) else { return };
        if room.owner == me && from != me {
            let before = room.members.len();
            room.members.retain(|member| {
                (member.node, &member.person) != (from, &leave.person) || member.since > leave.epoch
            });
            if room.members.len() < before {
                self.renew_key(&leave.room, &leave.person);
            }
        } else if room.owner == from {
            let goes = |local: &Local| local.person == leave.person && local.since <= leave.epoch;
            room.locals.retain(|local| !goes(local));
            self.private.changed = true;
            if room.locals.is_empty() {
                self.private.forget(&leave.room);
            }
        }
    }

    /// A part of the list of members, which only the owner's node can write.
    fn take_members(&mut self, _now: Now, id: RoomId, from: &NodeId, said: Members) {
        let me = self.me.id;
        let Some(room) = self.private.rooms.get_mut(&id) else { return };
        if room.owner != *from || *from == me || said.version <= room.version {
            return;
        }
        if said.version > room.version.saturating_add(limits::ROOM_JUMP) {
            return;
        }
        if said.version < room.parts.0 || usize::from(said.part) >= ROOM_MEMBERS {
            return;
        }
        if said.version > room.parts.0 {
            room.parts = (said.version, Default::default());
        }
        room.parts.1.insert(said.part, said.members);
        if room.parts.1.len() < usize::from(said.parts) {
            return;
        }
        room.members = core::mem::take(&mut room.parts.1).into_values().flatten().collect();
        room.members.truncate(ROOM_MEMBERS);
        room.version = said.version;
        room.locals.retain(|local| {
            let is_named =
                |m: &meshchat_proto::sealed::Member| m.node == me && m.person == local.person;
            local.since > said.epoch || room.members.iter().any(is_named)
        });
        let heir = (said.owner != room.owner).then_some(said.owner);
        room.owner = said.owner;
        let (is_over, by) = (room.locals.is_empty(), room.locals.first().cloned());
        self.private.changed = true;
        self.private.stale.insert(id);
        if is_over {
            return self.private.forget(&id);
        }
        match (heir, by) {
            (Some(heir), Some(by)) if heir == me => {
                // Who was owner before is out, and knows the key.
                self.renew_key(&id, &by.person);
            }
            // Its first keys may have come before this.
            (Some(heir), _) => {
                self.private.doubted.insert(heir);
            }
            (None, _) => {}
        }
    }

    /// Looks again into sealed messages of a node, which were not believed before.
    pub(super) fn retake_from(&mut self, node: &NodeId) {
        let outer = meshchat_proto::sealed::direct_room();
        let of_node = |entry: &&Entry| entry.node == *node && entry.room == outer;
        let bodies: Vec<_> =
            self.history.iter().filter(of_node).map(|entry| entry.body.clone()).collect();
        for bytes in bodies {
            if let Ok(body) = Body::parse(&bytes) {
                self.take_orders(&body);
            }
        }
    }

    /// Shows what a new key, or a new list of members, has made readable, as caught up.
    pub(super) fn reread(&mut self, now: Now, id: RoomId) {
        let outer = outer_room(&id);
        let closed = |(cursor, entry): &(u64, &Entry)| {
            entry.room == outer && self.mail.index.get(*cursor).is_none()
        };
        let closed: Vec<_> =
            self.history.from(0).filter(closed).map(|(cursor, _)| cursor).collect();
        for cursor in closed {
            let Some(bytes) = self.history.get(cursor).map(|entry| entry.body.clone()) else {
                continue;
            };
            let Ok(body) = Body::parse(&bytes) else { continue };
            let Some((_, key, content)) = self.open_in_room(&outer, &body) else { continue };
            let Some(room) = self.private.get(&id) else { return };
            let is_readable = room.is_member(&body.node) && !room.readers(key.epoch).is_empty();
            match content {
                Content::Members(members) => self.take_members(now, id, &body.node, members),
                Content::Say(_) if is_readable => {
                    if let Some(entry) = self.history.lift(cursor) {
                        self.show(now, Entry { caught_up: true, ..entry }, &body);
                    }
                }
                Content::Say(_)
                | Content::Direct(_)
                | Content::Receipt(_)
                | Content::Grant(_)
                | Content::Leave(_) => {}
            }
        }
    }
}
