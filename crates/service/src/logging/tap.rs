//! The layer of the log that keeps lines and gives them to those who read along. It costs nothing
//! for lines that neither the log nor anybody else wants: they stay switched off where they stand.

use std::collections::VecDeque;
use std::fmt::{self, Write as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};
use tracing_subscriber::layer::{Context, Filter};
use tracing_subscriber::registry::Registry;
use tracing_subscriber::{Layer, reload};

use super::escape::Bounded;
use super::lines::{FIELDS, Line, Lines, TEXT, streamed};
use super::{Boxed, FIELD_PREFIX, LogFilter};

/// Keeps lines. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Tap {
    lines: Arc<Mutex<Lines>>,
    filter: reload::Handle<Union, Registry>,
}

/// One who reads along; until it is dropped.
#[derive(Debug)]
pub struct Follower {
    tap: Tap,
    id: u64,
    past: VecDeque<Arc<Line>>,
    filled: Arc<Notify>,
}

/// As many read along as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too many follow the log")]
pub struct TooMany;

impl Tap {
    pub(super) fn new(log: LogFilter) -> (Boxed, Self) {
        let lines = Arc::new(Mutex::new(Lines::new(log.clone())));
        let (filtered, filter) = reload::Layer::new(Union { log, streams: Vec::new() });
        let layer = Keeper { lines: Arc::clone(&lines) }.with_filter(filtered).boxed();
        (layer, Self { lines, filter })
    }

    pub(super) fn log_filter(&self, filter: LogFilter) {
        lock(&self.lines).set_log(filter);
        self.refilter();
    }

    pub(super) fn follow(&self, filter: LogFilter, past: usize) -> Result<Follower, TooMany> {
        let filled = Arc::new(Notify::new());
        let opened = lock(&self.lines).open(filter, past, Arc::clone(&filled));
        let (id, past) = opened.ok_or(TooMany)?;
        self.refilter();
        Ok(Follower { tap: self.clone(), id, past: past.into(), filled })
    }

    pub(super) fn counts(&self) -> (usize, usize, u64) {
        lock(&self.lines).counts()
    }

    /// Lets through what anybody wants now. Not under the lock: every place in the code that logs
    /// is asked anew.
    fn refilter(&self) {
        let (log, streams) = lock(&self.lines).filters();
        // Fails only when the subscriber is gone, and then there is nothing to let through.
        let _ = self.filter.reload(Union { log, streams });
    }
}

impl Follower {
    /// The next line that is there already, and how many were left out before it.
    pub fn try_next(&mut self) -> Option<(u64, Arc<Line>)> {
        match self.past.pop_front() {
            Some(line) => Some((0, line)),
            None => lock(&self.tap.lines).take(self.id),
        }
    }

    /// The next of the lines that were there at the start.
    pub fn next_past(&mut self) -> Option<Arc<Line>> {
        self.past.pop_front()
    }

    /// The next line, and how many were left out before it. Safe to cancel.
    pub async fn next(&mut self) -> (u64, Arc<Line>) {
        loop {
            if let Some(next) = self.try_next() {
                return next;
            }
            self.filled.notified().await;
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        lock(&self.tap.lines).close(self.id);
        self.tap.refilter();
    }
}

/// What the log or any stream wants.
#[derive(Debug)]
struct Union {
    log: LogFilter,
    streams: Vec<LogFilter>,
}

impl Union {
    fn takes(&self, metadata: &Metadata<'_>) -> bool {
        self.log.takes(metadata) || self.streams.iter().any(|stream| streamed(stream, metadata))
    }
}

impl<S> Filter<S> for Union {
    fn enabled(&self, metadata: &Metadata<'_>, _context: &Context<'_, S>) -> bool {
        self.takes(metadata)
    }

    fn callsite_enabled(&self, metadata: &'static Metadata<'static>) -> Interest {
        if self.takes(metadata) { Interest::always() } else { Interest::never() }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        let all = self.streams.iter().chain([&self.log]);
        let hint = |filter: &LogFilter| Filter::<S>::max_level_hint(filter.targets());
        // A filter that gives no hint may want anything.
        all.map(|filter| hint(filter).unwrap_or(LevelFilter::TRACE)).max()
    }
}

/// See the module.
struct Keeper {
    lines: Arc<Mutex<Lines>>,
}

impl Layer<Registry> for Keeper {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, Registry>) {
        let line = line(event);
        // Nothing that could log by itself runs under the lock.
        lock(&self.lines).push(event.metadata(), line);
    }
}

fn line(event: &Event<'_>) -> Line {
    let mut words = Words::default();
    event.record(&mut words);
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let metadata = event.metadata();
    Line {
        wall_ms: u64::try_from(wall.as_millis()).unwrap_or(u64::MAX),
        level: *metadata.level(),
        module: metadata.target(),
        text: words.text,
        fields: words.fields,
    }
}

#[derive(Default)]
struct Words {
    text: String,
    fields: Vec<(String, String)>,
}

impl Words {
    fn put(&mut self, field: &Field, value: fmt::Arguments<'_>) {
        let mut text = Bounded::new(TEXT);
        // An error means that it was cut, which it says itself.
        let _ = text.write_fmt(value);
        if field.name() == "message" {
            self.text = text.finish();
        } else if self.fields.len() < FIELDS {
            let name = field.name().replace('.', "_").to_ascii_uppercase();
            self.fields.push((format!("{FIELD_PREFIX}_{name}"), text.finish()));
        }
    }
}

impl Visit for Words {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format_args!("{value:?}"));
    }
}

fn lock(lines: &Mutex<Lines>) -> MutexGuard<'_, Lines> {
    // Nothing that holds the lock can panic halfway.
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
