//! Who is known to hold a message, waiting for it, and the way that it came.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly and look only at what it is about"
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use meshchat_core::{
    Admit, Carrier, Config, Goal, HistoryMode, Input, Level, LinkId, Mono, Node, Now, Output,
};
use meshchat_proto::codec;
use meshchat_proto::control::{
    DeliveryInfo, DeliveryRequest, DeliveryState, Error, ErrorCode, Reply, Request, TrailInfo, Wait,
};
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::id::NodeId;
use meshchat_proto::message::MessageKind;
use meshchat_proto::peer::{Record, Signed, signed_record};

use crate::env::{AnyEnv, counter, signature};

/// Nodes `pi-0` and so on; a frame takes a millisecond over a link, which has the same number at
/// both ends.
struct Mesh {
    nodes: Vec<Node<AnyEnv>>,
    boots: Vec<u64>,
    /// Nodes whose software does not tell what it holds.
    old: Vec<bool>,
    history: HistoryMode,
    now: Now,
    wires: BTreeMap<LinkId, [usize; 2]>,
    sent: VecDeque<(Mono, LinkId, usize, Bytes)>,
    links: LinkId,
    asked: u64,
    replies: Vec<Vec<Result<Reply, Error>>>,
    kinds: BTreeMap<Kind, usize>,
}

const MILLISECOND: Duration = Duration::from_millis(1);

impl Mesh {
    fn new(nodes: usize, links: &[(usize, usize)]) -> Self {
        Self::with(nodes, links, HistoryMode::Memory, &[])
    }

    fn with(nodes: usize, links: &[(usize, usize)], history: HistoryMode, old: &[usize]) -> Self {
        let mut mesh = Self {
            nodes: Vec::new(),
            boots: vec![1; nodes],
            old: (0..nodes).map(|n| old.contains(&n)).collect(),
            history,
            now: Now { mono: Mono::from_micros(1), wall_ms: 5 },
            wires: BTreeMap::new(),
            sent: VecDeque::new(),
            links: 0,
            asked: 1,
            replies: (0..nodes).map(|_| Vec::new()).collect(),
            kinds: BTreeMap::new(),
        };
        for n in 0..nodes {
            let node = mesh.fresh(n);
            mesh.nodes.push(node);
            mesh.open(n);
        }
        links.iter().for_each(|(a, b)| mesh.link(*a, *b));
        mesh.pass(60_000);
        mesh
    }

    fn fresh(&self, n: usize) -> Node<AnyEnv> {
        let config = Config {
            id: id(n),
            network: None,
            name: format!("pi-{n}").parse().unwrap(),
            software: "test".into(),
            boot_count: self.boots[n],
            admit: Admit::Neighbours,
            rate: None,
            stored: meshchat_core::Stored::default(),
            acquaintances: meshchat_core::SavedAcquaintances::default(),
            history: self.history,
            people: Vec::new(),
            goal: Goal { least: 0, most: 0 },
            beacon: 0,
            addresses: Vec::new(),
            contacts: Vec::new(),
        };
        Node::new(self.now, config, counter(id(n), self.boots[n] << 32))
    }

    fn open(&mut self, n: usize) {
        self.nodes[n].handle(self.now, Input::SessionUp { session: 1, user: format!("user{n}") });
    }

    fn ask(&mut self, n: usize, request: Request) {
        self.asked += 1;
        let id = self.asked;
        self.nodes[n].handle(self.now, Input::Request { session: 1, id, request });
        self.drain();
    }

    /// Says something; gives the id of the message.
    fn say(&mut self, n: usize) -> String {
        let (room, text, kind) = (None, "hi".into(), MessageKind::Text);
        self.ask(n, Request::Send { room, text, kind });
        match self.replies[n].pop() {
            Some(Ok(Reply::Sent(sent))) => sent.id.to_string(),
            other => panic!("not sent but {other:?}"),
        }
    }

