//! The text being written: at most one message, whose letters are never cut in half.

use meshchat_client::proto::limits::TEXT_BYTES;
use ratatui::Frame;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::widgets::Widget as _;
use ratatui_textarea::{CursorMove, DataCursor, TextArea, WrapMode};
use unicode_segmentation::{GraphemeCursor, UnicodeSegmentation as _};
use unicode_width::UnicodeWidthStr as _;

use super::keys::Motion;

/// See the module.
#[derive(Debug)]
pub(super) struct Line {
    area: TextArea<'static>,
    bytes: usize,
}

/// It does not fit into one message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Default for Line {
    fn default() -> Self {
        Self::new("")
    }
}

impl Line {
    pub(super) fn new(text: &str) -> Self {
        let lines = text.split('\n').map(str::to_owned).collect();
        let mut area = area(lines);
        area.move_cursor(CursorMove::Bottom);
        area.move_cursor(CursorMove::End);
        Self { area, bytes: text.len() }
    }

    pub(super) fn text(&self) -> String {
        self.area.lines().join("\n")
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that still fit.
    pub(super) const fn room(&self) -> usize {
        TEXT_BYTES.saturating_sub(self.bytes)
    }

    /// Which line the cursor is in, and what stands before it there.
    pub(super) fn before_cursor(&self) -> (usize, &str) {
        let (row, at, line) = self.place();
        (row, line.get(..at).unwrap_or_default())
    }

    /// Inserts what has been cleaned, all of it or nothing.
    pub(super) fn insert(&mut self, text: &str) -> Result<(), TooLong> {
        if text.len() > self.room() {
            return Err(TooLong);
        }
        self.area.insert_str(text);
        self.count();
        Ok(())
    }

    /// Puts `text` where the last `bytes` before the cursor, in its line, have been.
    pub(super) fn replace(&mut self, bytes: usize, text: &str) -> Result<(), TooLong> {
        if text.len() > self.room().saturating_add(bytes) {
            return Err(TooLong);
        }
        let (row, at, line) = self.place();
        let from = at.saturating_sub(bytes);
        let letters = line.get(from..at).unwrap_or_default().chars().count();
        let column = column(line, from);
        self.jump(row, column);
        if letters > 0 {
            self.area.delete_str(letters);
        }
        self.area.insert_str(text);
        self.count();
        Ok(())
    }

    pub(super) fn undo(&mut self) {
        self.area.undo();
        self.count();
    }

    /// Puts back what was deleted last.
    pub(super) fn yank(&mut self) -> Result<(), TooLong> {
        if self.area.yank_text().len() > self.room() {
            return Err(TooLong);
        }
        self.area.paste();
        self.count();
        Ok(())
    }

    /// Moves the cursor; false when there is nothing there.
    pub(super) fn go(&mut self, motion: Motion) -> bool {
        let before = self.area.cursor();
        match motion {
            Motion::Up => self.area.move_cursor(CursorMove::Up),
            Motion::Down => self.area.move_cursor(CursorMove::Down),
            Motion::Home => self.area.move_cursor(CursorMove::Head),
            Motion::End => self.area.move_cursor(CursorMove::End),
            Motion::WordBack => self.area.move_cursor(CursorMove::WordBack),
            Motion::WordForward => self.area.move_cursor(CursorMove::WordForward),
            Motion::Back | Motion::Forward | Motion::GapBack => {
                let (row, column) = self.target(motion);
                self.jump(row, column);
            }
        }
        if matches!(motion, Motion::Up | Motion::Down) {
            self.leave_letter();
        }
        self.area.cursor() != before
    }

    /// Deletes from the cursor to there.
    pub(super) fn delete(&mut self, motion: Motion) {
        let DataCursor(row, column) = self.area.cursor();
        let before = matches!(
            motion,
            Motion::Back | Motion::WordBack | Motion::GapBack | Motion::Home | Motion::Up
        );
        // At the edge of a line its break goes.
        let moved = self.go(motion)
            || match before {
                true => self.go(Motion::Back),
                false => self.go(Motion::Forward),
            };
        if !moved {
            return;
        }
        let DataCursor(other_row, other_column) = self.area.cursor();
        let (from, to) = match before {
            true => ((other_row, other_column), (row, column)),
            false => ((row, column), (other_row, other_column)),
        };
        self.jump(from.0, from.1);
        let single = matches!(motion, Motion::Back | Motion::Forward);
        let put_back = single.then(|| self.area.yank_text());
        self.area.delete_str(self.letters_between(from, to));
        // Words are worth putting back, single letters are not.
        if let Some(text) = put_back {
            self.area.set_yank_text(text);
        }
        self.count();
    }

    /// Characters, line breaks included.
    fn letters_between(&self, from: (usize, usize), to: (usize, usize)) -> usize {
        let lengths = self.area.lines().iter().map(|line| line.chars().count() + 1);
        let whole: usize = lengths.skip(from.0).take(to.0.saturating_sub(from.0)).sum();
        (whole + to.1).saturating_sub(from.1)
    }

    fn target(&self, motion: Motion) -> (usize, usize) {
        let (row, at, line) = self.place();
        let edge = match motion {
            Motion::Back => GraphemeCursor::new(at, line.len(), true).prev_boundary(line, 0),
            Motion::Forward => GraphemeCursor::new(at, line.len(), true).next_boundary(line, 0),
            Motion::GapBack => Ok((at > 0).then(|| gap_before(line.get(..at).unwrap_or_default()))),
            Motion::WordBack
            | Motion::WordForward
            | Motion::Home
            | Motion::End
            | Motion::Up
            | Motion::Down => Ok(Some(at)),
        };
        match edge {
            Ok(Some(at)) => (row, column(line, at)),
            // Over the end of the line.
            Ok(None) | Err(_) if motion == Motion::Forward && row + 1 < self.area.lines().len() => {
                (row + 1, 0)
            }
            Ok(None) | Err(_) if motion != Motion::Forward && row > 0 => {
                let above = self.area.lines().get(row - 1).map_or(0, |line| line.chars().count());
                (row - 1, above)
            }
            Ok(None) | Err(_) => (row, column(line, at)),
        }
    }

    /// The cursor's line, the byte in it, and its text.
    fn place(&self) -> (usize, usize, &str) {
        let DataCursor(row, column) = self.area.cursor();
        let line = self.area.lines().get(row).map_or("", String::as_str);
        let at = line.char_indices().nth(column).map_or(line.len(), |(at, _)| at);
        (row, at, line)
    }

    /// Up and down may have led into the middle of a letter of several characters.
    fn leave_letter(&mut self) {
        let (row, at, line) = self.place();
        let start = line.grapheme_indices(true).map(|(start, _)| start);
        let start = start.take_while(|start| *start <= at).last().unwrap_or(0);
        if at < line.len() && start != at {
            let column = column(line, start);
            self.jump(row, column);
        }
    }

    fn jump(&mut self, row: usize, column: usize) {
        // The text has a few thousand characters at most.
        let small = |number| u16::try_from(number).unwrap_or(u16::MAX);
        self.area.move_cursor(CursorMove::Jump(small(row), small(column)));
    }

    fn count(&mut self) {
        let breaks = self.area.lines().len().saturating_sub(1);
        self.bytes = self.area.lines().iter().map(String::len).sum::<usize>() + breaks;
    }

    /// Screen lines that all of it takes in so many columns.
    pub(super) fn height(&self, width: u16) -> usize {
        let fits = |line: &String| line.width() < usize::from(width);
        if self.area.lines().iter().all(fits) {
            return self.area.lines().len();
        }
        let mut whole = area(self.area.lines().to_vec());
        let rect = Rect::new(0, 0, text_width(width), 1);
        (&whole).render(rect, &mut Buffer::empty(rect));
        whole.move_cursor(CursorMove::Bottom);
        whole.move_cursor(CursorMove::End);
        whole.screen_cursor().row + 1
    }

    /// Draws it, and the cursor if wanted.
    pub(super) fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        if area.is_empty() {
            return;
        }
        // One column stays free for the cursor behind a full line.
        let text = Rect { width: text_width(area.width), ..area };
        frame.render_widget(&self.area, text);
        let row = self.area.screen_cursor().row;
        let top = usize::from(self.area.scroll_offset().0);
        let (_, at, line) = self.place();
        let begin = self.begin_of_screen_line(row);
        let column = line.get(begin..at).unwrap_or_default().width();
        let small = |number: usize, most: u16| {
            u16::try_from(number).unwrap_or(u16::MAX).min(most.saturating_sub(1))
        };
        frame.set_cursor_position((
            area.x + small(column, area.width),
            area.y + small(row.saturating_sub(top), area.height),
        ));
    }

