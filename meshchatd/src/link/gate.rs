//! Slowing down the peers that send chat while it cannot get out by another link.

use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::Notify;

/// Which links are busy. The bulk lanes of all others are not read meanwhile, so that their peers
/// feel it, and theirs, up to the client that sends so much.
#[derive(Debug, Default)]
pub struct Gate {
    busy: AtomicU32,
    changed: Notify,
}

impl Gate {
    /// Says which links are busy now.
    pub fn set(&self, mut busy: impl Iterator<Item = u32>) {
        let code = match (busy.next(), busy.next()) {
            (None, _) => NONE,
            (Some(one), None) => one,
            (Some(_), Some(_)) => SEVERAL,
        };
        if self.busy.swap(code, Ordering::Relaxed) != code {
            self.changed.notify_waiters();
        }
    }

    /// Waits until no link but this one is busy.
    pub(super) async fn pass(&self, link: u32) {
        let mut changed = pin!(self.changed.notified());
        loop {
            changed.as_mut().enable();
            let busy = self.busy.load(Ordering::Relaxed);
            if busy == NONE || busy == link {
                return;
            }
            changed.as_mut().await;
            changed.set(self.changed.notified());
        }
    }
}

/// No link has this number.
const NONE: u32 = 0;
const SEVERAL: u32 = u32::MAX;

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_busy_link_stops_the_others_only() {
        let gate = Gate::default();
        let passes = |link| gate.pass(link).now_or_never().is_some();
        assert!(passes(1) && passes(2));
        gate.set([1].into_iter());
        assert!(passes(1) && !passes(2));
        gate.set([1, 2].into_iter());
        assert!(!passes(1) && !passes(2));
        gate.set([].into_iter());
        assert!(passes(1) && passes(2));
    }

    #[test]
    fn whoever_waits_goes_on_when_it_opens() {
        let gate = Gate::default();
        gate.set([1].into_iter());
        let mut waiting = pin!(gate.pass(2));
        assert!(waiting.as_mut().now_or_never().is_none());
        gate.set([].into_iter());
        assert!(waiting.now_or_never().is_some());
    }
}
