//! Private rooms: words that only the members can read.
//!
//! Each room has a key, which its owner's node hands to the nodes of the members. A newcomer gets
//! the next key, which the others make from theirs (a ratchet: nobody gets back from it), and so
//! reads nothing older; when somebody goes, a fresh key goes to all who stay. Only the owner's
//! node says who is a member.

mod keys;
mod requests;
mod take;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use meshchat_proto::id::{KeyId, NodeId, RoomId};
use meshchat_proto::name::{PersonName, RoomName};
use meshchat_proto::sealed::{KEY, Member, next_key, outer_room};

use crate::env::Env;
use crate::io::Output;
use crate::limits;
use crate::node::Node;
use crate::time::Now;

/// A private room that somebody on this node is in.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedRoom {
    id: RoomId,
    room: PrivateRoom,
}

/// All that outlives a restart of private rooms. It holds their keys.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedRooms {
    /// Rooms that somebody here is in.
    #[serde(default)]
    pub rooms: Vec<SavedRoom>,
    /// Rooms that were left, and the newest epoch known then.
    #[serde(default)]
    pub left: Vec<(RoomId, u64)>,
}

/// One key of a room.
#[derive(Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct RoomKey {
    #[serde(with = "serde_bytes")]
    pub(crate) key: [u8; KEY],
    pub(crate) epoch: u64,
}

// The key stays out of logs.
impl fmt::Debug for RoomKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoomKey").field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// A member on this node, by Unix user.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Local {
    pub(crate) user: String,
    /// As the owner calls them.
    pub(crate) person: PersonName,
    /// The epoch from which on they read.
    pub(crate) since: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct PrivateRoom {
    /// What it is called here.
    pub(crate) name: RoomName,
    pub(crate) owner: NodeId,
    /// The newest first, at most [`limits::ROOM_KEYS`].
    pub(crate) keys: VecDeque<RoomKey>,
    pub(crate) locals: Vec<Local>,
    /// Of the list of members.
    pub(crate) version: u64,
    pub(crate) members: Vec<Member>,
    /// Parts of a newer list, by number, until all are there.
    #[serde(skip)]
    parts: (u64, BTreeMap<u8, Vec<Member>>),
}

/// All private rooms of the people of this node.
#[derive(Debug, Default)]
pub(crate) struct Private {
    rooms: BTreeMap<RoomId, PrivateRoom>,
    outer: BTreeMap<RoomName, RoomId>,
    left: VecDeque<(RoomId, u64)>,
    /// Rooms whose history is to be looked through again.
    stale: BTreeSet<RoomId>,
    /// Nodes whose sealed messages are to be looked through again.
    doubted: BTreeSet<NodeId>,
    changed: bool,
}

impl Private {
    /// Forgets all rooms, as the network is another.
    pub(crate) fn forget_all(&mut self) {
        *self = Self { changed: true, ..Self::default() };
    }

    /// Nodes whose people are in some room, some of them more than once.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = NodeId> {
        let members = self.rooms.values().flat_map(|room| &room.members).map(|member| member.node);
        members.chain(self.rooms.values().map(|room| room.owner))
    }
}

impl PrivateRoom {
    pub(crate) fn newest(&self) -> Option<&RoomKey> {
        self.keys.front()
    }

    pub(crate) fn epoch(&self) -> u64 {
        self.newest().map_or(0, |key| key.epoch)
    }

    fn put_key(&mut self, key: [u8; KEY], epoch: u64) {
        self.keys.push_front(RoomKey { key, epoch });
        self.keys.truncate(limits::ROOM_KEYS);
    }

    /// Keeps the keys of invitations that a fresh key of this epoch is ahead of: messages under
    /// them may come late.
    fn put_between(&mut self, epoch: u64) {
        for _ in 0..limits::ROOM_KEYS_BETWEEN {
            let Some(newest) = self.newest().filter(|key| key.epoch.saturating_add(1) < epoch)
            else {
                return;
            };
            let (key, next) = (next_key(&newest.key), newest.epoch.saturating_add(1));
            self.put_key(key, next);
        }
    }

    /// The key with this id: one of those at hand, or one that follows from the newest.
    fn find_key(&self, id: KeyId) -> Option<RoomKey> {
        if let Some(known) = self.keys.iter().find(|known| KeyId::of(&known.key) == id) {
            return Some(known.clone());
        }
        let mut next = self.newest()?.clone();
        for _ in 0..limits::ROOM_KEYS_AHEAD {
            let epoch = next.epoch.saturating_add(1);
            next = RoomKey { key: next_key(&next.key), epoch };
            if KeyId::of(&next.key) == id {
                return Some(next);
            }
        }
        None
    }

    /// Local users who read what is locked with the key of an epoch.
    fn readers(&self, epoch: u64) -> Vec<String> {
        let may = self.locals.iter().filter(|local| local.since <= epoch);
        may.map(|local| local.user.clone()).collect()
    }

    fn is_member(&self, node: &NodeId) -> bool {
        self.members.iter().any(|member| member.node == *node)
    }

