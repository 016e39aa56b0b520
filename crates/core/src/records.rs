//! This node's own record, and the flood of everyone's.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::time::Duration;

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::control::NodeState;
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::limits::{BATCH_BYTES, HOPS, NEIGHBOURS};
use meshchat_proto::peer::{Heartbeat, Person, Record, Signed, signed_record};
use serde_bytes::Bytes as ByteSlice;

use crate::env::Env;
use crate::heartbeat::Pulse;
use crate::io::LinkId;
use crate::limits;
use crate::node::Node;
use crate::router::{self, Passage};
use crate::status::Drop;
use crate::time::{Mono, Now};

/// When this node's record is next sent, and whether it must be.
#[derive(Debug, Default)]
pub(crate) struct Publication {
    version: u64,
    changed: bool,
    last: Option<Mono>,
    left: bool,
    /// Nothing comes behind it in this run.
    last_words: bool,
    /// The number of the newest message that others could read of.
    seq: u64,
}

impl Publication {
    /// The run has another number from now on.
    pub(crate) fn begin_anew(&mut self) {
        *self = Self::default();
    }
}

impl<E: Env> Node<E> {
    /// Our links or people changed: everyone is to know.
    pub(crate) fn record_changed(&mut self, now: Now) {
        let record = self.build_record();
        let signed =
            self.nodes.get(&self.me.id).map(|known| known.signed.clone()).unwrap_or_default();
        self.nodes.put(now.mono, record, signed);
        self.publication.changed = true;
        self.presence_dirty = true;
    }

    /// As [`Node::record_changed`], after a link came or went.
    pub(crate) fn neighbours_changed(&mut self, now: Now) {
        self.record_changed(now);
    }

    /// When the own record is due.
    pub(crate) fn record_due(&self) -> Mono {
        let Some(last) = self.publication.last else { return Mono::ZERO };
        if self.publication.changed {
            return last + limits::RECORD_PAUSE;
        }
        let heard = self.claims.record_is_old.map(|at| at + limits::RECORD_AFTER_SPEAKING);
        if self.publication.seq != self.me.seq {
            let spoken = last + limits::RECORD_AFTER_SPEAKING;
            return heard.map_or(spoken, |heard| heard.min(spoken));
        }
        let refresh = last + self.record_refresh();
        heard.map_or(refresh, |heard| heard.min(refresh))
    }

    /// How often an unchanged record is sent.
    pub(crate) fn record_refresh(&self) -> Duration {
        let nodes = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        limits::RECORD_REFRESH * (1 + nodes / limits::RECORD_REFRESH_NODES)
    }

    /// Signs and floods the own record.
    pub(crate) fn publish(&mut self, now: Now) {
        self.publication.version += 1;
        self.publication.changed = false;
        self.publication.last = Some(now.mono);
        self.publication.seq = self.me.seq;
        self.claims.record_is_old = None;
        self.next_holdings();
        let record = self.build_record();
        let body = codec::encode(&record);
        let sig = self.env.sign(&signed_record(&body));
        let signed = Bytes::from(codec::encode(&Signed { sig, body: ByteSlice::new(&body) }));
        self.nodes.put(now.mono, record, signed.clone());
        let links = router::targets(&self.links, Passage { origin: self.me.id, from: None });
        // The last record goes behind the last words, like the goodbye that follows it.
        let urgent = !self.publication.last_words;
        self.send_all(links, frame::encode(Kind::Record, HOPS, &signed), urgent);
        self.presence_dirty = true;
    }

    /// The last record: this node leaves and is not lost.
    pub(crate) fn publish_leaving(&mut self, now: Now) {
        self.publication.left = true;
        self.publish_last(now);
    }

    /// The last record of this run.
    pub(crate) fn publish_last(&mut self, now: Now) {
        self.publication.last_words = true;
        self.publish(now);
    }

    /// Gives a neighbour all records; it drops those that it has.
    pub(crate) fn send_records(&mut self, link: LinkId) {
        let held = self.nodes.iter().filter(|(_, known)| !known.signed.is_empty());
        let frames: Vec<Bytes> =
            held.map(|(_, known)| frame::encode(Kind::Record, HOPS, &known.signed)).collect();
        for frame in frames {
            self.send_all([link].into(), frame, true);
        }
    }

