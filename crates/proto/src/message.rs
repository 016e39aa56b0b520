//! Chat messages: a body that nobody re-encodes, and the proof of who wrote it.

mod fast;

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as ByteSlice;

use crate::codec::{self, DecodeError};
use crate::id::{Boot, KeyId, MessageId, MessageRef, NetworkId, NodeId};
use crate::name::{NameError, PersonName, RoomName, Text, Via};
use crate::sealed::Sealed;
use crate::{limits, merkle};

/// Bytes of an Ed25519 signature.
pub type Signature = [u8; 64];

/// What the author did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum MessageKind {
    /// Said something.
    Text,
    /// Described themselves in the third person (`/me`).
    Action,
    /// Said something to some only: the content is sealed, and what is readable says nothing.
    Sealed,
    /// Something newer than this build: kept and passed on, shown as text.
    Unknown(u8),
}

impl From<u8> for MessageKind {
    fn from(code: u8) -> Self {
        match code {
            0 => Self::Text,
            1 => Self::Action,
            2 => Self::Sealed,
            other => Self::Unknown(other),
        }
    }
}

impl From<MessageKind> for u8 {
    fn from(kind: MessageKind) -> Self {
        match kind {
            MessageKind::Text => 0,
            MessageKind::Action => 1,
            MessageKind::Sealed => 2,
            MessageKind::Unknown(code) => code,
        }
    }
}

/// Why a message body was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// Not the MessagePack of a body.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Longer than [`limits::BODY_BYTES`].
    #[error("message body longer than {} bytes", limits::BODY_BYTES)]
    Long,
    /// The author's name, the room, the text or the door is not allowed.
    #[error("{what}: {error}")]
    Name {
        /// Which of them.
        what: &'static str,
        /// What is wrong with it.
        error: NameError,
    },
    /// More sealed bytes than allowed.
    #[error("sealed content out of bounds")]
    Sealed,
    /// Sequence numbers start at 1.
    #[error("sequence number 0")]
    Sequence,
}

/// The signed content of a message, borrowed from its bytes.
///
/// Made by [`Body::parse`], which refuses whatever is out of bounds, or from parts that are
/// right by construction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Body<'a> {
    /// The network that it was written in.
    #[serde(rename = "net")]
    pub network: NetworkId,
    /// The node of the author.
    pub node: NodeId,
    /// The author's name on that node.
    #[serde(borrow)]
    name: &'a str,
    /// The run of that node.
    pub boot: Boot,
    /// Its number within that run, from 1.
    pub seq: u64,
    #[serde(borrow)]
    room: &'a str,
    /// What the author did.
    pub kind: MessageKind,
    #[serde(borrow)]
    text: &'a str,
    /// Newest messages of others that the author's node had shown in this room.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "seen_refs")]
    pub seen: Vec<MessageRef>,
    /// Milliseconds since 1970 by the author's clock; for display only.
    pub wall: u64,
    /// The node that a direct message is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<NodeId>,
    /// The key of `lock`, sealed to the node that it is for, then to the author's own.
    #[serde(borrow, default, skip_serializing_if = "Vec::is_empty", deserialize_with = "keys")]
    pub keys: Vec<&'a ByteSlice>,
    /// The room key that opens `lock`, in a private room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyId>,
    /// The sealed content.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pub lock: Option<&'a ByteSlice>,
    /// The door that the author came in by.
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    via: Option<&'a str>,
}

