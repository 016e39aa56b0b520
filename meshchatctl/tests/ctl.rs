//! The built program against a scripted daemon.
#![expect(clippy::unwrap_used, clippy::wildcard_enum_match_arm, reason = "tests")]

#[path = "../../crates/client/tests/fake/mod.rs"]
mod fake;

use std::process::{Output, Stdio};

use fake::{Answer, FakeDaemon, Place, end, error, event, message, ok, peer, sent, status};
use meshchat_client::proto::control::{
    Error, ErrorCode, Event, FromDaemon, Graph, GraphLink, GraphNode, Hello, Hop, NodeState,
    PeerState, Pong, Reply, Request, RoomInfo, Start,
};
use meshchat_client::proto::id::NodeId;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::process::Command;

fn ctl(place: &Place, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_meshchatctl"));
    command.arg("--socket").arg(place.socket()).args(arguments);
    command.env("TZ", "UTC").env_remove("NO_COLOR").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

async fn run(place: &Place, arguments: &[&str]) -> Output {
    ctl(place, arguments).output().await.unwrap()
}

async fn run_with(place: &Place, arguments: &[&str], input: &[u8]) -> Output {
    let mut child = ctl(place, arguments).stdin(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input).await.unwrap();
    drop(stdin);
    child.wait_with_output().await.unwrap()
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

fn refuse(code: ErrorCode) -> Vec<Answer> {
    vec![error(Error::new(code, "it's \x1b[2J no"))]
}

#[tokio::test]
async fn exit_code_0_and_the_state_of_the_node() {
    let place = Place::new();
    let _daemon =
        FakeDaemon::answering(&place.socket(), |_| vec![ok(Reply::Status(Box::new(status(1, 9))))]);
    let output = run(&place, &["status"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.starts_with("node       pi-test (0w3g-e1r7)\n"), "{text}");
    assert!(text.contains("history    9 messages, 2.0 KiB (memory)\n"), "{text}");
    assert!(text.ends_with("# open network: any neighbour may link\n"), "{text}");
    let output = run(&place, &["status", "--json"]).await;
    let text = stdout(&output);
    assert!(text.starts_with("{\"schema\":1,\"node\":\"0w3ge1r70w3g"), "{text}");
    let output = run(&place, &[]).await;
    let text = stdout(&output);
    assert!(text.starts_with("pi-test (0w3g-e1r7) is up: 2 links, 3 of 4 nodes reachable, "));
    assert!(text.contains("\n\n  meshchatctl tail "), "{text}");
}

#[tokio::test]
async fn exit_code_1_is_any_other_failure() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |_| refuse(ErrorCode::Storage));
    let output = run(&place, &["join", "ops"]).await;
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "meshchatctl: it's \\x1b[2J no\n");
}

#[tokio::test]
async fn exit_code_2_is_wrong_use() {
    let place = Place::new();
    for arguments in [&["stauts"][..], &["tail", "--since", "soon"], &["send", "a", "b", "c"]] {
        let output = run(&place, arguments).await;
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let _daemon = FakeDaemon::answering(&place.socket(), |_| {
        vec![ok(Reply::Peers(vec![peer("pi1", "a:1", PeerState::Linked)]))]
    });
    let output = run(&place, &["peers", "list", "--fields", "nmae"]).await;
    assert_eq!(output.status.code(), Some(2));
}

#[tokio::test]
async fn exit_code_3_is_a_timeout() {
    let place = Place::new();
    let output = run(&place, &["wait", "--timeout", "50ms"]).await;
    assert_eq!(output.status.code(), Some(3));
    let _daemon = FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Peers {} => vec![ok(Reply::Peers(Vec::new()))],
        _ => vec![ok(Reply::Done {})],
    });
    let output = run(&place, &["wait", "--peers", "1", "--timeout", "200ms"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
    assert!(stderr(&output).contains("0 of 1 peers linked"), "{}", stderr(&output));
    let output = run(&place, &["connect", "barn", "--timeout", "200ms"]).await;
    assert_eq!(output.status.code(), Some(3), "{}", stderr(&output));
}

#[tokio::test]
async fn exit_code_4_is_a_peer_out_of_reach() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Peers {} => {
            let mut refused = peer("", "barn:7117", PeerState::Refused);
            refused.error = "another key answers there".into();
            vec![ok(Reply::Peers(vec![refused]))]
        }
        Request::Ping { .. } => refuse(ErrorCode::Unreachable),
        _ => vec![ok(Reply::Done {})],
    });
    let output = run(&place, &["connect", "barn"]).await;
    assert_eq!(output.status.code(), Some(4));
    assert!(stderr(&output).contains("cannot link to barn: another key answers there\n"));
    assert_eq!(run(&place, &["peers"]).await.status.code(), Some(4));
    assert_eq!(run(&place, &["ping", "pi1", "-c", "1"]).await.status.code(), Some(4));
}

