//! Two or more nodes on the loopback interface: channels, links, and strangers that mean no good.
#![forbid(unsafe_code)]
#![expect(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod nodes;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use bytes::Bytes;
use meshchatd::link::{DownReason, FrameError, Level, LinkEvent, MAX_FRAME};
use meshchatd::transport::{Channel, CloseCode, DialError, Drops, Endpoint, Lane, Limits, Lost};
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::timeout;

use nodes::{ANYWHERE, End, Node, PATIENCE, frame};

async fn channels() -> (Node, Node, Channel, Channel) {
    let a = Node::new(1, Limits::default());
    let mut b = Node::new(2, Limits::default());
    let ours = a.endpoint.dial(b.addr(), Some(b.key())).await.unwrap();
    let theirs = b.accept().await;
    (a, b, ours, theirs)
}

async fn links() -> (Node, Node, End, End) {
    let (a, b, ours, theirs) = channels().await;
    (a, b, End::new(1, ours, 64), End::new(2, theirs, 64))
}

#[tokio::test]
async fn frames_cross_on_both_lanes_in_both_directions() {
    let (a, b, mut ours, mut theirs) = links().await;
    assert_eq!(ours.handle.peer(), b.key());
    assert_eq!(theirs.handle.peer(), a.key());
    assert_eq!(ours.handle.remote(), b.addr());
    assert_eq!(theirs.handle.remote(), a.addr());
    assert!(ours.handle.dialled() && !theirs.handle.dialled());
    for lane in [Lane::Control, Lane::Bulk] {
        let long = vec![9; MAX_FRAME];
        ours.handle.push(lane, frame(b"ping")).unwrap();
        ours.handle.push(lane, frame(&long)).unwrap();
        assert_eq!(theirs.frame().await, b"ping".as_slice());
        assert_eq!(theirs.frame().await, long);
        theirs.handle.push(lane, frame(b"pong")).unwrap();
        assert_eq!(ours.frame().await, b"pong".as_slice());
    }
    assert!(ours.handle.stats().sent_bytes > 2 * MAX_FRAME as u64);
}

#[tokio::test]
async fn the_acceptor_may_speak_first() {
    let (_a, _b, mut ours, theirs) = links().await;
    theirs.handle.push(Lane::Bulk, frame(b"hello")).unwrap();
    assert_eq!(ours.frame().await, b"hello".as_slice());
}

#[tokio::test]
async fn a_single_stream_serves_both_lanes() {
    let (_a, _b, mut ours, mut theirs) = channels().await;
    ours.bulk = None;
    theirs.bulk = None;
    let (ours, mut theirs) = (End::new(1, ours, 64), End::new(2, theirs, 64));
    ours.handle.push(Lane::Bulk, frame(b"bulk")).unwrap();
    assert_eq!(theirs.frame().await, b"bulk".as_slice());
    ours.handle.push(Lane::Control, frame(b"control")).unwrap();
    assert_eq!(theirs.frame().await, b"control".as_slice());
}

