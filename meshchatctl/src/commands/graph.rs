use clap::ValueEnum as _;
use meshchat_client::proto::control::Request;

use super::expect_reply;
use crate::args::GraphFormat;
use crate::failure::Failure;
use crate::output::{diagram, tree};
use crate::session::Session;

pub(crate) async fn graph(session: &mut Session, format: &str) -> Result<u8, Failure> {
    let format = GraphFormat::from_str(format, false).map_err(|_unknown| {
        Failure::usage("a graph is written as text, dot, mermaid or json, not by a template")
    })?;
    let graph = expect_reply!(session.ask(Request::Graph {}).await?, Graph);
    let view = &session.out.view;
    let text = match format {
        GraphFormat::Text if !view.json => tree::render(&graph, view),
        GraphFormat::Dot => diagram::dot(&graph),
        GraphFormat::Mermaid => diagram::mermaid(&graph),
        GraphFormat::Text | GraphFormat::Json => {
            session.out.json(&graph)?;
            return Ok(0);
        }
    };
    session.out.text(&text)?;
    Ok(0)
}
