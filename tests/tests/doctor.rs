//! `meshchatctl doctor` with real daemons, and without one.
#![forbid(unsafe_code)]
#![expect(clippy::panic, reason = "helpers of tests")]

use std::process::Command;
use std::time::Duration;

use meshchat_tests::{Ctl, Daemon, Limit, TestDir, program, wait_for};
use serde_json::Value;

/// What the command promises, and some for a busy machine.
const LIMIT: Limit = Limit(Duration::from_secs(25));
/// User and group `nobody`.
const STRANGER: &str = "65534";

#[test]
fn without_a_daemon_it_says_what_it_sees() {
    let dir = TestDir::new();
    let ctl = Ctl::new(dir.join("control.sock")).limit(LIMIT);
    let finished = ctl.run(["doctor", "--json"]);
    finished.assert_code(8);
    let findings = finished.json();
    assert_eq!(of(&findings, "daemon")["grade"], "problem", "{findings:?}");
    assert_eq!(of(&findings, "socket")["subject"], dir.join("control.sock").to_str().unwrap());
    // The built daemon lies beside the built command line.
    let config = of(&findings, "config");
    assert_eq!(config["subject"], program("meshchatd").to_str().unwrap());
    assert_eq!(config["grade"], "ok", "{findings:?}");
}

#[test]
fn a_socket_left_behind_is_seen() {
    let mut daemon = Daemon::start("a");
    daemon.kill();
    let finished = daemon.ctl().limit(LIMIT).run(["doctor", "--json"]);
    finished.assert_code(8);
    let socket = of(&finished.json(), "socket").clone();
    assert!(socket["words"].as_str().unwrap().starts_with("mode 0"), "{socket}");
}

#[test]
fn a_stranger_is_told_which_group_to_join() {
    let as_stranger = ["--reuid", STRANGER, "--regid", STRANGER, "--clear-groups", "--"];
    let able = Command::new("setpriv").args(as_stranger).arg("true").output();
    if !able.is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: acting as another user needs root");
        return;
    }
    let daemon = Daemon::builder("a").config("group = \"games\"\n").start();
    let mut command = Command::new("setpriv");
    command.args(as_stranger).arg(program("meshchatctl")).env_clear();
    command.arg("--socket").arg(daemon.socket()).arg("doctor");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(13), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("group games\n"), "{text}");
    assert!(text.contains("fix: sudo usermod -aG games nobody\n"), "{text}");
}

#[test]
fn linked_nodes_are_examined_within_the_limit() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    wait_for("the link", Limit::default(), || {
        b.peers().iter().any(|peer| peer["state"] == "linked")
    });
    for daemon in [&a, &b] {
        let findings = daemon.ctl().limit(LIMIT).json(["doctor"]);
        for finding in findings {
            assert_eq!(finding["schema"], 1, "{finding}");
            assert!(finding["check"].is_string() && finding["fix"].is_array(), "{finding}");
        }
        let text = daemon.ctl().limit(LIMIT).ok(["doctor"]);
        assert!(!text.is_empty());
    }
}

fn of<'a>(findings: &'a [Value], check: &str) -> &'a Value {
    let found = findings.iter().find(|finding| finding["check"] == check);
    found.unwrap_or_else(|| panic!("nothing about {check}: {findings:?}"))
}
