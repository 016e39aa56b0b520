//! What can be set. Every key has a default, with which the gateway serves its page to this
//! machine alone.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use serde::Deserialize;

use super::address::Listen;
use super::bounds;
use super::metrics::MetricsConfig;
use super::nats::NatsConfig;

/// All settings.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// The web page and the HTTP API.
    pub web: WebConfig,
    /// Line and JSON clients over TCP; closed when missing.
    pub tcp: Option<TcpConfig>,
    /// Foreign WebSocket clients; closed when missing.
    pub websocket: Option<WebSocketConfig>,
    /// IRC clients; closed when missing.
    pub irc: Option<IrcConfig>,
    /// The bridge to NATS; none when missing.
    pub nats: Option<NatsConfig>,
    /// Numbers for Prometheus; not served when missing.
    pub metrics: Option<MetricsConfig>,
    /// What holds for every door.
    pub limits: LimitsConfig,
}

/// Whether a door asks for a code of `meshchatctl pair`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pairing {
    /// Nobody is in without one.
    #[default]
    On,
    /// Whoever reaches the door is in.
    Off,
}

/// Whether the page is served over TLS.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Tls {
    /// Plain HTTP.
    #[default]
    Off,
    /// With a certificate that the gateway makes and keeps in its state directory.
    Own,
    /// With these files, in PEM.
    #[serde(untagged)]
    Files {
        /// The certificate and those that vouch for it.
        cert: PathBuf,
        /// Its key.
        key: PathBuf,
    },
}

/// The web page and the HTTP API.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebConfig {
    /// Whether it is there at all.
    pub enabled: bool,
    /// Where it listens.
    pub listen: Listen,
    /// Names by which browsers may ask for it, beside its addresses, `localhost` and the name of
    /// this host.
    #[serde(deserialize_with = "bounds::hosts")]
    pub hosts: Vec<String>,
    /// Origins of other pages that may use it, such as those of other nodes.
    #[serde(deserialize_with = "bounds::origins")]
    pub origins: Vec<String>,
    /// Pages of other nodes, which the page tries when this node does not answer.
    #[serde(deserialize_with = "bounds::origins")]
    pub others: Vec<String>,
    /// Whether browsers need a code.
    pub pairing: Pairing,
    /// Whether it is served over TLS.
    pub tls: Tls,
    /// A file with the secret that tokens are made with, 32 to 4096 bytes; gateways that share it
    /// let each other's browsers in. One of its own in the state directory when missing.
    pub token_key_file: Option<PathBuf>,
}

impl Default for WebConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            listen: local(8480),
            hosts: Vec::new(),
            origins: Vec::new(),
            others: Vec::new(),
            pairing: Pairing::default(),
            tls: Tls::default(),
            token_key_file: None,
        }
    }
}

/// Line and JSON clients over TCP.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct TcpConfig {
    /// Where it listens.
    pub listen: Listen,
}

impl Default for TcpConfig {
    fn default() -> Self {
        Self { listen: local(8481) }
    }
}

/// Foreign WebSocket clients.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct WebSocketConfig {
    /// Where it listens.
    pub listen: Listen,
    /// Origins of pages that may connect; `"*"` for any. Programs that are no browsers send none
    /// and are let in.
    pub origins: Vec<String>,
}

impl Default for WebSocketConfig {
    fn default() -> Self {
        Self { listen: local(8482), origins: Vec::new() }
    }
}

/// IRC clients.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct IrcConfig {
    /// Where it listens.
    pub listen: Listen,
    /// A file with the password that clients must give (`PASS`); none when missing.
    pub password_file: Option<PathBuf>,
}

impl Default for IrcConfig {
    fn default() -> Self {
        Self { listen: local(6667), password_file: None }
    }
}

/// What holds for every door.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LimitsConfig {
    /// Clients of one door at once, 1 to 1024.
    #[serde(deserialize_with = "bounds::number::<1, 1024, _, _>")]
    pub clients: usize,
    /// Clients of one door from one address at once, 1 to 1024.
    #[serde(deserialize_with = "bounds::number::<1, 1024, _, _>")]
    pub per_address: usize,
    /// Lines that a client may send at once, 1 to 1000.
    #[serde(deserialize_with = "bounds::number::<1, 1000, _, _>")]
    pub burst: u32,
    /// Lines a second that it may send after that, 1 to 1000.
    #[serde(deserialize_with = "bounds::number::<1, 1000, _, _>")]
    pub per_second: u32,
    /// Seconds within which a client must say who it is, 1 to 300.
    #[serde(deserialize_with = "bounds::number::<1, 300, _, _>")]
    pub hello_seconds: u64,
}

impl Default for LimitsConfig {
    fn default() -> Self {
        Self { clients: 64, per_address: 16, burst: 5, per_second: 2, hello_seconds: 10 }
    }
}

const fn local(port: u16) -> Listen {
    Listen(SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), port))
}
