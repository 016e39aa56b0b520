//! The world: hosts, wires, and the order of all that happens.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use meshchat_core::{HistoryMode, Input, Level, LinkId, Note, Output};
use meshchat_proto::control::{ErrorCode, Event, Reply, Start};

use super::host::{Ask, Host};
use super::log::Log;
use super::meter::Meter;
use super::plan::{Loss, Mood, Plan, SECOND, years};
use super::rng::Rng;
use super::sealed::Sealed;
use super::villain::Villain;
use super::wire::{Wire, WireId};

/// Most steps of one world: one that does not rest has failed.
const STEPS: u64 = 60_000;

/// How often it is checked what nodes say of each other.
const LOOK: u64 = 7 * SECOND;

thread_local! {
    /// Step and time of the world that runs on this thread.
    pub(crate) static PLACE: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) rng: Rng,
    pub(crate) now: u64,
    pub(crate) hosts: Vec<Host>,
    pub(crate) wires: BTreeMap<WireId, Wire>,
    pub(crate) loss: Loss,
    /// Directions that nothing passes in.
    pub(crate) cut: BTreeSet<(usize, usize)>,
    pub(crate) villain: Villain,
    pub(crate) log: Log,
    pub(crate) meter: Meter,
    pub(crate) sealed: Sealed,
    jobs: BTreeMap<(u64, u64), Job>,
    made: u64,
    next_wire: WireId,
    pub(crate) healed: bool,
    trace: bool,
}

#[derive(Debug)]
pub(crate) enum Job {
    Deed(usize),
    Dial(usize),
    Run(usize),
    Start(usize),
    Clients(usize),
    Up(WireId),
    Frame(WireId, usize, Bytes),
    Down(WireId, usize),
    Level(WireId, usize),
    Look,
    Heal,
}

impl World {
    /// The world of a plan, with clocks that `clocks` decides and nothing else does.
    pub(crate) fn new(plan: Plan, clocks: u64, trace: bool) -> Self {
        let mut rng = Rng::new(plan.seed ^ 0x77);
        let mut clocks = Rng::new(clocks);
        let hosts = (0..plan.hosts).map(|n| {
            let forgets = plan.forgetful == Some(n);
            let history = if forgets { HistoryMode::Off } else { HistoryMode::Memory };
            // Without queues that count bytes a clock may also start in 1970.
            let wall = if clocks.percent(30) && !plan.sizes_matter() {
                -1_790_000_000_000
            } else {
                years(&mut clocks, 10)
            };
            let rate = plan.rate.filter(|_| plan.flooder != Some(n));
            Host::new(history, rate, wall, &mut rng)
        });
        let mut hosts: Vec<Host> = hosts.collect();
        hosts.iter_mut().for_each(|host| host.sealing = plan.sealing);
        if plan.closed {
            super::closed::found(&mut hosts);
        }
        let villain = Villain::new(&mut rng);
        let mut world = Self {
            loss: plan.loss,
            rng,
            now: 0,
            hosts,
            wires: BTreeMap::new(),
            cut: BTreeSet::new(),
            villain,
            log: Log { trace, paced: plan.rate.is_some(), sealing: plan.sealing, ..Log::default() },
            meter: Meter::new(plan.hosts),
            sealed: Sealed::default(),
            jobs: BTreeMap::new(),
            made: 0,
            next_wire: 0,
            healed: false,
            trace,
            plan,
        };
        world.begin();
        world
    }

    fn begin(&mut self) {
        for host in 0..self.plan.hosts {
            let at = self.rng.below(2 * SECOND);
            self.at(at, Job::Start(host));
        }
        for edge in 0..self.plan.edges.len() {
            let at = self.rng.below(2 * SECOND);
            self.at(at, Job::Dial(edge));
        }
        for deed in 0..self.plan.deeds.len() {
            self.at(self.plan.deeds[deed].0, Job::Deed(deed));
        }
        self.at(self.plan.healed, Job::Heal);
        self.at(LOOK, Job::Look);
    }

    pub(crate) fn run_until(&mut self, end: u64) {
        while let Some(entry) = self.jobs.first_entry().filter(|entry| entry.key().0 <= end) {
            let ((at, _), job) = entry.remove_entry();
            self.now = at;
            let step = PLACE.get().0 + 1;
            PLACE.set((step, at));
            let times = match (self.plan.flooder, self.plan.sealing) {
                (Some(_), _) => 10,
                (None, true) => 4,
                (None, false) => 1,
            };
            let steps = times * STEPS;
            assert!(step < steps, "the world does not come to rest");
            if self.trace {
                println!("{step} {:.6} {}", at as f64 / 1e6, self.describe(&job));
            }
            self.work(job);
        }
        self.now = end;
    }

    pub(crate) fn at(&mut self, at: u64, job: Job) {
        self.made += 1;
        self.jobs.insert((at.max(self.now), self.made), job);
    }

