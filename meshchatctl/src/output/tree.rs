//! The shape of the mesh for people: a tree of the shortest paths from this node, with the
//! further links of each node behind it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use meshchat_client::proto::control::{Graph, GraphNode, NodeState};
use unicode_width::UnicodeWidthStr as _;

use super::View;
use super::escape::escape;
use super::style::{self, Paint};
use super::time::{count, span};

/// The whole picture, with a summary before and the meaning of its signs behind it.
pub(crate) fn render(graph: &Graph, view: &View) -> String {
    let mut tree = Tree::new(graph, view);
    if view.legend {
        tree.summary();
    }
    tree.branches();
    tree.apart("unreachable:", NodeState::Unreachable);
    tree.apart("said goodbye:", NodeState::Left);
    if view.legend {
        tree.signs();
    }
    tree.out
}

struct Tree<'a> {
    graph: &'a Graph,
    view: &'a View,
    width: usize,
    /// What each node is called here: by its id too when another is called the same.
    names: Vec<String>,
    /// Nodes that the path of each node leads on to, by name.
    below: Vec<Vec<usize>>,
    /// Links of each node that are no part of the tree.
    further: Vec<Vec<usize>>,
    /// Nodes that only this node names as its neighbours.
    claimed: Vec<Vec<usize>>,
    /// Links of the tree whose loss would split the mesh.
    cut: BTreeSet<(usize, usize)>,
    /// Nodes that were too far to the right; what is below them comes later.
    later: VecDeque<usize>,
    out: String,
}

impl<'a> Tree<'a> {
    fn new(graph: &'a Graph, view: &'a View) -> Self {
        let empty = || vec![Vec::new(); graph.nodes.len()];
        let mut tree = Self {
            graph,
            view,
            width: view.width.unwrap_or(WIDTH),
            names: names(&graph.nodes),
            below: empty(),
            further: empty(),
            claimed: empty(),
            cut: BTreeSet::new(),
            later: VecDeque::new(),
            out: String::new(),
        };
        for (index, node) in graph.nodes.iter().enumerate() {
            let above = node.via.and_then(|via| tree.below.get_mut(via as usize));
            above.into_iter().for_each(|below| below.push(index));
        }
        tree.sort_links();
        let names = &tree.names;
        let name = |index: &usize| names.get(*index).map(String::as_str);
        for list in [&mut tree.below, &mut tree.further, &mut tree.claimed].into_iter().flatten() {
            list.sort_by(|a, b| natural(name(a).unwrap_or(""), name(b).unwrap_or("")));
        }
        tree
    }

    fn sort_links(&mut self) {
        for link in &self.graph.links {
            let (a, b) = (link.a as usize, link.b as usize);
            if link.cut {
                self.cut.extend([(a, b), (b, a)]);
            }
            let via = |node: usize| self.node(node).and_then(|node| node.via);
            let is_tree = via(a) == Some(link.b) || via(b) == Some(link.a);
            let ends: &[(usize, usize)] = if link.both { &[(a, b), (b, a)] } else { &[(a, b)] };
            for (from, to) in ends.iter().filter(|_| !is_tree) {
                let lists = if link.both { &mut self.further } else { &mut self.claimed };
                lists.get_mut(*from).into_iter().for_each(|list| list.push(*to));
            }
        }
    }

    fn summary(&mut self) {
        let up = self.graph.nodes.iter().filter(|node| is_up(node.state)).count() as u64;
        let links =
            self.graph.links.iter().filter(|link| link.both && self.is_live(link.a, link.b));
        let links = links.count() as u64 + u64::from(self.graph.left_out);
        let verdict = match (self.cut_nodes(), self.cut.len() as u64 / 2) {
            _ if up < 2 => "No other node can be reached.".to_owned(),
            (0, 0) => "No single loss splits it.".to_owned(),
            (nodes, links) => {
                let parts = [(nodes, "node"), (links, "link")].into_iter();
                let parts = parts.filter(|(many, _)| *many > 0).map(|(many, of)| count(many, of));
                let parts: Vec<_> = parts.collect();
                format!("It hangs on {}.", parts.join(" and "))
            }
        };
        let sum = format!("{} in reach, {}. {verdict}", count(up, "node"), count(links, "link"));
        self.out.push_str(&format!("{sum}\n\n"));
    }

