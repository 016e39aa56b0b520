//! Receipts: what this node owes to the senders of direct messages.
//!
//! Only the one recipient answers, to one node, at most once in two seconds with all that came
//! meanwhile: a message for one can never cause a storm.

use alloc::collections::BTreeMap;

use meshchat_proto::control::DirectState;
use meshchat_proto::id::{LetterId, NodeId};
use meshchat_proto::limits::RECEIPTS;
use meshchat_proto::message::Draft;
use meshchat_proto::sealed::{Content, Receipt, direct_room};

use crate::chat::{Outgoing, Post};
use crate::env::Env;
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now};

/// What is owed to one node.
#[derive(Debug, Default)]
struct Debt {
    states: BTreeMap<LetterId, DirectState>,
    sent: Option<Mono>,
}

#[derive(Debug, Default)]
pub(crate) struct Receipts(BTreeMap<NodeId, Debt>);

impl Receipts {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Notes what to tell a node. What finds no place is told when the letter comes again.
    pub(crate) fn owe(&mut self, now: Mono, node: NodeId, id: LetterId, state: DirectState) {
        if !self.0.contains_key(&node) && self.0.len() >= limits::RECEIPT_NODES {
            let over = |debt: &Debt| debt.states.is_empty() && debt.due() <= now;
            self.0.retain(|_, debt| !over(debt));
            if self.0.len() >= limits::RECEIPT_NODES {
                return;
            }
        }
        let debt = self.0.entry(node).or_default();
        if debt.states.len() < limits::RECEIPTS_OWED || debt.states.contains_key(&id) {
            let known = debt.states.entry(id).or_insert(state);
            *known = state.max(*known);
        }
    }

    /// Forgets what is owed to others than these.
    pub(crate) fn retain(&mut self, keep: impl Fn(&NodeId) -> bool) {
        self.0.retain(|node, _| keep(node));
    }

    pub(crate) fn due(&self) -> Option<Mono> {
        let owing = self.0.values().filter(|debt| !debt.states.is_empty());
        owing.map(Debt::due).min()
    }

    /// The next receipt to send.
    fn take(&mut self, now: Mono) -> Option<(NodeId, Receipt)> {
        let mut debts = self.0.iter_mut();
        let (node, debt) = debts.find(|(_, debt)| !debt.states.is_empty() && debt.due() <= now)?;
        debt.sent = Some(now);
        let mut receipt = Receipt::default();
        while let Some((id, state)) = debt.states.pop_first() {
            let list = match state {
                DirectState::Read => &mut receipt.read,
                DirectState::Refused => &mut receipt.refused,
                DirectState::Queued
                | DirectState::Delivered
                | DirectState::Expired
                | DirectState::Unknown => &mut receipt.delivered,
            };
            list.push(id);
            if list.len() == RECEIPTS {
                break;
            }
        }
        Some((*node, receipt))
    }
}

impl Debt {
    fn due(&self) -> Mono {
        self.sent.map_or(Mono::ZERO, |sent| sent + limits::RECEIPT_PAUSE)
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn send_receipts(&mut self, now: Now) {
        while let Some((node, receipt)) = self.mail.receipts.take(now.mono) {
            if self.pacing.waiting_of(Draft::SEALED_AUTHOR) < limits::RECEIPTS_BEHIND {
                self.post(node, &Content::Receipt(receipt));
            }
        }
    }

    /// Sends a sealed content that nobody waits for. Without randomness nothing is sent.
    pub(crate) fn post(&mut self, to: NodeId, content: &Content) {
        if let Some(sealed) = self.seal_for(to, content, false) {
            let draft = Draft::of_sealed(direct_room(), sealed);
            let outgoing = Outgoing { session: 0, id: 0, draft, post: Post::Silent };
            // What nobody waits for is asked for again by who misses it.
            let _ = self.pace(self.clock, outgoing);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::time::Duration;

    #[test]
    fn receipts_are_batched_and_paced() {
        let (node, mut receipts) = (NodeId([1; 32]), Receipts::default());
        let id = |number: u8| LetterId([number; 16]);
        receipts.owe(Mono::ZERO, node, id(1), DirectState::Delivered);
        receipts.owe(Mono::ZERO, node, id(1), DirectState::Read);
        receipts.owe(Mono::ZERO, node, id(2), DirectState::Delivered);
        let (to, receipt) = receipts.take(Mono::ZERO).unwrap();
        assert_eq!((to, receipt.read, receipt.delivered), (node, [id(1)].into(), [id(2)].into()));
        receipts.owe(Mono::ZERO, node, id(2), DirectState::Read);
        assert!(receipts.take(Mono::ZERO + Duration::from_millis(1999)).is_none());
        let due = receipts.due().unwrap();
        assert_eq!(due, Mono::ZERO + limits::RECEIPT_PAUSE);
        assert_eq!(receipts.take(due).unwrap().1.read, [id(2)]);
        assert_eq!(receipts.due(), None);
    }

    #[test]
    fn debts_are_bounded() {
        let mut receipts = Receipts::default();
        for node in 0..=255 {
            for number in 0..=255 {
                let node = NodeId([node; 32]);
                receipts.owe(Mono::ZERO, node, LetterId([number; 16]), DirectState::Read);
            }
        }
        assert_eq!(receipts.len(), limits::RECEIPT_NODES);
        let most = receipts.0.values().map(|debt| debt.states.len()).max();
        assert_eq!(most, Some(limits::RECEIPTS_OWED));
        let (_, receipt) = receipts.take(Mono::ZERO).unwrap();
        assert_eq!(receipt.read.len(), RECEIPTS);
        while receipts.take(Mono::ZERO).is_some() {}
        let later = Mono::ZERO + limits::RECEIPT_PAUSE;
        while receipts.take(later).is_some() {}
        let end = later + limits::RECEIPT_PAUSE;
        receipts.owe(end, NodeId([7; 32]), LetterId([1; 16]), DirectState::Read);
        assert!(receipts.len() <= limits::RECEIPT_NODES);
    }
}
