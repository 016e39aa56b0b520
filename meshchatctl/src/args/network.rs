//! What can be typed about closed networks.

use std::time::Duration;

use clap::{Args as ClapArgs, Subcommand, ValueEnum};
use meshchat_client::proto::network::Role;

use crate::output::time::parse_span;

#[derive(Debug, Subcommand)]
pub(crate) enum Network {
    /// The network and this node's place in it; this is the default
    Show,
    /// Make a closed network, and move this node into it
    Create {
        /// What people call it
        name: String,
        /// Do not ask before messages of the open network are deleted here
        #[arg(short, long)]
        yes: bool,
    },
    /// Move this node back to the open network
    Leave {
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Print the root key as 24 words, to write down and lock away
    Backup,
    /// Take back the root key of this network
    Restore {
        /// The 24 words [default: from standard input, which keeps them out of the shell's history]
        #[arg(value_name = "WORD")]
        words: Vec<String>,
    },
    /// Set how fast each author may speak, for all nodes of the network
    Rate {
        /// Messages at once
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        burst: u32,
        /// Messages a second after that
        #[arg(value_parser = clap::value_parser!(u32).range(1..))]
        per_second: u32,
    },
}

#[derive(Debug, ClapArgs)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Invite {
    #[command(subcommand)]
    pub(crate) command: Option<InviteCommand>,
    /// How many nodes may use it
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) uses: u32,
    /// How long it works, in running time of this node: 30m, 24h, 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_span)]
    pub(crate) expires: Duration,
    /// What they become: guest, member or admin
    #[arg(long, default_value = "member", value_parser = parse_role)]
    pub(crate) role: Role,
    /// Show a QR code: on a terminal only, always, or never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub(crate) qr: Qr,
}

/// When to show a QR code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Qr {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum InviteCommand {
    /// Tickets of this node that still work
    List,
    /// Make a ticket worthless; who has joined with it stays
    Revoke {
        /// Its id, from `meshchatctl invite list`
        id: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum Members {
    /// Remove a member for good: its key can never come back
    Remove {
        /// Its name or id
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Make a guest a member, or a member an admin
    Promote {
        /// Its name or id
        name: String,
        /// What it becomes: member or admin
        #[arg(long, default_value = "member", value_parser = parse_role)]
        role: Role,
    },
}

fn parse_role(text: &str) -> Result<Role, String> {
    let roles = [Role::Guest, Role::Member, Role::Admin];
    let found = roles.into_iter().find(|role| role.as_str() == text);
    found.ok_or_else(|| "expected guest, member or admin".to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;
    use crate::args::{Args, Command};

    fn parse(words: &[&str]) -> Option<Command> {
        Args::try_parse_from([&["meshchatctl"], words].concat()).ok()?.command
    }

    #[test]
    fn an_invitation_is_for_one_member_and_a_day() {
        let Some(Command::Invite(invite)) = parse(&["invite"]) else { unreachable!() };
        let wanted = (1, Duration::from_secs(86_400), Role::Member, Qr::Auto);
        assert_eq!((invite.uses, invite.expires, invite.role, invite.qr), wanted);
        assert!(invite.command.is_none());
        for bad in [&["invite", "--uses", "0"][..], &["invite", "--role", "king"]] {
            assert!(parse(bad).is_none(), "{bad:?}");
        }
        assert!(parse(&["invite", "--uses", "2", "list"]).is_none());
    }

    #[test]
    fn a_bare_noun_shows() {
        assert!(matches!(parse(&["network"]), Some(Command::Network { command: None })));
        assert!(matches!(parse(&["members"]), Some(Command::Members { command: None })));
        assert!(parse(&["network", "rate", "0", "5"]).is_none());
    }
}
