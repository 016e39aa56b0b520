//! The connections of browsers and programs that have no seat: a browser opens six at once, and
//! keeps them open for a while in case it needs them again.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{self, Instant};
use tokio_util::sync::CancellationToken;

use crate::door::{Door, Full, Seat, Seats, network};

/// All connections without a seat. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Pool {
    state: Arc<Mutex<State>>,
    door: Door,
    most: usize,
    per_address: usize,
    hello: Duration,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    connections: BTreeMap<u64, Connection>,
    by_address: HashMap<IpAddr, usize>,
}

#[derive(Debug)]
struct Connection {
    address: IpAddr,
    /// Since when nothing is asked for, or something is.
    since: Instant,
    busy: bool,
    /// Something was asked for before.
    asked: bool,
    token: CancellationToken,
}

/// The place of one connection; dropping it frees it.
#[derive(Debug)]
struct Ticket {
    pool: Pool,
    number: u64,
    token: CancellationToken,
}

/// Where a request comes from: an extension of each request.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The address of the client.
    pub peer: IpAddr,
    /// Our own address that it has reached.
    pub local: SocketAddr,
    /// Whether it speaks TLS.
    pub secure: bool,
    seats: Seats,
    ticket: Arc<Ticket>,
}

/// Why a connection without a seat ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// It has asked for nothing for a while.
    Idle,
    /// It did not say in time what it wants, or an answer took too long.
    Late,
    /// Newer ones needed its place.
    PushedOut,
}

impl Pool {
    /// `most` places, of which one address may take `per_address`; the first request must have
    /// come after `hello`.
    pub(super) fn new(door: Door, most: usize, per_address: usize, hello: Duration) -> Self {
        Self { state: Arc::default(), door, most, per_address, hello }
    }

    /// Takes a place for a connection. Where all are taken, it is that of the one which is idle
    /// longest, of the same address where that has too many; none when all of them are busy.
    pub(super) fn enter(&self, peer: IpAddr, local: SocketAddr, seats: &Seats) -> Option<Caller> {
        let address = network(peer);
        let mut state = self.state();
        let here = state.by_address.get(&address).copied().unwrap_or(0);
        let reasons = if here >= self.per_address {
            Some((Some(address), "connections_address"))
        } else if state.connections.len() >= self.most {
            Some((None, "connections_full"))
        } else {
            None
        };
        if let Some((of, refused)) = reasons {
            let Some(idle) = state.longest_idle(of) else {
                drop(state);
                self.door.count(refused);
                return None;
            };
            if let Some(gone) = state.remove(idle) {
                gone.token.cancel();
            }
        }
        state.next += 1;
        let (number, token) = (state.next, CancellationToken::new());
        let since = Instant::now();
        let connection =
            Connection { address, since, busy: false, asked: false, token: token.clone() };
        state.connections.insert(number, connection);
        *state.by_address.entry(address).or_default() += 1;
        drop(state);
        if reasons.is_some() {
            self.door.count("connections_pushed_out");
        }
        let ticket = Arc::new(Ticket { pool: self.clone(), number, token });
        let seats = seats.clone();
        let local = SocketAddr::new(local.ip().to_canonical(), local.port());
        Some(Caller { peer: peer.to_canonical(), local, secure: false, seats, ticket })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The connection, of this address or of any, that has been idle longest.
    fn longest_idle(&self, address: Option<IpAddr>) -> Option<u64> {
        let idle = self.connections.iter().filter(|(_, connection)| {
            !connection.busy && address.is_none_or(|address| connection.address == address)
        });
        idle.min_by_key(|(_, connection)| connection.since).map(|(number, _)| *number)
    }

    fn remove(&mut self, number: u64) -> Option<Connection> {
        let connection = self.connections.remove(&number)?;
        if let Some(count) = self.by_address.get_mut(&connection.address) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&connection.address);
            }
        }
        Some(connection)
    }
}

impl Caller {
    /// Takes a seat, for what stays open for long; the connection serves nothing else after it.
    ///
    /// # Errors
    ///
    /// [`Full`], with words for the client.
    pub fn sit(&self) -> Result<Seat, Full> {
        let seat = self.seats.take(self.peer)?;
        self.ticket.leave();
        Ok(seat)
    }

