//! One try to reach a peer.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use thiserror::Error;
use tokio::net::lookup_host;
use tokio::time::{interval, sleep, timeout};

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
/// At most this long after the way is free again, a dial is on it.
const STEP: Duration = Duration::from_millis(150);
const INSIST: Duration = Duration::from_secs(5);
const RESOLVE: Duration = Duration::from_secs(5);

/// How to dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeal {
    /// Once for each address.
    Calm,
    /// Again and again for some seconds: the peer was there a moment ago, and is to be found as
    /// soon as it is back. A single dial would not do, its own repetitions come ever later.
    Eager,
}

/// Resolves a peer's name and dials its addresses in turn.
///
/// # Errors
///
/// [`Failure`] of the last address.
pub async fn attempt(
    endpoint: Endpoint,
    address: PeerAddress,
    key: Option<PeerKey>,
    zeal: Zeal,
) -> Result<Channel, Failure> {
    let mut last = Failure::Name("no address".into());
    for address in resolve(&address).await?.into_iter().take(ADDRESSES) {
        let dialled = match zeal {
            Zeal::Calm => endpoint.dial(address, key).await,
            Zeal::Eager => insist(&endpoint, address, key).await,
        };
        match dialled {
            Ok(channel) => return Ok(channel),
            Err(error) => last = error.into(),
        }
    }
    Err(last)
}

/// Starts a dial every [`STEP`] without waiting for the ones before; the first to succeed wins.
async fn insist(
    endpoint: &Endpoint,
    address: SocketAddr,
    key: Option<PeerKey>,
) -> Result<Channel, DialError> {
    let (mut steps, mut dials) = (interval(STEP), FuturesUnordered::new());
    let mut end = std::pin::pin!(sleep(INSIST));
    let mut last = DialError::TimedOut;
    loop {
        tokio::select! {
            _ = steps.tick() => dials.push(endpoint.dial(address, key)),
            Some(dialled) = dials.next() => match dialled {
                Ok(channel) => return Ok(channel),
                Err(
                    error @ (DialError::OwnKey
                    | DialError::WrongKey { .. }
                    | DialError::Incompatible
                    | DialError::BadAddress(_)
                    | DialError::Stopping),
                ) => return Err(error),
                Err(
                    error @ (DialError::TimedOut
                    | DialError::Refused
                    | DialError::Unreachable(_)
                    | DialError::Failed(_)),
                ) => last = error,
            },
            () = &mut end => return Err(last),
        }
    }
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
