//! What the network does: it dials, carries, delays, loses and ends.

use bytes::Bytes;
use meshchat_core::{Carrier, Input, LinkId};

use super::plan::{Loss, SECOND};
use super::villain::VILLAIN;
use super::wire::WireId;
use super::world::{Job, World};
use meshchat_proto::frame::Kind;

impl World {
    /// Dials from whichever end finds no link to the other.
    pub(crate) fn dial(&mut self, edge: usize) {
        let edge = self.plan.edges[edge];
        let wants =
            [0, 1].map(|end| edge.dials[end] && self.lacks(edge.ends[end], edge.ends[1 - end]));
        for end in [0, 1] {
            if wants[end] {
                self.connect(edge.ends[end], edge.ends[1 - end], edge.slow);
            }
        }
    }

    fn lacks(&self, from: usize, to: usize) -> bool {
        let linked =
            self.hosts[from].links.values().any(|wire| self.wires[wire].hosts.contains(&to));
        !linked
    }

    /// A handshake, for which both directions must be free.
    pub(crate) fn connect(&mut self, from: usize, to: usize, slow: Option<(u64, u64)>) {
        let awake = |host: usize| {
            self.hosts[host].node.is_some() && self.hosts[host].asleep_until <= self.now
        };
        if !awake(from) || !awake(to) || self.is_cut(from, to) || self.is_cut(to, from) {
            return;
        }
        let wire = self.new_wire([from, to], slow);
        let at = self.now + self.rng.below(SECOND / 5);
        self.at(at, Job::Up(wire));
    }

    pub(crate) fn is_cut(&self, from: usize, to: usize) -> bool {
        self.cut.contains(&(from, to))
    }

    pub(crate) fn wire_up(&mut self, id: WireId) {
        let Some(wire) = self.wires.get(&id) else { return };
        let (hosts, links) = (wire.hosts, wire.links);
        let dead = |host: &usize| self.hosts.get(*host).is_some_and(|host| host.node.is_none());
        if wire.open != [true; 2] || hosts.iter().any(dead) {
            self.wires.remove(&id);
            return;
        }
        for end in [0, 1] {
            let (host, other) = (hosts[end], hosts[1 - end]);
            if host == VILLAIN {
                continue;
            }
            self.hosts[host].links.insert(links[end], id);
            let peer = self.hosts.get(other).map_or(self.villain.id, |other| other.id);
            let up = Input::LinkUp {
                link: links[end],
                peer,
                dialled: end == 0,
                named: end == 0,
                near: true,
                remote: ([192, 0, 2, 1], 7).into(),
                address: format!("wire {id}"),
                carrier: Carrier::Quic,
                dial: None,
            };
            self.give(host, up);
        }
        if hosts[0] == VILLAIN {
            self.misbehave(id);
        }
    }

    /// Sends a frame from a host into a wire.
    pub(crate) fn transmit(&mut self, id: WireId, from: usize, frame: &Bytes, urgent: bool) {
        let kind = Kind::from_code(frame[5]);
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let end = wire.end_of(from);
        let to = wire.hosts[1 - end];
        self.villain.record(frame, &mut self.rng);
        let (written, level) = wire.ways[end].queue(self.now, frame.len(), urgent);
        let link = wire.links[end];
        if let Some(level) = level {
            let look = wire.ways[end].drained_at().unwrap_or(self.now) + SECOND / 10;
            self.at(look, Job::Level(id, end));
            self.tell_level(from, link, level);
        }
        let Some(written) = written else { return };
        if to == VILLAIN {
            return;
        }
        self.meter.sent(from, id, kind, frame);
        if self.is_cut(from, to) {
            // A transport greets reliably, or there is no link.
            if (!self.plan.cuts_lose || greets(kind))
                && let Some(wire) = self.wires.get_mut(&id)
            {
                wire.ways[end].held.push_back((frame.clone(), urgent));
            }
            return;
        }
        self.carry(id, end, written, frame.clone(), urgent);
    }

    fn carry(&mut self, id: WireId, end: usize, at: u64, frame: Bytes, urgent: bool) {
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let kind = Kind::from_code(frame[5]);
        let loss = match (kind, self.loss) {
            (kind, Loss::Dropped(chance)) if greets(kind) => Loss::Late(chance),
            (_, loss) => loss,
        };
        if let Some(arrival) = wire.ways[end].arrival(at, urgent, loss, &mut self.rng) {
            self.at(arrival, Job::Frame(id, 1 - end, frame));
        }
    }

    pub(crate) fn arrive(&mut self, id: WireId, end: usize, frame: Bytes) {
        let Some(wire) = self.wires.get(&id).filter(|wire| wire.open[end]) else { return };
        let (host, link) = (wire.hosts[end], wire.links[end]);
        self.give(host, Input::Frame { link, frame: frame.slice(4..) });
    }

    pub(crate) fn look_at_outbox(&mut self, id: WireId, end: usize) {
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.open[end]) else { return };
        let (host, link) = (wire.hosts[end], wire.links[end]);
        if wire.ways[end].has_drained(self.now) {
            self.tell_level(host, link, meshchat_core::Level::Drained);
        } else if let Some(at) = wire.ways[end].drained_at() {
            self.at(at.max(self.now) + SECOND / 10, Job::Level(id, end));
        }
    }

    /// A host ends its link; the other end hears of it if the way is free.
    pub(crate) fn close(&mut self, host: usize, link: LinkId) {
        let Some(id) = self.hosts[host].links.remove(&link) else { return };
        let Some(wire) = self.wires.get_mut(&id) else { return };
        let end = wire.end_of(host);
        wire.open[end] = false;
        let (other, at) = (wire.hosts[1 - end], wire.ways[end].flushed(self.now));
        if wire.open == [false; 2] || other == VILLAIN {
            self.wires.remove(&id);
        } else if !self.cut.contains(&(host, other)) {
            self.at(at, Job::Down(id, 1 - end));
        }
    }

    pub(crate) fn wire_down(&mut self, id: WireId, end: usize) {
        let Some(wire) = self.wires.get_mut(&id).filter(|wire| wire.open[end]) else { return };
        wire.open[end] = false;
        let (host, link) = (wire.hosts[end], wire.links[end]);
        if wire.open == [false; 2] {
            self.wires.remove(&id);
        }
        if host != VILLAIN && self.hosts[host].links.remove(&link).is_some() {
            self.give(host, Input::LinkDown { link });
        }
    }

    /// Lets through what waited for cuts that are no longer there.
    pub(crate) fn release_held(&mut self) {
        let ids: Vec<WireId> = self.wires.keys().copied().collect();
        for (id, end) in ids.into_iter().flat_map(|id| [(id, 0), (id, 1)]) {
            let Some(wire) = self.wires.get_mut(&id) else { continue };
            let [from, to] = [wire.hosts[end], wire.hosts[1 - end]];
            if self.cut.contains(&(from, to)) {
                continue;
            }
            for (frame, urgent) in std::mem::take(&mut wire.ways[end].held) {
                self.carry(id, end, self.now, frame, urgent);
            }
        }
    }
}

/// Whether a frame is part of a greeting, which nothing but the end of its link loses.
const fn greets(kind: Kind) -> bool {
    matches!(kind, Kind::Hello | Kind::Knock | Kind::Roster | Kind::Welcome)
}