    fn work(&mut self, job: Job) {
        match job {
            Job::Deed(index) => self.act(self.plan.deeds[index].1),
            Job::Dial(edge) => {
                self.dial(edge);
                let next = self.now + self.rng.between(SECOND, 3 * SECOND);
                self.at(next, Job::Dial(edge));
            }
            Job::Run(host) => self.run_host(host),
            Job::Start(host) => self.start(host),
            Job::Clients(host) => self.connect_clients(host),
            Job::Up(wire) => self.wire_up(wire),
            Job::Frame(wire, end, frame) => self.arrive(wire, end, frame),
            Job::Down(wire, end) => self.wire_down(wire, end),
            Job::Level(wire, end) => self.look_at_outbox(wire, end),
            Job::Look => {
                self.check_claims();
                self.at(self.now + LOOK, Job::Look);
            }
            Job::Heal => self.heal_all(),
        }
    }

    pub(crate) fn start(&mut self, host: usize) {
        if self.hosts[host].node.is_some() {
            return;
        }
        let now = self.now;
        self.hosts[host].start(now, host, &mut self.rng);
        self.log.nodes.insert(self.hosts[host].id);
        self.wake(host, now);
        if self.hosts[host].late > 0 {
            self.at(now + self.hosts[host].late, Job::Clients(host));
        }
    }

    fn connect_clients(&mut self, host: usize) {
        // They get what came meanwhile.
        self.hosts[host].connect_all(Start::After(0));
        self.wake(host, self.now);
    }

    /// Sees to it that a host runs at `at` or before, unless it sleeps.
    pub(crate) fn wake(&mut self, host: usize, at: u64) {
        let state = &mut self.hosts[host];
        let at = at.max(self.now).max(state.asleep_until);
        if state.node.is_some() && state.wakes.is_none_or(|wakes| wakes > at) {
            state.wakes = Some(at);
            self.at(at, Job::Run(host));
        }
    }

    pub(crate) fn give(&mut self, host: usize, input: Input) {
        let soon = self.now + self.rng.below(300);
        self.hosts[host].inbox.push_back(input);
        self.wake(host, soon);
    }

    fn run_host(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        if host.wakes != Some(self.now) {
            return;
        }
        host.wakes = None;
        let now = host.time(self.now);
        let Some(node) = &mut host.node else { return };
        let timers_last = self.rng.percent(50);
        if !timers_last && node.poll_timeout() <= now.mono {
            node.handle_timeout(now);
        }
        for input in std::mem::take(&mut host.inbox) {
            node.handle(now, input);
        }
        if timers_last && node.poll_timeout() <= now.mono {
            node.handle_timeout(now);
        }
        self.drain(index);
        self.sleep(index);
    }

    /// Lets a host rest until its next deadline.
    fn sleep(&mut self, index: usize) {
        let host = &mut self.hosts[index];
        let now = host.time(self.now);
        let Some(node) = &mut host.node else { return };
        if node.poll_timeout() <= now.mono {
            node.handle_timeout(now);
            self.drain(index);
        }
        let host = &self.hosts[index];
        let Some(node) = &host.node else { return };
        let next = node.poll_timeout();
        assert!(next > now.mono, "node {index} does not rest: its next deadline is now or past");
        if next.as_micros() < u64::MAX {
            let late = self.rng.below(2_000);
            let at = next.as_micros() - host.mono_offset + late;
            self.wake(index, at);
        }
    }

    /// Does what the node says, until it has nothing left to say.
    pub(crate) fn drain(&mut self, index: usize) {
        loop {
            let mut outputs = Vec::new();
            if let Some(node) = &mut self.hosts[index].node {
                outputs.extend(std::iter::from_fn(|| node.poll_output()));
            }
            if outputs.is_empty() {
                return;
            }
            for output in outputs {
                self.follow(index, output);
            }
            self.read_along(index);
        }
    }

    fn follow(&mut self, index: usize, output: Output) {
        match output {
            Output::Send { links, frame, urgent } => {
                for link in links {
                    if let Some(wire) = self.hosts[index].links.get(&link) {
                        self.transmit(*wire, index, &frame, urgent);
                    }
                }
            }
            Output::CloseLink { link, .. } => self.close(index, link),
            Output::Reply { session, id, result } => {
                let host = &mut self.hosts[index];
                let Some(at) = host.client_of(session) else { return };
                let client = &mut host.clients[at];
                let ask = client.asked.remove(&id);
                if let Some(Ask::Secret(secret, number)) = ask {
                    return self.answered(index, (secret, number), result);
                }
                match (ask, result) {
                    (Some(Ask::Say(text)), Ok(Reply::Sent(sent))) => {
                        self.log.accepted(text, (sent.id, host.boots, sent.seq));
                    }
                    (Some(Ask::Nick(name)), Ok(_)) => client.nick = name,
                    (_, Ok(Reply::Nodes(nodes))) => client.answers.nodes = nodes,
                    (_, Ok(Reply::People(people))) => client.answers.people = people,
                    (_, Ok(Reply::Status(status))) => client.answers.status = Some(status),
                    (Some(Ask::Nick(_)), Err(_)) | (_, Ok(_)) => {}
                    // It stopped before their turn came.
                    (Some(Ask::Say(_)), Err(error))
                        if self.plan.rate.is_some() && error.code == ErrorCode::TooMany => {}
                    (ask, Err(error)) => panic!("node {index} refused {ask:?}: {error}"),
                }
            }
            Output::Event { streams, event } => {
                for (session, _) in streams {
                    let at = self.hosts[index].client_of(session);
                    let Some(at) = at else { continue };
                    self.hosts[index].clients[at].unread.push_back((*event).clone());
                }
            }
            Output::End { .. } => {}
            Output::SaveNetwork { network, .. } => {
                self.hosts[index].network = network.map(|network| *network);
            }
            Output::NetworkSwitched(_)
            | Output::PeersChanged
            | Output::SaveContacts(_)
            | Output::Dial(_)
            | Output::Probe { .. }
            | Output::Probed { .. } => {}
            Output::Handover(handover) => {
                self.hosts[index].handover = Some((*handover, self.now));
            }
            Output::SaveCursors(_) | Output::SaveAcquaintances(_) => {}
            Output::SaveMail(mail) => self.hosts[index].mail = mail,
            Output::SaveRooms(rooms) => self.hosts[index].rooms = rooms,
            Output::SavePeople(people) => self.hosts[index].saved = people,
            Output::SaveBoot(count) => self.hosts[index].boots = count,
            Output::Note(note) => self.judge(index, &note),
        }
    }