    fn link(&mut self, a: usize, b: usize) {
        self.links += 1;
        let link = self.links;
        self.wires.insert(link, [a, b]);
        for (n, peer) in [(a, b), (b, a)] {
            let up = Input::LinkUp {
                link,
                peer: id(peer),
                dialled: n == a,
                named: false,
                near: true,
                remote: ([192, 0, 2, 1], 7).into(),
                address: "wire".into(),
                carrier: Carrier::Quic,
                dial: None,
            };
            self.nodes[n].handle(self.now, up);
        }
        self.drain();
    }

    fn wire(&self, a: usize, b: usize) -> LinkId {
        let wire = self.wires.iter().find(|(_, ends)| **ends == [a, b] || **ends == [b, a]);
        *wire.unwrap_or_else(|| panic!("{a} and {b} are not linked")).0
    }

    fn cut(&mut self, a: usize, b: usize) {
        let link = self.wire(a, b);
        self.wires.remove(&link);
        for n in [a, b] {
            self.nodes[n].handle(self.now, Input::LinkDown { link });
        }
        self.drain();
    }

    /// Kills a node and starts it anew, without links.
    fn restart(&mut self, n: usize) {
        let peers = self.wires.values().filter(|ends| ends.contains(&n));
        for ends in peers.copied().collect::<Vec<_>>() {
            self.cut(ends[0], ends[1]);
        }
        self.boots[n] += 1;
        self.nodes[n] = self.fresh(n);
        self.open(n);
    }

    fn drain(&mut self) {
        for n in 0..self.nodes.len() {
            while let Some(output) = self.nodes[n].poll_output() {
                self.take(n, output);
            }
        }
    }

    fn take(&mut self, n: usize, output: Output) {
        match output {
            Output::Send { links, frame, .. } => {
                let kind = Kind::from_code(frame[5]);
                let Some(frame) = self.as_sent(n, kind, &frame) else { return };
                for link in links {
                    let Some([a, b]) = self.wires.get(&link) else { continue };
                    *self.kinds.entry(kind).or_default() += 1;
                    let at = self.now.mono + MILLISECOND;
                    self.sent.push_back((at, link, a + b - n, frame.slice(4..)));
                }
            }
            Output::Reply { result, .. } => self.replies[n].push(result),
            _ => {}
        }
    }

    /// What older software makes of a frame.
    fn as_sent(&self, n: usize, kind: Kind, frame: &Bytes) -> Option<Bytes> {
        match kind {
            Kind::Holdings | Kind::Trail if self.old[n] => None,
            Kind::Record if self.old[n] => {
                let parsed = Frame::parse(frame.slice(4..)).unwrap();
                let signed: Signed<'_> = codec::decode(&parsed.body).unwrap();
                let record: Record = codec::decode(signed.body).unwrap();
                if record.node != id(n) {
                    return Some(frame.clone());
                }
                let body = codec::encode(&Record { holdings: None, ..record });
                let sig = signature(&id(n), &signed_record(&body));
                let body = serde_bytes::Bytes::new(&body);
                let signed = codec::encode(&Signed { sig, body });
                Some(frame::encode(kind, parsed.hops, &signed))
            }
            _ => Some(frame.clone()),
        }
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now.mono + Duration::from_millis(ms);
        loop {
            let timeout = self.nodes.iter().map(Node::poll_timeout).min().unwrap();
            let frame = self.sent.front().map(|(at, ..)| *at);
            let next = frame.map_or(timeout, |at| at.min(timeout));
            if next > end {
                break;
            }
            self.now.mono = next.max(self.now.mono);
            while self.sent.front().is_some_and(|sent| sent.0 <= next) {
                let Some((_, link, to, frame)) = self.sent.pop_front() else { break };
                if self.wires.contains_key(&link) {
                    self.nodes[to].handle(self.now, Input::Frame { link, frame });
                }
            }
            for node in &mut self.nodes {
                if node.poll_timeout() <= self.now.mono {
                    node.handle_timeout(self.now);
                }
            }
            self.drain();
        }
        self.now.mono = end;
    }

    fn delivery(&self, n: usize, message: &str) -> DeliveryInfo {
        self.nodes[n].delivery(self.now, message).unwrap()
    }

