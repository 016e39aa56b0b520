//! Several nodes on perfect wires that can be cut: what they say of the shape of the mesh.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly and look only at what it is about"
)]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshchat_core::{
    Admit, Carrier, Config, Goal, HistoryMode, Input, LinkId, Mono, Node, Now, Output,
};
use meshchat_proto::control::{
    Dm, Event, Graph, Missing, NodeInfo, PartitionChange, PartitionState, Reply, Request, Start,
};
use meshchat_proto::id::NodeId;
use meshchat_proto::message::MessageKind;

use crate::env::{AnyEnv, counter};

/// Nodes `pi-0` and so on; a link has the same number at both ends.
struct Mesh {
    nodes: Vec<Node<AnyEnv>>,
    boots: Vec<u64>,
    now: Now,
    wires: BTreeMap<LinkId, [usize; 2]>,
    links: LinkId,
    asked: u64,
    partitions: Vec<Vec<PartitionChange>>,
    replies: Vec<Vec<Reply>>,
}

impl Mesh {
    fn new(nodes: usize, links: &[(usize, usize)]) -> Self {
        let mut mesh = Self {
            nodes: Vec::new(),
            boots: vec![1; nodes],
            now: Now { mono: Mono::from_micros(1), wall_ms: 5 },
            wires: BTreeMap::new(),
            links: 0,
            asked: 1,
            partitions: vec![Vec::new(); nodes],
            replies: vec![Vec::new(); nodes],
        };
        for n in 0..nodes {
            let node = mesh.fresh(n);
            mesh.nodes.push(node);
        }
        (0..nodes).for_each(|n| mesh.read(n));
        links.iter().for_each(|(a, b)| mesh.link(*a, *b));
        mesh.pass(60);
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
            history: HistoryMode::Memory,
            people: Vec::new(),
            acquaintances: meshchat_core::SavedAcquaintances::default(),
            goal: Goal { least: 0, most: 0 },
            beacon: 0,
            addresses: Vec::new(),
            contacts: Vec::new(),
            stored: meshchat_core::Stored::default(),
        };
        Node::new(self.now, config, counter(id(n), self.boots[n] << 32))
    }

    fn read(&mut self, n: usize) {
        self.nodes[n].handle(self.now, Input::SessionUp { session: 1, user: format!("user{n}") });
        let presence = true;
        let tail = Request::Tail {
            room: None,
            start: Start::Now,
            follow: true,
            presence,
            dm: Dm::No,
            cursor: None,
        };
        self.ask(n, tail);
    }

    fn ask(&mut self, n: usize, request: Request) {
        self.asked += 1;
        let id = self.asked;
        self.nodes[n].handle(self.now, Input::Request { session: 1, id, request });
        self.drain();
    }

    fn say(&mut self, n: usize, times: usize) {
        for _ in 0..times {
            let (room, text, kind) = (None, "hi".into(), MessageKind::Text);
            self.ask(n, Request::Send { room, text, kind });
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

    fn cut(&mut self, a: usize, b: usize) {
        let wire = self.wires.iter().find(|(_, ends)| **ends == [a, b] || **ends == [b, a]);
        let link = *wire.unwrap_or_else(|| panic!("{a} and {b} are not linked")).0;
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
        self.read(n);
    }

    fn drain(&mut self) {
        let mut sent = VecDeque::new();
        loop {
            for n in 0..self.nodes.len() {
                while let Some(output) = self.nodes[n].poll_output() {
                    self.take(n, output, &mut sent);
                }
            }
            let Some((link, to, frame)) = sent.pop_front() else { break };
            if self.wires.contains_key(&link) {
                self.nodes[to].handle(self.now, Input::Frame { link, frame });
            }
        }
    }

    fn take(
        &mut self,
        n: usize,
        output: Output,
        sent: &mut VecDeque<(LinkId, usize, bytes::Bytes)>,
    ) {
        match output {
            Output::Send { links, frame, .. } => {
                for link in links {
                    let Some([a, b]) = self.wires.get(&link) else { continue };
                    sent.push_back((link, a + b - n, frame.slice(4..)));
                }
            }
            Output::Event { event, .. } => {
                if let Event::Partition(change) = *event {
                    self.partitions[n].push(change);
                }
            }
            Output::Reply { result, .. } => self.replies[n].push(result.unwrap()),
            _ => {}
        }
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now.mono + Duration::from_secs(seconds);
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
        for node in &mut self.nodes {
            node.handle(self.now, Input::SessionDrained { session: 1 });
        }
        self.drain();
    }

    fn graph(&mut self, n: usize) -> Graph {
        self.ask(n, Request::Graph {});
        match self.replies[n].pop() {
            Some(Reply::Graph(graph)) => graph,
            other => panic!("no graph but {other:?}"),
        }
    }

    fn infos(&mut self, n: usize) -> Vec<NodeInfo> {
        self.ask(n, Request::Nodes {});
        match self.replies[n].pop() {
            Some(Reply::Nodes(nodes)) => nodes,
            other => panic!("no nodes but {other:?}"),
        }
    }

    fn missing(&self, n: usize) -> Option<Missing> {
        self.nodes[n].status(self.now).missing
    }

    /// What was told since the last time, in short.
    fn told(&mut self, n: usize) -> Vec<String> {
        let told = std::mem::take(&mut self.partitions[n]);
        let words = |change: PartitionChange| {
            let PartitionChange { reachable, known, back, theirs, ours, .. } = change;
            let mut names: Vec<&str> = change.missing.iter().map(|name| name.as_str()).collect();
            names.sort_unstable();
            let of = format!("{reachable}/{known} {}", names.join(" "));
            match change.state {
                PartitionState::Split => format!("split {of}"),
                PartitionState::Isolated => format!("isolated {of}"),
                PartitionState::Merged => format!("merged {back} {theirs}:{ours} {of}"),
                PartitionState::Unknown => "unknown".into(),
            }
        };
        told.into_iter().map(words).map(|words| words.trim_end().to_owned()).collect()
    }
}

fn id(n: usize) -> NodeId {
    NodeId([u8::try_from(n).unwrap(); 32])
}

const NOTHING: [&str; 0] = [];

#[test]
fn a_chain_shows_its_links_paths_and_middle() {
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (2, 3)]);
    let graph = mesh.graph(0);
    assert_eq!(graph.nodes.iter().map(|n| n.cut).collect::<Vec<_>>(), [false, true, true, false]);
    let via: Vec<_> = graph.nodes.iter().map(|n| (n.hops, n.via)).collect();
    assert_eq!(via, [(Some(0), None), (Some(1), Some(0)), (Some(2), Some(1)), (Some(3), Some(2))]);
    let links: Vec<_> = graph.links.iter().map(|l| (l.a, l.b, l.both, l.cut)).collect();
    assert_eq!(links, [(0, 1, true, true), (1, 2, true, true), (2, 3, true, true)]);
    let far = mesh.infos(0).pop().unwrap();
    let path: Vec<&str> = far.path.iter().map(|hop| hop.name.as_str()).collect();
    assert_eq!((path.as_slice(), far.hops), (["pi-1", "pi-2", "pi-3"].as_slice(), Some(3)));

    mesh.link(3, 0);
    mesh.pass(1);
    let graph = mesh.graph(2);
    assert!(!graph.nodes.iter().any(|node| node.cut) && !graph.links.iter().any(|link| link.cut));
    assert_eq!(graph.links.len(), 4);
}

