//! Real nodes on perfect wires, and strangers that may say anything.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use meshchat_core::{
    Admit, Carrier, Config, Env, Goal, HistoryMode, Input, LinkId, Mono, Node, Note, Now, Output,
    Rate,
};
use meshchat_proto::codec;
use meshchat_proto::control::{Error, Event, Reply, Request, Start};
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, NetworkId, NodeId};
use meshchat_proto::message::{MessageKind, Signature};
use meshchat_proto::peer::Hello;

use crate::env::AnyEnv;

pub(crate) const RATE: Rate = Rate { burst: 20, per_second: 5 };

struct Stub(NodeId, u64);

impl Env for Stub {
    fn random(&mut self) -> u64 {
        self.1 += 1;
        self.1
    }

    fn sign(&mut self, bytes: &[u8]) -> Signature {
        signature(&self.0, bytes)
    }

    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool {
        *sig == signature(node, bytes)
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        None
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        NodeId(*seed)
    }

    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature {
        signature(&NodeId(*seed), bytes)
    }
}

pub(crate) fn signature(node: &NodeId, bytes: &[u8]) -> Signature {
    let mut sig = [0; 64];
    sig[..32].copy_from_slice(&node.0);
    sig[32..].copy_from_slice(&meshchat_proto::id::MessageId::of(bytes).0);
    sig
}

pub(crate) fn id(n: usize) -> NodeId {
    NodeId([n as u8 + 1; 32])
}

/// What one node showed.
#[derive(Debug, Default)]
pub(crate) struct View {
    /// Texts, in the order of showing.
    pub(crate) texts: Vec<String>,
    /// Those of them that were not said just now.
    pub(crate) old: Vec<String>,
    pub(crate) gone: u64,
    pub(crate) refused: u64,
    pub(crate) notes: Vec<Note>,
    pub(crate) events: Vec<Event>,
    pub(crate) errors: Vec<Error>,
    pub(crate) replies: Vec<Reply>,
}

impl View {
    /// How many texts begin so.
    pub(crate) fn count(&self, start: &str) -> usize {
        self.texts.iter().filter(|text| text.starts_with(start)).count()
    }
}

/// One of both ends of a wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Node(usize),
    Stranger,
}

pub(crate) struct Mesh {
    pub(crate) nodes: Vec<Node<AnyEnv>>,
    pub(crate) views: Vec<View>,
    pub(crate) now: Now,
    /// Frames and bytes of each kind since the last look.
    pub(crate) traffic: BTreeMap<Kind, (u64, u64)>,
    ids: Vec<NodeId>,
    rates: Vec<Option<Rate>>,
    pub(crate) boots: Vec<u64>,
    /// How often each node numbered itself anew.
    pub(crate) saves: Vec<u64>,
    wires: BTreeMap<LinkId, [End; 2]>,
    links: LinkId,
    asked: u64,
    injected: u64,
    started: u64,
}

impl Mesh {
    /// Nodes `pi-0` and so on with these rates, linked so.
    pub(crate) fn new(rates: &[Option<Rate>], links: &[(usize, usize)]) -> Self {
        Self::with_ids((0..rates.len()).map(id).collect(), rates, links)
    }

    pub(crate) fn with_ids(
        ids: Vec<NodeId>,
        rates: &[Option<Rate>],
        links: &[(usize, usize)],
    ) -> Self {
        let mut mesh = Self {
            nodes: Vec::new(),
            views: Vec::new(),
            now: Now { mono: Mono::from_micros(1), wall_ms: 5 },
            traffic: BTreeMap::new(),
            boots: vec![1; ids.len()],
            saves: vec![0; ids.len()],
            rates: rates.to_vec(),
            wires: BTreeMap::new(),
            links: 0,
            asked: 1,
            injected: 0,
            started: 0,
            ids,
        };
        for n in 0..rates.len() {
            let node = mesh.fresh(n);
            mesh.nodes.push(node);
            mesh.views.push(View::default());
            mesh.read(n);
        }
        links.iter().for_each(|(a, b)| mesh.link(*a, *b));
        mesh.pass(30);
        mesh
    }

    fn fresh(&mut self, n: usize) -> Node<AnyEnv> {
        self.started += 1;
        let config = Config {
            id: self.ids[n],
            network: None,
            stored: meshchat_core::Stored::default(),
            acquaintances: meshchat_core::SavedAcquaintances::default(),
            name: format!("pi-{n}").parse().unwrap(),
            software: "test".into(),
            boot_count: self.boots[n],
            admit: Admit::Neighbours,
            rate: self.rates[n],
            history: HistoryMode::Memory,
            people: Vec::new(),
            goal: Goal { least: 0, most: 0 },
            beacon: 0,
            addresses: Vec::new(),
            contacts: Vec::new(),
        };
        Node::new(self.now, config, AnyEnv::of(Stub(self.ids[n], self.started << 32)))
    }

