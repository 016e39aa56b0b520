//! The modes that the chat puts a terminal into, and the way back out of them.
//!
//! What has been switched on is noted outside of all objects, so that a panic anywhere can switch
//! it off, before its message is printed.

use std::env;
use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::panic;
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

use crossterm::terminal::{disable_raw_mode, enable_raw_mode};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, getpgrp, getsid};

/// What is wanted of the terminal.
#[derive(Debug, Clone, Copy)]
pub(super) struct Modes {
    mouse: bool,
    /// The terminal tells Shift-Enter from Enter when asked to.
    keyboard: bool,
}

impl Modes {
    pub(super) fn new(mouse: bool) -> Self {
        let term = env::var("TERM").unwrap_or_default();
        Self { mouse, keyboard: knows_keys(&term) }
    }

    /// Takes the terminal over.
    pub(super) fn take(&self) -> io::Result<()> {
        let mut taken = noted();
        enable_raw_mode()?;
        *taken = Some(());
        drop(taken);
        let keyboard = if self.keyboard { KEYS_ON } else { "" };
        let mouse = if self.mouse { MOUSE_ON } else { "" };
        write(&format!("{SCREEN_ON}{PASTE_ON}{keyboard}{mouse}"))
    }

    /// What switches the mouse on or off.
    pub(super) fn mouse(&mut self, wanted: bool) -> &'static str {
        self.mouse = wanted;
        if wanted { MOUSE_ON } else { MOUSE_OFF }
    }
}

/// Gives the terminal back as it was, if it was taken.
pub(super) fn give_back() {
    if noted().take().is_none() {
        return;
    }
    // Nothing of it harms where the mode was never on. There is nowhere to tell that the
    // terminal is gone.
    let keyboard = knows_keys(&env::var("TERM").unwrap_or_default());
    let keyboard = if keyboard { KEYS_OFF } else { "" };
    let _ = write(&format!("{MOUSE_OFF}{keyboard}{PASTE_OFF}{CURSOR_ON}{PLAIN}{SCREEN_OFF}"));
    let _ = disable_raw_mode();
}

pub(super) fn taken() -> bool {
    noted().is_some()
}

/// Makes a panic give the terminal back first, so that its message can be read.
pub(super) fn give_back_on_panic() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let report = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            give_back();
            report(info);
        }));
    });
}

/// Whether a shell would notice that we are stopped, and could let us go on: who leads the
/// session has none above.
pub(super) fn can_stop() -> bool {
    getsid(None).is_ok_and(|session| session != getpgrp())
}

/// Stops the whole job, as the terminal does on Ctrl-Z, until it is told to go on.
pub(super) fn stop() -> io::Result<()> {
    Ok(kill(Pid::from_raw(0), Signal::SIGSTOP)?)
}

fn noted() -> MutexGuard<'static, Option<()>> {
    static TAKEN: Mutex<Option<()>> = Mutex::new(None);
    TAKEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes past the buffer of standard output, whose owner may be in the middle of a panic.
fn write(text: &str) -> io::Result<()> {
    let mut terminal = File::from(io::stdout().as_fd().try_clone_to_owned()?);
    terminal.write_all(text.as_bytes())
}

/// By name alone: to ask and wait for an answer takes seconds on a bad line.
fn knows_keys(term: &str) -> bool {
    let known = ["xterm-kitty", "xterm-ghostty", "foot", "alacritty", "wezterm", "rio"];
    known.iter().any(|name| {
        term.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    })
}

const SCREEN_ON: &str = "\x1b[?1049h";
const SCREEN_OFF: &str = "\x1b[?1049l";
const PASTE_ON: &str = "\x1b[?2004h";
const PASTE_OFF: &str = "\x1b[?2004l";
const CURSOR_ON: &str = "\x1b[?25h";
const PLAIN: &str = "\x1b[0m";
/// Presses and the wheel, in numbers of any size, but not each movement.
const MOUSE_ON: &str = "\x1b[?1000h\x1b[?1006h";
const MOUSE_OFF: &str = "\x1b[?1006l\x1b[?1000l";
/// Keys that would look alike are told apart.
const KEYS_ON: &str = "\x1b[>1u";
const KEYS_OFF: &str = "\x1b[<1u";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_where_the_terminal_knows_them() {
        for (term, knows) in [
            ("xterm-kitty", true),
            ("foot", true),
            ("foot-extra", true),
            ("xterm-256color", false),
            ("tmux-256color", false),
            ("linux", false),
            ("footer", false),
            ("", false),
        ] {
            assert_eq!(knows_keys(term), knows, "{term}");
        }
    }

    #[test]
    fn a_panic_gives_back_what_was_taken() {
        assert!(!taken());
        give_back();
        give_back_on_panic();
        *noted() = Some(());
        // The hook runs before the panic is caught.
        panic::catch_unwind(|| panic!("for the test")).unwrap_err();
        assert!(!taken());
    }
}
