//! The newest messages, in the order in which this node showed them.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::id::{Boot, MessageId, NodeId};
use meshchat_proto::merkle;
use meshchat_proto::message::{Place, Signature};
use meshchat_proto::name::RoomName;

use crate::limits;
use crate::time::Mono;

/// Bytes that an entry costs beside its body.
const OVERHEAD: usize = size_of::<Slot>() + 96;

/// The proof that came with a message.
#[derive(Debug)]
pub(crate) struct Proof {
    pub(crate) sig: Signature,
    pub(crate) of: Proven,
}

/// How a message is tied to the signature.
#[derive(Debug)]
pub(crate) enum Proven {
    /// All ids of the batch are at hand.
    Batch(Vec<MessageId>),
    /// The message came alone with its path.
    Alone(Place),
}

impl Proof {
    /// Messages under this signature.
    pub(crate) fn count(&self) -> usize {
        match &self.of {
            Proven::Batch(ids) => ids.len(),
            Proven::Alone(place) => place.count.into(),
        }
    }

    /// The place of the message at `index`; none when it is the only one.
    pub(crate) fn place(&self, index: u8) -> Option<Place> {
        match &self.of {
            Proven::Batch(ids) if ids.len() == 1 => None,
            Proven::Batch(ids) => Some(Place {
                index,
                count: u8::try_from(ids.len()).unwrap_or(u8::MAX),
                path: merkle::path(ids, index.into()),
            }),
            Proven::Alone(place) => Some(place.clone()),
        }
    }
}

/// One message.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) id: MessageId,
    pub(crate) node: NodeId,
    pub(crate) boot: Boot,
    pub(crate) seq: u64,
    pub(crate) room: RoomName,
    pub(crate) body: Box<[u8]>,
    pub(crate) proof: Arc<Proof>,
    /// Its place under the proof.
    pub(crate) index: u8,
    pub(crate) at: Mono,
    pub(crate) late: bool,
    pub(crate) caught_up: bool,
}

#[derive(Debug)]
struct Slot {
    cursor: u64,
    entry: Option<Entry>,
}

#[derive(Debug, Default)]
struct Share {
    cursors: VecDeque<u64>,
    bytes: usize,
}

/// Messages in the order of showing. Each has a cursor, which counts up from 1.
#[derive(Debug)]
pub(crate) struct History {
    slots: VecDeque<Slot>,
    held: usize,
    bytes: usize,
    shares: BTreeMap<NodeId, Share>,
    newest: u64,
    most: usize,
    age: Duration,
}

impl History {
    /// A history of at most `most` messages, none older than `age`.
    pub(crate) fn new(most: usize, age: Duration) -> Self {
        let (slots, shares) = (VecDeque::new(), BTreeMap::new());
        Self { slots, held: 0, bytes: 0, shares, newest: 0, most, age }
    }

    /// Gives no number up to this one any more.
    pub(crate) fn skip_to(&mut self, cursor: u64) {
        self.newest = self.newest.max(cursor);
    }

    /// Messages held.
    pub(crate) fn len(&self) -> usize {
        self.held
    }

    /// Bytes held, bookkeeping included.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The cursor of the newest message ever shown; 0 before the first.
    pub(crate) fn newest(&self) -> u64 {
        self.newest
    }

    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Adds a message behind all others and makes room for it. Returns its cursor.
    pub(crate) fn push(&mut self, now: Mono, entry: Entry) -> u64 {
        self.newest += 1;
        let (cursor, node, cost) = (self.newest, entry.node, cost(&entry));
        self.slots.push_back(Slot { cursor, entry: Some(entry) });
        self.held += 1;
        self.bytes += cost;
        let share = self.shares.entry(node).or_default();
        share.cursors.push_back(cursor);
        share.bytes += cost;
        self.trim_share(&node);
        while self.held > self.most || self.bytes > limits::HISTORY_BYTES {
            self.drop_oldest();
        }
        self.forget_old(now);
        if self.slots.len() > 2 * self.held + 64 {
            self.slots.retain(|slot| slot.entry.is_some());
        }
        cursor
    }

