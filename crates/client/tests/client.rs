//! The client against a scripted daemon.
#![expect(
    clippy::cast_possible_truncation,
    clippy::wildcard_enum_match_arm,
    clippy::unwrap_used,
    reason = "tests"
)]

mod fake;

use fake::{FakeDaemon, Place, end, error, event, message, ok, sent, status, welcome};
use meshchat_client::proto::control::{
    Dm, Error, ErrorCode, Event, FromDaemon, Hello, Reply, Request, Start, ToDaemon, Welcome,
};
use meshchat_client::{
    Client, ConnectError, QUEUED_EVENTS, RequestError, Tail, TailItem, TailRequest, WINDOW,
};

fn send(text: &str) -> Request {
    Request::Send { room: None, text: text.into(), kind: 0.into() }
}

fn tail() -> Request {
    Request::Tail {
        room: None,
        start: Start::Now,
        follow: true,
        presence: false,
        dm: Dm::No,
        cursor: None,
    }
}

#[tokio::test]
async fn a_missing_socket_and_a_dead_one_mean_not_running() {
    let place = Place::new();
    let missing = Client::connect(place.socket()).await;
    assert!(matches!(missing, Err(ConnectError::NotRunning(_))), "{missing:?}");
    drop(std::os::unix::net::UnixListener::bind(place.socket()).unwrap());
    let dead = Client::connect(place.socket()).await;
    assert!(matches!(dead, Err(ConnectError::NotRunning(_))), "{dead:?}");
}

#[tokio::test]
async fn the_next_candidate_is_tried_when_nobody_listens() {
    let (place, dead) = (Place::new(), Place::new());
    drop(std::os::unix::net::UnixListener::bind(dead.socket()).unwrap());
    let _daemon = FakeDaemon::answering(&place.socket(), |_| Vec::new());
    let client = Client::connect_any(&[dead.socket(), place.socket()]).await.unwrap();
    assert_eq!(client.welcome(), &welcome());
}

#[tokio::test]
async fn refusals_are_told_apart() {
    let place = Place::new();
    for bare in [false, true] {
        for code in [ErrorCode::Version, ErrorCode::Denied] {
            let daemon = FakeDaemon::raw(&place.socket(), move |mut conn| async move {
                conn.read_as::<Hello>().await.unwrap();
                let error = Error::new(code, "no");
                match bare {
                    true => conn.write_as(&error).await,
                    false => conn.write(&FromDaemon::error(0, error)).await,
                }
            });
            let result = Client::connect(place.socket()).await;
            match code {
                ErrorCode::Version => assert!(matches!(result, Err(ConnectError::Version(_)))),
                _ => assert!(matches!(result, Err(ConnectError::Refused(_)))),
            }
            daemon.stop().await;
        }
    }
    let _daemon = FakeDaemon::raw(&place.socket(), |mut conn| async move {
        conn.write_as(&Welcome { version: 9, ..welcome() }).await;
        conn.closed().await;
    });
    let newer = Client::connect(place.socket()).await;
    assert!(matches!(newer, Err(ConnectError::Version(_))), "{newer:?}");
}

#[tokio::test]
async fn requests_run_at_once_and_find_their_answers() {
    let place = Place::new();
    let _daemon = FakeDaemon::start(&place.socket(), |mut conn| async move {
        let first = conn.read().await.unwrap();
        let second = conn.read().await.unwrap();
        conn.write(&FromDaemon::error(second.id, Error::new(ErrorCode::NotFound, "who"))).await;
        conn.write(&FromDaemon::ok(first.id, Reply::Status(Box::new(status(1, 2))))).await;
        conn.closed().await;
    });
    let client = Client::connect(place.socket()).await.unwrap();
    let (first, second) =
        tokio::join!(client.status(), client.request(Request::Disconnect { peer: "x".into() }));
    assert_eq!(first.unwrap().boot, 1);
    assert!(
        matches!(second, Err(RequestError::Daemon(error)) if error.code == ErrorCode::NotFound)
    );
}

