//! A whole node that gets arbitrary frames over two links. Its own checks (bounds of all tables,
//! books that agree) are debug assertions, and live here.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use meshchat_core::{
    Admit, Carrier, Config, Env, Goal, HistoryMode, Input, Mono, Node, Now, Output, Rate,
};
use meshchat_proto::codec;
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, NetworkId, NodeId};
use meshchat_proto::message::Signature;
use meshchat_proto::peer::Hello;

struct Trusting(u64);

impl Env for Trusting {
    fn random(&mut self) -> u64 {
        self.0 += 1;
        self.0
    }

    fn sign(&mut self, _bytes: &[u8]) -> Signature {
        [0; 64]
    }

    /// Believes everything, so that what lies behind the check is reached.
    fn verify(&mut self, _node: &NodeId, _bytes: &[u8], _sig: &Signature) -> bool {
        true
    }
}

fuzz_target!(|bytes: &[u8]| {
    let mut now = Now { mono: Mono::from_micros(1), wall_ms: 5 };
    let mut node = Node::new(now, config(), Trusting(0));
    let mut next_link = 0;
    let mut links = [0; 2];
    let mut rest = bytes;
    // Each step: which link, how much time passes, kind, length, body.
    while let [at, time, kind, high, low, tail @ ..] = rest {
        let length = (usize::from(*high) << 8 | usize::from(*low)).min(tail.len());
        let (body, after) = tail.split_at(length);
        rest = after;
        now.mono = now.mono + Duration::from_millis(u64::from(*time) * 20);
        if node.poll_timeout() <= now.mono {
            node.handle_timeout(now);
        }
        let end = usize::from(at & 1);
        if links[end] == 0 {
            next_link += 1;
            links[end] = next_link;
            link_up(&mut node, now, next_link, end);
        }
        let wire = frame::encode(Kind::from_code(*kind), 7, body);
        node.handle(now, Input::Frame { link: links[end], frame: wire.slice(4..) });
        while let Some(output) = node.poll_output() {
            if let Output::CloseLink { link, .. } = output {
                links.iter_mut().filter(|one| **one == link).for_each(|one| *one = 0);
            }
        }
        assert!(node.poll_timeout() > Mono::ZERO);
    }
    for row in node.limits() {
        assert!(row.used <= row.most, "{}", row.name);
    }
});

fn link_up(node: &mut Node<Trusting>, now: Now, link: u32, end: usize) {
    node.handle(now, Input::LinkUp {
        link,
        peer: NodeId([end as u8 + 2; 32]),
        dialled: false,
        named: true,
        near: true,
        remote: ([192, 0, 2, 1], 7).into(),
        address: "wire".into(),
        carrier: Carrier::Quic,
        dial: None,
    });
    let hello = Hello {
        min: frame::VERSION,
        max: frame::VERSION,
        network: NetworkId::OPEN,
        boot: Boot::new(1, link.into()),
        name: "peer".parse().unwrap(),
        dial: link.into(),
        wall: 0,
        software: "fuzz".into(),
        wanted: false,
        anew: false,
    };
    let hello: Bytes = frame::encode(Kind::Hello, 0, &codec::encode(&hello));
    node.handle(now, Input::Frame { link, frame: hello.slice(4..) });
}

fn config() -> Config {
    Config {
        id: NodeId([1; 32]),
        network: NetworkId::OPEN,
        name: "fuzzed".parse().unwrap(),
        software: "fuzz".into(),
        boot_count: 1,
        admit: Admit::Neighbours,
        rate: Some(Rate { burst: 3, per_second: 1 }),
        history: HistoryMode::Memory,
        people: Vec::new(),
        goal: Goal { least: 0, most: 0 },
        beacon: 0,
        addresses: Vec::new(),
        contacts: Vec::new(),
    }
}
