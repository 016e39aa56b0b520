//! Closed networks: who may speak, and the proof of it.
//!
//! A network is its [`Charter`]. Who belongs to it is a set of signed [`Statement`]s that only
//! grows: the root key says who the admins are, admins let members and guests in and out. A
//! [`Ticket`] is what a new node joins with.

mod charter;
mod frames;
mod statement;
mod ticket;

use serde::{Deserialize, Serialize};

pub use charter::{Charter, KNOCK_BYTES, knock, ticket_key};
pub use frames::{Refusal, Roster, Welcome};
pub use statement::{
    MAX_KEPT, MAX_STATEMENT_BYTES, SignedStatement, Statement, StatementId, StatementRef, What,
    signed_statement,
};
pub use ticket::{BadTicket, TICKET_ADDRESSES, Ticket};

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