    /// Whether its connection has left the pool for a seat.
    pub(super) fn seated(&self) -> bool {
        !self.ticket.pool.state().connections.contains_key(&self.ticket.number)
    }

    /// A request has come, or was answered.
    pub(super) fn set_busy(&self, busy: bool) {
        if let Some(connection) = self.ticket.pool.state().connections.get_mut(&self.ticket.number)
        {
            (connection.busy, connection.since) = (busy, Instant::now());
            connection.asked = true;
        }
    }

    /// Waits until the connection has to end; never, once it has a seat.
    pub(super) async fn end(&self) -> End {
        loop {
            let look = self.ticket.pool.state().connections.get(&self.ticket.number).map(|it| {
                let (limit, end) = match (it.busy, it.asked) {
                    (true, _) => (ANSWER, End::Late),
                    (false, true) => (IDLE, End::Idle),
                    (false, false) => (self.ticket.pool.hello, End::Late),
                };
                (it.since + limit, end)
            });
            let Some((deadline, end)) = look else {
                self.ticket.token.cancelled().await;
                return End::PushedOut;
            };
            if deadline <= Instant::now() {
                return end;
            }
            tokio::select! {
                () = time::sleep_until(deadline) => {}
                () = self.ticket.token.cancelled() => return End::PushedOut,
            }
        }
    }
}

impl Ticket {
    fn leave(&self) {
        self.pool.state().remove(self.number);
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.leave();
    }
}

/// How long a connection may be without a further request, and how long that may take to come.
const IDLE: Duration = Duration::from_secs(15);
/// How long an answer may take to begin.
const ANSWER: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::Board;

    const HELLO: Duration = Duration::from_secs(10);
    const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 80);

    fn pool(most: usize, per_address: usize) -> (Pool, Seats, Door) {
        let door = Board::default().door("test", 1);
        let seats = Seats::new(door.clone(), 1, 1);
        (Pool::new(door.clone(), most, per_address, HELLO), seats, door)
    }

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_makes_room_and_a_busy_one_does_not() {
        let (pool, seats, door) = pool(2, 2);
        let first = pool.enter(address(1), LOCAL, &seats).unwrap();
        first.set_busy(true);
        time::advance(Duration::from_secs(1)).await;
        let second = pool.enter(address(2), LOCAL, &seats).unwrap();
        let third = pool.enter(address(3), LOCAL, &seats).unwrap();
        assert_eq!(second.end().await, End::PushedOut);
        third.set_busy(true);
        assert!(pool.enter(address(4), LOCAL, &seats).is_none());
        let drops: Vec<_> = door.info().drops.into_iter().map(|drop| drop.reason).collect();
        assert_eq!(drops, ["connections_full", "connections_pushed_out"]);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_pushes_out_only_its_own() {
        let (pool, seats, _) = pool(9, 2);
        let other = pool.enter(address(2), LOCAL, &seats).unwrap();
        let mine: Vec<_> = (0..3).map(|_| pool.enter(address(1), LOCAL, &seats).unwrap()).collect();
        assert_eq!(mine[0].end().await, End::PushedOut);
        assert!(!other.ticket.token.is_cancelled() && !mine[1].ticket.token.is_cancelled());
        drop((mine, other));
        assert!(pool.state().connections.is_empty() && pool.state().by_address.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_has_a_seat_is_left_alone() {
        let (pool, seats, _) = pool(1, 1);
        let first = pool.enter(address(1), LOCAL, &seats).unwrap();
        let _seat = first.sit().unwrap();
        assert!(first.seated());
        let second = pool.enter(address(1), LOCAL, &seats).unwrap();
        assert!(second.sit().is_err() && !second.seated());
        assert!(time::timeout(Duration::from_secs(86_400), first.end()).await.is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_ends_a_connection() {
        let (pool, seats, _) = pool(1, 1);
        let caller = pool.enter(address(1), LOCAL, &seats).unwrap();
        let start = Instant::now();
        assert_eq!(caller.end().await, End::Late);
        assert_eq!(start.elapsed(), HELLO);
        let caller = pool.enter(address(1), LOCAL, &seats).unwrap();
        caller.set_busy(true);
        time::advance(IDLE * 2).await;
        caller.set_busy(false);
        assert_eq!(caller.end().await, End::Idle);
        caller.set_busy(true);
        assert_eq!(caller.end().await, End::Late);
    }
}
