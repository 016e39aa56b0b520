//! Where other nodes are, remembered over restarts.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use meshchat_proto::address::Address;
use meshchat_proto::id::NodeId;
use meshchat_proto::limits::ADDRESSES;

use crate::dial::SavedContact;
use crate::limits;
use crate::time::Mono;

/// The address book.
#[derive(Debug, Default)]
pub(crate) struct Contacts {
    map: BTreeMap<NodeId, Contact>,
    heard: u64,
    changed: bool,
    saved: Option<Mono>,
    saves: u32,
}

#[derive(Debug)]
struct Contact {
    addresses: Vec<Address>,
    /// Where it was dialled with success.
    worked: Option<Address>,
    /// Counts up over all contacts.
    heard: u64,
}

impl Contacts {
    /// What was saved, the most recent first.
    pub(crate) fn load(saved: Vec<SavedContact>) -> Self {
        let mut contacts = Self::default();
        for mut contact in saved.into_iter().take(limits::CONTACTS).rev() {
            contact.addresses.truncate(ADDRESSES + 1);
            contacts.note(contact.node, &contact.addresses);
        }
        contacts.changed = false;
        contacts
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn nodes(&self) -> impl Iterator<Item = &NodeId> {
        self.map.keys()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&NodeId) -> bool) {
        let before = self.map.len();
        self.map.retain(|node, _| keep(node));
        self.changed |= self.map.len() < before;
    }

    pub(crate) fn addresses(&self, node: &NodeId) -> &[Address] {
        self.map.get(node).map(|contact| contact.addresses.as_slice()).unwrap_or_default()
    }

    pub(crate) fn worked(&self, node: &NodeId) -> Option<Address> {
        self.map.get(node).and_then(|contact| contact.worked)
    }

    /// A node said where it is. The one heard of longest ago makes room.
    pub(crate) fn note(&mut self, node: NodeId, addresses: &[Address]) {
        if addresses.is_empty() {
            return;
        }
        self.heard += 1;
        let heard = self.heard;
        if let Some(contact) = self.map.get_mut(&node) {
            contact.heard = heard;
            if contact.addresses != addresses {
                contact.addresses = addresses.to_vec();
                self.changed = true;
            }
            return;
        }
        if self.map.len() >= limits::CONTACTS {
            let oldest = self.map.iter().min_by_key(|(_, contact)| contact.heard);
            if let Some(oldest) = oldest.map(|(node, _)| *node) {
                self.map.remove(&oldest);
            }
        }
        self.map.insert(node, Contact { addresses: addresses.to_vec(), worked: None, heard });
        self.changed = true;
    }

    /// A node was dialled there with success.
    pub(crate) fn note_worked(&mut self, node: NodeId, address: Address) {
        if !self.map.contains_key(&node) {
            self.note(node, &[address]);
        }
        if let Some(contact) = self.map.get_mut(&node) {
            self.changed |= contact.worked != Some(address);
            contact.worked = Some(address);
        }
    }

    /// When they are to be saved.
    pub(crate) fn due(&self) -> Option<Mono> {
        let quick = self.saves < limits::CONTACTS_BURST;
        let pause = if quick { limits::CONTACTS_SOON } else { limits::CONTACTS_PAUSE };
        self.changed.then(|| self.saved.map_or(Mono::ZERO, |saved| saved + pause))
    }

    /// What is to be kept on disk, the most recent first.
    pub(crate) fn save(&mut self, now: Mono) -> Vec<SavedContact> {
        (self.changed, self.saved) = (false, Some(now));
        self.saves = self.saves.saturating_add(1);
        let mut all: Vec<_> = self.map.iter().collect();
        all.sort_by_key(|(_, contact)| core::cmp::Reverse(contact.heard));
        let saved = |(node, contact): (&NodeId, &Contact)| {
            let others = contact.addresses.iter().filter(|one| contact.worked != Some(**one));
            let addresses = contact.worked.iter().chain(others).copied().collect();
            SavedContact { node: *node, addresses }
        };
        all.into_iter().map(saved).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(n: u16) -> NodeId {
        let mut id = [0; 32];
        id[..2].copy_from_slice(&n.to_be_bytes());
        NodeId(id)
    }

    fn address(port: u16) -> Address {
        Address::new(([10, 0, 0, 1], port).into()).unwrap()
    }

    #[test]
    fn the_one_heard_of_longest_ago_makes_room() {
        let mut contacts = Contacts::default();
        for n in 0..u16::try_from(limits::CONTACTS).unwrap() {
            contacts.note(node(n), &[address(n + 1)]);
        }
        contacts.note(node(0), &[address(1)]);
        contacts.note(node(9999), &[address(1)]);
        assert_eq!(contacts.len(), limits::CONTACTS);
        assert!(!contacts.addresses(&node(0)).is_empty());
        assert!(contacts.addresses(&node(1)).is_empty());
    }

    #[test]
    fn what_worked_comes_first_and_is_saved_seldom() {
        let mut contacts = Contacts::default();
        assert_eq!(contacts.due(), None);
        contacts.note(node(1), &[address(1), address(2)]);
        contacts.note_worked(node(1), address(2));
        assert_eq!(contacts.due(), Some(Mono::ZERO));
        let now = Mono::from_micros(5);
        let saved = contacts.save(now);
        assert_eq!(saved[0].addresses, [address(2), address(1)]);
        assert_eq!(contacts.due(), None);
        contacts.note(node(1), &[address(1), address(2)]);
        assert_eq!(contacts.due(), None, "nothing new");
        contacts.note(node(2), &[address(3)]);
        assert_eq!(contacts.due(), Some(now + limits::CONTACTS_SOON));
        for _ in 0..limits::CONTACTS_BURST {
            contacts.save(now);
        }
        contacts.note(node(3), &[address(3)]);
        assert_eq!(contacts.due(), Some(now + limits::CONTACTS_PAUSE));
        let again = Contacts::load(contacts.save(now));
        assert_eq!(again.addresses(&node(1)), [address(2), address(1)]);
    }
}