    /// Nodes of members, each once, without this one.
    fn nodes(&self, me: NodeId) -> BTreeSet<NodeId> {
        let nodes = self.members.iter().map(|member| member.node);
        nodes.filter(|node| *node != me).collect()
    }

    fn people_on(&self, node: &NodeId) -> Vec<PersonName> {
        let there = self.members.iter().filter(|member| member.node == *node);
        there.map(|member| member.person.clone()).collect()
    }
}

impl Private {
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    /// Rooms that a node looks after.
    fn owned_by(&self, owner: &NodeId) -> usize {
        self.rooms.values().filter(|room| room.owner == *owner).count()
    }

    pub(crate) fn get(&self, id: &RoomId) -> Option<&PrivateRoom> {
        self.rooms.get(id)
    }

    /// The room that goes by this name outside.
    pub(crate) fn of_outer(&self, outer: &RoomName) -> Option<(RoomId, &PrivateRoom)> {
        let id = self.outer.get(outer)?;
        Some((*id, self.rooms.get(id)?))
    }

    /// The room that a user is in under this name.
    pub(crate) fn of_user(&self, user: &str, name: &RoomName) -> Option<RoomId> {
        let mut rooms = self.rooms_of(user);
        rooms.find(|(_, room)| room.name == *name).map(|(id, _)| *id)
    }

    /// All rooms of a user.
    pub(crate) fn rooms_of(&self, user: &str) -> impl Iterator<Item = (&RoomId, &PrivateRoom)> {
        let is_in = move |room: &PrivateRoom| room.locals.iter().any(|local| local.user == user);
        self.rooms.iter().filter(move |(_, room)| is_in(room))
    }

    fn put(&mut self, id: RoomId, room: PrivateRoom) {
        self.outer.insert(outer_room(&id), id);
        self.rooms.insert(id, room);
        self.changed = true;
    }

    /// Forgets a room that nobody here is in any more, and that it was left.
    fn forget(&mut self, id: &RoomId) {
        let Some(room) = self.rooms.remove(id) else { return };
        self.outer.remove(&outer_room(id));
        self.left.retain(|(left, _)| left != id);
        self.left.push_back((*id, room.epoch()));
        if self.left.len() > limits::ROOMS_LEFT {
            self.left.pop_front();
        }
        self.changed = true;
    }

    /// The newest epoch that was known of a room when it was left.
    fn left_at(&self, id: &RoomId) -> Option<u64> {
        self.left.iter().find(|(left, _)| left == id).map(|(_, epoch)| *epoch)
    }

    /// A name that no other room here has.
    fn free_name(&self, id: &RoomId, name: RoomName) -> RoomName {
        let taken = |name: &RoomName| {
            self.rooms.iter().any(|(other, room)| other != id && room.name == *name)
        };
        if !taken(&name) {
            return name;
        }
        let tagged = alloc::format!("{name}~{}", id.short());
        tagged.parse().unwrap_or(name)
    }
}

impl<E: Env> Node<E> {
    /// Takes over what was saved. Call it once, before anything is handled.
    pub fn load_rooms(&mut self, now: Now, saved: SavedRooms) {
        for SavedRoom { id, room } in saved.rooms.into_iter().take(limits::PRIVATE_ROOMS) {
            self.private.put(id, room);
        }
        self.private.left = saved.left.into_iter().take(limits::ROOMS_LEFT).collect();
        self.private.changed = false;
        self.expel_strangers(now);
        self.reopen_history(now);
    }

    /// Takes a node out of all private rooms that this node owns; those whose owner it was go to
    /// the node of the next member. For nodes that were removed from the network.
    pub fn expel(&mut self, now: Now, gone: &NodeId) {
        let ids: Vec<RoomId> = self.private.rooms.keys().copied().collect();
        for id in ids {
            self.expel_from(now, id, gone);
        }
    }

    /// Takes all out who do not belong to the network. What was decided just before the power
    /// went may not be on disk for rooms, so this is looked at after a start, too.
    pub(crate) fn expel_strangers(&mut self, now: Now) {
        let strangers = self.private.nodes().filter(|node| !self.roster.admits(node));
        for node in strangers.collect::<BTreeSet<_>>() {
            self.expel(now, &node);
        }
    }

    /// Shows what has become readable, and writes what changed. Called before the node rests.
    pub(crate) fn tick_rooms(&mut self, now: Now) {
        while let Some(node) = self.private.doubted.pop_first() {
            self.retake_from(&node);
        }
        while let Some(id) = self.private.stale.pop_first() {
            self.reread(now, id);
        }
        if core::mem::take(&mut self.private.changed) {
            let save =
                |(id, room): (&RoomId, &PrivateRoom)| SavedRoom { id: *id, room: room.clone() };
            let rooms = self.private.rooms.iter().map(save).collect();
            let left = self.private.left.iter().copied().collect();
            self.out.push_back(Output::SaveRooms(SavedRooms { rooms, left }));
        }
    }
}
