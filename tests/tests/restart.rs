//! Nodes that stop and start while others, and their own clients, look on.
#![forbid(unsafe_code)]

use std::os::unix::process::ExitStatusExt as _;

use meshchat_tests::{Daemon, Limit, wait_for};

/// The promise is 2 s; the rest is for a machine that runs other tests at the same time.
const STOPPED: Limit = Limit::secs(2 + 2);

#[test]
fn a_node_that_is_stopped_says_goodbye() {
    let a = Daemon::start("a");
    let mut b = Daemon::builder("b").peer(a.listen()).start();
    let (tail, reader) = (a.follow(), b.follow());
    tail.wait_person("b", "online", Limit::default());
    let status = b.terminate(STOPPED);
    assert_eq!((status.code(), status.signal()), (Some(0), None));
    tail.wait_node("b", "left", Limit::default());
    tail.wait_person("b", "offline", Limit::default());
    assert_eq!(tail.count(|line| line["state"] == "unreachable"), 0);
    assert_eq!(a.node("b").expect("b is known")["state"], "left");
    assert!(!b.socket().exists(), "the control socket is left behind");
    assert!(b.notices().contains(&"STOPPING=1".to_owned()), "{:?}", b.notices());
    drop(reader);
}

#[test]
fn clients_come_back_after_a_restart_and_miss_nothing() {
    for graceful in [true, false] {
        let a = Daemon::start("a");
        let mut b = Daemon::builder("b").peer(a.listen()).start();
        b.listen();
        b.wait_links(1);
        let tail = b.follow();
        let watch = b.ctl().tail(["peers", "-w"]);
        let linked = |peers: &serde_json::Value| {
            peers["peers"].as_array().is_some_and(|p| p.iter().any(|p| p["state"] == "linked"))
        };
        watch.wait_for("a link", Limit::default(), linked);
        let texts = ["before, from a", "before, from b", "meanwhile, from a", "after, from a"];
        a.say(texts[0]);
        b.say(texts[1]);
        tail.wait_texts(&texts[..2]);

        if graceful {
            b.terminate(STOPPED);
        } else {
            b.kill();
        }
        let shown = watch.lines().len();
        a.say(texts[2]);
        b.start_again();
        tail.wait_text(texts[2]);
        a.say(texts[3]);
        tail.wait_text(texts[3]);
        tail.assert_once(&texts);
        watch.wait_until("the link in the new run", Limit::default(), |lines| {
            lines.iter().skip(shown).any(linked).then_some(())
        });
    }
}

#[test]
fn a_peer_that_was_connected_stays_over_restarts_unless_once() {
    let [a, c] = ["a", "c"].map(Daemon::start);
    let mut b = Daemon::start("b");
    let (to_a, to_c) = (a.listen().to_string(), c.listen().to_string());
    b.ctl().ok(["connect", &to_a]);
    b.ctl().ok(["connect", "--once", &to_c]);
    b.wait_links(2);
    b.start_again();
    b.wait_links(1);
    let sources = |node: &Daemon| {
        node.peers().iter().map(|peer| peer["address"].to_string()).collect::<Vec<_>>()
    };
    assert_eq!(sources(&b), [format!("\"{to_a}\"")]);
    b.ctl().ok(["disconnect", &to_a]);
    b.wait_links(0);
    assert!(b.peers().is_empty(), "{:?}", b.peers());
    b.start_again();
    assert!(b.peers().is_empty(), "{:?}", b.peers());
}

#[test]
fn people_keep_their_name_and_rooms_over_restarts() {
    let mut node = Daemon::start("a");
    node.ctl().ok(["nick", "Łucja"]);
    node.ctl().ok(["join", "ops"]);
    node.start_again();
    let who = node.ctl().json(["who"]);
    assert_eq!(who[0]["name"], "Łucja", "{who:?}");
    assert_eq!(who[0]["rooms"], serde_json::json!(["#lobby", "#ops"]));
}

#[test]
fn a_start_during_a_start_is_told_apart_by_boot() {
    let mut node = Daemon::start("a");
    let boot = |node: &Daemon| node.status()["boot"].as_u64();
    let (id, first) = (node.status()["node"].clone(), boot(&node));
    node.kill();
    node.start_again();
    assert_eq!(boot(&node), first.map(|boot| boot + 1));
    assert_eq!(node.status()["node"], id);
    wait_for("readiness", Limit::default(), || node.notices().contains(&"READY=1".to_owned()));
}