    /// The byte of the cursor's line with which the screen line of the cursor begins.
    fn begin_of_screen_line(&self, row: usize) -> usize {
        let mut begin = self.area.clone();
        begin.move_cursor(CursorMove::Head);
        let rows = row.saturating_sub(begin.screen_cursor().row);
        for _ in 0..rows {
            begin.move_cursor(CursorMove::Down);
        }
        let DataCursor(_, column) = begin.cursor();
        let (_, _, line) = self.place();
        line.char_indices().nth(column).map_or(line.len(), |(at, _)| at)
    }
}

fn area(lines: Vec<String>) -> TextArea<'static> {
    let mut area = TextArea::new(lines);
    area.set_wrap_mode(WrapMode::WordOrGlyph);
    area.set_cursor_line_style(Style::new());
    // The terminal's own cursor is shown instead.
    area.set_cursor_style(Style::new());
    area.set_max_histories(UNDO);
    area
}

fn text_width(width: u16) -> u16 {
    width.saturating_sub(1).max(1)
}

fn column(line: &str, at: usize) -> usize {
    line.get(..at).unwrap_or(line).chars().count()
}

/// Where the last word begins, whatever it is made of.
fn gap_before(text: &str) -> usize {
    let word = text.trim_end();
    word.rfind(char::is_whitespace).map_or(0, |gap| {
        gap + word.get(gap..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8)
    })
}

/// Steps that can be undone.
const UNDO: usize = 100;
