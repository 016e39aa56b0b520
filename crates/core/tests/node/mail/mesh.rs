//! A few nodes, links that can be cut, disks that survive a restart, and two people on each.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshchat_core::{
    Admit, Carrier, Config, Env, Goal, HistoryMode, Input, Mono, Node, Now, Output, SavedMail,
    SavedPerson, SavedRooms,
};
use meshchat_proto::codec;
use meshchat_proto::control::{
    DirectInfo, DirectState, Dm, DmRequest, Error, Event, Reply, Request, Start,
};
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::message::{Draft, MessageKind, Signature, signed_root, whole_batch};
use meshchat_proto::sealed::{KEY, NONCE};

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::env::AnyEnv;
use crate::stand_in;

struct Stub(NodeId, u64);

impl Env for Stub {
    fn random(&mut self) -> u64 {
        self.1 += 1;
        self.1.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(self.0.0[0])
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        let seed = self.random().to_be_bytes();
        Some(MessageId::of(&[&self.0.0[..], &seed].concat()).0)
    }

    fn sign(&mut self, bytes: &[u8]) -> Signature {
        signature(&self.0, bytes)
    }

    fn verify(&mut self, node: &NodeId, bytes: &[u8], sig: &Signature) -> bool {
        *sig == signature(node, bytes)
    }

    fn seal(&mut self, to: &NodeId, context: &[u8], plain: &[u8]) -> Option<Vec<u8>> {
        Some(stand_in::seal(to, context, plain))
    }

    fn open(&mut self, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        stand_in::open(&self.0, context, sealed)
    }

    fn lock(&mut self, k: &[u8; KEY], n: &[u8; NONCE], c: &[u8], p: &[u8]) -> Option<Vec<u8>> {
        Some(stand_in::lock(k, n, c, p))
    }

    fn unlock(&mut self, k: &[u8; KEY], n: &[u8; NONCE], c: &[u8], p: &[u8]) -> Option<Vec<u8>> {
        stand_in::unlock(k, n, c, p)
    }

    fn public_of(&mut self, seed: &[u8; 32]) -> NodeId {
        NodeId(seed.map(|byte| byte ^ 0x55))
    }

    fn sign_with(&mut self, seed: &[u8; 32], bytes: &[u8]) -> Signature {
        signature(&self.public_of(seed), bytes)
    }
}

fn signature(node: &NodeId, bytes: &[u8]) -> Signature {
    let hash = MessageId::of(&[&node.0[..], bytes].concat());
    let mut sig = [0; 64];
    sig[..32].copy_from_slice(&hash.0);
    sig
}

/// What a machine keeps while its node is off.
#[derive(Default)]
struct Disk {
    boots: u64,
    mail: SavedMail,
    rooms: SavedRooms,
    people: Vec<SavedPerson>,
}

pub(crate) struct Mesh {
    nodes: Vec<Option<Node<AnyEnv>>>,
    disks: Vec<Disk>,
    histories: Vec<HistoryMode>,
    /// Links by their ends, the smaller first.
    links: BTreeMap<(usize, usize), u32>,
    count: u32,
    /// Whatever this node sends is lost.
    pub(crate) mute: Option<usize>,
    pub(crate) now: Now,
    /// Events of each node: of which session.
    pub(crate) events: Vec<Vec<(u32, Event)>>,
    pub(crate) replies: Vec<Vec<(u64, Result<Reply, Error>)>>,
    /// All frames with chat that were ever sent.
    pub(crate) frames: Vec<Vec<u8>>,
}

pub(crate) const ANN: u32 = 1;
pub(crate) const EVE: u32 = 2;

pub(crate) fn id(node: usize) -> NodeId {
    NodeId([u8::try_from(node).unwrap() + 1; 32])
}

impl Mesh {
    /// Nodes in a row, `ann` and `eve` on each, reading along.
    pub(crate) fn chain(count: usize) -> Self {
        let mut mesh = Self {
            nodes: (0..count).map(|_| None).collect(),
            disks: (0..count).map(|_| Disk::default()).collect(),
            histories: vec![HistoryMode::Memory; count],
            links: BTreeMap::new(),
            count: 0,
            mute: None,
            now: Now { mono: Mono::from_micros(1), wall_ms: 1_700_000_000_000 },
            events: vec![Vec::new(); count],
            replies: (0..count).map(|_| Vec::new()).collect(),
            frames: Vec::new(),
        };
        (0..count).for_each(|node| mesh.start(node));
        (1..count).for_each(|node| mesh.link(node - 1, node));
        mesh.pass(2);
        mesh
    }

    pub(crate) fn without_history(mut self, node: usize) -> Self {
        self.histories[node] = HistoryMode::Off;
        self.stop(node);
        self.start(node);
        for other in [node.wrapping_sub(1), node + 1] {
            if other < self.nodes.len() {
                self.link(node, other);
            }
        }
        self.pass(2);
        self
    }

