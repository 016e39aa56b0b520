//! From the moment a link can stand to the first message across it.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use meshchat_proto::control::Request;
use meshchat_tests::{Daemon, Net};

use crate::control::Control;
use crate::mesh;
use crate::stats::{median, quantile};
use crate::table::{Table, Target};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let runs = if quick { 5 } else { 11 };
    dial(runs, table);
    if !Net::available() {
        return table.skipped("healed network to first message", "no network namespaces here");
    }
    for cut in [Duration::from_secs(3), Duration::from_secs(10)] {
        heal(if quick { 2 } else { 5 }, cut, table);
    }
}

/// What was said before the link stood arrives over it.
fn dial(runs: u64, table: &mut Table) {
    let (one, other) = (mesh::start(Daemon::builder("a")), mesh::start(Daemon::builder("b")));
    let address = other.listen().to_string();
    let mut client = Control::connect(&one.socket());
    let mut tail = Control::tail(&other.socket());
    let mut took = Vec::new();
    for number in 0..runs {
        say(&mut client, number);
        let began = Instant::now();
        let reply =
            client.ask(Request::Connect { address: address.clone(), once: true, key: None });
        assert!(reply.error.is_none(), "{reply:?}");
        assert_eq!(tail.heard(), Some(number), "the message said before the link stood");
        took.push(began.elapsed().as_secs_f64() * 1e3);
        client.ask(Request::Disconnect { peer: address.clone() });
        mesh::await_links(&one, 0);
        mesh::await_links(&other, 0);
    }
    row("dial to first message", &took, "handshake, greeting, catch-up".into(), table);
}

/// The network swallows everything for a while; what was said meanwhile arrives when it heals.
fn heal(runs: u64, cut: Duration, table: &mut Table) {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    know_each_other(&net);
    let one = mesh::start(Daemon::builder("a").in_host(&net, "lan1"));
    let peer = format!("10.77.0.1:{}", Daemon::NET_PORT);
    let other = mesh::start(Daemon::builder("b").in_host(&net, "lan2").peer(peer));
    mesh::await_links(&one, 1);
    let mut client = Control::connect(&one.socket());
    let mut tail = Control::tail(&other.socket());
    say(&mut client, 0);
    assert_eq!(tail.heard(), Some(0));
    let (mut took, mut switching) = (Vec::new(), Vec::new());
    for number in 1..=runs {
        net.hole("lan2", true);
        thread::sleep(cut);
        say(&mut client, number);
        let began = Instant::now();
        let heard = thread::scope(|scope| {
            let hearing = scope.spawn(|| (tail.heard(), began.elapsed()));
            net.hole("lan2", false);
            switching.push(began.elapsed().as_secs_f64() * 1e3);
            hearing.join().unwrap()
        });
        assert_eq!(heard.0, Some(number), "the message said while the network was down");
        took.push(heard.1.as_secs_f64() * 1e3);
        thread::sleep(Duration::from_secs(2));
    }
    let note = format!("of it {:.0} ms to switch the network on", median(&switching));
    row(&format!("healed after {} s to first message", cut.as_secs()), &took, note, table);
}

/// Or the kernel, asking once a second where the other is, would be measured.
fn know_each_other(net: &Net) {
    for (host, other, address) in [("lan1", "lan2", "10.77.0.2"), ("lan2", "lan1", "10.77.0.1")] {
        let mac = net.exec(other, "cat", &["/sys/class/net/eth0/address"]);
        let neighbour =
            ["neigh", "replace", address, "lladdr", mac.trim(), "dev", "eth0", "nud", "permanent"];
        net.exec(host, "ip", &neighbour);
    }
}

/// The target is for each time, so the longest counts.
fn row(what: &str, took: &[f64], note: String, table: &mut Table) {
    let note = format!("the longest of {}, median {:.0} ms; {note}", took.len(), median(took));
    table.row(what, quantile(took, 1.0), "ms", Target::Most(250.0), note);
}

fn say(client: &mut Control, number: u64) {
    let request = client.say(number);
    client.writer().write_all(&request).unwrap();
    client.frame().unwrap_or_else(|| panic!("the message was not accepted"));
}
