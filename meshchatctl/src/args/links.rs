//! What can be typed about peers, nodes and the ways to them.

use std::time::Duration;

use clap::builder::PossibleValuesParser;
use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use meshchat_client::proto::id::NodeId;

use crate::output::time::parse_span;

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Peers {
    /// State, traffic and errors of every peer; ends with 4 when none is linked
    Status {
        /// Show every change as it happens
        #[arg(short, long)]
        watch: bool,
    },
    /// Addresses, and where each comes from
    List,
    /// The shape of the mesh as all know it: who links to whom, and what it hangs on
    Graph {
        /// text for people, dot (Graphviz), mermaid or json
        // The same id and type as the --format of all commands, which this one stands in for.
        #[arg(
            short,
            long = "format",
            id = "template",
            value_name = "FORMAT",
            default_value = "text",
            value_parser = PossibleValuesParser::new(["text", "dot", "mermaid", "json"])
        )]
        format: String,
    },
}

/// How a graph is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum GraphFormat {
    Text,
    Dot,
    Mermaid,
    Json,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Connect {
    /// The other node: a name or address, and a port unless it is the usual one
    #[arg(value_name = "HOST[:PORT]")]
    pub(crate) address: String,
    /// Forget it when the daemon stops
    #[arg(long)]
    pub(crate) once: bool,
    /// Link only if this key answers there
    #[arg(long)]
    pub(crate) key: Option<NodeId>,
    /// How long to wait for the link
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_span)]
    pub(crate) timeout: Duration,
    /// Do not wait for the link
    #[arg(long)]
    pub(crate) no_wait: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Ping {
    /// Its name or id
    pub(crate) node: String,
    /// How often to ask
    #[arg(short, long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) count: u32,
    /// How long to wait for each answer, at most 60s
    #[arg(long, value_name = "TIME", default_value = "5s", value_parser = parse_span)]
    pub(crate) timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Trace {
    /// The name or id of a node, or the id of a message
    #[arg(value_name = "NODE|MESSAGE")]
    pub(crate) target: String,
    /// How often to ask each node on the way
    #[arg(short, long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub(crate) count: u32,
    /// How long to wait for each answer, at most 60s
    #[arg(long, value_name = "TIME", default_value = "2s", value_parser = parse_span)]
    pub(crate) timeout: Duration,
}
