//! Nodes that start again while others look on: who sees what, and how long links are gone.
#![forbid(unsafe_code)]

use std::fmt::Display;
use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use meshchat_tests::{Daemon, Limit, Tail, TestDir, own_address, wait_for};
use serde_json::Value;

/// How long others wait for a node that starts again.
const GRACE: Limit = Limit::secs(15 + 5);

/// `a` and `c` know only `b`. Somebody reads on each.
struct Line {
    a: Daemon,
    b: Daemon,
    c: Daemon,
    readers: [Tail; 3],
}

impl Line {
    fn new() -> Self {
        Self::around(Daemon::builder("b").keeps_sockets().start())
    }

    fn around(b: Daemon) -> Self {
        b.listen();
        let end = |name| Daemon::builder(name).peer(b.listen()).start();
        let (a, c) = (end("a"), end("c"));
        for node in [&a, &b, &c] {
            node.wait_reachable(3, Limit::default());
        }
        let readers = [a.follow(), b.follow(), c.follow()];
        let line = Self { a, b, c, readers };
        line.wait_all_there();
        // What was told of people before comes before these.
        line.wait_for_words("at first");
        line
    }

    /// Waits until each node knows somebody to be there on each.
    fn wait_all_there(&self) {
        for node in [&self.a, &self.b, &self.c] {
            for name in ["a", "b", "c"] {
                let there = || node.person_at(name).as_deref() == Some("online");
                wait_for(&format!("{name} there, at {}", node.name()), Limit::default(), there);
            }
        }
    }

    /// What each reader was told of nodes and people so far.
    fn changes(&self) -> [Vec<Value>; 3] {
        self.readers.each_ref().map(changes)
    }

    /// Waits until messages pass in both directions again, to all three.
    fn wait_for_words(&self, round: impl Display) -> Vec<String> {
        let words: Vec<String> = ["a", "b", "c"].map(|name| format!("{round}, from {name}")).into();
        for (node, words) in [&self.a, &self.b, &self.c].into_iter().zip(&words) {
            node.say(words);
        }
        self.readers.iter().for_each(|reader| reader.wait_texts(&words));
        words
    }

    fn linked(&self) -> bool {
        [&self.a, &self.c].iter().all(|end| end.status().get("links") == Some(&1.into()))
    }
}

fn changes(reader: &Tail) -> Vec<Value> {
    let of_presence =
        |line: &Value| ["node", "person", "partition"].iter().any(|event| line["event"] == *event);
    reader.lines().into_iter().filter(of_presence).collect()
}

#[test]
fn a_planned_restart_is_seen_by_nobody() {
    let mut line = Line::new();
    let before = line.changes();
    for round in 0..3 {
        let begin = Instant::now();
        line.b.end_to_restart(Limit::default());
        let ended = begin.elapsed();
        let meanwhile = ["a", "c"].map(|name| format!("meanwhile {round} from {name}"));
        line.a.say(&meanwhile[0]);
        line.c.say(&meanwhile[1]);
        line.b.start_again();
        let ready = begin.elapsed();
        wait_for("both links", Limit::default(), || line.linked());
        println!("planned: ended after {ended:?}, ready {ready:?}, linked {:?}", begin.elapsed());
        let after = line.wait_for_words(round);
        for reader in &line.readers {
            reader.wait_texts(&meanwhile);
            reader.assert_once(&meanwhile);
            reader.assert_once(&after);
        }
    }
    for (node, reader) in [&line.a, &line.b, &line.c].into_iter().zip(&line.readers) {
        for name in ["a", "b", "c"] {
            assert_eq!(node.person_at(name).as_deref(), Some("online"), "at {}", node.name());
        }
        assert_eq!(reader.count(|line| line["event"] == "gone"), 0);
    }
    assert_eq!(line.changes(), before, "a restart was seen");
}