#[tokio::test]
async fn another_key_than_expected_is_named() {
    let a = Node::new(1, Limits::default());
    let b = Node::new(2, Limits::default());
    match a.endpoint.dial(b.addr(), Some([3; 32])).await {
        Err(DialError::WrongKey { answered }) => assert_eq!(answered, b.key()),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_node_finds_itself() {
    let a = Node::new(1, Limits::default());
    let again = a.endpoint.dial(a.addr(), None).await;
    assert!(matches!(again, Err(DialError::OwnKey)), "{again:?}");
    let twin = Node::new(1, Limits::default());
    let twins = a.endpoint.dial(twin.addr(), None).await;
    assert!(matches!(twins, Err(DialError::OwnKey)), "{twins:?}");
}

#[tokio::test]
async fn a_port_where_nothing_listens_refuses() {
    let a = Node::new(1, Limits::default());
    let gone = UdpSocket::bind(ANYWHERE).await.unwrap().local_addr().unwrap();
    let outcome = a.endpoint.dial(gone, None).await;
    assert!(matches!(outcome, Err(DialError::Refused)), "{outcome:?}");
}

#[tokio::test]
async fn silence_ends_a_dial() {
    let a = Node::new(1, Limits { dial: Duration::from_millis(300), ..Limits::default() });
    let silent = UdpSocket::bind(ANYWHERE).await.unwrap();
    let dial = a.endpoint.dial(silent.local_addr().unwrap(), None);
    let outcome = timeout(PATIENCE, dial).await.expect("a dial without end");
    assert!(matches!(outcome, Err(DialError::TimedOut)), "{outcome:?}");
}

#[tokio::test]
async fn addresses_that_lead_nowhere_are_errors() {
    let a = Node::new(1, Limits { dial: Duration::from_millis(300), ..Limits::default() });
    for addr in ["127.0.0.1:0", "0.0.0.0:7000", "[2001:db8::1]:7000"] {
        let outcome = a.endpoint.dial(addr.parse().unwrap(), None).await;
        let expected = matches!(outcome, Err(DialError::BadAddress(_) | DialError::Unreachable(_)));
        assert!(expected, "{addr}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_bad_length_closes_the_link_after_what_came_before() {
    for (length, error) in [
        (65_537, FrameError::TooLong(65_537)),
        (3, FrameError::TooShort(3)),
        (u32::from_be_bytes(*b"GET "), FrameError::TooLong(u32::from_be_bytes(*b"GET "))),
    ] {
        let (_a, _b, mut ours, theirs) = channels().await;
        let mut theirs = End::new(2, theirs, 64);
        let mut bytes = frame(b"good").to_vec();
        bytes.extend(length.to_be_bytes());
        ours.bulk.as_mut().unwrap().send.write(bytes.into()).await.unwrap();
        assert_eq!(theirs.frame().await, b"good".as_slice());
        assert_eq!(theirs.down().await, DownReason::BadFrame(error));
        let Lost::ByPeer { code, text } = ours.conn.closed().await else { panic!("no reason") };
        assert_eq!(code, CloseCode::Malformed);
        assert!(text.contains(&length.to_string()), "{text}");
    }
}

#[tokio::test]
async fn bulk_that_nobody_reads_does_not_hold_up_control() {
    let (_a, _b, ours, mut theirs) = channels().await;
    let mut ours = End::new(1, ours, 64);
    let big = frame(&[1; 60_000]);
    // Windows and outbox must both be full before this means anything.
    loop {
        while ours.handle.push(Lane::Bulk, big.clone()).is_ok() {}
        let wrote = timeout(Duration::from_millis(200), async {
            while ours.handle.push(Lane::Bulk, big.clone()).is_err() {
                tokio::task::yield_now().await;
            }
        });
        if wrote.await.is_err() {
            break;
        }
    }
    for turn in 0..100 {
        let text = format!("beat {turn}");
        ours.handle.push(Lane::Control, frame(text.as_bytes())).unwrap();
        let mut got = Vec::new();
        while got.len() < 4 + text.len() {
            let mut piece = [Bytes::new()];
            let read = theirs.control.recv.read(&mut piece);
            timeout(PATIENCE, read).await.expect("control is stuck").unwrap().unwrap();
            got.extend_from_slice(&piece[0]);
        }
        assert_eq!(got[4..], *text.as_bytes());
    }
    assert!(ours.handle.push(Lane::Bulk, big).is_err());
    let level = ours.event().await;
    assert!(matches!(level, LinkEvent::Level { lane: Lane::Bulk, .. }), "{level:?}");
}

#[tokio::test]
async fn a_slow_hub_slows_the_peer_and_loses_nothing() {
    let (_a, _b, ours, theirs) = channels().await;
    let mut ours = End::new(1, ours, 64);
    let mut theirs = End::new(2, theirs, 1);
    let body = |n: u32| [n.to_be_bytes().as_slice(), &[0; 3000]].concat();
    let mut sent = 0;
    while ours.handle.push(Lane::Bulk, frame(&body(sent))).is_ok() {
        sent += 1;
        tokio::task::yield_now().await;
    }
    assert!(u64::from(sent) * 3000 > 2 * 1024 * 1024);
    for n in 0..sent {
        assert_eq!(theirs.frame().await[..4], n.to_be_bytes());
    }
    let mut levels = Vec::new();
    while levels.last() != Some(&Level::Drained) {
        match ours.event().await {
            LinkEvent::Level { lane: Lane::Bulk, level, .. } => levels.push(level),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ours.handle.queued(Lane::Bulk), 0);
    assert!(levels.contains(&Level::Full), "{levels:?}");
}

#[tokio::test]
async fn closing_sends_what_is_queued_first() {
    let (_a, _b, mut ours, mut theirs) = links().await;
    for n in 0..300_u32 {
        ours.handle
            .push(Lane::Bulk, frame(&[n.to_be_bytes().as_slice(), &[0; 2000]].concat()))
            .unwrap();
    }
    ours.handle.push(Lane::Control, frame(b"goodbye")).unwrap();
    ours.handle.close(CloseCode::Goodbye, "tests are over\x1b[2J");
    assert!(ours.handle.push(Lane::Control, frame(b"late")).is_err());
    let mut bodies = Vec::new();
    let why = loop {
        match theirs.event().await {
            LinkEvent::Frames { frames, .. } => bodies.extend(frames),
            LinkEvent::Level { .. } => {}
            LinkEvent::Down { why, .. } => break why,
        }
    };
    assert_eq!(bodies.len(), 301);
    let text = "tests are over\\x1b[2J".to_owned();
    assert_eq!(why, DownReason::Lost(Lost::ByPeer { code: CloseCode::Goodbye, text }));
    assert_eq!(ours.down().await, DownReason::Closed(CloseCode::Goodbye));
}

#[tokio::test]
async fn closing_does_not_wait_for_a_peer_that_reads_nothing() {
    let (_a, _b, ours, _theirs) = channels().await;
    let mut ours = End::new(1, ours, 64);
    while ours.handle.push(Lane::Bulk, frame(&[0; 60_000])).is_ok() {}
    ours.handle.close(CloseCode::NotAdmitted, "");
    assert_eq!(ours.down().await, DownReason::Closed(CloseCode::NotAdmitted));
}

#[tokio::test]
async fn dropping_the_handle_closes() {
    let (_a, _b, ours, mut theirs) = links().await;
    let End { handle, mut events, _task, .. } = ours;
    drop(handle);
    let text = String::new();
    let lost = Lost::ByPeer { code: CloseCode::Abandoned, text };
    assert_eq!(theirs.down().await, DownReason::Lost(lost));
    let event = timeout(PATIENCE, events.recv()).await.unwrap();
    assert!(matches!(event, Some(LinkEvent::Down { .. })), "{event:?}");
}

#[tokio::test]
async fn shutdown_tells_all_peers_and_takes_no_more() {
    let (a, b, _ours, mut theirs) = links().await;
    a.endpoint.shutdown(CloseCode::Goodbye, "", PATIENCE).await;
    let text = String::new();
    let lost = Lost::ByPeer { code: CloseCode::Goodbye, text };
    assert_eq!(theirs.down().await, DownReason::Lost(lost));
    let outcome = a.endpoint.dial(b.addr(), None).await;
    assert!(matches!(outcome, Err(DialError::Stopping)), "{outcome:?}");
}

#[tokio::test]
async fn a_peer_that_was_killed_and_is_back_is_noticed_at_the_next_packet() {
    let a = Node::new(1, Limits::default());
    let (tell, told) = tokio::sync::oneshot::channel();
    let (kill, killed) = tokio::sync::oneshot::channel::<()>();
    // A runtime that is dropped sends nothing more, just like a process that is killed.
    let doomed = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let left = runtime.block_on(async {
            let mut b = Node::new(2, Limits::default());
            tell.send(b.addr()).unwrap();
            let channel = b.accept().await;
            killed.await.unwrap();
            (b, channel)
        });
        drop(runtime);
        drop(left);
    });
    let addr = told.await.unwrap();
    let mut ours = End::new(1, a.endpoint.dial(addr, None).await.unwrap(), 64);
    ours.handle.push(Lane::Control, frame(b"are you there?")).unwrap();
    kill.send(()).unwrap();
    tokio::task::spawn_blocking(|| doomed.join().unwrap()).await.unwrap();
    let _back = Node::at(addr, 2, Limits::default());
    ours.handle.push(Lane::Control, frame(b"and now?")).unwrap();
    assert_eq!(ours.down().await, DownReason::Lost(Lost::Restarted));
}

#[tokio::test]
async fn noise_from_strangers_disturbs_nobody() {
    let (_a, b, ours, mut theirs) = links().await;
    let stranger = UdpSocket::bind(ANYWHERE).await.unwrap();
    for n in 0..2000_u32 {
        let len = usize::try_from(n % 1400).unwrap();
        let noise: Vec<u8> =
            (0..len).map(|i| blake3::hash(&n.to_be_bytes()).as_bytes()[i % 32]).collect();
        stranger.send_to(&noise, b.addr()).await.unwrap();
        tokio::task::yield_now().await;
    }
    ours.handle.push(Lane::Control, frame(b"still here")).unwrap();
    assert_eq!(theirs.frame().await, b"still here".as_slice());
}

#[tokio::test]
async fn thousands_of_first_packets_keep_no_honest_peer_out() {
    let mut victim = Node::new(1, Limits::default());
    let packets = first_packets(3000).await;
    let sender = UdpSocket::bind(ANYWHERE).await.unwrap();
    let honest = Node::new(2, Limits::default());
    let flood = async {
        loop {
            for packet in &packets {
                sender.send_to(packet, victim.endpoint.local_addr().unwrap()).await.unwrap();
                tokio::task::yield_now().await;
            }
        }
    };
    let _channel = tokio::select! {
        () = flood => unreachable!("the flood has no end"),
        outcome = honest.endpoint.dial(victim.addr(), Some(victim.key())) => outcome.unwrap(),
    };
    assert_eq!(victim.accept().await.peer, honest.key());
    assert_eq!(victim.endpoint.drops(), Drops::default());
}

#[tokio::test]
async fn half_open_handshakes_of_one_source_keep_no_other_out() {
    let limits = Limits { handshake: PATIENCE, ..Limits::default() };
    let mut victim = Node::new(1, limits);
    let mut attack = JoinSet::new();
    let attacker = Node::new(3, Limits { dial: PATIENCE, ..Limits::default() });
    for _ in 0..30 {
        half_open(&mut attack, &attacker.endpoint, victim.addr()).await;
    }
    timeout(PATIENCE, async {
        while victim.endpoint.drops().source < 22 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("all were let in");
    let honest = Node::new(2, Limits::default());
    let _channel = honest.endpoint.dial(victim.addr(), Some(victim.key())).await.unwrap();
    assert_eq!(victim.accept().await.peer, honest.key());
}

#[tokio::test]
async fn slow_handshakes_end_and_leave_their_place() {
    let limits =
        Limits { handshakes: 2, handshake: Duration::from_millis(300), ..Limits::default() };
    let mut victim = Node::new(1, limits);
    let mut attack = JoinSet::new();
    let attacker = Node::new(3, Limits { dial: PATIENCE, ..Limits::default() });
    for _ in 0..4 {
        half_open(&mut attack, &attacker.endpoint, victim.addr()).await;
    }
    timeout(PATIENCE, async {
        while victim.endpoint.drops().busy == 0 || victim.endpoint.drops().failed == 0 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("no limit");
    attack.shutdown().await;
    let honest = Node::new(2, Limits::default());
    let _channel = honest.endpoint.dial(victim.addr(), Some(victim.key())).await.unwrap();
    assert_eq!(victim.accept().await.peer, honest.key());
}

#[tokio::test]
async fn half_open_handshakes_give_way_to_newer_ones() {
    let limits = Limits { handshakes: 2, handshake: PATIENCE, ..Limits::default() };
    let mut victim = Node::new(1, limits);
    let mut attack = JoinSet::new();
    let attacker = Node::new(3, Limits { dial: PATIENCE, ..Limits::default() });
    for _ in 0..2 {
        half_open(&mut attack, &attacker.endpoint, victim.addr()).await;
    }
    let honest = Node::new(2, Limits { dial: PATIENCE, ..Limits::default() });
    let _channel = honest.endpoint.dial(victim.addr(), Some(victim.key())).await.unwrap();
    assert_eq!(victim.accept().await.peer, honest.key());
}

/// First packets of as many real dials, caught before anyone answered.
async fn first_packets(count: usize) -> Vec<Vec<u8>> {
    let dialler = Node::new(9, Limits::default());
    let sink = UdpSocket::bind(ANYWHERE).await.unwrap();
    let addr = sink.local_addr().unwrap();
    let mut packets: std::collections::BTreeMap<Vec<u8>, Vec<u8>> = Default::default();
    let mut buf = [0; 2048];
    while packets.len() < count {
        let packet = async {
            loop {
                let len = sink.recv(&mut buf).await.unwrap();
                if len >= 1200 {
                    return buf[..len].to_vec();
                }
            }
        };
        tokio::select! {
            _ = dialler.endpoint.dial(addr, None) => panic!("a sink that answers"),
            packet = packet => packets.insert(packet[6..14].to_vec(), packet),
        };
    }
    packets.into_values().collect()
}

/// A dial from 127.0.0.2 that proves its address and then never hears anything more.
async fn half_open(tasks: &mut JoinSet<()>, dialler: &Endpoint, victim: SocketAddr) {
    let inner = UdpSocket::bind(ANYWHERE).await.unwrap();
    let outer = UdpSocket::bind((Ipv4Addr::new(127, 0, 0, 2), 0)).await.unwrap();
    outer.connect(victim).await.unwrap();
    let addr = inner.local_addr().unwrap();
    let dialler = dialler.clone();
    tasks.spawn(async move {
        dialler.dial(addr, None).await.ok();
    });
    tasks.spawn(async move {
        let (mut up, mut down) = ([0; 2048], [0; 2048]);
        let mut client = None;
        loop {
            tokio::select! {
                got = inner.recv_from(&mut up) => {
                    let (len, from) = got.unwrap();
                    if len >= 1200 {
                        client = Some(from);
                        outer.send(&up[..len]).await.ok();
                    }
                }
                got = outer.recv(&mut down) => {
                    let Ok(len) = got else { continue };
                    let retry = down[0] & 0xf0 == 0xf0;
                    if let (true, Some(client)) = (retry, client) {
                        inner.send_to(&down[..len], client).await.unwrap();
                    }
                }
            }
        }
    });
}
