//! What is inside a message that only some may read.
//!
//! The outside is a [`crate::message::Body`] that says nothing; the inside is a [`Content`],
//! padded and locked. A direct message is locked with a fresh key, which travels sealed to the
//! node of the recipient and to the author's own; a message in a private room is locked with the
//! key of that room.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use crate::codec;
use crate::id::{KeyId, LetterId, MessageId, NetworkId, NodeId, RoomId};
use crate::limits;
use crate::message::MessageKind;
use crate::name::{PersonName, RoomName, Text};

/// Bytes of a key that locks contents.
pub const KEY: usize = 32;
/// Bytes of the nonce in front of every locked content.
pub const NONCE: usize = 24;

/// The sealed fields of a body, to keep.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sealed {
    /// The node that it is for; none in a private room.
    pub to: Option<NodeId>,
    /// The key of `lock`, sealed to that node, then to the author's own.
    pub keys: Vec<ByteBuf>,
    /// The room key that opens `lock`.
    pub key: Option<KeyId>,
    /// The nonce, then the locked content.
    pub lock: ByteBuf,
}

/// The content of a sealed message. One that this build does not know is passed over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// Words for one person.
    Direct(Direct),
    /// What became of direct messages.
    Receipt(Receipt),
    /// The key of a private room, for one node.
    Grant(Grant),
    /// A member goes, or has to go.
    Leave(Leave),
    /// Words in a private room.
    Say(Say),
    /// Who is in a private room.
    Members(Members),
}

/// Words for one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// Who says it, on the node that signed the message.
    pub from: PersonName,
    /// To whom, on the node that the message is for.
    pub to: PersonName,
    /// The same over all its sendings.
    pub id: LetterId,
    /// What the author did.
    pub kind: MessageKind,
    /// The words.
    pub text: Text,
    /// Milliseconds since 1970 by the author's clock; for display only.
    pub wall: u64,
}

/// What became of direct messages, said by the node that they were for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// They came.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "letters")]
    pub delivered: Vec<LetterId>,
    /// They were given to a program of the person.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "letters")]
    pub read: Vec<LetterId>,
    /// Nobody of that name is there, or the person does not want them.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "letters")]
    pub refused: Vec<LetterId>,
}

/// The key of a private room, for the members on one node.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The room.
    pub room: RoomId,
    /// What it is called.
    pub name: RoomName,
    /// The key from this epoch on.
    #[serde(with = "serde_bytes")]
    pub key: [u8; KEY],
    /// How often the key was changed before.
    pub epoch: u64,
    /// Members on the node that it is for, at most [`limits::ROOM_MEMBERS_ON_NODE`]; others there
    /// are in it no more.
    #[serde(deserialize_with = "people")]
    pub people: Vec<PersonName>,
    /// Who let them in or changed the key, on the node that signed the message.
    pub by: PersonName,
}

// The key stays out of logs.
impl fmt::Debug for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Grant");
        shown.field("room", &self.room).field("epoch", &self.epoch).finish_non_exhaustive()
    }
}

/// A member leaves a private room, or is removed from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leave {
    /// The room.
    pub room: RoomId,
    /// Who: on the node that signed the message or, when the owner's node says it, on the node
    /// that it is for.
    pub person: PersonName,
    /// The newest epoch that the sender knew. Who came in later stays.
    pub epoch: u64,
}

/// Words in a private room.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Say {
    /// Who says it, on the node that signed the message.
    pub from: PersonName,
    /// What the author did.
    pub kind: MessageKind,
    /// The words.
    pub text: Text,
    /// Milliseconds since 1970 by the author's clock; for display only.
    pub wall: u64,
}

/// A part of the list of members, said by the owner's node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Members {
    /// Grows with each change.
    pub version: u64,
    /// The epoch of the key that the list goes with.
    pub epoch: u64,
    /// The node that looks after the room from now on.
    pub owner: NodeId,
    /// Which part, from 0.
    pub part: u8,
    /// Of how many.
    pub parts: u8,
    /// The members in it, at most [`limits::ROOM_MEMBERS_PART`].
    #[serde(deserialize_with = "members")]
    pub members: Vec<Member>,
}

/// A member of a private room.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Member {
    /// Their node.
    pub node: NodeId,
    /// Who, on that node.
    pub person: PersonName,
    /// The epoch from which on they read.
    pub since: u64,
}

impl Content {
    /// The bytes to lock: the length, the content, and zeros up to a multiple of 64, so that the
    /// length outside tells little.
    pub fn pad(&self) -> Vec<u8> {
        let mut bytes = vec![0; 2];
        codec::encode_into(&mut bytes, self);
        let length = u16::try_from(bytes.len() - 2).unwrap_or(u16::MAX);
        if let Some(first) = bytes.first_chunk_mut() {
            *first = length.to_be_bytes();
        }
        bytes.resize(bytes.len().next_multiple_of(64), 0);
        bytes
    }

