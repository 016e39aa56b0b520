//! What can be typed.

mod chat;
mod examples;
mod names;
mod network;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};
use meshchat_client::proto::id::NodeId;

use crate::completion::Shell;
use crate::output::time::parse_span;

pub(crate) use chat::Chat;
pub(crate) use examples::with_examples;
pub(crate) use names::{Alias, Verify, Who};
pub(crate) use network::{Invite, InviteCommand, Members, Network, Qr};

/// Talk, see who is there, and look after the meshchat node on this machine
#[derive(Debug, Parser)]
#[command(
    name = "meshchatctl",
    version,
    after_help = EXAMPLES,
    after_long_help = LONG_HELP,
    disable_help_subcommand = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// Options of every command.
#[derive(Debug, Clone, Default, ClapArgs)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Control socket of the daemon [default: your own daemon's, then the system's]
    #[arg(long, value_name = "PATH", global = true)]
    pub(crate) socket: Option<PathBuf>,
    /// Talk to the daemon that was started with the same --instance
    #[arg(long, value_name = "NAME", global = true, conflicts_with = "socket")]
    pub(crate) instance: Option<String>,
    /// Print JSON, one object per line; errors too, on standard error
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colours: on a terminal only, always, or never (NO_COLOR is respected)
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        default_value = "auto",
        hide_possible_values = true
    )]
    pub(crate) color: Color,
    /// Leave out table headers and summaries
    #[arg(long, global = true)]
    pub(crate) no_legend: bool,
    /// Print tables for scripts: values as they are, separated by tabs, no header
    #[arg(short, long, global = true, conflicts_with = "json")]
    pub(crate) terse: bool,
    /// Show only these columns of a table
    #[arg(long, value_name = "A,B", global = true, value_delimiter = ',', conflicts_with = "json")]
    pub(crate) fields: Vec<String>,
}

/// When to use colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    #[default]
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The state of this node
    Status {
        /// Every bounded table, its use and its bound
        #[arg(long)]
        limits: bool,
    },
    /// Link to another node, and keep the link over restarts
    Connect(Connect),
    /// End the link to a peer and stop dialling it
    Disconnect {
        /// Its address, name or id
        peer: String,
    },
    /// Links to other nodes, and addresses being dialled
    Peers {
        /// Show every change as it happens
        #[arg(short, long)]
        watch: bool,
        #[command(subcommand)]
        command: Option<Peers>,
    },
    /// All known nodes, linked directly or not
    Nodes,
    /// People, everywhere or in one room
    Who {
        /// Only people of this room
        room: Option<String>,
    },
    /// Known rooms
    Rooms,
    /// Enter a room, or join a closed network by its ticket
    ///
    /// What begins with meshchat1 is a ticket, as `meshchatctl invite` prints it; all else is a
    /// room. A ticket moves the whole node into the network, so that needs an operator.
    Join {
        /// The room, whose # may be left out, or the ticket, which begins with meshchat1
        #[arg(value_name = "ROOM|TICKET")]
        target: String,
    },
    /// Leave a room
    Leave {
        /// The room; the # may be left out
        room: String,
    },
    /// Rooms that only their members know of and can read
    #[command(subcommand)]
    Room(Room),
    /// Say something, in #lobby or in a room
    #[command(
        override_usage = "meshchatctl send [OPTIONS] [ROOM] TEXT\n       meshchatctl send [OPTIONS] [ROOM] - < FILE"
    )]
    Send(Send),
    /// Say something to one person, sealed so that nobody else can read it
    #[command(
        override_usage = "meshchatctl dm [OPTIONS] PERSON[@NODE] TEXT\n       meshchatctl dm --list"
    )]
    Dm(Dm),
    /// Talk on a full screen: rooms, messages and people side by side
    Chat(Chat),
    /// Show messages: the last ones, then what comes
    Tail(Tail),
    /// Ways in for browsers and other clients, and who is in
    Doors,
    /// Make a code that lets one browser or program in by those doors
    Pair {
        /// Show a QR code of the page's address: on a terminal only, always, or never
        #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
        qr: Qr,
    },
    /// Your durable cursors: how far each `tail --cursor NAME` has read
    Cursors {
        #[command(subcommand)]
        command: Option<Cursors>,
    },
    /// The network that the node belongs to: make, leave, save or look at it
    Network {
        #[command(subcommand)]
        command: Option<Network>,
    },
    /// Make a ticket with which others join the network
    Invite(Invite),
    /// Who belongs to the network
    Members {
        #[command(subcommand)]
        command: Option<Members>,
    },
    /// Give a node a name of your own, which wins over all others
    Alias(Alias),
    /// Show the number that tells whether a node is the one it seems to be
    ///
    /// Both ends see the same 30 digits. Read them to each other by voice; when they are equal,
    /// nobody sits between, and --yes marks the node as verified. --accept lets a node have a
    /// name that was known under another key.
    Verify(Verify),
    /// Do not show the messages of a person or node to you any more
    Mute(Who),
    /// Mute, and take no direct messages either
    Block(Who),
    /// Hear a person or node again
    Unmute(Who),
    /// Hear a person or node again
    Unblock(Who),
    /// Whom you have muted or blocked
    Mutes,
    /// Change what you are called
    Nick {
        /// Your new name
        name: String,
    },
    /// Tell others that you are away, or back
    Away {
        /// Why, for others to read
        note: Vec<String>,
        /// You are back
        #[arg(long, conflicts_with = "note")]
        back: bool,
    },
    /// Ask a node for an answer; shows the way there and the time it takes
    Ping(Ping),
    /// Measure each hop of the way to a node, or show how a message came here
    ///
    /// What names a known node is a node; else 6 or more characters of a message's id are that
    /// message. For a message, each node on its way is asked when it came there: AFTER is the time
    /// from the node before, GIVE how wrong that may be, LINK half the round-trip time of the link.
    Trace(Trace),
    /// Who holds a message, who does not, and why
    Delivery(Delivery),
    /// Examine the node and its ways to others: what is wrong, and the line that fixes it
    ///
    /// Network, firewall, clock, disk and power supply are looked at, and neighbours are asked to
    /// reach this node; that takes some seconds. Without a daemon, what can be seen of the reason.
    /// Ends with 0 when there is no problem (warnings do not count), with 1 when there is one, and
    /// with 8 or 13 when the daemon is not running or may not be asked.
    Doctor {
        /// Leave out what is as it should be
        #[arg(long)]
        problems: bool,
    },
    /// Show, check or reload the configuration of the daemon
    #[command(subcommand)]
    Config(Config),
    /// Wait until the daemon answers and peers are linked
    Wait {
        /// How many peers must be linked
        #[arg(long, value_name = "N", default_value_t = 0)]
        peers: usize,
        /// Give up after this time
        #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_span)]
        timeout: Duration,
    },
    /// Complete commands and names with the tab key in bash, zsh or fish
    ///
    /// Prints what the shell must read; rooms, people, nodes, peers and cursors are completed too.
    /// Packages and `make install` set this up for everybody. By hand, put a line into the file that
    /// the shell reads when it starts: `source <(meshchatctl completions bash)` into ~/.bashrc, the
    /// same with zsh into ~/.zshrc, behind compinit, and `meshchatctl completions fish | source` into
    /// ~/.config/fish/config.fish.
    Completions {
        /// For which shell
        shell: Shell,
    },
    /// The versions of this program and of the daemon
    Version,
}

