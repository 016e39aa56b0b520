//! The clocks of this machine, as the core wants them.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use meshchat_core::{Mono, Now};
use tokio::time::Instant;

/// Counts from the start of the process, or goes on where an earlier one stopped.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    start: Instant,
    before: Mono,
}

impl Clock {
    /// A clock that starts now.
    #[must_use]
    pub fn start() -> Self {
        Self { start: Instant::now(), before: Mono::ZERO }
    }

    /// The same clock, ahead by what it showed when an earlier process ended: time off does not
    /// count.
    #[must_use]
    pub fn behind(self, before: Mono) -> Self {
        Self { before, ..self }
    }

    /// The time now.
    #[must_use]
    pub fn now(self) -> Now {
        let running = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let running = running.saturating_add(self.before.as_micros());
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let wall_ms = u64::try_from(wall.as_millis()).unwrap_or(u64::MAX);
        // The core takes zero for "never".
        Now { mono: Mono::from_micros(running.saturating_add(1)), wall_ms }
    }

    /// When the running clock will show `at`; at most some days ahead.
    #[must_use]
    pub fn instant(self, at: Mono) -> Instant {
        const FAR: Duration = Duration::from_secs(7 * 24 * 3600);
        self.start + at.since(self.before).min(self.start.elapsed() + FAR)
    }
}
