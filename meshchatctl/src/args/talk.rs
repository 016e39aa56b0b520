//! What can be typed about messages and rooms.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand};

use crate::output::time::parse_span;

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

pub(super) fn parse_lines(text: &str) -> Result<u32, String> {
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

#[cfg(test)]
mod tests {
    use super::*;

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