impl<'a> Body<'a> {
    /// Reads and checks a body.
    ///
    /// # Errors
    ///
    /// [`BodyError`] says what is wrong with it.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, BodyError> {
        if bytes.len() > limits::BODY_BYTES {
            return Err(BodyError::Long);
        }
        let body = match fast::body(bytes) {
            Some(body) => body,
            None => codec::decode(bytes)?,
        };
        let named = |what| move |error| BodyError::Name { what, error };
        PersonName::check(body.name).map_err(named("author"))?;
        RoomName::check(body.room).map_err(named("room"))?;
        Text::check(body.text).map_err(named("text"))?;
        body.via.map_or(Ok(()), Via::check).map_err(named("door"))?;
        if body.seq == 0 {
            return Err(BodyError::Sequence);
        }
        if body.lock.is_some_and(|lock| lock.len() > limits::LOCK_BYTES)
            || body.keys.iter().any(|key| key.len() > limits::SEALED_KEY_BYTES)
        {
            return Err(BodyError::Sealed);
        }
        Ok(body)
    }

    /// The author's name, already checked.
    pub fn author(&self) -> &'a str {
        self.name
    }

    /// The author's name, to keep.
    pub fn author_name(&self) -> PersonName {
        PersonName::of_checked(self.name)
    }

    /// The text, to keep.
    pub fn to_text(&self) -> Text {
        Text::of_checked(self.text)
    }

    /// The room's name, already checked.
    pub fn room(&self) -> &'a str {
        self.room
    }

    /// The kind of door that the author came in by, if they are no user of their node.
    pub fn via(&self) -> Option<Via> {
        self.via.map(Via::of_checked)
    }

    /// The text, already checked. It may contain any character.
    pub fn text(&self) -> &'a str {
        self.text
    }
}

/// What a new message says, before its node numbers it.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who says it.
    pub author: PersonName,
    /// Where.
    pub room: RoomName,
    /// What they did.
    pub kind: MessageKind,
    /// The words.
    pub text: Text,
    /// Newest messages of others in the room.
    pub seen: Vec<MessageRef>,
    /// Milliseconds since 1970, for display only.
    pub wall: u64,
    /// The sealed content of a message that only some may read.
    pub sealed: Option<Sealed>,
    /// The kind of door that the author came in by; none for a user of the node.
    pub via: Option<Via>,
}

impl Draft {
    /// The author outside of all sealed messages.
    pub const SEALED_AUTHOR: &str = PLACEHOLDER;

    /// A message whose readable part says nothing but the outer name of a room.
    pub fn of_sealed(room: RoomName, sealed: Sealed) -> Self {
        Self {
            author: PersonName::of_checked(PLACEHOLDER),
            room,
            kind: MessageKind::Sealed,
            text: Text::of_checked(PLACEHOLDER),
            seen: Vec::new(),
            wall: 0,
            sealed: Some(sealed),
            via: None,
        }
    }

    /// The bytes of the body with this place in its node's sequence.
    pub fn to_body(&self, network: NetworkId, node: NodeId, boot: Boot, seq: u64) -> Vec<u8> {
        let sealed = self.sealed.as_ref().map_or(0, |sealed| 256 + sealed.lock.len());
        let mut out = Vec::with_capacity(192 + self.text.as_str().len() + sealed);
        codec::encode_into(&mut out, &self.body(network, node, boot, seq));
        out
    }

    /// The body with this place in its node's sequence; what [`Body::parse`] makes of its bytes.
    pub fn body(&self, network: NetworkId, node: NodeId, boot: Boot, seq: u64) -> Body<'_> {
        let seen = self.seen.iter().take(limits::SEEN_REFS).copied().collect();
        let sealed = self.sealed.as_ref();
        let keys = sealed.map_or(&[][..], |sealed| &sealed.keys);
        Body {
            network,
            node,
            name: self.author.as_str(),
            boot,
            seq,
            room: self.room.as_str(),
            kind: self.kind,
            text: self.text.as_str(),
            seen,
            wall: self.wall,
            to: sealed.and_then(|sealed| sealed.to),
            keys: keys.iter().map(|key| ByteSlice::new(key)).collect(),
            key: sealed.and_then(|sealed| sealed.key),
            lock: sealed.map(|sealed| ByteSlice::new(&sealed.lock)),
            via: self.via.as_ref().map(Via::as_str),
        }
    }
}

/// Author and text of a sealed message as those read it who know nothing of such messages.
const PLACEHOLDER: &str = "sealed";

/// What an origin signs for a batch: a fixed word, then the root over the ids of its messages.
pub fn signed_root(root: &MessageId) -> [u8; 48] {
    let mut bytes = [0; 48];
    let (word, hash) = bytes.split_at_mut(16);
    word.copy_from_slice(b"meshchat1 batch\0");
    hash.copy_from_slice(&root.0);
    bytes
}

