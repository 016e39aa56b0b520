//! Where the log goes: the journal with fields under systemd, standard error otherwise.
//!
//! The filter can change while the daemon runs. Control characters in messages are escaped by
//! the formatter; use [`escaped`] for anything that came from the network, which also bounds it.

use std::fmt::{self, Write as _};
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::str::FromStr;

use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::{Layer, fmt as format};

/// What is logged: a level, and other levels for some modules, as in `info,meshchatd::link=debug`.
#[derive(Debug, Clone, PartialEq)]
pub struct LogFilter {
    text: String,
    targets: Targets,
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// Nothing between commas.
    #[error("an empty part")]
    Empty,
    /// Not a level.
    #[error("{0} is not a level; the levels are off, error, warn, info, debug and trace")]
    Level(String),
    /// Not a module.
    #[error("{0} is not a module")]
    Module(String),
    /// More than any filter needs.
    #[error("longer than {LONGEST_FILTER} bytes")]
    TooLong,
}

/// Changes the filter of the running log.
#[derive(Clone, Debug)]
pub struct LogHandle(reload::Handle<Targets, Registry>);

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It was started before.
    #[error("the log is already set up")]
    AlreadySet,
}

impl Default for LogFilter {
    fn default() -> Self {
        Self { text: "info".into(), targets: quiet().with_default(LevelFilter::INFO) }
    }
}

impl fmt::Display for LogFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for LogFilter {
    type Err = FilterError;

    /// Stricter than the filter of `tracing`, which takes a mistyped level for a module.
    fn from_str(text: &str) -> Result<Self, FilterError> {
        if text.len() > LONGEST_FILTER {
            return Err(FilterError::TooLong);
        }
        let mut targets = quiet();
        for part in text.split(',').map(str::trim) {
            targets = match part.split_once('=') {
                None if part.is_empty() => return Err(FilterError::Empty),
                None => targets.with_default(level(part)?),
                Some((module, word)) => targets.with_target(checked(module)?, level(word)?),
            };
        }
        Ok(Self { text: text.to_owned(), targets })
    }
}

/// A cable that is out is told by us once; the carrier would tell it of packets.
fn quiet() -> Targets {
    Targets::new().with_target("quinn_udp", LevelFilter::ERROR)
}

impl LogHandle {
    /// Uses `filter` from now on.
    pub fn set(&self, filter: &LogFilter) {
        // Fails only when the subscriber is gone, and then there is no log to change.
        let _ = self.0.reload(filter.targets.clone());
    }
}

/// Starts the log of this process.
///
/// # Errors
/// When it was started before.
pub fn init(filter: &LogFilter) -> Result<LogHandle, LogError> {
    let journal = if stderr_is_journal() { tracing_journald::layer().ok() } else { None };
    let journal = journal.map(|layer| layer.with_field_prefix(Some(FIELD_PREFIX.into())));
    let plain = journal.is_none().then(stderr_layer);
    let (filter, handle) = reload::Layer::new(filter.targets.clone());
    let subscriber = tracing_subscriber::registry().with(filter).with(journal).with(plain);
    tracing::subscriber::set_global_default(subscriber).ok().ok_or(LogError::AlreadySet)?;
    Ok(LogHandle(handle))
}

/// Text from the network for the log: control, direction and invisible characters escaped, cut.
#[must_use]
pub fn escaped(text: &str) -> Escaped<'_> {
    Escaped(text)
}

/// Made by [`escaped`].
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars().take(LONGEST_TEXT) {
            match c {
                '\'' | '"' => f.write_char(c)?,
                _ if is_direction_mark(c) => write!(f, "{}", c.escape_unicode())?,
                _ => write!(f, "{}", c.escape_debug())?,
            }
        }
        if self.0.chars().nth(LONGEST_TEXT).is_some() { f.write_str("...") } else { Ok(()) }
    }
}