#[test]
fn what_is_known_of_lost_links_is_one_sided() {
    let mut mesh = Mesh::new(3, &[(0, 1), (1, 2)]);
    mesh.cut(1, 2);
    mesh.pass(1);
    let graph = mesh.graph(0);
    let links: Vec<_> = graph.links.iter().map(|l| (l.a, l.b, l.both, l.cut)).collect();
    assert_eq!(links, [(0, 1, true, true), (2, 1, false, false)]);
    // Its own last word stands, but no link of a node that left.
    mesh.link(1, 2);
    mesh.pass(1);
    mesh.nodes[2].handle(mesh.now, Input::Shutdown);
    mesh.drain();
    assert_eq!(mesh.graph(0).links.len(), 1);
}

#[test]
fn a_split_and_its_merge_are_told_on_both_sides_with_what_each_brings() {
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (2, 3)]);
    mesh.say(0, 4);
    mesh.cut(1, 2);
    assert_eq!(mesh.missing(0).map(|m| (m.reachable, m.known, m.isolated)), Some((2, 4, false)));
    mesh.pass(4);
    assert_eq!(mesh.told(0), NOTHING);
    mesh.pass(8);
    for n in 0..4 {
        let missing = if n < 2 { "pi-2 pi-3" } else { "pi-0 pi-1" };
        assert_eq!(mesh.told(n), [format!("split 2/4 {missing}")], "node {n}");
    }
    let since = mesh.missing(1).unwrap().since_ms;
    assert!((12_000..12_500).contains(&since), "{since}");
    mesh.say(0, 3);
    mesh.say(1, 2);
    mesh.say(3, 7);
    mesh.pass(60);
    mesh.link(1, 2);
    mesh.pass(1);
    assert_eq!(mesh.told(0), NOTHING);
    mesh.pass(5);
    for n in 0..4 {
        let counts = if n < 2 { "7:5" } else { "5:7" };
        assert_eq!(mesh.told(n), [format!("merged 2 {counts} 4/4")], "node {n}");
    }
    assert_eq!(mesh.missing(0), None);
    mesh.pass(120);
    assert!((0..4).all(|n| mesh.partitions[n].is_empty()));
}