/// The body of a chat frame: messages of one origin under one signature.
///
/// Either all messages of the batch, whose root the reader computes, or one of them with its
/// place and its path to the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch<'a> {
    /// The origin's signature over [`signed_root`].
    #[serde(with = "serde_bytes")]
    pub sig: Signature,
    /// The exact bytes of the bodies, 1 to [`limits::BATCH_MESSAGES`].
    #[serde(borrow, deserialize_with = "bodies")]
    pub msgs: Vec<&'a ByteSlice>,
    /// Where a message that travels alone belongs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<Place>,
}

/// The place of one message in its batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Its index, from 0.
    pub index: u8,
    /// How many messages the batch has.
    pub count: u8,
    /// Siblings on the way to the root.
    #[serde(deserialize_with = "siblings")]
    pub path: Vec<MessageId>,
}

impl Batch<'_> {
    /// The root that this batch claims to prove, given the ids of its messages.
    ///
    /// `None` when its shape is impossible.
    pub fn root(&self, ids: &[MessageId]) -> Option<MessageId> {
        match (&self.place, ids) {
            (None, ids) => merkle::root(ids),
            (Some(place), [id]) => {
                merkle::fold(*id, place.index.into(), place.count.into(), &place.path)
            }
            (Some(_), _) => None,
        }
    }
}

/// The body of a chat frame with all messages of a batch.
pub fn whole_batch(sig: &Signature, bodies: &[impl AsRef<[u8]>]) -> Vec<u8> {
    let msgs = bodies.iter().map(|body| ByteSlice::new(body.as_ref())).collect();
    codec::encode(&Batch { sig: *sig, msgs, place: None })
}

/// The body of a chat frame with one message of a batch.
pub fn lone_message(sig: &Signature, body: &[u8], place: Option<Place>) -> Vec<u8> {
    codec::encode(&Batch { sig: *sig, msgs: vec![ByteSlice::new(body)], place })
}

fn seen_refs<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<MessageRef>, D::Error> {
    codec::bounded::<_, _, { limits::SEEN_REFS }>(d)
}

fn keys<'de: 'a, 'a, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<&'a ByteSlice>, D::Error> {
    codec::bounded::<_, _, { limits::SEALED_KEYS }>(d)
}

fn bodies<'de: 'a, 'a, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<&'a ByteSlice>, D::Error> {
    codec::bounded::<_, _, { limits::BATCH_MESSAGES }>(d)
}

