//! What can be typed to look after a node.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use crate::output::time::parse_span;

#[derive(Debug, ClapArgs)]
pub(crate) struct Status {
    /// Every bounded table, its use and its bound
    #[arg(long, conflicts_with_all = ["watch", "check"])]
    pub(crate) limits: bool,
    /// Show every change as it happens
    #[arg(short, long, conflicts_with = "check")]
    pub(crate) watch: bool,
    /// One line for monitoring; ends with 0 ok, 1 warning, 2 critical or 3 unknown
    ///
    /// The line and the numbers behind its | are those of monitoring plugins, as Nagios, Icinga and
    /// others run them. Critical: the daemon does not run or answer, or the node is cut off. A
    /// warning: a part of the mesh is missing, history is not written, the clock is wrong, or there
    /// is less than --min-links or --min-nodes ask for. Unknown: the command line is wrong, or there
    /// is no permission to ask.
    #[arg(long, conflicts_with_all = ["json", "template", "terse", "fields"])]
    pub(crate) check: bool,
    /// With --check: warn when fewer links are up
    #[arg(long, value_name = "N", requires = "check")]
    pub(crate) min_links: Option<u32>,
    /// With --check: warn when fewer nodes can be reached, this one included
    #[arg(long, value_name = "N", requires = "check")]
    pub(crate) min_nodes: Option<u32>,
    /// With --check: how long the daemon may take to answer
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_span, requires = "check")]
    pub(crate) timeout: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Top {
    /// End after so many looks
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) count: Option<u64>,
    /// Time between two looks, at least 500ms
    #[arg(short, long, value_name = "TIME", default_value = "2s", value_parser = parse_span)]
    pub(crate) interval: Duration,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Events {
    /// Only these kinds; all without it
    #[arg(long, value_name = "KIND,KIND", value_delimiter = ',')]
    pub(crate) only: Vec<Event>,
    /// Leave out what was said: messages come without their text
    #[arg(long)]
    pub(crate) no_messages: bool,
}

/// Kinds of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Event {
    /// A link came up, went down, or could not be made
    Link,
    /// A message in a room that you are in
    Message,
    /// A direct message, or how far one of yours has come
    Direct,
    /// A person came, went, or is away
    Person,
    /// A node became reachable or not
    Node,
    /// The mesh split or grew together
    Partition,
    /// A name appears with another key, or two machines use one
    Key,
    /// Messages that no reachable node holds
    Gone,
    /// What this program was too slow for
    Missed,
    /// Programs at the control socket: how many
    Client,
    /// A door of a gateway: its clients or its trouble
    Door,
    /// Something was dropped: why and how often
    Drop,
    /// The daemon is there, gone, or back
    Daemon,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Rollcall {
    /// The room; the # may be left out
    pub(crate) room: String,
    /// What to say in place of the usual words
    #[arg(long, value_name = "TEXT")]
    pub(crate) say: Option<String>,
    /// How long to wait for answers
    #[arg(long, value_name = "TIME", default_value = "2m", value_parser = parse_span)]
    pub(crate) timeout: Duration,
    /// End when nobody has answered for this time
    #[arg(long, value_name = "TIME", value_parser = parse_span)]
    pub(crate) quiet_for: Option<Duration>,
    /// Do not count on people who have left or have nothing open
    #[arg(long)]
    pub(crate) present: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Bugreport {
    /// Write it to a file that only you can read
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
