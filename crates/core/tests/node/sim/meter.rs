//! What crosses the wires, counted.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::frame::Kind;
use meshchat_proto::peer::Heartbeat;

use super::stub::hash;
use super::wire::WireId;

#[derive(Debug)]
pub(crate) struct Meter {
    /// How often each chat frame was sent, by its body.
    pub(crate) chat: HashMap<u64, u64>,
    /// Heartbeats of each wire since the last reset.
    pub(crate) beats: BTreeMap<WireId, u64>,
    /// Frames of other kinds since the last reset.
    pub(crate) kinds: BTreeMap<Kind, u64>,
    /// Ends of wires that have asked what they lack: wire, host.
    pub(crate) asked: BTreeSet<(WireId, usize)>,
    /// Fingerprints in the newest heartbeat of each host: messages, records.
    pub(crate) pulse: Vec<Option<(u64, u64)>>,
}

impl Meter {
    pub(crate) fn new(hosts: usize) -> Self {
        Self {
            chat: HashMap::new(),
            beats: BTreeMap::new(),
            kinds: BTreeMap::new(),
            asked: BTreeSet::new(),
            pulse: vec![None; hosts],
        }
    }

    pub(crate) fn reset(&mut self) {
        self.chat.clear();
        self.beats.clear();
        self.kinds.clear();
    }

    pub(crate) fn sent(&mut self, from: usize, wire: WireId, kind: Kind, frame: &Bytes) {
        *self.kinds.entry(kind).or_default() += 1;
        match kind {
            Kind::Chat => *self.chat.entry(hash(&frame[8..])).or_default() += 1,
            Kind::Heartbeat => {
                *self.beats.entry(wire).or_default() += 1;
                if let Ok(beat) = codec::decode::<Heartbeat>(&frame[8..]) {
                    self.pulse[from] = Some((beat.seen, beat.nodes));
                }
            }
            Kind::Summary => {
                self.asked.insert((wire, from));
            }
            _ => {}
        }
    }
}
