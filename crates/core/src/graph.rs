//! The mesh as everyone knows it: who can be reached, and how.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use meshchat_proto::id::NodeId;

/// The shortest path to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    /// Links on it.
    pub(crate) hops: u32,
    /// The neighbour that it begins with; the node itself when it is a neighbour.
    pub(crate) first: NodeId,
}

/// Finds the nodes that a path of links leads to, each link confirmed by the records of both
/// its ends. Links of our own are known at first hand: `ours`.
pub(crate) fn reachable<'a>(
    me: NodeId,
    ours: &BTreeSet<NodeId>,
    neighbours: impl Fn(&NodeId) -> Option<&'a [NodeId]>,
) -> BTreeMap<NodeId, Path> {
    let mut paths = BTreeMap::new();
    let mut queue = VecDeque::new();
    for first in ours {
        paths.insert(*first, Path { hops: 1, first: *first });
        queue.push_back(*first);
    }
    while let Some(at) = queue.pop_front() {
        let Some(Path { hops, first }) = paths.get(&at).copied() else { continue };
        for next in neighbours(&at).unwrap_or_default() {
            let confirmed = || neighbours(next).is_some_and(|back| back.contains(&at));
            if *next != me && !paths.contains_key(next) && confirmed() {
                paths.insert(*next, Path { hops: hops + 1, first });
                queue.push_back(*next);
            }
        }
    }
    paths
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn id(n: u8) -> NodeId {
        NodeId([n; 32])
    }

    fn reach(ours: &[u8], edges: &[(u8, u8)]) -> Vec<(u8, u32, u8)> {
        let mut table: BTreeMap<NodeId, Vec<NodeId>> = BTreeMap::new();
        for (from, to) in edges {
            table.entry(id(*from)).or_default().push(id(*to));
        }
        let ours = ours.iter().map(|n| id(*n)).collect();
        let paths = reachable(id(0), &ours, |node| table.get(node).map(Vec::as_slice));
        paths.iter().map(|(node, path)| (node.0[0], path.hops, path.first.0[0])).collect()
    }

    #[test]
    fn a_path_leads_over_links_that_both_ends_confirm() {
        let both = [(1, 2), (2, 1), (2, 3), (3, 2), (0, 1), (1, 0)];
        assert_eq!(reach(&[1], &both), [(1, 1, 1), (2, 2, 1), (3, 3, 1)]);
        let one_sided = [(1, 2), (2, 1), (2, 3), (3, 4), (4, 3)];
        assert_eq!(reach(&[1], &one_sided), [(1, 1, 1), (2, 2, 1)]);
    }

    #[test]
    fn the_shortest_path_is_taken_and_loops_end() {
        let ring = [(1, 2), (2, 1), (2, 3), (3, 2), (3, 4), (4, 3), (4, 0), (0, 4), (4, 1), (1, 4)];
        assert_eq!(reach(&[1, 4], &ring), [(1, 1, 1), (2, 2, 1), (3, 2, 4), (4, 1, 4)]);
        assert_eq!(reach(&[], &ring), []);
    }
}