fn siblings<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<MessageId>, D::Error> {
    codec::bounded::<_, _, 8>(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(text: &str) -> Draft {
        Draft {
            author: "ann".parse().unwrap(),
            room: RoomName::lobby(),
            kind: MessageKind::Text,
            text: text.parse().unwrap(),
            seen: vec![MessageRef([1; 8])],
            wall: 1_700_000_000_000,
            sealed: None,
            via: None,
        }
    }

    #[test]
    fn bodies_survive_the_wire() {
        let bytes = draft("hi").to_body(NetworkId::OPEN, NodeId([2; 32]), Boot::new(1, 2), 3);
        let body = Body::parse(&bytes).unwrap();
        assert_eq!(body, draft("hi").body(NetworkId::OPEN, NodeId([2; 32]), Boot::new(1, 2), 3));
        assert_eq!((body.author(), body.room(), body.text()), ("ann", "#lobby", "hi"));
        assert_eq!((body.node, body.boot, body.seq), (NodeId([2; 32]), Boot::new(1, 2), 3));
        assert_eq!(body.seen, [MessageRef([1; 8])]);
    }

    #[test]
    fn the_longest_body_fits_its_bound() {
        let longest = Draft {
            author: "\u{1F980}".repeat(limits::NAME_CHARS).parse().unwrap(),
            room: "\u{1F980}".repeat(limits::ROOM_CHARS - 1).parse().unwrap(),
            seen: vec![MessageRef([1; 8]); limits::SEEN_REFS],
            via: Some("x".repeat(limits::VIA_BYTES).parse().unwrap()),
            ..draft(&"x".repeat(limits::TEXT_BYTES))
        };
        let bytes = longest.to_body(NetworkId::OPEN, NodeId([2; 32]), Boot::new(1, 2), u64::MAX);
        assert!(bytes.len() <= limits::BODY_BYTES, "{}", bytes.len());
        assert!(Body::parse(&bytes).is_ok());
    }

    #[test]
    fn the_longest_sealed_body_fits_its_bound() {
        let sealed = |lock: usize, key: usize| {
            let sealed = Sealed {
                to: Some(NodeId([3; 32])),
                keys: vec![vec![5; key].into(); limits::SEALED_KEYS],
                key: Some(KeyId([6; 8])),
                lock: vec![7; lock].into(),
            };
            let room = "x".repeat(limits::ROOM_CHARS - 1).parse().unwrap();
            let draft = Draft::of_sealed(room, sealed);
            draft.to_body(NetworkId::OPEN, NodeId([2; 32]), Boot::new(1, 2), u64::MAX)
        };
        let longest = sealed(limits::LOCK_BYTES, limits::SEALED_KEY_BYTES);
        assert!(longest.len() <= limits::BODY_BYTES, "{}", longest.len());
        let body = Body::parse(&longest).unwrap();
        assert_eq!((body.kind, body.to), (MessageKind::Sealed, Some(NodeId([3; 32]))));
        assert_eq!(body.lock.map(|lock| lock.len()), Some(limits::LOCK_BYTES));
        assert_eq!(Body::parse(&sealed(limits::LOCK_BYTES + 1, 80)), Err(BodyError::Sealed));
        let wide = sealed(100, limits::SEALED_KEY_BYTES + 1);
        assert_eq!(Body::parse(&wide), Err(BodyError::Sealed));
    }

    #[test]
    fn bodies_out_of_bounds_are_refused() {
        let good = draft("hi").to_body(NetworkId::OPEN, NodeId([2; 32]), Boot::new(1, 2), 3);
        assert!(Body::parse(&[good.as_slice(), &[0]].concat()).is_err());
        assert_eq!(Body::parse(&vec![0; limits::BODY_BYTES + 1]), Err(BodyError::Long));
        let zero = draft("hi").to_body(NetworkId::OPEN, NodeId([2; 32]), Boot::new(1, 2), 0);
        assert_eq!(Body::parse(&zero), Err(BodyError::Sequence));
        let at = good.windows(3).position(|w| w == b"ann").unwrap();
        let mut evil = good.clone();
        evil[at + 1] = 0x1b;
        assert!(matches!(Body::parse(&evil), Err(BodyError::Name { what: "author", .. })));
    }

    #[test]
    fn batches_survive_whole_and_in_parts() {
        let bodies: Vec<Vec<u8>> = (1..=5)
            .map(|n| draft("hi").to_body(NetworkId::OPEN, NodeId([2; 32]), Boot::new(1, 2), n))
            .collect();
        let ids: Vec<_> = bodies.iter().map(|body| MessageId::of(body)).collect();
        let root = merkle::root(&ids);
        let bytes = whole_batch(&[7; 64], &bodies);
        let whole: Batch<'_> = codec::decode(&bytes).unwrap();
        assert_eq!((whole.root(&ids), whole.sig), (root, [7; 64]));
        let place = Place { index: 3, count: 5, path: merkle::path(&ids, 3) };
        let bytes = lone_message(&[7; 64], &bodies[3], Some(place));
        let part: Batch<'_> = codec::decode(&bytes).unwrap();
        assert_eq!(part.root(&ids[3..4]), root);
        assert_ne!(part.root(&ids[2..3]), root);
        assert_eq!(part.root(&ids), None);
    }

    #[test]
    fn a_batch_that_claims_too_many_messages_is_refused() {
        let bodies = vec![vec![0u8]; limits::BATCH_MESSAGES + 1];
        assert!(codec::decode::<Batch<'_>>(&whole_batch(&[7; 64], &bodies)).is_err());
    }
}
