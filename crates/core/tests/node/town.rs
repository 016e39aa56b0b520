//! A small internet for nodes without sockets: every home has an address, most behind a
//! translator, and a packet takes 10 ms.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly and look only at what it is about"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use meshchat_core::{
    Admit, Carrier, Config, Dial, DialId, Env, Goal, HistoryMode, Input, Mono, Node, Now, Output,
    Way,
};
use meshchat_proto::id::NodeId;
use meshchat_proto::message::Signature;

pub(crate) const SECOND: u64 = 1_000_000;
const DELAY: u64 = 10_000;
/// A dial sends a packet to each of its addresses this often, for so long.
const STEP: u64 = 200_000;
const DIAL: u64 = 5 * SECOND;

/// How a home is joined to the internet (RFC 4787).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Home {
    Open,
    FullCone,
    Restricted,
    PortRestricted,
    Symmetric,
}

/// Nodes, what is between them, and the time.
pub(crate) struct Town {
    homes: Vec<House>,
    now: u64,
    queue: BTreeMap<(u64, u64), Job>,
    count: u64,
    /// These cannot reach the others.
    pub(crate) split: Option<BTreeSet<usize>>,
    /// Dials that each node asked for.
    pub(crate) dials: Vec<u32>,
    /// Packets of dials to each IP address, whoever has it.
    pub(crate) knocks: BTreeMap<IpAddr, u32>,
    /// Reasons of links that nodes ended.
    pub(crate) goodbyes: BTreeMap<&'static str, u32>,
}

struct House {
    kind: Home,
    ip: IpAddr,
    node: Option<Node<AnyEnv>>,
    /// Where it has sent to, and from which port of the translator.
    sent: BTreeMap<SocketAddr, u16>,
    /// Other end, number there, and whether the link stands.
    links: BTreeMap<u32, (usize, u32)>,
}

enum Job {
    Frame(usize, u32, Bytes),
    /// A packet of a dial to one address, and when the dial ends.
    Knock {
        from: usize,
        dial: Option<DialId>,
        to: SocketAddr,
        peer: Option<NodeId>,
        until: u64,
    },
    Up {
        from: usize,
        to: usize,
        dial: Option<DialId>,
        near: bool,
    },
    Fail(usize, DialId),
}

struct Stub(NodeId, u64);

use crate::env::AnyEnv;

impl Env for Stub {
    fn random(&mut self) -> u64 {
        self.1 = self.1.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        self.1 >> 11
    }

    fn sign(&mut self, _: &[u8]) -> Signature {
        [self.0.0[0]; 64]
    }

    fn verify(&mut self, node: &NodeId, _: &[u8], sig: &Signature) -> bool {
        sig[0] == node.0[0]
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        Some(std::array::from_fn(|_| self.random().to_le_bytes()[0]))
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        NodeId(seed.map(|byte| byte ^ 0x55))
    }

    fn sign_with(&mut self, seed: &[u8; 32], _: &[u8]) -> Signature {
        [self.public_of(seed).0[0]; 64]
    }
}

pub(crate) fn beacon(n: usize) -> u64 {
    (1 << 40) + n as u64
}

impl Town {
    pub(crate) fn new(kinds: &[Home], least: usize, most: usize) -> Self {
        let mut town = Self {
            homes: Vec::new(),
            now: 1,
            queue: BTreeMap::new(),
            count: 0,
            split: None,
            dials: vec![0; kinds.len()],
            knocks: BTreeMap::new(),
            goodbyes: BTreeMap::new(),
        };
        for (n, kind) in kinds.iter().enumerate() {
            let id = NodeId([u8::try_from(n).unwrap() + 1; 32]);
            let ip = IpAddr::from([198, 51, 100, u8::try_from(n).unwrap() + 1]);
            let private = SocketAddr::from(([192, 168, 1, u8::try_from(n).unwrap() + 1], 7117));
            let own = if *kind == Home::Open { SocketAddr::new(ip, 7117) } else { private };
            let config = Config {
                id,
                network: None,
                name: format!("pi-{n}").parse().unwrap(),
                software: "town".into(),
                boot_count: 1,
                admit: Admit::Neighbours,
                rate: None,
                history: HistoryMode::Memory,
                people: Vec::new(),
                acquaintances: meshchat_core::SavedAcquaintances::default(),
                goal: Goal { least, most },
                beacon: beacon(n),
                addresses: vec![own],
                contacts: Vec::new(),
                stored: meshchat_core::Stored::default(),
            };
            let node = Some(Node::new(town.now(), config, AnyEnv::of(Stub(id, n as u64 + 77))));
            let (sent, links) = (BTreeMap::new(), BTreeMap::new());
            town.homes.push(House { kind: *kind, ip, node, sent, links });
            town.drain(n);
        }
        town
    }

