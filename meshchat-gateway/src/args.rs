//! The command line. Each flag has an environment variable; both win over the configuration.

use std::path::PathBuf;

use clap::{CommandFactory as _, Parser};

use crate::logging::LogFilter;

/// Doors of a meshchat node: a web page, and ways in for IRC, TCP and WebSocket clients and NATS.
///
/// It talks to meshchatd over its control socket and needs no rights beyond those of a member of
/// its group who is named in `gateways` of meshchat.toml. Without a configuration it serves the
/// web page on 127.0.0.1:8480; `meshchatctl pair` lets a browser in.
#[derive(Debug, Clone, Parser)]
#[command(name = "meshchat-gateway", version)]
pub struct Args {
    /// The configuration; otherwise /etc/meshchat/gateway.toml, or for a plain user
    /// ~/.config/meshchat/gateway.toml, if it is there
    #[arg(long, value_name = "FILE", env = "MESHCHAT_GATEWAY_CONFIG")]
    pub config: Option<PathBuf>,
    /// The control socket of meshchatd
    #[arg(long, value_name = "PATH", env = "MESHCHAT_SOCKET")]
    pub socket: Option<PathBuf>,
    /// Which of several daemons of this machine
    #[arg(long, value_name = "NAME", env = "MESHCHAT_INSTANCE", conflicts_with = "socket")]
    pub instance: Option<String>,
    /// Where keys and certificates are kept
    #[arg(long, value_name = "DIRECTORY", env = "MESHCHAT_GATEWAY_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// Address and port of the web page, or "off"; wins over the configuration
    #[arg(long, value_name = "ADDRESS", env = "MESHCHAT_GATEWAY_WEB")]
    pub web: Option<String>,
    /// What is logged: off, error, warn, info, debug or trace, also for single modules
    #[arg(long, value_name = "FILTER", env = "MESHCHAT_GATEWAY_LOG", default_value = "info")]
    pub log: LogFilter,
    /// Only say whether the configuration is good
    #[arg(long)]
    pub check: bool,
}

/// What can be typed.
#[must_use]
pub fn command() -> clap::Command {
    Args::command()
}
