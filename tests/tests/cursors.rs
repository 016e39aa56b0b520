//! Clients that go on where they stopped, with real daemons.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "helpers of tests")]

use meshchat_proto::id::NodeId;
use meshchat_tests::{Daemon, Limit, Tail, wait_for};
use serde_json::Value;

/// What a `tail` with a cursor shows that does not follow.
fn read(node: &Daemon, name: &str) -> Vec<Value> {
    let all = ["tail", "--cursor", name, "--no-follow", "--no-presence", "-n", "all"];
    let lines = node.ctl().json(all);
    lines.into_iter().filter(|line| line["event"] != "caught_up").collect()
}

fn texts(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["text"].as_str()).collect()
}

fn follow(node: &Daemon, name: &str) -> Tail {
    node.ctl().tail(["tail", "--cursor", name, "--no-presence"])
}

/// Waits until nothing is left to confirm.
fn wait_confirmed(node: &Daemon, name: &str) {
    wait_for("all to be confirmed", Limit::default(), || {
        let list = node.ctl().json(["cursors"]);
        list.iter().any(|cursor| cursor["name"] == name && cursor["waiting"] == 0)
    });
}

/// Waits until the saved cursors name the messages of another node.
fn wait_saved(node: &Daemon, other: &Daemon) {
    let id: NodeId = other.status()["node"].as_str().unwrap().parse().unwrap();
    wait_for("the saved cursor", Limit::default(), || {
        let saved = std::fs::read(node.state_dir().join("cursors")).unwrap_or_default();
        saved.windows(id.0.len()).any(|bytes| *bytes == id.0)
    });
}

#[test]
fn a_client_that_is_killed_goes_on_behind_what_it_printed() {
    let node = Daemon::start("a");
    node.say("one");
    assert_eq!(texts(&read(&node, "bot")), ["one"]);
    assert!(read(&node, "bot").is_empty());
    let mut tail = follow(&node, "bot");
    tail.wait_for("the end of history", Limit::default(), |line| line["event"] == "caught_up");
    node.say("two");
    tail.wait_text("two");
    wait_confirmed(&node, "bot");
    tail.process().kill();
    node.say("three");
    assert_eq!(texts(&read(&node, "bot")), ["three"]);
    assert_eq!(texts(&read(&node, "other")), ["one", "two", "three"]);
    node.ctl().ok(["cursors", "remove", "other"]);
    node.ctl().run(["cursors", "remove", "other"]).assert_code(10);
}

#[test]
fn restarts_of_the_daemon_repeat_nothing_and_lose_nothing() {
    for (mode, peace) in [("memory", true), ("memory", false), ("disk", true), ("disk", false)] {
        let other = Daemon::start("b");
        let mut node = Daemon::builder("a").arg("--history").arg(mode).peer(other.listen()).start();
        node.wait_links(1);
        let mut tail = follow(&node, "bot");
        other.say("one");
        tail.wait_text("one");
        wait_confirmed(&node, "bot");
        wait_saved(&node, &other);
        tail.process().kill();
        other.say("two");
        wait_for("the second", Limit::default(), || node.status()["received"] == 2);
        if peace {
            node.terminate(Limit::default());
        } else {
            node.kill();
        }
        other.say("three");
        node.start_again();
        let tail = follow(&node, "bot");
        tail.wait_texts(&["two", "three"]);
        other.say("four");
        tail.wait_text("four");
        let lines = tail.lines();
        let mut texts = texts(&lines);
        // A kill may repeat what was confirmed in the last two seconds.
        if !peace && texts.first().is_some_and(|text| *text == "one") {
            texts.remove(0);
        }
        assert_eq!(texts, ["two", "three", "four"], "{mode} {peace}: {lines:?}");
        let gaps = lines.iter().filter(|line| line["event"] == "missed");
        let gaps: Vec<_> = gaps.map(|line| line["why"].clone()).collect();
        let expected: &[&str] = if mode == "memory" { &["restart"] } else { &[] };
        assert_eq!(gaps, expected, "{mode} {peace}");
    }
}

#[test]
fn a_gap_is_told_when_history_rolled_over() {
    let node = Daemon::start("a");
    assert!(read(&node, "bot").is_empty());
    let many: String = (0..1300).map(|line| format!("line {line}\n")).collect();
    node.ctl().run_with_input(["send", "-"], many.as_bytes()).assert_ok();
    let lines = read(&node, "bot");
    assert_eq!((&lines[0]["event"], &lines[0]["why"]), (&"missed".into(), &"history".into()));
    assert_eq!(lines[0]["messages"].as_u64().unwrap() + lines.len() as u64 - 1, 1300);
    assert!(read(&node, "bot").is_empty());
}