    /// The content of unlocked bytes; `None` when it is not one that this build knows.
    pub fn unpad(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk()?;
        codec::decode(rest.get(..u16::from_be_bytes(*length).into())?).ok()
    }
}

/// What the sealed key and the content of a direct message are bound to, so that nobody can send
/// them on as their own.
pub fn direct_context(network: &NetworkId, from: &NodeId, to: &NodeId) -> Vec<u8> {
    [b"meshchat1 direct", &network.0[..], &from.0, &to.0].concat()
}

/// The same for the content of a message in a private room.
pub fn room_context(network: &NetworkId, from: &NodeId, room: &RoomId) -> Vec<u8> {
    [b"meshchat1 room\0\0", &network.0[..], &from.0, &room.0].concat()
}

/// The key of the next epoch when a member joins: who has a key can make all later ones, but
/// none before it.
pub fn next_key(key: &[u8; KEY]) -> [u8; KEY] {
    MessageId::of(&[b"meshchat1 ratchet", &key[..]].concat()).0
}

/// The room outside of all direct messages.
pub fn direct_room() -> RoomName {
    RoomName::of_checked("#~sealed")
}

/// The outer name of a private room, which tells nobody else even its id.
pub fn outer_room(room: &RoomId) -> RoomName {
    let hash = MessageId::of(&[b"meshchat1 room name", &room.0[..]].concat());
    RoomName::of_checked(&format!("#~{hash}"))
}

fn letters<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<LetterId>, D::Error> {
    codec::bounded::<_, _, { limits::RECEIPTS }>(d)
}

fn people<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<PersonName>, D::Error> {
    codec::bounded::<_, _, { limits::ROOM_MEMBERS_ON_NODE }>(d)
}

fn members<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<Member>, D::Error> {
    codec::bounded::<_, _, { limits::ROOM_MEMBERS_PART }>(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn widest(text: usize) -> Content {
        Content::Direct(Direct {
            from: "\u{1F980}".repeat(limits::NAME_CHARS).parse().unwrap(),
            to: "\u{1F980}".repeat(limits::NAME_CHARS).parse().unwrap(),
            id: LetterId([1; 16]),
            kind: MessageKind::Action,
            text: "x".repeat(text).parse().unwrap(),
            wall: u64::MAX,
        })
    }

    #[test]
    fn contents_survive_and_their_length_is_rounded() {
        for text in [1, 2, 60, 64, 4096] {
            let bytes = widest(text).pad();
            assert_eq!(bytes.len() % 64, 0);
            assert_eq!(Content::unpad(&bytes), Some(widest(text)));
            assert_eq!(Content::unpad(&bytes[..40]), None);
        }
        assert_eq!(widest(1).pad().len(), widest(40).pad().len());
        assert_eq!(Content::unpad(&[]), None);
        assert_eq!(Content::unpad(&[0, 3, 0x81, 0xa1, b'z', 0xc0]), None);
    }

    #[test]
    fn the_longest_contents_fit_into_a_lock() {
        let person: PersonName = "\u{1F980}".repeat(limits::NAME_CHARS).parse().unwrap();
        let member = Member { node: NodeId([255; 32]), person: person.clone(), since: u64::MAX };
        let ids = || vec![LetterId([1; 16]); limits::RECEIPTS];
        let all = [
            widest(limits::TEXT_BYTES),
            Content::Receipt(Receipt { delivered: ids(), read: ids(), refused: ids() }),
            Content::Grant(Grant {
                room: RoomId([1; 16]),
                name: RoomName::private(&"\u{1F980}".repeat(limits::PRIVATE_ROOM_CHARS)).unwrap(),
                key: [255; KEY],
                epoch: u64::MAX,
                people: vec![person.clone(); limits::ROOM_MEMBERS_ON_NODE],
                by: person,
            }),
            Content::Members(Members {
                version: u64::MAX,
                epoch: u64::MAX,
                owner: NodeId([255; 32]),
                part: 255,
                parts: 255,
                members: vec![member; limits::ROOM_MEMBERS_PART],
            }),
        ];
        for content in all {
            let locked = NONCE + content.pad().len() + 16;
            assert!(locked <= limits::LOCK_BYTES, "{locked}");
            assert_eq!(Content::unpad(&content.pad()), Some(content));
        }
        let parts = limits::ROOM_MEMBERS.div_ceil(limits::ROOM_MEMBERS_PART);
        assert!(parts <= 255);
    }

    #[test]
    fn keys_go_forward_only_one_way() {
        let first = [7; KEY];
        assert_ne!(next_key(&first), first);
        assert_ne!(KeyId::of(&next_key(&first)), KeyId::of(&first));
        assert_ne!(outer_room(&RoomId([1; 16])), outer_room(&RoomId([2; 16])));
        assert!(RoomName::from_wire(outer_room(&RoomId([1; 16])).as_str()).is_ok());
    }
}
