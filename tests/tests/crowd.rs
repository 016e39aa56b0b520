//! Many nodes that boot in the same second, as after a power cut.
#![forbid(unsafe_code)]

use std::time::Instant;

use meshchat_tests::{Builder, Daemon, Limit, Net};

const NODES: u64 = 30;
/// The promise is 20 s; the rest is for a small machine that runs all of them.
const LINKED: Limit = Limit::secs(20 + 20);

#[test]
fn thirty_nodes_that_boot_in_the_same_second_are_one_mesh() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 30);
    let mut nodes: Vec<Daemon> = (1..=NODES)
        .map(|n| Daemon::builder(format!("n{n}")).in_host(&net, &format!("lan{n}")).discovery())
        .map(Builder::launch)
        .collect();
    let began = Instant::now();
    nodes.iter_mut().for_each(Daemon::wait_ready);
    for node in &nodes {
        node.wait_reachable(NODES, Limit(LINKED.0.saturating_sub(began.elapsed())));
    }
    eprintln!("one mesh after {:.1} s", began.elapsed().as_secs_f32());
    let links: Vec<u64> =
        nodes.iter().map(|node| node.status()["links"].as_u64().unwrap_or_default()).collect();
    eprintln!("links of each: {links:?}");
    assert!(links.iter().all(|links| *links >= 4), "{links:?}");
    assert!(links.iter().sum::<u64>() < NODES * 16, "more than it takes: {links:?}");
    // Links that replace each other are nobody's loss.
    for node in &nodes {
        assert!(!node.log().contains(") is unreachable"), "{}", node.log());
    }
    let tail = nodes[0].follow();
    nodes[29].say("all here");
    tail.wait_text("all here");
}
