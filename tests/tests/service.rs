//! What the service manager is told.
#![forbid(unsafe_code)]

use std::fs;

use meshchat_tests::{Daemon, Limit, wait_for};
use nix::sys::signal::Signal;

#[test]
fn ready_status_reloading_and_stopping_are_told() {
    let other = Daemon::start("other");
    let mut node = Daemon::builder("a").config("").peer(other.listen()).start();
    let has = |node: &Daemon, line: &str| node.notices().iter().any(|notice| notice == line);
    assert!(has(&node, "READY=1"));
    wait_for("the status", Limit::default(), || {
        has(&node, "STATUS=1 links, 2 of 2 nodes reachable")
    });

    fs::write(node.config_file(), "log = \"debug\"\n").unwrap();
    node.process().signal(Signal::SIGHUP);
    wait_for("the reload", Limit::default(), || ready_after_reloading(&node.notices()));
    fs::write(node.config_file(), "logg = \"debug\"\n").unwrap();
    let before = count(&node, "RELOADING=1");
    node.process().signal(Signal::SIGHUP);
    wait_for("the refused reload", Limit::default(), || {
        count(&node, "RELOADING=1") == before + 1 && ready_after_reloading(&node.notices())
    });
    assert!(node.notices().iter().any(|line| line.starts_with("MONOTONIC_USEC=")));
    assert_eq!(count(&node, "WATCHDOG=1"), 0, "nobody asked for it");

    node.terminate(Limit::default());
    wait_for("the end", Limit::default(), || has(&node, "STOPPING=1"));
}

#[test]
fn the_watchdog_is_fed_by_a_loop_that_turns() {
    let mut node = Daemon::builder("a").env("WATCHDOG_USEC", "200000").start();
    wait_for("signs of life", Limit::default(), || count(&node, "WATCHDOG=1") >= 5);
    node.process().pause();
    let before = count(&node, "WATCHDOG=1");
    node.process().resume();
    wait_for("signs of life again", Limit::default(), || count(&node, "WATCHDOG=1") > before);
}

#[test]
fn a_watchdog_for_another_process_is_left_alone() {
    let node = Daemon::builder("a").env("WATCHDOG_USEC", "1000").env("WATCHDOG_PID", "1").start();
    node.say("some work");
    assert_eq!(count(&node, "WATCHDOG=1"), 0);
}

fn count(node: &Daemon, line: &str) -> usize {
    node.notices().iter().filter(|notice| *notice == line).count()
}

fn ready_after_reloading(notices: &[String]) -> bool {
    let last = |line: &str| notices.iter().rposition(|notice| notice == line);
    last("RELOADING=1").is_some_and(|reloading| last("READY=1") > Some(reloading))
}
