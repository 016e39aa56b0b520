//! The shape of the mesh in the languages of programs that draw.
//!
//! Names come from the network: nothing in them may end a label or mean anything to the program
//! that reads it.

use meshchat_client::proto::control::{Graph, GraphLink, GraphNode, NodeState};

use super::escape::escape;

/// For Graphviz.
pub(crate) fn dot(graph: &Graph) -> String {
    let mut out = String::from("graph mesh {\n  node [shape=box, style=rounded];\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let style = match node.state {
            NodeState::Unreachable | NodeState::Left => ", style=\"rounded,dashed\"",
            NodeState::Here | NodeState::Reachable | NodeState::Unknown if node.cut => {
                ", style=\"rounded,bold\", color=red"
            }
            NodeState::Here | NodeState::Reachable | NodeState::Unknown => "",
        };
        let label = escape_dot(&label(node));
        out.push_str(&format!("  n{index} [label=\"{label}\"{style}];\n"));
    }
    for link in &graph.links {
        let style = match link {
            GraphLink { both: false, .. } => " [style=dotted, dir=forward]",
            GraphLink { cut: true, .. } => " [style=bold, color=red]",
            _ => "",
        };
        out.push_str(&format!("  n{} -- n{}{style};\n", link.a, link.b));
    }
    out.push_str("}\n");
    out
}

/// For Mermaid.
pub(crate) fn mermaid(graph: &Graph) -> String {
    let mut out = String::from("graph LR\n");
    for (index, node) in graph.nodes.iter().enumerate() {
        let class = match node.state {
            NodeState::Unreachable | NodeState::Left => ":::lost",
            NodeState::Here | NodeState::Reachable | NodeState::Unknown if node.cut => ":::cut",
            NodeState::Here | NodeState::Reachable | NodeState::Unknown => "",
        };
        out.push_str(&format!("  n{index}[\"{}\"]{class}\n", escape_mermaid(&label(node))));
    }
    for link in &graph.links {
        let line = match link {
            GraphLink { both: false, .. } => "-.->",
            GraphLink { cut: true, .. } => "===",
            _ => "---",
        };
        out.push_str(&format!("  n{} {line} n{}\n", link.a, link.b));
    }
    out.push_str("  classDef cut stroke:#c00,stroke-width:3px\n");
    out.push_str("  classDef lost stroke-dasharray:4\n");
    out
}

/// The name, and in words what is special about the node.
fn label(node: &GraphNode) -> String {
    let state = match node.state {
        NodeState::Here => " (this node)",
        NodeState::Reachable => "",
        NodeState::Unreachable => " (unreachable)",
        NodeState::Left => " (left)",
        NodeState::Unknown => " (unknown)",
    };
    format!("{}{state}", escape(node.name.as_str()))
}

/// For a quoted string, in which Graphviz also reads HTML entities.
fn escape_dot(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '&' => out.push_str("&amp;"),
            other => out.push(other),
        }
    }
    out
}

/// Mermaid gives a meaning to many characters even in quotes; all but the harmless are written
/// by their number.
fn escape_mermaid(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            ' ' | '-' | '.' | '(' | ')' => out.push(letter),
            letter if letter.is_ascii_alphanumeric() || !letter.is_ascii() => out.push(letter),
            letter => out.push_str(&format!("#{};", u32::from(letter))),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::tree::tests::{graph, named};
    use super::*;

    #[test]
    fn a_chain_is_drawn_with_what_it_hangs_on() {
        let mut graph = graph(3, &[(0, 1), (1, 2)]);
        graph.links.push(GraphLink { a: 2, b: 0, both: false, cut: false });
        assert_eq!(
            dot(&graph),
            "graph mesh {\n  node [shape=box, style=rounded];\n  \
             n0 [label=\"pi-1 (this node)\"];\n  \
             n1 [label=\"pi-2\", style=\"rounded,bold\", color=red];\n  \
             n2 [label=\"pi-3\"];\n  \
             n0 -- n1 [style=bold, color=red];\n  n1 -- n2 [style=bold, color=red];\n  \
             n2 -- n0 [style=dotted, dir=forward];\n}\n"
        );
        assert_eq!(
            mermaid(&graph),
            "graph LR\n  n0[\"pi-1 (this node)\"]\n  n1[\"pi-2\"]:::cut\n  n2[\"pi-3\"]\n  \
             n0 === n1\n  n1 === n2\n  n2 -.-> n0\n  \
             classDef cut stroke:#c00,stroke-width:3px\n  classDef lost stroke-dasharray:4\n"
        );
    }

    #[test]
    fn no_name_gets_out_of_its_label() {
        for (name, in_dot, in_mermaid) in [
            ("a\"b", "a\\\"b", "a#34;b"),
            ("a\\", "a\\\\", "a#92;"),
            ("\"){}<b>&lt;", "\\\"){}<b>&amp;lt;", "#34;)#123;#125;#60;b#62;#38;lt#59;"),
            ("`%%{init}%%`", "`%%{init}%%`", "#96;#37;#37;#123;init#125;#37;#37;#96;"),
            ("$$x$$", "$$x$$", "#36;#36;x#36;#36;"),
            ("\\N\\G", "\\\\N\\\\G", "#92;N#92;G"),
            ("李雷", "李雷", "李雷"),
        ] {
            let graph = named(&[name]);
            assert!(dot(&graph).contains(&format!("n0 [label=\"{in_dot} (this node)\"];\n")));
            let text = mermaid(&graph);
            assert!(text.contains(&format!("n0[\"{in_mermaid} (this node)\"]\n")), "{text}");
        }
    }
}
