//! What may be written in a day, so that an SD card lives long: a token bucket over running time.

use meshchat_core::Mono;

use super::record::Spent;

/// The bucket and its books.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    spent: Spent,
    per_day: u64,
    at: Mono,
    /// Nothing is written until some of it is back.
    exhausted: bool,
}

impl Budget {
    /// A bucket of `per_day` bytes that goes on from what was noted at `at`; a full one when
    /// nothing was.
    pub(super) fn new(per_day: u64, noted: Option<(Spent, Mono)>, now: Mono) -> Self {
        let full = Spent { total: 0, left: per_day, today: 0 };
        let (spent, at) = noted.unwrap_or((full, now));
        let mut budget = Self { spent, per_day, at, exhausted: false };
        budget.refill(now);
        budget
    }

    /// Whether so many bytes may be written now. Once the bucket is empty it must be one part in
    /// 64 full again, so that history does not come and go with every message.
    pub(super) fn allows(&mut self, bytes: u64, now: Mono) -> bool {
        self.refill(now);
        let enough = if self.exhausted { self.per_day / 64 } else { 0 };
        self.exhausted = self.spent.left < bytes.max(enough);
        !self.exhausted
    }

    /// Notes what was written.
    pub(super) fn charge(&mut self, bytes: u64) {
        let spent = &mut self.spent;
        spent.total = spent.total.saturating_add(bytes);
        spent.today = spent.today.saturating_add(bytes);
        spent.left = spent.left.saturating_sub(bytes);
    }

    pub(super) fn spent(&self) -> Spent {
        self.spent
    }

    fn refill(&mut self, now: Mono) {
        let passed = now.since(self.at).as_micros();
        let back = u128::from(self.per_day).saturating_mul(passed) / DAY;
        if back == 0 {
            return;
        }
        if u128::from(now.as_micros()) / DAY != u128::from(self.at.as_micros()) / DAY {
            self.spent.today = 0;
        }
        self.at = now;
        let back = u64::try_from(back).unwrap_or(u64::MAX);
        self.spent.left = self.spent.left.saturating_add(back).min(self.per_day);
    }
}

/// Microseconds.
const DAY: u128 = 24 * 3600 * 1_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(hours: u64) -> Mono {
        Mono::from_micros(hours * 3600 * 1_000_000)
    }

    #[test]
    fn a_day_refills_the_bucket_and_no_more() {
        let mut budget = Budget::new(2400, None, hours(0));
        assert!(budget.allows(2400, hours(0)));
        budget.charge(2400);
        assert!(!budget.allows(1, hours(0)));
        assert!(!budget.allows(1, Mono::from_micros(36_000_000)), "one byte is back, 37 are due");
        assert!(budget.allows(100, hours(1)));
        assert!(!budget.allows(101, hours(1)));
        assert!(budget.allows(2400, hours(100)));
        assert!(!budget.allows(2401, hours(200)));
    }

    #[test]
    fn it_goes_on_over_restarts() {
        let mut budget = Budget::new(2400, None, hours(1));
        budget.charge(2400);
        let again = Budget::new(2400, Some((budget.spent(), hours(1))), hours(2));
        assert_eq!(again.spent(), Spent { total: 2400, left: 100, today: 2400 });
        let next_day = Budget::new(2400, Some((budget.spent(), hours(1))), hours(24));
        assert_eq!(next_day.spent().today, 0);
    }
}
