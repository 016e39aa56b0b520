//! The line of input: several lines, a history for each conversation, completion, and a question
//! before many pasted lines.

mod complete;
mod history;
mod keys;
mod line;
mod paste;
mod view;

use std::collections::BTreeMap;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use self::complete::{Completion, common_start, complete};
use self::history::History;
use self::keys::{Action, Motion, action};
use self::line::{Line, TooLong};
use self::paste::{FULL, Paste, is_long, too_long};
use super::seam::{Lexicon, Typed};

pub(in crate::chat) use self::history::LINES;
pub(in crate::chat) use self::paste::clean;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Editor {
    /// Lines said in an earlier run, until their conversation is entered.
    earlier: BTreeMap<String, Vec<String>>,
    conversation: String,
    here: Place,
    /// What waits in the other conversations.
    elsewhere: BTreeMap<String, Place>,
    cycle: Option<Cycle>,
    /// Said above the line until the next key.
    notice: Option<String>,
}

/// What is being written in one conversation.
#[derive(Debug, Default)]
struct Place {
    line: Line,
    history: History,
    /// Pasted, but not yet confirmed.
    paste: Option<Paste>,
}

/// The words among which Tab goes round.
#[derive(Debug)]
struct Cycle {
    words: Vec<String>,
    suffix: &'static str,
    /// The chosen one.
    at: Option<usize>,
    /// Bytes before the cursor that the next choice replaces.
    bytes: usize,
}

impl Editor {
    /// With the lines typed in earlier runs, the oldest first, per conversation.
    pub(crate) fn new(typed: BTreeMap<String, Vec<String>>) -> Self {
        let mut editor = Self { earlier: typed, ..Self::default() };
        editor.here.history = editor.remembered("");
        editor
    }

    /// Goes to another conversation: its draft and its history come up.
    pub(crate) fn enter(&mut self, conversation: &str) {
        if conversation == self.conversation {
            return;
        }
        self.cycle = None;
        self.notice = None;
        let there = self.elsewhere.remove(conversation);
        let there = there.unwrap_or_else(|| Place {
            history: self.remembered(conversation),
            ..Place::default()
        });
        let left = std::mem::replace(&mut self.here, there);
        let name = std::mem::replace(&mut self.conversation, conversation.to_owned());
        self.elsewhere.insert(name, left);
        self.forget_some();
    }

    fn remembered(&mut self, conversation: &str) -> History {
        History::new(self.earlier.remove(conversation).unwrap_or_default())
    }

    /// Places where nothing is being written go first.
    fn forget_some(&mut self) {
        while self.elsewhere.len() > PLACES {
            let idle = |place: &Place| place.line.is_empty() && place.paste.is_none();
            let idle = self.elsewhere.iter().find(|(_, place)| idle(place));
            let name = idle.or_else(|| self.elsewhere.iter().next()).map(|(name, _)| name.clone());
            self.elsewhere.remove(&name.unwrap_or_default());
        }
    }

    /// What is being written.
    #[cfg(test)]
    pub(crate) fn text(&self) -> String {
        self.here.line.text()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.here.line.is_empty() && self.here.paste.is_none()
    }

    pub(crate) fn key(&mut self, key: KeyEvent, lexicon: &dyn Lexicon) -> Typed {
        if self.here.paste.is_some() {
            return self.answer(key);
        }
        let told = self.notice.take().is_some();
        let action = action(key);
        if let Action::Complete | Action::CompleteBack = action {
            self.complete(action == Action::Complete, lexicon);
            return Typed::Edited;
        }
        let offered = self.cycle.take().is_some();
        match action {
            Action::Cancel if told || offered => Typed::Edited,
            Action::Pass | Action::Cancel => Typed::Pass(key),
            Action::Move(Motion::Home | Motion::End) | Action::Delete(Motion::Forward)
                if self.is_empty() =>
            {
                Typed::Pass(key)
            }
            Action::Submit => self.submit(),
            Action::NewLine
            | Action::Insert(_)
            | Action::Move(_)
            | Action::Delete(_)
            | Action::Undo
            | Action::Yank
            | Action::Complete
            | Action::CompleteBack => {
                self.edit(action);
                Typed::Edited
            }
        }
    }

    fn edit(&mut self, action: Action) {
        let line = &mut self.here.line;
        let fitting = match action {
            Action::Insert(letter) => line.insert(&clean(letter.encode_utf8(&mut [0; 4]))),
            Action::NewLine => line.insert("\n"),
            Action::Yank => line.yank(),
            Action::Undo => {
                line.undo();
                Ok(())
            }
            Action::Delete(motion) => {
                line.delete(motion);
                Ok(())
            }
            Action::Move(motion @ (Motion::Up | Motion::Down)) => {
                self.up_or_down(motion);
                Ok(())
            }
            Action::Move(motion) => {
                line.go(motion);
                Ok(())
            }
            Action::Submit
            | Action::Complete
            | Action::CompleteBack
            | Action::Cancel
            | Action::Pass => Ok(()),
        };
        self.tell(fitting);
    }

