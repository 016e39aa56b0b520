use std::collections::VecDeque;

use meshchat_client::proto::control::GraphLink;
use meshchat_client::proto::id::NodeId;

use super::*;

/// Nodes of these names, the first of which is this one; no links.
pub(crate) fn named(names: &[&str]) -> Graph {
    let node = |(index, name): (usize, &&str)| GraphNode {
        node: NodeId([u8::try_from(index).unwrap(); 32]),
        name: name.parse().unwrap(),
        state: if index == 0 { NodeState::Here } else { NodeState::Reachable },
        since_ms: 720_000,
        hops: None,
        via: None,
        cut: false,
    };
    Graph { nodes: names.iter().enumerate().map(node).collect(), links: Vec::new(), left_out: 0 }
}

/// `pi-1` and so on, linked so; paths and what the mesh hangs on are worked out the slow way.
pub(crate) fn graph(nodes: usize, links: &[(u32, u32)]) -> Graph {
    let names: Vec<String> = (1..=nodes).map(|n| format!("pi-{n}")).collect();
    let mut graph = named(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let whole = reach(nodes, links, None);
    for (index, node) in graph.nodes.iter_mut().enumerate() {
        (node.hops, node.via) = whole[index];
        let lost = |(hops, _): &(Option<u32>, _)| hops.is_none();
        let rest = reach(nodes, links, Some(index));
        node.cut = index > 0 && rest.iter().filter(|way| lost(way)).count() > 1;
    }
    graph.nodes[0].cut = nodes > 2
        && links.iter().filter(|link| link.0 == 0).count() == nodes - 1
        && links.len() == nodes - 1;
    graph.links = links
        .iter()
        .map(|&(a, b)| {
            let rest: Vec<_> = links.iter().filter(|link| **link != (a, b)).copied().collect();
            let cut = reach(nodes, &rest, None).iter().any(|(hops, _)| hops.is_none());
            GraphLink { a, b, both: true, cut }
        })
        .collect();
    graph
}

fn reach(
    nodes: usize,
    links: &[(u32, u32)],
    without: Option<usize>,
) -> Vec<(Option<u32>, Option<u32>)> {
    let mut ways = vec![(None, None); nodes];
    ways[0].0 = Some(0);
    let mut queue = VecDeque::from([0u32]);
    while let Some(at) = queue.pop_front() {
        for (a, b) in links.iter().flat_map(|&(a, b)| [(a, b), (b, a)]) {
            let (hops, next) = (ways[at as usize].0.unwrap(), b as usize);
            if a == at && Some(next) != without && ways[next].0.is_none() {
                ways[next] = (Some(hops + 1), Some(at));
                queue.push_back(b);
            }
        }
    }
    ways
}

fn lost(graph: &mut Graph, index: usize, state: NodeState) {
    let node = &mut graph.nodes[index];
    (node.state, node.hops, node.via, node.cut) = (state, None, None, false);
}

fn shown(graph: &Graph) -> String {
    render(graph, &View::plain())
}

#[test]
fn a_lonely_node() {
    assert_eq!(
        shown(&graph(1, &[])),
        "1 node in reach, 0 links. No other node can be reached.\n\n● pi-1  this node\n"
    );
}

#[test]
fn a_chain_and_a_ring() {
    assert_eq!(
        shown(&graph(3, &[(0, 1), (1, 2)])),
        "3 nodes in reach, 2 links. It hangs on 1 node and 2 links.\n\n\
         ● pi-1  this node\n╘═ ◆ pi-2\n   ╘═ ● pi-3\n\n\
         ◆ without this node the mesh is split\n═ without this link the mesh is split\n"
    );
    assert_eq!(
        shown(&graph(4, &[(0, 1), (1, 2), (2, 3), (0, 3)])),
        "4 nodes in reach, 4 links. No single loss splits it.\n\n\
         ● pi-1  this node\n├─ ● pi-2\n│  └─ ● pi-3  + pi-4\n└─ ● pi-4  + pi-3\n\n\
         + also linked to\n"
    );
}

#[test]
fn ten_nodes_with_two_lost_and_one_that_left() {
    let links = [(0, 1), (0, 2), (1, 2), (2, 3), (3, 4), (3, 5), (4, 5), (5, 6)];
    let mut graph = graph(10, &links);
    for (index, state) in
        [(7, NodeState::Unreachable), (8, NodeState::Unreachable), (9, NodeState::Left)]
    {
        lost(&mut graph, index, state);
    }
    for node in &mut graph.nodes[..7] {
        node.cut = ["pi-3", "pi-4", "pi-6"].contains(&node.name.as_str());
    }
    for link in &mut graph.links {
        link.cut = [(2, 3), (5, 6)].contains(&(link.a, link.b));
    }
    graph.links.push(GraphLink { a: 7, b: 8, both: true, cut: false });
    graph.links.push(GraphLink { a: 7, b: 6, both: false, cut: false });
    assert_eq!(
        shown(&graph),
        "7 nodes in reach, 8 links. It hangs on 3 nodes and 2 links.\n\
         \n\
         ● pi-1  this node\n\
         ├─ ● pi-2  + pi-3\n\
         └─ ◆ pi-3  + pi-2\n   \
            ╘═ ◆ pi-4\n      \
               ├─ ● pi-5  + pi-6\n      \
               └─ ◆ pi-6  + pi-5\n         \
                  ╘═ ● pi-7\n\
         \n\
         unreachable:\n\
         ✕ pi-8  12 m  last linked to pi-7, pi-9\n\
         ✕ pi-9  12 m  last linked to pi-8\n\
         \n\
         said goodbye:\n\
         ○ pi-10  12 m\n\
         \n\
         ◆ without this node the mesh is split\n\
         ═ without this link the mesh is split\n\
         + also linked to\n"
    );
}

#[test]
fn thirty_nodes_fit_a_terminal() {
    let ring = (0..30).map(|n| (n, (n + 1) % 30)).chain((0..30).map(|n| (n, (n + 7) % 30)));
    let all = (0..30).flat_map(|b| (0..b).map(move |a| (a, b)));
    let row = (1..30).map(|b| (b - 1, b));
    for links in [ring.collect(), all.collect(), row.collect::<Vec<_>>()] {
        let text = shown(&graph(30, &links));
        for line in text.lines() {
            assert!(line.width() <= 80, "{line}");
        }
        for n in 1..=30 {
            let name = format!("pi-{n}");
            let own = |line: &&str| line.split_whitespace().any(|word| word == name);
            assert!(text.lines().any(|line| own(&line)), "{name} is missing:\n{text}");
        }
        println!("{text}");
    }
}

#[test]
fn nodes_of_one_name_are_told_apart() {
    let mut graph = graph(2, &[(0, 1)]);
    graph.nodes[1].name = "pi-1".parse().unwrap();
    let view = View { legend: false, ..View::plain() };
    assert_eq!(render(&graph, &view), "● pi-1 (0000-0000)  this node\n╘═ ● pi-1 (040g-2081)\n");
}