    /// `reached/known` and what is known of each other node.
    fn states(&self, n: usize, message: &str) -> (String, Vec<DeliveryState>) {
        let info = self.delivery(n, message);
        let mut nodes = info.nodes;
        nodes.sort_by_key(|node| node.node);
        let states = nodes.iter().filter(|node| node.node != id(n)).map(|node| node.state);
        (format!("{}/{}", info.reached, info.known), states.collect())
    }

    fn wait(&mut self, n: usize, message: &str, wait: Wait, timeout_ms: u32) {
        let message = message.to_owned();
        self.ask(n, Request::Delivery(DeliveryRequest::Await { message, wait, timeout_ms }));
    }

    fn trail(&mut self, n: usize, message: &str) -> TrailInfo {
        let request = DeliveryRequest::Trace { message: message.into(), timeout_ms: 500 };
        self.ask(n, Request::Delivery(request));
        self.pass(2_000);
        match self.replies[n].pop() {
            Some(Ok(Reply::Trail(trail))) => trail,
            other => panic!("no trail but {other:?}"),
        }
    }
}

fn id(n: usize) -> NodeId {
    NodeId([u8::try_from(n).unwrap(); 32])
}

use DeliveryState::{Behind, Equal, Left, Silent, Told, Unreachable, Waiting, Wrote};

const CHAIN: [(usize, usize); 2] = [(0, 1), (1, 2)];

#[test]
fn soon_after_a_message_all_know_who_holds_it() {
    let mut mesh = Mesh::new(3, &CHAIN);
    let message = mesh.say(0);
    assert_eq!(mesh.states(0, &message), ("1/3".into(), vec![Waiting, Waiting]));
    mesh.pass(100);
    assert_eq!(mesh.states(0, &message), ("3/3".into(), vec![Told, Told]));
    assert_eq!(mesh.states(2, &message), ("3/3".into(), vec![Wrote, Told]));
    assert_eq!(mesh.delivery(1, &message[..6]).id.to_string(), message);
    for (text, code) in [("b21a0", ErrorCode::BadArgument), ("uuuuuu", ErrorCode::NotFound)] {
        assert_eq!(mesh.nodes[0].delivery(mesh.now, text).unwrap_err().code, code);
    }
}

#[test]
fn a_burst_costs_few_words() {
    let mut mesh = Mesh::new(3, &CHAIN);
    mesh.kinds.clear();
    let mut last = String::new();
    for _ in 0..500 {
        last = mesh.say(0);
        mesh.pass(10);
    }
    mesh.pass(2_000);
    let told = mesh.kinds.get(&Kind::Holdings).copied().unwrap_or(0);
    // Both others tell once in a bit more than a second, over two links.
    assert!((8..=24).contains(&told), "{told} frames");
    assert_eq!(mesh.states(0, &last), ("3/3".into(), vec![Told, Told]));
}

#[test]
fn who_is_cut_off_is_missing_until_it_is_back() {
    let mut mesh = Mesh::new(3, &CHAIN);
    mesh.cut(1, 2);
    let message = mesh.say(0);
    mesh.pass(5_000);
    assert_eq!(mesh.states(0, &message), ("2/3".into(), vec![Told, Unreachable]));
    let missing = mesh.delivery(0, &message).nodes.pop().unwrap();
    assert_eq!((missing.holds, missing.since_ms), (false, Some(4_999)));
    mesh.link(1, 2);
    mesh.pass(1_500);
    assert_eq!(mesh.states(0, &message), ("3/3".into(), vec![Told, Told]));
}

#[test]
fn who_left_is_not_waited_for() {
    let mut mesh = Mesh::new(3, &CHAIN);
    mesh.nodes[2].handle(mesh.now, Input::Shutdown);
    mesh.drain();
    mesh.pass(1_000);
    let message = mesh.say(0);
    mesh.pass(200);
    assert_eq!(mesh.states(0, &message), ("2/2".into(), vec![Told, Left]));
}

