use meshchat_client::proto::control::{NodeInfo, Request};

use super::expect_reply;
use crate::failure::Failure;
use crate::output::style;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::span;
use crate::session::Session;

pub(crate) async fn nodes(session: &mut Session) -> Result<u8, Failure> {
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
    let nodes = expect_reply!(session.ask(Request::Nodes {}).await?, Nodes);
    session.out.list(&nodes, |nodes| Table::new(COLUMNS, nodes.iter().map(row)))?;
    Ok(0)
}

fn row(node: &NodeInfo) -> Vec<Cell> {
    vec![
        Cell::new(node.name.as_str()),
        style::node(node.state).into(),
        Cell::new(span(node.since_ms)).raw(node.since_ms),
        node.hops.map_or_else(Cell::default, |hops| Cell::new(hops.to_string())),
        way(node),
        Cell::new(node.links.to_string()),
        Cell::new(node.people.to_string()),
        Cell::new(node.node.short()).raw(node.node),
        Cell::new(&node.software),
    ]
}

/// The neighbour that the way begins with; a neighbour itself is linked directly.
fn way(node: &NodeInfo) -> Cell {
    let via = node.via.as_ref().map_or("", |via| via.as_str());
    let shown = if node.hops == Some(1) { "direct" } else { via };
    Cell::new(shown).raw(via)
}
