//! The line of input: several lines, a history for each conversation, completion, and a question
//! before many pasted lines.

use std::collections::BTreeMap;

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
    /// With the lines that were typed before, the oldest first, per conversation.
    pub(crate) fn new(_typed: BTreeMap<String, Vec<String>>) -> Self {
        Self::default()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.area.lines().iter().all(String::is_empty)
    }

    /// Puts text where the cursor is.
    pub(crate) fn insert(&mut self, text: &str) {
        self.area.insert_str(text);
    }

    /// Goes to another conversation: its draft and its history come up.
    pub(crate) fn enter(&mut self, _conversation: &str) {}

    pub(crate) fn key(&mut self, key: KeyEvent, _lexicon: &dyn Lexicon) -> Typed {
        match (key.code, key.modifiers) {
            (KeyCode::Enter, KeyModifiers::NONE) => {
                let text = self.area.lines().join("\n");
                self.area = TextArea::default();
                Typed::Submit(text)
            }
            (KeyCode::Char(_), modifiers)
                if modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) =>
            {
                Typed::Pass(key)
            }
            (KeyCode::PageUp | KeyCode::PageDown | KeyCode::Esc | KeyCode::F(_), _)
            | (KeyCode::Up | KeyCode::Down, KeyModifiers::ALT) => Typed::Pass(key),
            (KeyCode::Home | KeyCode::End, _) if self.is_empty() => Typed::Pass(key),
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
