//! Closed networks: who may speak, and the proof of it.

use serde::{Deserialize, Serialize};

/// What a node is in its network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Takes part in ordinary rooms and direct messages; cannot be let into private rooms.
    Guest,
    /// Takes part in everything.
    Member,
    /// Also lets others in and removes them.
    Admin,
}

impl Role {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}
