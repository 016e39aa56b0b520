//! How often one address may try a code: the node itself allows thirty wrong ones a minute from
//! all together, and one bad neighbour must not use them up.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::door::network;

/// Tries of each address within the last minute. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Guesses(Arc<Mutex<BTreeMap<IpAddr, Tries>>>);

#[derive(Debug)]
struct Tries {
    since: Instant,
    count: u32,
}

impl Guesses {
    /// Counts one more try before it is made; false when there were too many.
    pub(super) fn begin(&self, from: IpAddr) -> bool {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, tries| now.duration_since(tries.since) < MINUTE);
        let address = network(from);
        if all.len() >= ADDRESSES && !all.contains_key(&address) {
            let oldest = all.iter().min_by_key(|(_, tries)| tries.since).map(|(at, _)| *at);
            oldest.map(|oldest| all.remove(&oldest));
        }
        let tries = all.entry(address).or_insert(Tries { since: now, count: 0 });
        if tries.count >= WRONG {
            return false;
        }
        tries.count += 1;
        true
    }

    /// The last try was no wrong code.
    pub(super) fn forgive(&self, from: IpAddr) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tries) = all.get_mut(&network(from)) {
            tries.count = tries.count.saturating_sub(1);
        }
    }
}

const MINUTE: Duration = Duration::from_secs(60);
/// Wrong codes of one address within a minute.
const WRONG: u32 = 10;
/// Addresses that are remembered; the one known longest makes room.
const ADDRESSES: usize = 1024;

#[cfg(test)]
mod tests {
    use tokio::time;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ten_wrong_codes_a_minute_for_each_address() {
        let guesses = Guesses::default();
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        for _ in 0..20 {
            assert!(guesses.begin(address(1)));
            guesses.forgive(address(1));
        }
        for _ in 0..WRONG {
            assert!(guesses.begin(address(1)));
        }
        assert!(!guesses.begin(address(1)) && guesses.begin(address(2)));
        time::advance(MINUTE).await;
        assert!(guesses.begin(address(1)));
    }

    #[tokio::test(start_paused = true)]
    async fn memory_is_bounded() {
        let guesses = Guesses::default();
        for number in 0..2000u32 {
            assert!(guesses.begin(std::net::Ipv4Addr::from_bits(number).into()));
        }
        assert_eq!(guesses.0.lock().unwrap().len(), ADDRESSES);
    }
}
