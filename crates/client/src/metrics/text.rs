//! The text format 0.0.4: families of samples, each with its help and its type.

use std::fmt::{self, Write as _};

use meshchat_proto::name::is_deceptive;

/// What a number is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It only grows, until the daemon restarts.
    Counter,
    /// It goes up and down.
    Gauge,
}

/// A number. Times are in seconds, written without rounding.
#[derive(Debug, Clone, Copy)]
pub(super) enum Number {
    Whole(u64),
    Millis(i64),
    Micros(u64),
}

/// Names and values of labels.
pub(super) type Labels<'a> = Vec<(&'static str, &'a str)>;

/// Text that grows.
#[derive(Debug, Default)]
pub(super) struct Text(String);

impl From<u64> for Number {
    fn from(number: u64) -> Self {
        Self::Whole(number)
    }
}

impl From<u32> for Number {
    fn from(number: u32) -> Self {
        Self::Whole(number.into())
    }
}

impl From<bool> for Number {
    fn from(yes: bool) -> Self {
        Self::Whole(yes.into())
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(number) => write!(f, "{number}"),
            Self::Micros(us) => write!(f, "{}.{:06}", us / 1_000_000, us % 1_000_000),
            Self::Millis(ms) => {
                let (sign, ms) = (if *ms < 0 { "-" } else { "" }, ms.unsigned_abs());
                write!(f, "{sign}{}.{:03}", ms / 1000, ms % 1000)
            }
        }
    }
}

impl Text {
    /// A family of one sample without labels.
    pub(super) fn one(&mut self, name: &str, kind: Kind, help: &str, value: impl Into<Number>) {
        self.family(name, kind, help, [(Vec::new(), value)]);
    }

    /// A family; nothing of it when it has no samples.
    #[expect(single_use_lifetimes, reason = "it cannot be left out of an argument's bound")]
    pub(super) fn family<'a, N: Into<Number>>(
        &mut self,
        name: &str,
        kind: Kind,
        help: &str,
        samples: impl IntoIterator<Item = (Labels<'a>, N)>,
    ) {
        let mut samples = samples.into_iter().peekable();
        if samples.peek().is_none() {
            return;
        }
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
        };
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        for (labels, value) in samples {
            self.0.push_str(name);
            self.labels(&labels);
            self.0.push_str(&format!(" {}\n", value.into()));
        }
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    fn labels(&mut self, labels: &[(&'static str, &str)]) {
        for (at, (name, value)) in labels.iter().enumerate() {
            self.0.push(if at == 0 { '{' } else { ',' });
            self.0.push_str(&format!("{name}=\""));
            value.chars().take(VALUE_CHARS).for_each(|letter| self.letter(letter));
            self.0.push('"');
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
    }

    /// What controls a terminal or reorders text is shown as an escape: the text is read by
    /// people, too.
    fn letter(&mut self, letter: char) {
        // Writing to a string cannot fail.
        let _ = match letter {
            '\\' | '"' => write!(self.0, "\\{letter}"),
            '\n' => self.0.write_str("\\n"),
            _ if is_deceptive(letter) => write!(self.0, "\\\\u{{{:x}}}", u32::from(letter)),
            _ => self.0.write_char(letter),
        };
    }
}

/// Longest value of a label.
const VALUE_CHARS: usize = 128;
