//! QUIC where UDP gets through, TCP where it does not, and the first of several addresses.
#![forbid(unsafe_code)]

use std::fs;
use std::time::{Duration, Instant};

use meshchat_tests::{Daemon, Limit, Net, wait_for, wait_some};

/// Two nodes on a switch; `a` dials `address` of `b`.
fn pair(net: &Net, address: &str) -> (Daemon, Daemon) {
    let at = |name, host| Daemon::builder(name).in_host(net, host).listen("[::]:7777");
    let b = at("b", "lan2").start();
    let a = at("a", "lan1").peer(address).start();
    (a, b)
}

/// What carries the only link, once it is there.
fn carrier(node: &Daemon) -> String {
    wait_some("a link", Limit::default(), || {
        let peers = node.ctl().json(["peers"]);
        let peer = peers.iter().find(|peer| peer["state"] == "linked")?;
        peer["carrier"].as_str().map(str::to_owned)
    })
}

fn talk(a: &Daemon, b: &Daemon) {
    let tails = [a.follow(), b.follow()];
    a.say("from a");
    b.say("from b");
    tails.iter().for_each(|tail| tail.wait_texts(&["from a", "from b"]));
}

#[test]
fn nodes_link_over_tcp_where_udp_is_blocked() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    net.run(["blockudp", "lan2", "on"]);
    let start = Instant::now();
    let (a, b) = pair(&net, "10.77.0.2:7777");
    a.wait_links(1);
    println!("linked over TCP after {:?}", start.elapsed());
    assert_eq!((carrier(&a), carrier(&b)), ("tcp".into(), "tcp".into()));
    assert!(a.ctl().ok(["peers"]).contains("over TCP"));
    talk(&a, &b);

    // A link by TCP notices a cut like any other, and comes back.
    net.hole("lan2", true);
    let tail = a.follow();
    tail.wait_node("b", "unreachable", Limit::secs(20));
    net.hole("lan2", false);
    a.wait_links(1);
    assert_eq!(carrier(&a), "tcp");
}

#[test]
fn a_link_over_tcp_goes_over_to_quic_when_udp_gets_through_again() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    net.run(["blockudp", "lan2", "on"]);
    let (a, b) = pair(&net, "10.77.0.2:7777");
    a.wait_links(1);
    assert_eq!(carrier(&a), "tcp");
    net.run(["blockudp", "lan2", "off"]);
    // It is tried after a minute.
    wait_for("the better carrier", Limit::secs(60 + 30), || carrier(&a) == "quic");
    talk(&a, &b);
    assert_eq!((a.status()["links"].as_u64(), carrier(&b)), (Some(1), "quic".into()));
    assert!(!a.log().contains(") is unreachable"), "{}", a.log());
}

#[test]
fn nodes_link_by_quic_where_udp_gets_through() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    let (a, b) = pair(&net, "10.77.0.2:7777");
    a.wait_links(1);
    assert_eq!((carrier(&a), carrier(&b)), ("quic".into(), "quic".into()));
    assert!(!a.ctl().ok(["peers"]).contains("over TCP"));
    talk(&a, &b);
}

#[test]
fn a_link_local_address_goes_by_the_name_of_its_interface() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    let shown =
        net.exec("lan2", "ip", &["-6", "-o", "addr", "show", "dev", "eth0", "scope", "link"]);
    let local = shown.split_whitespace().find(|word| word.starts_with("fe80::"));
    let local = local.and_then(|word| word.split('/').next()).expect("a link-local address");
    let (a, b) = pair(&net, &format!("[{local}%eth0]:7777"));
    a.wait_links(1);
    let peers = b.ctl().json(["peers"]);
    let address = peers.first().and_then(|peer| peer["address"].as_str()).unwrap_or_default();
    assert!(address.starts_with("[fe80::") && address.contains("%eth0]:"), "{address}");
}

#[test]
fn a_name_with_a_dead_first_address_links_by_its_second() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    // Read in a host of the network only, in place of /etc/hosts.
    let hosts = Hosts::new(&net, "lan1", "fd77::99 barn.test\n10.77.0.2 barn.test\n");
    let start = Instant::now();
    let (a, _b) = pair(&net, "barn.test:7777");
    a.wait_links(1);
    let took = start.elapsed();
    println!("linked by the second address after {took:?}");
    assert!(took < Duration::from_secs(5), "{took:?}");
    drop(hosts);
}

/// The hosts file that `ip netns exec` shows to the programs in a namespace.
struct Hosts(std::path::PathBuf);

impl Hosts {
    fn new(net: &Net, host: &str, lines: &str) -> Self {
        let folder = std::path::Path::new("/etc/netns").join(net.namespace(host));
        fs::create_dir_all(&folder).expect("the folder of the namespace");
        fs::write(folder.join("hosts"), lines).expect("the hosts file");
        Self(folder)
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        // What stays behind is a folder that nobody reads.
        fs::remove_dir_all(&self.0).ok();
    }
}
