//! The types of the settings, each parsed once from text.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use meshchat_proto::id::NodeId;
use meshchat_proto::limits::NEIGHBOURS;
use meshchat_proto::name::{NameError, NodeName};

use super::address::PeerAddress;
use super::amounts::{Size, Span, parse_size, parse_span};
use super::error::BadValue;

/// Which nodes may link to this one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Admit {
    /// Configured or named peers, and those on a directly connected subnet.
    #[default]
    Neighbours,
    /// Any node that dials in.
    Anyone,
    /// Only peers that are configured or named.
    Configured,
}

/// Where messages are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum History {
    /// In memory, lost at a restart.
    #[default]
    Memory,
    /// In memory and on disk.
    Disk,
    /// Nowhere: this node helps nobody to catch up.
    Off,
}

/// How fast one author may speak in the open network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// So many messages at once and so many a second in the long run.
    Of {
        /// At once, 1 to [`MOST_BURST`].
        burst: u32,
        /// A second, 1 to [`MOST_PER_SECOND`].
        per_second: u32,
    },
    /// As fast as they like.
    Off,
}

impl Default for Rate {
    fn default() -> Self {
        Self::Of { burst: 20, per_second: 5 }
    }
}

/// How nodes are found that nobody named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Discovery {
    /// By calling on the local network.
    #[default]
    Lan,
    /// Not at all.
    Off,
}

/// Whether the router is asked for a way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mapping {
    /// Where it helps.
    #[default]
    Auto,
    /// Never.
    Off,
}

/// How many links a node looks after by itself, beside those that were named to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Links {
    /// With fewer it looks for more; 0 when it never does.
    pub least: usize,
    /// With more it gives up those that others make up for.
    pub most: usize,
}

impl Default for Links {
    fn default() -> Self {
        Self { least: 4, most: 8 }
    }
}

/// A node to dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Peer {
    /// Where it listens.
    pub address: PeerAddress,
    /// Its Ed25519 public key, if only that node may answer there.
    pub key: Option<[u8; 32]>,
}

impl fmt::Display for Admit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Neighbours => "neighbours",
            Self::Anyone => "anyone",
            Self::Configured => "configured",
        })
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Memory => "memory",
            Self::Disk => "disk",
            Self::Off => "off",
        })
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of { burst, per_second } => write!(f, "{burst}/{per_second}"),
            Self::Off => f.write_str("off"),
        }
    }
}

impl fmt::Display for Discovery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lan => "lan",
            Self::Off => "off",
        })
    }
}

impl fmt::Display for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Off => "off",
        })
    }
}

impl fmt::Display for Links {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self { least: 0, .. } => f.write_str("named"),
            Self { least, most } => write!(f, "{least}-{most}"),
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.address)?;
        if let Some(key) = &self.key {
            f.write_str(" key ")?;
            for byte in key {
                write!(f, "{byte:02x}")?;
            }
        }
        Ok(())
    }
}

pub(super) fn parse_admit(text: &str) -> Result<Admit, BadValue> {
    match text {
        "neighbours" => Ok(Admit::Neighbours),
        "anyone" => Ok(Admit::Anyone),
        "configured" => Ok(Admit::Configured),
        _ => Err(BadValue::NotOneOf("neighbours, anyone, configured")),
    }
}

pub(super) fn parse_history(text: &str) -> Result<History, BadValue> {
    match text {
        "memory" => Ok(History::Memory),
        "disk" => Ok(History::Disk),
        "off" => Ok(History::Off),
        _ => Err(BadValue::NotOneOf("memory, disk, off")),
    }
}

pub(super) fn parse_rate(text: &str) -> Result<Rate, BadValue> {
    if text == "off" {
        return Ok(Rate::Off);
    }
    let rate = text.split_once('/').and_then(|(burst, per_second)| {
        Some((burst.trim().parse().ok()?, per_second.trim().parse().ok()?))
    });
    let fits = |rate: &(u32, u32)| {
        (1..=MOST_BURST).contains(&rate.0) && (1..=MOST_PER_SECOND).contains(&rate.1)
    };
    let (burst, per_second) = rate.filter(fits).ok_or(BadValue::Rate)?;
    Ok(Rate::Of { burst, per_second })
}

/// Bytes that messages on disk may take. Some segments must fit, and it is read at the start.
pub(super) fn parse_history_size(text: &str) -> Result<Size, BadValue> {
    parse_size(text, Size(2 << 20), Size(1 << 30))
}

/// How long history remembers.
pub(super) fn parse_history_age(text: &str) -> Result<Span, BadValue> {
    parse_span(text, Span(Duration::from_secs(60)), Span(Duration::from_secs(3650 * 24 * 3600)))
}

/// Bytes that may be written in a day.
pub(super) fn parse_history_budget(text: &str) -> Result<Size, BadValue> {
    parse_size(text, Size(1 << 20), Size(1 << 40))
}

pub(super) fn parse_links(text: &str) -> Result<Links, BadValue> {
    if text == "named" {
        return Ok(Links { least: 0, most: 0 });
    }
    let range = text.split_once('-').and_then(|(least, most)| {
        Some(Links { least: least.trim().parse().ok()?, most: most.trim().parse().ok()? })
    });
    let fits = |links: &Links| 1 <= links.least && links.least <= links.most;
    range.filter(|links| fits(links) && links.most <= NEIGHBOURS).ok_or(BadValue::Links)
}

pub(super) fn parse_discovery(text: &str) -> Result<Discovery, BadValue> {
    match text {
        "lan" => Ok(Discovery::Lan),
        "off" => Ok(Discovery::Off),
        _ => Err(BadValue::NotOneOf("lan, off")),
    }
}

