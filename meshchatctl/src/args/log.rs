//! The log of the daemon, and its numbers.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args as ClapArgs, ValueEnum};

use super::talk::parse_lines;
use crate::output::time::parse_span;

#[derive(Debug, ClapArgs)]
pub(crate) struct LogLevel {
    /// off, error, warn, info, debug or trace; for one module as meshchatd::link=debug
    #[arg(value_name = "[MODULE=]LEVEL", value_delimiter = ',', value_parser = parse_part)]
    pub(crate) levels: Vec<String>,
    /// Go back to what is configured after this time, at most 24h [default: the next start]
    #[arg(long = "for", value_name = "TIME", requires = "levels", value_parser = parse_day)]
    pub(crate) lasts: Option<Duration>,
    /// Go back to what is configured now
    #[arg(long, conflicts_with = "levels")]
    pub(crate) reset: bool,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Logs {
    /// Levels of single modules, as meshchatd::link=trace
    #[arg(value_name = "MODULE=LEVEL", value_delimiter = ',', value_parser = parse_module)]
    pub(crate) modules: Vec<String>,
    /// Begin with this many lines, or `all` that are kept
    #[arg(short = 'n', long, value_name = "N", default_value = "50", value_parser = parse_lines)]
    pub(crate) lines: u32,
    /// Go on with what comes, also when the daemon restarts; this is the default
    #[arg(short, long, conflicts_with = "no_follow")]
    pub(crate) follow: bool,
    /// End when the lines of the past are shown
    #[arg(long)]
    pub(crate) no_follow: bool,
    /// Show lines that are this grave and graver, whatever the daemon logs [default: info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) level: Option<Level>,
}

#[derive(Debug, ClapArgs)]
pub(crate) struct Metrics {
    /// Write them to this file instead, all or nothing: for the textfile collector of
    /// node_exporter
    #[arg(long, value_name = "PATH")]
    pub(crate) textfile: Option<PathBuf>,
}

/// How grave a line is, as it is typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Off,
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

impl Level {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
}

fn parse_part(text: &str) -> Result<String, String> {
    match text.split_once('=') {
        Some(_) => parse_module(text),
        None => level(text).map(|level| level.as_str().to_owned()),
    }
}

fn parse_module(text: &str) -> Result<String, String> {
    let (module, word) = text.split_once('=').unwrap_or((text, ""));
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
    if module.is_empty() || word.is_empty() || !module.chars().all(plain) {
        return Err("expected MODULE=LEVEL, such as meshchatd::link=debug".to_owned());
    }
    Ok(format!("{module}={}", level(word)?.as_str()))
}

fn level(word: &str) -> Result<Level, String> {
    Level::from_str(word.trim(), true)
        .map_err(|_unknown| "the levels are off, error, warn, info, debug and trace".to_owned())
}

fn parse_day(text: &str) -> Result<Duration, String> {
    let span = parse_span(text)?;
    let fits = !span.is_zero() && span <= Duration::from_secs(24 * 3600);
    if fits { Ok(span) } else { Err("expected a time of at most 24h".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_checked_before_the_daemon_is_asked() {
        assert_eq!(parse_part("DEBUG"), Ok("debug".into()));
        assert_eq!(parse_part("meshchatd::link=trace"), Ok("meshchatd::link=trace".into()));
        for bad in ["", "debgu", "a=loud", "=info", "a b=info", "a=", "a"] {
            assert!(parse_part(bad).is_err(), "{bad}");
        }
        assert!(parse_module("debug").is_err());
        assert!(parse_day("25h").is_err() && parse_day("0s").is_err());
    }
}