#[test]
fn words_that_wait_for_their_turn_are_said_by_a_later_run() {
    let run = TestDir::new();
    let b = Daemon::builder("b").keeps_sockets().env("RUNTIME_DIRECTORY", run.path());
    let mut line = Line::around(b.rate("1/1").start());
    let words: Vec<String> = (0..6).map(|n| format!("paced {n}")).collect();
    let sent: Vec<_> = words.iter().cloned().map(|words| speak(&line.b, words)).collect();
    let paced = |line: &Value| line["text"].as_str().is_some_and(|text| text.starts_with("paced"));
    // None is on its way to the node any more.
    let taken = || waiting(&line.b) + line.readers[1].count(paced) as u64 == 6;
    wait_for("all to be taken", Limit::default(), taken);
    assert!(waiting(&line.b) > 0);
    for _ in 0..2 {
        line.b.end_to_restart(Limit::default());
        line.b.start_again();
    }
    for thread in sent {
        thread.join().unwrap();
    }
    for reader in &line.readers {
        reader.wait_texts(&words);
        reader.assert_once(&words);
    }
}

#[test]
fn history_in_memory_outlives_planned_restarts() {
    let run = TestDir::new();
    let b = Daemon::builder("b").keeps_sockets().env("RUNTIME_DIRECTORY", run.path());
    let mut b = b.start();
    let a = Daemon::builder("a").peer(b.listen()).start();
    a.wait_reachable(2, Limit::default());
    for round in 0..50 {
        a.say(&format!("{round} from a"));
        b.say(&format!("{round} from b"));
    }
    wait_for("both halves", Limit::default(), || said(&b).len() == 100);
    b.ctl().ok(["tail", "--no-follow", "-n", "all", "--cursor", "reader"]);
    drop(a);
    b.say("to nobody");
    let before = said(&b);
    for _ in 0..2 {
        b.end_to_restart(Limit::default());
        b.start_again();
        assert_eq!(said(&b), before);
    }
    assert!(!run.join("history").exists());
    let unread = b.ctl().ok(["tail", "--no-follow", "--cursor", "reader"]);
    assert!(unread.contains("to nobody") && unread.lines().count() == 1, "{unread}");

    // Nobody else is left who could tell.
    let c = Daemon::builder("c").peer(b.listen()).start();
    wait_for("all of it", Limit::default(), || said(&c).len() == before.len());
}

/// Everything in the history of a node but what changes with time.
fn said(node: &Daemon) -> Vec<Value> {
    let mut lines = node.ctl().json(["tail", "--no-follow", "-n", "all"]);
    lines.retain(|line| line["event"] == "message");
    for line in lines.iter_mut().filter_map(Value::as_object_mut) {
        line.remove("age_ms");
    }
    lines
}

fn speak(node: &Daemon, words: String) -> thread::JoinHandle<()> {
    let ctl = node.ctl();
    // Whether it is told of the restart is not looked at here.
    thread::spawn(move || drop(ctl.run(["send", "--", &words])))
}

fn waiting(node: &Daemon) -> u64 {
    let rows = node.ctl().json(["status", "--limits"]);
    let row = rows.iter().find(|row| row["name"] == "waiting_messages");
    row.and_then(|row| row["used"].as_u64()).unwrap_or_default()
}

#[test]
fn a_node_that_does_not_come_back_is_lost_after_the_grace() {
    let mut line = Line::new();
    let before = line.changes();
    line.b.end_to_restart(Limit::default());
    let begin = Instant::now();
    for (reader, other) in [(&line.readers[0], "c"), (&line.readers[2], "a")] {
        for lost in ["b", other] {
            reader.wait_node(lost, "unreachable", GRACE);
            reader.wait_person(lost, "unreachable", GRACE);
        }
    }
    let took = begin.elapsed();
    println!("a node that did not come back was lost after {took:?}");
    assert!(took > Duration::from_secs(10), "it was given no time: {took:?}");
    let left = |reader: &Tail| reader.count(|line| line["state"] == "left");
    assert_eq!(line.readers.iter().map(left).sum::<usize>(), 0);
    assert_ne!(line.changes(), before);

    // Too late: the note is not used, and everyone is found anew.
    line.b.start_again();
    assert!(!line.b.log().contains("goes on where the run before stopped"));
    line.wait_for_words(0);
    line.readers[0].wait_node("b", "reachable", Limit::default());
}

#[test]
fn who_does_not_come_back_leaves_after_the_grace() {
    let mut line = Line::new();
    let stay = line.readers[0].lines().len();
    line.b.end_to_restart(Limit::default());
    // The reader on b goes with the old run.
    line.readers[1].process().kill();
    let begin = Instant::now();
    line.b.start_again();
    wait_for("both links", Limit::default(), || line.linked());
    line.readers[0].wait_until("the reader leaves", GRACE, |lines| {
        let left = |line: &Value| line["node_name"] == "b" && line["state"] == "offline";
        lines.iter().skip(stay).any(left).then_some(())
    });
    println!("who did not come back left after {:?}", begin.elapsed());
    let nodes = line.readers[0].lines().split_off(stay);
    assert!(nodes.iter().all(|line| line["event"] != "node"), "{nodes:?}");
}