    /// Forgets all messages; cursors go on.
    pub(crate) fn clear(&mut self) {
        *self = Self { newest: self.newest, ..Self::new(self.most, self.age) };
    }

    /// Forgets what is too old.
    pub(crate) fn forget_old(&mut self, now: Mono) {
        let age = self.age;
        while self.oldest().is_some_and(|entry| now.since(entry.at) > age) {
            self.drop_oldest();
        }
    }

    /// The cursor of the oldest message held; that of the next one when none is.
    pub(crate) fn oldest_cursor(&self) -> u64 {
        let held = self.slots.iter().find(|slot| slot.entry.is_some());
        held.map_or(self.newest + 1, |slot| slot.cursor)
    }

    /// Whether the message at this cursor is held.
    pub(crate) fn holds(&self, cursor: u64) -> bool {
        self.get(cursor).is_some()
    }

    /// The message at this cursor.
    pub(crate) fn get(&self, cursor: u64) -> Option<&Entry> {
        let at = self.slots.partition_point(|slot| slot.cursor < cursor);
        self.slots.get(at).filter(|slot| slot.cursor == cursor)?.entry.as_ref()
    }

    /// Takes a message out, to be shown in another place.
    pub(crate) fn lift(&mut self, cursor: u64) -> Option<Entry> {
        let at = self.slots.partition_point(|slot| slot.cursor < cursor);
        let slot = self.slots.get_mut(at).filter(|slot| slot.cursor == cursor)?;
        let entry = slot.entry.take()?;
        let cost = cost(&entry);
        self.held -= 1;
        self.bytes -= cost;
        if let Some(share) = self.shares.get_mut(&entry.node) {
            share.bytes -= cost;
            share.cursors.retain(|other| *other != cursor);
            if share.cursors.is_empty() {
                self.shares.remove(&entry.node);
            }
        }
        Some(entry)
    }

    /// Messages from this cursor on, each with its cursor.
    pub(crate) fn from(&self, cursor: u64) -> impl DoubleEndedIterator<Item = (u64, &Entry)> {
        let at = self.slots.partition_point(|slot| slot.cursor < cursor);
        self.slots.range(at..).filter_map(|slot| Some((slot.cursor, slot.entry.as_ref()?)))
    }

    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.from(0).map(|(_, entry)| entry)
    }

    fn oldest(&mut self) -> Option<&Entry> {
        while self.slots.front().is_some_and(|slot| slot.entry.is_none()) {
            self.slots.pop_front();
        }
        self.slots.front()?.entry.as_ref()
    }

    fn drop_oldest(&mut self) {
        let Some(node) = self.oldest().map(|entry| entry.node) else { return };
        self.drop_oldest_of(&node);
    }

    fn trim_share(&mut self, node: &NodeId) {
        // Rounded up, so that a tiny history still shows what it holds.
        let most = self.most.div_ceil(limits::SENDER_SHARE);
        let most_bytes = limits::HISTORY_BYTES / limits::SENDER_SHARE;
        while self
            .shares
            .get(node)
            .is_some_and(|share| share.cursors.len() > most || share.bytes > most_bytes)
        {
            self.drop_oldest_of(node);
        }
    }

    fn drop_oldest_of(&mut self, node: &NodeId) {
        let Some(share) = self.shares.get_mut(node) else { return };
        let Some(cursor) = share.cursors.pop_front() else { return };
        let at = self.slots.partition_point(|slot| slot.cursor < cursor);
        if let Some(entry) = self.slots.get_mut(at).and_then(|slot| slot.entry.take()) {
            let cost = cost(&entry);
            self.held -= 1;
            self.bytes -= cost;
            share.bytes -= cost;
        }
        if share.cursors.is_empty() {
            self.shares.remove(node);
        }
    }

    /// Panics when the books do not agree with what is held.
    #[cfg(any(test, debug_assertions))]
    pub(crate) fn check_invariants(&self) {
        let sum: usize = self.iter().map(cost).sum();
        assert_eq!((self.iter().count(), sum), (self.held, self.bytes), "history books");
        let shares: usize = self.shares.values().map(|share| share.cursors.len()).sum();
        assert_eq!(shares, self.held, "history shares");
        assert!(self.held <= self.most && self.bytes <= limits::HISTORY_BYTES, "history bounds");
        assert!(self.slots.len() <= 2 * self.most + 64, "history slots");
    }
}