    fn read(&mut self, n: usize) {
        for session in 1..=2 {
            let user = format!("user{session}");
            self.nodes[n].handle(self.now, Input::SessionUp { session, user });
        }
        let dm = meshchat_proto::control::Dm::No;
        let tail = Request::Tail {
            room: None,
            start: Start::Now,
            follow: true,
            presence: true,
            dm,
            cursor: None,
        };
        self.give(n, 1, Request::Join { room: "#garbage".into() });
        self.give(n, 1, tail);
        self.drain();
    }

    fn give(&mut self, n: usize, session: u32, request: Request) {
        self.asked += 1;
        self.nodes[n].handle(self.now, Input::Request { session, id: self.asked, request });
    }

    pub(crate) fn ask(&mut self, n: usize, request: Request) {
        self.give(n, 1, request);
        self.drain();
    }

    /// Says texts `{text}-1` and so on, as the first or second person of a node.
    pub(crate) fn say(
        &mut self,
        n: usize,
        session: u32,
        text: &str,
        numbers: std::ops::Range<u64>,
    ) {
        for number in numbers {
            let (room, text, kind) = (None, format!("{text}-{number}"), MessageKind::Text);
            self.give(n, session, Request::Send { room, text, kind });
        }
        self.drain();
    }

    pub(crate) fn link(&mut self, a: usize, b: usize) {
        self.links += 1;
        let link = self.links;
        self.wires.insert(link, [End::Node(a), End::Node(b)]);
        for (n, peer) in [(a, b), (b, a)] {
            let up = link_up(link, self.ids[peer], n == a);
            self.nodes[n].handle(self.now, up);
        }
        self.drain();
    }

    /// A link of a stranger with this key, which has greeted.
    pub(crate) fn stranger(&mut self, n: usize, key: NodeId) -> LinkId {
        self.links += 1;
        let link = self.links;
        self.wires.insert(link, [End::Node(n), End::Stranger]);
        self.nodes[n].handle(self.now, link_up(link, key, false));
        let hello = Hello {
            min: frame::VERSION,
            max: frame::VERSION,
            network: NetworkId::OPEN,
            boot: Boot::new(1, u64::from(link)),
            name: "stranger".parse().unwrap(),
            dial: u64::from(link),
            wall: 0,
            software: "test".into(),
            wanted: false,
            anew: false,
        };
        self.inject(link, &frame::encode(Kind::Hello, 0, &codec::encode(&hello)));
        self.drain();
        link
    }

    /// A link of a stranger with this key, which says nothing.
    pub(crate) fn silent(&mut self, n: usize, key: NodeId) -> LinkId {
        self.links += 1;
        let link = self.links;
        self.wires.insert(link, [End::Node(n), End::Stranger]);
        self.nodes[n].handle(self.now, link_up(link, key, false));
        self.drain();
        link
    }

    /// Whether a link still stands.
    pub(crate) fn stands(&self, link: LinkId) -> bool {
        self.wires.contains_key(&link)
    }

