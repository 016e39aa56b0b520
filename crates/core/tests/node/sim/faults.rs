//! What is done to the world, and how it is made whole again.

use meshchat_core::Input;
use meshchat_proto::control::{Request, Start};
use meshchat_proto::message::MessageKind;

use super::host::Ask;
use super::log::Said;
use super::plan::{Deed, Kept, Loss, ROOMS, SECOND};
use super::world::{Job, World};

impl World {
    pub(crate) fn act(&mut self, deed: Deed) {
        match deed {
            Deed::Remove { host } => self.remove(host),
            Deed::TalkOutside { host } => self.talk_outside(host),
            Deed::Say { host, client, count, bytes } => self.say(host, client, count, bytes),
            Deed::Nick { host } => self.nick(host),
            Deed::Away { host, away } => {
                let request = Request::Away { away, note: "lunch".into() };
                self.request(host, 0, request, Ask::Other);
            }
            Deed::Cut { from, to, both } => {
                self.cut.insert((from, to));
                if both {
                    self.cut.insert((to, from));
                }
            }
            Deed::Heal => self.heal_cuts(),
            Deed::Partition { side } => self.partition(side),
            Deed::LoseWire { edge } => self.lose_wire(edge),
            Deed::DialAgain { edge } => {
                let edge = self.plan.edges[edge];
                let end = self.rng.index(2);
                self.connect(edge.ends[end], edge.ends[1 - end], edge.slow);
            }
            Deed::Crash { host, kept, back } => self.crash(host, kept, back),
            Deed::Shutdown { host, back } => self.shutdown(host, back),
            Deed::Restart { host, back, clients } => self.restart(host, back, clients),
            Deed::Sleep { host, time } => self.hosts[host].asleep_until = self.now + time,
            Deed::Clock { host, by_ms } => self.hosts[host].wall_offset += by_ms,
            Deed::Stall { host } => {
                let client = self.hosts[host].clients.first_mut();
                client.into_iter().for_each(|client| client.stalled = true);
            }
            Deed::Drain { host } => self.drain_clients(host),
            Deed::Reconnect { host } => self.reconnect(host),
            Deed::Whisper { host, secret } => self.whisper(host, secret),
            Deed::LastWords => self.last_words(),
            Deed::Villain { host } => self.visit_of_villain(host),
        }
    }

    pub(crate) fn request(&mut self, host: usize, client: usize, request: Request, ask: Ask) {
        let state = &self.hosts[host];
        if state.node.is_some() && state.clients.get(client).is_some_and(|one| one.session != 0) {
            self.hosts[host].ask(client, request, ask);
            self.wake(host, self.now);
        }
    }

    /// Asks a node to send some texts, all of them before it may answer.
    pub(crate) fn say(&mut self, host: usize, client: usize, count: u64, bytes: usize) {
        let state = &self.hosts[host];
        // Who may be called something else in a moment does not speak yet.
        let clients = state.clients.get(client);
        let quiet = |asked: &Ask| !matches!(asked, Ask::Nick(_));
        let clients = clients.filter(|client| client.session != 0);
        let Some(author) = clients.filter(|client| client.asked.values().all(quiet)) else {
            return;
        };
        let (author, run, node) = (author.nick.clone(), state.run, state.id);
        for _ in 0..count {
            let room = self.rng.pick(&ROOMS);
            let text = self.log.text(bytes);
            let index = self.log.said.len();
            let (author, accepted) = (author.clone(), None);
            self.log.said.push(Said {
                host,
                run,
                node,
                author,
                room,
                text: text.clone(),
                accepted,
                seq: 0,
                boot: 0,
                had: std::collections::BTreeSet::new(),
            });
            let (room, kind) = (Some(room.to_owned()), MessageKind::Text);
            self.request(host, client, Request::Send { room, text, kind }, Ask::Say(index));
        }
    }

    fn nick(&mut self, host: usize) {
        let name = format!("{}-{}", self.rng.pick(&["eve", "kim"]), self.rng.below(100));
        // With texts under way it would not be known who said them.
        if self.hosts[host].clients.first().is_some_and(|client| client.asked.is_empty()) {
            self.request(host, 0, Request::Nick { name: name.clone() }, Ask::Nick(name));
        }
    }

    fn partition(&mut self, side: u64) {
        let hosts = self.plan.hosts;
        let is_in = |host: usize| side >> host & 1 == 1;
        for (one, other) in (0..hosts).flat_map(|one| (0..hosts).map(move |other| (one, other))) {
            if is_in(one) != is_in(other) {
                self.cut.insert((one, other));
            }
        }
    }

