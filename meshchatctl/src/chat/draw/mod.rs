//! The screen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::text::{Line, Text};
use ratatui::widgets::Paragraph;

use super::model::Model;
use super::seam::Now;
use crate::output::escape::escape;

/// Draws all of it.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, _now: &Now) {
    let [log, status, input] = Layout::vertical([
        Constraint::Fill(1),
        Constraint::Length(1),
        Constraint::Length(model.editor.height(frame.area().width)),
    ])
    .areas(frame.area());
    let lines: Vec<Line<'_>> = model
        .messages
        .iter()
        .map(|message| Line::from(format!("{}: {}", message.author, escape(message.text.as_str()))))
        .collect();
    frame.render_widget(Paragraph::new(Text::from(lines)), log);
    frame.render_widget(Line::from(model.link.as_str()), status);
    model.editor.draw(frame, input);
}
