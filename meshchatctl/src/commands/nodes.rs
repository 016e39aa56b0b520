use meshchat_client::proto::control::{NodeInfo, Request};

use super::expect_reply;
use crate::failure::Failure;
use crate::output::style;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::span;
use crate::session::Session;

pub(crate) async fn nodes(session: &mut Session) -> Result<u8, Failure> {
    let nodes = expect_reply!(session.ask(Request::Nodes {}).await?, Nodes);
    session.out.list(&nodes, table)?;
    Ok(0)
}

pub(super) fn table(nodes: &[NodeInfo]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("node"),
        Column::left("state"),
        Column::right("since"),
        Column::right("hops"),
        Column::left("via"),
        Column::right("links"),
        Column::right("people"),
        Column::left("id"),
        Column::left("software"),
    ];
    Table::new(COLUMNS, nodes.iter().map(row))
}

fn row(node: &NodeInfo) -> Vec<Cell> {
    vec![
        Cell::new(called(node)).raw(&node.name),
        style::node(node.state).into(),
        Cell::new(span(node.since_ms)).raw(node.since_ms),
        node.hops.map_or_else(Cell::default, |hops| Cell::new(hops.to_string())),
        Cell::new(way(node)).raw(node.via.as_ref().map_or("", |via| via.as_str())),
        Cell::new(node.links.to_string()),
        Cell::new(node.people.to_string()),
        Cell::new(node.node.short()).raw(node.node),
        Cell::new(&node.software),
    ]
}

/// Its name, whether it is verified, and what it calls itself, if something else.
fn called(node: &NodeInfo) -> String {
    let name = node.name.as_str();
    let mark = match (node.new_key, node.verified) {
        (true, _) => " ! new key",
        (false, true) => " ✓",
        (false, false) => "",
    };
    match &node.own_name {
        Some(own) if !node.name.is_tagged() => format!("{name} ({own}){mark}"),
        _ => format!("{name}{mark}"),
    }
}

/// Who passes on what goes there.
fn way(node: &NodeInfo) -> String {
    let between: Vec<&str> = match node.path.as_slice() {
        [between @ .., _] => between.iter().map(|hop| hop.name.as_str()).collect(),
        [] => Vec::new(),
    };
    match (node.hops, &node.via) {
        (Some(1), _) => "direct".into(),
        (_, Some(_)) if !between.is_empty() => format!("relayed via {}", between.join(", ")),
        // An older daemon, or too many nodes for whole paths.
        (Some(_), Some(via)) => format!("relayed via {via}"),
        (_, Some(_) | None) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use meshchat_client::proto::control::{Hop, NodeState};
    use meshchat_client::proto::id::NodeId;

    use super::*;

    fn info(names: &[&str]) -> NodeInfo {
        let node = NodeId([1; 32]);
        NodeInfo {
            node,
            name: "pi-9".parse().unwrap(),
            state: NodeState::Reachable,
            hops: Some(u32::try_from(names.len()).unwrap()),
            via: names.first().map(|name| name.parse().unwrap()),
            since_ms: 0,
            software: String::new(),
            links: 1,
            people: 0,
            path: names.iter().map(|name| Hop { node, name: name.parse().unwrap() }).collect(),
            own_name: None,
            verified: false,
            new_key: false,
        }
    }

    #[test]
    fn marks_stand_behind_the_name() {
        let mut node = info(&[]);
        assert_eq!(called(&node), "pi-9");
        node.verified = true;
        node.own_name = Some("raspberry".parse().unwrap());
        assert_eq!(called(&node), "pi-9 (raspberry) ✓");
        node.new_key = true;
        node.name = node.name.tagged(&node.node);
        assert_eq!(called(&node), "pi-9~040g ! new key");
    }

    #[test]
    fn the_way_names_all_who_pass_on() {
        assert_eq!(way(&info(&[])), "");
        assert_eq!(way(&info(&["pi-9"])), "direct");
        assert_eq!(way(&info(&["pi-2", "pi-9"])), "relayed via pi-2");
        assert_eq!(way(&info(&["pi-2", "pi-3", "pi-9"])), "relayed via pi-2, pi-3");
        let old = NodeInfo { path: Vec::new(), ..info(&["pi-2", "pi-3", "pi-9"]) };
        assert_eq!(way(&old), "relayed via pi-2");
    }
}