    fn heal_cuts(&mut self) {
        self.cut.clear();
        self.release_held();
    }

    /// The transport gives up; each end notices in its own time.
    fn lose_wire(&mut self, edge: usize) {
        let ends = self.plan.edges[edge].ends;
        let between = |wire: &super::wire::Wire| ends.iter().all(|end| wire.hosts.contains(end));
        let lost = self.wires.iter().filter(|(_, wire)| between(wire));
        for id in lost.map(|(id, _)| *id).collect::<Vec<_>>() {
            for end in [0, 1] {
                let at = self.now + self.rng.below(8 * SECOND);
                self.at(at, Job::Down(id, end));
            }
        }
    }

    fn crash(&mut self, host: usize, kept: Kept, back: Option<u64>) {
        if self.hosts[host].node.is_none() {
            return;
        }
        // The process goes; whether its peers are told is up to the kernel.
        let told = self.rng.percent(50);
        for link in self.hosts[host].links.keys().copied().collect::<Vec<_>>() {
            if told {
                self.close(host, link);
            } else if let Some(id) = self.hosts[host].links.remove(&link)
                && let Some(wire) = self.wires.get_mut(&id)
            {
                let end = wire.end_of(host);
                wire.open[end] = false;
                if wire.open == [false; 2] {
                    self.wires.remove(&id);
                }
            }
        }
        let id = self.rng.bytes();
        self.note_had(host);
        self.sealed.crashed(self.now, host, kept);
        let state = &mut self.hosts[host];
        state.stop();
        if kept != Kept::Disk {
            (state.mail, state.rooms) = Default::default();
            (state.boots, state.saved) = (0, Vec::new());
        }
        if kept == Kept::Nothing && !self.plan.closed {
            state.id = meshchat_proto::id::NodeId(id);
        }
        self.come_back(host, back);
    }

    fn restart(&mut self, host: usize, back: u64, clients: u64) {
        if self.end_run(host, Input::Restart) {
            self.hosts[host].late = clients;
            self.come_back(host, Some(back));
        }
    }

    fn shutdown(&mut self, host: usize, back: Option<u64>) {
        if self.end_run(host, Input::Shutdown) {
            self.come_back(host, back);
        }
    }

    /// Ends a run in an orderly way, if there is one.
    fn end_run(&mut self, host: usize, last: Input) -> bool {
        let now = self.hosts[host].time(self.now);
        let state = &mut self.hosts[host];
        let Some(node) = &mut state.node else { return false };
        for input in std::mem::take(&mut state.inbox) {
            node.handle(now, input);
        }
        node.handle(now, last);
        self.note_had(host);
        self.drain(host);
        if host == 0 {
            self.sealed.crashed(self.now, host, Kept::Disk);
        }
        self.hosts[host].stop();
        true
    }

    fn come_back(&mut self, host: usize, back: Option<u64>) {
        if let Some(back) = back {
            self.at(self.now + back, Job::Start(host));
        }
    }

    fn drain_clients(&mut self, host: usize) {
        for client in &mut self.hosts[host].clients {
            client.stalled = false;
        }
        self.read_along(host);
        self.drain(host);
        self.wake(host, self.now);
    }

    /// A client comes back and goes on behind what it has read.
    fn reconnect(&mut self, host: usize) {
        if self.hosts[host].clients.first().is_none_or(|client| client.session == 0) {
            return;
        }
        let viewer = (host, self.hosts[host].run, 0);
        let cursor = self.log.view(viewer).cursor();
        self.hosts[host].clients[0].stalled = false;
        self.hosts[host].connect(0, Start::After(cursor));
        self.wake(host, self.now);
    }

    pub(crate) fn heal_all(&mut self) {
        self.loss = Loss::None;
        self.heal_cuts();
        self.banish_villain();
        for edge in &mut self.plan.edges {
            edge.slow = None;
        }
        let now = self.now;
        self.wires.values_mut().flat_map(|wire| &mut wire.ways).for_each(|way| way.heal(now));
        for host in 0..self.plan.hosts {
            let state = &mut self.hosts[host];
            if state.asleep_until > self.now {
                (state.asleep_until, state.wakes) = (self.now, None);
                self.wake(host, self.now);
            }
            self.drain_clients(host);
        }
        self.healed = true;
    }
}
