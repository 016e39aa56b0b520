//! `meshchatctl doctor` with real daemons, and without one.
#![forbid(unsafe_code)]
#![expect(clippy::panic, clippy::indexing_slicing, reason = "helpers of tests")]

use std::process::Command;
use std::time::Duration;

use meshchat_tests::{Ctl, Daemon, Limit, Net, TestDir, program, wait_for};
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

/// A node at home behind a router of this kind, linked with two in the open.
fn at_home(kind: &str) -> Option<(Net, Vec<Daemon>)> {
    let net = Net::or_skip()?;
    net.lan_at("net", 2, "10.78.0");
    net.lan_at("home", 1, "10.80.1");
    let router = net.run(["nat", "gw", "home", "net", kind]);
    for host in ["net1", "net2"] {
        // Only used where addresses are not translated.
        net.exec(host, "ip", &["route", "add", "10.80.1.0/24", "via", router.trim()]);
    }
    let open = |n: usize| {
        let node = Daemon::builder(format!("open{n}")).in_host(&net, &format!("net{n}"));
        node.arg("--admit").arg("anyone").start()
    };
    let mut nodes = vec![open(1), open(2)];
    let home = Daemon::builder("home").in_host(&net, "home1");
    nodes.push(home.peer("10.78.0.1:7777").peer("10.78.0.2:7777").start());
    nodes[2].wait_links(2);
    Some((net, nodes))
}

#[test]
fn the_kind_of_router_and_what_comes_through_are_proven() {
    for (kind, word, reached) in
        [("restricted", "cone", false), ("symmetric", "symmetric", false), ("route", "", true)]
    {
        let Some((_net, nodes)) = at_home(kind) else { return };
        let findings = nodes[2].ctl().limit(LIMIT).json(["doctor"]);
        let nat = of(&findings, "nat")["words"].as_str().unwrap();
        assert!(nat.contains(word), "{kind}: {nat}");
        let reach = findings.iter().filter(|finding| finding["check"] == "reach");
        for finding in reach {
            assert_eq!(finding["grade"] == "ok", reached, "{kind}: {finding}");
        }
    }
}

#[test]
fn a_closed_way_for_udp_is_found() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    net.run(["blockudp", "lan2", "on"]);
    let a = Daemon::builder("a").in_host(&net, "lan1").start();
    let b = Daemon::builder("b").in_host(&net, "lan2").peer("10.77.0.1:7777").start();
    b.wait_links(1);
    let finished = b.ctl().limit(LIMIT).run(["doctor", "--json"]);
    finished.assert_code(1);
    let findings = finished.json();
    assert_ne!(of(&findings, "carrier")["grade"], "ok", "{findings:?}");
    let reach = |subject: &str| {
        let about = |finding: &&Value| finding["check"] == "reach" && finding["subject"] == subject;
        findings.iter().find(about).unwrap()["grade"].clone()
    };
    assert_eq!((reach("UDP"), reach("TCP")), ("problem".into(), "ok".into()));
    drop(a);
}

#[test]
fn neighbours_on_link_local_addresses_reach_each_other_both_ways() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    let node = |n: usize| {
        let node = Daemon::builder(format!("n{n}")).in_host(&net, &format!("lan{n}"));
        node.listen("[::]:7777").discovery().start()
    };
    let nodes = [node(1), node(2)];
    nodes[0].wait_links(1);
    let findings = nodes[0].ctl().limit(LIMIT).json(["doctor"]);
    let mut reach = findings.iter().filter(|finding| finding["check"] == "reach");
    assert!(reach.all(|finding| finding["grade"] == "ok"), "{findings:#?}");
}