#[test]
fn a_link_that_is_behind_is_named() {
    let mut mesh = Mesh::new(3, &CHAIN);
    let link = mesh.wire(0, 1);
    mesh.nodes[0].handle(mesh.now, Input::LinkLevel { link, level: Level::Full });
    let message = mesh.say(0);
    mesh.pass(1_000);
    assert_eq!(mesh.states(0, &message), ("1/3".into(), vec![Behind, Behind]));
    assert_eq!(mesh.delivery(0, &message).nodes[2].via, Some("pi-1".parse().unwrap()));
    mesh.nodes[0].handle(mesh.now, Input::LinkLevel { link, level: Level::Drained });
    mesh.drain();
    mesh.pass(3_000);
    assert_eq!(mesh.states(0, &message), ("3/3".into(), vec![Told, Told]));
}

#[test]
fn older_software_tells_nothing_and_is_named() {
    let mut mesh = Mesh::with(3, &CHAIN, HistoryMode::Memory, &[2]);
    let message = mesh.say(0);
    mesh.pass(1_000);
    assert_eq!(mesh.states(0, &message), ("2/3".into(), vec![Told, Silent]));
    // Behind a node that does not pass the small frames on, the record tells.
    let mut mesh = Mesh::with(3, &CHAIN, HistoryMode::Memory, &[1]);
    let message = mesh.say(0);
    mesh.pass(1_000);
    assert_eq!(mesh.states(0, &message), ("1/3".into(), vec![Silent, Waiting]));
    mesh.pass(40_000);
    assert_eq!(mesh.states(0, &message), ("2/3".into(), vec![Silent, Told]));
}

#[test]
fn who_starts_anew_holds_what_it_catches_up_with() {
    let mut mesh = Mesh::new(3, &CHAIN);
    let message = mesh.say(0);
    mesh.pass(1_000);
    mesh.restart(2);
    mesh.pass(1_000);
    assert_eq!(mesh.states(0, &message), ("3/3".into(), vec![Told, Told]), "it had it");
    mesh.link(1, 2);
    mesh.pass(5_000);
    assert_eq!(mesh.states(0, &message), ("3/3".into(), vec![Told, Told]));
    mesh.restart(0);
    mesh.link(0, 1);
    mesh.pass(5_000);
    assert_eq!(mesh.states(0, &message), ("3/3".into(), vec![Told, Told]));
    assert_eq!(mesh.states(2, &message), ("3/3".into(), vec![Wrote, Told]));
}

#[test]
fn what_is_too_old_for_numbers_is_known_by_the_fingerprint() {
    let mut mesh = Mesh::new(3, &CHAIN);
    mesh.cut(1, 2);
    let message = mesh.say(0);
    mesh.pass(1_200_000);
    mesh.restart(0);
    mesh.link(0, 1);
    mesh.pass(5_000);
    mesh.link(1, 2);
    mesh.pass(5_000);
    assert_eq!(mesh.states(0, &message), ("3/3".into(), vec![Equal, Told]));
}

#[test]
fn without_history_own_messages_are_known() {
    let mut mesh = Mesh::with(2, &[(0, 1)], HistoryMode::Off, &[]);
    let message = mesh.say(0);
    mesh.pass(200);
    assert_eq!(mesh.states(0, &message), ("2/2".into(), vec![Told]));
    assert!(mesh.nodes[1].delivery(mesh.now, &message).is_err());
}