#[test]
fn one_of_many_is_no_partition_but_counts() {
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (2, 3), (0, 2)]);
    mesh.cut(2, 3);
    mesh.pass(60);
    assert_eq!(mesh.told(0), NOTHING);
    assert_eq!(mesh.told(3), ["isolated 1/4 pi-0 pi-1 pi-2"]);
    let missing = mesh.missing(0).unwrap();
    assert_eq!((missing.reachable, missing.known, missing.names.len()), (3, 4, 1));
    assert!(mesh.missing(3).unwrap().isolated && !missing.isolated);
    mesh.say(0, 2);
    mesh.link(2, 3);
    mesh.pass(10);
    assert_eq!(mesh.told(0), NOTHING);
    assert_eq!(mesh.told(3), ["merged 3 2:0 4/4"]);
}

#[test]
fn a_quick_return_is_not_told() {
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (2, 3)]);
    mesh.cut(1, 2);
    mesh.pass(3);
    mesh.link(1, 2);
    mesh.pass(60);
    assert!((0..4).all(|n| mesh.partitions[n].is_empty()), "{:?}", mesh.partitions);
}

#[test]
fn a_mesh_that_falls_apart_and_together_in_steps() {
    let mut mesh = Mesh::new(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]);
    mesh.cut(3, 4);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["split 4/6 pi-4 pi-5"]);
    mesh.say(2, 3);
    mesh.say(4, 4);
    mesh.cut(1, 2);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["split 2/6 pi-2 pi-3 pi-4 pi-5"]);
    mesh.say(0, 5);
    mesh.say(3, 6);
    // What this side brings to the first that come back is what it said since they were lost.
    mesh.link(1, 2);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["merged 2 6:5 4/6 pi-4 pi-5"]);
    // All of what the four have said since is of this side for the last two.
    mesh.link(3, 4);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["merged 2 4:14 6/6"]);
    assert_eq!(mesh.told(5), ["split 2/6 pi-0 pi-1 pi-2 pi-3", "merged 4 14:4 6/6"]);
}

#[test]
fn one_split_that_heals_in_steps() {
    let mut mesh = Mesh::new(6, &[(0, 1), (1, 2), (2, 3), (3, 4), (4, 5)]);
    mesh.cut(1, 2);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["split 2/6 pi-2 pi-3 pi-4 pi-5"]);
    mesh.cut(3, 4);
    mesh.say(0, 1);
    mesh.say(2, 2);
    mesh.say(5, 4);
    mesh.link(1, 2);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["merged 2 2:1 4/6 pi-4 pi-5"]);
    mesh.link(3, 4);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["merged 2 4:3 6/6"]);
}

#[test]
fn a_node_that_starts_anew_comes_back_as_itself() {
    let mut mesh = Mesh::new(3, &[(0, 1), (1, 2)]);
    mesh.restart(1);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["isolated 1/3 pi-1 pi-2"]);
    mesh.say(1, 2);
    mesh.say(2, 1);
    mesh.link(0, 1);
    mesh.link(1, 2);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["merged 2 3:0 3/3"]);
}

#[test]
fn who_says_goodbye_is_not_missed() {
    let mut mesh = Mesh::new(3, &[(0, 1), (0, 2)]);
    for n in [1, 2] {
        mesh.nodes[n].handle(mesh.now, Input::Shutdown);
    }
    mesh.drain();
    mesh.pass(60);
    assert_eq!(mesh.told(0), NOTHING);
    assert_eq!(mesh.missing(0), None);
}

#[test]
fn a_week_later_nobody_is_missed() {
    let mut mesh = Mesh::new(3, &[(0, 1), (1, 2)]);
    mesh.cut(0, 1);
    mesh.pass(10);
    assert_eq!(mesh.told(0), ["isolated 1/3 pi-1 pi-2"]);
    mesh.pass(6 * 24 * 3600);
    assert_eq!(mesh.missing(0).map(|missing| missing.known), Some(3));
    mesh.pass(24 * 3600);
    assert_eq!(mesh.missing(0), None);
}

#[test]
fn a_flapping_split_is_told_ever_more_rarely() {
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (2, 3)]);
    for _ in 0..60 {
        mesh.cut(1, 2);
        mesh.pass(6);
        mesh.link(1, 2);
        mesh.pass(4);
    }
    let lines = mesh.told(0).len();
    assert!((8..=2 * (4 + 20)).contains(&lines), "{lines} lines in 10 minutes");
}

#[test]
fn chat_that_never_rests_does_not_hold_the_merge_up() {
    let mut mesh = Mesh::new(4, &[(0, 1), (1, 2), (2, 3)]);
    mesh.cut(1, 2);
    mesh.pass(10);
    mesh.link(1, 2);
    for _ in 0..40 {
        mesh.say(3, 1);
        mesh.pass(1);
    }
    let told = mesh.told(0);
    assert!(told.len() == 2 && told[1].starts_with("merged 2 3"), "{told:?}");
}
