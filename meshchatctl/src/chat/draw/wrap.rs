//! Breaks text into lines between words, by what letters take on a screen.

use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_segmentation::UnicodeSegmentation as _;
use unicode_width::UnicodeWidthStr as _;

/// Text of one style.
pub(crate) type Piece = (String, Style);

/// Lines that are filled piece by piece.
#[derive(Debug)]
pub(super) struct Wrap {
    width: usize,
    hang: usize,
    done: Vec<Line<'static>>,
    row: Vec<Piece>,
    used: usize,
    /// Nothing but what hangs in front is in the row.
    fresh: bool,
    word: Vec<Piece>,
    word_wide: usize,
}

impl Wrap {
    /// Begins with what stands in front of the first line; all others begin `hang` columns in.
    pub(super) fn new(width: u16, front: Vec<Piece>, hang: usize) -> Self {
        let width = usize::from(width).max(1);
        let used = front.iter().map(|(text, _)| text.width()).sum();
        let hang = if hang + LEAST > width { 0 } else { hang };
        let (done, word) = (Vec::new(), Vec::new());
        Self { width, hang, done, row: front, used, fresh: true, word, word_wide: 0 }
    }

    /// Text that breaks at its spaces, but not at a no-break space, which looks the same.
    pub(super) fn text(&mut self, text: &str, style: Style) {
        for letter in text.graphemes(true) {
            if letter == " " {
                self.end_word();
                self.space(style);
            } else {
                let letter = if letter == "\u{a0}" { " " } else { letter };
                push(&mut self.word, letter, style);
                self.word_wide += letter.width();
            }
        }
    }

    /// What follows begins on a line of its own.
    pub(super) fn new_line(&mut self) {
        self.end_word();
        self.end_row();
        // Spaces that a person put there are kept.
        self.fresh = false;
    }

    pub(super) fn finish(mut self) -> Vec<Line<'static>> {
        self.end_word();
        self.end_row();
        self.done
    }

    fn space(&mut self, style: Style) {
        let wrapped = self.fresh && !self.done.is_empty();
        if self.used < self.width && !wrapped {
            push(&mut self.row, " ", style);
            self.used += 1;
        }
    }

    fn end_word(&mut self) {
        let word = std::mem::take(&mut self.word);
        let wide = std::mem::take(&mut self.word_wide);
        if wide == 0 && word.is_empty() {
            return;
        }
        if self.used + wide > self.width && wide <= self.width - self.hang && !self.is_at_hang() {
            self.break_row();
        }
        for (text, style) in word {
            for letter in text.graphemes(true) {
                if self.used + letter.width() > self.width && !self.is_at_hang() {
                    self.break_row();
                }
                push(&mut self.row, letter, style);
                self.used += letter.width();
            }
        }
        self.fresh = false;
    }

    fn is_at_hang(&self) -> bool {
        self.used <= self.hang && !self.done.is_empty()
    }

    fn break_row(&mut self) {
        self.end_row();
        self.fresh = true;
    }

    fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        let spans = row.into_iter().map(|(text, style)| Span::styled(text, style));
        self.done.push(Line::from(spans.collect::<Vec<_>>()));
        self.row = vec![(" ".repeat(self.hang), Style::new())];
        self.used = self.hang;
    }
}

fn push(row: &mut Vec<Piece>, letter: &str, style: Style) {
    match row.last_mut() {
        Some((text, before)) if *before == style => text.push_str(letter),
        Some(_) | None => row.push((letter.to_owned(), style)),
    }
}

/// Cuts text that is too wide and says so with an ellipsis.
pub(crate) fn fit(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut out = String::new();
    let mut used = 1;
    for letter in text.graphemes(true) {
        used += letter.width();
        if used > width {
            break;
        }
        out.push_str(letter);
    }
    if width > 0 {
        out.push('…');
    }
    out
}

/// Columns for text below which nothing hangs.
const LEAST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn wrapped(text: &str, width: u16, front: &str, hang: usize) -> Vec<String> {
        let mut wrap = Wrap::new(width, vec![(front.to_owned(), Style::new())], hang);
        for (at, line) in text.split('\n').enumerate() {
            if at > 0 {
                wrap.new_line();
            }
            wrap.text(line, Style::new());
        }
        wrap.finish().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lines_break_between_words() {
        let lines = wrapped("one two three four", 14, "ann: ", 2);
        assert_eq!(lines, ["ann: one two ", "  three four"]);
        assert_eq!(wrapped("a  b", 14, "", 0), ["a  b"]);
        assert_eq!(wrapped("if x:\n  y", 14, "> ", 2), ["> if x:", "    y"]);
        assert_eq!(wrapped("", 14, "> ", 2), ["> "]);
    }

    #[test]
    fn long_words_break_anywhere_and_letters_never() {
        let lines = wrapped("see abcdefghijklmnop", 12, "", 2);
        assert_eq!(lines, ["see abcdefgh", "  ijklmnop"]);
        assert_eq!(wrapped("李雷李雷李雷", 7, "", 0), ["李雷李", "雷李雷"]);
        assert_eq!(wrapped("e\u{301}e\u{301}e\u{301}", 2, "", 0), ["e\u{301}e\u{301}", "e\u{301}"]);
        assert_eq!(wrapped("李", 1, "", 0), ["", "李"]);
    }

    #[test]
    fn text_is_cut_by_what_it_takes() {
        assert_eq!(fit("李雷李雷", 6), "李雷…");
        assert_eq!(fit("abc", 3), "abc");
        assert_eq!((fit("abc", 1), fit("abc", 0)), ("…".into(), String::new()));
    }
}