    /// Clients that are not stalled read what there is and say so.
    pub(crate) fn read_along(&mut self, index: usize) {
        for client in 0..self.hosts[index].clients.len() {
            let state = &mut self.hosts[index].clients[client];
            if state.stalled {
                super::check::unread_is_bounded(index, state);
                continue;
            }
            if state.unread.is_empty() {
                continue;
            }
            let (unread, session) = (std::mem::take(&mut state.unread), state.session);
            let viewer = (index, self.hosts[index].run, client);
            for event in unread {
                self.check_serene(viewer, &event);
                match event {
                    Event::Message(message) if message.room.is_sealed() => {
                        self.sealed.show_in_room(viewer, &message);
                    }
                    Event::Direct(letter) => self.sealed.show_letter(viewer, &letter),
                    Event::Message(message) => self.log.show(viewer, &message),
                    Event::Missed(missed) => self.log.view(viewer).missed += missed.messages,
                    Event::Gone(gone) => {
                        *self.log.view(viewer).gone.entry(gone.node).or_default() += gone.count;
                    }
                    Event::Key(_)
                    | Event::DirectState(_)
                    | Event::Person(_)
                    | Event::Node(_)
                    | Event::Partition(_)
                    | Event::KeyShared(_)
                    | Event::CaughtUp { .. }
                    | Event::Relayed(_)
                    | Event::Log(_)
                    | Event::Peers(_) => {}
                }
            }
            let now = self.hosts[index].time(self.now);
            if let Some(node) = &mut self.hosts[index].node {
                node.handle(now, Input::SessionDrained { session });
            }
        }
    }

    fn judge(&mut self, index: usize, note: &Note) {
        if self.trace {
            println!("    pi-{index}: {note:?}");
        }
        if let Note::BadPeer { peer, what, .. } = note {
            let honest = *peer != self.villain.id;
            assert!(!honest, "node {index} takes honest {peer:?} for a bad peer: {what}");
        }
        if let Note::Refused { node, count } = note {
            let by_flooder = |host: usize| Some(host) == self.plan.flooder;
            let may = self.log.said.iter().any(|said| said.node == *node && by_flooder(said.host));
            assert!(may, "node {index} refuses {count} of {node:?}, which keeps to the rate");
        }
        if let Note::Gone { node, count } = note {
            // Without restarts in between and with room for all, nothing can be gone.
            let may = self.plan.mood == Mood::Heavy
                || self.plan.forgetful.is_some()
                || self.plan.flooder.is_some()
                || self.villain.was_here;
            assert!(may, "node {index} gives up {count} of {node:?}, which somebody holds");
        }
    }

    pub(crate) fn new_wire(&mut self, hosts: [usize; 2], slow: Option<(u64, u64)>) -> WireId {
        self.next_wire += 1;
        let links = hosts.map(|host| self.hosts.get_mut(host).map_or(0, Host::link));
        let wire = Wire::new(hosts, links, slow, &mut self.rng);
        self.wires.insert(self.next_wire, wire);
        self.next_wire
    }

    pub(crate) fn tell_level(&mut self, host: usize, link: LinkId, level: Level) {
        self.give(host, Input::LinkLevel { link, level });
    }

    fn describe(&self, job: &Job) -> String {
        match job {
            Job::Deed(index) => format!("{:?}", self.plan.deeds[*index].1),
            Job::Frame(wire, end, frame) => {
                let hosts = self.wires.get(wire).map(|wire| wire.hosts);
                let kind = meshchat_proto::frame::Kind::from_code(frame[5]);
                format!("wire {wire} {hosts:?} to end {end}: {kind:?} of {} bytes", frame.len())
            }
            other => format!("{other:?}"),
        }
    }
}
