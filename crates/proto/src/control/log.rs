use serde::{Deserialize, Serialize};

/// What an operator wants of the daemon's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogRequest {
    /// What is logged now. Replies [`super::Reply::LogLevel`].
    Show {},
    /// Changes what is logged, until the daemon restarts or for a time. Replies
    /// [`super::Reply::LogLevel`], how it is afterwards. Admin.
    Set {
        /// `LEVEL`, or `MODULE=LEVEL`, several with commas; modules that it does not name keep
        /// theirs. `LEVEL` alone is for all modules without one of their own.
        filter: String,
        /// Milliseconds after which the configured filter is back, at most a day; for good when
        /// missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        for_ms: Option<u64>,
    },
    /// Logs again what the configuration says. Replies [`super::Reply::LogLevel`]. Admin.
    Reset {},
    /// Streams [`super::Event::Log`]: lines that the daemon still has, then what comes. Replies
    /// [`super::Reply::Done`] first. Admin.
    Follow {
        /// What to stream, as in [`Self::Set`], on top of `info`, whatever the log itself shows;
        /// lines of the past are there only as far as they were logged.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        filter: Option<String>,
        /// Begin with this many lines of the past.
        #[serde(default)]
        lines: u32,
        /// Go on with what comes.
        #[serde(default)]
        follow: bool,
    },
}

/// What the daemon logs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLevel {
    /// The filter in force.
    pub filter: String,
    /// What the configuration says.
    pub configured: String,
    /// Milliseconds until the configured filter is back; none when nothing is to change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reverts_ms: Option<u64>,
}

/// One line of the daemon's log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since 1970 by the daemon's clock, which may be wrong.
    pub wall_ms: u64,
    /// How grave it is.
    pub level: LogGrade,
    /// The module that says it.
    pub module: String,
    /// The words, without control characters; at most 1,024 bytes.
    pub text: String,
    /// Further facts: names and values.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<(String, String)>,
    /// Lines that were left out before this one, because they came too fast.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
}

/// How grave a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LogGrade {
    /// Something does not work and somebody should look.
    Error,
    /// Something is odd, and the daemon goes on.
    Warn,
    /// What an operator wants to know.
    Info,
    /// What happens, for who looks for a fault.
    Debug,
    /// All of it.
    Trace,
    /// A grade newer than this build.
    #[serde(other)]
    Unknown,
}

impl LogGrade {
    /// The word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
            Self::Unknown => "unknown",
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