    pub(crate) fn now(&self) -> Now {
        Now { mono: Mono::from_micros(self.now), wall_ms: 5 }
    }

    pub(crate) fn node(&self, n: usize) -> &Node<AnyEnv> {
        self.homes[n].node.as_ref().unwrap()
    }

    pub(crate) fn address(&self, n: usize) -> SocketAddr {
        SocketAddr::new(self.homes[n].ip, 7117)
    }

    /// An operator names a node in the open to another.
    pub(crate) fn link(&mut self, from: usize, to: usize) {
        let job = Job::Knock {
            from,
            dial: None,
            to: self.address(to),
            peer: None,
            until: self.now + DIAL,
        };
        self.later(0, job);
    }

    /// A node in the open is linked without anyone's wish, as by an earlier beacon.
    pub(crate) fn meet_by_chance(&mut self, from: usize, to: usize) {
        self.later(0, Job::Up { from, to, dial: Some(DialId::MAX), near: true });
    }

    pub(crate) fn give(&mut self, n: usize, input: Input) {
        let now = self.now();
        if let Some(node) = &mut self.homes[n].node {
            node.handle(now, input);
            self.drain(n);
        }
    }

    pub(crate) fn stop(&mut self, n: usize) {
        self.homes[n].node = None;
    }

    pub(crate) fn neighbours(&self, n: usize) -> Vec<usize> {
        let links = self.node(n).links(self.now().mono);
        let live = links.iter().filter(|link| link.live);
        live.map(|link| usize::from(link.peer.0[0]) - 1).collect()
    }

    /// All that links lead to from one node.
    pub(crate) fn component(&self, n: usize) -> BTreeSet<usize> {
        let (mut all, mut queue) = (BTreeSet::from([n]), vec![n]);
        while let Some(at) = queue.pop() {
            queue.extend(self.neighbours(at).into_iter().filter(|next| all.insert(*next)));
        }
        all
    }

    pub(crate) fn check_one_link_per_pair(&self) {
        for n in 0..self.homes.len() {
            let all = self.neighbours(n);
            let different: BTreeSet<_> = all.iter().collect();
            assert_eq!(all.len(), different.len(), "node {n}: {all:?}");
            for other in all {
                assert!(self.neighbours(other).contains(&n), "{n} and {other}");
            }
        }
    }

    pub(crate) fn pass(&mut self, micros: u64) {
        let end = self.now + micros;
        loop {
            let timer = self.homes.iter().enumerate().filter_map(|(n, home)| {
                home.node.as_ref().map(|node| (node.poll_timeout().as_micros(), n))
            });
            let timer = timer.min().unwrap();
            let job = self.queue.keys().next().copied();
            let next = job.map_or(timer.0, |(at, _)| at.min(timer.0)).max(self.now);
            if next > end {
                break;
            }
            self.now = next;
            match job.filter(|(at, _)| *at <= next) {
                Some(key) => {
                    let job = self.queue.remove(&key).unwrap();
                    self.run(job);
                }
                None => {
                    let now = self.now();
                    self.homes[timer.1].node.as_mut().unwrap().handle_timeout(now);
                    self.drain(timer.1);
                }
            }
        }
        self.now = end;
    }

    fn later(&mut self, after: u64, job: Job) {
        self.count += 1;
        self.queue.insert((self.now + after, self.count), job);
    }

    fn drain(&mut self, n: usize) {
        loop {
            let output = self.homes[n].node.as_mut().and_then(Node::poll_output);
            match output {
                None => break,
                Some(Output::Send { links, frame, .. }) => {
                    for link in links {
                        let end = self.homes[n].links.get(&link).copied();
                        if let Some((to, there)) = end.filter(|(to, _)| !self.is_apart(n, *to)) {
                            self.later(DELAY, Job::Frame(to, there, frame.slice(4..)));
                        }
                    }
                }
                Some(Output::CloseLink { link, reason, by_peer }) => {
                    self.homes[n].links.remove(&link);
                    if !by_peer {
                        *self.goodbyes.entry(reason.as_str()).or_default() += 1;
                    }
                }
                Some(Output::Dial(dial)) => self.dial(n, dial),
                Some(_) => {}
            }
        }
    }