pub(super) fn parse_mapping(text: &str) -> Result<Mapping, BadValue> {
    match text {
        "auto" => Ok(Mapping::Auto),
        "off" => Ok(Mapping::Off),
        _ => Err(BadValue::NotOneOf("auto, off")),
    }
}

pub(super) fn parse_listen(text: &str) -> Result<SocketAddr, BadValue> {
    text.parse().ok().ok_or(BadValue::Listen)
}

/// A node's name: 1 to 32 characters, NFC, nothing invisible.
pub(super) fn parse_name(text: &str) -> Result<String, BadValue> {
    match text.parse::<NodeName>() {
        Ok(name) => Ok(name.as_str().to_owned()),
        Err(NameError::Empty | NameError::TooLong { .. }) => Err(BadValue::NameLength),
        Err(
            NameError::Character(_) | NameError::Spaces | NameError::NoRoom | NameError::NotNormal,
        ) => Err(BadValue::NameCharacter),
    }
}

/// The first label of the host name with everything removed that a name may not hold.
pub(super) fn name_from_host(host: &str) -> String {
    let label = host.split('.').next().unwrap_or_default();
    let plain = |c: &char| c.is_alphanumeric() || matches!(c, '-' | '_');
    let kept: String = label.chars().filter(plain).take(LONGEST_NAME).collect();
    parse_name(&kept).unwrap_or_else(|_| "node".to_owned())
}

/// A Unix user or group name, as `useradd` would accept it.
pub(super) fn parse_account(text: &str) -> Result<String, BadValue> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '@' | '+');
    let fits = (1..=LONGEST_ACCOUNT).contains(&text.len());
    if !fits || text.starts_with('-') || !text.chars().all(plain) {
        return Err(BadValue::Account);
    }
    Ok(text.to_owned())
}

/// An instance becomes a part of paths and of a unit name.
pub(super) fn parse_instance(text: &str) -> Result<String, BadValue> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let fits = (1..=LONGEST_NAME).contains(&text.len());
    if !fits || text.starts_with('-') || !text.chars().all(plain) || RESERVED.contains(&text) {
        return Err(BadValue::Instance);
    }
    Ok(text.to_owned())
}

/// A full public key, as all programs of the mesh write it, or as 64 hexadecimal digits.
pub(super) fn parse_key(text: &str) -> Result<[u8; 32], BadValue> {
    if text.len() == 64 {
        return hexadecimal(text).ok_or(BadValue::PeerKey);
    }
    text.parse().map(|node: NodeId| node.0).map_err(|_error| BadValue::PeerKey)
}

fn hexadecimal(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let pair = std::str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    Some(bytes)
}

/// Most messages of one author at once.
const MOST_BURST: u32 = 10_000;
/// Most messages of one author a second.
const MOST_PER_SECOND: u32 = 1000;
const LONGEST_NAME: usize = 32;
const LONGEST_ACCOUNT: usize = 32;
/// Names that already mean a file or folder of state, of the configuration, or of the gateway.
const RESERVED: [&str; 16] = [
    "acquaintances",
    "boot",
    "contacts",
    "cursors",
    "gateway",
    "handover",
    "history",
    "key",
    "lock",
    "machine",
    "mail",
    "meshchat",
    "network",
    "people",
    "peers",
    "rooms",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_normal_and_visible() {
        assert_eq!(parse_name("e\u{301}va").unwrap(), "\u{e9}va");
        assert_eq!(parse_name(&"x".repeat(32)).unwrap().len(), 32);
        for bad in ["", "a b", "a\nb", "a\u{202e}b", "a\u{200b}b", "a\u{feff}", "\u{1b}[1m"] {
            assert!(parse_name(bad).is_err(), "{bad:?} was accepted");
        }
        assert_eq!(parse_name(&"x".repeat(33)), Err(BadValue::NameLength));
    }

    #[test]
    fn rates_are_a_burst_and_a_pace() {
        assert_eq!(parse_rate("20/5"), Ok(Rate::default()));
        assert_eq!(parse_rate("off"), Ok(Rate::Off));
        for text in ["20/5", "1/1", "10000/1000", "off"] {
            assert_eq!(parse_rate(text).unwrap().to_string(), text);
        }
        for bad in ["", "20", "0/5", "20/0", "10001/5", "20/1001", "-1/5", "20/5/1", "none"] {
            assert_eq!(parse_rate(bad), Err(BadValue::Rate), "{bad:?} was accepted");
        }
    }

    #[test]
    fn host_names_become_names() {
        assert_eq!(name_from_host("raspberrypi.lan"), "raspberrypi");
        assert_eq!(name_from_host(""), "node");
        assert_eq!(name_from_host("\n.x"), "node");
        assert_eq!(name_from_host(&"h".repeat(64)).len(), 32);
    }

    #[test]
    fn keys_in_hex_and_base32() {
        let hex = "00".repeat(31) + "ff";
        let mut expected = [0; 32];
        expected[31] = 0xff;
        assert_eq!(parse_key(&hex).unwrap(), expected);
        assert_eq!(parse_key(&NodeId(expected).to_string()).unwrap(), expected);
        assert!(parse_key("abcd").is_err());
        assert!(parse_key(&"g".repeat(64)).is_err());
    }

    #[test]
    fn accounts_and_instances() {
        assert!(parse_account("ann-2").is_ok());
        assert!(parse_account("-ann").is_err());
        assert!(parse_account("a:b").is_err());
        assert!(parse_instance("lab-2").is_ok());
        for bad in ["", "../x", "Lab", "a.b", "key", "meshchat", "-x"] {
            assert!(parse_instance(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
