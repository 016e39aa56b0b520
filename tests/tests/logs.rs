//! The log of a running daemon: changed, followed, kept.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::fs;

use meshchat_client::Client;
use meshchat_proto::control::{LogRequest, Request};
use meshchat_tests::{Daemon, Limit, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;

fn level(daemon: &Daemon) -> String {
    daemon.ctl().json(["log-level"])[0]["filter"].as_str().unwrap().to_owned()
}

/// Makes the daemon say something at debug: a dial that fails.
fn stir(daemon: &Daemon) {
    daemon.ctl().ok(["connect", "--no-wait", "--once", "127.0.0.1:9"]);
    daemon.ctl().ok(["disconnect", "127.0.0.1:9"]);
}

fn is_fine(line: &Value) -> bool {
    line["level"] == "debug" && line["text"].as_str().unwrap().contains("a dial failed")
}

#[test]
fn the_level_changes_says_by_whom_and_comes_back_by_itself() {
    let mut node = Daemon::builder("a").config("").start();
    assert_eq!(level(&node), "info");
    let shown = node.ctl().ok(["log-level", "debug,quinn=warn"]);
    assert!(shown.contains("until the daemon restarts"), "{shown}");
    assert_eq!(level(&node), "debug,quinn=warn");
    wait_for("a line at debug", Limit::default(), || {
        stir(&node);
        node.log().contains("a dial failed")
    });
    // The one who asked for it is gone by then.
    let shown = node.ctl().ok(["log-level", "meshchatd::link=trace", "--for", "1s"]);
    assert!(shown.starts_with("debug,quinn=warn,meshchatd::link=trace\n"), "{shown}");
    wait_for("the configured level", Limit::default(), || level(&node) == "info");
    let log = node.log();
    let who = nix::unistd::User::from_uid(nix::unistd::getuid()).unwrap().unwrap().name;
    assert!(log.contains(&format!("for 1 s, by {who}")), "{log}");
    assert!(log.contains("the time is over"), "{log}");

    node.ctl().ok(["log-level", "trace"]);
    node.ctl().ok(["log-level", "--reset"]);
    assert_eq!(level(&node), "info");
    node.ctl().ok(["log-level", "trace", "--for", "1h"]);
    fs::write(node.config_file(), "log = \"warn\"\n").unwrap();
    node.process().signal(Signal::SIGHUP);
    wait_for("the level of the file", Limit::default(), || level(&node) == "warn");
    assert_eq!(node.ctl().json(["log-level"])[0]["reverts_ms"], Value::Null);
}

#[test]
fn what_is_mistyped_is_refused_with_advice() {
    let node = Daemon::start("a");
    for (args, words) in [
        (&["log-level", "debgu"][..], "the levels are off, error, warn"),
        (&["log-level", "a b=info"], "MODULE=LEVEL"),
        (&["log-level", "debug", "--for", "25h"], "at most 24h"),
        (&["log-level", "--for", "1h"], "LEVEL"),
        (&["logs", "--level", "loud"], "possible values"),
        (&["logs", "debug"], "MODULE=LEVEL"),
    ] {
        let finished = node.ctl().run(args);
        finished.assert_code(2);
        assert!(finished.stderr.contains(words), "{finished:#?}");
    }
    let long: Vec<_> = (0..60).map(|n| format!("module{n}_{}=info", "x".repeat(20))).collect();
    let finished = node.ctl().run(["log-level", &long.join(",")]);
    finished.assert_code(1);
    assert!(finished.stderr.contains("longer than 1024 bytes"), "{finished:#?}");
}

#[test]
fn logs_show_more_than_the_log_and_go_on_over_a_restart() {
    let mut node = Daemon::start("a");
    let past = node.ctl().ok(["logs", "--no-follow"]);
    assert!(past.contains(" info  ") && past.contains("is ready, listening on"), "{past}");
    assert_eq!(node.ctl().json(["logs", "-n", "0", "--no-follow"]).len(), 0);
    assert_eq!(node.ctl().json(["logs", "-n", "1", "--no-follow"]).len(), 1);

    let fine = node.ctl().tail(["logs", "--level", "debug"]);
    let coarse = node.ctl().tail(["logs", "meshchatd::hub=warn"]);
    let of_module = node.ctl().tail(["logs", "meshchatd::hub::links=debug"]);
    for stream in [&fine, &of_module] {
        wait_for("a line at debug", Limit::default(), || {
            stir(&node);
            stream.count(is_fine) > 0
        });
    }
    assert!(!node.log().contains("a dial failed"), "the log itself stays at info");
    assert_eq!(coarse.count(|line| line["level"] == "debug"), 0);
    assert_eq!(
        coarse.count(|line| line["module"].as_str().unwrap().starts_with("meshchatd::hub")),
        0
    );
    assert!(coarse.count(|line| line["level"] == "info") <= 3);

    node.start_again();
    let starts = |line: &Value| line["text"].as_str().unwrap().contains("is ready, listening on");
    wait_for("the new start", Limit::default(), || fine.count(starts) == 2);
    assert!(fine.talk().iter().any(|line| line.contains("was restarted")), "{:?}", fine.talk());
}

#[test]
fn a_stream_at_trace_does_not_feed_on_itself() {
    let node = Daemon::start("a");
    let all = node.ctl().tail(["logs", "--level", "trace"]);
    let before = wait_quiet(|| all.count(|_| true));
    // Whatever a question makes the daemon say is said once, not for ever.
    node.ctl().ok(["status"]);
    let after = wait_quiet(|| all.count(|_| true));
    assert!(after - before < 50, "{before} lines, then {after}");
}

/// The count once it is the same for half a second; fails when it never rests.
fn wait_quiet(mut count: impl FnMut() -> usize) -> usize {
    let (mut last, mut since) = (usize::MAX, std::time::Instant::now());
    wait_for("quiet", Limit::secs(20), || {
        let now = count();
        if now != last {
            (last, since) = (now, std::time::Instant::now());
        }
        since.elapsed() > std::time::Duration::from_millis(500)
    });
    last
}

#[test]
fn a_reader_that_stands_still_holds_up_nobody_and_costs_little() {
    let node = Daemon::start("a");
    let mut reader = node.ctl().tail(["logs", "--level", "trace", "-n", "0"]);
    let streams = || limit(&node, "log_streams");
    wait_for("the stream", Limit::default(), || streams() == 1);
    reader.process().pause();
    let before = resident(&node);
    let skipped = || drops(&node, "log_lines_skipped");
    wait_for("lines that are left out", Limit::secs(60), || {
        chatter(&node, 500);
        skipped() > 0
    });
    let grown = resident(&node).saturating_sub(before);
    assert!(grown < 6 * 1024 * 1024, "{grown} bytes more");
    node.ctl().ok(["send", "nobody waits"]);
    reader.process().resume();
    let is_told = |line: &Value| line["skipped"].as_u64() > Some(0);
    wait_for("words on what was left out", Limit::default(), || {
        chatter(&node, 1);
        reader.count(is_told) > 0
    });
    drop(reader);
    wait_for("the end of the stream", Limit::default(), || streams() == 0);
    // Of a KiB each, fewer than 512 are kept.
    assert!((200..300).contains(&limit(&node, "log_lines")), "{}", limit(&node, "log_lines"));
}

#[test]
fn only_eight_follow_at_once() {
    let node = Daemon::start("a");
    let mut all: Vec<_> = (0..8).map(|_| node.ctl().tail(["logs"])).collect();
    wait_for("eight streams", Limit::default(), || limit(&node, "log_streams") == 8);
    let finished = node.ctl().run(["logs", "--no-follow"]);
    finished.assert_code(1);
    assert!(finished.stderr.contains("too many follow the log: 8 is the most"), "{finished:#?}");
    all.pop();
    wait_for("a place", Limit::default(), || limit(&node, "log_streams") == 7);
    node.ctl().ok(["logs", "--no-follow"]);
}

/// Makes the daemon say so many lines of a KiB.
fn chatter(node: &Daemon, lines: usize) {
    let filter: Vec<_> = (10..50).map(|n| format!("a_module_{n}=info")).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = Client::connect(node.socket()).await.unwrap();
        for _ in 0..lines {
            let set = LogRequest::Set { filter: filter.join(","), for_ms: None };
            client.request(Request::Log(set)).await.unwrap();
        }
    });
}

fn limit(node: &Daemon, name: &str) -> u64 {
    let rows = node.ctl().json(["status", "--limits"]);
    rows.iter().find(|row| row["name"] == name).unwrap()["used"].as_u64().unwrap()
}

fn drops(node: &Daemon, reason: &str) -> u64 {
    let status = node.ctl().json(["status"]);
    let drops = status[0]["drops"].as_array().unwrap();
    let found = drops.iter().find(|drop| drop["reason"] == reason);
    found.map_or(0, |drop| drop["count"].as_u64().unwrap())
}

fn resident(node: &Daemon) -> u64 {
    node.ctl().json(["status"])[0]["process"]["resident_bytes"].as_u64().unwrap()
}
