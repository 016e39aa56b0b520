//! Keeps a flood of beacons away from the hub.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Neighbours that are remembered. When there are more, a new one takes the place of a random
/// one: a true neighbour repeats its beacon and so comes back, whatever others fill in.
pub const PAIRS: usize = 64;

/// What to do with a beacon.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Tell of it: it was not heard before, or was forgotten.
    New,
    /// Tell of it once more.
    Again,
    /// It was told a moment ago.
    Known,
    /// There are more new ones than can be.
    Busy,
}

/// The neighbours that the hub was told of.
#[derive(Debug)]
pub(super) struct Filter {
    pairs: Vec<Pair>,
    /// Sources of what was new in this second.
    recent: Vec<IpAddr>,
    second: Option<Instant>,
}

#[derive(Debug)]
struct Pair {
    nonce: [u8; 16],
    address: SocketAddr,
    told: Instant,
}

impl Filter {
    pub(super) fn new() -> Self {
        Self { pairs: Vec::with_capacity(PAIRS), recent: Vec::with_capacity(RATE), second: None }
    }

    /// Whether the hub should know of this beacon. Allocates nothing.
    pub(super) fn judge(&mut self, now: Instant, nonce: [u8; 16], address: SocketAddr) -> Verdict {
        let same = |pair: &&mut Pair| pair.nonce == nonce && pair.address == address;
        if let Some(pair) = self.pairs.iter_mut().find(same) {
            if now.saturating_duration_since(pair.told) < AGAIN {
                return Verdict::Known;
            }
            pair.told = now;
            return Verdict::Again;
        }
        if !self.has_room(now, address.ip()) {
            return Verdict::Busy;
        }
        let pair = Pair { nonce, address, told: now };
        if self.pairs.len() < PAIRS {
            self.pairs.push(pair);
        } else if let Some(place) = self.pairs.get_mut(random_below(PAIRS)) {
            *place = pair;
        }
        Verdict::New
    }

    /// The hub could not be told: the next time counts as the first.
    pub(super) fn forget(&mut self, nonce: [u8; 16], address: SocketAddr) {
        self.pairs.retain(|pair| pair.nonce != nonce || pair.address != address);
    }

    /// Forgets all: the interfaces are other ones.
    pub(super) fn clear(&mut self) {
        self.pairs.clear();
    }

    pub(super) fn len(&self) -> usize {
        self.pairs.len()
    }

    fn has_room(&mut self, now: Instant, source: IpAddr) -> bool {
        let over = |begun: Instant| now.saturating_duration_since(begun) >= SECOND;
        if self.second.is_none_or(over) {
            self.second = Some(now);
            self.recent.clear();
        }
        let from_there = self.recent.iter().filter(|ip| **ip == source).count();
        if self.recent.len() >= RATE || from_there >= RATE_PER_SOURCE {
            return false;
        }
        self.recent.push(source);
        true
    }
}

fn random_below(bound: usize) -> usize {
    // Without randomness always the same one goes, which is no worse than none.
    let random = getrandom::u32().unwrap_or(0);
    usize::try_from(random).unwrap_or(0) % bound
}

/// How often the same is told.
const AGAIN: Duration = Duration::from_secs(10);
const SECOND: Duration = Duration::from_secs(1);
/// New neighbours in a second; a whole LAN that boots at once is told within a few.
const RATE: usize = 20;
/// The same from one address, so that whoever forges with its own leaves room for others.
const RATE_PER_SOURCE: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8, port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, last], port))
    }

    #[test]
    fn the_same_is_told_seldom() {
        let (mut filter, start) = (Filter::new(), Instant::now());
        let at = |seconds| start + Duration::from_secs(seconds);
        assert_eq!(filter.judge(at(0), [1; 16], address(1, 1)), Verdict::New);
        assert_eq!(filter.judge(at(9), [1; 16], address(1, 1)), Verdict::Known);
        assert_eq!(filter.judge(at(10), [1; 16], address(1, 1)), Verdict::Again);
        assert_eq!(filter.judge(at(11), [1; 16], address(1, 1)), Verdict::Known);
        assert_eq!(filter.judge(at(11), [2; 16], address(1, 1)), Verdict::New);
        assert_eq!(filter.judge(at(11), [1; 16], address(1, 2)), Verdict::New);
        filter.forget([1; 16], address(1, 1));
        assert_eq!(filter.judge(at(11), [1; 16], address(1, 1)), Verdict::New);
    }

    #[test]
    fn a_flood_is_cut_and_remembered_no_longer_than_the_table() {
        let (mut filter, start) = (Filter::new(), Instant::now());
        let mut told = 0;
        for n in 0..100_000u32 {
            let mut nonce = [0; 16];
            nonce[..4].copy_from_slice(&n.to_be_bytes());
            let now = start + Duration::from_micros(100) * n;
            let source = address(u8::try_from(n % 250).unwrap(), 1);
            told += usize::from(filter.judge(now, nonce, source) == Verdict::New);
        }
        assert!(told <= RATE * 11, "{told} in ten seconds");
        assert_eq!(filter.len(), PAIRS);
    }

    #[test]
    fn a_neighbour_is_told_within_a_second_beside_a_forger_at_another_address() {
        let (mut filter, start) = (Filter::new(), Instant::now());
        for n in 0..50_000u32 {
            let mut nonce = [0; 16];
            nonce[..4].copy_from_slice(&n.to_be_bytes());
            let now = start + Duration::from_micros(100) * n;
            filter.judge(now, nonce, address(66, 1));
            if n % 10_000 == 5000 {
                let verdict = filter.judge(now, [0xff; 16], address(1, 1));
                assert!(matches!(verdict, Verdict::New | Verdict::Known), "{verdict:?}");
            }
        }
    }
}
