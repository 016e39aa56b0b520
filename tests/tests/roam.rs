//! A node whose address changes keeps its links, or has them back before anyone is missed.
#![forbid(unsafe_code)]
#![expect(clippy::indexing_slicing, reason = "helpers of tests")]

use meshchat_tests::{Daemon, Limit, Net, wait_for};

/// Two hosts on a LAN; the second node has dialled the first, or the first the second.
fn pair(net: &Net, dialler: usize) -> [Daemon; 2] {
    net.lan("lan", 2);
    // IPv6 would carry the link whatever becomes of the IPv4 address.
    for host in ["lan1", "lan2"] {
        net.exec(host, "ip", &["-6", "address", "flush", "dev", "eth0"]);
    }
    let node = |n: usize| {
        let node = Daemon::builder(format!("n{n}")).in_host(net, &format!("lan{n}")).links("4-8");
        if n == dialler { node.peer(format!("10.77.0.{}:7777", 3 - n)) } else { node }.start()
    };
    let nodes = [node(1), node(2)];
    nodes.iter().for_each(|node| node.wait_reachable(2, Limit::default()));
    nodes
}

fn moves(net: &Net, host: &str, from: &str, to: &str) {
    // In this order: the second address of a subnet would go with the first.
    net.exec(host, "ip", &["address", "delete", from, "dev", "eth0"]);
    net.exec(host, "ip", &["address", "add", to, "dev", "eth0"]);
}

/// The second host gets another address under a live link that this one dialled.
fn survives(dialler: usize) {
    let Some(net) = Net::or_skip() else { return };
    let nodes = pair(&net, dialler);
    let tails = [nodes[0].follow(), nodes[1].follow()];
    nodes[1].say("before");
    tails[0].wait_text("before");
    moves(&net, "lan2", "10.77.0.2/24", "10.77.0.77/24");
    nodes[1].say("on the move");
    tails[0].wait_text("on the move");
    nodes[0].say("and back");
    tails[1].wait_text("and back");
    if dialler == 2 {
        // Otherwise the list shows the address that was named.
        let moved = || nodes[0].peers().iter().any(|peer| peer["address"] == "10.77.0.77:7777");
        wait_for("the new address to be seen", Limit::default(), moved);
    }
    for (node, other) in nodes.iter().zip(["n2", "n1"]) {
        let known = node.node(other).expect("it is known");
        assert_eq!(known["state"], "reachable");
        let log = node.log();
        assert!(!log.contains(") is unreachable"), "somebody was missed:\n{log}");
    }
}

#[test]
fn a_link_that_we_dialled_goes_on_from_another_address() {
    survives(2);
}

#[test]
fn a_link_that_the_other_dialled_is_replaced_before_it_is_missed() {
    survives(1);
}

#[test]
fn a_cable_goes_in_elsewhere() {
    let Some(net) = Net::or_skip() else { return };
    let nodes = pair(&net, 2);
    net.cut("lan2");
    wait_for("the loss", Limit::secs(30), || nodes[0].status()["links"] == 0);
    moves(&net, "lan2", "10.77.0.2/24", "10.77.0.99/24");
    net.heal("lan2");
    nodes.iter().for_each(|node| node.wait_reachable(2, Limit::default()));
}
