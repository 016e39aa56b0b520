//! How fast one client may speak: a token bucket.

use std::time::Duration;

use tokio::time::{self, Instant};

use crate::config::LimitsConfig;

/// The bucket of one client. A client that is too fast is not read any further: nothing that it
/// says is lost, and it only slows down itself.
#[derive(Debug)]
pub struct Pace {
    /// When the bucket will be full again.
    full_at: Instant,
    burst: Duration,
    each: Duration,
}

impl Pace {
    /// A full bucket.
    pub fn new(limits: &LimitsConfig) -> Self {
        Self::of(limits.burst, limits.per_second)
    }

    /// A full bucket of so many tokens, which come back at so many a second.
    pub fn of(burst: u32, per_second: u32) -> Self {
        let each = Duration::from_secs(1) / per_second.max(1);
        Self { full_at: Instant::now(), burst: each * burst.max(1), each }
    }

    /// Takes one token; the time until it may be used is how long to wait before reading on.
    pub fn take(&mut self) -> Duration {
        let now = Instant::now();
        self.full_at = self.full_at.max(now) + self.each;
        (self.full_at - now).saturating_sub(self.burst)
    }

    /// Takes one token if it may be used at once.
    ///
    /// # Errors
    ///
    /// How long until then.
    pub fn try_take(&mut self) -> Result<(), Duration> {
        let before = self.full_at;
        let wait = self.take();
        if wait.is_zero() {
            return Ok(());
        }
        self.full_at = before;
        Err(wait)
    }

    /// Takes one token and waits until it may be used. Not safe to cancel: the token is gone.
    pub async fn wait(&mut self) {
        let wait = self.take();
        if !wait.is_zero() {
            time::sleep(wait).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_and_then_a_steady_pace() {
        let limits = LimitsConfig { burst: 5, per_second: 2, ..LimitsConfig::default() };
        let mut pace = Pace::new(&limits);
        for _ in 0..5 {
            assert_eq!(pace.take(), Duration::ZERO);
        }
        let start = Instant::now();
        pace.wait().await;
        pace.wait().await;
        assert_eq!(start.elapsed(), Duration::from_secs(1));
        time::sleep(Duration::from_secs(60)).await;
        for _ in 0..5 {
            assert_eq!(pace.take(), Duration::ZERO);
        }
        assert!(pace.take() > Duration::ZERO);
    }
}
