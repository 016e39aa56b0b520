//! Many nodes on one switch: they start at once, split, and find together again.
#![forbid(unsafe_code)]

use meshchat_tests::{Daemon, Limit, Net, Tail, wait_for};

#[test]
fn twenty_nodes_in_a_ring_with_chords_start_at_once_and_converge() {
    const NODES: usize = 20;
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", NODES);
    let launch = |index: usize| {
        let to = |step: usize| format!("10.77.0.{}:7777", (index + step) % NODES + 1);
        let (name, host) = (format!("n{index}"), format!("lan{}", index + 1));
        Daemon::builder(name).in_host(&net, &host).peer(to(1)).peer(to(7)).launch()
    };
    let mut nodes: Vec<Daemon> = (0..NODES).map(launch).collect();
    nodes.iter_mut().for_each(Daemon::wait_ready);
    nodes.iter().for_each(|node| node.wait_reachable(NODES as u64, Limit::default()));

    let tails: Vec<Tail> = nodes.iter().map(Daemon::follow).collect();
    let texts: Vec<String> = nodes.iter().map(|node| format!("from {}", node.name())).collect();
    for (node, text) in nodes.iter().zip(&texts) {
        node.say(text);
    }
    for tail in &tails {
        tail.wait_texts(&texts);
        tail.assert_once(&texts);
    }
    for node in &nodes {
        wait_for(&format!("four links of {}", node.name()), Limit::default(), || {
            node.status()["links"] == 4
        });
        assert!(node.peers().iter().all(|peer| peer["state"] == "linked"), "{:#?}", node.peers());
    }
}

#[test]
fn a_mesh_splits_in_two_and_grows_together() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 6);
    let start = |index: usize| {
        let builder = Daemon::builder(format!("n{index}")).in_host(&net, &format!("lan{index}"));
        let earlier = (1..index).map(|peer| format!("10.77.0.{peer}:7777"));
        earlier.fold(builder, |builder, peer| builder.peer(peer)).start()
    };
    let nodes: Vec<Daemon> = (1..=6).map(start).collect();
    nodes.iter().for_each(|node| node.wait_reachable(6, Limit::default()));
    let tails: Vec<Tail> = nodes.iter().map(Daemon::follow).collect();

    part_halves(&net, true);
    nodes.iter().for_each(|node| node.wait_reachable(3, Limit::secs(60)));
    let texts: Vec<String> = nodes.iter().map(|node| format!("split, {}", node.name())).collect();
    for (node, text) in nodes.iter().zip(&texts) {
        node.say(text);
    }
    for (half, texts) in tails.chunks(3).zip(texts.chunks(3)) {
        half.iter().for_each(|tail| tail.wait_texts(texts));
    }
    assert_eq!(tails[0].count(|line| line["text"] == texts[5].as_str()), 0);

    part_halves(&net, false);
    for tail in &tails {
        tail.wait_texts(&texts);
        tail.assert_once(&texts);
    }
    nodes.iter().for_each(|node| node.wait_reachable(6, Limit::default()));
    nodes.iter().for_each(|node| node.wait_links(5));
}

#[test]
fn two_that_name_each_other_keep_one_link() {
    let Some(net) = Net::or_skip() else { return };
    net.lan("lan", 2);
    let launch =
        |name, host, peer: &str| Daemon::builder(name).in_host(&net, host).peer(peer).launch();
    let mut a = launch("a", "lan1", "10.77.0.2:7777");
    let mut b = launch("b", "lan2", "10.77.0.1:7777");
    a.wait_ready();
    b.wait_ready();
    let tail = b.follow();
    for turn in 0..20 {
        let text = format!("{turn} from a");
        a.say(&text);
        tail.wait_text(&text);
        tail.assert_once(&[text]);
    }
    for node in [&a, &b] {
        wait_for("one link and nothing else", Limit::default(), || {
            let peers = node.peers();
            node.status()["links"] == 1 && peers.len() == 1 && peers[0]["state"] == "linked"
        });
    }
}

fn part_halves(net: &Net, on: bool) {
    for one in 1..=3 {
        for other in 4..=6 {
            net.part(&format!("lan{one}"), &format!("lan{other}"), on);
        }
    }
}
