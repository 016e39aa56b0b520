//! Any frames over two links, in any order and at any time: the node neither panics nor outgrows
//! a bound. Every signature is taken for good, so that what lies behind it is reached.
#![no_main]

use std::time::Duration;

use bytes::Bytes;
use libfuzzer_sys::fuzz_target;
use meshchat_core::{
    Admit, Carrier, Config, Env, Goal, HistoryMode, Input, Mono, Node, Now, Output, Rate,
    Stored,
};
use meshchat_proto::codec::encode;
use meshchat_proto::control::{Dm, Request, Start};
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, NetworkId, NodeId};
use meshchat_proto::message::Signature;
use meshchat_proto::peer::Hello;

const ME: NodeId = NodeId([9; 32]);

struct Gullible(u64);

impl Env for Gullible {
    fn random(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        self.0
    }

    fn secret(&mut self) -> Option<[u8; 32]> {
        Some([7; 32])
    }

    fn public_of(&mut self, _seed: &[u8; 32]) -> NodeId {
        ME
    }

    fn sign_with(&mut self, _seed: &[u8; 32], bytes: &[u8]) -> Signature {
        self.sign(bytes)
    }

    fn sign(&mut self, _bytes: &[u8]) -> Signature {
        [1; 64]
    }

    fn verify(&mut self, _node: &NodeId, _bytes: &[u8], _sig: &Signature) -> bool {
        true
    }
}

fuzz_target!(|data: &[u8]| {
    let mut world = World::new();
    let mut rest = data;
    while let [operation, more @ ..] = rest {
        rest = world.step(*operation, more);
    }
    world.pass(60_000);
    for row in world.node.limits() {
        assert!(row.used <= row.most, "{} holds {} of {}", row.name, row.used, row.most);
    }
});

struct World {
    node: Node<Gullible>,
    now: Now,
    links: u32,
}

impl World {
    fn new() -> Self {
        let now = Now { mono: Mono::from_micros(1), wall_ms: 1_700_000_000_000 };
        let config = Config {
            id: ME,
            network: None,
            rate: Some(Rate { burst: 20, per_second: 5 }),
            stored: Stored::default(),
            name: "pi-9".parse().expect("a name"),
            software: "fuzz".into(),
            boot_count: 3,
            admit: Admit::Anyone,
            history: HistoryMode::Memory,
            people: Vec::new(),
            goal: Goal { least: 4, most: 8 },
            beacon: 7,
            addresses: vec!["192.0.2.9:7117".parse().expect("an address")],
            contacts: Vec::new(),
        };
        let mut world = Self { node: Node::new(now, config, Gullible(1)), now, links: 0 };
        world.give(Input::SessionUp { session: 1, user: "ann".into() });
        let request = Request::Tail {
            room: None,
            start: Start::Last(9),
            follow: true,
            presence: true,
            dm: Dm::Also,
            cursor: None,
        };
        world.give(Input::Request { session: 1, id: 1, request });
        world.link();
        world.link();
        world
    }

    /// Does one thing; returns the bytes that it did not use.
    fn step<'a>(&mut self, operation: u8, data: &'a [u8]) -> &'a [u8] {
        match operation % 16 {
            0 => self.pass(1),
            1 => self.pass(2_000),
            2 => self.pass(30_000),
            3 if self.links < 16 => self.link(),
            4 => {
                self.give(Input::LinkDown { link: u32::from(operation / 16) % self.links.max(1) });
            }
            5 => self.say(operation),
            // A frame: kind, hops, length, body.
            _ => {
                let [kind, hops, high, low, body @ ..] = data else { return &[] };
                let length = usize::from(u16::from_be_bytes([*high, *low])).min(body.len());
                let (body, rest) = body.split_at(length);
                let wire = frame::encode(Kind::from_code(*kind % 24), *hops, body);
                let link = u32::from(operation / 16) % self.links;
                self.give(Input::Frame { link, frame: wire.slice(frame::PREFIX_BYTES..) });
                return rest;
            }
        }
        data
    }

    fn link(&mut self) {
        let link = self.links;
        self.links += 1;
        let octet = u8::try_from(link + 1).expect("few links");
        self.give(Input::LinkUp {
            link,
            peer: NodeId([octet; 32]),
            dialled: link % 2 == 0,
            named: true,
            near: true,
            remote: ([192, 0, 2, octet], 7117).into(),
            address: "wire".into(),
            carrier: Carrier::Quic,
            dial: None,
        });
        let hello = Hello {
            min: 1,
            max: 1,
            network: NetworkId::OPEN,
            boot: Boot::new(1, 1),
            name: format!("pi-{octet}").parse().expect("a name"),
            dial: 0,
            wall: 0,
            software: "fuzz".into(),
            wanted: false,
            anew: false,
        };
        let wire = frame::encode(Kind::Hello, 0, &encode(&hello));
        self.give(Input::Frame { link, frame: wire.slice(frame::PREFIX_BYTES..) });
    }

    fn say(&mut self, n: u8) {
        let request = Request::Send {
            room: None,
            text: format!("{n}"),
            kind: meshchat_proto::message::MessageKind::Text,
        };
        self.give(Input::Request { session: 1, id: 2, request });
    }

    fn give(&mut self, input: Input) {
        self.node.handle(self.now, input);
        self.drain();
    }

    fn pass(&mut self, ms: u64) {
        let end = self.now.mono + Duration::from_millis(ms);
        for _ in 0..1_000 {
            let next = self.node.poll_timeout();
            if next > end {
                break;
            }
            self.now.mono = next.max(self.now.mono);
            self.node.handle_timeout(self.now);
            self.drain();
        }
        self.now.mono = end.max(self.now.mono);
    }

    /// What comes out is in bounds as well.
    fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            if let Output::Send { frame: wire, .. } = output {
                let frame = frame::Frame::parse(Bytes::from(wire).slice(frame::PREFIX_BYTES..));
                frame.expect("a frame that any node takes");
            }
        }
    }
}