#[tokio::test]
async fn what_a_newer_daemon_says_harms_only_whom_it_concerns() {
    let place = Place::new();
    let _daemon = FakeDaemon::start(&place.socket(), |mut conn| async move {
        let stream = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(stream, Reply::Done {})).await;
        let peers = conn.read().await.unwrap().id;
        conn.write_raw(*b"\xffgarbage").await;
        conn.write_raw([b"\x82\xa2id", &[stream as u8][..], b"\xa5event\x81\xa3new\x01"].concat())
            .await;
        conn.write_raw([b"\x82\xa2id", &[peers as u8][..], b"\xa2ok\x81\xa3new\x01"].concat())
            .await;
        conn.write(&FromDaemon::event(stream, Event::CaughtUp { cursor: 3 })).await;
        conn.write(&FromDaemon::end(stream)).await;
        conn.closed().await;
    });
    let client = Client::connect(place.socket()).await.unwrap();
    let mut stream = client.stream(tail()).await.unwrap();
    assert_eq!(client.peers().await, Err(RequestError::NotUnderstood));
    assert_eq!(stream.next().await, Some(Ok(Event::CaughtUp { cursor: 3 })));
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_dropped_stream_is_cancelled_and_the_connection_goes_on() {
    let place = Place::new();
    let _daemon = FakeDaemon::start(&place.socket(), |mut conn| async move {
        let stream = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(stream, Reply::Done {})).await;
        let ToDaemon { id, request } = conn.read().await.unwrap();
        assert_eq!(request, Request::Cancel { id: stream });
        conn.write(&FromDaemon::end(stream)).await;
        conn.write(&FromDaemon::ok(id, Reply::Done {})).await;
        let id = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(id, Reply::Peers(Vec::new()))).await;
        conn.closed().await;
    });
    let client = Client::connect(place.socket()).await.unwrap();
    drop(client.stream(tail()).await.unwrap());
    assert_eq!(client.peers().await, Ok(Vec::new()));
}

#[tokio::test]
async fn a_slow_reader_of_a_stream_gets_everything() {
    let place = Place::new();
    let count = QUEUED_EVENTS as u64 * 5;
    let _daemon = FakeDaemon::start(&place.socket(), move |mut conn| async move {
        let id = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(id, Reply::Done {})).await;
        for cursor in 1..=count {
            conn.write(&FromDaemon::event(id, Event::CaughtUp { cursor })).await;
        }
        conn.write(&FromDaemon::end(id)).await;
        conn.closed().await;
    });
    let client = Client::connect(place.socket()).await.unwrap();
    let mut stream = client.stream(tail()).await.unwrap();
    for cursor in 1..=count {
        tokio::task::yield_now().await;
        assert_eq!(stream.next().await, Some(Ok(Event::CaughtUp { cursor })));
    }
    assert_eq!(stream.next().await, None);
}

#[tokio::test]
async fn a_lost_connection_fails_everything_that_runs() {
    let place = Place::new();
    let _daemon = FakeDaemon::start(&place.socket(), |mut conn| async move {
        let id = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(id, Reply::Done {})).await;
        conn.read().await.unwrap();
        conn.read().await.unwrap();
    });
    let client = Client::connect(place.socket()).await.unwrap();
    let mut stream = client.stream(tail()).await.unwrap();
    let mut pipeline = client.pipeline();
    pipeline.push(send("a")).await.unwrap();
    let lost = |result: Option<Result<(), RequestError>>| {
        assert!(matches!(result, Some(Err(RequestError::Lost(_)))), "{result:?}");
    };
    lost(Some(client.peers().await.map(drop)));
    lost(pipeline.next().await.map(|result| result.map(drop)));
    lost(stream.next().await.map(|result| result.map(drop)));
    assert_eq!(stream.next().await, None);
    lost(Some(client.peers().await.map(drop)));
    lost(Some(pipeline.push(send("b")).await));
}

