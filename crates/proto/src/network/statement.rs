//! Who belongs to a network, in signed words.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;

use super::Role;
use crate::codec;
use crate::id::{NetworkId, NodeId};
use crate::message::Signature;
use crate::name::NodeName;

pub use crate::id::{StatementId, StatementRef};

/// Most bytes of one statement, signature included.
pub const MAX_STATEMENT_BYTES: usize = 8 * 1024;
/// Most statements that a removal may name as still good.
pub const MAX_KEPT: usize = 384;

/// One fact about who belongs to a network, in the words of whoever may say so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The network.
    #[serde(rename = "net")]
    pub network: NetworkId,
    /// Who says so and signs: the root key, or a node.
    pub by: NodeId,
    /// What is said.
    pub what: What,
}

/// What a [`Statement`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// A node belongs to the network. Of several, the highest role counts.
    Add {
        /// The node.
        node: NodeId,
        /// What it is.
        role: Role,
        /// What it was called when it joined, for those who have never seen it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<NodeName>,
    },
    /// A node belongs to the network no more, for good.
    Remove {
        /// The node.
        node: NodeId,
        /// Which of its own statements still count; all others are void, those that it may sign
        /// afterwards included.
        #[serde(default, skip_serializing_if = "Vec::is_empty", deserialize_with = "kept")]
        kept: Vec<StatementId>,
    },
    /// How fast each author may speak. The highest serial counts.
    Rate {
        /// Messages at once.
        burst: u32,
        /// Messages a second after that.
        per_second: u32,
        /// Counts up.
        serial: u64,
    },
}

/// A statement as it travels: exact bytes under a signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignedStatement {
    /// The signature of [`Statement::by`] over [`signed_statement`] of the body.
    #[serde(with = "serde_bytes")]
    pub sig: Signature,
    /// The exact bytes that were signed: a [`Statement`].
    pub body: ByteBuf,
}

impl SignedStatement {
    /// What it is known by.
    pub fn id(&self) -> StatementId {
        let mut id = [0; 16];
        id.copy_from_slice(blake3::hash(&self.body).as_bytes().split_at(16).0);
        StatementId(id)
    }

    /// What it says. Unproven until the signature is checked.
    ///
    /// # Errors
    /// When the bytes are no statement, or one that is too long.
    pub fn statement(&self) -> Result<Statement, codec::DecodeError> {
        if self.body.len() > MAX_STATEMENT_BYTES {
            return Err(codec::DecodeError::Malformed("too long".into()));
        }
        codec::decode(&self.body)
    }

    /// Its size in a frame, in bytes, not less than it is.
    pub fn size(&self) -> usize {
        self.body.len() + 96
    }
}

impl StatementId {
    /// The short reference that two nodes compare their sets by.
    pub fn to_ref(self) -> StatementRef {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(self.0.split_at(8).0);
        StatementRef(bytes)
    }
}

/// What is signed for a statement: a fixed word, then the hash of its bytes.
pub fn signed_statement(body: &[u8]) -> [u8; 48] {
    let mut bytes = [0; 48];
    let (word, hash) = bytes.split_at_mut(16);
    word.copy_from_slice(b"meshchat1 roster");
    hash.copy_from_slice(blake3::hash(body).as_bytes());
    bytes
}

fn kept<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<StatementId>, D::Error> {
    codec::bounded::<D, StatementId, MAX_KEPT>(deserializer)
}