#[tokio::test]
async fn exit_code_8_is_no_daemon_and_says_what_to_do() {
    let place = Place::new();
    let output = run(&place, &["status"]).await;
    assert_eq!(output.status.code(), Some(8));
    assert!(stderr(&output).contains("meshchatctl: meshchatd is not running"));
    assert!(stderr(&output).contains("systemctl start meshchatd"));
    let output = run(&place, &["status", "--json"]).await;
    assert_eq!(output.status.code(), Some(8));
    assert!(output.stdout.is_empty());
    assert!(stderr(&output).starts_with("{\"schema\":1,\"error\":{\"code\":\"not_running\""));
    for arguments in [&["version"][..], &[]] {
        let output = run(&place, arguments).await;
        assert_eq!(output.status.code(), Some(8));
        assert!(stdout(&output).contains("meshchatctl"));
    }
}

#[tokio::test]
async fn exit_code_10_is_an_unknown_name() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |_| refuse(ErrorCode::NotFound));
    for arguments in [["disconnect", "x"], ["ping", "x"], ["who", "x"], ["tail", "x"]] {
        assert_eq!(run(&place, &arguments).await.status.code(), Some(10), "{arguments:?}");
    }
}

#[tokio::test]
async fn exit_code_13_is_no_permission() {
    let place = Place::new();
    let daemon = FakeDaemon::raw(&place.socket(), |mut conn| async move {
        conn.read_as::<Hello>().await.unwrap();
        let refusal = Error::new(ErrorCode::Denied, "user bob is not in the group meshchat");
        conn.write(&FromDaemon::error(0, refusal)).await;
    });
    let output = run(&place, &["status"]).await;
    assert_eq!(output.status.code(), Some(13));
    assert!(stderr(&output).contains("usermod -aG meshchat"), "{}", stderr(&output));
    daemon.stop().await;
    let _daemon = FakeDaemon::answering(&place.socket(), |_| refuse(ErrorCode::Denied));
    let output = run(&place, &["config", "reload"]).await;
    assert_eq!(output.status.code(), Some(13));
    assert!(stderr(&output).contains("sudo"), "{}", stderr(&output));
}

#[tokio::test]
async fn connect_says_who_answered() {
    let place = Place::new();
    let _daemon = FakeDaemon::start(&place.socket(), |mut conn| async move {
        let watch = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(watch, Reply::Done {})).await;
        for _ in 0..2 {
            let frame = conn.read().await.unwrap();
            let reply = match frame.request {
                Request::Connect { .. } => Reply::Done {},
                _ => Reply::Peers(Vec::new()),
            };
            conn.write(&FromDaemon::ok(frame.id, reply)).await;
        }
        for state in [PeerState::Connecting, PeerState::Linked] {
            let peers = vec![peer("pi-barn", "barn:7117", state)];
            conn.write(&FromDaemon::event(watch, Event::Peers(peers))).await;
        }
        conn.closed().await;
    });
    let output = run(&place, &["connect", "barn"]).await;
    assert_eq!(
        stdout(&output),
        "Connected to pi-barn (4.2 ms). Say hello: meshchatctl send hi\n",
        "{}",
        stderr(&output)
    );
}

