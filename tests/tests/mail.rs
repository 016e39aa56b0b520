//! Direct messages over a node that relays them and must not be able to read them.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fs;
use std::path::Path;

use meshchat_tests::{Daemon, Limit, wait_for};

const SECRET: &str = "meet me behind the old barn at nine";

/// `a` and `c` are linked with `b` only.
struct Chain {
    a: Daemon,
    b: Daemon,
    c: Daemon,
}

impl Chain {
    fn start() -> Self {
        let b = Daemon::start("b");
        let end = |name| Daemon::builder(name).peer(b.listen()).start();
        let (a, c) = (end("a"), end("c"));
        for node in [&a, &b, &c] {
            node.wait_reachable(3, Limit::default());
        }
        Self { a, b, c }
    }
}

/// The name of the person that the tests are on a node.
fn person(node: &Daemon) -> String {
    let find = || {
        let people = node.ctl().json(["who"]);
        people.iter().find(|p| p["me"] == true).and_then(|p| p["name"].as_str().map(str::to_owned))
    };
    let tail = node.follow();
    let name = meshchat_tests::wait_some("the own person", Limit::default(), find);
    drop(tail);
    wait_for("nobody who reads", Limit::default(), || {
        let people = node.ctl().json(["who"]);
        people.iter().any(|p| p["me"] == true && p["state"] == "offline")
    });
    name
}

fn state(node: &Daemon) -> String {
    let all = node.ctl().json(["dm", "--list"]);
    all.last().and_then(|last| last["state"].as_str()).unwrap_or_default().to_owned()
}

fn assert_nowhere_in(directory: &Path, words: &str) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            assert_nowhere_in(&path, words);
        } else if let Ok(bytes) = fs::read(&path) {
            let found = bytes.windows(words.len()).any(|part| part == words.as_bytes());
            assert!(!found, "{} has the words", path.display());
        }
    }
}

#[test]
fn the_node_between_relays_a_direct_message_and_cannot_read_it() {
    let chain = Chain::start();
    let name = person(&chain.c);
    wait_for("the person of c", Limit::default(), || chain.a.person_at("c").is_some());
    let spy = chain.b.follow();
    let to = format!("{name}@c");
    let sent = &chain.a.ctl().json(["dm", &to, SECRET])[0];
    assert_eq!((sent["to"].as_str(), sent["to_node_name"].as_str()), (Some(&*name), Some("c")));
    wait_for("delivery", Limit::default(), || state(&chain.a) == "delivered");
    let tail = chain.c.ctl().tail(["tail", "--dm"]);
    let got = tail.wait_for("the words", Limit::default(), |line| line["text"] == SECRET);
    assert_eq!(
        (got["event"].as_str(), got["from_node_name"].as_str()),
        (Some("direct"), Some("a"))
    );
    assert_eq!(got["letter"], sent["letter"]);
    wait_for("its reading", Limit::default(), || state(&chain.a) == "read");

    chain.a.say("for everybody");
    spy.wait_text("for everybody");
    let history = chain.b.status()["history"]["messages"].as_u64();
    assert!(history >= Some(3), "the letter, its receipts and the words for all: {history:?}");
    for args in [&["tail", "--no-follow", "-n", "all"][..], &["rooms"], &["who"], &["dm", "--list"]]
    {
        let finished = chain.b.ctl().run(args.iter().chain(&["--json"]));
        finished.assert_ok();
        assert!(!finished.stdout.contains(SECRET), "{args:?}");
        assert!(!finished.stdout.contains("#~"), "{args:?}");
    }
    assert_eq!(spy.count(|line| line.to_string().contains(SECRET)), 0);
    assert_eq!(tail.count(|line| line["text"] == "for everybody"), 0, "only direct messages");
    for node in [&chain.a, &chain.b, &chain.c] {
        assert_nowhere_in(&node.state_dir(), SECRET);
        assert!(!node.log().contains(SECRET));
    }
}

#[test]
fn a_private_room_is_read_by_its_members_only_and_until_they_leave() {
    let chain = Chain::start();
    let name = person(&chain.c);
    wait_for("the person of c", Limit::default(), || chain.a.person_at("c").is_some());
    let spy = chain.b.follow();
    let made = &chain.a.ctl().json(["room", "create", "barn"])[0];
    assert_eq!(made["room"], "#~barn");
    let member = format!("{name}@c");
    chain.a.ctl().ok(["room", "invite", "barn", &member]);
    let mine = |line: &serde_json::Value| line["room"] == "#~barn" && line["private"] == true;
    wait_for("the invitation", Limit::default(), || chain.c.ctl().json(["rooms"]).iter().any(mine));
    assert_eq!(chain.b.ctl().json(["rooms"]).iter().filter(|line| mine(line)).count(), 0);
    let tail = chain.c.ctl().tail(["tail", "#~barn"]);
    chain.a.ctl().ok(["send", "#~barn", SECRET]);
    let got = tail.wait_for("the words", Limit::default(), |line| line["text"] == SECRET);
    assert_eq!((got["room"].as_str(), got["node_name"].as_str()), (Some("#~barn"), Some("a")));
    chain.c.ctl().ok(["send", "#~barn", "an answer"]);
    let own = chain.a.ctl().tail(["tail"]);
    own.wait_for("the answer", Limit::default(), |line| line["text"] == "an answer");

    chain.c.ctl().ok(["room", "leave", "barn"]);
    wait_for("one member", Limit::default(), || {
        chain.a.ctl().json(["room", "members", "barn"]).len() == 1
    });
    chain.a.ctl().ok(["send", "#~barn", "only for me"]);
    chain.a.say("for everybody");
    spy.wait_text("for everybody");
    chain.c.ctl().run(["send", "#~barn", SECRET]).assert_code(10);
    assert_eq!(tail.count(|line| line["text"] == "only for me"), 0);
    assert_eq!(spy.count(|line| line.to_string().contains("#~")), 0);
    for words in [SECRET, "an answer", "only for me"] {
        let all = chain.b.ctl().ok(["tail", "--no-follow", "-n", "all", "--json"]);
        assert!(!all.contains(words));
        assert_nowhere_in(&chain.b.state_dir(), words);
    }
}

#[test]
fn a_direct_message_survives_a_crash_of_its_sender() {
    let mut a = Daemon::start("a");
    let mut c = Daemon::builder("c").peer(a.listen()).start();
    let name = person(&c);
    wait_for("the person of c", Limit::default(), || a.person_at("c").is_some());
    c.kill();
    let to = format!("{name}@c");
    a.ctl().ok(["dm", &to, SECRET]);
    let mail = a.state_dir().join("mail");
    let written = || fs::metadata(&mail).is_ok_and(|file| file.len() > 400);
    wait_for("the outbox on disk", Limit::default(), written);
    a.kill();
    a.start_again();
    assert_eq!(state(&a), "queued");
    c.start_again();
    let tail = c.ctl().tail(["tail", "--dm"]);
    tail.wait_for("the words", Limit::default(), |line| line["text"] == SECRET);
    wait_for("its reading", Limit::default(), || state(&a) == "read");
    tail.wait_until("one letter", Limit::default(), |lines| {
        (lines.iter().filter(|line| line["text"] == SECRET).count() == 1).then_some(())
    });
}

#[test]
fn what_cannot_be_sealed_is_not_sent() {
    let a = Daemon::start("a");
    a.ctl().run(["dm", "nobody@nowhere", SECRET]).assert_code(10);
    a.ctl().run(["dm", "nobody", SECRET]).assert_code(10);
    assert_eq!(a.status()["sent"], 0);
}