    /// Gives a node a frame of a stranger, length prefix included.
    pub(crate) fn inject(&mut self, link: LinkId, frame: &Bytes) {
        let Some([End::Node(n), End::Stranger]) = self.wires.get(&link).copied() else { return };
        self.nodes[n].handle(self.now, Input::Frame { link, frame: frame.slice(4..) });
        self.injected += 1;
        // The books are checked at each drain, which takes long when they are full.
        if self.injected.is_multiple_of(64) {
            self.drain();
        }
    }

    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        let ends = [End::Node(a), End::Node(b)];
        let wire = self.wires.iter().find(|(_, at)| ends.iter().all(|end| at.contains(end)));
        let link = *wire.unwrap_or_else(|| panic!("{a} and {b} are not linked")).0;
        self.down(link);
        self.drain();
    }

    fn down(&mut self, link: LinkId) {
        for end in self.wires.remove(&link).into_iter().flatten() {
            if let End::Node(n) = end {
                self.nodes[n].handle(self.now, Input::LinkDown { link });
            }
        }
    }

    /// Kills a node and starts it anew, with this boot counter and without links.
    pub(crate) fn restart(&mut self, n: usize, boot: u64) {
        self.unlink(n);
        self.boots[n] = boot;
        self.nodes[n] = self.fresh(n);
        self.read(n);
    }

    /// Ends a node in order: what it says last arrives before its links close.
    pub(crate) fn leave(&mut self, n: usize) {
        self.nodes[n].handle(self.now, Input::Shutdown);
        let mut sent = VecDeque::new();
        while let Some(output) = self.nodes[n].poll_output() {
            if !matches!(output, Output::CloseLink { .. }) {
                self.take(n, output, &mut sent);
            }
        }
        for (link, to, frame) in sent {
            self.nodes[to].handle(self.now, Input::Frame { link, frame });
        }
        self.end(n);
    }

    /// Ends a node without a word.
    pub(crate) fn end(&mut self, n: usize) {
        self.nodes[n].handle(self.now, Input::Shutdown);
        while self.nodes[n].poll_output().is_some() {}
        self.unlink(n);
        self.drain();
    }

    fn unlink(&mut self, n: usize) {
        let of_node = |ends: &[End; 2]| ends.contains(&End::Node(n));
        let links = self.wires.iter().filter(|(_, ends)| of_node(ends));
        for link in links.map(|(link, _)| *link).collect::<Vec<_>>() {
            self.down(link);
        }
    }

    pub(crate) fn drain(&mut self) {
        let mut sent = VecDeque::new();
        loop {
            for n in 0..self.nodes.len() {
                while let Some(output) = self.nodes[n].poll_output() {
                    self.take(n, output, &mut sent);
                }
                self.nodes[n].handle(self.now, Input::SessionDrained { session: 1 });
            }
            if sent.is_empty() {
                break;
            }
            for (link, to, frame) in sent.drain(..) {
                if self.wires.contains_key(&link) {
                    self.nodes[to].handle(self.now, Input::Frame { link, frame });
                }
            }
        }
    }

    fn take(&mut self, n: usize, output: Output, sent: &mut VecDeque<(LinkId, usize, Bytes)>) {
        match output {
            Output::Send { links, frame, .. } => {
                for link in links {
                    let Some(ends) = self.wires.get(&link) else { continue };
                    let total = self.traffic.entry(Kind::from_code(frame[5])).or_default();
                    *total = (total.0 + 1, total.1 + frame.len() as u64);
                    let to = if ends[0] == End::Node(n) { ends[1] } else { ends[0] };
                    if let End::Node(to) = to {
                        sent.push_back((link, to, frame.slice(4..)));
                    }
                }
            }
            Output::CloseLink { link, .. } => {
                if let Some(ends) = self.wires.remove(&link) {
                    for end in ends {
                        if let End::Node(n) = end {
                            self.nodes[n].handle(self.now, Input::LinkDown { link });
                        }
                    }
                }
            }
            Output::Event { event, .. } => {
                let view = &mut self.views[n];
                match *event {
                    Event::Message(message) => {
                        let text = message.text.as_str().to_owned();
                        view.old.extend(message.caught_up.then(|| text.clone()));
                        view.texts.push(text);
                    }
                    Event::Gone(gone) if gone.refused => view.refused += gone.count,
                    Event::Gone(gone) => view.gone += gone.count,
                    event => view.events.push(event),
                }
            }
            Output::Reply { result: Err(error), .. } => self.views[n].errors.push(error),
            Output::Reply { result: Ok(reply), .. } => self.views[n].replies.push(reply),
            Output::Note(note) => self.views[n].notes.push(note),
            Output::SaveBoot(count) => {
                self.boots[n] = count;
                self.saves[n] += 1;
            }
            _ => {}
        }
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        self.pass_ms(seconds * 1000);
    }

    pub(crate) fn pass_ms(&mut self, ms: u64) {
        let end = self.now.mono + Duration::from_millis(ms);
        loop {
            let next = self.nodes.iter().map(Node::poll_timeout).min().unwrap();
            if next > end {
                break;
            }
            self.now.mono = next.max(self.now.mono);
            for n in 0..self.nodes.len() {
                if self.nodes[n].poll_timeout() <= self.now.mono {
                    self.nodes[n].handle_timeout(self.now);
                }
            }
            self.drain();
        }
        self.now.mono = end;
    }

    /// Chat and catch-up frames since the last look.
    pub(crate) fn sync_frames(&mut self) -> u64 {
        let kinds = [Kind::Summary, Kind::SyncEnd, Kind::Chat];
        let sum = kinds.iter().filter_map(|kind| self.traffic.get(kind)).map(|(n, _)| n).sum();
        self.traffic.clear();
        sum
    }

    /// Whether a node has taken one of the others for a bad peer.
    pub(crate) fn blames_friend(&self, n: usize) -> bool {
        let blamed = |note: &Note| match note {
            Note::BadPeer { peer, .. } => self.ids.contains(peer),
            _ => false,
        };
        self.views[n].notes.iter().any(blamed)
    }

    pub(crate) fn rows_are_bounded(&self) {
        for (n, node) in self.nodes.iter().enumerate() {
            for row in node.limits() {
                assert!(row.used <= row.most, "node {n}: {} is {}", row.name, row.used);
            }
        }
    }
}

fn link_up(link: LinkId, peer: NodeId, dialled: bool) -> Input {
    Input::LinkUp {
        link,
        peer,
        dialled,
        named: false,
        near: true,
        remote: ([192, 0, 2, 1], 7).into(),
        address: "wire".into(),
        carrier: Carrier::Quic,
        dial: None,
    }
}
