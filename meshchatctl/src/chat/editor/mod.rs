//! The line of input: several lines, a history for each conversation, completion, and a question
//! before many pasted lines.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui_textarea::TextArea;

use super::seam::{Lexicon, Typed};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    area: TextArea<'static>,
}

impl Editor {
    /// Goes to another conversation: its draft and its history come up.
    pub(crate) fn enter(&mut self, _conversation: &str) {}

    pub(crate) fn key(&mut self, key: KeyEvent, _lexicon: &dyn Lexicon) -> Typed {
        match (key.code, key.modifiers) {
            (KeyCode::Enter, KeyModifiers::NONE) => {
                let text = self.area.lines().join("\n");
                self.area = TextArea::default();
                Typed::Submit(text)
            }
            (KeyCode::Char('c'), KeyModifiers::CONTROL) => Typed::Pass(key),
            _ => {
                self.area.input(key);
                Typed::Edited
            }
        }
    }

    pub(crate) fn paste(&mut self, text: &str) -> Typed {
        self.area.insert_str(text);
        Typed::Edited
    }

    /// Lines that it wants of a screen this wide.
    pub(crate) fn height(&self, _width: u16) -> u16 {
        u16::try_from(self.area.lines().len()).unwrap_or(1).clamp(1, 5)
    }

    pub(crate) fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        frame.render_widget(&self.area, area);
    }
}