#[test]
fn kept_sockets_answer_at_once_after_a_kill() {
    for keeps in [true, false] {
        let mut line = Line::new();
        assert_eq!(line.b.kept_sockets(), ["kept-control", "kept-tcp", "kept-udp"]);
        let before = line.changes();
        let address = line.b.listen();
        let begin = Instant::now();
        line.b.kill();
        if !keeps {
            line.b.forget_sockets();
        }
        // What is asked for meanwhile waits, where the socket is kept.
        let ctl = line.b.ctl();
        let asked = keeps.then(|| thread::spawn(move || ctl.ok(["send", "--", "patience"])));
        line.a.say("one, to a dead node");
        line.b.start_again();
        let ready = begin.elapsed();
        assert_eq!(line.b.listen(), address);
        if let Some(asked) = asked {
            asked.join().unwrap();
            line.readers[0].wait_text("patience");
        }
        line.readers[2].wait_text("one, to a dead node");
        let heard = begin.elapsed();
        line.wait_for_words(0);
        let seen: Vec<usize> = line
            .changes()
            .iter()
            .zip(&before)
            .map(|(now, before)| now.len().saturating_sub(before.len()))
            .collect();
        println!("killed, sockets kept {keeps}: ready {ready:?}, heard {heard:?}, seen {seen:?}");
    }
}

#[test]
fn with_a_runtime_directory_not_even_a_kill_is_seen() {
    let run = TestDir::new();
    let b = Daemon::builder("b").keeps_sockets().env("RUNTIME_DIRECTORY", run.path());
    let mut line = Line::around(b.start());
    let before = line.changes();
    for round in 0..2 {
        let whole = SystemTime::now();
        wait_for("a note of all that there is now", GRACE, || {
            let note = fs::metadata(run.join("handover")).and_then(|note| note.modified());
            note.is_ok_and(|at| at > whole)
        });
        let begin = Instant::now();
        line.b.kill();
        line.b.start_again();
        let ready = begin.elapsed();
        let after = line.wait_for_words(round);
        println!("killed with a note: ready {ready:?}, all talk {:?}", begin.elapsed());
        line.readers.iter().for_each(|reader| reader.assert_once(&after));
    }
    let after = line.changes();
    assert_eq!([&after[0], &after[2]], [&before[0], &before[2]], "a crash was seen by others");
    line.b.terminate(Limit::default());
    assert!(!run.join("handover").exists(), "a stop leaves no note");
}

#[test]
fn a_kept_socket_that_does_not_fit_is_given_up() {
    let config = |port: &str| format!("listen = \"{}:{port}\"\nname = \"b\"\n", own_address());
    let mut node = Daemon::builder("b").keeps_sockets().by_config().config(config("0")).start();
    let first = node.status()["listen"][0].clone();
    node.restart();
    assert_eq!(node.status()["listen"][0], first, "the port of the run before serves on");
    let free = std::net::UdpSocket::bind((own_address(), 0)).unwrap().local_addr().unwrap();
    fs::write(node.config_file(), config(&free.port().to_string())).unwrap();
    node.restart();
    assert_eq!(node.status()["listen"][0], free.to_string());
    wait_for("new sockets", Limit::default(), || {
        node.kept_sockets() == ["kept-control", "kept-tcp", "kept-udp"]
    });
    // The old port is free again, for UDP and for TCP.
    let first = first.as_str().unwrap().to_owned();
    wait_for("the old port", Limit::default(), || {
        std::net::UdpSocket::bind(&first).is_ok() && std::net::TcpListener::bind(&first).is_ok()
    });
}

#[test]
fn a_stop_gives_up_what_was_kept() {
    let mut node = Daemon::builder("b").keeps_sockets().start();
    assert_eq!(node.kept_sockets().len(), 3);
    node.terminate(Limit::default());
    wait_for("the end of what was kept", Limit::default(), || node.kept_sockets().is_empty());
    assert!(!node.socket().exists());
    node.start_again();
    node.say("again");
}
