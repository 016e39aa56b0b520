use alloc::vec::Vec;
use core::fmt;

use meshchat_proto::id::NetworkId;
use meshchat_proto::network::{Charter, Role, SignedStatement};
use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

/// What outlives a restart of the closed network that the node belongs to.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedNetwork {
    /// The exact bytes of its [`Charter`].
    pub charter: ByteBuf,
    /// The secret root key, if this node holds it.
    #[serde(default, with = "serde_bytes", skip_serializing_if = "Option::is_none")]
    pub root: Option<[u8; 32]>,
    /// The root key was shown to an operator.
    #[serde(default)]
    pub backed_up: bool,
    /// Who belongs to it.
    pub statements: Vec<SignedStatement>,
    /// Tickets of this node.
    #[serde(default)]
    pub invites: Vec<SavedInvite>,
}

/// What outlives a restart of one ticket.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedInvite {
    /// Its secret.
    #[serde(with = "serde_bytes")]
    pub secret: [u8; 16],
    /// How many nodes may still use it.
    pub uses_left: u32,
    /// Milliseconds of running time that are left to it.
    pub left_ms: u64,
    /// What its users become.
    pub role: Role,
    /// It was made worthless.
    #[serde(default)]
    pub revoked: bool,
}

impl SavedNetwork {
    /// The network.
    ///
    /// # Errors
    /// What is wrong with the charter, or with a statement.
    pub fn check(&self) -> Result<NetworkId, &'static str> {
        Charter::decode(&self.charter).map_err(|_error| "its charter cannot be read")?;
        Ok(Charter::id_of(&self.charter))
    }
}

impl fmt::Debug for SavedNetwork {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SavedNetwork")
            .field("network", &Charter::id_of(&self.charter))
            .field("statements", &self.statements.len())
            .field("invites", &self.invites.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for SavedInvite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SavedInvite({} for {} ms)", self.uses_left, self.left_ms)
    }
}
