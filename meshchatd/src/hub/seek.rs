//! Dials that the node decides on by itself, and what it is told of the network for that.

use std::net::SocketAddr;

use meshchat_core::{Dial, Input, SavedContact, Way};

use super::{Cause, Dialled, Hub};
use crate::dial::{How, Zeal, race};
use crate::discover::Heard;
use crate::interfaces::{Interface, NetworkChange};
use crate::store::StateFile;

impl Hub {
    /// Starts a dial; what comes of it arrives as [`Dialled`].
    pub(super) fn seek(&self, dial: Dial) {
        let Dial { id, node, addresses, way, after } = dial;
        let how = match way {
            Way::Plain => How { zeal: Zeal::Calm, knock: true, tcp: true },
            Way::Punch => How { zeal: Zeal::Eager, knock: false, tcp: false },
            Way::Upgrade => How { zeal: Zeal::Calm, knock: false, tcp: false },
        };
        let who =
            node.map_or_else(|| "whoever calls on the LAN".into(), |node| node.short().to_string());
        tracing::debug!("dialling {who} at {addresses:?}, {way:?}");
        let cause = if node.is_some() { Cause::Mesh(id) } else { Cause::Lan(id) };
        let (endpoint, dials) = (self.parts.endpoint.clone(), self.doors.dials.clone());
        self.parts.tasks.spawn(async move {
            tokio::time::sleep(after).await;
            let outcome = race(&endpoint, addresses, node.map(|node| node.0), how).await;
            dials.send(Dialled { cause, outcome }).await.ok();
        });
    }

    pub(super) fn on_network_change(&mut self, change: NetworkChange) {
        let NetworkChange { interfaces, came } = change;
        self.parts.discovery.network_changed(&interfaces, came);
        self.parts.portmap.network_changed(&interfaces);
        let listen = self.parts.endpoint.local_addr();
        let addresses = listen.map(|listen| own_addresses(&interfaces, listen)).unwrap_or_default();
        self.node.handle(self.now(), Input::NetworkChanged { addresses, came });
        self.interfaces = interfaces;
        if came {
            tracing::debug!("the network changed; whoever could not be reached is dialled again");
            let now = tokio::time::Instant::now();
            self.book.retry_all(now);
            self.dial_due(now);
            self.peers_changed = true;
        }
    }

    pub(super) fn on_heard(&mut self, heard: Heard) {
        let Heard { nonce, address, interface: _ } = heard;
        self.node.handle(self.now(), Input::Heard { beacon: beacon_number(&nonce), address });
    }

    /// Tells the node of peers that have moved: the carrier follows them without a word.
    pub(super) fn look_for_moves(&mut self) {
        let now = self.now();
        for (link, state) in &mut self.links {
            let remote = state.handle.remote();
            if state.remote != remote {
                state.remote = remote;
                let address = crate::near::shown(remote);
                self.node.handle(now, Input::LinkMoved { link: *link, remote, address });
            }
        }
    }

    pub(super) fn save_contacts(&self, contacts: &[SavedContact]) {
        if let Err(error) = self.parts.store.save(StateFile::Contacts, &contacts) {
            tracing::error!("cannot keep where nodes are: {error}; {}", error.fix());
        }
    }
}

/// Where this node listens, on each of its interfaces that lead elsewhere.
#[must_use]
pub fn own_addresses(interfaces: &[Interface], listen: SocketAddr) -> Vec<SocketAddr> {
    if !listen.ip().is_unspecified() {
        return vec![listen];
    }
    let leading = interfaces.iter().filter(|interface| interface.up && !interface.loopback);
    let ips = leading.flat_map(|interface| interface.addresses.iter().map(|subnet| subnet.ip));
    let taken = ips.filter(|ip| listen.is_ipv6() || ip.is_ipv4());
    taken.map(|ip| SocketAddr::new(ip, listen.port())).collect()
}

/// The part of a beacon's number that records name; never 0, which means none.
#[must_use]
pub fn beacon_number(nonce: &[u8; 16]) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = *nonce;
    u64::from_le_bytes([a, b, c, d, e, f, g, h]).max(1)
}