/// Accepts every text but `bad`.
fn chat(place: &Place) -> FakeDaemon {
    FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Send { text, .. } if text == "bad" => refuse(ErrorCode::BadArgument),
        Request::Send { text, room, .. } => {
            let mut sent = sent(text.len() as u64);
            if let Some(room) = room {
                sent.room = room.parse().unwrap();
            }
            vec![ok(Reply::Sent(sent))]
        }
        Request::Rooms {} => {
            let room = "#ops".parse().unwrap();
            let ops = RoomInfo {
                room,
                joined: false,
                people: 0,
                present: 0,
                messages: 1,
                private: false,
            };
            vec![ok(Reply::Rooms(vec![ops]))]
        }
        _ => refuse(ErrorCode::UnknownRequest),
    })
}

#[tokio::test]
async fn a_message_is_sent_to_the_lobby_or_a_room() {
    let place = Place::new();
    let _daemon = chat(&place);
    let output = run(&place, &["send", "hello"]).await;
    assert_eq!((output.status.code(), stdout(&output)), (Some(0), String::new()));
    let output = run(&place, &["send", "ops", "hello", "--json"]).await;
    assert!(stdout(&output).contains("\"room\":\"#ops\",\"seq\":5,"), "{}", stdout(&output));
    let output = run(&place, &["send", "#new", "hello", "--json"]).await;
    assert!(stdout(&output).contains("\"room\":\"#new\",\"seq\":5,"), "{}", stdout(&output));
}

#[tokio::test]
async fn forgotten_quotes_do_not_send_half_a_text_to_a_room() {
    let place = Place::new();
    let _daemon = chat(&place);
    for words in [&["send", "good", "morning"][..], &["send", "good", "morning", "all"]] {
        let output = run(&place, words).await;
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains("meshchatctl send 'good morning"), "{}", stderr(&output));
    }
}

#[tokio::test]
async fn each_line_of_standard_input_is_a_message() {
    let place = Place::new();
    let _daemon = chat(&place);
    let long = "x".repeat(4097);
    let input = format!("one\n\n  \nthree\r\nbad\n{long}\nlast");
    let output = run_with(&place, &["send", "--json"], input.as_bytes()).await;
    assert_eq!(output.status.code(), Some(1));
    let seqs: Vec<usize> = stdout(&output)
        .lines()
        .map(|line| line.split("\"seq\":").nth(1).unwrap()[..1].parse().unwrap())
        .collect();
    assert_eq!(seqs, [3, 5, 4]);
    let complaints = stderr(&output);
    assert!(complaints.contains("meshchatctl: line 5: it's"), "{complaints}");
    assert!(complaints.contains("meshchatctl: line 6: longer than 4096 bytes"), "{complaints}");
    let many = "hello\n".repeat(20_000);
    let output = run_with(&place, &["send", "#ops", "-", "--json"], many.as_bytes()).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stdout(&output).lines().count(), 20_000);
}

fn history(place: &Place) -> FakeDaemon {
    FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Status {} => vec![ok(Reply::Status(Box::new(status(1, 2))))],
        Request::Tail { follow, .. } => {
            let mut late = message(1, 2, 2, "evil \x1b]0;x\x07");
            (late.late, late.caught_up) = (true, true);
            let mut answers = vec![
                ok(Reply::Done {}),
                event(Event::Message(message(1, 1, 1, "hi"))),
                event(Event::Message(late)),
            ];
            if follow {
                answers.push(event(Event::CaughtUp { cursor: 2 }));
            } else {
                answers.push(end());
            }
            answers
        }
        _ => refuse(ErrorCode::UnknownRequest),
    })
}

