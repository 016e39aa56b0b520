//! How often to call: much at first, then ever less.

use std::time::{Duration, Instant};

/// When the next beacon is due. One for all interfaces, so that a node wakes once for all.
#[derive(Debug)]
pub(super) struct Pace {
    next: Instant,
    /// Beacons since the quick start.
    step: u32,
    /// When a beacon was last sent.
    sent: Option<Instant>,
    /// An extra beacon for a newcomer, and when the last one was.
    extra: Option<Instant>,
    extra_sent: Option<Instant>,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self { next: now, step: 0, sent: None, extra: None, extra_sent: None }
    }

    pub(super) fn due(&self) -> Instant {
        self.extra.map_or(self.next, |extra| extra.min(self.next))
    }

    /// Begins quickly again, unless the quick beginning still lasts.
    pub(super) fn hurry(&mut self, now: Instant) {
        if self.step >= QUICK {
            self.restart(now);
        }
    }

    /// Begins quickly again: there is somewhere new to call.
    pub(super) fn restart(&mut self, now: Instant) {
        self.step = 0;
        let soonest = self.sent.map_or(now, |sent| sent + GAP);
        self.next = now.max(soonest);
    }

    /// Somebody new is there, who should hear of us soon.
    pub(super) fn newcomer(&mut self, now: Instant, random: u64) {
        // So that not all neighbours answer at the same moment.
        let soon = now + Duration::from_micros(random % 100_000);
        let soonest = self.extra_sent.map_or(soon, |sent| sent + EXTRA);
        self.extra.get_or_insert(soon.max(soonest));
    }

    /// Beacons are sent now, as was due.
    pub(super) fn sent(&mut self, now: Instant, random: u64) {
        self.sent = Some(now);
        if self.extra.is_some_and(|extra| extra <= now) {
            self.extra = None;
            self.extra_sent = Some(now);
        }
        if self.next <= now {
            self.step = self.step.saturating_add(1);
            self.next = now + pause(self.step, random);
        }
    }
}

/// The pause after so many beacons, between three quarters and five quarters of the middle one.
fn pause(step: u32, random: u64) -> Duration {
    let doubled = FIRST * 2u32.pow(step.saturating_sub(QUICK).min(8));
    let pause = doubled.min(LONGEST);
    let half = u64::try_from(pause.as_micros() / 2).unwrap_or(u64::MAX).max(1);
    pause * 3 / 4 + Duration::from_micros(random % half)
}

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(15);
/// Beacons before the pauses grow.
const QUICK: u32 = 10;
/// Between beacons, however often the network changes.
const GAP: Duration = Duration::from_millis(250);
/// Between extra beacons.
const EXTRA: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    fn run(pace: &mut Pace, from: Instant, seconds: u64) -> usize {
        let end = from + Duration::from_secs(seconds);
        let mut count = 0;
        while pace.due() < end {
            let now = pace.due();
            pace.sent(now, (u64::MAX / 3).wrapping_mul(count as u64));
            count += 1;
        }
        count
    }

    #[test]
    fn calls_become_rare() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        assert_eq!(pace.due(), start);
        let quick = run(&mut pace, start, 10);
        assert!((8..=13).contains(&quick), "{quick}");
        run(&mut pace, start, 60);
        let minute = run(&mut pace, start + Duration::from_secs(60), 60);
        assert!((3..=6).contains(&minute), "{minute}");
        let later = start + Duration::from_secs(120);
        pace.hurry(later);
        assert_eq!(pace.due(), later);
        let quick = run(&mut pace, later, 5);
        let due = pace.due();
        pace.hurry(later + Duration::from_secs(5));
        assert_eq!(pace.due(), due, "it hurries already");
        assert!((4..=8).contains(&quick), "{quick}");
    }

    #[test]
    fn newcomers_cost_at_most_one_beacon_a_second() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        run(&mut pace, start, 200);
        let mut now = start + Duration::from_secs(200);
        let (end, mut count) = (now + Duration::from_secs(10), 0);
        while now < end {
            pace.newcomer(now, 77);
            if pace.due() <= now {
                pace.sent(now, 0);
                count += 1;
            }
            now += Duration::from_millis(10);
        }
        assert!((9..=12).contains(&count), "{count}");
    }

    #[test]
    fn a_flapping_network_does_not_make_a_storm() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut count = 0;
        for step in 0..1000 {
            let now = start + Duration::from_millis(step * 10);
            pace.restart(now);
            if pace.due() <= now {
                pace.sent(now, 0);
                count += 1;
            }
        }
        assert!(count <= 41, "{count} in ten seconds");
    }
}