fn stderr_layer<S>() -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    let wants_no_colour = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let layer = format::layer()
        .compact()
        .with_writer(io::stderr)
        .with_ansi(io::stderr().is_terminal() && !wants_no_colour);
    if stderr_is_journal() { layer.without_time().boxed() } else { layer.boxed() }
}

/// systemd names the device and inode of the stream that it connected; a redirection differs.
fn stderr_is_journal() -> bool {
    let Some(stream) = std::env::var("JOURNAL_STREAM").ok() else { return false };
    let stderr = io::stderr().as_fd().try_clone_to_owned().map(std::fs::File::from);
    stderr.and_then(|file| file.metadata()).is_ok_and(|m| is_stream(&stream, m.dev(), m.ino()))
}

fn is_stream(named: &str, device: u64, inode: u64) -> bool {
    named.split_once(':').is_some_and(|(named_device, named_inode)| {
        named_device.parse() == Ok(device) && named_inode.parse() == Ok(inode)
    })
}

fn level(word: &str) -> Result<LevelFilter, FilterError> {
    let known = ["off", "error", "warn", "info", "debug", "trace"];
    let lower = word.trim().to_ascii_lowercase();
    let parsed = known.contains(&lower.as_str()).then(|| lower.parse().ok()).flatten();
    parsed.ok_or_else(|| FilterError::Level(format!("{:?}", word.trim())))
}

fn checked(module: &str) -> Result<&str, FilterError> {
    let module = module.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | ':' | '-');
    if module.is_empty() || !module.chars().all(plain) {
        return Err(FilterError::Module(format!("{module:?}")));
    }
    Ok(module)
}

fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{061c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// Fields appear in the journal as `MESHCHAT_PEER` and so on.
const FIELD_PREFIX: &str = "MESHCHAT";
const LONGEST_FILTER: usize = 1024;
/// Enough to recognise what came; the log is no archive of texts.
const LONGEST_TEXT: usize = 256;

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn levels_and_modules() {
        let filter: LogFilter = "warn, meshchatd::link=debug,quinn=off".parse().unwrap();
        assert!(filter.targets.would_enable("meshchatd::link::pump", &Level::DEBUG));
        assert!(!filter.targets.would_enable("meshchatd::hub", &Level::INFO));
        assert!(!filter.targets.would_enable("quinn", &Level::ERROR));
    }

    #[test]
    fn a_mistyped_filter_is_refused() {
        for bad in ["", "infoo", "info,", "a b=info", "x=loud", "=info", "\u{1b}=info", "3"] {
            assert!(bad.parse::<LogFilter>().is_err(), "{bad:?} was accepted");
        }
        assert_eq!("x,".repeat(600).parse::<LogFilter>(), Err(FilterError::TooLong));
    }

    #[test]
    fn the_filter_changes_while_running() {
        let (layer, handle) = reload::Layer::new(LogFilter::default().targets);
        let subscriber = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(subscriber, || {
            assert!(!tracing::enabled!(Level::DEBUG));
            LogHandle(handle).set(&"debug".parse().unwrap());
            assert!(tracing::enabled!(Level::DEBUG));
        });
    }

    #[test]
    fn text_from_the_network_is_harmless_and_short() {
        assert_eq!(escaped("it's \"\u{fc}\"").to_string(), "it's \"\u{fc}\"");
        assert_eq!(escaped("\u{1b}[31m\r\n").to_string(), "\\u{1b}[31m\\r\\n");
        assert_eq!(escaped("a\u{202e}b").to_string(), "a\\u{202e}b");
        assert_eq!(escaped(&"x".repeat(1000)).to_string().len(), LONGEST_TEXT + 3);
    }

    #[test]
    fn the_journal_is_recognised_by_device_and_inode() {
        assert!(is_stream("8:1234", 8, 1234));
        assert!(!is_stream("8:1234", 8, 1235));
        assert!(!is_stream("8", 8, 1234));
    }
}