    pub(crate) fn start(&mut self, node: usize) {
        let disk = &mut self.disks[node];
        disk.boots += 1;
        let config = Config {
            id: id(node),
            network: None,
            rate: None,
            stored: meshchat_core::Stored::default(),
            acquaintances: meshchat_core::SavedAcquaintances::default(),
            name: format!("pi-{node}").parse().unwrap(),
            software: "test".into(),
            boot_count: disk.boots,
            admit: Admit::Neighbours,
            history: self.histories[node],
            people: disk.people.clone(),
            goal: Goal { least: 0, most: 0 },
            beacon: 0,
            addresses: Vec::new(),
            contacts: Vec::new(),
        };
        let mut new = Node::new(self.now, config, AnyEnv::of(Stub(id(node), disk.boots << 32)));
        new.load_mail(self.now, disk.mail.clone());
        new.load_rooms(self.now, disk.rooms.clone());
        self.nodes[node] = Some(new);
        for (session, user) in [(ANN, "ann"), (EVE, "eve")] {
            self.give(node, Input::SessionUp { session, user: user.into() });
            self.read(node, session);
        }
    }

    /// Opens the stream of a client.
    pub(crate) fn read(&mut self, node: usize, session: u32) {
        let (start, follow, presence) = (Start::Last(u32::MAX), true, false);
        let request =
            Request::Tail { room: None, start, follow, presence, dm: Dm::Also, cursor: None };
        self.give(node, Input::Request { session, id: 1, request });
    }

    /// Ends it.
    pub(crate) fn look_away(&mut self, node: usize, session: u32) {
        self.give(node, Input::Request { session, id: 9, request: Request::Cancel { id: 1 } });
    }

    /// Power off, with only what was written.
    pub(crate) fn stop(&mut self, node: usize) {
        self.nodes[node] = None;
        let ends: Vec<_> = self.links.keys().copied().collect();
        for (a, b) in ends.into_iter().filter(|(a, b)| *a == node || *b == node) {
            self.cut(a, b);
        }
    }

    pub(crate) fn link(&mut self, a: usize, b: usize) {
        let (a, b) = (a.min(b), a.max(b));
        self.count += 1;
        let link = self.count;
        self.links.insert((a, b), link);
        for (node, peer, dialled) in [(a, b, true), (b, a, false)] {
            let up = Input::LinkUp {
                link,
                peer: id(peer),
                dialled,
                named: true,
                near: true,
                remote: ([192, 0, 2, 1], 7).into(),
                address: "wire".into(),
                carrier: Carrier::Quic,
                dial: None,
            };
            let now = self.now;
            self.nodes[node].as_mut().unwrap().handle(now, up);
        }
        self.drain();
    }

    pub(crate) fn cut(&mut self, a: usize, b: usize) {
        let Some(link) = self.links.remove(&(a.min(b), a.max(b))) else { return };
        for node in [a, b] {
            if self.nodes[node].is_some() {
                self.give(node, Input::LinkDown { link });
            }
        }
    }

    pub(crate) fn node(&mut self, node: usize) -> &mut Node<AnyEnv> {
        self.nodes[node].as_mut().unwrap()
    }

    fn give(&mut self, node: usize, input: Input) {
        let now = self.now;
        self.node(node).handle(now, input);
        self.drain();
    }

    /// A frame out of nowhere, over the first link of a node.
    pub(crate) fn inject(&mut self, node: usize, frame: &[u8]) {
        let ends = self.links.iter().find(|((a, b), _)| *a == node || *b == node);
        let link = *ends.unwrap().1;
        let frame = bytes::Bytes::copy_from_slice(&frame[4..]);
        self.give(node, Input::Frame { link, frame });
    }

