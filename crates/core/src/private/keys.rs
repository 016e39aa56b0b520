//! Keys of private rooms: changed, handed out, used.

use alloc::vec::Vec;

use meshchat_proto::id::{KeyId, NodeId, RoomId};
use meshchat_proto::limits::ROOM_MEMBERS_PART;
use meshchat_proto::message::Draft;
use meshchat_proto::name::PersonName;
use meshchat_proto::sealed::{Content, Grant, Members, NONCE, Sealed, outer_room, room_context};

use crate::chat::{Outgoing, Post};
use crate::env::Env;
use crate::node::Node;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Locks a content with the newest key of a room.
    pub(crate) fn lock_for(&mut self, id: &RoomId, content: &Content) -> Option<Draft> {
        let key = self.private.get(id)?.newest()?.key;
        let mut nonce = [0; NONCE];
        nonce.copy_from_slice(self.env.secret()?.get(..NONCE)?);
        let context = room_context(&self.me.network, &self.me.id, id);
        let locked = self.env.lock(&key, &nonce, &context, &content.pad())?;
        let lock = [&nonce[..], &locked].concat().into();
        let sealed = Sealed { to: None, keys: Vec::new(), key: Some(KeyId::of(&key)), lock };
        Some(Draft::of_sealed(outer_room(id), sealed))
    }

    /// Says something in a room that nobody waits for.
    pub(super) fn post_in_room(&mut self, id: &RoomId, content: &Content) {
        if let Some(draft) = self.lock_for(id, content) {
            self.outgoing.push_back(Outgoing { session: 0, id: 0, draft, post: Post::Silent });
        }
    }

    /// Gives everybody who stays a fresh key, and tells them who does. None without randomness;
    /// nothing has changed then.
    pub(super) fn renew_key(&mut self, id: &RoomId, by: &PersonName) -> Option<()> {
        let key = self.env.secret()?;
        let me = self.me.id;
        let room = self.private.rooms.get_mut(id)?;
        room.put_key(key, room.epoch().saturating_add(1));
        let nodes = room.nodes(me);
        self.private.changed = true;
        for node in nodes {
            self.grant(id, node, by);
        }
        self.publish_members(id);
        Some(())
    }

    /// Hands the newest key to a node.
    pub(super) fn grant(&mut self, id: &RoomId, node: NodeId, by: &PersonName) {
        let Some(room) = self.private.get(id) else { return };
        let Some(newest) = room.newest() else { return };
        let grant = Grant {
            room: *id,
            name: room.name.clone(),
            key: newest.key,
            epoch: newest.epoch,
            people: room.people_on(&node),
            by: by.clone(),
        };
        self.post(node, &Content::Grant(grant));
    }

    /// Tells the room who is in it.
    pub(super) fn publish_members(&mut self, id: &RoomId) {
        let Some(room) = self.private.rooms.get_mut(id) else { return };
        room.version = room.version.saturating_add(1);
        self.private.changed = true;
        let (version, epoch, owner) = (room.version, room.epoch(), room.owner);
        let parts: Vec<_> = room.members.chunks(ROOM_MEMBERS_PART).map(<[_]>::to_vec).collect();
        let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        for (part, members) in (0..count).zip(parts) {
            let members = Members { version, epoch, owner, part, parts: count, members };
            self.post_in_room(id, &Content::Members(members));
        }
    }

    pub(super) fn expel_from(&mut self, _now: Now, id: RoomId, gone: &NodeId) {
        let me = self.me.id;
        let Some(room) = self.private.rooms.get_mut(&id) else { return };
        if !room.is_member(gone) && room.owner != *gone {
            return;
        }
        room.members.retain(|member| member.node != *gone);
        self.private.changed = true;
        if room.owner == *gone {
            // All members see the same list, and so the same heir.
            room.owner = room.members.first().map_or(me, |member| member.node);
            let owner = room.owner;
            self.private.doubted.insert(owner);
        }
        let Some(room) = self.private.get(&id).filter(|room| room.owner == me) else { return };
        if let Some(by) = room.locals.first().map(|local| local.person.clone()) {
            self.renew_key(&id, &by);
        }
    }
}
