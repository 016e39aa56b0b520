//! Accepting clients: those who do not say who they are must not keep others out.

use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time;
use tokio_util::sync::CancellationToken;

use super::{Door, Full, House, Seat, Seats};
use crate::config::Listen;

/// A listening socket with its seats.
#[derive(Debug)]
pub struct Doorway {
    listener: TcpListener,
    /// How the door is.
    pub door: Door,
    seats: Seats,
    porch: Porch,
    hello: Duration,
}

/// A client that has not yet said who it is.
#[derive(Debug)]
pub struct Conn {
    /// Where it comes from.
    pub address: IpAddr,
    /// How the door is.
    pub door: Door,
    seats: Seats,
    waiting: Waiting,
    hello: Duration,
}

/// A client took too long to say who it is, or had to make room for newer ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("you took too long to say who you are; connect again")]
pub struct Late;

impl Doorway {
    /// Listens.
    ///
    /// # Errors
    ///
    /// When the address is taken or not there; the words say what to do.
    #[expect(clippy::unused_async, reason = "it needs a runtime, which an async function promises")]
    pub async fn open(house: &House, name: &str, listen: Listen) -> anyhow::Result<Self> {
        let limits = &house.limits;
        let door = house.board.door(name, limits.clients);
        let listener = self::listen(listen.0).with_context(|| {
            format!("cannot listen on {listen} for {name}; choose another `listen` in [{name}]")
        })?;
        let seats = Seats::new(door.clone(), limits.clients, limits.per_address);
        let hello = Duration::from_secs(limits.hello_seconds);
        Ok(Self { listener, door, seats, porch: Porch::default(), hello })
    }

    /// Where it listens.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Within which a client must say who it is.
    pub fn hello(&self) -> Duration {
        self.hello
    }

    /// Its seats.
    pub fn seats(&self) -> Seats {
        self.seats.clone()
    }

    /// The next client. Its connection is kept alive by TCP and sends at once.
    pub async fn accept(&self) -> (TcpStream, Conn) {
        let (stream, peer) = self.next().await;
        let waiting = self.porch.enter(peer.ip().to_canonical());
        let (door, seats) = (self.door.clone(), self.seats.clone());
        let address = peer.ip().to_canonical();
        (stream, Conn { address, door, seats, waiting, hello: self.hello })
    }

    /// The same, for a door that counts its connections itself.
    pub async fn next(&self) -> (TcpStream, SocketAddr) {
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    tune(&stream);
                    return (stream, peer);
                }
                Err(error) => {
                    // Out of descriptors: others must close theirs first.
                    self.door.count("accept_failed");
                    tracing::warn!("cannot accept a client: {error}");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Conn {
    /// Runs what reads who the client is, for as long as that may take.
    ///
    /// # Errors
    ///
    /// [`Late`] after the deadline, or when newer clients needed the place. It is counted.
    pub async fn greet<T>(&self, hello: impl Future<Output = T>) -> Result<T, Late> {
        self.greet_within(self.hello, hello).await
    }

    /// The same with another deadline: a person who has to type something needs longer.
    ///
    /// # Errors
    ///
    /// As [`Self::greet`].
    pub async fn greet_within<T>(
        &self,
        limit: Duration,
        hello: impl Future<Output = T>,
    ) -> Result<T, Late> {
        tokio::select! {
            result = time::timeout(limit, hello) => result.map_err(|_elapsed| {
                self.door.count("hello_late");
                Late
            }),
            () = self.waiting.token.cancelled() => {
                self.door.count("hello_pushed_out");
                Err(Late)
            }
        }
    }

    /// Takes a seat, now that it is known who the client is.
    ///
    /// # Errors
    ///
    /// [`Full`], with words for the client.
    pub fn sit(&self) -> Result<Seat, Full> {
        let seat = self.seats.take(self.address)?;
        self.waiting.leave();
        Ok(seat)
    }
}

/// Those who have not yet said who they are, the longest there first.
#[derive(Debug, Clone, Default)]
struct Porch(Arc<Mutex<Queue>>);

#[derive(Debug, Default)]
struct Queue {
    next: u64,
    tokens: BTreeMap<u64, (IpAddr, CancellationToken)>,
}

#[derive(Debug)]
struct Waiting {
    porch: Porch,
    number: u64,
    token: CancellationToken,
}

impl Porch {
    fn enter(&self, address: IpAddr) -> Waiting {
        let mut queue = self.queue();
        if queue.tokens.len() >= PORCH
            && let Some(number) = queue.least_welcome()
            && let Some((_, token)) = queue.tokens.remove(&number)
        {
            token.cancel();
        }
        queue.next += 1;
        let (number, token) = (queue.next, CancellationToken::new());
        queue.tokens.insert(number, (address, token.clone()));
        drop(queue);
        Waiting { porch: self.clone(), number, token }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The one longest there of the address that has most: one address pushes out its own.
    fn least_welcome(&self) -> Option<u64> {
        let mut counts = HashMap::new();
        for (address, _) in self.tokens.values() {
            *counts.entry(*address).or_insert(0) += 1;
        }
        let most = counts.values().max().copied()?;
        let crowded = |address: &IpAddr| counts.get(address) == Some(&most);
        self.tokens.iter().find(|(_, (address, _))| crowded(address)).map(|(number, _)| *number)
    }
}

impl Waiting {
    fn leave(&self) {
        self.porch.queue().tokens.remove(&self.number);
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.leave();
    }
}

/// Listens; needs a runtime.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // Connections of an earlier run must not keep the address.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

fn tune(stream: &TcpStream) {
    let keepalive = TcpKeepalive::new()
        .with_time(Duration::from_secs(60))
        .with_interval(Duration::from_secs(20))
        .with_retries(3);
    let socket = SockRef::from(stream);
    // Without these a client is only noticed later.
    socket.set_tcp_keepalive(&keepalive).ok();
    socket.set_tcp_nodelay(true).ok();
    socket.set_tcp_user_timeout(Some(Duration::from_secs(120))).ok();
}

/// Clients that have not yet said who they are; one more pushes out the one longest there.
const PORCH: usize = 64;
/// Connections that wait to be accepted. When there are more, newcomers try again a second later.
const BACKLOG: u32 = 4096;
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn newcomers_push_out_whoever_says_nothing_longest() {
        let porch = Porch::default();
        let mut all: Vec<_> = (0..PORCH).map(|_| porch.enter(A)).collect();
        let newer = porch.enter(A);
        assert!(all[0].token.is_cancelled() && !all[1].token.is_cancelled());
        all[1].leave();
        let _newest = porch.enter(A);
        assert!(!all[2].token.is_cancelled() && !newer.token.is_cancelled());
        all.clear();
        assert_eq!(porch.queue().tokens.len(), 2);
    }

    #[test]
    fn one_address_pushes_out_its_own() {
        let porch = Porch::default();
        let quiet = porch.enter(B);
        let crowd: Vec<_> = (0..3 * PORCH).map(|_| porch.enter(A)).collect();
        assert!(!quiet.token.is_cancelled());
        assert_eq!(crowd.iter().filter(|waiting| !waiting.token.is_cancelled()).count(), PORCH - 1);
    }
}
