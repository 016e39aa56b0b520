//! One try to reach a peer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use thiserror::Error;
use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::config::PeerAddress;
use crate::transport::{Channel, DialError, Endpoint, PeerKey};

/// Why a try failed.
#[derive(Debug, Error)]
pub enum Failure {
    /// The name has no address now.
    #[error("cannot resolve the name: {0}")]
    Name(String),
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

/// Most addresses of one name that are tried.
const ADDRESSES: usize = 4;
const RESOLVE: Duration = Duration::from_secs(5);

/// Resolves a peer's name and dials its addresses in turn.
///
/// # Errors
///
/// [`Failure`] of the last address.
pub async fn attempt(
    endpoint: Endpoint,
    address: PeerAddress,
    key: Option<PeerKey>,
) -> Result<Channel, Failure> {
    let mut last = Failure::Name("no address".into());
    for address in resolve(&address).await?.into_iter().take(ADDRESSES) {
        match endpoint.dial(address, key).await {
            Ok(channel) => return Ok(channel),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

async fn resolve(address: &PeerAddress) -> Result<Vec<SocketAddr>, Failure> {
    let PeerAddress { host, port } = address;
    if let Ok(ip) = host.parse::<IpAddr>() {
        return Ok(vec![(ip, *port).into()]);
    }
    match timeout(RESOLVE, lookup_host((host.as_str(), *port))).await {
        Ok(Ok(addresses)) => Ok(addresses.collect()),
        Ok(Err(error)) => Err(Failure::Name(error.to_string())),
        Err(_) => Err(Failure::Name("the name server did not answer".into())),
    }
}