#[tokio::test]
async fn a_pipeline_keeps_order_and_its_window() {
    let place = Place::new();
    // Answers in pairs, the later one first; every seventh fails.
    let _daemon = FakeDaemon::start(&place.socket(), |mut conn| async move {
        let mut seq = 0;
        while let (Some(one), Some(two)) = (conn.read().await, conn.read().await) {
            seq += 2;
            for (id, seq) in [(two.id, seq), (one.id, seq - 1)] {
                let frame = match seq % 7 {
                    0 => FromDaemon::error(id, Error::new(ErrorCode::BadArgument, "seven")),
                    _ => FromDaemon::ok(id, Reply::Sent(sent(seq))),
                };
                conn.write(&frame).await;
            }
        }
    });
    let client = Client::connect(place.socket()).await.unwrap();
    let mut pipeline = client.pipeline();
    let (mut pushed, mut taken) = (0u64, 0u64);
    while taken < 5_000 {
        while pushed < 5_000 && pipeline.has_room() {
            pipeline.push(send("x")).await.unwrap();
            pushed += 1;
        }
        if pushed < 5_000 {
            assert_eq!(pipeline.push(send("x")).await, Err(RequestError::Full));
            assert_eq!(pushed - taken, WINDOW as u64);
        }
        taken += 1;
        match pipeline.next().await.unwrap() {
            Ok(Reply::Sent(sent)) => assert_eq!(sent.seq, taken),
            Err(RequestError::Daemon(_)) => assert_eq!(taken % 7, 0),
            other => panic!("{other:?}"),
        }
    }
    assert!(pipeline.is_empty());
    assert_eq!(pipeline.next().await, None);
}

#[tokio::test]
async fn a_request_longer_than_a_frame_is_refused_here() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |_| vec![ok(Reply::Done {})]);
    let client = Client::connect(place.socket()).await.unwrap();
    let long = client.request(send(&"x".repeat(70_000))).await;
    assert!(matches!(long, Err(RequestError::TooLong(_))));
    assert_eq!(client.request(send("x")).await, Ok(Reply::Done {}));
}

fn follow(start: Start) -> TailRequest {
    TailRequest::Messages {
        room: None,
        start,
        follow: true,
        presence: false,
        dm: Dm::No,
        cursor: None,
    }
}

/// A daemon in its run `boot` whose history is `texts`, from node 1, counted from 1.
fn run(place: &Place, boot: u64, offset: u64, history: &'static [u64]) -> FakeDaemon {
    FakeDaemon::answering(&place.socket(), move |request| match request {
        Request::Status {} => {
            vec![ok(Reply::Status(Box::new(status(boot, offset + history.len() as u64))))]
        }
        Request::Tail { start, .. } => {
            let count = history.len();
            let skip = match start {
                Start::Now => count,
                Start::Last(last) => count.saturating_sub(last as usize),
                Start::Since(_) => 0,
                Start::After(cursor) => (cursor.saturating_sub(offset) as usize).min(count),
            };
            let messages = history.iter().enumerate().skip(skip).map(|(index, seq)| {
                event(Event::Message(message(1, *seq, offset + index as u64 + 1, "hi")))
            });
            let cursor = offset + count as u64;
            let mut answers = vec![ok(Reply::Done {})];
            answers.extend(messages);
            answers.push(event(Event::CaughtUp { cursor }));
            answers
        }
        _ => vec![error(Error::new(ErrorCode::UnknownRequest, "?"))],
    })
}

async fn until_caught_up(tail: &mut Tail) -> Vec<u64> {
    let mut shown = Vec::new();
    loop {
        match tail.next().await.unwrap().unwrap() {
            TailItem::Event(Event::Message(message)) => shown.push(message.seq),
            TailItem::Event(Event::CaughtUp { .. }) => return shown,
            _ => {}
        }
    }
}