#[derive(Debug, Clone, Copy, Subcommand)]
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
        #[arg(short, long, value_name = "FORMAT", default_value = "text")]
        format: GraphFormat,
    },
}

#[derive(Debug, Clone, Subcommand)]
pub(crate) enum Cursors {
    /// Forget a cursor
    Remove {
        /// Its name
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Room {
    /// Make a private room, with you as its first member
    Create {
        /// What it is called; it is shown as #~NAME
        name: String,
    },
    /// Let somebody in, who then reads what is said from now on
    Invite {
        /// The room
        room: String,
        /// Who: a name, with the node behind an @ if several are called so
        person: String,
    },
    /// Leave a private room
    Leave {
        /// The room
        room: String,
    },
    /// Put somebody out, who then reads nothing more
    Remove {
        /// The room
        room: String,
        /// Who
        person: String,
    },
    /// Who is in a private room
    Members {
        /// The room
        room: String,
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
pub(crate) struct Send {
    /// The text in quotes, alone or behind its room; `-` reads lines from standard input
    #[arg(value_name = "[ROOM] TEXT")]
    pub(crate) words: Vec<String>,
    /// Describe yourself in the third person, as /me does
    #[arg(long)]
    pub(crate) me: bool,
    /// Go on when it is accepted, when one neighbour holds it, when all nodes in reach (or N)
    /// do, or all; ends with 3 when that takes too long, and is delivered nevertheless
    #[arg(long, value_name = "accepted|neighbour|reached[:N]|all", default_value = "accepted", value_parser = parse_wait)]
    pub(crate) wait: WaitFor,
    /// How long to wait for that, at most 1h
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_span)]
    pub(crate) timeout: Duration,
}

/// Who is to hold a message before `send` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WaitFor {
    Accepted,
    Neighbour,
    Reached(Option<u32>),
    All,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Delivery {
    /// Its id or the first 6 characters of it, as `send` and `tail --ids` show
    pub(crate) message: String,
    /// Show every change until all have it
    #[arg(short, long)]
    pub(crate) watch: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Dm {
    /// To whom: a name, with the node behind an @ if several are called so; and the text in quotes
    #[arg(value_name = "PERSON TEXT", required_unless_present = "list")]
    pub(crate) words: Vec<String>,
    /// Show the messages that you have sent and how far each has come
    #[arg(long, conflicts_with_all = ["words", "me"])]
    pub(crate) list: bool,
    /// Describe yourself in the third person, as /me does
    #[arg(long)]
    pub(crate) me: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Tail {
    /// The room [default: all rooms that you are in]
    pub(crate) room: Option<String>,
    /// Begin with this many messages, or `all`
    #[arg(short = 'n', long, value_name = "N", default_value = "20", value_parser = parse_lines)]
    pub(crate) lines: u32,
    /// Begin with what this node got since: 10m, 1h30m, 14:00, 2026-11-20, 2026-11-20T14:00
    #[arg(long, value_name = "WHEN", conflicts_with = "lines")]
    pub(crate) since: Option<String>,
    /// Go on with what comes, also when the daemon restarts; this is the default
    #[arg(short, long, conflicts_with = "no_follow")]
    pub(crate) follow: bool,
    /// End when history is shown
    #[arg(long)]
    pub(crate) no_follow: bool,
    /// Begin each message with its id, for `delivery` and `trace`
    #[arg(long)]
    pub(crate) ids: bool,
    /// Only messages, no changes of people and nodes
    #[arg(long)]
    pub(crate) no_presence: bool,
    /// Only direct messages, to you and from you
    #[arg(long, conflicts_with = "room")]
    pub(crate) dm: bool,
    /// Go on where the last `tail` with this name stopped, also after a crash or a restart
    ///
    /// The node remembers what was printed. Used for the first time, it begins as without it.
    #[arg(long, value_name = "NAME")]
    pub(crate) cursor: Option<String>,
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

#[derive(Debug, Subcommand)]
pub(crate) enum Config {
    /// The settings in force and where each comes from
    Show,
    /// Check configuration files without changing anything; runs `meshchatd --check`
    Check {
        /// The file to check [default: the one that the daemon would read]
        file: Option<PathBuf>,
    },
    /// Make the daemon read its configuration again
    Reload,
}

fn parse_lines(text: &str) -> Result<u32, String> {
    match text {
        "all" => Ok(u32::MAX),
        _ => text.parse().map_err(|_bad| "expected a number or `all`".to_owned()),
    }
}

fn parse_wait(text: &str) -> Result<WaitFor, String> {
    let bad = || "expected accepted, neighbour, reached, reached:N or all".to_owned();
    match text {
        "accepted" => Ok(WaitFor::Accepted),
        "neighbour" | "neighbor" => Ok(WaitFor::Neighbour),
        "reached" => Ok(WaitFor::Reached(None)),
        "all" => Ok(WaitFor::All),
        _ => {
            let nodes = text.strip_prefix("reached:").and_then(|nodes| nodes.parse().ok());
            nodes
                .filter(|nodes| *nodes > 0)
                .map(|nodes| WaitFor::Reached(Some(nodes)))
                .ok_or_else(bad)
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  meshchatctl connect barn.local       link to the node on barn.local
  meshchatctl send 'good morning'      say something in #lobby
  meshchatctl tail                     the last 20 messages, then what comes
  meshchatctl who                      who is there
  meshchatctl peers status -w          watch the links";

const LONG_HELP: &str = "\
Examples:
  meshchatctl connect barn.local       link to the node on barn.local
  meshchatctl send 'good morning'      say something in #lobby
  uptime | meshchatctl send '#ops' -   each line of a program's output to a room
  meshchatctl tail --since 1h --json   messages for a script
  meshchatctl send --wait=all 'fire!'  go on once all nodes hold it
  meshchatctl dm ann@pi-barn 'lunch?'  say something to one person only
  meshchatctl who                      who is there
  meshchatctl peers status -w          watch the links
  meshchatctl doctor                   what is wrong, and the line that fixes it
  meshchatctl wait --peers 1           in a script: go on once a peer is linked

Environment:
  MESHCHAT_SOCKET   control socket of the daemon, as --socket
  NO_COLOR          no colours unless --color always

Exit codes:
  0   done
  1   another failure; doctor: there is a problem
  2   wrong use of the command line
  3   timed out
  4   a peer or node could not be reached
  8   the daemon is not running
  10  no such peer, node, room or person
  13  no permission

The JSON of --json is described in docs/json.md.";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn every_command_has_help() {
        fn check(command: &mut clap::Command, path: &str) {
            assert!(command.get_about().is_some(), "{path} says nothing about itself");
            assert!(!command.render_long_help().to_string().is_empty());
            for argument in command.get_arguments() {
                assert!(argument.get_help().is_some(), "{path} {}", argument.get_id());
            }
            for below in command.get_subcommands_mut() {
                let path = format!("{path} {}", below.get_name());
                check(below, &path);
            }
        }
        let mut command = Args::command();
        command.build();
        check(&mut command, "meshchatctl");
    }

    #[test]
    fn lines_are_a_number_or_all() {
        assert_eq!(parse_lines("7"), Ok(7));
        assert_eq!(parse_lines("all"), Ok(u32::MAX));
        assert!(parse_lines("-1").is_err());
    }

    #[test]
    fn a_wait_is_a_word_and_perhaps_a_number() {
        assert_eq!(parse_wait("reached"), Ok(WaitFor::Reached(None)));
        assert_eq!(parse_wait("reached:3"), Ok(WaitFor::Reached(Some(3))));
        for bad in ["reached:0", "reached:x", "some", ""] {
            assert!(parse_wait(bad).is_err(), "{bad}");
        }
    }
}
