//! The command line of the daemon.

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser, Subcommand};

/// What was given on the command line.
#[derive(Debug, Clone, Default, Parser)]
#[command(
    name = "meshchatd",
    version,
    about = "A node of a mesh chat: links to other nodes, and serves meshchatctl on this machine",
    long_about = "A node of a mesh chat.\n\n\
        meshchatd keeps encrypted links to other nodes and passes messages on. It has no screen: \
        use meshchatctl to talk, to see who is there and to name peers.\n\n\
        Flags win over MESHCHAT_* environment variables, these over /etc/meshchat/meshchat.toml \
        and meshchat.d/*.toml beside it, files over defaults. Without any of them it just runs.",
    after_long_help = EXAMPLES
)]
pub struct Flags {
    /// Read this configuration file, and *.toml in the .d directory beside it
    ///
    /// The default is /etc/meshchat/meshchat.toml for the system service and
    /// $XDG_CONFIG_HOME/meshchat/meshchat.toml for a user, if it exists.
    #[arg(long, value_name = "FILE", global = true)]
    pub config: Option<PathBuf>,

    /// Run as a further node on this machine, with its own key, state and socket
    #[arg(long, value_name = "NAME", global = true)]
    pub instance: Option<String>,

    /// Name of this node that people see [default: the host name]
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Address and UDP port for links.
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        help = "Address and UDP port for links; port 0 takes any free one [default: [::]:7117]"
    )]
    pub listen: Option<String>,

    /// Link to this node; may be given several times and adds to the configured peers
    #[arg(long, value_name = "HOST[:PORT]")]
    pub peer: Vec<String>,

    /// Who may link: neighbours, anyone or configured [default: neighbours]
    #[arg(long, value_name = "WHO")]
    pub admit: Option<String>,

    /// How nodes are found that nobody named: lan or off [default: lan]
    #[arg(long, value_name = "HOW")]
    pub discovery: Option<String>,

    /// How many links to look after: "4-8", or "named" for none but the peers named [default: 4-8]
    #[arg(long, value_name = "RANGE")]
    pub links: Option<String>,

    /// Whether the router is asked for a way in: auto or off [default: auto]
    #[arg(long, value_name = "HOW")]
    pub mapping: Option<String>,

    /// How fast one author may speak: at once/a second, or "off" [default: 20/5]
    #[arg(long, value_name = "BURST/SECOND")]
    pub rate: Option<String>,

    /// Where messages are kept: memory, disk or off [default: memory]
    #[arg(long, value_name = "WHERE")]
    pub history: Option<String>,

    /// Directory for the key and the small state
    #[arg(long, value_name = "DIRECTORY", global = true)]
    pub state_dir: Option<PathBuf>,

    /// Path of the control socket
    #[arg(long, value_name = "PATH")]
    pub socket: Option<PathBuf>,

    /// What to log: a level, or a list of module=level [default: info]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,

    /// Check the configuration, print what is wrong, and exit
    #[arg(long)]
    pub check: bool,

    /// What to do instead of running the node.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// What can be typed.
#[must_use]
pub fn command() -> clap::Command {
    Flags::command()
}

/// What the program can do besides running a node.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// Settle whose key this is, after a card or disk was copied or moved
    #[command(subcommand)]
    Identity(IdentityCommand),
}

/// The two answers to "this key belongs to another machine".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub enum IdentityCommand {
    /// Make a new key: this is a copy, and the original still runs elsewhere
    Fork,
    /// Keep the key: this is the same node on new hardware
    Move,
}

const EXAMPLES: &str = "\
Examples:
  meshchatd                                   run a node with defaults
  meshchatd --peer barn.local                 run and link to the node on barn.local
  meshchatd --instance lab --listen '[::]:0'  run a second node on this machine
  meshchatd --check                           check the configuration
  meshchatd identity fork                     make a new key on a copied SD card

Exit codes:
  0   ended on request
  1   could not run; the reason is on standard error or in the journal
  2   wrong use of the command line
  78  bad configuration";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Flags::command().debug_assert();
    }

    #[test]
    fn peers_repeat_and_the_state_directory_works_behind_a_command() {
        let flags = Flags::try_parse_from(["meshchatd", "--peer", "a", "--peer", "b:1"]).unwrap();
        assert_eq!(flags.peer, ["a", "b:1"]);
        let line = ["meshchatd", "identity", "fork", "--state-dir", "/s"];
        let flags = Flags::try_parse_from(line).unwrap();
        assert_eq!(flags.state_dir, Some("/s".into()));
        assert!(matches!(flags.command, Some(Command::Identity(IdentityCommand::Fork))));
    }

    #[test]
    fn a_mistyped_flag_is_refused() {
        assert!(Flags::try_parse_from(["meshchatd", "--lissten", "x"]).is_err());
    }
}
