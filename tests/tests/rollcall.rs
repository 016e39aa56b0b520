//! A coordinator asks who is there.
#![forbid(unsafe_code)]

use meshchat_tests::{Daemon, Gateway, Irc, Limit, Tail, wait_for};
use serde_json::Value;

fn asked(call: &Tail) -> Value {
    call.wait_for("the question", Limit::default(), |line| line["event"] == "asked")
}

fn outcome(call: &Tail) -> Value {
    call.wait_for("the outcome", Limit::default(), |line| line["event"] == "rollcall")
}

/// The state of whoever is on a node.
fn state(outcome: &Value, node: &str) -> String {
    let people = outcome["people"].as_array().into_iter().flatten();
    let row = people.into_iter().find(|row| row["node_name"] == node);
    row.and_then(|row| row["state"].as_str()).unwrap_or("nobody").to_owned()
}

#[test]
fn whoever_says_a_word_has_answered() {
    let a = Daemon::start("base");
    let b = Daemon::builder("east").peer(a.listen()).start();
    b.wait_links(1);
    let _reader = b.ctl().tail(["tail", "lobby"]);
    wait_for("a reader", Limit::default(), || a.ctl().ok(["who", "lobby"]).contains("@east"));
    let mut call = a.ctl().tail(["rollcall", "lobby", "--timeout", "60s"]);
    let question = asked(&call);
    assert_eq!((&question["expected"], &question["room"]), (&1.into(), &"#lobby".into()));
    b.ctl().ok(["send", "still awake"]);
    let outcome = outcome(&call);
    assert_eq!((&outcome["answered"], &outcome["expected"]), (&1.into(), &1.into()));
    assert_eq!(outcome["people"][0]["text"], "still awake");
    assert_eq!(call.process().wait_exit(Limit::default()).code(), Some(0));
    // What was asked stands in the room, in words for people.
    assert!(b.ctl().ok(["tail", "--no-follow"]).contains("Roll call: who reads this"));
}

#[test]
fn those_who_do_not_answer_are_told_apart() {
    let a = Daemon::start("base");
    let start = |name: &str| Daemon::builder(name).peer(a.listen()).start();
    let (b, mut c) = (start("east"), start("west"));
    let readers = [&b, &c].map(|node| node.ctl().tail(["tail", "lobby"]));
    wait_for("readers", Limit::default(), || {
        let who = a.ctl().ok(["who", "lobby"]);
        who.contains("@east") && who.contains("@west")
    });
    c.process().pause();
    wait_for("a lost node", Limit::secs(60), || a.ctl().ok(["nodes"]).contains("unreachable"));
    let finished = a.ctl().run([
        "rollcall",
        "lobby",
        "--json",
        "--say",
        "who is up?",
        "--timeout",
        "60s",
        "--quiet-for",
        "4s",
    ]);
    finished.assert_code(3);
    let outcome = finished.json().pop().unwrap();
    assert_eq!(
        (state(&outcome, "east"), state(&outcome, "west")),
        ("silent".into(), "unreachable".into())
    );
    assert_eq!((&outcome["answered"], &outcome["expected"]), (&0.into(), &2.into()));
    let text = a.ctl().run(["rollcall", "lobby", "--timeout", "3s"]);
    text.assert_code(3);
    assert!(text.stdout.contains("#lobby: 0 of 2 answered"), "{text:?}");
    assert!(
        text.stdout.contains("✕ unreachable") && text.stdout.contains("silent, the node has it")
    );
    c.process().resume();
    drop(readers);
}

#[test]
fn a_guest_by_irc_is_a_person() {
    let a = Daemon::start("base");
    let gateway = Gateway::start(&a, "[irc]\nlisten = \"127.0.0.1:0\"\n");
    let mut zoe = Irc::enter(&gateway, "zoe", "");
    zoe.join("#ops");
    wait_for("zoe", Limit::default(), || a.ctl().ok(["who", "ops"]).contains("zoe@base"));
    let call = a.ctl().tail(["rollcall", "#ops", "--timeout", "60s"]);
    assert_eq!(asked(&call)["expected"], 1);
    zoe.wait("Roll call: who reads this");
    zoe.send("PRIVMSG #ops :here by radio");
    let outcome = outcome(&call);
    assert_eq!(
        (&outcome["people"][0]["name"], &outcome["people"][0]["gateway"]),
        (&"zoe".into(), &true.into())
    );
    assert_eq!(outcome["answered"], 1);
}

#[test]
fn words_of_yesterday_are_no_answer_when_the_daemon_is_restarted() {
    for history in ["disk", "memory"] {
        let mut a = Daemon::builder("base").config(format!("history = \"{history}\"\n")).start();
        let b = Daemon::builder("east").peer(a.listen()).start();
        b.wait_links(1);
        let _reader = b.ctl().tail(["tail", "lobby"]);
        b.ctl().ok(["send", "before the question"]);
        wait_for("words and a reader", Limit::default(), || {
            a.ctl().ok(["who", "lobby"]).contains("@east")
                && a.ctl().ok(["tail", "--no-follow"]).contains("before the question")
        });
        let mut call = a.ctl().tail(["rollcall", "lobby", "--timeout", "60s"]);
        asked(&call);
        a.start_again();
        b.wait_links(1);
        wait_for("the words again", Limit::default(), || {
            a.ctl().ok(["tail", "--no-follow"]).contains("before the question")
        });
        b.ctl().ok(["send", "here"]);
        assert_eq!(outcome(&call)["people"][0]["text"], "here", "{history}");
        assert_eq!(call.process().wait_exit(Limit::default()).code(), Some(0));
    }
}
