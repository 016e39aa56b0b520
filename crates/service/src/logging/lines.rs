//! The newest lines, and those who read along. Nothing here waits for anybody.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::Notify;
use tracing::{Level, Metadata};

use super::LogFilter;

/// One line of the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Milliseconds since 1970 by the clock of this machine, which may be wrong.
    pub wall_ms: u64,
    /// How grave it is.
    pub level: Level,
    /// The module that says it.
    pub module: &'static str,
    /// The words, without control characters; at most 1,024 bytes.
    pub text: String,
    /// Names, as in the journal, and values: at most 8, each bounded like the words.
    pub fields: Vec<(String, String)>,
}

impl Line {
    fn bytes(&self) -> usize {
        let fields = self.fields.iter().map(|(name, value)| name.len() + value.len());
        size_of::<Self>() + self.text.len() + fields.sum::<usize>()
    }
}

/// The newest lines, and all streams.
#[derive(Debug)]
pub(super) struct Lines {
    log: LogFilter,
    newest: VecDeque<Arc<Line>>,
    bytes: usize,
    streams: Vec<Stream>,
    next: u64,
    skipped: u64,
}

/// One who reads along.
#[derive(Debug)]
struct Stream {
    id: u64,
    filter: LogFilter,
    queue: VecDeque<(u64, Arc<Line>)>,
    bytes: usize,
    /// Lines left out since the last one in the queue.
    skipped: u64,
    filled: Arc<Notify>,
}

impl Lines {
    pub(super) fn new(log: LogFilter) -> Self {
        let (newest, streams) = (VecDeque::new(), Vec::new());
        Self { log, newest, bytes: 0, streams, next: 0, skipped: 0 }
    }

    pub(super) fn set_log(&mut self, filter: LogFilter) {
        self.log = filter;
    }

    /// All filters that a line may pass.
    pub(super) fn filters(&self) -> (LogFilter, Vec<LogFilter>) {
        let streams = self.streams.iter().map(|stream| stream.filter.clone());
        (self.log.clone(), streams.collect())
    }

    pub(super) fn counts(&self) -> (usize, usize, u64) {
        (self.newest.len(), self.streams.len(), self.skipped)
    }

    pub(super) fn push(&mut self, metadata: &Metadata<'_>, line: Line) {
        let line = Arc::new(line);
        for stream in self.streams.iter_mut().filter(|stream| streamed(&stream.filter, metadata)) {
            self.skipped += stream.push(&line);
        }
        if self.log.takes(metadata) {
            self.bytes += line.bytes();
            self.newest.push_back(line);
            while self.newest.len() > LINES || self.bytes > LINES_BYTES {
                let Some(oldest) = self.newest.pop_front() else { break };
                self.bytes -= oldest.bytes();
            }
        }
    }

    /// Begins a stream with at most `past` of the newest lines that it wants; none when there are
    /// too many.
    pub(super) fn open(
        &mut self,
        filter: LogFilter,
        past: usize,
        filled: Arc<Notify>,
    ) -> Option<(u64, Vec<Arc<Line>>)> {
        if self.streams.len() >= STREAMS {
            return None;
        }
        let wanted = |line: &&Arc<Line>| filter.targets().would_enable(line.module, &line.level);
        let past: Vec<_> = self.newest.iter().rev().filter(wanted).take(past).cloned().collect();
        self.next += 1;
        let (id, queue) = (self.next, VecDeque::new());
        self.streams.push(Stream { id, filter, queue, bytes: 0, skipped: 0, filled });
        Some((id, past.into_iter().rev().collect()))
    }

    pub(super) fn close(&mut self, id: u64) {
        self.streams.retain(|stream| stream.id != id);
    }

    /// The next line of a stream, and how many were left out before it.
    pub(super) fn take(&mut self, id: u64) -> Option<(u64, Arc<Line>)> {
        let stream = self.streams.iter_mut().find(|stream| stream.id == id)?;
        let (skipped, line) = stream.queue.pop_front()?;
        stream.bytes -= line.bytes();
        Some((skipped, line))
    }
}

impl Stream {
    /// Returns how many lines were left out.
    fn push(&mut self, line: &Arc<Line>) -> u64 {
        if self.queue.len() >= QUEUE || self.bytes + line.bytes() > QUEUE_BYTES {
            self.skipped += 1;
            return 1;
        }
        self.bytes += line.bytes();
        self.queue.push_back((std::mem::take(&mut self.skipped), Arc::clone(line)));
        self.filled.notify_one();
        0
    }
}

/// Whether a stream gets a line. What tells of the way of lines to those who read along would go
/// on for ever: each line would make another.
pub(super) fn streamed(filter: &LogFilter, metadata: &Metadata<'_>) -> bool {
    let fine = *metadata.level() > Level::INFO;
    let carries = |module: &&str| metadata.target().starts_with(*module);
    filter.takes(metadata) && !(fine && CARRIERS.iter().any(carries))
}

/// Modules that bring lines to clients.
const CARRIERS: [&str; 5] =
    ["meshchatd::control", "meshchatd::hub::log", "tokio", "mio", "meshchat_service::logging"];
/// Lines that are kept; the oldest makes room.
pub const LINES: usize = 512;
const LINES_BYTES: usize = 256 * 1024;
/// Most who read along at once.
pub const STREAMS: usize = 8;
/// Lines that wait for one who reads along; when it is full, further ones are left out.
const QUEUE: usize = 256;
const QUEUE_BYTES: usize = 128 * 1024;
/// Longest words of a line, and longest value of a field, in bytes.
pub(super) const TEXT: usize = 1024;
/// Most fields of a line.
pub(super) const FIELDS: usize = 8;
