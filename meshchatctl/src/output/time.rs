//! Times and amounts, written for people and read from them.

use std::time::Duration;

use jiff::civil::{Date, DateTime, Time};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _, Zoned};

/// The time of day on this machine.
#[derive(Debug, Clone)]
pub(crate) struct Clock {
    pub(crate) now: Zoned,
}

impl Clock {
    pub(crate) fn now() -> Self {
        Self { now: Zoned::now() }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        u64::try_from(self.now.timestamp().as_millisecond()).unwrap_or(0)
    }

    /// Milliseconds since 1970 as local time; `None` when no calendar goes that far.
    pub(crate) fn local(&self, wall_ms: u64) -> Option<Zoned> {
        let wall = Timestamp::from_millisecond(i64::try_from(wall_ms).ok()?).ok()?;
        Some(wall.to_zoned(self.now.time_zone().clone()))
    }

    /// Milliseconds from a moment that a person typed until now.
    ///
    /// # Errors
    ///
    /// Says which forms there are.
    pub(crate) fn since(&self, text: &str) -> Result<u64, String> {
        if let Ok(span) = parse_span(text) {
            return Ok(u64::try_from(span.as_millis()).unwrap_or(u64::MAX));
        }
        let then = self.moment(text).ok_or_else(|| {
            format!("cannot read '{text}'; try 10m, 1h30m, 14:00, 2026-11-20 or 2026-11-20T14:00")
        })?;
        let passed = self.now.timestamp().as_millisecond() - then.timestamp().as_millisecond();
        u64::try_from(passed).map_err(|_negative| format!("'{text}' is in the future"))
    }

    fn moment(&self, text: &str) -> Option<Zoned> {
        let zone: &TimeZone = self.now.time_zone();
        if let Ok(stamp) = text.parse::<Timestamp>() {
            return Some(stamp.to_zoned(zone.clone()));
        }
        // A bare time would otherwise be tried as a date.
        if text.contains('-') {
            let when = text
                .parse::<DateTime>()
                .or_else(|_| text.parse::<Date>().map(|date| date.to_datetime(Time::midnight())));
            return when.ok()?.to_zoned(zone.clone()).ok();
        }
        let time: Time = text.parse().ok()?;
        let today = self.now.date().to_datetime(time).to_zoned(zone.clone()).ok()?;
        match today > self.now {
            true => today.checked_sub(1.day()).ok(),
            false => Some(today),
        }
    }
}

/// Reads a span of time: `500ms`, `10s`, `1h30m`, `2d`.
///
/// # Errors
///
/// Says what is expected.
pub(crate) fn parse_span(text: &str) -> Result<Duration, String> {
    let bad = || format!("'{text}' is no span of time; try 500ms, 10s, 5m, 1h30m or 2d");
    let (mut total, mut rest) = (Duration::ZERO, text);
    while !rest.is_empty() {
        let digits = rest.find(|letter: char| !letter.is_ascii_digit()).ok_or_else(bad)?;
        let (number, behind) = rest.split_at(digits);
        let letters = behind.find(|letter: char| letter.is_ascii_digit()).unwrap_or(behind.len());
        let (unit, next) = behind.split_at(letters);
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" | "min" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return Err(bad()),
        };
        let ms = number.parse::<u64>().ok().and_then(|number| number.checked_mul(unit_ms));
        total = total.saturating_add(Duration::from_millis(ms.ok_or_else(bad)?));
        rest = next;
    }
    if text.is_empty() { Err(bad()) } else { Ok(total) }
}

/// A span of milliseconds, in its largest unit: `3 m`.
pub(crate) fn span(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} m", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Microseconds as milliseconds: `0.41 ms`, `4.2 ms`, `310 ms`.
pub(crate) fn round_trip(us: u64) -> String {
    match us {
        0..1_000 => format!("0.{:02} ms", us / 10),
        1_000..10_000 => format!("{}.{} ms", us / 1_000, us % 1_000 / 100),
        _ => format!("{} ms", us / 1_000),
    }
}

/// Bytes in binary units: `999 B`, `1.9 KiB`, `34 MiB`.
pub(crate) fn bytes(count: u64) -> String {
    let (mut whole, mut tenths, mut unit) = (count, 0, 0);
    while whole >= 1024 && unit + 1 < UNITS.len() {
        tenths = whole % 1024 * 10 / 1024;
        whole /= 1024;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("B");
    if unit > 0 && whole < 10 {
        format!("{whole}.{tenths} {name}")
    } else {
        format!("{whole} {name}")
    }
}

/// A number with its thousands set apart: `12,345`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 message`, `2 messages`.
pub(crate) fn count(many: u64, of: &str) -> String {
    let plural = if many == 1 { "" } else { "s" };
    format!("{} {of}{plural}", number(many))
}

const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Friday 20 November 2026, 15:00:00, two hours east of Greenwich.
    pub(crate) fn afternoon() -> Clock {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = jiff::civil::date(2026, 11, 20).at(15, 0, 0, 0).to_zoned(zone).unwrap();
        Clock { now }
    }

    #[test]
    fn spans_are_read() {
        assert_eq!(parse_span("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(parse_span("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(parse_span("2d"), Ok(Duration::from_secs(172_800)));
        for bad in ["", "10", "m", "1x", "-1s", "1 s", "99999999999999999999s"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn moments_are_read() {
        let clock = afternoon();
        let minute = 60_000;
        assert_eq!(clock.since("10m"), Ok(10 * minute));
        assert_eq!(clock.since("14:00"), Ok(60 * minute));
        assert_eq!(clock.since("14:00:30"), Ok(59 * minute + 30_000));
        assert_eq!(clock.since("16:00"), Ok(23 * 60 * minute));
        assert_eq!(clock.since("2026-11-20"), Ok(15 * 60 * minute));
        assert_eq!(clock.since("2026-11-20T14:00"), Ok(60 * minute));
        assert_eq!(clock.since("2026-11-20T12:30:00Z"), Ok(30 * minute));
        assert!(clock.since("2027-01-01").unwrap_err().contains("future"));
        assert!(clock.since("yesterday").is_err());
    }

    #[test]
    fn amounts_are_written() {
        assert_eq!(
            [span(0), span(61_000), span(7_300_000), span(200_000_000)],
            ["0 s", "1 m", "2 h", "2 d"]
        );
        assert_eq!(
            [round_trip(413), round_trip(4_200), round_trip(310_000)],
            ["0.41 ms", "4.2 ms", "310 ms"]
        );
        assert_eq!([bytes(999), bytes(2000), bytes(35 << 20)], ["999 B", "1.9 KiB", "35 MiB"]);
        assert_eq!([number(7), number(1234), number(1_234_567)], ["7", "1,234", "1,234,567"]);
        assert_eq!([count(1, "message"), count(2, "message")], ["1 message", "2 messages"]);
    }
}
