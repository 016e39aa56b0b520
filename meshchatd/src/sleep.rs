//! Sleeping without needless wake-ups.
//!
//! tokio's timers wake the process on the way to a distant moment, once for each level of their
//! wheel, and for moments that were put off meanwhile. A few links would so wake an idle node twice
//! as often as their heartbeats. [`Sleep`] leaves only what is near to tokio and waits for what is
//! far with a timer of the kernel.

use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use tokio::io::unix::AsyncFd;

/// Waits for a moment that may be moved.
#[derive(Debug)]
pub struct Sleep {
    until: Instant,
    near: Option<Pin<Box<tokio::time::Sleep>>>,
    far: Far,
}

/// A timer of the kernel.
#[derive(Debug)]
enum Far {
    Unused,
    Made {
        timer: AsyncFd<Timer>,
        /// When it rings; none once it has.
        armed: Option<Instant>,
    },
    /// No more files may be opened.
    Unavailable,
}

impl Sleep {
    /// Sleeps until then. Must be called inside a tokio runtime.
    #[must_use]
    pub fn until(until: Instant) -> Self {
        Self { until, near: None, far: Far::Unused }
    }

    /// Moves the moment. To be polled again.
    pub fn reset(&mut self, until: Instant) {
        self.until = until;
    }

    /// Ready once the moment has come.
    pub fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            let left = self.until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Poll::Ready(());
            }
            if left <= NEAR || matches!(self.far, Far::Unavailable) {
                ready!(self.poll_near(cx));
            } else {
                // Forgotten, or it would ring for a moment that was put off.
                self.near = None;
                ready!(self.far.poll(self.until, left, cx));
            }
        }
    }

    fn poll_near(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let until = self.until.into();
        let near = self.near.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
        if near.deadline() != until {
            near.as_mut().reset(until);
        }
        near.as_mut().poll(cx)
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.get_mut().poll(cx)
    }
}

impl Far {
    /// Ready when it rang, perhaps too early, or cannot be used.
    fn poll(&mut self, until: Instant, left: Duration, cx: &mut Context<'_>) -> Poll<()> {
        if matches!(self, Self::Unused) {
            *self = make().map_or(Self::Unavailable, |timer| Self::Made { timer, armed: None });
        }
        let Self::Made { timer, armed } = self else { return Poll::Ready(()) };
        // Ringing early by mistake costs a wake-up, moving it costs a system call.
        if armed.is_none_or(|armed| armed > until || until - armed > SLACK) {
            let set =
                timer.get_ref().0.set(Expiration::OneShot(left.into()), TimerSetTimeFlags::empty());
            if set.is_err() {
                *self = Self::Unavailable;
                return Poll::Ready(());
            }
            *armed = Some(until);
        }
        match ready!(timer.poll_read_ready(cx)) {
            Ok(mut rang) => {
                // Setting it again takes the ring back; until then it must not be seen again.
                rang.clear_ready();
                *armed = None;
            }
            Err(_) => *self = Self::Unavailable,
        }
        Poll::Ready(())
    }
}

#[derive(Debug)]
struct Timer(TimerFd);

impl AsRawFd for Timer {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}

#[expect(deprecated, reason = "what replaces it is unsafe; `Timer` keeps its one descriptor")]
fn make() -> Option<AsyncFd<Timer>> {
    let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
    let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags).ok()?;
    AsyncFd::with_interest(Timer(timer), tokio::io::Interest::READABLE).ok()
}

/// tokio needs one wake-up for what is at most this near.
const NEAR: Duration = Duration::from_millis(60);

/// A moment put off by no more than this is not worth a system call.
const SLACK: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn far_near_and_past_moments_come() {
        for ms in [0, 1, 30, 59, 61, 150] {
            let until = Instant::now() + Duration::from_millis(ms);
            Sleep::until(until).await;
            assert!(Instant::now() >= until);
        }
    }

    #[tokio::test]
    async fn a_moment_can_be_moved_both_ways_and_used_again() {
        let mut sleep = Sleep::until(Instant::now() + Duration::from_secs(600));
        let soon = tokio::time::timeout(Duration::from_millis(1), &mut sleep);
        assert!(soon.await.is_err());
        for ms in [100, 10, 200, 70] {
            let until = Instant::now() + Duration::from_millis(ms);
            sleep.reset(until);
            (&mut sleep).await;
            assert!(Instant::now() >= until);
        }
    }
}
