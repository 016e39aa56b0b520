//! How many clients may be in at once.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Door;

/// The seats of one door. Clones share them.
#[derive(Debug, Clone)]
pub struct Seats {
    state: Arc<Mutex<State>>,
    door: Door,
    most: usize,
    per_address: usize,
}

#[derive(Debug, Default)]
struct State {
    taken: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// A place of one client; dropping it frees it.
#[derive(Debug)]
pub struct Seat {
    seats: Seats,
    address: IpAddr,
}

/// Why there is no seat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// All seats are taken.
    #[error("too many clients are connected; try again later")]
    All,
    /// Too many of them by one address.
    #[error("too many clients from your address; close another one first")]
    Address,
}

impl Seats {
    /// `most` seats, of which one address may take `per_address`.
    pub fn new(door: Door, most: usize, per_address: usize) -> Self {
        Self { state: Arc::default(), door, most, per_address }
    }

    /// Takes a seat, if there is one. A refusal is counted.
    ///
    /// # Errors
    ///
    /// [`Full`], with words for the client.
    pub fn take(&self, address: IpAddr) -> Result<Seat, Full> {
        let address = network(address);
        let mut state = self.state();
        let by_address = state.by_address.get(&address).copied().unwrap_or(0);
        let full = if state.taken >= self.most {
            Some((Full::All, "full"))
        } else if by_address >= self.per_address {
            Some((Full::Address, "full_address"))
        } else {
            None
        };
        if let Some((full, reason)) = full {
            drop(state);
            self.door.count(reason);
            return Err(full);
        }
        state.taken += 1;
        state.by_address.insert(address, by_address + 1);
        self.door.set_clients(state.taken);
        Ok(Seat { seats: self.clone(), address })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut state = self.seats.state();
        state.taken = state.taken.saturating_sub(1);
        if let Some(count) = state.by_address.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                state.by_address.remove(&self.address);
            }
        }
        let taken = state.taken;
        drop(state);
        self.seats.door.set_clients(taken);
    }
}

/// What counts as one address: one customer has a whole /64 of IPv6.
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::door::Board;

    #[test]
    fn seats_are_bounded_and_freed() {
        let door = Board::default().door("test", 3);
        let seats = Seats::new(door.clone(), 3, 2);
        let [a, b] = ["192.0.2.1", "192.0.2.2"].map(|text| text.parse::<IpAddr>().unwrap());
        let first = seats.take(a).unwrap();
        let _second = seats.take(a).unwrap();
        assert_eq!(seats.take(a).unwrap_err(), Full::Address);
        let _third = seats.take(b).unwrap();
        assert_eq!(seats.take(b).unwrap_err(), Full::All);
        assert_eq!(door.info().clients, 3);
        drop(first);
        assert_eq!(door.info().clients, 2);
        assert!(seats.take(a).is_ok());
        assert_eq!(door.info().drops.len(), 2);
    }

    #[test]
    fn a_whole_network_of_ipv6_is_one_address() {
        let seats = Seats::new(Board::default().door("test", 3), 3, 1);
        let _seat = seats.take("2001:db8::1".parse().unwrap()).unwrap();
        assert_eq!(seats.take("2001:db8::2".parse().unwrap()).unwrap_err(), Full::Address);
        assert!(seats.take("2001:db8:0:1::1".parse().unwrap()).is_ok());
    }
}
