//! Links over TCP on the loopback interface, and strangers at the TCP port.
#![forbid(unsafe_code)]
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test fails by panicking"
)]

mod nodes;

use std::time::{Duration, Instant};

use meshchatd::link::{DownReason, FrameError, Level, LinkEvent, MAX_FRAME};
use meshchatd::transport::{Carrier, Channel, CloseCode, DialError, Lane, Limits, Lost};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::time::timeout;

use nodes::{ANYWHERE, End, Node, PATIENCE, frame};

async fn channels() -> (Node, Node, Channel, Channel) {
    let a = Node::new(1, Limits::default());
    let mut b = Node::new(2, Limits::default());
    let ours = a.endpoint.dial_tcp(b.addr(), Some(b.key())).await.unwrap();
    let theirs = b.accept().await;
    (a, b, ours, theirs)
}

async fn links() -> (Node, Node, End, End) {
    let (a, b, ours, theirs) = channels().await;
    (a, b, End::new(1, ours, 64), End::new(2, theirs, 64))
}

fn abandoned() -> Lost {
    Lost::ByPeer { code: CloseCode::Abandoned, text: String::new() }
}

#[tokio::test]
async fn frames_cross_on_both_lanes_in_both_directions() {
    let (a, b, mut ours, mut theirs) = links().await;
    assert_eq!((ours.handle.peer(), theirs.handle.peer()), (b.key(), a.key()));
    assert_eq!(ours.handle.remote(), b.addr());
    assert!(ours.handle.dialled() && !theirs.handle.dialled());
    for end in [&ours, &theirs] {
        assert_eq!(end.handle.carrier(), Carrier::Tcp);
        assert_eq!(end.handle.rtt(), None);
    }
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
    assert!(theirs.handle.stats().received_bytes > 2 * MAX_FRAME as u64);
    let quic = a.endpoint.dial(b.addr(), None).await.unwrap();
    assert_eq!(quic.conn.carrier(), Carrier::Quic);
}

#[tokio::test]
async fn wrong_and_own_keys_are_named() {
    let (a, b) = (Node::new(1, Limits::default()), Node::new(2, Limits::default()));
    match a.endpoint.dial_tcp(b.addr(), Some([3; 32])).await {
        Err(DialError::WrongKey { answered }) => assert_eq!(answered, b.key()),
        other => panic!("{other:?}"),
    }
    let again = a.endpoint.dial_tcp(a.addr(), None).await;
    assert!(matches!(again, Err(DialError::OwnKey)), "{again:?}");
    let twin = Node::new(1, Limits::default());
    let twins = a.endpoint.dial_tcp(twin.addr(), None).await;
    assert!(matches!(twins, Err(DialError::OwnKey)), "{twins:?}");
}

#[tokio::test]
async fn dials_that_lead_nowhere_end() {
    let a = Node::new(1, Limits { dial: Duration::from_millis(300), ..Limits::default() });
    // Its number is free for TCP, or was given to somebody who would not answer either.
    let gone = UdpSocket::bind(ANYWHERE).await.unwrap().local_addr().unwrap();
    let outcome = a.endpoint.dial_tcp(gone, None).await;
    assert!(matches!(outcome, Err(DialError::Refused)), "{outcome:?}");
    let mute = TcpListener::bind(ANYWHERE).await.unwrap();
    let outcome = a.endpoint.dial_tcp(mute.local_addr().unwrap(), None).await;
    assert!(matches!(outcome, Err(DialError::TimedOut)), "{outcome:?}");
    for addr in ["127.0.0.1:0", "0.0.0.0:7000", "[2001:db8::1]:7000"] {
        let outcome = a.endpoint.dial_tcp(addr.parse().unwrap(), None).await;
        let expected = matches!(outcome, Err(DialError::BadAddress(_) | DialError::Unreachable(_)));
        assert!(expected, "{addr}: {outcome:?}");
    }
}

