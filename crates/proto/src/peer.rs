//! What two nodes say to each other beside chat: greeting, signs of life, records, catch-up.

use serde::{Deserialize, Serialize};
use serde_bytes::Bytes as ByteSlice;

use crate::address::Address;
use crate::codec;
use crate::holding::Holdings;
use crate::id::{Boot, NetworkId, NodeId};
use crate::limits;
use crate::message::Signature;
use crate::name::{NodeName, PersonName, RoomName};

/// First frame in both directions. Nothing else is read before it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Lowest protocol version that the sender speaks.
    pub min: u8,
    /// Highest protocol version that the sender speaks; both use the highest common one.
    pub max: u8,
    /// The sender's network.
    #[serde(rename = "net")]
    pub network: NetworkId,
    /// The sender's run.
    pub boot: Boot,
    /// What the sender is called.
    #[serde(deserialize_with = "untagged")]
    pub name: NodeName,
    /// How many links the sender had dialled in this run; orders links of one pair.
    pub dial: u64,
    /// Milliseconds since 1970 by the sender's clock; only to doubt clocks, never to decide.
    pub wall: u64,
    /// The sender's release, for display.
    #[serde(deserialize_with = "note")]
    pub software: String,
    /// An operator or the configuration of the sender wants this link.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub wanted: bool,
    /// Earlier links with the other side do not serve the sender any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub anew: bool,
}

/// Sign of life of a link. Small, often, and never behind chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Heartbeat {
    /// Counts up from 1 on each link.
    pub seq: u64,
    /// The newest number heard from the other side; 0 when none.
    pub echo: u64,
    /// Microseconds between hearing it and sending this.
    pub held: u64,
    /// Fingerprint of all messages that the sender has seen.
    pub seen: u64,
    /// Fingerprint of all node records that the sender holds.
    pub nodes: u64,
    /// Live links of the sender: the side with more of them sets the pace.
    pub links: u16,
    /// Whether the sender waits for an answer at once.
    pub ask: bool,
    /// It comes because of chat, which may still be on its way: what it tells of tables is not to
    /// be compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub extra: bool,
    /// Fingerprint of what the sender knows of who belongs to its closed network; 0 in the open
    /// one.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub roster: u64,
}

/// Why a link ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum GoodbyeReason {
    /// The node shuts down.
    Leaving,
    /// The pair keeps another link.
    Duplicate,
    /// The two belong to different networks.
    OtherNetwork,
    /// The node does not let this one link.
    NotAdmitted,
    /// No common protocol version.
    Version,
    /// The other side broke the protocol.
    Protocol,
    /// The other side was silent for too long.
    Silent,
    /// The node has as many links as it may.
    Full,
    /// An operator ended it.
    Disconnected,
    /// The node is about to start again: it counts as a neighbour until it is back, for a while.
    Restarting,
    /// A reason newer than this build.
    Unknown(u8),
}

const REASONS: [GoodbyeReason; 10] = [
    GoodbyeReason::Leaving,
    GoodbyeReason::Duplicate,
    GoodbyeReason::OtherNetwork,
    GoodbyeReason::NotAdmitted,
    GoodbyeReason::Version,
    GoodbyeReason::Protocol,
    GoodbyeReason::Silent,
    GoodbyeReason::Full,
    GoodbyeReason::Disconnected,
    GoodbyeReason::Restarting,
];

impl From<u8> for GoodbyeReason {
    fn from(code: u8) -> Self {
        let index = usize::from(code).checked_sub(1);
        index.and_then(|index| REASONS.get(index).copied()).unwrap_or(Self::Unknown(code))
    }
}

impl From<GoodbyeReason> for u8 {
    fn from(reason: GoodbyeReason) -> Self {
        if let GoodbyeReason::Unknown(code) = reason {
            return code;
        }
        REASONS.iter().zip(1..).find(|(known, _)| **known == reason).map_or(0, |(_, code)| code)
    }
}

impl GoodbyeReason {
    /// The reason in words, for logs and `peers status`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Leaving => "the node shut down",
            Self::Duplicate => "another link to this node is kept",
            Self::OtherNetwork => "the node belongs to another network",
            Self::NotAdmitted => "the node does not admit us",
            Self::Version => "no common protocol version",
            Self::Protocol => "protocol error",
            Self::Silent => "no sign of life for 15 s",
            Self::Full => "the node has no link to spare",
            Self::Disconnected => "disconnected by an operator",
            Self::Restarting => "the node restarts",
            Self::Unknown(_) => "a reason this version does not know",
        }
    }
}

/// Last frame of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Goodbye {
    /// Why it ends.
    pub reason: GoodbyeReason,
}

/// Bytes under the signature of the node that they speak of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signed<'a> {
    /// The node's signature over [`signed_record`] of the body.
    #[serde(with = "serde_bytes")]
    pub sig: Signature,
    /// The exact bytes that it signed: a [`Record`].
    #[serde(borrow)]
    pub body: &'a ByteSlice,
}

