//! Nodes learn of each other, and know each other still after those who introduced them are gone.
#![forbid(unsafe_code)]

use std::fs;

use meshchat_proto::id::NodeId;
use meshchat_tests::{Daemon, Limit, Net, wait_for};

fn linked(node: &Daemon, other: &str) -> bool {
    node.peers().iter().any(|peer| peer["name"] == other && peer["state"] == "linked")
}

#[test]
fn addresses_outlive_the_one_who_told_them_and_a_restart() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 3);
    let node =
        |n: usize| Daemon::builder(format!("n{n}")).in_host(&net, &format!("lan{n}")).links("4-8");
    let mut middle = node(2).start();
    let [mut one, mut three] = [1, 3].map(|n| node(n).peer("10.77.0.2:7777").start());
    wait_for("a link that nobody asked for", Limit::default(), || linked(&one, "n3"));
    let peers = one.peers();
    let third = peers.iter().find(|peer| peer["name"] == "n3").expect("it was there");
    assert!(["mesh", "inbound"].iter().any(|source| third["source"] == *source), "{third}");

    // One ends well, the other as in a power cut, once it has written down what it heard.
    let id: NodeId = third["node"].as_str().and_then(|id| id.parse().ok()).expect("it has an id");
    wait_for("the address on disk", Limit::default(), || {
        let book = fs::read(one.state_dir().join("contacts")).unwrap_or_default();
        book.windows(32).any(|bytes| bytes == id.0)
    });
    middle.kill();
    one.kill();
    three.terminate(Limit::default());
    // Both start anew, and the only peer that they were told of is no more.
    one.start_again();
    three.start_again();
    wait_for("what they remember", Limit::secs(60), || linked(&one, "n3"));
    let tail = three.follow();
    one.say("still here");
    tail.wait_text("still here");
}

#[test]
fn who_links_with_named_peers_only_is_left_alone() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 3);
    let node = |n: usize| Daemon::builder(format!("n{n}")).in_host(&net, &format!("lan{n}"));
    let _middle = node(2).links("4-8").start();
    let one = node(1).links("4-8").peer("10.77.0.2:7777").start();
    let shy = node(3).arg("--admit").arg("configured").peer("10.77.0.2:7777").start();
    shy.wait_reachable(3, Limit::default());
    let refused = || one.peers().iter().all(|peer| peer["name"] != "n3" || peer["tries"] != 0);
    wait_for("a refusal or none at all", Limit::default(), refused);
    assert_eq!(shy.status()["links"], 1);
    let far = one.node("n3").expect("it is known");
    assert_eq!((far["hops"].as_u64(), far["via"].as_str()), (Some(2), Some("n2")));
}