#[tokio::test]
async fn closing_sends_what_is_queued_first() {
    let (_a, _b, mut ours, mut theirs) = links().await;
    for n in 0..300_u32 {
        let body = [n.to_be_bytes().as_slice(), &[0; 2000]].concat();
        ours.handle.push(Lane::Bulk, frame(&body)).unwrap();
    }
    ours.handle.close(CloseCode::Goodbye, "");
    for n in 0..300_u32 {
        assert_eq!(theirs.frame().await[..4], n.to_be_bytes());
    }
    assert_eq!(theirs.down().await, DownReason::Lost(abandoned()));
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
async fn an_end_is_noticed_on_the_other_side() {
    let (_a, _b, ours, mut theirs) = links().await;
    drop(ours);
    assert_eq!(theirs.down().await, DownReason::Lost(abandoned()));

    let (a, b, _ours, mut theirs) = links().await;
    a.endpoint.shutdown(CloseCode::Goodbye, "", PATIENCE).await;
    assert_eq!(theirs.down().await, DownReason::Lost(abandoned()));
    let outcome = a.endpoint.dial_tcp(b.addr(), None).await;
    assert!(matches!(outcome, Err(DialError::Stopping)), "{outcome:?}");
    let outcome = b.endpoint.dial_tcp(a.addr(), None).await;
    assert!(matches!(outcome, Err(DialError::Refused)), "{outcome:?}");
}

#[tokio::test]
async fn a_bad_length_closes_the_link() {
    let (_a, _b, mut ours, theirs) = channels().await;
    let mut theirs = End::new(2, theirs, 64);
    let mut bytes = frame(b"good").to_vec();
    bytes.extend(65_537_u32.to_be_bytes());
    ours.control.send.write(bytes.into()).await.unwrap();
    assert_eq!(theirs.frame().await, b"good".as_slice());
    assert_eq!(theirs.down().await, DownReason::BadFrame(FrameError::TooLong(65_537)));
    let mut piece = [bytes::Bytes::new()];
    let read = ours.control.recv.read(&mut piece);
    assert!(!matches!(timeout(PATIENCE, read).await.unwrap(), Ok(Some(_))));
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_and_control_goes_first() {
    let (_a, _b, ours, theirs) = channels().await;
    let mut ours = End::new(1, ours, 64);
    let mut theirs = End::new(2, theirs, 1);
    let body = |n: u32| [n.to_be_bytes().as_slice(), &[0; 3000]].concat();
    let mut sent = 0;
    loop {
        while ours.handle.push(Lane::Bulk, frame(&body(sent))).is_ok() {
            sent += 1;
            tokio::task::yield_now().await;
        }
        // What the system takes must be full as well.
        let moved = timeout(Duration::from_millis(300), async {
            while ours.handle.push(Lane::Bulk, frame(&body(sent))).is_err() {
                tokio::task::yield_now().await;
            }
        });
        if moved.await.is_err() {
            break;
        }
        sent += 1;
    }
    let queued = ours.handle.queued(Lane::Bulk);
    ours.handle.push(Lane::Control, frame(b"beat")).unwrap();
    let (mut next, mut before_beat) = (0_u32, None);
    while next < sent {
        let frame = theirs.frame().await;
        if frame == b"beat".as_slice() {
            before_beat = Some(next);
            continue;
        }
        assert_eq!(frame[..4], next.to_be_bytes());
        next += 1;
    }
    // All that waited in the outbox was overtaken, but for the one chunk being written.
    let overtaken = usize::try_from(sent - before_beat.expect("no beat")).unwrap() * 3000;
    assert!(overtaken + 40_000 > queued * 9 / 10, "{overtaken} of {queued}");
    let mut levels = Vec::new();
    while levels.last() != Some(&Level::Drained) {
        match ours.event().await {
            LinkEvent::Level { lane: Lane::Bulk, level, .. } => levels.push(level),
            other => panic!("{other:?}"),
        }
    }
    assert!(levels.contains(&Level::Full), "{levels:?}");
}

#[tokio::test]
async fn strangers_get_nothing_but_an_end() {
    let mut victim = Node::new(1, Limits::default());
    let noise = blake3::hash(b"noise").as_bytes().repeat(20);
    let truncated = [&[22, 3, 1, 2, 0, 1, 0, 1, 252, 3, 3][..], &noise[..40]].concat();
    let texts: [&[u8]; 4] =
        [b"GET / HTTP/1.1\r\nHost: barn\r\n\r\n", &noise, &truncated, b"SSH-2.0-OpenSSH_9\r\n"];
    for (text, number) in texts.iter().zip(1..) {
        let mut stranger = TcpStream::connect(victim.addr()).await.unwrap();
        stranger.write_all(text).await.unwrap();
        stranger.shutdown().await.unwrap();
        let mut answer = Vec::new();
        // Its end may be a reset.
        timeout(PATIENCE, stranger.read_to_end(&mut answer)).await.expect("kept open").ok();
        assert!(answer.len() <= 7, "{} bytes for {text:?}", answer.len());
        timeout(PATIENCE, async {
            while victim.endpoint.drops().failed < number {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("not counted");
    }
    assert!(victim.accepted.try_recv().is_err());
}

#[tokio::test]
async fn a_slow_handshake_ends() {
    let limits = Limits { handshake: Duration::from_millis(300), ..Limits::default() };
    let victim = Node::new(1, limits);
    let mut slow = TcpStream::connect(victim.addr()).await.unwrap();
    let start = Instant::now();
    let drip = async {
        for byte in [22, 3, 1, 2, 0].into_iter().chain(std::iter::repeat(1)) {
            if slow.write_all(&[byte]).await.is_err() || start.elapsed() > PATIENCE {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    drip.await;
    assert!(start.elapsed() < PATIENCE / 3, "kept for {:?}", start.elapsed());
    assert_eq!(victim.endpoint.drops().failed, 1);
}

#[tokio::test]
async fn idle_connections_are_closed_at_once_and_keep_nobody_out() {
    let mut victim = Node::new(1, Limits { handshake: PATIENCE, ..Limits::default() });
    let mut idle = Vec::new();
    for _ in 0..500 {
        idle.push(TcpStream::connect(victim.addr()).await.unwrap());
        tokio::task::yield_now().await;
    }
    timeout(PATIENCE, async {
        while victim.endpoint.drops().source + victim.endpoint.drops().failed < 492 {
            tokio::task::yield_now().await;
        }
    })
    .await
    .expect("more than 8 are kept");
    let mut open = 0;
    for stream in &mut idle {
        let end = timeout(Duration::from_millis(5), stream.read(&mut [0])).await;
        open += usize::from(end.is_err());
    }
    assert!(open <= 8, "{open} are kept");
    // The oldest of the same source gives way, once it had its time.
    let honest = Node::new(2, Limits::default());
    let dial = async {
        loop {
            match honest.endpoint.dial_tcp(victim.addr(), Some(victim.key())).await {
                Ok(channel) => return channel,
                Err(DialError::Refused) => tokio::time::sleep(Duration::from_millis(20)).await,
                Err(other) => panic!("{other:?}"),
            }
        }
    };
    let _channel = timeout(PATIENCE, dial).await.expect("kept out");
    assert_eq!(victim.accept().await.peer, honest.key());
}