/// What a node signs for a record: a fixed word, then the hash of the record's bytes.
pub fn signed_record(body: &[u8]) -> [u8; 48] {
    let mut bytes = [0; 48];
    let (word, hash) = bytes.split_at_mut(16);
    word.copy_from_slice(b"meshchat1 record");
    hash.copy_from_slice(blake3::hash(body).as_bytes());
    bytes
}

/// What a node says of itself to all: its neighbours and its people.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The network it belongs to.
    #[serde(rename = "net")]
    pub network: NetworkId,
    /// The node.
    pub node: NodeId,
    /// Its run.
    pub boot: Boot,
    /// Counts the records of this run, from 1; a higher one replaces a lower one.
    pub version: u64,
    /// What it is called.
    #[serde(deserialize_with = "untagged")]
    pub name: NodeName,
    /// Its release, for display.
    #[serde(deserialize_with = "note")]
    pub software: String,
    /// Nodes at the other end of its live links.
    #[serde(deserialize_with = "neighbours")]
    pub neighbours: Vec<NodeId>,
    /// Its people.
    #[serde(deserialize_with = "people")]
    pub people: Vec<Person>,
    /// Number of its newest message in this run; 0 when it sent none.
    pub seq: u64,
    /// Fingerprint of the messages that it has seen.
    pub seen: u64,
    /// Whether it said goodbye: it left and was not lost.
    pub left: bool,
    /// Where it may be dialled, the likeliest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "addresses")]
    pub addresses: Vec<Address>,
    /// The beginning of the number in its beacons on the LAN; 0 when it sends none.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub beacon: u64,
    /// What it has taken in; none from a build that does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holdings: Option<Holdings>,
    /// It knows that another machine uses its key, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub doubled: bool,
}

/// One person in a [`Record`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// What they are called on their node.
    pub name: PersonName,
    /// Whether they are there.
    pub state: PersonState,
    /// Rooms that they are in.
    #[serde(deserialize_with = "rooms")]
    pub rooms: Vec<RoomName>,
    /// What they said about being away; empty when nothing.
    #[serde(default, deserialize_with = "note")]
    pub note: String,
    /// They come through a gateway, which vouches for no name.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub gateway: bool,
}

/// Whether a person is there, as their own node tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum PersonState {
    /// Reads along.
    Online,
    /// Reads along but said not to be there.
    Away,
    /// Has nothing open.
    Offline,
}

impl From<u8> for PersonState {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::Online,
            2 => Self::Away,
            _ => Self::Offline,
        }
    }
}

impl From<PersonState> for u8 {
    fn from(state: PersonState) -> Self {
        match state {
            PersonState::Online => 1,
            PersonState::Away => 2,
            PersonState::Offline => 0,
        }
    }
}

/// What the sender has seen, as a question for what it has not.
///
/// Stateless: it speaks for the origins behind `after` up to `upto`, in the order of (node,
/// boot), and the answer is every held message of those origins outside the named ranges.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Returned in [`SyncEnd`].
    pub round: u32,
    /// Origins up to this one are not spoken of.
    pub after: Option<(NodeId, Boot)>,
    /// The last origin spoken of; none when it goes to the end.
    pub upto: Option<(NodeId, Boot)>,
    /// What was seen of each origin in between.
    #[serde(deserialize_with = "origins")]
    pub seen: Vec<OriginRanges>,
}

/// Sequence numbers of one origin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginRanges {
    /// The node.
    pub node: NodeId,
    /// Its run.
    pub boot: Boot,
    /// Inclusive ranges, ascending and apart.
    #[serde(deserialize_with = "ranges")]
    pub ranges: Vec<(u64, u64)>,
}

/// The end of the answer to a [`Summary`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncEnd {
    /// The summary that it answers.
    pub round: u32,
    /// Whether there is more: ask again with what has arrived.
    pub more: bool,
    /// What the sender has seen but no longer holds, and the asker has not seen.
    #[serde(deserialize_with = "origins")]
    pub gone: Vec<OriginRanges>,
}

/// A question that travels to one node over the shortest path, and back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Echo {
    /// Who asked.
    pub from: NodeId,
    /// Who is to answer.
    pub to: NodeId,
    /// Chosen by the asker.
    pub token: u64,
    /// Whether this is the answer.
    pub answer: bool,
    /// The nodes that it passed on its way to the one asked.
    #[serde(deserialize_with = "echo_path")]
    pub path: Vec<NodeId>,
}

/// Where the sender sees the other side of the link: behind address translation, a node learns its
/// public address only from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    /// The source of the other side's packets.
    pub address: Address,
}

/// Two nodes agree, over the mesh, on a moment to dial each other.
///
/// Both then dial the addresses in the other's signed [`Record`], so that the address translation
/// of each lets the other's packets in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meet {
    /// Who says this.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// Chosen by the one who asked first.
    pub token: u64,
    /// How far they have got.
    pub step: MeetStep,
}