#[test]
fn waits_end_when_enough_hold_it() {
    let mut mesh = Mesh::new(3, &CHAIN);
    mesh.cut(1, 2);
    mesh.pass(1_000);
    let message = mesh.say(0);
    let waits = [Wait::Neighbour, Wait::Reachable, Wait::Reached(1), Wait::Reached(2), Wait::All];
    for wait in waits {
        mesh.wait(0, &message, wait, 3_000);
    }
    assert!(mesh.replies[0].is_empty());
    mesh.pass(200);
    let done = std::mem::take(&mut mesh.replies[0]);
    assert_eq!(done.len(), 3, "{done:?}");
    assert!(done.iter().all(|reply| matches!(reply, Ok(Reply::Delivery(_)))));
    mesh.pass(3_100);
    let late = std::mem::take(&mut mesh.replies[0]);
    assert_eq!(late.len(), 2, "{late:?}");
    let error = late[1].as_ref().unwrap_err();
    assert_eq!(error.code, ErrorCode::TimedOut);
    let words = "reached 2/3 in time, not pi-2 (unreachable for ";
    assert!(error.message.starts_with(words), "{}", error.message);
    mesh.wait(0, &message, Wait::All, 60_000);
    mesh.link(1, 2);
    mesh.pass(2_000);
    assert!(matches!(mesh.replies[0].pop(), Some(Ok(Reply::Delivery(_)))));
}

#[test]
fn a_wait_ends_with_its_client_and_is_refused_when_nobody_is_there() {
    let mut mesh = Mesh::new(2, &[]);
    let message = mesh.say(0);
    mesh.wait(0, &message, Wait::All, 1_000);
    assert_eq!(mesh.replies[0].pop().unwrap().unwrap_err().code, ErrorCode::Unreachable);
    mesh.link(0, 1);
    mesh.pass(5_000);
    mesh.cut(0, 1);
    let message = mesh.say(0);
    mesh.wait(0, &message, Wait::All, 3_600_000);
    let waits = |mesh: &Mesh| {
        let rows = mesh.nodes[0].limits();
        rows.iter().find(|row| row.name == "awaited").unwrap().used
    };
    assert_eq!(waits(&mesh), 1);
    mesh.nodes[0].handle(mesh.now, Input::SessionDown { session: 1 });
    assert_eq!(waits(&mesh), 0);
}

#[test]
fn a_trail_shows_each_hop_and_what_it_took() {
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (2, 3), (1, 3)]);
    let message = mesh.say(0);
    mesh.pass(500);
    let trail = mesh.trail(3, &message);
    assert!(trail.complete && !trail.late);
    let hops: Vec<_> = trail.hops.iter().map(|hop| hop.name.as_str()).collect();
    assert_eq!(hops, ["pi-0", "pi-1", "pi-3"]);
    let told: Vec<_> = trail.hops.iter().map(|hop| hop.told.clone().unwrap()).collect();
    assert_eq!(told.iter().map(|told| told.hops).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!(told.iter().map(|told| told.passed).collect::<Vec<_>>(), [1, 2, 1]);
    assert_eq!(told[2].link_us, Some(1_000));
    for hop in &trail.hops[1..] {
        let (after, give) = (hop.after_us.unwrap(), i64::try_from(hop.give_us).unwrap());
        assert!((after - 1_000).abs() <= give, "{after} give {give}");
    }
    let copies: Vec<_> = trail.copies.iter().map(|copy| copy.name.as_str()).collect();
    assert_eq!(copies, ["pi-2"]);
    let own = mesh.trail(0, &message);
    assert_eq!((own.hops.len(), own.complete), (1, true));
    assert_eq!(own.passed[0].name.as_str(), "pi-1");
}

#[test]
fn a_trail_goes_on_behind_a_node_that_does_not_answer() {
    let mut mesh = Mesh::new(3, &[(0, 1), (1, 2), (0, 2)]);
    mesh.cut(0, 2);
    let message = mesh.say(0);
    mesh.pass(500);
    mesh.link(0, 2);
    mesh.pass(5_000);
    mesh.restart(1);
    let trail = mesh.trail(2, &message);
    let told: Vec<_> = trail.hops.iter().map(|hop| hop.told.is_some()).collect();
    assert_eq!((trail.complete, told), (false, vec![true, false, true]));
}

#[test]
fn what_came_by_catch_up_says_so() {
    let mut mesh = Mesh::new(2, &[]);
    let message = mesh.say(0);
    mesh.link(0, 1);
    mesh.pass(3_000);
    let trail = mesh.trail(1, &message);
    assert!(trail.hops[1].told.as_ref().unwrap().caught_up && trail.complete);
}
