//! Links that outlive a change of address, and links that want a better carrier.

use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use crate::dial::{Carrier, Way};
use crate::env::Env;
use crate::io::LinkId;
use crate::limits;
use crate::links::Link;
use crate::node::Node;
use crate::peering::Purpose;
use crate::time::{Mono, Now};

/// When a link is dialled once more though it stands.
#[derive(Debug, Default)]
pub(crate) struct Redial {
    anew: Option<Mono>,
    upgrade: Option<(Mono, u32)>,
}

impl Link {
    /// When a dial is due that would replace this link.
    pub(crate) fn redial_due(&self) -> Option<Mono> {
        let anew = self.heart.waiting_since().map(|since| {
            let soon = since + limits::SUSPECT;
            self.redial.anew.map_or(soon, |last| soon.max(last + limits::REDIAL))
        });
        let over_tcp = self.hello.is_some() && self.dialled && self.carrier == Carrier::Tcp;
        let first = self.since + limits::UPGRADE;
        let upgrade = over_tcp.then(|| self.redial.upgrade.map_or(first, |(at, _)| at));
        [anew.filter(|_| self.hello.is_some()), upgrade].into_iter().flatten().min()
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn on_network_changed(&mut self, now: Now, addresses: Vec<SocketAddr>, came: bool) {
        self.addresses.own = addresses;
        self.addresses_changed(now);
        if came {
            self.peering.forgive_all(now.mono);
            self.beacons.forgive_all(now.mono);
        }
        // Whatever has moved shows itself by the answers that do not come.
        self.ask_all(now);
    }

    /// Dials what links need: those that do not answer, and those over TCP.
    pub(crate) fn tick_redials(&mut self, now: Now) {
        let due = |link: &Link| link.redial_due().is_some_and(|due| due <= now.mono);
        let due = self.links.live().filter(|(_, link)| due(link)).map(|(id, _)| id);
        for link in due.collect::<Vec<_>>() {
            self.redial(now, link);
        }
    }

    /// The soonest of them.
    pub(crate) fn redial_due(&self) -> Option<Mono> {
        self.links.live().filter_map(|(_, link)| link.redial_due()).min()
    }

    fn redial(&mut self, now: Now, id: LinkId) {
        let Some(link) = self.links.get_mut(id) else { return };
        let (peer, remote) = (link.peer, link.remote);
        let silent = link.heart.waiting_since().is_some_and(|at| at + limits::SUSPECT <= now.mono);
        let (way, purpose) = if silent {
            link.redial.anew = Some(now.mono);
            (Way::Plain, Purpose::Anew)
        } else {
            let tries = link.redial.upgrade.map_or(0, |(_, tries)| tries) + 1;
            let pause = limits::UPGRADE * 2u32.pow(tries.min(8));
            link.redial.upgrade = Some((now.mono + pause.min(limits::RETRY_MOST), tries));
            (Way::Upgrade, Purpose::Upgrade)
        };
        let dialled = link.dialled || link.carrier == Carrier::Quic;
        let mut addresses: Vec<SocketAddr> = dialled.then_some(remote).into_iter().collect();
        for address in self.addresses_of(&peer) {
            if !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        addresses.truncate(limits::DIAL_ADDRESSES);
        if !self.peering.is_dialling(&peer) && !addresses.is_empty() {
            self.dial(now, Some(peer), addresses, (way, purpose, Duration::ZERO));
        }
    }
}
