//! Direct messages of this node's people that are on their way, already sealed.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::control::DirectState;
use meshchat_proto::id::{LetterId, MessageId, NodeId};
use meshchat_proto::name::PersonName;
use meshchat_proto::sealed::Sealed;

use crate::limits;
use crate::time::{Mono, millis};

/// One direct message.
#[derive(Debug)]
pub(crate) struct Parcel {
    pub(crate) user: String,
    pub(crate) to: PersonName,
    pub(crate) to_node: NodeId,
    pub(crate) state: DirectState,
    /// As it is sent, again and again; none once that is over.
    pub(crate) sealed: Option<Sealed>,
    /// The message that it was first sent as.
    pub(crate) first: Option<MessageId>,
    /// The place in history of its last sending in this run.
    pub(crate) cursor: Option<u64>,
    pub(crate) links: u32,
    /// When it has run for as long as it may.
    pub(crate) ends: Mono,
    /// The recipient's node is in reach.
    pub(crate) near: bool,
    /// When it is sent again, if that node is in reach.
    pub(crate) again: Mono,
    pub(crate) pause: Duration,
    /// Counts up over all.
    number: u64,
}

/// What outlives a restart of a direct message.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedParcel {
    id: LetterId,
    user: String,
    to: PersonName,
    to_node: NodeId,
    state: DirectState,
    sealed: Option<Sealed>,
    first: Option<MessageId>,
    /// Milliseconds of running time.
    age_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Outbox {
    map: BTreeMap<LetterId, Parcel>,
    bytes: usize,
    count: u64,
}

impl Parcel {
    pub(crate) fn new(now: Mono, user: String, to: (PersonName, NodeId), sealed: Sealed) -> Self {
        Self {
            user,
            to: to.0,
            to_node: to.1,
            state: DirectState::Queued,
            sealed: Some(sealed),
            first: None,
            cursor: None,
            links: 0,
            ends: now + limits::LETTER_AGE,
            near: false,
            again: now + limits::RESEND,
            pause: limits::RESEND,
            number: 0,
        }
    }

    /// Running time since it was accepted.
    pub(crate) fn age(&self, now: Mono) -> Duration {
        limits::LETTER_AGE.saturating_sub(self.ends.since(now))
    }

    fn cost(&self) -> usize {
        let of = |sealed: &Sealed| {
            sealed.lock.len() + sealed.keys.iter().map(|key| key.len()).sum::<usize>()
        };
        self.sealed.as_ref().map_or(0, of)
    }

    /// When something is to be done about it.
    fn due(&self) -> Mono {
        if self.sealed.is_some() && self.near { self.ends.min(self.again) } else { self.ends }
    }
}

impl Outbox {
    pub(crate) fn load(now: Mono, saved: Vec<SavedParcel>) -> Self {
        let mut outbox = Self::default();
        for saved in saved.into_iter().take(limits::OUTBOX) {
            let left = limits::LETTER_AGE.saturating_sub(Duration::from_millis(saved.age_ms));
            let SavedParcel { id, user, to, to_node, state, sealed, first, .. } = saved;
            let parcel = Parcel {
                user,
                to,
                to_node,
                state,
                sealed,
                first,
                cursor: None,
                links: 0,
                ends: now + left,
                near: false,
                again: now + limits::RESEND_SOON,
                pause: limits::RESEND,
                number: 0,
            };
            outbox.put(id, parcel);
        }
        outbox
    }

