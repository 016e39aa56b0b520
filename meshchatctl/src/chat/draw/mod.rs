//! The screen. Nothing here decides or remembers: the same model gives the same screen.

pub(crate) mod areas;
mod bar;
mod ink;
pub(crate) mod lines;
mod overlay;
pub(crate) mod panes;
#[cfg(test)]
mod tests;
pub(crate) mod wrap;

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Text};
use ratatui::widgets::{Block, Clear, Paragraph};

use self::areas::{Areas, areas};
use self::ink::ink;
use self::lines::Look;
use super::model::Model;
use super::model::conversation::View;
use super::model::mode::{Mode, Pane};
use super::seam::Now;
use crate::output::style::Paint;

/// Draws all of it.
pub(crate) fn draw(frame: &mut Frame<'_>, model: &Model, now: &Now) {
    let screen = frame.area();
    let areas = within(areas(model), screen);
    if let Some(area) = areas.title {
        frame.render_widget(bar::title(model, area.width), area);
    }
    log(frame, model, areas.log);
    side(frame, areas.rooms, panes::rooms, (model, Pane::Rooms));
    side(frame, areas.people, panes::people, (model, Pane::People));
    separators(frame, &areas);
    if let Some(area) = areas.status {
        let line = match &model.mode {
            Mode::Search(search) => overlay::search(search),
            Mode::Chat | Mode::Name(..) | Mode::Switch(_) => {
                bar::bar(model, now, area.width, areas.title.is_some())
            }
        };
        let line = line.style(Style::new().add_modifier(Modifier::REVERSED));
        frame
            .render_widget(Block::new().style(Style::new().add_modifier(Modifier::REVERSED)), area);
        frame.render_widget(line, area);
    }
    model.editor.draw(frame, areas.input);
    overlay::draw(frame, model, &areas);
    if !model.taste.color {
        ink::without_color(frame.buffer_mut());
    }
    if !model.taste.unicode {
        ink::without_unicode(frame.buffer_mut());
    }
}

/// The screen may have become smaller since the model heard of its size.
fn within(areas: Areas, screen: Rect) -> Areas {
    let cut = |area: Rect| area.intersection(screen);
    Areas {
        rooms: areas.rooms.map(cut),
        people: areas.people.map(cut),
        title: areas.title.map(cut),
        log: cut(areas.log),
        status: areas.status.map(cut),
        input: cut(areas.input),
    }
}

/// The log, from its lower edge upwards: what is not on the screen is not laid out.
fn log(frame: &mut Frame<'_>, model: &Model, area: Rect) {
    let Some(one) = model.places.current() else { return };
    let look = Look::new(model, one, area.width);
    let height = usize::from(area.height);
    let mut lines: Vec<Line<'static>> = Vec::new();
    let (mut at, mut hidden) = (one.log.len(), 0);
    match one.view {
        View::End => {
            for item in model.outbox.of(&one.place).rev() {
                lines.extend(look.waiting(item).into_iter().rev());
                if lines.len() >= height {
                    break;
                }
            }
        }
        View::At { id, hidden: rows } => {
            at = one.log.place_of(id).map_or(1, |at| at + 1);
            hidden = rows;
        }
    }
    while lines.len() < height && at > 0 {
        at -= 1;
        lines.extend(look.entry(at).into_iter().rev().skip(std::mem::take(&mut hidden)));
    }
    if lines.is_empty() {
        lines = overlay::empty(model, area.width).into_iter().rev().collect();
    }
    lines.truncate(height);
    lines.reverse();
    // What there is stands at the lower edge, where the next line comes.
    let used = u16::try_from(lines.len()).unwrap_or(area.height).min(area.height);
    let area = Rect { y: area.y + area.height - used, height: used, ..area };
    frame.render_widget(Paragraph::new(Text::from(lines)), area);
}

fn side(
    frame: &mut Frame<'_>,
    area: Option<Rect>,
    rows: fn(&Model, Rect) -> Vec<panes::Row>,
    (model, pane): (&Model, Pane),
) {
    let Some(area) = area else { return };
    if model.panes.shown == Some(pane) {
        frame.render_widget(Clear, area);
    }
    let lines: Vec<Line<'static>> = rows(model, area).into_iter().map(|row| row.line).collect();
    frame.render_widget(Paragraph::new(Text::from(lines)), area);
}

fn separators(frame: &mut Frame<'_>, areas: &Areas) {
    let (left, right) = (areas.log.x, areas.log.right());
    let mut draw = |column: u16, pane: Option<Rect>| {
        if let Some(pane) = pane.filter(|pane| *pane != areas.log) {
            for row in pane.y..pane.bottom() {
                frame.buffer_mut().set_string(column, row, "│", ink(Paint::Dim));
            }
        }
    };
    if let Some(column) = left.checked_sub(1) {
        draw(column, areas.rooms);
    }
    draw(right, areas.people);
}
