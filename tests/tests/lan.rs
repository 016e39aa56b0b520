//! Nodes that nobody named find each other on a network, and bear with those who lie there.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::fs;
use std::io::Write as _;
use std::time::Instant;

use meshchat_proto::beacon::{Beacon, BeaconKey};
use meshchat_proto::id::NetworkId;
use meshchat_tests::{Builder, Daemon, Limit, Net, Process, TestDir, python, wait_for, wait_some};

#[test]
fn two_nodes_without_any_configuration_find_each_other() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    let mut a = plain("a", &net, "lan1").start();
    let began = Instant::now();
    let mut b = plain("b", &net, "lan2").start();
    linked(&[&a, &b]);
    eprintln!("linked {:?} after the start of the second", began.elapsed());
    let tail = b.follow();
    a.say("who is there?");
    tail.wait_text("who is there?");
    // The other way round, and both at once.
    a.start_again();
    linked(&[&a, &b]);
    a.kill();
    b.kill();
    a.start_again();
    b.start_again();
    linked(&[&a, &b]);
    assert!(a.peers().iter().all(|peer| peer["address"].as_str().unwrap().contains(":7117")));
}

#[test]
fn link_local_addresses_are_enough() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    for host in ["lan1", "lan2"] {
        net.exec(host, "ip", &["-4", "addr", "flush", "dev", "eth0"]);
        net.exec(host, "ip", &["addr", "flush", "dev", "eth0", "scope", "global"]);
    }
    let a = plain("a", &net, "lan1").start();
    let began = Instant::now();
    let b = plain("b", &net, "lan2").start();
    linked(&[&a, &b]);
    eprintln!("linked {:?} after the start of the second", began.elapsed());
    for node in [&a, &b] {
        let peers = node.peers();
        assert!(peers[0]["address"].as_str().unwrap().starts_with("[fe80::"), "{peers:#?}");
    }
}

#[test]
fn a_denied_interface_is_silent_until_it_is_allowed() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    count_beacons(&net, "lan1");
    count_beacons(&net, "lan2");
    let denied = Daemon::builder("a").config("interfaces = [\"*\", \"!eth*\"]\n");
    let a = denied.listen("[::]:7777").in_host(&net, "lan1").discovery().start();
    let b = plain("b", &net, "lan2").start();
    wait_for("beacons of b", Limit::default(), || beacons(&net, "lan2") >= 6);
    assert_eq!(beacons(&net, "lan1"), 0);
    assert_eq!(a.status()["links"], 0);

    fs::write(a.config_file(), "interfaces = [\"eth*\"]\n").unwrap();
    let applied = a.ctl().ok(["config", "reload"]);
    assert!(applied.contains("interfaces"), "{applied}");
    linked(&[&a, &b]);
    assert!(beacons(&net, "lan1") > 0);
}

#[test]
fn whoever_links_with_named_peers_only_neither_calls_nor_answers() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    count_beacons(&net, "lan1");
    count_beacons(&net, "lan2");
    let a = plain("a", &net, "lan1").env("MESHCHAT_ADMIT", "configured").start();
    let _b = plain("b", &net, "lan2").start();
    wait_for("beacons of b", Limit::default(), || beacons(&net, "lan2") >= 6);
    assert_eq!(beacons(&net, "lan1"), 0);
    assert_eq!(a.status()["links"], 0);
}

#[test]
fn a_cable_that_is_plugged_in_late_links_at_once() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    let b = Daemon::builder("b").in_host(&net, "lan2").start();
    net.cut("lan1");
    let a = Daemon::builder("a").in_host(&net, "lan1").peer("10.77.0.2:7777").start();
    wait_for("a long pause before the next try", Limit::secs(120), || {
        a.peers()[0]["next_try_ms"].as_u64().is_some_and(|pause| pause > 9000)
    });
    let began = Instant::now();
    net.heal("lan1");
    wait_for("a link long before that", Limit::secs(7), || a.status()["links"] == 1);
    eprintln!("linked {:?} after the cable was in", began.elapsed());
    linked(&[&a, &b]);
}

#[test]
fn nodes_find_each_other_when_the_cable_comes_later() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    net.cut("lan1");
    let a = plain("a", &net, "lan1").start();
    count_beacons(&net, "lan2");
    let b = plain("b", &net, "lan2").start();
    wait_for("rare beacons of b", Limit::secs(60), || beacons(&net, "lan2") >= 22);
    let began = Instant::now();
    net.heal("lan1");
    linked(&[&a, &b]);
    eprintln!("linked {:?} after the cable was in", began.elapsed());
}

