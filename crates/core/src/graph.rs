//! The mesh as everyone knows it: who can be reached, and how.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::vec::Vec;

use meshchat_proto::id::NodeId;

/// The shortest path to a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Path {
    /// Links on it.
    pub(crate) hops: u32,
    /// The neighbour that it begins with; the node itself when it is a neighbour.
    pub(crate) first: NodeId,
    /// The node before the last.
    pub(crate) before: NodeId,
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
        paths.insert(*first, Path { hops: 1, first: *first, before: me });
        queue.push_back(*first);
    }
    while let Some(at) = queue.pop_front() {
        let Some(Path { hops, first, .. }) = paths.get(&at).copied() else { continue };
        for next in neighbours(&at).unwrap_or_default() {
            let confirmed = || neighbours(next).is_some_and(|back| back.contains(&at));
            if *next != me && !paths.contains_key(next) && confirmed() {
                paths.insert(*next, Path { hops: hops + 1, first, before: at });
                queue.push_back(*next);
            }
        }
    }
    paths
}

/// What a mesh hangs on: nodes and links whose loss would split it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Weak {
    /// Of each node, whether its loss would.
    pub(crate) nodes: Vec<bool>,
    /// Links whose loss would, the smaller end first.
    pub(crate) links: BTreeSet<(usize, usize)>,
}

/// Finds them in one walk (Hopcroft and Tarjan 1973), which keeps its own stack: a row of all
/// the nodes that there may be is as deep. `adjacent` names the neighbours of each node, none
/// twice, and each link at both its ends.
pub(crate) fn weak(adjacent: &[Vec<usize>]) -> Weak {
    let mut visits = alloc::vec![Visit::default(); adjacent.len()];
    let mut weak = Weak { nodes: alloc::vec![false; adjacent.len()], ..Weak::default() };
    let mut count = 0;
    for root in 0..adjacent.len() {
        if visits.get(root).is_none_or(|visit| visit.order == 0) {
            walk(adjacent, root, &mut visits, &mut count, &mut weak);
        }
    }
    weak
}

/// One node on the walk.
#[derive(Debug, Clone, Copy, Default)]
struct Visit {
    /// The how-manieth node it was, from 1; 0 before it is visited.
    order: usize,
    /// The earliest node that it or those below it have a link to.
    low: usize,
    /// Neighbours looked at.
    looked: usize,
}

fn walk(
    adjacent: &[Vec<usize>],
    root: usize,
    visits: &mut [Visit],
    count: &mut usize,
    weak: &mut Weak,
) {
    let mut below_root = 0;
    let mut stack = Vec::new();
    let mut enter = |visits: &mut [Visit], stack: &mut Vec<usize>, node: usize| {
        *count += 1;
        if let Some(visit) = visits.get_mut(node) {
            *visit = Visit { order: *count, low: *count, looked: 0 };
        }
        stack.push(node);
    };
    enter(visits, &mut stack, root);
    while let Some(node) = stack.last().copied() {
        let above = stack.len().checked_sub(2).and_then(|at| stack.get(at)).copied();
        let Some(visit) = visits.get_mut(node) else { return };
        let next = adjacent.get(node).and_then(|links| links.get(visit.looked)).copied();
        visit.looked += 1;
        match next {
            Some(next) if Some(next) == above || next == node => {}
            Some(next) => match visits.get(next).map_or(0, |visit| visit.order) {
                0 => enter(visits, &mut stack, next),
                earlier => lower(visits, node, earlier),
            },
            None => {
                stack.pop();
                let Some(above) = above else { break };
                let low = visits.get(node).map_or(0, |visit| visit.low);
                let order = visits.get(above).map_or(0, |visit| visit.order);
                lower(visits, above, low);
                below_root += usize::from(above == root);
                if low > order {
                    weak.links.insert((node.min(above), node.max(above)));
                }
                if low >= order && above != root {
                    mark(&mut weak.nodes, above);
                }
            }
        }
    }
    // All that is below the root hangs together without it only if it is one.
    if below_root > 1 {
        mark(&mut weak.nodes, root);
    }
}

fn lower(visits: &mut [Visit], node: usize, low: usize) {
    if let Some(visit) = visits.get_mut(node) {
        visit.low = visit.low.min(low);
    }
}

