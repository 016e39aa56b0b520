//! What can be typed.

mod chat;
mod examples;
mod global;
mod help;
mod links;
mod log;
mod look;
mod names;
mod network;
mod talk;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, Subcommand};

use crate::completion::Shell;
use crate::output::time::parse_span;

pub(crate) use chat::{Chat, Switch};
pub(crate) use examples::with_examples;
pub(crate) use global::{Color, Global};
pub(crate) use links::{Connect, GraphFormat, Peers, Ping, Trace};
pub(crate) use log::{LogLevel, Logs, Metrics};
pub(crate) use look::{Bugreport, Event, Events, Rollcall, Status, Top};
pub(crate) use names::{Alias, Verify, Who};
pub(crate) use network::{Invite, InviteCommand, Members, Network, Qr};
pub(crate) use talk::{Cursors, Delivery, Dm, Room, Send, Tail, WaitFor};

/// Talk, see who is there, and look after the meshchat node on this machine
#[derive(Debug, Parser)]
#[command(
    name = "meshchatctl",
    version,
    after_help = help::EXAMPLES,
    after_long_help = help::LONG_HELP,
    disable_help_subcommand = true
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

impl Args {
    /// `peers graph` has a --format of its own, which is no template.
    pub(crate) fn settled(mut self) -> Self {
        let graph = |command: &Option<Peers>| matches!(command, Some(Peers::Graph { .. }));
        if matches!(&self.command, Some(Command::Peers { command, .. }) if graph(command)) {
            self.global.template = None;
        }
        self
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// The state of this node; --check for monitoring
    Status(Status),
    /// Links, messages, queues and drops, as they move
    Top(Top),
    /// Every bounded table, its use and its bound
    Limits,
    /// All that happens, as JSON lines for programs
    Events(Events),
    /// Ask a room who is there, and see who answers
    Rollcall(Rollcall),
    /// All that helps to find a fault, without names and texts
    Bugreport(Bugreport),
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
    Nodes {
        /// Show every change as it happens
        #[arg(short, long)]
        watch: bool,
    },
    /// People, everywhere or in one room
    Who {
        /// Only people of this room
        room: Option<String>,
        /// Show every change as it happens
        #[arg(short, long)]
        watch: bool,
    },
    /// Known rooms
    Rooms {
        /// Show every change as it happens
        #[arg(short, long)]
        watch: bool,
    },
    /// Enter a room, or join a closed network by its ticket
    ///
    /// What begins with meshchat1 is a ticket, as `meshchatctl invite` prints it; all else is a
    /// room. A ticket moves the whole node into the network, so that needs an operator.
    Join {
        /// The room, whose # may be left out, or the ticket, which begins with meshchat1
        #[arg(value_name = "ROOM|TICKET")]
        target: String,
        /// With a ticket: do not ask before messages of the open network are deleted here
        #[arg(short, long)]
        yes: bool,
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
    /// Show the log of the daemon: the last lines, then what comes
    ///
    /// Needs an operator. The daemon keeps its newest 512 lines; what was before is in the
    /// journal. With --level or a MODULE=LEVEL, more than the log itself shows is shown here and
    /// nowhere else, from now on.
    Logs(Logs),
    /// Show or change what the daemon logs, for a time if you like
    ///
    /// Showing it is for everybody, changing it for operators. A change leaves alone what it does
    /// not name.
    LogLevel(LogLevel),
    /// Print numbers of this node for Prometheus
    ///
    /// Names and meanings are in docs/metrics.md. The gateway serves the same over HTTP.
    Metrics(Metrics),
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
}
