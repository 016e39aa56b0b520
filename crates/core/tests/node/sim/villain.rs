//! A peer that sends what no honest node sends.

use std::collections::VecDeque;

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, NetworkId, NodeId};
use meshchat_proto::limits::HOPS;
use meshchat_proto::message::{Batch, Body, Draft, MessageKind, whole_batch};
use meshchat_proto::name::RoomName;
use meshchat_proto::peer::{Hello, Record, Signed};

use super::plan::SECOND;
use super::rng::Rng;
use super::wire::WireId;
use super::world::{Job, World};

/// Stands for its machine where the number of a host is wanted.
pub(crate) const VILLAIN: usize = usize::MAX;
/// Frames of others that it has at hand.
const RECORDED: usize = 256;

#[derive(Debug)]
pub(crate) struct Villain {
    pub(crate) id: NodeId,
    recorded: VecDeque<Bytes>,
    pub(crate) was_here: bool,
}

impl Villain {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        Self { id: NodeId(rng.bytes()), recorded: VecDeque::new(), was_here: false }
    }

    /// Overhears a frame.
    pub(crate) fn record(&mut self, frame: &Bytes, rng: &mut Rng) {
        if self.recorded.len() < RECORDED {
            self.recorded.push_back(frame.clone());
        } else if rng.percent(20) {
            self.recorded.pop_front();
            self.recorded.push_back(frame.clone());
        }
    }

    fn frame(&self, rng: &mut Rng) -> Bytes {
        let noise = || Bytes::from_static(b"\0\0\0\x04\x01\x05\x40\0");
        let real = match self.recorded.len() {
            0 => noise(),
            many => self.recorded[rng.index(many)].clone(),
        };
        // Goodbyes and hellos end its link at once.
        let ends = matches!(Kind::from_code(real[5]), Kind::Goodbye | Kind::Hello);
        let mut bytes = real.to_vec();
        match rng.below(12) {
            10 => return self.forged_message(rng).unwrap_or_else(noise),
            11 => return self.forged_record(rng).unwrap_or_else(noise),
            0 => bytes.truncate(4 + rng.index(bytes.len() - 3)),
            1 => {
                let at = 4 + rng.index(bytes.len() - 4);
                bytes[at] ^= 1 << rng.below(8);
            }
            2 => bytes[8..].iter_mut().for_each(|byte| *byte = rng.next() as u8),
            _ if ends => return noise(),
            _ => {}
        }
        Bytes::from(bytes)
    }

    /// What somebody else never said, under a signature that is not theirs.
    fn forged_message(&self, rng: &mut Rng) -> Option<Bytes> {
        let real = self.recorded_of(Kind::Chat)?;
        let batch: Batch<'_> = codec::decode(&real[8..]).ok()?;
        let body = Body::parse(batch.msgs.first()?).ok()?;
        let draft = Draft {
            author: "ann".parse().unwrap(),
            room: RoomName::lobby(),
            kind: MessageKind::Text,
            text: "forged".parse().unwrap(),
            seen: Vec::new(),
            wall: body.wall,
            sealed: None,
            via: None,
        };
        let seq = body.seq + rng.below(100);
        let forged = draft.to_body(body.network, body.node, body.boot, seq);
        Some(frame::encode(Kind::Chat, HOPS, &whole_batch(&batch.sig, &[forged])))
    }

    /// A record by which somebody else leaves, though they stay.
    fn forged_record(&self, rng: &mut Rng) -> Option<Bytes> {
        let real = self.recorded_of(Kind::Record)?;
        let signed: Signed<'_> = codec::decode(&real[8..]).ok()?;
        let record: Record = codec::decode(signed.body).ok()?;
        let version = record.version + 1000 + rng.below(100);
        let forged = codec::encode(&Record { version, left: true, ..record });
        let signed = Signed { sig: signed.sig, body: serde_bytes::Bytes::new(&forged) };
        Some(frame::encode(Kind::Record, HOPS, &codec::encode(&signed)))
    }

    fn recorded_of(&self, kind: Kind) -> Option<&Bytes> {
        self.recorded.iter().rfind(|frame| Kind::from_code(frame[5]) == kind)
    }
}

impl World {
    pub(crate) fn visit_of_villain(&mut self, host: usize) {
        if self.hosts[host].node.is_none() {
            return;
        }
        self.villain.was_here = true;
        let wire = self.new_wire([VILLAIN, host], None);
        self.at(self.now, Job::Up(wire));
    }

    /// Greets as one should and then goes on as one should not.
    pub(crate) fn misbehave(&mut self, wire: WireId) {
        let hello = Hello {
            min: frame::VERSION,
            max: frame::VERSION,
            network: NetworkId::OPEN,
            boot: Boot::new(1, 1),
            name: "villain".parse().unwrap(),
            dial: 1,
            wall: 1 << 40,
            software: "evil".into(),
            wanted: false,
            anew: false,
        };
        let hello = frame::encode(Kind::Hello, 0, &codec::encode(&hello));
        self.at(self.now + 1, Job::Frame(wire, 1, hello));
        let mut at = self.now + 2;
        for _ in 0..self.rng.between(1, 40) {
            at += self.rng.below(SECOND / 4);
            let frame = self.villain.frame(&mut self.rng);
            self.at(at, Job::Frame(wire, 1, frame));
        }
    }

    pub(crate) fn banish_villain(&mut self) {
        let his = self.wires.iter().filter(|(_, wire)| wire.hosts[0] == VILLAIN);
        for id in his.map(|(id, _)| *id).collect::<Vec<_>>() {
            self.wire_down(id, 0);
            self.wire_down(id, 1);
        }
    }
}
