//! Inbound connections: strangers cost as little as possible until they have proven a key.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time::{sleep, timeout};

use super::quic::{accept_lanes, proven_key, wire};
use super::tcp::Tcp;
use super::{Channel, CloseCode, Endpoint, Limits, Lost, PeerKey, plain};

/// Takes inbound connections. Poll it all the time: handshakes move on only while it is polled.
pub struct Acceptor {
    endpoint: Endpoint,
    handshakes: FuturesUnordered<Handshake>,
    places: Places,
}

/// Inbound handshakes that came to nothing, since the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// Ignored because there were [`Limits::handshakes`] already.
    pub busy: u64,
    /// Ignored because there were [`Limits::per_source`] from there already.
    pub source: u64,
    /// Begun, but failed, too slow, or ended for a newer one.
    pub failed: u64,
}

impl Endpoint {
    /// The inbound side. There should be one; several would count their handshakes apart.
    #[must_use]
    pub fn acceptor(&self) -> Acceptor {
        let places = Places::default();
        Acceptor { endpoint: self.clone(), handshakes: FuturesUnordered::new(), places }
    }
}

impl Acceptor {
    /// The next peer that proved its key and opened its lanes; `None` once the endpoint is shut
    /// down or its socket has failed. Cancel safe.
    pub async fn accept(&mut self) -> Option<Channel> {
        loop {
            tokio::select! {
                incoming = self.endpoint.quic.accept() => self.admit(incoming?),
                (stream, from) = knocks(&self.endpoint) => self.admit_tcp(stream, from),
                Some((place, outcome)) = self.handshakes.next() => {
                    self.places.leave(place);
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
        if !incoming.remote_address_validated() && can_prove(incoming.remote_address()) {
            // Without a proven address a Retry is always allowed.
            incoming.retry().ok();
            return;
        }
        let from = incoming.remote_address();
        let own = self.endpoint.key;
        // Ignored when the place is not had: an honest peer sends again.
        match self.place(from) {
            Some(place) => self.begin(place, handshake(incoming, own)),
            None => incoming.ignore(),
        }
    }

    /// The same over TCP, where the address is proven already. Without a place the connection is
    /// closed at once.
    fn admit_tcp(&mut self, stream: TcpStream, from: SocketAddr) {
        if let Some(place) = self.place(from) {
            let (tcp, own) = (self.endpoint.tcp.clone(), self.endpoint.key);
            self.begin(place, handshake_tcp(tcp, stream, own));
        }
    }

    fn place(&mut self, from: SocketAddr) -> Option<(u64, oneshot::Receiver<()>)> {
        let source = Source::from(plain(from).ip());
        match self.places.enter(source, &self.endpoint.limits, Instant::now()) {
            Ok(place) => return Some(place),
            Err(NoPlace::Source) => count(&self.endpoint.counters.source),
            Err(NoPlace::All) => count(&self.endpoint.counters.busy),
        }
        None
    }

    fn begin(
        &mut self,
        (place, mut evicted): (u64, oneshot::Receiver<()>),
        handshake: impl Future<Output = Result<Channel, Lost>> + Send + 'static,
    ) {
        let limit = self.endpoint.limits.handshake;
        self.handshakes.push(Box::pin(async move {
            let outcome = tokio::select! {
                outcome = timeout(limit, handshake) => outcome,
                _ = &mut evicted => return (place, Err(Lost::Here)),
            };
            (place, outcome.unwrap_or(Err(Lost::TimedOut)))
        }));
    }
}

/// Whether a source can prove its address. quinn's tokens leave out the scope of link-local
/// addresses, so that none ever fits. Forged ones come from our own link only, and all of them
/// share the places of one source.
fn can_prove(source: SocketAddr) -> bool {
    !matches!(source, SocketAddr::V6(source) if source.scope_id() != 0)
}

/// The next TCP connection of a stranger. Cancel safe.
async fn knocks(endpoint: &Endpoint) -> (TcpStream, SocketAddr) {
    while let Some(listener) = endpoint.listener.as_ref().filter(|_| !endpoint.tcp.is_stopped()) {
        match listener.accept().await {
            Ok(taken) => return taken,
            // Too many open files, or the stranger is gone already. It must not spin.
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
    std::future::pending().await
}

async fn handshake_tcp(tcp: Tcp, stream: TcpStream, own: PeerKey) -> Result<Channel, Lost> {
    let shaken = tcp.accept(stream).await?;
    if shaken.peer == own { Err(Lost::Here) } else { Ok(shaken.channel(false)) }
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

type Handshake = Pin<Box<dyn Future<Output = (u64, Result<Channel, Lost>)> + Send>>;

/// Who may be in the middle of a handshake.
///
/// A new one without a place is ignored: an honest peer sends again, and may find room then. Those
/// that never end cannot keep the places, as the oldest gives way once it had its [`GRACE`].
#[derive(Default)]
struct Places {
    /// In the order of coming.
    taken: Vec<Place>,
    next: u64,
}

struct Place {
    id: u64,
    source: Source,
    since: Instant,
    _evict: oneshot::Sender<()>,
}

#[derive(Debug, PartialEq, Eq)]
enum NoPlace {
    All,
    Source,
}

impl Places {
    /// A place, and what ends when it is lost again.
    fn enter(
        &mut self,
        source: Source,
        limits: &Limits,
        now: Instant,
    ) -> Result<(u64, oneshot::Receiver<()>), NoPlace> {
        let from_there = self.taken.iter().filter(|place| place.source == source).count();
        if from_there >= limits.per_source {
            self.evict(now, |place| place.source == source).ok_or(NoPlace::Source)?;
        } else if self.taken.len() >= limits.handshakes {
            self.evict(now, |_| true).ok_or(NoPlace::All)?;
        }
        let (evict, evicted) = oneshot::channel();
        let id = self.next;
        self.next += 1;
        self.taken.push(Place { id, source, since: now, _evict: evict });
        Ok((id, evicted))
    }

    fn leave(&mut self, id: u64) {
        self.taken.retain(|place| place.id != id);
    }

    fn evict(&mut self, now: Instant, which: impl Fn(&Place) -> bool) -> Option<Place> {
        let oldest = self.taken.iter().position(which)?;
        let age = now.saturating_duration_since(self.taken.get(oldest)?.since);
        (age >= GRACE).then(|| self.taken.remove(oldest))
    }
}

/// What a handshake needs on a long path; before that it never gives way to another.
const GRACE: Duration = Duration::from_millis(250);

/// Between two tries to take a TCP connection when the system has none to give.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

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
    fn places_are_bounded_and_the_oldest_gives_way() {
        let limits = Limits { handshakes: 3, per_source: 2, ..Limits::default() };
        let [one, two] = [1, 2].map(|n| Source(IpAddr::from([10, 0, 0, n])));
        let start = Instant::now();
        let mut places = Places::default();
        let (first, mut evicted) = places.enter(one, &limits, start).unwrap();
        let _second = places.enter(one, &limits, start).unwrap();
        assert_eq!(places.enter(one, &limits, start).unwrap_err(), NoPlace::Source);
        let (third, _kept) = places.enter(two, &limits, start).unwrap();
        assert_eq!(places.enter(two, &limits, start).unwrap_err(), NoPlace::All);
        assert!(evicted.try_recv() == Err(oneshot::error::TryRecvError::Empty));
        let _fourth = places.enter(two, &limits, start + GRACE).unwrap();
        assert!(evicted.try_recv() == Err(oneshot::error::TryRecvError::Closed));
        places.leave(first);
        assert_eq!(places.taken.len(), 3);
        places.leave(third);
        assert_eq!(places.taken.len(), 2);
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let source = |text: &str| Source::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(source("2001:db8::1"), source("2001:db8::ffff:1"));
        assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
        assert_ne!(source("10.0.0.1"), source("10.0.0.2"));
    }
}