#[tokio::test]
async fn a_tail_shows_history_and_ends_when_told() {
    let place = Place::new();
    let _daemon = history(&place);
    let output = run(&place, &["tail", "lobby", "--no-follow"]).await;
    let text = stdout(&output);
    let lines: Vec<&str> = text.lines().collect();
    let [_day, first, second] = lines.as_slice() else { panic!("{text}") };
    assert!(first.ends_with("ann@pi1: hi"), "{text}");
    assert!(second.ends_with("ann@pi1: evil \\x1b]0;x\\x07 (late)"), "{text}");
    let output = run(&place, &["tail", "--no-follow", "--json"]).await;
    let text = stdout(&output);
    let start = "{\"schema\":1,\"event\":\"message\",\"time\":\"2026-11-18T";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("\"kind\":0,\"text\":\"hi\""), "{text}");
    assert_eq!(text.lines().count(), 2);
}

#[tokio::test]
async fn a_tail_whose_reader_is_gone_ends_quietly() {
    let place = Place::new();
    let _daemon = FakeDaemon::start(&place.socket(), |mut conn| async move {
        let id = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(id, Reply::Status(Box::new(status(1, 2))))).await;
        let id = conn.read().await.unwrap().id;
        conn.write(&FromDaemon::ok(id, Reply::Done {})).await;
        for seq in 1..=100_000 {
            conn.feed(&FromDaemon::event(id, Event::Message(message(1, seq, seq, "hi")))).await;
        }
        conn.flush().await;
        conn.closed().await;
    });
    let mut child = ctl(&place, &["tail", "-n", "all"]).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().await.unwrap();
    assert_eq!((output.status.code(), stderr(&output)), (Some(0), String::new()));
}

#[tokio::test]
async fn a_ping_shows_the_way() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |_| {
        let hop = |name: &str| Hop { node: NodeId([1; 32]), name: name.parse().unwrap() };
        let path = vec![hop("pi-a"), hop("pi-b"), hop("pi-c")];
        let name = "pi-c".parse().unwrap();
        vec![ok(Reply::Pong(Pong { node: NodeId([1; 32]), name, rtt_us: 4_321, path }))]
    });
    let output = run(&place, &["ping", "pi-c", "-c", "1"]).await;
    assert_eq!(stdout(&output), "pi-c: 4.3 ms, via pi-a, pi-b\n");
}

#[tokio::test]
async fn scripts_get_tabs() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |_| {
        vec![ok(Reply::Peers(vec![peer("pi1", "a:1", PeerState::Linked)]))]
    });
    let output = run(&place, &["peers", "-t", "--fields", "peer,state,rtt"]).await;
    assert_eq!(stdout(&output), "pi1\tlinked\t4200\n");
}

#[tokio::test]
async fn help_of_every_command_works() {
    let place = Place::new();
    let help = stdout(&run(&place, &["--help"]).await);
    for code in ["0 ", "1 ", "2 ", "3 ", "4 ", "8 ", "10", "13"] {
        assert!(help.contains(&format!("\n  {code}  ")), "exit code {code}");
    }
    let listed = help.split("Commands:\n").nth(1).unwrap().split("\n\n").next().unwrap();
    let commands: Vec<&str> =
        listed.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(commands.len() >= 17, "{commands:?}");
    for command in commands {
        for flag in ["-h", "--help"] {
            let output = run(&place, &[command, flag]).await;
            assert_eq!(output.status.code(), Some(0), "{command}");
            assert!(stdout(&output).contains("Usage: meshchatctl"), "{command}");
        }
    }
}

