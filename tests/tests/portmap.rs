//! Nodes behind routers that give mappings. The router is miniupnpd, a real one; where it is not
//! installed, these tests skip.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use meshchat_tests::{Builder, Daemon, Limit, Net, Process, TestDir, wait_for};
use serde_json::Value;

/// The node of a home that can be told apart from its router.
const HOME: &str = "10.80.0.1";

/// A symmetric router that speaks PCP and NAT-PMP, before a home with one host `home1`.
struct Router {
    /// Where it is on the internet.
    address: String,
    program: Option<Process>,
    dir: TestDir,
}

impl Router {
    /// In a network that has `net` for an internet.
    fn new(net: &Net) -> Self {
        net.lan_at("home", 1, "10.80.0");
        let address = net.run(["nat", "router", "home", "net", "symmetric"]).trim().to_owned();
        let dir = TestDir::new();
        fs::write(dir.join("tables"), TABLES).unwrap();
        fs::write(dir.join("settings"), SETTINGS).unwrap();
        let mut router = Self { address, program: None, dir };
        router.stop(net);
        router.start(net);
        router
    }

    /// Ends it, with all its mappings.
    fn stop(&mut self, net: &Net) {
        self.program = None;
        let tables = self.dir.join("tables");
        net.exec("router", "nft", &["-f", tables.to_str().unwrap()]);
    }

    fn start(&mut self, net: &Net) {
        let mut command = net.command("router", "miniupnpd");
        command.arg("-d").arg("-f").arg(self.dir.join("settings"));
        command.arg("-P").arg(self.dir.join("pid"));
        command.stdout(Stdio::null()).stderr(Stdio::null());
        self.program = Some(Process::spawn(&mut command));
    }

    /// How many mappings are in force.
    fn mappings(net: &Net) -> usize {
        let chain = ["list", "chain", "inet", "mini", "mini_pre"];
        let rules = net.exec("router", "nft", &chain);
        let wanted = format!("dnat ip to {HOME}:{}", Daemon::NET_PORT);
        rules.lines().filter(|rule| rule.trim_end().ends_with(&wanted)).count()
    }
}

/// An internet with one open node, or none where it cannot be had.
fn internet() -> Option<(Net, Daemon)> {
    if let Err(error) = Command::new("miniupnpd").arg("--version").stdout(Stdio::null()).status() {
        eprintln!("skipped: no miniupnpd ({error}); in Debian it is in miniupnpd-nftables");
        return None;
    }
    let net = Net::or_skip()?;
    // Addresses that are not for examples: miniupnpd maps none of those.
    net.lan_at("net", 1, "5.77.0");
    let open = Daemon::builder("open").in_host(&net, "net1").arg("--admit").arg("anyone").start();
    Some((net, open))
}

fn node(net: &Net, name: &str, host: &str) -> Builder {
    let node = Daemon::builder(name).in_host(net, host).peer("5.77.0.1:7777").links("4-8");
    node.arg("--admit").arg("anyone")
}

fn peer(node: &Daemon, name: &str) -> Option<Value> {
    node.peers().into_iter().find(|peer| peer["name"] == name && peer["state"] == "linked")
}

#[test]
fn a_node_behind_a_symmetric_router_is_dialled_at_its_mapping() {
    let Some((net, _open)) = internet() else { return };
    let router = Router::new(&net);
    // Behind another one that gives nothing: the two can only meet at the mapping.
    net.lan_at("away", 1, "10.81.0");
    net.run(["nat", "other", "away", "net", "symmetric"]);
    let b = node(&net, "b", "away1").start();
    let mut a = node(&net, "a", "home1").mapping().start();
    wait_for("mappings for UDP and TCP", Limit::default(), || Router::mappings(&net) == 2);
    wait_for("a link of a and b", Limit::secs(30), || peer(&b, "a").is_some());
    let mapped = format!("{}:{}", router.address, Daemon::NET_PORT);
    assert_eq!(peer(&b, "a").unwrap()["address"], mapped.as_str());
    let tail = b.follow();
    a.say("through the door");
    tail.wait_text("through the door");

    assert!(a.terminate(Limit::default()).success());
    assert_eq!(Router::mappings(&net), 0, "given back at the end");
}

#[test]
fn a_router_that_starts_anew_is_asked_again() {
    let Some((net, _open)) = internet() else { return };
    let mut router = Router::new(&net);
    let _a = node(&net, "a", "home1").mapping().start();
    wait_for("mappings for UDP and TCP", Limit::default(), || Router::mappings(&net) == 2);
    let mapped = Instant::now();
    // A router tells by its clock that it started anew; it must have been on for a moment.
    wait_for("an older router", Limit::default(), || mapped.elapsed() > Duration::from_secs(4));
    router.stop(&net);
    assert_eq!(Router::mappings(&net), 0, "all forgotten");
    router.start(&net);
    let began = Instant::now();
    wait_for("the mappings again", Limit::default(), || Router::mappings(&net) == 2);
    eprintln!("mapped again after {:?}", began.elapsed());
}

#[test]
fn a_node_that_was_killed_gets_its_mapping_again() {
    let Some((net, _open)) = internet() else { return };
    let _router = Router::new(&net);
    let mut a = node(&net, "a", "home1").mapping().start();
    let given = |a: &Daemon| a.log().matches("the router lets others in at").count();
    wait_for("a mapping", Limit::default(), || given(&a) == 1);
    a.kill();
    assert_eq!(Router::mappings(&net), 2, "nobody gave them back");
    a.start_again();
    // Only who shows the secret of the first time gets it.
    wait_for("the same again", Limit::default(), || given(&a) == 2);
}

#[test]
fn nothing_is_asked_where_it_is_switched_off_until_it_is_on() {
    let Some((net, _open)) = internet() else { return };
    let _router = Router::new(&net);
    let a = Daemon::builder("a").in_host(&net, "home1").mapping().config("mapping = \"off\"\n");
    let a = a.start();
    fs::write(a.config_file(), "mapping = \"auto\"\n").unwrap();
    let applied = a.ctl().ok(["config", "reload"]);
    assert!(applied.contains("mapping: off -> auto"), "{applied}");
    wait_for("mappings", Limit::default(), || Router::mappings(&net) == 2);
    fs::write(a.config_file(), "mapping = \"off\"\n").unwrap();
    a.ctl().ok(["config", "reload"]);
    wait_for("no mappings", Limit::default(), || Router::mappings(&net) == 0);
}

/// Where miniupnpd puts its rules; made anew, they are empty.
const TABLES: &str = "\
table inet mini {}
delete table inet mini
table inet mini {
  chain pre { type nat hook prerouting priority -110; jump mini_pre; }
  chain post { type nat hook postrouting priority 90; jump mini_post; }
  chain mini_fwd {}
  chain mini_pre {}
  chain mini_post {}
}
";

const SETTINGS: &str = "\
ext_ifname=wan
listening_ip=lan
enable_natpmp=yes
enable_upnp=no
secure_mode=yes
upnp_table_name=mini
upnp_nat_table_name=mini
upnp_forward_chain=mini_fwd
upnp_nat_chain=mini_pre
upnp_nat_postrouting_chain=mini_post
allow 1024-65535 10.80.0.0/24 1024-65535
";