fn mark(nodes: &mut [bool], node: usize) {
    if let Some(marked) = nodes.get_mut(node) {
        *marked = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn adjacent(nodes: usize, links: &[(usize, usize)]) -> Vec<Vec<usize>> {
        let mut adjacent = alloc::vec![Vec::new(); nodes];
        for (a, b) in links {
            adjacent[*a].push(*b);
            adjacent[*b].push(*a);
        }
        adjacent
    }

    fn weak_of(nodes: usize, links: &[(usize, usize)]) -> (Vec<usize>, Vec<(usize, usize)>) {
        let weak = weak(&adjacent(nodes, links));
        let cut = weak.nodes.iter().enumerate().filter(|(_, cut)| **cut).map(|(node, _)| node);
        (cut.collect(), weak.links.into_iter().collect())
    }

    #[test]
    fn known_shapes_hang_on_known_nodes_and_links() {
        let none = (Vec::new(), Vec::new());
        assert_eq!(weak_of(0, &[]), none);
        assert_eq!(weak_of(1, &[]), none);
        assert_eq!(weak_of(2, &[(0, 1)]), ([].into(), [(0, 1)].into()));
        let chain = [(0, 1), (1, 2), (2, 3)];
        assert_eq!(weak_of(4, &chain), ([1, 2].into(), chain.into()));
        let ring = [(0, 1), (1, 2), (2, 3), (3, 0)];
        assert_eq!(weak_of(4, &ring), none);
        let star = [(0, 3), (1, 3), (2, 3)];
        assert_eq!(weak_of(4, &star), ([3].into(), star.into()));
        // Two triangles that share a node, and a tail at one of them.
        let eight = [(0, 1), (1, 2), (2, 0), (2, 3), (3, 4), (4, 2), (4, 5)];
        assert_eq!(weak_of(6, &eight), ([2, 4].into(), [(4, 5)].into()));
        let apart = [(0, 1), (2, 3), (3, 4)];
        assert_eq!(weak_of(5, &apart), ([3].into(), apart.into()));
    }

    #[test]
    fn the_walk_finds_what_taking_away_each_node_and_link_finds() {
        let mut seed = 7u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) % below
        };
        for _ in 0..300 {
            let nodes = usize::try_from(2 + random(8)).unwrap();
            let dense = 15 + random(60);
            let mut links = Vec::new();
            for b in 1..nodes {
                links.extend((0..b).filter(|_| random(100) < dense).map(|a| (a, b)));
            }
            let whole = parts(nodes, &links, None);
            let cut = (0..nodes).filter(|node| {
                let rest = links.iter().filter(|(a, b)| a != node && b != node);
                let alone = !links.iter().any(|(a, b)| a == node || b == node);
                !alone && parts(nodes, &rest.copied().collect::<Vec<_>>(), Some(*node)) > whole
            });
            let bridges = links.iter().filter(|link| {
                let rest: Vec<_> = links.iter().filter(|other| other != link).copied().collect();
                parts(nodes, &rest, None) > whole
            });
            let mut bridges: Vec<_> = bridges.copied().collect();
            bridges.sort_unstable();
            assert_eq!(weak_of(nodes, &links), (cut.collect(), bridges), "{nodes} {links:?}");
        }
    }

    fn parts(nodes: usize, links: &[(usize, usize)], without: Option<usize>) -> usize {
        let mut part: Vec<usize> = (0..nodes).collect();
        for _ in 0..nodes {
            for (a, b) in links {
                let least = part[*a].min(part[*b]);
                (part[*a], part[*b]) = (least, least);
            }
        }
        let roots = (0..nodes).filter(|node| Some(*node) != without && part[*node] == *node);
        roots.count()
    }

    #[test]
    fn a_row_of_all_nodes_that_there_may_be_does_not_overflow_the_stack() {
        let nodes = crate::limits::NODES * 50;
        let row: Vec<_> = (1..nodes).map(|b| (b - 1, b)).collect();
        let weak = weak(&adjacent(nodes, &row));
        assert_eq!(weak.links.len(), nodes - 1);
        assert_eq!(weak.nodes.iter().filter(|cut| **cut).count(), nodes - 2);
    }
}
