//! Where the log goes: the journal with fields under systemd, standard error otherwise.
//!
//! The filter can change while the program runs, for a time if wanted. Control characters in
//! messages are escaped by the formatter; use [`escaped`] for anything that came from the network,
//! which also bounds it. The newest lines are kept and can be followed, at another level than the
//! log's: see [`LogHandle::follow`].

mod escape;
mod filter;
mod level;
mod lines;
mod tap;

use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::{LookupSpan, Registry};
use tracing_subscriber::reload;
use tracing_subscriber::{Layer, fmt as format};

pub use escape::{Escaped, escaped};
pub use filter::{FilterError, LogFilter};
pub use level::Levels;
pub use lines::{LINES, Line, STREAMS};
pub use tap::{Follower, TooMany};

use tap::Tap;

/// The running log: changes what is logged, and lets others read along.
#[derive(Debug)]
pub struct LogHandle {
    levels: Levels,
    out: reload::Handle<Targets, Registry>,
    tap: Option<Tap>,
}

/// Whether lines are kept for those who want to read along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// The newest.
    Lines,
    /// Nothing: nobody can ask for them.
    Nothing,
}

/// Why the log could not be started.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It was started before.
    #[error("the log is already set up")]
    AlreadySet,
}

impl LogHandle {
    /// What is logged, and for how long.
    pub const fn levels(&self) -> &Levels {
        &self.levels
    }

    /// Merges a change into what is logged, until `now` and `lasts`; without it, as long as what
    /// was set before, or until the next start. `who` is named in the log.
    ///
    /// # Errors
    ///
    /// When the filter would grow too long.
    pub fn change(
        &mut self,
        change: &LogFilter,
        (now, lasts): (Instant, Option<Duration>),
        who: &str,
    ) -> Result<(), FilterError> {
        let until = lasts.map(|lasts| now + lasts);
        let next = self.levels.changed(change, until)?;
        let time = match (lasts, next.until()) {
            (Some(lasts), _) => format!("for {} s", lasts.as_secs_f32()),
            (None, Some(until)) => format!("for {:.0} s more", (until - now).as_secs_f32()),
            (None, None) => "until the next start".to_owned(),
        };
        self.apply(next, &format!("{time}, by {}", escaped(who)));
        Ok(())
    }

    /// Logs what the configuration says again.
    pub fn reset(&mut self, who: &str) {
        self.apply(self.levels.back(), &format!("as configured, by {}", escaped(who)));
    }

    /// The configuration was read again, and says this.
    pub fn configure(&mut self, configured: &LogFilter) {
        let next = Levels::new(configured.clone());
        if next != self.levels {
            self.apply(next, "as configured");
        }
    }

    /// Goes back to what is configured if that is due.
    pub fn expire(&mut self, now: Instant) {
        if self.levels.until().is_some_and(|until| until <= now) {
            self.apply(self.levels.back(), "as configured: the time is over");
        }
    }

    /// Lets somebody read along with `filter`: at most `past` lines that were logged, and then
    /// what comes.
    ///
    /// # Errors
    ///
    /// [`TooMany`] when [`STREAMS`] others do.
    pub fn follow(&self, filter: LogFilter, past: usize) -> Result<Follower, TooMany> {
        self.tap.as_ref().ok_or(TooMany)?.follow(filter, past)
    }

    /// Lines that are kept, streams that are followed, and lines that were left out of streams
    /// because their readers were too slow.
    pub fn counts(&self) -> (usize, usize, u64) {
        self.tap.as_ref().map_or((0, 0, 0), Tap::counts)
    }

    fn apply(&mut self, next: Levels, why: &str) {
        let words =
            format!("what is logged: {} -> {}, {why}", self.levels.in_force(), next.in_force());
        // By whichever of both filters shows it.
        let shown = tracing::enabled!(tracing::Level::INFO);
        if shown {
            tracing::info!("{words}");
        }
        // Fails only when the subscriber is gone, and then there is no log to change.
        let _ = self.out.reload(next.in_force().targets().clone());
        if let Some(tap) = &self.tap {
            tap.log_filter(next.in_force().clone());
        }
        self.levels = next;
        if !shown {
            tracing::info!("{words}");
        }
    }
}

/// Starts the log of this process.
///
/// # Errors
/// When it was started before.
pub fn init(filter: &LogFilter, keep: Keep) -> Result<LogHandle, LogError> {
    let (layers, handle) = layers(out_layer(), filter, keep);
    let subscriber = tracing_subscriber::registry().with(layers);
    tracing::subscriber::set_global_default(subscriber).ok().ok_or(LogError::AlreadySet)?;
    Ok(handle)
}

type Boxed = Box<dyn Layer<Registry> + Send + Sync>;

/// Each with a filter of its own, so that a stream shows what the log does not.
fn layers(out: Boxed, filter: &LogFilter, keep: Keep) -> (Vec<Boxed>, LogHandle) {
    let (filtered, handle) = reload::Layer::new(filter.targets().clone());
    let mut layers = vec![out.with_filter(filtered).boxed()];
    let mut tap = None;
    if keep == Keep::Lines {
        let (layer, kept) = Tap::new(filter.clone());
        layers.push(layer);
        tap = Some(kept);
    }
    (layers, LogHandle { levels: Levels::new(filter.clone()), out: handle, tap })
}

fn out_layer() -> Boxed {
    let journal = if stderr_is_journal() { tracing_journald::layer().ok() } else { None };
    match journal {
        Some(layer) => layer.with_field_prefix(Some(FIELD_PREFIX.into())).boxed(),
        None => stderr_layer(),
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

/// Fields appear in the journal as `MESHCHAT_PEER` and so on.
const FIELD_PREFIX: &str = "MESHCHAT";

#[cfg(test)]
mod tests;
