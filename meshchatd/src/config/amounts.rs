//! Amounts of bytes and of time, as people write them.

use std::fmt;
use std::time::Duration;

use super::error::BadValue;

/// Bytes, written as `16 MiB`, `16M` or a bare number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

/// A span of time, written as `7d`, `12h`, `30m` or `90s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span(pub Duration);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match SIZES.iter().find(|(_, unit)| self.0 > 0 && self.0.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{} {name}iB", self.0 / unit),
            None => write!(f, "{}", self.0),
        }
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match SPANS.iter().find(|(_, unit)| seconds > 0 && seconds.is_multiple_of(*unit)) {
            Some((name, unit)) => write!(f, "{}{name}", seconds / unit),
            None => write!(f, "{seconds}s"),
        }
    }
}

/// Reads bytes between `least` and `most`.
pub(super) fn parse_size(text: &str, least: Size, most: Size) -> Result<Size, BadValue> {
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = lower.get(digits.len()..).unwrap_or_default();
    let unit = unit.strip_suffix("ib").or_else(|| unit.strip_suffix('b')).unwrap_or(unit);
    let unit = match unit {
        "" => Some(1),
        unit => SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit)).map(|(_, n)| *n),
    };
    let count = digits.trim().parse::<u64>().ok();
    let size = count.zip(unit).and_then(|(count, unit)| count.checked_mul(unit)).map(Size);
    let fits = size.filter(|size| (least..=most).contains(size));
    fits.ok_or_else(|| BadValue::Size { least: least.to_string(), most: most.to_string() })
}

/// Reads a span between `least` and `most`.
pub(super) fn parse_span(text: &str, least: Span, most: Span) -> Result<Span, BadValue> {
    let text = text.trim();
    let unit = SPANS.iter().find(|(name, _)| text.ends_with(*name));
    let span = unit.and_then(|(name, unit)| {
        let count = text.strip_suffix(*name)?.trim().parse::<u64>().ok()?;
        Some(Span(Duration::from_secs(count.checked_mul(*unit)?)))
    });
    let fits = span.filter(|span| (least..=most).contains(span));
    fits.ok_or_else(|| BadValue::Span { least: least.to_string(), most: most.to_string() })
}

const SIZES: [(&str, u64); 3] = [("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10)];
const SPANS: [(&str, u64); 4] = [("d", 24 * 3600), ("h", 3600), ("m", 60), ("s", 1)];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written() {
        let read =
            |text| parse_size(text, Size(1 << 10), Size(1 << 40)).map(|size| size.to_string());
        for text in ["16 MiB", "16M", "16mb", "16777216", " 16384K "] {
            assert_eq!(read(text).unwrap(), "16 MiB", "{text}");
        }
        assert_eq!(read("1025").unwrap(), "1025");
        for bad in ["", "M", "1", "-5M", "1.5M", "9999999999999G", "16 Mio", "16 M i B"] {
            assert!(read(bad).is_err(), "{bad:?} was accepted");
        }
    }

    #[test]
    fn spans_are_read_and_written() {
        let day = Span(Duration::from_secs(24 * 3600));
        let read = |text| parse_span(text, Span(Duration::ZERO), day).map(|span| span.to_string());
        assert_eq!(read("24h").unwrap(), "1d");
        assert_eq!(read("90 s").unwrap(), "90s");
        for bad in ["", "d", "2d", "1", "1w", "-1h"] {
            assert!(read(bad).is_err(), "{bad:?} was accepted");
        }
    }
}