    fn drain(&mut self) {
        let mut wire = VecDeque::new();
        loop {
            for n in 0..self.nodes.len() {
                while let Some(output) = self.nodes[n].as_mut().and_then(Node::poll_output) {
                    match output {
                        Output::Send { links, frame, .. } if self.mute != Some(n) => {
                            self.frames.push(frame.to_vec());
                            wire.extend(links.into_iter().map(|link| (n, link, frame.clone())));
                        }
                        Output::Event { streams, event } => {
                            let events = streams.iter().map(|(at, _)| (*at, (*event).clone()));
                            self.events[n].extend(events);
                            for (session, _) in streams {
                                wire.push_back((n, u32::MAX - session, bytes::Bytes::new()));
                            }
                        }
                        Output::Reply { id, result, .. } => self.replies[n].push((id, result)),
                        Output::SaveMail(mail) => self.disks[n].mail = written(&mail),
                        Output::SaveRooms(rooms) => self.disks[n].rooms = written(&rooms),
                        Output::SavePeople(people) => self.disks[n].people = people,
                        Output::CloseLink { link, .. } => self.links.retain(|_, l| *l != link),
                        _ => {}
                    }
                }
            }
            let Some((from, link, frame)) = wire.pop_front() else { break };
            if frame.is_empty() {
                let drained = Input::SessionDrained { session: u32::MAX - link };
                let now = self.now;
                self.node(from).handle(now, drained);
                continue;
            }
            let Some(((a, b), _)) = self.links.iter().find(|(_, l)| **l == link) else { continue };
            let to = if *a == from { *b } else { *a };
            let now = self.now;
            let input = Input::Frame { link, frame: frame.slice(4..) };
            self.node(to).handle(now, input);
        }
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        let end = self.now.mono + Duration::from_secs(seconds);
        loop {
            let next = self.nodes.iter().flatten().map(Node::poll_timeout).min();
            let Some(next) = next.filter(|next| *next <= end) else { break };
            self.now.mono = next.max(self.now.mono);
            let now = self.now;
            for node in self.nodes.iter_mut().flatten() {
                if node.poll_timeout() <= now.mono {
                    node.handle_timeout(now);
                }
            }
            self.drain();
        }
        self.now.mono = end;
    }

    pub(crate) fn ask(
        &mut self,
        node: usize,
        session: u32,
        request: Request,
    ) -> Result<Reply, Error> {
        self.replies[node].clear();
        self.give(node, Input::Request { session, id: 77, request });
        let answer = self.replies[node].iter().find(|(id, _)| *id == 77);
        answer.expect("an answer").1.clone()
    }

    pub(crate) fn dm(
        &mut self,
        node: usize,
        session: u32,
        to: &str,
        text: &str,
    ) -> Result<DirectInfo, Error> {
        let (to, text, kind) = (to.into(), text.into(), MessageKind::Text);
        match self.ask(node, session, Request::Dm(DmRequest::Send { to, text, kind }))? {
            Reply::Direct(info) => Ok(info),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn say(&mut self, node: usize, session: u32, room: &str, text: &str) {
        let (room, text, kind) = (Some(room.into()), text.into(), MessageKind::Text);
        self.ask(node, session, Request::Send { room, text, kind }).unwrap();
    }

    /// What is on the disk of a node about private rooms.
    pub(crate) fn rooms_on_disk(&self, node: usize) -> Vec<u8> {
        codec::encode(&self.disks[node].rooms)
    }

    pub(crate) fn directs(&mut self, node: usize, session: u32) -> Vec<DirectInfo> {
        match self.ask(node, session, Request::Dm(DmRequest::List {})).unwrap() {
            Reply::Directs(infos) => infos,
            other => panic!("{other:?}"),
        }
    }

    /// The state of the newest letter.
    pub(crate) fn state(&mut self, node: usize, session: u32) -> Option<DirectState> {
        self.directs(node, session).last().map(|info| info.state)
    }

    /// Texts of direct messages that a client was given.
    pub(crate) fn letters(&self, node: usize, session: u32) -> Vec<String> {
        let text = |(at, event): &(u32, Event)| match event {
            Event::Direct(direct) if *at == session => Some(direct.text.as_str().to_owned()),
            _ => None,
        };
        self.events[node].iter().filter_map(text).collect()
    }

    /// Texts of the messages in rooms that a client was given.
    pub(crate) fn words(&self, node: usize, session: u32) -> Vec<String> {
        let text = |(at, event): &(u32, Event)| match event {
            Event::Message(said) if *at == session => {
                Some(format!("{} {}: {}", said.room, said.author, said.text))
            }
            _ => None,
        };
        self.events[node].iter().filter_map(text).collect()
    }

    /// Changes of letters that a client was told.
    pub(crate) fn changes(&self, node: usize, session: u32) -> Vec<DirectState> {
        let change = |(at, event): &(u32, Event)| match event {
            Event::DirectState(change) if *at == session => Some(change.state),
            _ => None,
        };
        self.events[node].iter().filter_map(change).collect()
    }
}

/// The frame of a message that a node signs with these numbers.
pub(crate) fn signed(node: NodeId, draft: &Draft, seq: u64) -> Vec<u8> {
    let body = draft.to_body(NetworkId::OPEN, node, Boot::new(1000, 1), seq);
    let sig = signature(&node, &signed_root(&MessageId::of(&body)));
    frame::encode(Kind::Chat, 64, &whole_batch(&sig, &[body])).to_vec()
}

/// What comes back from a disk.
fn written<T: Serialize + DeserializeOwned>(value: &T) -> T {
    codec::decode(&codec::encode(value)).unwrap()
}
