//! The shape of the mesh: its links, and what is missing of it.

use serde::{Deserialize, Serialize};

use super::reply::NodeState;
use crate::id::NodeId;
use crate::name::NodeName;

/// All known nodes and the links that their records name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Graph {
    /// In the order of their ids.
    pub nodes: Vec<GraphNode>,
    /// In the order of their ends. None of a node that said goodbye.
    pub links: Vec<GraphLink>,
    /// Links that found no room in this answer.
    #[serde(default)]
    pub left_out: u32,
}

/// One node of a [`Graph`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphNode {
    /// The node.
    pub node: NodeId,
    /// What it is called.
    pub name: NodeName,
    /// Whether it can be reached.
    pub state: NodeState,
    /// Milliseconds in this state.
    pub since_ms: u64,
    /// Links on the shortest path to it; 0 for this node; none when there is no path.
    pub hops: Option<u32>,
    /// The node before it on that path, as its place in [`Graph::nodes`], from 0.
    pub via: Option<u32>,
    /// Its loss would split what can be reached now.
    pub cut: bool,
}

/// One link of a [`Graph`]. When a node at its end cannot be reached, the link is the last that
/// was known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct GraphLink {
    /// One end, as its place in [`Graph::nodes`], from 0. The end that names the link when only
    /// one does.
    pub a: u32,
    /// The other end.
    pub b: u32,
    /// Both ends name it; otherwise nothing goes over it.
    pub both: bool,
    /// Its loss would split what can be reached now.
    pub cut: bool,
}

/// Known nodes that are out of reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Nodes that can be reached, this one included.
    pub reachable: u32,
    /// Those and the missing: known nodes that did not say goodbye and were not lost for more
    /// than seven days.
    pub known: u32,
    /// Milliseconds since it was otherwise.
    pub since_ms: u64,
    /// What the missing are called, those lost last first; only the first of many.
    pub names: Vec<NodeName>,
    /// This node has no live link: it is itself what is cut off.
    pub isolated: bool,
}

/// The mesh split or grew together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionChange {
    /// What happened.
    pub state: PartitionState,
    /// As in [`Missing`], after it happened.
    pub reachable: u32,
    /// As in [`Missing`].
    pub known: u32,
    /// As in [`Missing`]; may be empty after a merge.
    pub missing: Vec<NodeName>,
    /// After a merge, how many nodes are back.
    #[serde(default)]
    pub back: u32,
    /// After a merge, messages that came from the other side.
    #[serde(default)]
    pub theirs: u64,
    /// After a merge, messages of this side since the split.
    #[serde(default)]
    pub ours: u64,
}

/// What happened to the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PartitionState {
    /// Several nodes were lost at once.
    Split,
    /// All nodes were lost, and every link.
    Isolated,
    /// Nodes that were lost so are back.
    Merged,
    /// Something newer than this build.
    #[serde(other)]
    Unknown,
}
