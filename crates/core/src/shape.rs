//! The shape of the mesh, for whoever asks: links, ways, and what it hangs on.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use meshchat_proto::control::{Graph, GraphLink, GraphNode, Hop, NodeState};
use meshchat_proto::id::NodeId;

use crate::env::Env;
use crate::graph;
use crate::limits;
use crate::node::Node;
use crate::records::is_up;
use crate::replies::narrow;
use crate::time::{Mono, millis};

impl<E: Env> Node<E> {
    /// All known nodes and links, and which of them the mesh hangs on.
    pub(crate) fn graph(&self, now: Mono) -> Graph {
        let places: BTreeMap<NodeId, usize> =
            self.nodes.iter().enumerate().map(|(at, (node, _))| (*node, at)).collect();
        let mut links = self.graph_links(&places);
        let left_out = narrow(links.len().saturating_sub(limits::GRAPH_LINKS));
        let weak = self.weak(&links);
        for link in &mut links {
            let ends = (link.a.min(link.b) as usize, link.a.max(link.b) as usize);
            link.cut = link.both && weak.links.contains(&ends);
        }
        links.truncate(limits::GRAPH_LINKS);
        let nodes = self.nodes.iter().zip(&weak.nodes).map(|((node, known), cut)| {
            let before = known.path.and_then(|path| places.get(&path.before));
            GraphNode {
                node: *node,
                name: known.called.clone(),
                state: known.state,
                since_ms: millis(now.since(known.since)),
                hops: self.hops(node),
                via: before.map(|at| narrow(*at)),
                cut: *cut,
            }
        });
        Graph { nodes: nodes.collect(), links, left_out }
    }

    /// Links on the shortest path to a node.
    pub(crate) fn hops(&self, node: &NodeId) -> Option<u32> {
        if *node == self.me.id {
            return Some(0);
        }
        self.nodes.get(node)?.path.map(|path| path.hops)
    }

    /// The nodes on the shortest path to a node, itself the last. Takes what they cost from
    /// `room`, in bytes; empty when that is too little.
    pub(crate) fn way(&self, node: &NodeId, room: &mut usize) -> Vec<Hop> {
        let mut way = Vec::new();
        let (mut at, mut left) = (*node, *room);
        while let Some(path) = self.nodes.get(&at).and_then(|known| known.path) {
            let name = self.nodes.name(&at);
            let Some(less) = left.checked_sub(name.as_str().len() + HOP_BYTES) else {
                return Vec::new();
            };
            left = less;
            way.push(Hop { node: at, name });
            at = path.before;
        }
        *room = left;
        way.reverse();
        way
    }

    /// Every link between nodes that did not say goodbye, in order, once.
    fn graph_links(&self, places: &BTreeMap<NodeId, usize>) -> Vec<GraphLink> {
        let named: BTreeSet<(usize, usize)> = self
            .nodes
            .iter()
            .filter(|(_, known)| known.state != NodeState::Left)
            .flat_map(|(node, known)| known.record.neighbours.iter().map(move |to| (node, to)))
            .filter(|(node, to)| node != to && self.is_here(to))
            .filter_map(|(node, to)| Some((*places.get(node)?, *places.get(to)?)))
            .collect();
        let me = places.get(&self.me.id);
        let link = |&(a, b): &(usize, usize)| {
            let back = named.contains(&(b, a));
            // Links of our own are known at first hand.
            let both = back || Some(&a) == me;
            let once = !back || a < b;
            once.then(|| GraphLink { a: narrow(a), b: narrow(b), both, cut: false })
        };
        let mut links: Vec<GraphLink> = named.iter().filter_map(link).collect();
        links.sort_unstable_by_key(|link| (link.a.min(link.b), link.a.max(link.b)));
        links
    }

    fn is_here(&self, node: &NodeId) -> bool {
        self.nodes.get(node).is_some_and(|known| known.state != NodeState::Left)
    }

    /// What the part of the mesh that can be reached hangs on.
    fn weak(&self, links: &[GraphLink]) -> graph::Weak {
        let up: Vec<bool> = self.nodes.iter().map(|(_, known)| is_up(known.state)).collect();
        let is_up = |end: u32| up.get(end as usize).copied().unwrap_or(false);
        let mut adjacent = alloc::vec![Vec::new(); up.len()];
        for link in links.iter().filter(|link| link.both && is_up(link.a) && is_up(link.b)) {
            for (from, to) in [(link.a, link.b), (link.b, link.a)] {
                if let Some(neighbours) = adjacent.get_mut(from as usize) {
                    neighbours.push(to as usize);
                }
            }
        }
        graph::weak(&adjacent)
    }
}

/// What a hop costs in an answer beside its name: its id and the names of both fields.
const HOP_BYTES: usize = 50;