    fn branches(&mut self) {
        let here = self.graph.nodes.iter().position(|node| node.state == NodeState::Here);
        self.later.extend(here);
        let mut again = false;
        while let Some(root) = self.later.pop_front() {
            if std::mem::replace(&mut again, true) {
                self.out.push_str("\nfurther on:\n");
            }
            self.line(root, "", "");
            self.branch(root, "", 1);
        }
        let lost = |node: &&GraphNode| node.state == NodeState::Reachable && node.via.is_none();
        if self.graph.nodes.iter().any(|node| lost(&node)) {
            self.apart("no path is known now:", NodeState::Reachable);
        }
    }

    fn branch(&mut self, node: usize, before: &str, depth: usize) {
        let below = self.below.get(node).cloned().unwrap_or_default();
        for (turn, child) in below.iter().enumerate() {
            let (last, cut) = (turn + 1 == below.len(), self.cut.contains(&(node, *child)));
            let arm = match (last, cut) {
                (false, false) => "├─ ",
                (false, true) => "╞═ ",
                (true, false) => "└─ ",
                (true, true) => "╘═ ",
            };
            self.line(*child, before, arm);
            let before = format!("{before}{}", if last { "   " } else { "│  " });
            if depth < DEEPEST {
                self.branch(*child, &before, depth + 1);
            } else if self.below.get(*child).is_some_and(|below| !below.is_empty()) {
                self.out.push_str(&format!("{before}└─ …\n"));
                self.later.push_back(*child);
            }
        }
    }

    fn line(&mut self, index: usize, before: &str, arm: &str) {
        let Some(node) = self.node(index) else { return };
        let (mark, name) = (style::node(node.state), self.name(index));
        let (glyph, paint) = if node.cut { (CUT, Paint::Warn) } else { (mark.glyph, mark.paint) };
        let here = if node.state == NodeState::Here { "  this node" } else { "" };
        let mut words = format!("{name}{here}");
        let taken = before.width() + arm.width() + 2 + words.width();
        words.push_str(&self.links(index, taken));
        let glyph = paint.on(&glyph.to_string(), self.view.color);
        self.out.push_str(&format!("{before}{arm}{glyph} {words}\n"));
    }

    /// The links of a node that the tree does not show, as many as there is room for.
    fn links(&self, index: usize, taken: usize) -> String {
        let list = |lists: &[Vec<usize>]| lists.get(index).cloned().unwrap_or_default();
        let (further, claimed) = (list(&self.further), list(&self.claimed));
        let mut last = [further.as_slice(), &claimed].concat();
        last.sort_by(|a, b| natural(self.name(*a), self.name(*b)));
        let up = self.node(index).is_some_and(|node| is_up(node.state));
        let lists = match up {
            true => [(further, "+"), (claimed, "?")],
            false => [(last, "last linked to"), (Vec::new(), "")],
        };
        let mut out = String::new();
        for (list, word) in lists.iter().filter(|(list, _)| !list.is_empty()) {
            out.push_str(&format!("  {word} "));
            if *word == "+" && list.len() > 2 && self.has_all(index, list.len()) {
                out.push_str("all others");
                continue;
            }
            let names: Vec<&str> = list.iter().map(|other| self.name(*other)).collect();
            let room = self.width.saturating_sub(taken + out.width());
            out.push_str(&fitting(&names, room));
        }
        Paint::Dim.on(&out, self.view.color)
    }

    /// Whether a node with so many further links is linked to all nodes in reach.
    fn has_all(&self, index: usize, further: usize) -> bool {
        let below = self.below.get(index).map_or(0, Vec::len);
        let above = usize::from(self.node(index).is_some_and(|node| node.via.is_some()));
        let up = self.graph.nodes.iter().filter(|node| is_up(node.state)).count();
        below + above + further + 1 == up
    }

