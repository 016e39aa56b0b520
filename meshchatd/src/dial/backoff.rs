//! Waiting longer after each failure, with jitter, so that two nodes do not retry in step.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(15);
/// After an answer that will not change by itself soon.
const REFUSED: Duration = Duration::from_secs(60);

/// The pause after `tries` failures in a row; `random` is any number.
pub(super) fn pause(tries: u32, refused: bool, random: u64) -> Duration {
    let doubled = FIRST * 2u32.pow(tries.saturating_sub(1).min(10));
    let pause = if refused { REFUSED } else { doubled.min(LONGEST) };
    // Between three quarters and five quarters.
    let quarter = u64::try_from(pause.as_micros() / 2).unwrap_or(u64::MAX).max(1);
    pause * 3 / 4 + Duration::from_micros(random % quarter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_bound_and_are_jittered() {
        let mut before = Duration::ZERO;
        for tries in 1..40 {
            let (low, high) = (pause(tries, false, 0), pause(tries, false, u64::MAX));
            assert!(low >= before && low < high && high <= LONGEST * 5 / 4, "{tries}");
            before = low;
        }
        assert_eq!(pause(1, false, 0), Duration::from_millis(150));
        assert!(pause(1, true, 0) >= Duration::from_secs(45));
    }
}
