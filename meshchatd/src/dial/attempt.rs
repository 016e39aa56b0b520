//! One try to reach a peer.

use thiserror::Error;

use super::race::{How, Zeal, race};
use super::resolve::resolve;
use crate::config::PeerAddress;
use crate::transport::{Channel, DialError, Endpoint, PeerKey};

/// Why a try failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// The name has no address now.
    #[error("cannot resolve the name: {0}")]
    Name(String),
    /// The interface of a link-local address is not there now.
    #[error("there is no network interface {0:?} now")]
    NoInterface(String),
    /// Nobody suitable answered.
    #[error(transparent)]
    Dial(#[from] DialError),
}

impl Failure {
    /// Whether trying again soon is pointless.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Dial(
                DialError::OwnKey
                    | DialError::WrongKey { .. }
                    | DialError::Incompatible
                    | DialError::BadAddress(_)
            )
        )
    }
}

/// Resolves a peer's name and races its addresses, by QUIC and then by TCP.
///
/// # Errors
///
/// [`Failure`] of the address that tells most.
pub async fn attempt(
    endpoint: Endpoint,
    address: PeerAddress,
    key: Option<PeerKey>,
    zeal: Zeal,
) -> Result<Channel, Failure> {
    let addresses = resolve(&address).await?;
    race(&endpoint, addresses, key, How { zeal, knock: true, tcp: true }).await
}
