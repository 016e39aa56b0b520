//! Somebody floods the mesh with correctly signed messages; the others go on talking.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::limits::HOPS;
use meshchat_proto::merkle;
use meshchat_proto::message::{Draft, MessageKind, signed_root, whole_batch};
use meshchat_proto::name::RoomName;
use meshchat_proto::peer::Hello;
use meshchat_tests::{Daemon, Limit, wait_for};
use meshchatd::identity::Signer;
use meshchatd::transport::{Endpoint, Limits};

#[test]
fn a_flood_of_signed_messages_drowns_nobody_else() {
    let first = Daemon::builder("first").rate("20/5").start();
    let second = Daemon::builder("second").rate("20/5").peer(first.listen()).start();
    let third = Daemon::builder("third").rate("20/5").peer(second.listen()).start();
    first.wait_reachable(3, Limit::default());
    let tails = [first.follow(), second.follow(), third.follow()];
    let flood = Flood::start(first.listen());
    wait_for("the flood to be refused", Limit::default(), || first.drops("author_rate") > 1000);
    for round in 0..10 {
        let texts = [("first", &first), ("third", &third)].map(|(name, daemon)| {
            let text = format!("{name} says {round}");
            daemon.say(&text);
            text
        });
        for tail in &tails {
            for text in &texts {
                tail.wait_text(text);
            }
        }
    }
    let sent = flood.stop();
    for (daemon, tail) in [&first, &second, &third].into_iter().zip(&tails) {
        let shown = tail.count(|line| line["author"] == "mallory") as u64;
        assert!(shown < sent / 2, "{} showed {shown} of {sent}", daemon.name());
        for row in daemon.ctl().json(["status", "--limits"]) {
            assert!(row["used"].as_u64() <= row["most"].as_u64(), "{row}");
        }
        assert!(!daemon.log().contains("panicked"), "{}", daemon.name());
    }
}

/// A peer that sends 2,000 messages a second and answers nothing.
struct Flood {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    thread: std::thread::JoinHandle<()>,
}

impl Flood {
    fn start(victim: std::net::SocketAddr) -> Self {
        let (over, sent) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let (flag, count) = (Arc::clone(&over), Arc::clone(&sent));
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(pour(victim, &flag, &count));
        });
        Self { over, sent, thread }
    }

    /// Ends it; tells how many messages it sent.
    fn stop(self) -> u64 {
        self.over.store(true, Ordering::Relaxed);
        self.thread.join().unwrap();
        self.sent.load(Ordering::Relaxed)
    }
}

async fn pour(victim: std::net::SocketAddr, over: &AtomicBool, sent: &AtomicU64) {
    let seed = [77; 32];
    let signer = Signer::from_seed(&seed);
    let (mut tick, mut seq) = (tokio::time::interval(Duration::from_millis(32)), 0);
    while !over.load(Ordering::Relaxed) {
        // It comes again when it is hung up on.
        let endpoint = Endpoint::bind("127.0.0.1:0".parse().unwrap(), &seed, Limits::default());
        let endpoint = endpoint.unwrap();
        let Ok(mut channel) = endpoint.dial(victim, None).await else { continue };
        if channel.control.send.write(hello()).await.is_err() {
            continue;
        }
        while !over.load(Ordering::Relaxed) {
            tick.tick().await;
            if channel.control.send.write(batch(&signer, &mut seq)).await.is_err() {
                break;
            }
            sent.fetch_add(64, Ordering::Relaxed);
        }
    }
}

fn hello() -> Bytes {
    let hello = Hello {
        min: frame::VERSION,
        max: frame::VERSION,
        network: NetworkId::OPEN,
        boot: Boot::new(1, 1),
        name: "mallory".parse().unwrap(),
        dial: 1,
        wall: 0,
        software: "test".into(),
        wanted: false,
        anew: false,
    };
    frame::encode(Kind::Hello, HOPS, &codec::encode(&hello))
}

/// The next 64 messages under one signature.
fn batch(signer: &Signer, seq: &mut u64) -> Bytes {
    let draft = Draft {
        author: "mallory".parse().unwrap(),
        room: RoomName::lobby(),
        kind: MessageKind::Text,
        text: "buy".parse().unwrap(),
        seen: Vec::new(),
        wall: 0,
        sealed: None,
        via: None,
    };
    let node = NodeId(signer.public());
    let body = |seq| draft.to_body(NetworkId::OPEN, node, Boot::new(1, 1), seq);
    let bodies: Vec<_> = (*seq + 1..=*seq + 64).map(body).collect();
    *seq += 64;
    let ids: Vec<_> = bodies.iter().map(|body| MessageId::of(body)).collect();
    let sig = signer.sign(&signed_root(&merkle::root(&ids).unwrap()));
    frame::encode(Kind::Chat, HOPS, &whole_batch(&sig, &bodies))
}
