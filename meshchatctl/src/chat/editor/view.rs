//! How the line looks: above it what Tab offers, or what has to be said.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line as Row, Span, Text};
use ratatui::widgets::{Paragraph, Wrap};
use unicode_width::UnicodeWidthStr as _;

use super::Editor;
use crate::output::escape::escape;

impl Editor {
    /// Lines that it wants of a screen this wide.
    pub(crate) fn height(&self, width: u16) -> u16 {
        let text = match self.question() {
            Some(question) => wrapped(&question, width),
            None => self.here.line.height(width.saturating_sub(prompt(width))),
        };
        let text = u16::try_from(text).unwrap_or(u16::MAX).clamp(1, HIGHEST);
        text + self.said(width)
    }

    /// Draws it, with the cursor.
    pub(crate) fn draw(&self, frame: &mut Frame<'_>, area: Rect) {
        let said = self.said(area.width).min(area.height.saturating_sub(1));
        let [above, below] =
            Layout::vertical([Constraint::Length(said), Constraint::Fill(1)]).areas(area);
        frame.render_widget(self.above(above.width), above);
        if let Some(question) = self.question() {
            let question = Text::styled(question, Modifier::BOLD);
            frame.render_widget(Paragraph::new(question).wrap(Wrap { trim: true }), below);
            return;
        }
        let [sign, line] =
            Layout::horizontal([Constraint::Length(prompt(below.width)), Constraint::Fill(1)])
                .areas(below);
        frame.render_widget(Span::styled(PROMPT, Modifier::BOLD), sign);
        self.here.line.draw(frame, line);
    }

    fn question(&self) -> Option<String> {
        self.here.paste.as_ref().map(super::Paste::question)
    }

    /// Lines above the text.
    fn said(&self, width: u16) -> u16 {
        let lines = match (&self.notice, &self.cycle) {
            (Some(notice), _) => wrapped(notice, width).min(NOTICE),
            (None, Some(_)) => 1,
            (None, None) => 0,
        };
        u16::try_from(lines).unwrap_or(0)
    }

    fn above(&self, width: u16) -> Paragraph<'static> {
        let text = match (&self.notice, &self.cycle) {
            (Some(notice), _) => Text::styled(notice.clone(), Modifier::BOLD),
            (None, Some(cycle)) => Text::from(offered(&cycle.words, cycle.at, width.into())),
            (None, None) => Text::default(),
        };
        Paragraph::new(text).wrap(Wrap { trim: true })
    }
}

/// As many words around the chosen one as fit into one line.
fn offered(words: &[String], at: Option<usize>, width: usize) -> Row<'static> {
    let words: Vec<_> = words.iter().map(|word| escape(word).into_owned()).collect();
    let chosen = at.unwrap_or(0);
    let width_of = |word: &String| word.width() + GAP.len();
    let mut first = chosen;
    let mut left = width.saturating_sub(words.get(chosen).map_or(0, width_of) + 2 * MORE.len());
    // Some of those before it, so that one sees where one comes from.
    for word in words.iter().take(chosen).rev() {
        let Some(rest) = left.checked_sub(width_of(word)).filter(|rest| *rest > width / 2) else {
            break;
        };
        left = rest;
        first -= 1;
    }
    let mut row = Row::default();
    let mut used = 0;
    if first > 0 {
        row.push_span(Span::styled(MORE, Modifier::DIM));
        used += MORE.len();
    }
    for (number, word) in words.iter().enumerate().skip(first) {
        if used + width_of(word) + MORE.len() > width && number > chosen {
            row.push_span(Span::styled(MORE, Modifier::DIM));
            break;
        }
        used += width_of(word);
        let style = match at == Some(number) {
            true => Style::new().add_modifier(Modifier::REVERSED),
            false => Style::new(),
        };
        row.push_span(Span::styled(word.clone(), style));
        row.push_span(GAP);
    }
    row
}

/// Lines that words take, as they are broken at spaces.
fn wrapped(text: &str, width: u16) -> usize {
    let width = usize::from(width.max(1));
    let mut lines = 1;
    let mut column = 0;
    for word in text.split(' ') {
        let gap = usize::from(column > 0);
        if column + gap + word.width() <= width {
            column += gap + word.width();
        } else {
            lines += usize::from(column > 0) + word.width().saturating_sub(1) / width;
            column = word.width() - word.width().saturating_sub(1) / width * width;
        }
    }
    lines
}

/// Columns of the sign before the line; none where there is no space to waste.
fn prompt(width: u16) -> u16 {
    match width >= 20 {
        true => u16::try_from(PROMPT.len()).unwrap_or(0),
        false => 0,
    }
}

const PROMPT: &str = "> ";
const GAP: &str = "  ";
const MORE: &str = ".. ";
/// Lines of text that are shown at once.
const HIGHEST: u16 = 5;
/// Lines of a notice.
const NOTICE: usize = 3;
