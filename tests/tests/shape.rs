//! The shape of the mesh as it is shown: the graph, the ways, the hops, and what is missing.
#![forbid(unsafe_code)]

use meshchat_tests::{Daemon, Limit, Net, Tail, wait_for};
use serde_json::Value;

/// A dead link is noticed within 16 s, told 5 s later; the rest is for a busy machine.
const TOLD: Limit = Limit::secs(16 + 5 + 9);

/// `n1` to `n4`, each linked to the one before.
fn chain(net: &Net) -> Vec<Daemon> {
    net.lan("lan", 4);
    let start = |index: usize| {
        let builder = Daemon::builder(format!("n{index}")).in_host(net, &format!("lan{index}"));
        let before = format!("10.77.0.{}:7777", index - 1);
        if index == 1 { builder.start() } else { builder.peer(before).start() }
    };
    let nodes: Vec<Daemon> = (1..=4).map(start).collect();
    nodes.iter().for_each(|node| node.wait_reachable(4, Limit::default()));
    nodes
}

fn names(list: &Value) -> Vec<&str> {
    let names = list.as_array().into_iter().flatten();
    names.filter_map(|item| item["name"].as_str().or(item.as_str())).collect()
}

#[test]
fn a_chain_shows_what_it_hangs_on_and_how_far_it_is() {
    let Some(net) = Net::or_skip() else { return };
    let nodes = chain(&net);
    let ctl = nodes[0].ctl();

    let graph = ctl.json(["peers", "graph"]).swap_remove(0);
    let of = |node: &Value| (node["name"].as_str().unwrap().to_owned(), node["cut"] == true);
    let mut cut: Vec<_> = graph["nodes"].as_array().unwrap().iter().map(of).collect();
    cut.sort();
    assert_eq!(cut.iter().map(|(_, cut)| *cut).collect::<Vec<_>>(), [false, true, true, false]);
    let links = graph["links"].as_array().unwrap();
    assert!(links.len() == 3 && links.iter().all(|link| link["both"] == true), "{links:#?}");
    let text = ctl.ok(["peers", "graph"]);
    assert!(
        text.contains("● n1  this node\n╘═ ◆ n2\n   ╘═ ◆ n3\n      ╘═ ● n4\n"),
        "the tree is another:\n{text}"
    );
    for (format, start) in [("dot", "graph mesh {\n"), ("mermaid", "graph LR\n")] {
        assert!(ctl.ok(["peers", "graph", "--format", format]).starts_with(start));
    }
    assert!(ctl.ok(["peers"]).starts_with("1 of 1 peers linked\n"));

    let far = nodes[0].node("n4").unwrap();
    assert_eq!((far["hops"].as_u64(), names(&far["path"])), (Some(3), vec!["n2", "n3", "n4"]));
    let table = ctl.ok(["nodes"]);
    assert!(table.contains(" direct ") && table.contains(" relayed via n2, n3 "), "{table}");

    let hops = ctl.json(["trace", "n4"]);
    let hops: Vec<_> =
        hops.iter().map(|hop| (hop["name"].as_str().unwrap(), &hop["answers"])).collect();
    assert_eq!(hops, [("n2", &3.into()), ("n3", &3.into()), ("n4", &3.into())]);
    ctl.run(["trace", "n9"]).assert_code(10);
}

#[test]
fn a_hop_that_is_gone_is_shown_and_the_rest_is_measured() {
    let Some(net) = Net::or_skip() else { return };
    let mut nodes = chain(&net);
    nodes[3].process().pause();
    let traced = nodes[0].ctl().run(["trace", "n4", "--timeout", "300ms", "--json"]);
    traced.assert_code(4);
    let hops = traced.json();
    let answers: Vec<_> = hops.iter().map(|hop| hop["answers"].as_u64().unwrap()).collect();
    assert_eq!(answers, [3, 3, 0], "{hops:#?}");
    nodes[3].process().resume();
}

#[test]
fn a_split_is_told_on_both_sides_and_so_is_the_merge() {
    let Some(net) = Net::or_skip() else { return };
    let nodes = chain(&net);
    let tails: Vec<Tail> = nodes.iter().map(Daemon::follow).collect();
    nodes[0].say("before");
    tails.iter().for_each(|tail| drop(tail.wait_text("before")));

    net.part("lan2", "lan3", true);
    for (tail, lost) in tails.iter().zip([["n3", "n4"], ["n3", "n4"], ["n1", "n2"], ["n1", "n2"]]) {
        let split = wait_partition(tail, "split");
        let mut missing = names(&split["missing"]);
        missing.sort_unstable();
        assert_eq!(missing, lost);
        assert_eq!((split["reachable"].as_u64(), split["known"].as_u64()), (Some(2), Some(4)));
    }
    for node in &nodes {
        let missing = &node.status()["missing"];
        assert_eq!((&missing["reachable"], &missing["known"]), (&2.into(), &4.into()));
        assert_eq!(missing["isolated"], false);
        let text = node.ctl().ok(["status"]);
        assert!(text.contains("# you are with 2 of 4 known nodes since "), "{text}");
    }

    let here = ["n1 one", "n1 two", "n2 one"].map(str::to_owned);
    let there = ["n3 one", "n4 one", "n4 two", "n4 three", "n3 two"].map(str::to_owned);
    for text in here.iter().chain(&there) {
        let node = nodes.iter().find(|node| text.starts_with(node.name())).unwrap();
        node.say(text);
    }
    for (tail, texts) in tails.iter().zip([&here[..], &here, &there, &there]) {
        tail.wait_texts(texts);
    }

    net.part("lan2", "lan3", false);
    for (tail, counts) in tails.iter().zip([(5, 3), (5, 3), (3, 5), (3, 5)]) {
        let merged = wait_partition(tail, "merged");
        let found = (merged["theirs"].as_u64().unwrap(), merged["ours"].as_u64().unwrap());
        assert_eq!((found, merged["back"].as_u64()), (counts, Some(2)), "{merged:#?}");
        tail.wait_texts(&here);
        tail.wait_texts(&there);
        assert_eq!(tail.count(|line| line["event"] == "partition"), 2);
    }
    wait_for("nothing to be missing", Limit::default(), || {
        nodes.iter().all(|node| node.status()["missing"].is_null())
    });
}

#[test]
fn a_node_that_is_cut_off_says_so_and_the_others_call_it_no_partition() {
    let Some(net) = Net::or_skip() else { return };
    let nodes = chain(&net);
    let tails: Vec<Tail> = nodes.iter().map(Daemon::follow).collect();
    net.hole("lan4", true);
    let alone = wait_partition(&tails[3], "isolated");
    assert_eq!((&alone["reachable"], &alone["known"]), (&1.into(), &4.into()));
    let text = nodes[3].ctl().ok(["status"]);
    assert!(
        text.contains("# problem: this node looks isolated") && text.contains("Wi-Fi"),
        "{text}"
    );
    let human = nodes[3].ctl();
    let overview = human.run(Vec::<&str>::new());
    assert!(overview.stdout.contains("# problem: this node looks isolated"), "{overview:?}");
    assert_eq!(nodes[0].status()["missing"]["names"], serde_json::json!(["n4"]));
    net.hole("lan4", false);
    let back = wait_partition(&tails[3], "merged");
    assert_eq!(back["back"], 3);
    assert_eq!(tails[0].count(|line| line["event"] == "partition"), 0);
}

fn wait_partition(tail: &Tail, state: &str) -> Value {
    tail.wait_for(state, TOLD, |line| line["event"] == "partition" && line["state"] == state)
}
