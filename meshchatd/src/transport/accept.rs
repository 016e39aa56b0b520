//! Inbound connections: strangers cost as little as possible until they have proven a key.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::timeout;

#[cfg(doc)]
use super::Limits;
use super::quic::{accept_lanes, plain, proven_key, wire};
use super::{Channel, CloseCode, Endpoint, Lost, PeerKey};

/// Takes inbound connections. Poll it all the time: handshakes move on only while it is polled.
pub struct Acceptor {
    endpoint: Endpoint,
    handshakes: FuturesUnordered<Handshake>,
    sources: Sources,
}

/// Inbound handshakes that came to nothing, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// Ignored because there were [`Limits::handshakes`] already.
    pub busy: u64,
    /// Ignored because there were [`Limits::per_source`] from there already.
    pub source: u64,
    /// Begun, but failed or too slow.
    pub failed: u64,
}

impl Endpoint {
    /// The inbound side. There should be one; several would count their handshakes apart.
    #[must_use]
    pub fn acceptor(&self) -> Acceptor {
        let sources = Sources::default();
        Acceptor { endpoint: self.clone(), handshakes: FuturesUnordered::new(), sources }
    }
}

impl Acceptor {
    /// The next peer that proved its key and opened its lanes; `None` once the endpoint is shut
    /// down or its socket has failed. Cancel safe.
    pub async fn accept(&mut self) -> Option<Channel> {
        loop {
            tokio::select! {
                incoming = self.endpoint.quic.accept() => self.admit(incoming?),
                Some((source, outcome)) = self.handshakes.next() => {
                    self.sources.leave(source);
                    match outcome {
                        Ok(channel) => return Some(channel),
                        Err(_) => count(&self.endpoint.counters.failed),
                    }
                }
            }
        }
    }

    /// Asks strangers to prove their address, which costs no memory; begins the handshake of those
    /// that did, within the limits.
    fn admit(&mut self, incoming: quinn::Incoming) {
        if !incoming.remote_address_validated() {
            // Without a proven address a Retry is always allowed.
            incoming.retry().ok();
            return;
        }
        let limits = self.endpoint.limits;
        // What is ignored here is sent again by an honest peer, and may find room then.
        if self.handshakes.len() >= limits.handshakes {
            count(&self.endpoint.counters.busy);
            return incoming.ignore();
        }
        let source = Source::from(plain(incoming.remote_address()).ip());
        if !self.sources.enter(source, limits.per_source) {
            count(&self.endpoint.counters.source);
            return incoming.ignore();
        }
        let own = self.endpoint.key;
        self.handshakes.push(Box::pin(async move {
            let outcome = timeout(limits.handshake, handshake(incoming, own)).await;
            (source, outcome.unwrap_or(Err(Lost::TimedOut)))
        }));
    }
}

async fn handshake(incoming: quinn::Incoming, own: PeerKey) -> Result<Channel, Lost> {
    let conn = incoming.accept()?.await?;
    let peer = proven_key(&conn).ok_or(Lost::Failed("no key was proven".into()))?;
    if peer == own {
        conn.close(wire(CloseCode::OwnNode), b"");
        return Err(Lost::Here);
    }
    accept_lanes(conn, peer).await
}

type Handshake = Pin<Box<dyn Future<Output = (Source, Result<Channel, Lost>)> + Send>>;

/// Handshakes under way from each source; never more entries than handshakes.
#[derive(Default)]
struct Sources(BTreeMap<Source, usize>);

impl Sources {
    fn enter(&mut self, source: Source, limit: usize) -> bool {
        let count = self.0.entry(source).or_default();
        let room = *count < limit;
        *count += usize::from(room);
        room
    }

    fn leave(&mut self, source: Source) {
        if let Some(count) = self.0.get_mut(&source) {
            *count -= 1;
            if *count == 0 {
                self.0.remove(&source);
            }
        }
    }
}

/// Whoever has one address of an IPv6 network has all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Source(IpAddr);

impl From<IpAddr> for Source {
    fn from(ip: IpAddr) -> Self {
        match ip {
            IpAddr::V4(_) => Self(ip),
            IpAddr::V6(v6) => Self(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).into()),
        }
    }
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    busy: AtomicU64,
    source: AtomicU64,
    failed: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Drops {
        Drops {
            busy: self.busy.load(Ordering::Relaxed),
            source: self.source.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
        }
    }
}

fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_is_bounded_and_forgotten() {
        let mut sources = Sources::default();
        let one = Source(IpAddr::from([10, 0, 0, 1]));
        assert!(sources.enter(one, 2));
        assert!(sources.enter(one, 2));
        assert!(!sources.enter(one, 2));
        assert!(sources.enter(Source(IpAddr::from([10, 0, 0, 2])), 2));
        sources.leave(one);
        assert!(sources.enter(one, 2));
        sources.leave(one);
        sources.leave(one);
        sources.leave(one);
        assert_eq!(sources.0.len(), 1);
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
    }
}