    pub(crate) fn save(&self, now: Mono) -> Vec<SavedParcel> {
        let save = |(id, parcel): (LetterId, &Parcel)| SavedParcel {
            id,
            user: parcel.user.clone(),
            to: parcel.to.clone(),
            to_node: parcel.to_node,
            state: parcel.state,
            sealed: parcel.sealed.clone(),
            first: parcel.first,
            age_ms: millis(parcel.age(now)),
        };
        self.in_order().into_iter().map(save).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(crate) fn get(&self, id: &LetterId) -> Option<&Parcel> {
        self.map.get(id)
    }

    pub(crate) fn get_mut(&mut self, id: &LetterId) -> Option<&mut Parcel> {
        self.map.get_mut(id)
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut Parcel> {
        self.map.values_mut()
    }

    /// All, the oldest first.
    pub(crate) fn in_order(&self) -> Vec<(LetterId, &Parcel)> {
        let mut all: Vec<_> = self.map.iter().map(|(id, parcel)| (*id, parcel)).collect();
        all.sort_unstable_by_key(|(_, parcel)| parcel.number);
        all
    }

    /// Whether anything is still on its way.
    pub(crate) fn is_busy(&self) -> bool {
        self.map.values().any(|parcel| parcel.sealed.is_some())
    }

    /// Takes one in; the oldest whose way is over makes room. `false` when there is none.
    pub(crate) fn put(&mut self, id: LetterId, mut parcel: Parcel) -> bool {
        if self.bytes + parcel.cost() > limits::OUTBOX_BYTES {
            return false;
        }
        if self.map.len() >= limits::OUTBOX {
            let over = self.map.iter().filter(|(_, parcel)| parcel.sealed.is_none());
            let oldest = over.min_by_key(|(_, parcel)| parcel.number).map(|(id, _)| *id);
            let Some(oldest) = oldest else { return false };
            self.map.remove(&oldest);
        }
        self.count += 1;
        parcel.number = self.count;
        self.bytes += parcel.cost();
        self.map.insert(id, parcel);
        true
    }

    /// Notes that one has come further; states do not go back. Returns whether that is new.
    pub(crate) fn advance(&mut self, id: &LetterId, state: DirectState) -> bool {
        let Some(parcel) = self.map.get_mut(id) else { return false };
        let further = match parcel.state {
            DirectState::Queued => state != DirectState::Queued,
            DirectState::Delivered | DirectState::Expired => state == DirectState::Read,
            DirectState::Read | DirectState::Refused | DirectState::Unknown => false,
        };
        // Whatever was said in the end, it did arrive.
        let late = parcel.state == DirectState::Expired && state == DirectState::Delivered;
        if further || late {
            parcel.state = state;
            self.bytes -= parcel.cost();
            parcel.sealed = None;
        }
        further || late
    }

    pub(crate) fn remove(&mut self, id: &LetterId) {
        if let Some(parcel) = self.map.remove(id) {
            self.bytes -= parcel.cost();
        }
    }

    /// The soonest moment at which something is to be done.
    pub(crate) fn due(&self) -> Option<Mono> {
        self.map.values().map(Parcel::due).min()
    }

    /// Those about which something is to be done now.
    pub(crate) fn ready(&self, now: Mono) -> Vec<LetterId> {
        let ready = self.map.iter().filter(|(_, parcel)| parcel.due() <= now);
        ready.map(|(id, _)| *id).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parcel(bytes: usize) -> Parcel {
        let sealed =
            Sealed { to: None, keys: Vec::new(), key: None, lock: alloc::vec![0; bytes].into() };
        Parcel::new(Mono::ZERO, "ann".into(), ("bob".parse().unwrap(), NodeId([1; 32])), sealed)
    }

    fn id(number: u64) -> LetterId {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&number.to_be_bytes());
        LetterId(bytes)
    }

    #[test]
    fn an_outbox_full_of_what_is_on_its_way_takes_no_more() {
        let mut outbox = Outbox::default();
        for number in 0..limits::OUTBOX as u64 {
            assert!(outbox.put(id(number), parcel(10)));
        }
        assert!(!outbox.put(id(1000), parcel(10)));
        assert!(outbox.advance(&id(5), DirectState::Delivered));
        assert!(outbox.advance(&id(7), DirectState::Refused));
        assert!(outbox.put(id(1000), parcel(10)));
        assert!(outbox.get(&id(5)).is_none() && outbox.get(&id(7)).is_some());
        assert_eq!(outbox.len(), limits::OUTBOX);
        assert_eq!(outbox.bytes(), (limits::OUTBOX - 1) * 10);
    }

    #[test]
    fn its_bytes_are_bounded() {
        let mut outbox = Outbox::default();
        let taken = (0..limits::OUTBOX as u64).take_while(|n| outbox.put(id(*n), parcel(4608)));
        assert_eq!(taken.count(), limits::OUTBOX_BYTES / 4608);
        assert!(outbox.bytes() <= limits::OUTBOX_BYTES);
    }

    #[test]
    fn states_go_forward_only() {
        use DirectState::{Delivered, Expired, Queued, Read, Refused};
        let mut outbox = Outbox::default();
        outbox.put(id(1), parcel(10));
        assert!(!outbox.advance(&id(1), Queued));
        assert!(outbox.advance(&id(1), Expired));
        assert!(outbox.advance(&id(1), Delivered));
        assert!(!outbox.advance(&id(1), Expired));
        assert!(outbox.advance(&id(1), Read));
        assert!(!outbox.advance(&id(1), Refused));
        assert!(!outbox.advance(&id(2), Read));
    }

    #[test]
    fn running_time_is_carried_over_restarts() {
        let mut outbox = Outbox::default();
        outbox.put(id(1), parcel(10));
        let day = Duration::from_secs(24 * 3600);
        let saved = outbox.save(Mono::ZERO + day);
        let start = Mono::from_micros(5);
        let again = Outbox::load(start, saved.clone());
        assert_eq!(again.get(&id(1)).unwrap().age(start), day);
        assert_eq!(again.get(&id(1)).unwrap().ends, start + 6 * day);
        assert_eq!(again.save(start), saved);
    }
}