#[test]
fn a_flood_of_forged_beacons_hides_no_neighbour_and_costs_little() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 3);
    count_dials(&net, "lan1");
    let mut a = plain("a", &net, "lan1").start();
    wait_for("the first beacon of a", Limit::default(), || limit(&a, "lan_interfaces") == 1);
    let before = resident_kib(&mut a);
    let began = Instant::now();
    let dir = TestDir::new();
    let mut forger = forge(&net, "lan3", &dir);
    wait_for("the flood", Limit::default(), || a.drops("beacons_rate") > 500);
    let b = plain("b", &net, "lan2").start();
    let second = Instant::now();
    wait_for("a and b are linked", Limit::secs(120), || a.status()["links"] == 1);
    eprintln!("linked {:?} after the start of the second", second.elapsed());
    assert!(b.status()["links"] == 1);
    assert!(forger.wait_exit(Limit::secs(60)).success());
    let heard = wait_some("the end of the flood", Limit::default(), || {
        let heard = a.drops("beacons_rate");
        std::thread::yield_now();
        (a.drops("beacons_rate") == heard).then_some(heard)
    });
    let grown = resident_kib(&mut a).saturating_sub(before);
    let minutes = 1 + began.elapsed().as_secs() / 60;
    let dialled = dials(&net, "lan1");
    eprintln!("{heard} dropped, {dialled} dialled, {grown} KiB more memory, {:?}", began.elapsed());
    assert!((1..=32 * minutes).contains(&dialled), "{dialled} dials in {minutes} minutes");
    assert!(grown < 8 * 1024, "{grown} KiB");
    assert!(limit(&a, "lan_neighbours") <= 64);
}

/// A daemon that is told where its files are, and nothing else.
fn plain(name: &str, net: &Net, host: &str) -> Builder {
    Daemon::builder(name).by_config().in_host(net, host).discovery()
}

/// Waits until each has exactly one link, and no dial is under way.
fn linked(nodes: &[&Daemon]) {
    for node in nodes {
        wait_for(&format!("one link of {}", node.name()), Limit::default(), || {
            let peers = node.peers();
            node.status()["links"] == 1 && peers.len() == 1 && peers[0]["state"] == "linked"
        });
    }
}

fn count_beacons(net: &Net, host: &str) {
    let rules = "table inet count { chain out { type filter hook output priority 0; \
        udp dport 7118 counter; }; }";
    net.exec(host, "nft", &[rules]);
}

/// Beacons that a host has sent.
fn beacons(net: &Net, host: &str) -> u64 {
    let shown = net.exec(host, "nft", &["list", "chain", "inet", "count", "out"]);
    let count = shown.split_once("packets ").unwrap().1;
    count.split_once(' ').unwrap().0.parse().unwrap()
}

fn count_dials(net: &Net, host: &str) {
    let rules = "table inet count { set ports { type inet_service; size 65535; flags dynamic; }; \
        chain out { type filter hook output priority 0; \
        udp dport 20000-59999 add @ports { udp dport }; }; }";
    net.exec(host, "nft", &[rules]);
}

/// Forged ports that a host has dialled.
fn dials(net: &Net, host: &str) -> u64 {
    let shown = net.exec(host, "nft", &["list", "set", "inet", "count", "ports"]);
    let Some((_, elements)) = shown.split_once("elements = {") else { return 0 };
    elements.split(',').count() as u64
}

/// Calls from a host with many addresses, nonces and ports, as fast as it can.
fn forge(net: &Net, host: &str, dir: &TestDir) -> Process {
    let key = BeaconKey::new(&NetworkId::OPEN);
    let mut file = fs::File::create(dir.join("beacons")).unwrap();
    let mut bytes = Vec::new();
    for n in 0..100_000u32 {
        let mut nonce = [0xee; 16];
        nonce.first_chunk_mut::<4>().unwrap().copy_from_slice(&n.to_be_bytes());
        let port = u16::try_from(20_000 + n % 40_000).unwrap();
        bytes.extend_from_slice(&key.seal(&Beacon { port, nonce }));
    }
    file.write_all(&bytes).unwrap();
    for last in 100..120 {
        net.exec(host, "ip", &["addr", "add", &format!("10.77.0.{last}/24"), "dev", "eth0"]);
    }
    let mut command = net.command(host, python());
    Process::spawn(command.args(["-c", FORGER]).arg(dir.join("beacons")))
}

const FORGER: &str = "
import socket, sys
beacons = open(sys.argv[1], 'rb').read()
sockets = []
for n in range(100):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((f'10.77.0.{100 + n % 20}', 0))
    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(s.getsockname()[0]))
    sockets.append(s)
for n in range(len(beacons) // 38):
    sockets[n % 100].sendto(beacons[n * 38:n * 38 + 38], ('239.255.71.17', 7118))
";

fn limit(node: &Daemon, name: &str) -> u64 {
    let rows = node.ctl().json(["status", "--limits"]);
    let row = rows.iter().find(|row| row["name"] == name);
    row.and_then(|row| row["used"].as_u64()).unwrap_or(0)
}

fn resident_kib(node: &mut Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", node.process().pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
