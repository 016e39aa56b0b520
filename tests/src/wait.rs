//! Waiting for a condition, never for a time.

use std::thread;
use std::time::{Duration, Instant};

/// How long a wait may last before the test fails.
///
/// The default is generous, since it is only ever used up by a failure.
#[derive(Clone, Copy, Debug)]
pub struct Limit(pub Duration);

impl Limit {
    /// So many seconds.
    pub const fn secs(seconds: u64) -> Self {
        Self(Duration::from_secs(seconds))
    }

    pub(crate) fn deadline(self) -> Instant {
        Instant::now() + self.0
    }
}

impl Default for Limit {
    fn default() -> Self {
        Self::secs(30)
    }
}

/// Waits until `condition` holds; panics, naming `what`, after `limit`.
pub fn wait_for(what: &str, limit: Limit, mut condition: impl FnMut() -> bool) {
    wait_some(what, limit, || condition().then_some(()));
}

/// Waits until `attempt` yields something and returns it; panics, naming `what`, after
/// `limit`.
pub fn wait_some<T>(what: &str, limit: Limit, mut attempt: impl FnMut() -> Option<T>) -> T {
    let deadline = limit.deadline();
    loop {
        if let Some(found) = attempt() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited {:?} in vain for: {what}", limit.0);
        thread::sleep(POLL);
    }
}

pub(crate) const POLL: Duration = Duration::from_millis(20);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_what_was_found() {
        let mut tries = 0;
        let found = wait_some("third try", Limit::default(), || {
            tries += 1;
            (tries == 3).then_some("found")
        });
        assert_eq!((found, tries), ("found", 3));
    }

    #[test]
    #[should_panic(expected = "in vain for: pigs to fly")]
    fn names_what_never_came() {
        wait_for("pigs to fly", Limit(Duration::ZERO), || false);
    }
}