fn cost(entry: &Entry) -> usize {
    entry.body.len() + OVERHEAD
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(node: u8, seq: u64, bytes: usize, at: Mono) -> Entry {
        let proof = Proof { sig: [0; 64], of: Proven::Batch(Vec::new()) };
        Entry {
            id: MessageId::of(&seq.to_be_bytes()),
            node: NodeId([node; 32]),
            boot: Boot::new(1, 1),
            seq,
            room: RoomName::lobby(),
            body: alloc::vec![0; bytes].into(),
            proof: Arc::new(proof),
            index: 0,
            at,
            late: false,
            caught_up: false,
        }
    }

    #[test]
    fn one_sender_has_at_most_an_eighth() {
        let mut history = History::new(80, limits::HISTORY_AGE);
        history.push(Mono::ZERO, entry(1, 1, 10, Mono::ZERO));
        for seq in 1..=10_000 {
            history.push(Mono::ZERO, entry(2, seq, 10, Mono::ZERO));
            history.check_invariants();
        }
        assert_eq!(history.iter().filter(|e| e.node == NodeId([2; 32])).count(), 10);
        assert_eq!(history.iter().next().map(|e| e.node), Some(NodeId([1; 32])));
        assert_eq!(history.newest(), 10_001);
        assert_eq!(history.from(9_999).count(), 3);
    }

    #[test]
    fn bytes_and_count_are_bounded() {
        let mut history = History::new(limits::HISTORY_MESSAGES, limits::HISTORY_AGE);
        for seq in 0..4000u64 {
            let node = u8::try_from(seq % 32).unwrap();
            history.push(Mono::ZERO, entry(node, seq, 4096, Mono::ZERO));
        }
        history.check_invariants();
        assert!(history.bytes() > limits::HISTORY_BYTES - 8192);
        let mut none = History::new(0, limits::HISTORY_AGE);
        none.push(Mono::ZERO, entry(1, 1, 10, Mono::ZERO));
        assert_eq!((none.len(), none.newest()), (0, 1));
        none.check_invariants();
    }

    #[test]
    fn a_message_can_be_lifted_out_and_put_behind_all() {
        let mut history = History::new(100, limits::HISTORY_AGE);
        for seq in 1..=3 {
            history.push(Mono::ZERO, entry(1, seq, 10, Mono::ZERO));
        }
        let lifted = history.lift(2).unwrap();
        history.check_invariants();
        assert!(history.lift(2).is_none() && !history.holds(2));
        assert_eq!(history.push(Mono::ZERO, lifted), 4);
        history.check_invariants();
        assert_eq!(history.iter().map(|entry| entry.seq).collect::<Vec<_>>(), [1, 3, 2]);
    }

    #[test]
    fn old_messages_are_forgotten_on_the_running_clock() {
        let mut history = History::new(100, limits::HISTORY_AGE);
        history.push(Mono::ZERO, entry(1, 1, 10, Mono::ZERO));
        let later = Mono::ZERO + limits::HISTORY_AGE;
        history.forget_old(later);
        assert_eq!(history.len(), 1);
        history.forget_old(later + Duration::from_micros(1));
        assert_eq!(history.len(), 0);
        history.check_invariants();
    }
}