#[tokio::test]
async fn a_tail_goes_on_behind_its_cursor_in_the_same_run() {
    let place = Place::new();
    let daemon = run(&place, 5, 100, &[1, 2, 3]);
    let mut tail = Tail::open(vec![place.socket()], follow(Start::Last(2))).await.unwrap();
    assert_eq!(until_caught_up(&mut tail).await, [2, 3]);
    daemon.stop().await;
    assert!(matches!(tail.next().await, Some(Ok(TailItem::Lost(_)))));
    let _daemon = run(&place, 5, 100, &[1, 2, 3, 4, 5]);
    let back = tail.next().await;
    assert!(matches!(back, Some(Ok(TailItem::Back { restarted: false }))), "{back:?}");
    assert_eq!(until_caught_up(&mut tail).await, [4, 5]);
}

#[tokio::test]
async fn a_tail_misses_nothing_over_restarts_and_repeats_nothing() {
    let place = Place::new();
    let daemon = run(&place, 5, 0, &[1, 2, 3, 4]);
    let mut tail = Tail::open(vec![place.socket()], follow(Start::Last(2))).await.unwrap();
    assert_eq!(until_caught_up(&mut tail).await, [3, 4]);
    daemon.stop().await;
    let daemon = run(&place, 6, 0, &[2, 3, 5, 4, 6]);
    assert_eq!(until_caught_up(&mut tail).await, [5, 6]);
    daemon.stop().await;
    let _daemon = run(&place, 7, 0, &[1, 2, 3, 4, 5, 6, 7]);
    assert_eq!(until_caught_up(&mut tail).await, [7]);
}

#[tokio::test]
async fn a_tail_from_now_shows_what_came_while_it_was_away() {
    let place = Place::new();
    let daemon = run(&place, 5, 0, &[1, 2]);
    let mut tail = Tail::open(vec![place.socket()], follow(Start::Now)).await.unwrap();
    assert_eq!(until_caught_up(&mut tail).await, []);
    daemon.stop().await;
    let _daemon = run(&place, 5, 0, &[1, 2, 3]);
    assert_eq!(until_caught_up(&mut tail).await, [3]);
}

#[tokio::test]
async fn a_tail_that_does_not_follow_ends() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Status {} => vec![ok(Reply::Status(Box::new(status(1, 0))))],
        _ => vec![ok(Reply::Done {}), end()],
    });
    let request = TailRequest::Messages {
        room: None,
        start: Start::Now,
        follow: false,
        presence: false,
        dm: Dm::No,
        cursor: None,
    };
    let mut tail = Tail::open(vec![place.socket()], request).await.unwrap();
    assert!(tail.next().await.is_none());
}

/// Run with `--ignored --nocapture` in release to see what the client itself can do.
#[tokio::test]
#[ignore = "a measurement of the client alone; run it by name with --release"]
async fn pipelined_sends_a_second() {
    let place = Place::new();
    let socket = place.socket();
    let (up, ready) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let _daemon = FakeDaemon::start(&socket, |mut conn| async move {
                let mut seq = 0;
                while let Some(mut frame) = conn.read().await {
                    loop {
                        seq += 1;
                        conn.feed(&FromDaemon::ok(frame.id, Reply::Sent(sent(seq)))).await;
                        match conn.read_now() {
                            Some(next) => frame = next,
                            None => break,
                        }
                    }
                    conn.flush().await;
                }
            });
            up.send(()).unwrap();
            std::future::pending::<()>().await;
        });
    });
    ready.recv().unwrap();
    let client = Client::connect(place.socket()).await.unwrap();
    let mut pipeline = client.pipeline();
    let text = "x".repeat(256);
    let count = 1_000_000u32;
    let begin = std::time::Instant::now();
    let mut pushed = 0;
    for _ in 0..count {
        while pushed < count && pipeline.has_room() {
            pipeline.push(send(&text)).await.unwrap();
            pushed += 1;
        }
        pipeline.next().await.unwrap().unwrap();
    }
    let second = f64::from(count) / begin.elapsed().as_secs_f64();
    println!("{second:.0} messages a second");
}
