//! Who may link: neighbours, those that were named, and nobody else unless the door is open.
#![forbid(unsafe_code)]

use meshchat_tests::{Builder, Daemon, Limit, Net, wait_for};
use serde_json::Value;

/// A node behind a plain router, and one at the other side of it that it names.
struct Routed {
    net: Net,
}

const SERVER: &str = "10.77.0.1:7777";
const CLIENT: &str = "10.78.0.1:7777";

impl Routed {
    fn or_skip() -> Option<Self> {
        let net = Net::or_skip()?;
        net.lan("out", 1);
        net.lan_at("in", 1, "10.78.0");
        let router = net.run(["nat", "gw", "in", "out", "route"]);
        net.exec("out1", "ip", &["route", "add", "10.78.0.0/24", "via", router.trim()]);
        Some(Self { net })
    }

    fn server(&self) -> Builder {
        Daemon::builder("server").in_host(&self.net, "out1")
    }

    fn client(&self) -> Builder {
        Daemon::builder("client").in_host(&self.net, "in1")
    }
}

#[test]
fn a_stranger_is_refused_and_both_sides_say_so() {
    let Some(routed) = Routed::or_skip() else { return };
    let server = routed.server().start();
    let client = routed.client().peer(SERVER).start();
    wait_for("the refusal", Limit::default(), || only_peer(&client)["state"] == "refused");
    let peer = only_peer(&client);
    assert_eq!(peer["error"], "the node does not admit us");
    assert!(peer["next_try_ms"].is_u64(), "{peer}");
    let status = client.ctl().run(["peers", "status"]);
    status.assert_code(4);
    assert!(status.stdout.contains("the node does not admit us"), "{status:?}");
    assert_eq!(server.status()["links"], 0);
    wait_for("a word in the log", Limit::default(), || {
        server.log().contains("at 10.78.0.1:7777: it is not admitted")
    });
    assert!(server.drops("not_admitted") > 0);
}

#[test]
fn an_open_door_admits_anyone() {
    let Some(routed) = Routed::or_skip() else { return };
    let server = routed.server().arg("--admit").arg("anyone").start();
    let client = routed.client().peer(SERVER).start();
    server.wait_links(1);
    client.wait_links(1);
    let notes = server.status()["notes"].to_string();
    assert!(notes.contains("anyone who can reach this port may link"), "{notes}");
}

#[test]
fn whoever_is_named_is_admitted() {
    let Some(routed) = Routed::or_skip() else { return };
    let server = routed.server().start();
    let client = routed.client().peer(SERVER).start();
    wait_for("the refusal", Limit::default(), || only_peer(&client)["state"] == "refused");
    server.ctl().ok(["connect", CLIENT]);
    server.wait_links(1);
    client.wait_links(1);
    wait_for("one clean link", Limit::default(), || only_peer(&client)["state"] == "linked");
}

#[test]
fn only_the_configured_are_admitted_if_so_told() {
    let server = Daemon::builder("server").arg("--admit").arg("configured").start();
    let client = Daemon::builder("client").peer(server.listen()).start();
    wait_for("the refusal", Limit::default(), || only_peer(&client)["state"] == "refused");
    assert_eq!(server.status()["links"], 0);
}

#[test]
fn who_is_refused_is_never_told_that_it_is_connected() {
    let server = Daemon::builder("server").arg("--admit").arg("configured").start();
    let client = Daemon::builder("client").start();
    let address = server.listen().to_string();
    for _ in 0..3 {
        let said = client.ctl().run(["connect", &address]);
        said.assert_code(4);
        assert!(said.stderr.contains("the node does not admit us"), "{said:?}");
        client.ctl().ok(["disconnect", &address]);
    }
    let log = client.log();
    assert!(!log.contains("linked to") && !log.contains("server"), "{log}");
}

fn only_peer(node: &Daemon) -> Value {
    let peers = node.peers();
    assert_eq!(peers.len(), 1, "{peers:#?}");
    peers.into_iter().next().unwrap_or_default()
}
