//! Two nodes on a perfect wire.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly and look only at what it is about"
)]

use std::collections::VecDeque;

use meshchat_core::{Admit, Carrier, Config, Goal, HistoryMode, Input, Mono, Node, Now, Output};
use meshchat_proto::control::{Dm, Event, Message, Reply, Request, Start};
use meshchat_proto::id::NodeId;
use meshchat_proto::message::MessageKind;

use crate::env::{AnyEnv, counter};

struct Pair {
    nodes: [Node<AnyEnv>; 2],
    now: Now,
    events: [Vec<Event>; 2],
    replies: [Vec<Reply>; 2],
}

impl Pair {
    fn new() -> Self {
        let now = Now { mono: Mono::from_micros(1), wall_ms: 5 };
        let node = |n: u8| {
            let config = Config {
                id: NodeId([n; 32]),
                network: None,
                name: format!("pi-{n}").parse().unwrap(),
                software: "test".into(),
                boot_count: 1,
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
            Node::new(now, config, counter(NodeId([n; 32]), 0))
        };
        let mut pair = Self {
            nodes: [node(1), node(2)],
            now,
            events: Default::default(),
            replies: Default::default(),
        };
        for n in 0..2 {
            pair.give(n, Input::SessionUp { session: 1, user: format!("user{n}") });
            pair.ask(
                n,
                1,
                Request::Tail {
                    room: None,
                    start: Start::Now,
                    follow: true,
                    presence: true,
                    dm: Dm::No,
                    cursor: None,
                },
            );
        }
        pair
    }

    fn give(&mut self, n: usize, input: Input) {
        self.nodes[n].handle(self.now, input);
        self.drain();
    }

    fn ask(&mut self, n: usize, id: u64, request: Request) {
        self.give(n, Input::Request { session: 1, id, request });
    }

    fn link(&mut self) {
        for n in 0..2u8 {
            let up = Input::LinkUp {
                link: 7,
                peer: NodeId([2 - n; 32]),
                dialled: n == 0,
                named: false,
                near: true,
                remote: ([192, 0, 2, 1], 7).into(),
                address: "wire".into(),
                carrier: Carrier::Quic,
                dial: None,
            };
            self.nodes[usize::from(n)].handle(self.now, up);
        }
        self.drain();
    }

    fn drain(&mut self) {
        let mut wire = VecDeque::new();
        loop {
            for n in 0..2 {
                while let Some(output) = self.nodes[n].poll_output() {
                    match output {
                        Output::Send { frame, .. } => wire.push_back((1 - n, frame)),
                        Output::Event { event, .. } => self.events[n].push(*event),
                        Output::Reply { result, .. } => self.replies[n].push(result.unwrap()),
                        _ => {}
                    }
                }
            }
            let Some((to, frame)) = wire.pop_front() else { break };
            self.nodes[to].handle(self.now, Input::Frame { link: 7, frame: frame.slice(4..) });
        }
    }

    fn say(&mut self, n: usize, id: u64, text: &str) {
        let (room, text, kind) = (None, text.into(), MessageKind::Text);
        self.ask(n, id, Request::Send { room, text, kind });
    }

    fn texts(&self, n: usize) -> Vec<String> {
        let message = |event: &Event| match event {
            Event::Message(Message { author, node_name, text, .. }) => {
                Some(format!("{author}@{node_name}: {text}"))
            }
            _ => None,
        };
        self.events[n].iter().filter_map(message).collect()
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now.mono + std::time::Duration::from_secs(seconds);
        loop {
            let next = self.nodes.iter().map(Node::poll_timeout).min().unwrap();
            if next > end {
                break;
            }
            self.now.mono = next.max(self.now.mono);
            for n in 0..2 {
                if self.nodes[n].poll_timeout() <= self.now.mono {
                    self.nodes[n].handle_timeout(self.now);
                }
            }
            self.drain();
        }
        self.now.mono = end;
    }
}

#[test]
fn a_message_is_shown_once_at_both_ends() {
    let mut pair = Pair::new();
    pair.link();
    pair.say(0, 2, "hello");
    for n in 0..2 {
        assert_eq!(pair.texts(n), ["user0@pi-1: hello"], "node {n}");
    }
}

#[test]
fn what_was_said_before_the_link_arrives_through_catch_up() {
    let mut pair = Pair::new();
    for n in 0..100 {
        pair.say(0, 2 + n, &format!("a{n}"));
        pair.say(1, 2 + n, &format!("b{n}"));
    }
    pair.link();
    pair.pass(30);
    for n in 0..2 {
        assert_eq!(pair.texts(n).len(), 200, "node {n}");
    }
    assert_eq!(pair.nodes[0].counters().gone, 0);
}

#[test]
fn a_silent_link_dies_and_people_become_unreachable() {
    let mut pair = Pair::new();
    pair.link();
    pair.pass(60);
    assert_eq!(pair.nodes[0].links(pair.now.mono).len(), 1);
    pair.nodes[1].handle(pair.now, Input::Shutdown);
    while pair.nodes[1].poll_output().is_some() {}
    pair.pass(16);
    assert!(pair.nodes[0].links(pair.now.mono).is_empty());
    let last = format!("{:?}", pair.events[0].last().unwrap());
    assert!(last.contains("Unreachable"), "{last}");
}