/// Needs Python with msgpack: `MESHCHAT_PYTHON` names the interpreter, `python3` by default.
#[tokio::test]
async fn the_python_example_understands_the_same_daemon() {
    let python = std::env::var("MESHCHAT_PYTHON").unwrap_or_else(|_unset| "python3".into());
    let probe = Command::new(&python).args(["-c", "import msgpack"]).output().await;
    if !probe.is_ok_and(|output| output.status.success()) {
        println!("skipped: {python} has no msgpack");
        return;
    }
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Send { text, .. } if text == "bad" => refuse(ErrorCode::BadArgument),
        Request::Send { .. } => vec![ok(Reply::Sent(sent(7)))],
        Request::Peers {} => {
            vec![ok(Reply::Peers(vec![peer("pi1", "a:1", PeerState::Linked)]))]
        }
        Request::Tail { start, follow, presence, .. } => {
            assert_eq!((start, follow, presence), (Start::Last(3), false, true));
            let evil = Event::Message(message(1, 1, 1, "evil \x1b[2J"));
            let caught_up = Event::CaughtUp { cursor: 1 };
            vec![ok(Reply::Done {}), event(evil), event(caught_up), end()]
        }
        _ => refuse(ErrorCode::UnknownRequest),
    });
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/meshchat.py");
    for (arguments, code, expected) in [
        (&["send", "hi"][..], 0, "accepted in #lobby as number 7, out on 2 links\n"),
        (&["send", "bad"], 1, ""),
        (&["peers"], 0, "pi1 a:1 linked\n"),
        (&["tail", "-n", "3", "--no-follow"], 0, "#lobby ann@pi1: evil \\u{1b}[2J\n* caught up\n"),
    ] {
        let mut command = Command::new(&python);
        command.arg("-B").arg(script).arg("--socket").arg(place.socket()).args(arguments);
        let output = command.output().await.unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", stderr(&output));
        assert!(stdout(&output).ends_with(expected), "{}", stdout(&output));
    }
}

#[tokio::test]
async fn a_bug_report_without_names_to_know_leaves_out_what_may_hold_some() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Status {} => vec![ok(Reply::Status(Box::new(status(1, 9))))],
        Request::Nodes {} => vec![ok(Reply::Nodes(Vec::new()))],
        Request::Limits {} => vec![ok(Reply::Limits(Vec::new()))],
        Request::Peers {} => vec![ok(Reply::Peers(vec![peer("hut", "a:1", PeerState::Linked)]))],
        _ => refuse(ErrorCode::UnknownRequest),
    });
    let output = run(&place, &["bugreport"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    for part in ["status", "peers", "config", "log", "doctor"] {
        let left_out = format!("## {part}\nnot to be had: it may name somebody");
        assert!(text.contains(&left_out), "{part}: {text}");
    }
    assert!(!text.contains("hut") && text.contains("## limits in use\nnothing"), "{text}");
}

#[tokio::test]
async fn a_bug_report_outlives_the_doctor() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |request| match request {
        Request::Status {} => vec![ok(Reply::Status(Box::new(status(1, 9))))],
        Request::Nodes {} => vec![ok(Reply::Nodes(Vec::new()))],
        Request::Who { .. } => vec![ok(Reply::People(Vec::new()))],
        Request::Rooms {} => vec![ok(Reply::Rooms(Vec::new()))],
        Request::Config {} => vec![ok(Reply::Config(Vec::new()))],
        Request::Peers {} => vec![ok(Reply::Peers(Vec::new()))],
        _ => refuse(ErrorCode::Internal),
    });
    let output = run(&place, &["bugreport"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("## status\n") && text.contains("## doctor\nnot to be had: "), "{text}");
}

