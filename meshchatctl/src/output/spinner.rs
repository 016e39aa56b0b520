//! Says on the terminal that something takes long, and takes it back when it is done.

use std::cell::RefCell;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time;
use unicode_width::UnicodeWidthStr as _;

use super::escape::escape;

/// What is being waited for; may change meanwhile.
#[derive(Debug, Default)]
pub(crate) struct Words(RefCell<String>);

impl Words {
    pub(crate) fn new(words: impl Into<String>) -> Self {
        Self(RefCell::new(words.into()))
    }

    pub(crate) fn change(&self, words: impl Into<String>) {
        self.0.replace(words.into());
    }
}

/// Allows it; before that, nothing is ever shown.
pub(crate) fn allow() {
    ALLOWED.store(io::stderr().is_terminal(), Ordering::Relaxed);
}

/// Whether a person may be told of something that takes long.
pub(crate) fn is_allowed() -> bool {
    ALLOWED.load(Ordering::Relaxed)
}

/// Waits for `work`. When a person has reason to wonder, tells them what is waited for.
pub(crate) async fn patiently<T>(words: &Words, work: impl Future<Output = T>) -> T {
    if !is_allowed() || BUSY.swap(true, Ordering::Relaxed) {
        return work.await;
    }
    // Also when this is given up.
    let _quiet = Quiet;
    let mut work = std::pin::pin!(work);
    let mut pause = SOON;
    for sign in SIGNS.iter().cycle() {
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = time::sleep(pause) => draw(*sign, &words.0.borrow()),
        }
        pause = PACE;
    }
    work.await
}

/// Takes back what stands there, so that something else can be written.
pub(crate) fn clear() {
    let wide = SHOWN.swap(0, Ordering::Relaxed);
    if wide > 0 {
        tell(&format!("\r{:wide$}\r", ""));
    }
}

fn draw(sign: char, words: &str) {
    let columns = terminal_size::terminal_size_of(io::stderr())
        .map_or(80, |(terminal_size::Width(columns), _)| usize::from(columns));
    // Without the last column: a line that fills it would make another.
    let most = columns.saturating_sub(1);
    let words = escape(words);
    let mut line = format!("{sign} {words} …");
    while line.width() > most && line.pop().is_some() {}
    clear();
    tell(&line);
    SHOWN.store(line.width(), Ordering::Relaxed);
}

fn tell(text: &str) {
    // There is nowhere to tell that standard error is closed.
    let _ = io::stderr().write_all(text.as_bytes());
}

struct Quiet;

impl Drop for Quiet {
    fn drop(&mut self) {
        clear();
        BUSY.store(false, Ordering::Relaxed);
    }
}

/// There is one terminal, so there is one of each of these.
static ALLOWED: AtomicBool = AtomicBool::new(false);
/// Somebody shows it; what waits inside that says nothing more.
static BUSY: AtomicBool = AtomicBool::new(false);
/// Columns that are taken now.
static SHOWN: AtomicUsize = AtomicUsize::new(0);

/// What is done before a person wonders needs no words.
const SOON: Duration = Duration::from_millis(300);
const PACE: Duration = Duration::from_millis(150);
const SIGNS: [char; 4] = ['|', '/', '-', '\\'];