    /// Nodes of a state that stand outside the tree.
    fn apart(&mut self, title: &str, state: NodeState) {
        let nodes = self.graph.nodes.iter().enumerate();
        let nodes = nodes.filter(|(_, node)| node.state == state && node.via.is_none());
        let mut nodes: Vec<_> = nodes.collect();
        nodes.sort_by(|(a, _), (b, _)| natural(self.name(*a), self.name(*b)));
        if !nodes.is_empty() {
            self.out.push_str(&format!("\n{title}\n"));
        }
        let mark = style::node(state);
        let glyph = mark.paint.on(&mark.glyph.to_string(), self.view.color);
        for (index, node) in nodes {
            let words = format!("{}  {}", self.name(index), span(node.since_ms));
            let links = self.links(index, 2 + words.width());
            self.out.push_str(&format!("{glyph} {words}{links}\n"));
        }
    }

    /// Says what the signs mean that were used.
    fn signs(&mut self) {
        let used = |lists: &[Vec<usize>]| {
            let nodes = self.graph.nodes.iter().zip(lists);
            nodes.filter(|(node, _)| is_up(node.state)).any(|(_, list)| !list.is_empty())
        };
        let signs = [
            (self.cut_nodes() > 0, "◆ without this node the mesh is split"),
            (!self.cut.is_empty(), "═ without this link the mesh is split"),
            (used(&self.further), "+ also linked to"),
            (used(&self.claimed), "? names these as linked, but they do not confirm it"),
            (self.graph.left_out > 0, "not all links are shown"),
        ];
        let signs: Vec<&str> =
            signs.into_iter().filter(|(used, _)| *used).map(|(_, sign)| sign).collect();
        for (turn, sign) in signs.iter().enumerate() {
            let before = if turn == 0 { "\n" } else { "" };
            let line = Paint::Dim.on(sign, self.view.color);
            self.out.push_str(&format!("{before}{line}\n"));
        }
    }

    fn node(&self, index: usize) -> Option<&'a GraphNode> {
        self.graph.nodes.get(index)
    }

    fn name(&self, index: usize) -> &str {
        self.names.get(index).map_or("?", String::as_str)
    }

    fn cut_nodes(&self) -> u64 {
        self.graph.nodes.iter().filter(|node| node.cut).count() as u64
    }

    fn is_live(&self, a: u32, b: u32) -> bool {
        [a, b].iter().all(|end| self.node(*end as usize).is_some_and(|node| is_up(node.state)))
    }
}

const fn is_up(state: NodeState) -> bool {
    matches!(state, NodeState::Here | NodeState::Reachable)
}

fn names(nodes: &[GraphNode]) -> Vec<String> {
    let mut times: BTreeMap<&str, u32> = BTreeMap::new();
    for node in nodes {
        *times.entry(node.name.as_str()).or_default() += 1;
    }
    let name = |node: &GraphNode| {
        let name = escape(node.name.as_str());
        match times.get(node.name.as_str()) {
            Some(1) | None => name.into_owned(),
            Some(_) => format!("{name} ({})", node.node.short()),
        }
    };
    nodes.iter().map(name).collect()
}

/// As people sort names: `pi-2` before `pi-10`.
fn natural(one: &str, other: &str) -> std::cmp::Ordering {
    let key = |name: &str| {
        let bare = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
        let number = name.strip_prefix(bare).and_then(|digits| digits.parse::<u64>().ok());
        (bare.to_owned(), number, name.to_owned())
    };
    key(one).cmp(&key(other))
}

/// Names with commas between them, the last of too many as a number.
fn fitting(names: &[&str], room: usize) -> String {
    let mut out = String::new();
    for (index, name) in names.iter().enumerate() {
        let left = names.len() - index;
        let after = if left > 1 { ", 999 more".len() } else { 0 };
        let comma = if index == 0 { "" } else { ", " };
        if index > 0 && out.width() + comma.len() + name.width() + after > room {
            out.push_str(&format!(", {left} more"));
            return out;
        }
        out.push_str(&format!("{comma}{name}"));
    }
    out
}

/// What there is to write on where no terminal says it.
const WIDTH: usize = 80;
/// Steps to the right; more would leave no room for names.
const DEEPEST: usize = 12;
const CUT: char = '◆';

#[cfg(test)]
#[path = "tree/tests.rs"]
pub(crate) mod tests;
