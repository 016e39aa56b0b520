//! Neighbours that try to reach this node, as a stranger would, and what they say of it.

use alloc::vec::Vec;

use meshchat_proto::codec;
use meshchat_proto::frame::Kind;
use meshchat_proto::peer::{Probe, Probed};

use crate::env::Env;
use crate::io::{LinkId, Output};
use crate::limits;
use crate::node::Node;
use crate::status::Drop;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Asks a few neighbours, those elsewhere first: they see what others would.
    pub(crate) fn ask_probes(&mut self, token: u64, tcp_port: u16) {
        let mut asked: Vec<_> = self.links.live().map(|(id, link)| (link.near, id)).collect();
        asked.sort_unstable();
        for (_, link) in asked.into_iter().take(limits::PROBES) {
            self.send(link, Kind::Probe, 0, &codec::encode(&Probe { token, tcp_port }));
        }
    }

    pub(crate) fn on_probe(&mut self, now: Now, link: LinkId, probe: Probe) {
        let Some(state) = self.links.get_mut(link) else { return };
        if state.probing.take(now.mono).is_err() {
            return self.counters.drop(Drop::ProbeRate, 1);
        }
        let Probe { token, tcp_port } = probe;
        let (node, remote) = (state.peer, state.remote);
        self.out.push_back(Output::Probe { link, token, node, remote, tcp_port });
    }

    pub(crate) fn probe_done(&mut self, link: LinkId, probed: Probed) {
        if self.links.get(link).is_some_and(|state| state.hello.is_some()) {
            self.send(link, Kind::Probed, 0, &codec::encode(&probed));
        }
    }

    pub(crate) fn on_probed(&mut self, link: LinkId, probed: Probed) {
        let Some(state) = self.links.get(link) else { return };
        let Probed { token, udp, tcp } = probed;
        let (peer, near) = (state.peer, state.near);
        self.out.push_back(Output::Probed { token, peer, near, udp, tcp });
    }
}