/// How far two nodes that want to meet have got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "u8", into = "u8")]
pub enum MeetStep {
    /// Shall we?
    Ask,
    /// Yes. The one who asked now knows how long words take on the way.
    Answer,
    /// Dial when this arrives; the sender dials after half the time.
    Go,
    /// A step newer than this build.
    Unknown(u8),
}

impl From<u8> for MeetStep {
    fn from(code: u8) -> Self {
        match code {
            1 => Self::Ask,
            2 => Self::Answer,
            3 => Self::Go,
            code => Self::Unknown(code),
        }
    }
}

impl From<MeetStep> for u8 {
    fn from(step: MeetStep) -> Self {
        match step {
            MeetStep::Ask => 1,
            MeetStep::Answer => 2,
            MeetStep::Go => 3,
            MeetStep::Unknown(code) => code,
        }
    }
}

/// Asks the other side of a link to dial the sender from a fresh socket.
///
/// It dials only the address that the link itself comes from: nobody can have a third one dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// Returned in [`Probed`].
    pub token: u64,
    /// Where the sender listens for TCP, at the same address; 0 when it does not.
    pub tcp_port: u16,
}

/// What came of a [`Probe`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probed {
    /// Of the [`Probe`].
    pub token: u64,
    /// The sender of the probe answered over UDP.
    pub udp: bool,
    /// It answered over TCP.
    pub tcp: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
const fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// The name that a node gives itself; tags are given by others.
fn untagged<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<NodeName, D::Error> {
    let name = NodeName::deserialize(deserializer)?;
    match name.is_tagged() {
        true => Err(serde::de::Error::custom("a tagged name")),
        false => Ok(name),
    }
}

fn note<'de, D: serde::Deserializer<'de>>(d: D) -> Result<String, D::Error> {
    let text = String::deserialize(d)?;
    if text.chars().count() > limits::NOTE_CHARS {
        return Err(serde::de::Error::custom("note too long"));
    }
    Ok(text)
}

fn neighbours<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<NodeId>, D::Error> {
    codec::bounded::<_, _, { limits::NEIGHBOURS }>(d)
}

fn addresses<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<Address>, D::Error> {
    let all = codec::bounded::<_, Lenient, { limits::ADDRESSES }>(d)?;
    Ok(all.into_iter().filter_map(|Lenient(address)| address).collect())
}

/// An address that nobody should dial is left out; the rest of the record is still of use.
struct Lenient(Option<Address>);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        <&ByteSlice>::deserialize(d).map(|bytes| Self(Address::from_bytes(bytes)))
    }
}

fn people<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<Person>, D::Error> {
    codec::bounded::<_, _, { limits::PEOPLE }>(d)
}

fn rooms<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<RoomName>, D::Error> {
    codec::bounded::<_, _, { limits::ROOMS_PER_PERSON }>(d)
}

fn origins<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<OriginRanges>, D::Error> {
    codec::bounded::<_, _, 1024>(d)
}

fn ranges<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<(u64, u64)>, D::Error> {
    codec::bounded::<_, _, { limits::RANGES }>(d)
}

fn echo_path<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Vec<NodeId>, D::Error> {
    codec::bounded::<_, _, { limits::ECHO_PATH }>(d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_goodbye_reason_has_its_own_number() {
        for code in 0..=255u8 {
            assert_eq!(u8::from(GoodbyeReason::from(code)), code);
        }
    }

    #[test]
    fn addresses_that_nobody_should_dial_are_left_out_of_a_record() {
        #[derive(Deserialize)]
        struct Addresses(#[serde(deserialize_with = "addresses")] Vec<Address>);
        let good = [10u8, 0, 0, 1, 0, 9];
        let lists = |count| {
            let mut list = vec![serde_bytes::ByteBuf::from([127, 0, 0, 1, 0, 9]); count];
            list.push(serde_bytes::ByteBuf::from(good));
            codec::decode::<Addresses>(&codec::encode(&list))
        };
        let kept = lists(limits::ADDRESSES - 1).unwrap().0;
        assert_eq!(kept, [Address::new("10.0.0.1:9".parse().unwrap()).unwrap()]);
        assert!(lists(limits::ADDRESSES).is_err());
    }

    #[test]
    fn a_record_with_too_many_neighbours_is_refused() {
        let mut record = Record {
            network: NetworkId::OPEN,
            node: NodeId([1; 32]),
            boot: Boot::new(1, 1),
            version: 1,
            name: "pi".parse().unwrap(),
            software: "test".into(),
            neighbours: vec![NodeId([2; 32]); limits::NEIGHBOURS],
            people: vec![],
            seq: 0,
            seen: 0,
            left: false,
            addresses: vec![],
            beacon: 0,
            holdings: None,
            doubled: false,
        };
        assert_eq!(codec::decode::<Record>(&codec::encode(&record)), Ok(record.clone()));
        record.neighbours.push(NodeId([3; 32]));
        assert!(codec::decode::<Record>(&codec::encode(&record)).is_err());
    }
}
