//! Examinations: facts of the hub, the disk and the neighbours, gathered and judged together.

use std::net::SocketAddr;
use std::time::Duration;

use meshchat_core::Input;
use meshchat_proto::control::{Error, ErrorCode, Reply};
use meshchat_proto::id::NodeId;
use meshchat_proto::name::NodeName;

use tokio::time::Instant;

use super::{Hub, own_addresses};
use crate::config::{Discovery, Mode};
use crate::dial::Phase;
use crate::doctor::{Facts, LinkFacts, Machine, NamedFacts, Places, ProbeFacts, judge};

/// One examination; there is at most one at a time.
#[derive(Debug)]
pub(super) struct Exam {
    session: u32,
    id: u64,
    token: u64,
    asked: usize,
    probes: Vec<ProbeFacts>,
    machine: Option<Box<Machine>>,
    until: Instant,
}

/// What was found out away from the hub.
#[derive(Debug)]
pub enum Finds {
    /// What the disk and the hardware say.
    Machine(Box<Machine>),
    /// Whether a neighbour that asked for it can be reached.
    Probe {
        /// The link over which it asked.
        link: u32,
        /// Its token.
        token: u64,
        /// It answered over UDP.
        udp: bool,
        /// It answered over TCP.
        tcp: bool,
    },
}

impl Hub {
    /// Begins an examination; the answer comes when all is known, or after [`LIMIT`].
    pub(super) fn examine(&mut self, session: u32, id: u64) {
        if self.exam.is_some() {
            let busy = Error::new(ErrorCode::TooMany, "an examination is under way")
                .hint("ask again in some seconds");
            return self.answer(session, id, Err(busy));
        }
        let token = getrandom::u64().unwrap_or_default();
        let links = self.node.links(self.now().mono);
        let asked =
            links.iter().filter(|link| link.live).count().min(meshchat_core::limits::PROBES);
        let until = Instant::now() + LIMIT;
        self.exam =
            Some(Exam { session, id, token, asked, probes: Vec::new(), machine: None, until });
        let listen =
            self.parts.endpoint.local_addr().filter(|_| self.parts.endpoint.listens_on_tcp());
        let tcp_port = listen.map_or(0, |listen| listen.port());
        self.node.handle(self.now(), Input::AskProbes { token, tcp_port });
        let settings = &self.parts.settings;
        let places = Places {
            state_dir: settings.state_dir.value.clone(),
            spare: self.parts.store.spare().map(Into::into),
            socket: settings.socket.value.clone(),
            // A node of one user has no use for a group.
            group: match settings.mode {
                Mode::System => settings.group.value.clone(),
                Mode::User => String::new(),
            },
            sys: "/sys".into(),
        };
        let finds = self.doors.finds.clone();
        self.parts.tasks.spawn(async move {
            let look = tokio::task::spawn_blocking(move || Machine::look(&places));
            let machine = look.await.unwrap_or_default();
            finds.send(Finds::Machine(Box::new(machine))).await.ok();
        });
    }

    pub(super) fn on_finds(&mut self, finds: Finds) {
        match finds {
            Finds::Machine(machine) => {
                if let Some(exam) = &mut self.exam {
                    exam.machine = Some(machine);
                }
            }
            Finds::Probe { link, token, udp, tcp } => {
                self.node.handle(self.now(), Input::ProbeDone { link, token, udp, tcp });
            }
        }
        self.finish_exam(Instant::now());
    }

    /// A neighbour has tried to reach this node.
    pub(super) fn on_probed(&mut self, token: u64, peer: &NodeId, probe: (bool, bool, bool)) {
        let name = self.node.name_of(peer).unwrap_or_else(|| NodeName::of_id(peer));
        let (near, udp, tcp) = probe;
        let exam = self.exam.as_mut().filter(|exam| exam.token == token);
        if let Some(exam) = exam.filter(|exam| exam.probes.len() < exam.asked) {
            exam.probes.push(ProbeFacts { name, near, udp, tcp });
        }
        self.finish_exam(Instant::now());
    }

    /// Tries to reach a neighbour that wants to know whether it can be.
    pub(super) fn probe(&self, link: u32, token: u64, node: NodeId, remote: SocketAddr, port: u16) {
        let (endpoint, finds) = (self.parts.endpoint.clone(), self.doors.finds.clone());
        self.parts.tasks.spawn(async move {
            let by_tcp = async {
                // The scope of a link-local address stays.
                let mut remote = remote;
                remote.set_port(port);
                port != 0 && endpoint.probe_tcp(remote, node.0).await
            };
            let (udp, tcp) = tokio::join!(endpoint.probe_udp(remote, node.0), by_tcp);
            finds.send(Finds::Probe { link, token, udp, tcp }).await.ok();
        });
    }

    /// When an examination ends at the latest.
    pub(super) fn exam_due(&self) -> Option<Instant> {
        self.exam.as_ref().map(|exam| exam.until)
    }

    /// Judges and answers if all is known, or it has taken too long.
    pub(super) fn finish_exam(&mut self, now: Instant) {
        let done = |exam: &Exam| {
            (exam.machine.is_some() && exam.probes.len() >= exam.asked) || exam.until <= now
        };
        let Some(exam) = self.exam.take_if(|exam| done(exam)) else { return };
        let (session, id) = (exam.session, exam.id);
        let findings = judge(&self.facts(exam));
        self.answer(session, id, Ok(Reply::Doctor(findings)));
    }

    fn facts(&self, exam: Exam) -> Facts {
        let (now, listen) = (self.now(), self.parts.endpoint.local_addr());
        let links = self.node.links(now.mono).into_iter().filter(|link| link.live);
        let links = links.filter_map(|link| {
            let state = self.links.get(&link.link)?;
            Some(LinkFacts {
                name: link.name?,
                near: link.near,
                carrier: state.handle.carrier(),
                mtu: state.handle.mtu(),
                observed: link.observed,
                clock_offset_ms: link.clock_offset_ms,
            })
        });
        let named = self.book.iter().map(|(_, entry)| NamedFacts {
            address: entry.peer.address.to_string(),
            linked: matches!(entry.phase, Phase::Linked(_))
                || entry.node.is_some_and(|node| self.is_linked(&node)),
            error: entry.error.clone(),
        });
        Facts {
            interfaces: self.interfaces.clone(),
            patterns: self.parts.settings.interfaces.value.clone(),
            discovery: self.parts.settings.discovery() == Discovery::Lan,
            beacons: self.parts.discovery.stats(),
            listen,
            tcp: self.parts.endpoint.listens_on_tcp(),
            own: listen.map(|at| own_addresses(&self.interfaces, at)).unwrap_or_default(),
            mapping: self.parts.portmap.state(),
            links: links.collect(),
            named: named.collect(),
            probes: exam.probes,
            asked: exam.asked,
            wall_ms: now.wall_ms,
            doubled: self.node.doubled(now.mono),
            machine: exam.machine.map(|machine| *machine).unwrap_or_default(),
        }
    }
}

/// Longer than any probe takes.
const LIMIT: Duration = Duration::from_secs(8);
