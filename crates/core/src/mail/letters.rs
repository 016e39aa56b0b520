//! Which direct messages were seen, and which messages in history this node has opened.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use meshchat_proto::id::{LetterId, NodeId, RoomId};
use meshchat_proto::name::RoomName;
use meshchat_proto::sealed::KEY;

use crate::limits;

/// A direct message that came or went here, by the Unix users who may read it: names change, and
/// a name that somebody takes over does not open the letters of its former owner.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Letter {
    pub(crate) from_user: Option<String>,
    pub(crate) to_user: Option<String>,
    pub(crate) read: bool,
    /// It was shown in this run.
    #[serde(skip)]
    pub(crate) shown: bool,
}

/// What outlives a restart of a direct message that was seen.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedLetter {
    node: NodeId,
    id: LetterId,
    letter: Letter,
}

/// The newest [`limits::LETTERS`] letters; one that is forgotten and comes again is shown again.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    map: BTreeMap<(NodeId, LetterId), Letter>,
    order: VecDeque<(NodeId, LetterId)>,
}

impl Letters {
    pub(crate) fn load(saved: Vec<SavedLetter>) -> Self {
        let mut letters = Self::default();
        for SavedLetter { node, id, letter } in saved {
            *letters.entry(node, id) = letter;
        }
        letters
    }

    pub(crate) fn save(&self) -> Vec<SavedLetter> {
        let save = |(node, id): &(NodeId, LetterId)| {
            let letter = self.map.get(&(*node, *id))?.clone();
            Some(SavedLetter { node: *node, id: *id, letter })
        };
        self.order.iter().filter_map(save).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn get(&self, node: NodeId, id: LetterId) -> Option<&Letter> {
        self.map.get(&(node, id))
    }

    pub(crate) fn get_mut(&mut self, node: NodeId, id: LetterId) -> Option<&mut Letter> {
        self.map.get_mut(&(node, id))
    }

    /// The letter of this sender, made when it is new; the oldest makes room.
    pub(crate) fn entry(&mut self, node: NodeId, id: LetterId) -> &mut Letter {
        if !self.map.contains_key(&(node, id)) {
            if self.order.len() >= limits::LETTERS
                && let Some(oldest) = self.order.pop_front()
            {
                self.map.remove(&oldest);
            }
            self.order.push_back((node, id));
        }
        self.map.entry((node, id)).or_default()
    }
}

/// A message in history that this node has the key of.
pub(crate) struct Opened {
    pub(crate) key: [u8; KEY],
    pub(crate) of: Of,
}

// The key stays out of logs.
impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opened").field("of", &self.of).finish_non_exhaustive()
    }
}

/// What it is.
#[derive(Debug)]
pub(crate) enum Of {
    /// A direct message.
    Letter { id: LetterId, from_user: Option<String>, to_user: Option<String> },
    /// Words in a private room, for those who were members here when it was opened.
    Room { room: RoomId, name: RoomName, users: Vec<String> },
}

impl Opened {
    /// Whether a user may read it.
    pub(crate) fn is_for(&self, user: &str) -> bool {
        match &self.of {
            Of::Letter { from_user, to_user, .. } => {
                [from_user, to_user].iter().any(|own| own.as_deref() == Some(user))
            }
            Of::Room { users, .. } => users.iter().any(|own| own == user),
        }
    }

    /// Whether a user wrote it to somebody.
    pub(crate) fn is_from(&self, user: &str) -> bool {
        matches!(&self.of, Of::Letter { from_user: Some(own), .. } if own == user)
    }

    /// The private room that it belongs to.
    pub(crate) fn room(&self) -> Option<&RoomName> {
        match &self.of {
            Of::Letter { .. } => None,
            Of::Room { name, .. } => Some(name),
        }
    }
}

/// Opened messages by their place in history.
#[derive(Debug, Default)]
pub(crate) struct Index(BTreeMap<u64, Opened>);

impl Index {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn get(&self, cursor: u64) -> Option<&Opened> {
        self.0.get(&cursor)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Opened)> {
        self.0.iter().map(|(cursor, opened)| (*cursor, opened))
    }

    /// Takes one in. What history holds from `oldest` on stays; the oldest makes room.
    pub(crate) fn put(&mut self, oldest: u64, cursor: u64, opened: Opened) {
        self.0.insert(cursor, opened);
        while self.0.len() > limits::OPENED
            || self.0.first_key_value().is_some_and(|(first, _)| *first < oldest.min(cursor))
        {
            self.0.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::iter;

    fn id(number: usize) -> LetterId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
        LetterId(bytes)
    }

    #[test]
    fn the_oldest_letters_are_forgotten() {
        let (node, mut letters) = (NodeId([1; 32]), Letters::default());
        for number in 0..limits::LETTERS + 10 {
            letters.entry(node, id(number)).to_user = Some("ann".into());
        }
        assert_eq!(letters.len(), limits::LETTERS);
        assert!(letters.get(node, id(9)).is_none());
        assert!(letters.get(node, id(10)).is_some());
        assert!(letters.get(NodeId([2; 32]), id(10)).is_none());
        let again = Letters::load(letters.save());
        assert_eq!((again.len(), again.save()), (limits::LETTERS, letters.save()));
    }

    #[test]
    fn what_history_forgot_goes_from_the_index() {
        let opened = || Opened {
            key: [0; KEY],
            of: Of::Letter { id: id(1), from_user: None, to_user: Some("ann".into()) },
        };
        let mut index = Index::default();
        for (cursor, opened) in (1..=10).zip(iter::repeat_with(opened)) {
            index.put(1, cursor, opened);
        }
        index.put(6, 11, opened());
        assert_eq!(
            index.iter().map(|(cursor, _)| cursor).collect::<Vec<_>>(),
            [6, 7, 8, 9, 10, 11]
        );
        for cursor in 12..2 * limits::OPENED as u64 {
            index.put(6, cursor, opened());
        }
        assert_eq!(index.len(), limits::OPENED);
        assert!(index.get(11).is_none());
        assert!(opened().is_for("ann") && !opened().is_for("bob") && !opened().is_from("ann"));
    }
}
