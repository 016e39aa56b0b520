//! A peer that breaks the rules loses its link; the node and its other links live on.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::time::Duration;

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::limits::{FRAME_BYTES, HOPS};
use meshchat_proto::message::{Draft, MessageKind, lone_message, signed_root};
use meshchat_proto::name::RoomName;
use meshchat_proto::peer::{Heartbeat, Hello, Record, Signed, signed_record};
use meshchat_tests::{Daemon, Limit, Tail, wait_for};
use meshchatd::identity::Signer;
use meshchatd::transport::{Channel, CloseCode, Endpoint, Limits, Lost};
use tokio::runtime::Runtime;
use tokio::time::timeout;

#[test]
fn a_peer_that_keeps_the_rules_is_heard() {
    let scene = Scene::new();
    let liar = scene.stranger(9);
    let body = draft("from the stranger").to_body(NetworkId::OPEN, liar.id(), Boot::new(1, 1), 1);
    let stay = liar.talk(vec![liar.hello(), chat(&liar.signer, &body)]);
    scene.tail.wait_text("from the stranger");
    drop(stay);
    scene.assert_well();
}

#[test]
fn garbage_frames_end_the_link() {
    let garbage: &[(&str, &[u8])] = &[
        ("an unreadable chat", &frame_of(Kind::Chat, b"\xc1\xc1\xc1")),
        ("an unreadable record", &frame_of(Kind::Record, b"\x93\x01\x02\x03")),
        ("an unreadable heartbeat", &frame_of(Kind::Heartbeat, b"")),
        ("an unreadable summary", &frame_of(Kind::Summary, &[0x91; 60_000])),
        ("an unreadable end", &frame_of(Kind::SyncEnd, b"\xdd\xff\xff\xff\xff")),
        ("an unreadable echo", &frame_of(Kind::Echo, b"hello")),
        ("a second hello", &frame_of(Kind::Hello, b"")),
        ("an empty batch", &frame_of(Kind::Chat, &lone_message(&[0; 64], b"", None))),
        ("a body of nonsense", &frame_of(Kind::Chat, &lone_message(&[0; 64], b"nonsense", None))),
    ];
    let scene = Scene::new();
    for (seed, (what, bytes)) in (10..).zip(garbage) {
        let liar = scene.stranger(seed);
        let before = scene.daemon.drops("bad_frame");
        let why = liar.provoke(vec![liar.hello(), Bytes::copy_from_slice(bytes)]);
        assert_eq!(why, CloseCode::Malformed, "{what}");
        assert_eq!(scene.daemon.drops("bad_frame"), before + 1, "{what} was not counted");
    }
    scene.assert_well();
}

#[test]
fn impossible_lengths_end_the_link() {
    let scene = Scene::new();
    let too_long = u32::try_from(FRAME_BYTES).unwrap() + 1;
    for (seed, length) in (30..).zip([too_long, u32::MAX, 3, 0]) {
        let liar = scene.stranger(seed);
        let before = scene.daemon.drops("bad_frame");
        let bytes = Bytes::from([length.to_be_bytes().as_slice(), &[0; 64]].concat());
        assert_eq!(liar.provoke(vec![liar.hello(), bytes]), CloseCode::Malformed, "{length}");
        wait_for("the drop to be counted", Limit::default(), || {
            scene.daemon.drops("bad_frame") == before + 1
        });
    }
    scene.assert_well();
}

#[test]
fn nothing_is_read_before_a_greeting() {
    let scene = Scene::new();
    let liar = scene.stranger(40);
    let body = draft("too early").to_body(NetworkId::OPEN, liar.id(), Boot::new(1, 1), 1);
    let heartbeat = Heartbeat {
        seq: 1,
        echo: 0,
        held: 0,
        seen: 0,
        nodes: 0,
        links: 1,
        ask: true,
        extra: false,
        roster: 0,
    };
    let heartbeat = frame_of(Kind::Heartbeat, &codec::encode(&heartbeat));
    // Chat may overtake the greeting on its way; it is dropped, what follows is not forgiven.
    let early = [vec![chat(&liar.signer, &body), heartbeat], vec![frame_of(Kind::Hello, b"\x80")]];
    for frames in early {
        assert_eq!(liar.provoke(frames), CloseCode::Malformed);
    }
    scene.assert_well();
    assert_eq!(scene.tail.count(|line| line["text"] == "too early"), 0);
}

#[test]
fn what_another_signed_is_neither_shown_nor_sent_on() {
    let scene = Scene::new();
    let victim: NodeId = scene.honest.status()["node"].as_str().unwrap().parse().unwrap();
    let liar = scene.stranger(50);

    let forged = draft("forged").to_body(NetworkId::OPEN, victim, Boot::new(99, 1), 1);
    assert_eq!(liar.provoke(vec![liar.hello(), chat(&liar.signer, &forged)]), CloseCode::Malformed);
    assert_eq!(scene.daemon.drops("bad_signature"), 1);

    let record = liar.record_of(victim);
    assert_eq!(liar.provoke(vec![liar.hello(), record]), CloseCode::Malformed);
    assert_eq!(scene.daemon.drops("bad_signature"), 2);

    let own = draft("changed").to_body(NetworkId::OPEN, liar.id(), Boot::new(1, 1), 1);
    let other = draft("signed").to_body(NetworkId::OPEN, liar.id(), Boot::new(1, 1), 1);
    let sig = liar.signer.sign(&signed_root(&MessageId::of(&other)));
    let changed = frame_of(Kind::Chat, &lone_message(&sig, &own, None));
    assert_eq!(liar.provoke(vec![liar.hello(), changed]), CloseCode::Malformed);
    assert_eq!(scene.daemon.drops("bad_signature"), 3);

    scene.assert_well();
    for text in ["forged", "changed"] {
        assert_eq!(scene.tail.count(|line| line["text"] == text), 0);
    }
    let known = scene.daemon.node(scene.honest.name()).expect("the victim is known");
    assert_eq!(known["state"], "reachable", "{known}");
}