#[tokio::test]
async fn a_followed_tail_says_that_the_daemon_was_restarted() {
    let place = Place::new();
    let daemon = history(&place);
    let mut child = ctl(&place, &["tail", "--json"]).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut notes = BufReader::new(child.stderr.take().unwrap()).lines();
    for event in ["message", "message", "caught_up"] {
        let line = lines.next_line().await.unwrap().unwrap();
        assert!(line.contains(&format!("\"event\":\"{event}\"")), "{line}");
    }
    daemon.stop().await;
    let note = notes.next_line().await.unwrap().unwrap();
    assert!(note.starts_with("meshchatctl: waiting for meshchatd"), "{note}");
    let _daemon = history(&place);
    let note = notes.next_line().await.unwrap().unwrap();
    assert_eq!(note, "meshchatctl: connected to meshchatd again");
    // The scripted daemon repeats its history; nothing of it is shown twice.
    let line = lines.next_line().await.unwrap().unwrap();
    assert!(line.contains("\"event\":\"caught_up\""), "{line}");
}

fn small_graph() -> Reply {
    let node = |n: u8, via: Option<u32>| GraphNode {
        node: NodeId([n; 32]),
        name: format!("pi\"{n}").parse().unwrap(),
        state: if via.is_none() { NodeState::Here } else { NodeState::Reachable },
        since_ms: 1000,
        hops: Some(u32::from(via.is_some())),
        via,
        cut: false,
    };
    let links = vec![GraphLink { a: 0, b: 1, both: true, cut: true }];
    Reply::Graph(Graph { nodes: vec![node(1, None), node(2, Some(0))], links, left_out: 0 })
}

#[tokio::test]
async fn a_graph_comes_in_every_format() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |_| vec![ok(small_graph())]);
    let output = run(&place, &["peers", "graph"]).await;
    assert!(stdout(&output).contains("\n● pi\"1  this node\n╘═ ● pi\"2\n"), "{output:?}");
    let output = run(&place, &["peers", "graph", "--format", "dot"]).await;
    assert!(stdout(&output).contains("n1 [label=\"pi\\\"2\"];"), "{output:?}");
    let output = run(&place, &["peers", "graph", "-f", "mermaid"]).await;
    assert!(stdout(&output).contains("n1[\"pi#34;2\"]"), "{output:?}");
    let json = stdout(&run(&place, &["peers", "graph", "--format", "json"]).await);
    assert!(json.starts_with("{\"schema\":1,\"nodes\":[{\"node\":\""), "{json}");
    assert!(
        json.ends_with(
            "\"links\":[{\"a\":0,\"b\":1,\"both\":true,\"cut\":true}],\"left_out\":0}\n"
        )
    );
    assert_eq!(stdout(&run(&place, &["peers", "graph", "--json"]).await), json);
    assert_eq!(run(&place, &["peers", "graph", "-f", "png"]).await.status.code(), Some(2));
}

#[tokio::test]
async fn a_trace_goes_on_behind_a_silent_hop() {
    let place = Place::new();
    let _daemon = FakeDaemon::answering(&place.socket(), |request| {
        let Request::Ping { node, .. } = request else { return refuse(ErrorCode::Internal) };
        let hop = |n: u8| Hop { node: NodeId([n; 32]), name: format!("pi-{n}").parse().unwrap() };
        let last = match node.as_str() {
            "pi-3" => 3,
            id => (1..=3).find(|n| NodeId([*n; 32]).to_string() == *id).unwrap(),
        };
        if last == 2 {
            return refuse(ErrorCode::TimedOut);
        }
        let (node, name) = (NodeId([last; 32]), format!("pi-{last}").parse().unwrap());
        let rtt_us = u64::from(last) * 1000;
        vec![ok(Reply::Pong(Pong { node, name, rtt_us, path: (1..=last).map(hop).collect() }))]
    });
    let output =
        run(&place, &["trace", "pi-3", "-t", "--fields", "hop,node,best,added,note"]).await;
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let expected = "1\tpi-1\t1000\t1000\t\n2\tpi-2\t\t\tno answer\n3\tpi-3\t3000\t2000\t\n";
    assert_eq!(stdout(&output), expected);
    let output = run(&place, &["trace", "pi-3", "--json"]).await;
    assert_eq!(stdout(&output).lines().count(), 3);
}
