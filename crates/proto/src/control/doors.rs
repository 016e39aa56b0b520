use serde::{Deserialize, Serialize};

use super::reply::DropCount;

/// What gateways and people want of doors: the ways in that a gateway holds open for clients
/// other than those of the control socket.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DoorsRequest {
    /// The doors of all gateways on this machine. Replies [`super::Reply::Doors`].
    List {},
    /// Tells what doors this session's gateway holds open, in place of what it told before, until
    /// the session ends. Only for gateways. Replies [`super::Reply::Done`].
    Announce {
        /// At most [`crate::limits::DOORS`].
        doors: Vec<DoorInfo>,
    },
    /// Makes a code that lets one browser or program in by the doors that ask for one. Not for
    /// guests. Replies [`super::Reply::Pairing`].
    Pair {},
    /// Uses up a code. Only for gateways. Replies [`super::Reply::Done`], or fails with
    /// [`super::ErrorCode::NotFound`] if the code is wrong, used or too old, and with
    /// [`super::ErrorCode::TooMany`] after too many wrong ones.
    Redeem {
        /// As somebody typed it; case and dashes do not matter.
        code: String,
    },
}

/// One door of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorInfo {
    /// Its kind, a word such as `web`, `tcp`, `websocket`, `irc` or `nats`.
    pub name: String,
    /// Where it is, as a person would type it: `http://192.0.2.7:8480/`, `192.0.2.7:6667`. At
    /// most [`crate::limits::DOOR_ADDRESSES`].
    #[serde(default)]
    pub addresses: Vec<String>,
    /// Clients that are in.
    #[serde(default)]
    pub clients: u32,
    /// Clients that may be in at once; 0 for a door that has none.
    #[serde(default)]
    pub most: u32,
    /// It asks for a code that [`DoorsRequest::Pair`] makes.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pairing: bool,
    /// What is wrong with it; empty when it works.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub problem: String,
    /// What it refused or dropped in this run, by reason; only what is not zero.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drops: Vec<DropCount>,
}

/// A code that lets one browser or program in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairingInfo {
    /// The code: 8 letters and digits in two groups, for one use.
    pub code: String,
    /// Milliseconds of running time until it is worthless.
    pub expires_ms: u64,
    /// The doors that ask for such a code.
    pub doors: Vec<DoorInfo>,
}