#[test]
fn what_is_newer_than_this_version_is_counted_and_ignored() {
    let scene = Scene::new();
    let liar = scene.stranger(60);
    let body = draft("after the unknown").to_body(NetworkId::OPEN, liar.id(), Boot::new(1, 1), 1);
    let unknown = frame_of(Kind::Unknown(200), b"from the future");
    let stay = liar.talk(vec![liar.hello(), unknown, chat(&liar.signer, &body)]);
    scene.tail.wait_text("after the unknown");
    assert_eq!(scene.daemon.drops("unknown_kind"), 1);
    drop(stay);
    let why = liar.provoke(vec![liar.hello_of(2, 9)]);
    assert_eq!(why, CloseCode::Incompatible);
    scene.assert_well();
}

/// A daemon, and an honest one that is linked to it and followed.
struct Scene {
    daemon: Daemon,
    honest: Daemon,
    tail: Tail,
    runtime: Runtime,
}

impl Scene {
    fn new() -> Self {
        let daemon = Daemon::start("victim");
        let honest = Daemon::builder("honest").peer(daemon.listen()).start();
        honest.wait_links(1);
        let tail = honest.follow();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        Self { daemon, honest, tail, runtime }
    }

    fn stranger(&self, seed: u8) -> Stranger<'_> {
        Stranger { scene: self, seed, signer: Signer::from_seed(&[seed; 32]) }
    }

    /// The daemon is alive and its other link works both ways.
    fn assert_well(&self) {
        self.daemon.wait_links(1);
        self.daemon.say("all is well");
        self.tail.wait_text("all is well");
        self.honest.ctl().ok(["ping", "-c", "1", "victim"]);
        assert!(!self.honest.log().contains("wrong signature"), "it was sent on");
    }
}

/// A peer that may say anything.
struct Stranger<'a> {
    scene: &'a Scene,
    seed: u8,
    signer: Signer,
}

impl Stranger<'_> {
    fn id(&self) -> NodeId {
        NodeId(self.signer.public())
    }

    fn hello(&self) -> Bytes {
        self.hello_of(frame::VERSION, frame::VERSION)
    }

    fn hello_of(&self, min: u8, max: u8) -> Bytes {
        let hello = Hello {
            min,
            max,
            network: NetworkId::OPEN,
            boot: Boot::new(1, 1),
            name: "stranger".parse().unwrap(),
            dial: 1,
            wall: 0,
            software: "test".into(),
            wanted: false,
            anew: false,
        };
        frame_of(Kind::Hello, &codec::encode(&hello))
    }

    /// A record about another node, signed with our key.
    fn record_of(&self, node: NodeId) -> Bytes {
        let record = Record {
            network: NetworkId::OPEN,
            node,
            boot: Boot::new(99, 1),
            version: 1,
            name: "gone".parse().unwrap(),
            software: "test".into(),
            neighbours: Vec::new(),
            people: Vec::new(),
            seq: 0,
            seen: 0,
            left: true,
            addresses: Vec::new(),
            beacon: 0,
            holdings: None,
            doubled: false,
        };
        let body = codec::encode(&record);
        let sig = self.signer.sign(&signed_record(&body));
        let signed = Signed { sig, body: serde_bytes::Bytes::new(&body) };
        frame_of(Kind::Record, &codec::encode(&signed))
    }

    /// Links, says all of it, and stays until the result is dropped.
    fn talk(&self, frames: Vec<Bytes>) -> Talk {
        let (address, seed) = (self.scene.daemon.listen(), [self.seed; 32]);
        self.scene.runtime.block_on(async {
            let anywhere = "127.0.0.1:0".parse().unwrap();
            let endpoint = Endpoint::bind(anywhere, &seed, Limits::default()).unwrap();
            let mut channel = endpoint.dial(address, None).await.unwrap();
            for frame in frames {
                // The daemon may hang up before it has heard all.
                channel.control.send.write(frame).await.ok();
            }
            Talk { _endpoint: endpoint, channel }
        })
    }

    /// Says all of it and returns why the daemon ended the link.
    fn provoke(&self, frames: Vec<Bytes>) -> CloseCode {
        let talk = self.talk(frames);
        let closed = async { timeout(PATIENCE, talk.channel.conn.closed()).await };
        let lost = self.scene.runtime.block_on(closed).expect("the link lives on");
        let Lost::ByPeer { code, .. } = lost else { panic!("{lost}") };
        code
    }
}

/// A link that lasts as long as this.
struct Talk {
    _endpoint: Endpoint,
    channel: Channel,
}

fn frame_of(kind: Kind, body: &[u8]) -> Bytes {
    frame::encode(kind, HOPS, body)
}

fn chat(signer: &Signer, body: &[u8]) -> Bytes {
    let sig = signer.sign(&signed_root(&MessageId::of(body)));
    frame_of(Kind::Chat, &lone_message(&sig, body, None))
}

fn draft(text: &str) -> Draft {
    Draft {
        author: "mallory".parse().unwrap(),
        room: RoomName::lobby(),
        kind: MessageKind::Text,
        text: text.parse().unwrap(),
        seen: Vec::new(),
        wall: 0,
        sealed: None,
        via: None,
    }
}

/// Far more than anything here takes; reached only by a test that fails.
const PATIENCE: Duration = Duration::from_secs(30);