    pub(crate) fn on_record(&mut self, now: Now, link: LinkId, frame: &Frame) {
        let Ok(signed) = codec::decode::<Signed<'_>>(&frame.body) else {
            return self.bad_peer(now, link, "an unreadable record");
        };
        let Ok(mut record) = codec::decode::<Record>(signed.body) else {
            return self.bad_peer(now, link, "an unreadable record");
        };
        if record.network != self.me.network {
            return self.counters.drop(Drop::OtherNetwork, 1);
        }
        if !self.roster.admits(&record.node) {
            return self.counters.drop(Drop::NotMember, 1);
        }
        if record.node == self.me.id {
            return self.on_own_record(now, &record, &signed.sig, signed.body);
        }
        if !self.nodes.is_news(&record.node, record.boot, record.version) {
            return;
        }
        self.counters.verified += 1;
        if !self.env.verify(&record.node, &signed_record(signed.body), &signed.sig) {
            self.counters.drop(Drop::BadSignature, 1);
            return self.bad_peer(now, link, "a record with a wrong signature");
        }
        let (origin, boot) = (record.node, record.boot);
        self.is_back(&origin, boot);
        self.addresses_heard(now, &record);
        self.origin_told(now, &(origin, boot), record.seq);
        let holdings = record.holdings.take();
        let named = self.nodes.get(&origin).is_some_and(|known| known.record.name == record.name);
        if !self.nodes.put(now.mono, record, frame.body.clone()) {
            return self.counters.drop(Drop::NodesFull, 1);
        }
        if !named {
            self.name_node(now, origin);
        }
        if let Some(holdings) = holdings {
            self.take_holdings(now.mono, (origin, boot), &holdings);
        }
        self.presence_dirty = true;
        let mut links = router::targets(&self.links, Passage { origin, from: Some(link) });
        links.extend(self.holders_unaware(&origin, boot, link));
        self.pass_on(links, frame, true);
    }

    /// Notices when a neighbour holds other records than we do: two heartbeats in a row, and
    /// not too soon after an exchange that has failed to even them out.
    pub(crate) fn compare_nodes(&mut self, now: Now, link: LinkId, ours: Pulse, beat: &Heartbeat) {
        let Some(state) = self.links.get_mut(link) else { return };
        let compared = &mut state.compared;
        let pair = (beat.nodes, ours.nodes);
        if pair.0 == pair.1 || compared.nodes_futile.covers(now.mono, pair) {
            compared.nodes_differ = 0;
            return;
        }
        compared.nodes_differ += 1;
        if compared.nodes_differ >= 2 {
            compared.nodes_differ = 0;
            compared.nodes_futile.tried(now.mono, pair);
            self.send_records(link);
        }
    }

    fn build_record(&self) -> Record {
        // Those that are only waited for never take the place of a link that stands.
        let live: BTreeSet<_> = self.links.live().map(|(_, link)| link.peer).collect();
        let waited = self.links.between.nodes().filter(|node| !live.contains(node));
        let room = NEIGHBOURS.saturating_sub(live.len());
        let waited: Vec<_> = waited.take(room).collect();
        let neighbours = live.into_iter().take(NEIGHBOURS).chain(waited).collect();
        Record {
            network: self.me.network,
            node: self.me.id,
            boot: self.me.boot,
            version: self.publication.version,
            name: self.me.name.clone(),
            software: self.me.software.clone(),
            neighbours,
            people: fitting(self.people.records()),
            seq: self.me.seq,
            seen: self.seen.fingerprint(),
            left: self.publication.left,
            addresses: self.told_addresses(),
            beacon: self.me.beacon,
            holdings: Some(self.own_holdings(self.clock.mono)),
            doubled: self.clones.met(self.clock.mono).is_some(),
        }
    }
}

/// Leaves out what people said and where they are when it would not fit a frame.
fn fitting(mut people: Vec<Person>) -> Vec<Person> {
    if codec::encode(&people).len() > BATCH_BYTES {
        for person in &mut people {
            person.note.clear();
            person.rooms.truncate(2);
        }
    }
    people
}

/// Whether a node of this state can be talked to.
pub(crate) const fn is_up(state: NodeState) -> bool {
    matches!(state, NodeState::Here | NodeState::Reachable)
}