    fn tell(&mut self, fitting: Result<(), TooLong>) {
        if fitting.is_err() {
            self.notice = Some(FULL.into());
        }
    }

    /// Within the text first, then through what was said before.
    fn up_or_down(&mut self, motion: Motion) {
        let Place { line, history, .. } = &mut self.here;
        if line.go(motion) {
            return;
        }
        let found = match motion == Motion::Up {
            true => history.older(line.text()),
            false => history.newer(line.text()),
        };
        if let Some(text) = found {
            *line = Line::new(&text);
        }
    }

    fn submit(&mut self) -> Typed {
        let text = self.here.line.text();
        let text = text.trim_end();
        if text.trim_start().is_empty() {
            return Typed::Edited;
        }
        self.here.history.push(text);
        let text = text.to_owned();
        self.here.line = Line::default();
        Typed::Submit(text)
    }

    /// Takes in text that came as one piece; asks before it takes many lines.
    pub(crate) fn paste(&mut self, text: &str) -> Typed {
        self.cycle = None;
        self.notice = None;
        let text = clean(text);
        let before = self.here.paste.take().map(|paste| paste.text + "\n");
        let text = before.clone().unwrap_or_default() + text.trim_end_matches('\n');
        let room = self.here.line.room();
        if text.len() > room {
            self.notice = Some(too_long(self.here.line.bytes() + text.len()));
            self.here.paste = before.map(|text| Paste { text: text.trim_end().to_owned() });
        } else if is_long(&text) {
            self.here.paste = Some(Paste { text });
        } else {
            let fitting = self.here.line.insert(&text);
            self.tell(fitting);
        }
        Typed::Edited
    }

    /// Writes something into the line, as if it had been typed.
    pub(crate) fn insert(&mut self, text: &str) {
        self.cycle = None;
        let fitting = self.here.line.insert(&clean(text));
        self.tell(fitting);
    }

    /// To the question whether all of that is meant.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other keys mean nothing here")]
    fn answer(&mut self, key: KeyEvent) -> Typed {
        let ctrl_c = key.code == KeyCode::Char('c') && key.modifiers == KeyModifiers::CONTROL;
        match key.code {
            KeyCode::PageUp | KeyCode::PageDown => return Typed::Pass(key),
            KeyCode::Esc => self.here.paste = None,
            _ if ctrl_c => self.here.paste = None,
            KeyCode::Enter | KeyCode::Char('e' | 'E') if key.modifiers.is_empty() => {
                let text = self.here.paste.take().unwrap_or_default().text;
                let fitting = self.here.line.insert(&text);
                self.tell(fitting);
                if key.code == KeyCode::Enter {
                    return self.submit();
                }
            }
            _ => {}
        }
        self.notice = None;
        Typed::Edited
    }

    /// The first Tab completes as far as there is no choice, further ones choose.
    fn complete(&mut self, forward: bool, lexicon: &dyn Lexicon) {
        if let Some(cycle) = &mut self.cycle {
            cycle.step(forward);
        } else {
            let (row, before) = self.here.line.before_cursor();
            let Some(found) = complete(row, before, lexicon) else { return };
            let typed = before.get(before.len() - found.typed..).unwrap_or_default();
            let common = common_start(&found.words);
            let (typed, many) = (typed.chars().count(), found.words.len() > 1);
            let mut cycle = Cycle::new(found);
            if many && common.chars().count() > typed {
                let fitting = self.here.line.replace(cycle.bytes, &common);
                cycle.bytes = common.len();
                self.cycle = Some(cycle);
                return self.tell(fitting);
            }
            cycle.step(forward);
            self.cycle = Some(cycle);
        }
        self.choose();
    }

    fn choose(&mut self) {
        let Some(cycle) = &mut self.cycle else { return };
        let word = cycle.at.and_then(|at| cycle.words.get(at)).cloned().unwrap_or_default();
        let word = word + cycle.suffix;
        let fitting = self.here.line.replace(cycle.bytes, &word);
        cycle.bytes = word.len();
        if cycle.words.len() == 1 || fitting.is_err() {
            self.cycle = None;
        }
        self.tell(fitting);
    }
}

impl Cycle {
    fn new(found: Completion) -> Self {
        let words = found.words.iter().map(|word| clean(word)).collect();
        Self { words, suffix: found.suffix, at: None, bytes: found.typed }
    }

    fn step(&mut self, forward: bool) {
        let last = self.words.len().saturating_sub(1);
        self.at = Some(match (self.at, forward) {
            (None, true) => 0,
            (None, false) => last,
            (Some(at), true) if at < last => at + 1,
            (Some(_), true) => 0,
            (Some(0), false) => last,
            (Some(at), false) => at - 1,
        });
    }
}

/// Conversations whose drafts are kept apart.
pub(in crate::chat) const PLACES: usize = 100;

#[cfg(test)]
mod tests;