    fn dial(&mut self, from: usize, dial: Dial) {
        let Dial { id, node, addresses, way, after } = dial;
        assert!((1..=8).contains(&addresses.len()));
        self.dials[from] += 1;
        let after = u64::try_from(after.as_micros()).unwrap();
        let until = self.now + after + DIAL;
        for (turn, to) in addresses.into_iter().enumerate() {
            *self.knocks.entry(to.ip()).or_default() += 1;
            let stagger = if way == Way::Punch { 0 } else { 250_000 * turn as u64 };
            let job = Job::Knock { from, dial: Some(id), to, peer: node, until };
            self.later(after + stagger, job);
        }
        self.later(after + DIAL, Job::Fail(from, id));
    }

    fn run(&mut self, job: Job) {
        match job {
            Job::Frame(n, link, frame) => self.give(n, Input::Frame { link, frame }),
            Job::Fail(n, dial) => self.give(n, Input::DialFailed { dial }),
            Job::Knock { from, dial, to, peer, until } => {
                if self.now >= until || self.homes[from].node.is_none() {
                    return;
                }
                let source = self.send(from, to);
                match self.arrives(source, to) {
                    Some(n) if !self.is_apart(from, n) && n != from => {
                        let id = self.homes[n].node.as_ref().map(Node::id);
                        if id.is_some() && peer.is_none_or(|peer| Some(peer) == id) {
                            let near = peer.is_none();
                            self.later(2 * DELAY, Job::Up { from, to: n, dial, near });
                        }
                    }
                    Some(_) | None => {
                        self.later(STEP, Job::Knock { from, dial, to, peer, until });
                    }
                }
            }
            Job::Up { from, to, dial, near } => self.up(from, to, dial, near),
        }
    }

    /// A packet leaves a home; gives the address that the world sees it come from.
    fn send(&mut self, from: usize, to: SocketAddr) -> SocketAddr {
        let count = u16::try_from(self.count % 50_000).unwrap();
        let home = &mut self.homes[from];
        let port = match home.kind {
            Home::Symmetric => *home.sent.entry(to).or_insert(10_000 + count),
            _ => *home.sent.entry(to).or_insert(7117),
        };
        SocketAddr::new(home.ip, port)
    }

    /// Whose node gets a packet, if its translator lets it in.
    fn arrives(&self, source: SocketAddr, to: SocketAddr) -> Option<usize> {
        let n = self.homes.iter().position(|home| home.ip == to.ip())?;
        let home = &self.homes[n];
        let mapped = || home.sent.values().any(|port| *port == to.port());
        let lets_in = match home.kind {
            Home::Open => to.port() == 7117,
            Home::FullCone => mapped(),
            Home::Restricted => mapped() && home.sent.keys().any(|sent| sent.ip() == source.ip()),
            Home::PortRestricted | Home::Symmetric => home.sent.get(&source) == Some(&to.port()),
        };
        lets_in.then_some(n)
    }

    fn up(&mut self, from: usize, to: usize, dial: Option<DialId>, near: bool) {
        if [from, to].iter().any(|n| self.homes[*n].node.is_none()) {
            return;
        }
        self.count += 1;
        let link = u32::try_from(self.count).unwrap();
        let seen = |home: &House, other: &House| {
            let port = home.sent.iter().find(|(sent, _)| sent.ip() == other.ip);
            SocketAddr::new(home.ip, port.map_or(7117, |(_, port)| *port))
        };
        let remotes =
            [seen(&self.homes[to], &self.homes[from]), seen(&self.homes[from], &self.homes[to])];
        for (at, other, dialled, remote) in
            [(from, to, true, remotes[0]), (to, from, false, remotes[1])]
        {
            self.homes[at].links.insert(link, (other, link));
            let peer = self.node(other).id();
            let up = Input::LinkUp {
                link,
                peer,
                dialled,
                named: dialled && dial.is_none(),
                near,
                remote,
                address: remote.to_string(),
                carrier: Carrier::Quic,
                dial: dial.filter(|_| dialled),
            };
            self.give(at, up);
        }
    }

    fn is_apart(&self, one: usize, other: usize) -> bool {
        self.split.as_ref().is_some_and(|part| part.contains(&one) != part.contains(&other))
    }
}
