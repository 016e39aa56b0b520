//! The terminal: taken over, and given back on every way out.

mod attention;
mod modes;

use std::io::{self, BufWriter, Stdout, Write as _};

use crossterm::style::force_color_output;
use futures_util::FutureExt as _;
use ratatui::backend::CrosstermBackend;
use ratatui::layout::Rect;
use ratatui::{Frame, TerminalOptions, Viewport};
use tokio::signal::unix::{Signal, SignalKind, signal};

use self::attention::Voice;
use self::modes::Modes;
use crate::chat::seam::{Effect, Taste};
use crate::failure::Failure;

pub(crate) use super::taste::taste;

/// See the module.
#[derive(Debug)]
pub(crate) struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    modes: Modes,
    voice: Voice,
    signals: Signals,
    /// The terminal had said how large it is when the screen was made.
    sized: bool,
}

#[derive(Debug)]
struct Signals {
    /// Ctrl-C from another terminal: `kill -INT`.
    interrupt: Signal,
    stop: Signal,
    /// Goes on after it was stopped.
    go_on: Signal,
}

impl Terminal {
    /// Takes the terminal over. From here on a panic gives it back before it is reported.
    pub(crate) fn open(taste: &Taste) -> Result<Self, Failure> {
        force_color_output(taste.color);
        let listen = |number| signal(SignalKind::from_raw(number));
        let signals = Signals {
            interrupt: signal(SignalKind::interrupt())?,
            stop: listen(nix::libc::SIGTSTP)?,
            go_on: listen(nix::libc::SIGCONT)?,
        };
        modes::give_back_on_panic();
        let modes = Modes::new(taste.mouse);
        let screen = modes.take().and_then(|()| screen()).inspect_err(|_| modes::give_back())?;
        let sized = told_size().is_some();
        Ok(Self { screen, modes, voice: Voice::of_terminal(), signals, sized })
    }

    /// Draws, after it has seen to what happened to the program meanwhile.
    ///
    /// # Errors
    ///
    /// When the terminal is gone or was given back, or the program was interrupted.
    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        let came = |signal: &mut Signal| signal.recv().now_or_never().flatten().is_some();
        if came(&mut self.signals.interrupt) {
            return Err(io::Error::new(io::ErrorKind::Interrupted, "interrupted"));
        }
        if came(&mut self.signals.stop) {
            self.suspend()?;
        }
        if came(&mut self.signals.go_on) {
            self.take_again()?;
        }
        if !modes::taken() {
            return Err(io::Error::other("a part of the chat failed; see above"));
        }
        if self.sized != told_size().is_some() {
            self.repaint()?;
        }
        self.screen.draw(draw).map(|_| ())
    }

    /// Carries out what the model wants of the terminal; all else is not for here.
    pub(crate) fn apply(&mut self, effect: Effect) -> io::Result<()> {
        match effect {
            Effect::Notify { title, text } => self.write(&self.voice.notice(&title, &text)),
            Effect::Copy(text) => self.write(&self.voice.copy(&text)),
            Effect::Mouse(wanted) => {
                let sequence = self.modes.mouse(wanted);
                self.write(sequence)
            }
            Effect::Repaint => self.repaint(),
            Effect::Suspend => self.suspend(),
            Effect::Ask(..) | Effect::Past(..) | Effect::Keep(_) | Effect::Quit => Ok(()),
        }
    }

    fn write(&self, text: &str) -> io::Result<()> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(text.as_bytes())?;
        stdout.flush()
    }

    /// Gives the terminal to the shell that started us, if there is one, until it is told to go
    /// on.
    fn suspend(&mut self) -> io::Result<()> {
        if !modes::can_stop() {
            return Ok(());
        }
        modes::give_back();
        modes::stop()?;
        self.take_again()
    }

    fn take_again(&mut self) -> io::Result<()> {
        // Whoever had the terminal meanwhile may have left it in any state.
        modes::give_back();
        self.modes.take()?;
        self.repaint()
    }

    /// Forgets what stands on the screen, so that all of it is drawn anew. The screen's own way
    /// asks the terminal where its cursor is, and a bad line answers too late.
    fn repaint(&mut self) -> io::Result<()> {
        self.write(WIPE)?;
        (self.screen, self.sized) = (screen()?, told_size().is_some());
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        modes::give_back();
    }
}

fn screen() -> io::Result<ratatui::Terminal<CrosstermBackend<BufWriter<Stdout>>>> {
    let backend = CrosstermBackend::new(BufWriter::with_capacity(BUFFER, io::stdout()));
    let viewport = match told_size() {
        Some(_) => Viewport::Fullscreen,
        None => Viewport::Fixed(Rect::new(0, 0, USUAL.0, USUAL.1)),
    };
    ratatui::Terminal::with_options(backend, TerminalOptions { viewport })
}

/// Columns and lines of the terminal.
pub(crate) fn size() -> (u16, u16) {
    told_size().unwrap_or(USUAL)
}

/// A serial line does not know how large its terminal is.
fn told_size() -> Option<(u16, u16)> {
    let told = crossterm::terminal::size().ok();
    told.filter(|(columns, lines)| *columns > 0 && *lines > 0)
}

/// A screen is written as one piece, so that a slow line does not show halves of it.
const BUFFER: usize = 64 * 1024;
const WIPE: &str = "\x1b[0m\x1b[2J";
/// Columns and lines of a terminal that does not say.
const USUAL: (u16, u16) = (80, 24);
