//! What goes into a node and what comes out of it.

mod input;
mod kept;
mod note;
mod output;
mod saved;

use alloc::string::String;
use alloc::vec::Vec;

use core::net::SocketAddr;

use meshchat_proto::id::NodeId;
use meshchat_proto::name::{NodeName, PersonName, RoomName};

use crate::dial::{Goal, SavedContact};
use crate::rates::Rate;

pub use input::{Input, Level};
pub use kept::{Kept, Restored, SavedCursor, SavedCursors, SeenNumbers, Snapshot, Stored};
pub use note::Note;
pub use output::Output;
pub use saved::{SavedInvite, SavedNetwork};

/// A link, as the caller numbers it. A number is never used twice.
pub type LinkId = u32;
/// A local client, as the caller numbers it. A number is never used twice.
pub type SessionId = u32;

/// What a node is at its start.
#[derive(Debug, Clone)]
pub struct Config {
    /// Its key.
    pub id: NodeId,
    /// Its closed network, as last saved; none in the open one. [`SavedNetwork::check`] it first.
    pub network: Option<SavedNetwork>,
    /// What it is called.
    pub name: NodeName,
    /// Its release, for display.
    pub software: String,
    /// How often it has started, this time included; kept on disk by the caller.
    pub boot_count: u64,
    /// Who may link.
    pub admit: Admit,
    /// How fast one author may speak, unless the network says otherwise; none when nobody is
    /// held back.
    pub rate: Option<Rate>,
    /// What is kept of messages.
    pub history: HistoryMode,
    /// Its people, as last saved.
    pub people: Vec<SavedPerson>,
    /// How many links it looks after by itself.
    pub goal: Goal,
    /// The beginning of the number in its beacons on the LAN; 0 when it sends none.
    pub beacon: u64,
    /// The addresses of its interfaces, with the port that it listens on.
    pub addresses: Vec<SocketAddr>,
    /// Nodes that it knew, as last saved.
    pub contacts: Vec<SavedContact>,
    /// What was kept of messages, and of who has read them.
    pub stored: Stored,
}

/// Who may link to a node of the open network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admit {
    /// Peers that are configured or named, and whoever dials in from a directly connected
    /// subnet.
    Neighbours,
    /// Everyone.
    Anyone,
    /// Only peers that are configured or named.
    Configured,
}

impl Admit {
    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Neighbours => "neighbours",
            Self::Anyone => "anyone",
            Self::Configured => "configured",
        }
    }
}

/// What is kept of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistoryMode {
    /// Nothing.
    Off,
    /// The newest, in memory.
    Memory,
    /// The newest, in memory, and the caller keeps them on disk.
    Disk,
}

impl HistoryMode {
    /// The word for it in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Memory => "memory",
            Self::Disk => "disk",
        }
    }
}

/// What outlives a restart of one person.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedPerson {
    /// The Unix user.
    pub user: String,
    /// What they are called.
    pub name: PersonName,
    /// Rooms that they are in.
    pub rooms: Vec<RoomName>,
    /// Why they are away; none when they are not.
    pub away: Option<String>,
}
