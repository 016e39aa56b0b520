//! Where this node can be dialled, as it tells the mesh.

use alloc::vec::Vec;
use core::net::SocketAddr;

use meshchat_proto::address::Address;
use meshchat_proto::id::NodeId;
use meshchat_proto::limits::ADDRESSES;
use meshchat_proto::peer::{Observed, Record};

use crate::env::Env;
use crate::io::LinkId;
use crate::limits;
use crate::node::Node;
use crate::nodes::Known;
use crate::time::Now;

/// The addresses of this node that it knows without its neighbours.
#[derive(Debug, Default)]
pub(crate) struct Addresses {
    /// Of its interfaces.
    pub(crate) own: Vec<SocketAddr>,
    /// Given by a router.
    pub(crate) mapped: Option<SocketAddr>,
}

impl<E: Env> Node<E> {
    /// What this node tells of itself, the likeliest to work from afar first.
    pub(crate) fn told_addresses(&self) -> Vec<Address> {
        let own: Vec<Address> =
            self.addresses.own.iter().filter_map(|own| Address::new(*own)).collect();
        let (global, home): (Vec<_>, Vec<_>) = own.iter().partition(|own| own.is_global());
        let mapped = self.addresses.mapped.and_then(Address::new);
        let mut all: Vec<Address> = mapped.into_iter().chain(self.observed()).collect();
        for address in global.into_iter().chain(home) {
            if !all.contains(&address) {
                all.push(address);
            }
        }
        all.truncate(ADDRESSES);
        all
    }

    /// Where neighbours see this node and it does not see itself, those that most agree on first.
    pub fn observed(&self) -> Vec<Address> {
        let mut seen: Vec<(usize, Address)> = Vec::new();
        for address in self.links.live().filter_map(|(_, link)| link.observed) {
            if self.addresses.own.contains(&address.socket()) {
                continue;
            }
            match seen.iter_mut().find(|(_, known)| *known == address) {
                Some((count, _)) => *count += 1,
                None => seen.push((1, address)),
            }
        }
        seen.sort_by(|one, other| (other.0, one.1).cmp(&(one.0, other.1)));
        seen.into_iter().map(|(_, address)| address).take(limits::OBSERVED).collect()
    }

    pub(crate) fn on_observed(&mut self, now: Now, link: LinkId, observed: Observed) {
        let Some(state) = self.links.get_mut(link) else { return };
        // Each change goes to all nodes: whoever says so too often is not believed for a while.
        if state.observed != Some(observed.address) && state.observing.take(now.mono).is_ok() {
            state.observed = Some(observed.address);
            self.addresses_changed(now);
        }
    }

    /// Where this node can be dialled may have changed: others are to know, and what failed
    /// because of it may work now.
    pub(crate) fn addresses_changed(&mut self, now: Now) {
        let told = self.nodes.get(&self.me.id).map(|known| &known.record.addresses);
        if told.is_some_and(|told| *told != self.told_addresses()) {
            self.record_changed(now);
            self.peering.forgive_all(now.mono);
        }
    }

    /// The record of another node tells where it is.
    pub(crate) fn addresses_heard(&mut self, now: Now, record: &Record) {
        self.contacts.note(record.node, &record.addresses);
        let before = self.nodes.get(&record.node);
        let moved = |before: &Known| {
            before.record.addresses != record.addresses || before.record.boot != record.boot
        };
        if before.is_some_and(moved) {
            // What failed there before may work now.
            self.peering.tries.hasten(now.mono, &record.node, limits::RETRY);
            self.peering.dirty = true;
        }
    }

    /// Where another node can be dialled: what worked before, what it says, what others said.
    pub(crate) fn addresses_of(&self, node: &NodeId) -> Vec<SocketAddr> {
        let said = self.nodes.get(node).map(|known| known.record.addresses.as_slice());
        let remembered = self.contacts.addresses(node);
        let worked = self.contacts.worked(node).into_iter();
        let all = worked.chain(said.unwrap_or_default().iter().copied());
        let all = all.chain(remembered.iter().copied()).map(Address::socket);
        let mut addresses = Vec::new();
        for address in all.filter(|address| !self.addresses.own.contains(address)) {
            if addresses.len() < limits::DIAL_ADDRESSES && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses
    }
}
