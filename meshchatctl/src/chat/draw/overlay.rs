//! What lies over the log: the switcher, the first start, the search.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Block, Clear, Paragraph};
use unicode_width::UnicodeWidthStr as _;

use super::areas::Areas;
use super::ink::ink;
use super::wrap::{Wrap, fit};
use crate::chat::model::Model;
use crate::chat::model::mode::{Mode, Prompt, Search, Switcher};
use crate::chat::model::place::Place;
use crate::output::escape::escape;
use crate::output::style::Paint;

pub(super) fn draw(frame: &mut Frame<'_>, model: &Model, areas: &Areas) {
    match &model.mode {
        Mode::Chat => {}
        Mode::Search(search) => {
            let typed = FIND.len() + escape(&search.prompt.text).width();
            cursor(frame, areas.status.unwrap_or_default(), typed);
        }
        Mode::Name(prompt, why) => name(frame, model, (prompt, why), areas.log),
        Mode::Switch(switcher) => switch(frame, model, switcher, areas.log),
    }
}

/// Puts the cursor behind what is typed in the first line of an area.
fn cursor(frame: &mut Frame<'_>, area: Rect, typed: usize) {
    if !area.is_empty() {
        let column = u16::try_from(typed).unwrap_or(u16::MAX).min(area.width - 1);
        frame.set_cursor_position((area.x + column, area.y));
    }
}

/// The line of the state while something is looked for.
pub(super) fn search(search: &Search) -> Line<'static> {
    let told = match (search.over, search.prompt.text.is_empty()) {
        (true, _) => "  nothing more",
        (false, true) => "  type what to find; Esc ends",
        (false, false) => "  Up older, Down newer, Esc ends",
    };
    Line::from(vec![
        Span::styled(FIND, ink(Paint::Header)),
        Span::raw(escape(&search.prompt.text).into_owned()),
        Span::styled(told, ink(Paint::Dim)),
    ])
}

/// What stands in a log in which nothing is.
pub(super) fn empty(model: &Model, width: u16) -> Vec<Line<'static>> {
    let words = match (model.standing.rooms_known, model.places.open()) {
        (false, _) => "",
        (true, Place::Room(_)) => "nothing was said here yet",
        (true, Place::Person(_)) => "nothing was said yet; only the two of you can read it",
    };
    wrapped(words, width, Paint::Dim)
}

fn wrapped(words: &str, width: u16, paint: Paint) -> Vec<Line<'static>> {
    let mut wrap = Wrap::new(width, Vec::new(), 0);
    wrap.text(words, ink(paint));
    wrap.finish()
}

fn name(frame: &mut Frame<'_>, model: &Model, (prompt, why): (&Prompt, &str), area: Rect) {
    let Some(me) = &model.standing.me else { return };
    let mut lines = Vec::new();
    for words in [
        format!(
            "This is meshchat: what you say in a room goes from node to node; yours is {}.",
            me.node_name
        ),
        "Type and press Enter to say something. /help tells the rest, Ctrl-K goes elsewhere."
            .into(),
        "No server keeps it: who cannot be reached now gets it when they are back.".into(),
    ] {
        lines.extend(wrapped(&words, area.width, Paint::Plain));
    }
    lines.push(Line::default());
    let question = lines.len();
    lines.push(Line::from(vec![
        Span::styled(WHO, ink(Paint::Header)),
        Span::raw(escape(&prompt.text).into_owned()),
        Span::styled(
            if prompt.text.is_empty() { format!("  Enter: {}", me.name) } else { String::new() },
            ink(Paint::Dim),
        ),
    ]));
    if !why.is_empty() {
        lines.extend(wrapped(why, area.width, Paint::Bad));
    }
    let height = u16::try_from(lines.len()).unwrap_or(u16::MAX).min(area.height);
    let skip = lines.len().saturating_sub(usize::from(height));
    let top = area.y + (area.height - height) / 2;
    let area = Rect { y: top, height, ..area };
    frame.render_widget(Clear, area);
    let row = u16::try_from(question.saturating_sub(skip)).unwrap_or(0).min(area.height);
    let line = Rect { y: area.y + row, height: area.height - row, ..area };
    cursor(frame, line, WHO.len() + escape(&prompt.text).width());
    let lines: Vec<Line<'static>> = lines.into_iter().skip(skip).collect();
    frame.render_widget(Paragraph::new(Text::from(lines)), area);
}

fn switch(frame: &mut Frame<'_>, model: &Model, switcher: &Switcher, log: Rect) {
    let width = log.width.min(SWITCHER.0);
    let wanted = u16::try_from(switcher.found.len()).unwrap_or(u16::MAX).saturating_add(3);
    let area = Rect {
        x: log.x + (log.width - width) / 2,
        width,
        height: wanted.clamp(4, SWITCHER.1).min(log.height),
        ..log
    };
    frame.render_widget(Clear, area);
    let block = Block::bordered().title(" Go to ");
    let block = if model.taste.unicode { block } else { block.border_set(ASCII) };
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let typed = escape(&switcher.prompt.text).into_owned();
    cursor(frame, inner, typed.width());
    let mut lines = vec![Line::raw(typed)];
    let rows = usize::from(inner.height).saturating_sub(1);
    let from = (switcher.chosen + 1).saturating_sub(rows);
    let shown = switcher.found.iter().enumerate().skip(from).take(rows);
    lines.extend(shown.map(|(at, place)| choice(model, place, at == switcher.chosen, inner.width)));
    if switcher.found.is_empty() {
        lines.push(Line::styled("nobody and nothing of that name", ink(Paint::Dim)));
    }
    frame.render_widget(Paragraph::new(Text::from(lines)), inner);
}

fn choice(model: &Model, place: &Place, chosen: bool, width: u16) -> Line<'static> {
    let news = match model.places.find(place).map_or(0, |one| one.unread) {
        0 => String::new(),
        unread => format!("  {unread} new"),
    };
    let front = if chosen { "› " } else { "  " };
    let words = fit(&format!("{front}{place}{news}"), usize::from(width));
    match chosen {
        true => Line::styled(words, Style::new().add_modifier(Modifier::REVERSED)),
        false => Line::raw(words),
    }
}

/// What stands in front of what is looked for.
const FIND: &str = "find: ";
const WHO: &str = "What are you called? ";
/// Columns and lines of the switcher, at most.
const SWITCHER: (u16, u16) = (44, 14);
const ASCII: ratatui::symbols::border::Set<'static> = ratatui::symbols::border::Set {
    top_left: "+",
    top_right: "+",
    bottom_left: "+",
    bottom_right: "+",
    vertical_left: "|",
    vertical_right: "|",
    horizontal_top: "-",
    horizontal_bottom: "-",
};
