//! The terminal: taken over, and given back on every way out.

use std::io::{self, IsTerminal as _, Stdout};

use crossterm::event::{DisableBracketedPaste, EnableBracketedPaste};
use crossterm::execute;
use crossterm::terminal::{
    EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode,
};
use ratatui::Frame;
use ratatui::backend::CrosstermBackend;

use crate::args::Chat;
use crate::chat::seam::{Effect, Notify, Taste};
use crate::failure::Failure;
use crate::output::View;

/// How the person wants it.
///
/// # Errors
///
/// When there is no terminal that can do it.
pub(crate) fn taste(view: &View, _args: &Chat) -> Result<Taste, Failure> {
    if !view.terminal || !io::stdin().is_terminal() {
        return Err(Failure::usage("the chat needs a terminal")
            .hint("in a script:   meshchatctl tail   and   meshchatctl send"));
    }
    Ok(Taste { color: view.color, mouse: false, notify: Notify::Off, unicode: true })
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Terminal {
    screen: ratatui::Terminal<CrosstermBackend<Stdout>>,
}

impl Terminal {
    pub(crate) fn open(_taste: &Taste) -> Result<Self, Failure> {
        enable_raw_mode()?;
        execute!(io::stdout(), EnterAlternateScreen, EnableBracketedPaste)?;
        Ok(Self { screen: ratatui::Terminal::new(CrosstermBackend::new(io::stdout()))? })
    }

    pub(crate) fn draw(&mut self, draw: impl FnOnce(&mut Frame<'_>)) -> io::Result<()> {
        self.screen.draw(draw).map(|_| ())
    }

    pub(crate) fn apply(&mut self, _effect: Effect) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // There is nowhere to tell that the terminal is gone.
        let _ = disable_raw_mode();
        let _ = execute!(io::stdout(), DisableBracketedPaste, LeaveAlternateScreen);
    }
}
