//! Rooms that were heard of, and what was last said in each.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use meshchat_proto::id::MessageId;
use meshchat_proto::id::MessageRef;
use meshchat_proto::limits::SEEN_REFS;
use meshchat_proto::name::RoomName;

use crate::limits;

#[derive(Debug, Default)]
struct Room {
    /// Newest messages of others since this node last spoke here.
    frontier: VecDeque<MessageRef>,
    touched: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Rooms {
    rooms: BTreeMap<RoomName, Room>,
    touches: u64,
}

impl Rooms {
    pub(crate) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &RoomName> {
        self.rooms.keys()
    }

    /// The one shared name of a room, which `name` must be the valid name of.
    pub(crate) fn intern(&mut self, name: &str) -> Option<RoomName> {
        if let Some((known, _)) = self.rooms.get_key_value(name) {
            return Some(known.clone());
        }
        let name = RoomName::from_wire(name).ok()?;
        if self.rooms.len() >= limits::ROOMS {
            let quietest = self.rooms.iter().min_by_key(|(_, room)| room.touched);
            let quietest = quietest.map(|(name, _)| name.clone())?;
            self.rooms.remove(&quietest);
        }
        self.touches += 1;
        let room = Room { touched: self.touches, ..Room::default() };
        self.rooms.insert(name.clone(), room);
        Some(name)
    }

    /// Notes that somebody else's message was shown.
    pub(crate) fn heard(&mut self, name: &RoomName, id: MessageId) {
        self.touches += 1;
        let Some(room) = self.rooms.get_mut(name) else { return };
        room.touched = self.touches;
        if room.frontier.len() == SEEN_REFS {
            room.frontier.pop_front();
        }
        room.frontier.push_back(id.to_ref());
    }

    /// What a new message of this node names as seen. A second one in a row names nothing: it
    /// follows from the first.
    pub(crate) fn take_frontier(&mut self, name: &RoomName) -> Vec<MessageRef> {
        self.touches += 1;
        let Some(room) = self.rooms.get_mut(name) else { return Vec::new() };
        room.touched = self.touches;
        room.frontier.drain(..).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn the_quietest_room_makes_room() {
        let mut rooms = Rooms::default();
        for n in 0..limits::ROOMS {
            rooms.intern(&format!("#r{n}"));
        }
        rooms.heard(&"#r0".parse().unwrap(), MessageId([0; 32]));
        rooms.intern("#new");
        assert_eq!(rooms.len(), limits::ROOMS);
        assert!(rooms.names().any(|name| name.as_str() == "#r0"));
        assert!(!rooms.names().any(|name| name.as_str() == "#r1"));
    }

    #[test]
    fn the_frontier_names_the_newest_of_others_once() {
        let mut rooms = Rooms::default();
        let lobby = rooms.intern("#lobby").unwrap();
        for n in 0..9u8 {
            rooms.heard(&lobby, MessageId([n; 32]));
        }
        let refs: Vec<_> = (5..9).map(|n| MessageRef([n; 8])).collect();
        assert_eq!(rooms.take_frontier(&lobby), refs);
        assert!(rooms.take_frontier(&lobby).is_empty());
    }
}
