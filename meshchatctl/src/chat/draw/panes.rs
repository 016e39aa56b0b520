//! The panes at the sides: rooms and people.

use meshchat_client::proto::control::PersonInfo;
use ratatui::layout::Rect;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::ink::ink;
use super::wrap::fit;
use crate::chat::model::Model;
use crate::chat::model::conversation::Conversation;
use crate::chat::model::people::is_there;
use crate::chat::model::place::{Place, Who};
use crate::output::escape::escape;
use crate::output::style::{self, Mark, Paint};
use crate::output::time::round_trip;

/// A line of a pane, and what a click on it means.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) line: Line<'static>,
    pub(crate) place: Option<Place>,
    pub(crate) name: Option<String>,
}

/// The rooms and people that one talks with, the open one always among them.
pub(crate) fn rooms(model: &Model, area: Rect) -> Vec<Row> {
    let width = usize::from(area.width);
    let mut rows = vec![header("Rooms", width)];
    let mut direct = false;
    let mut open = 0;
    for one in model.places.iter() {
        if !direct && matches!(one.place, Place::Person(_)) {
            direct = true;
            rows.push(header("Direct", width));
        }
        if model.places.is_open(&one.place) {
            open = rows.len();
        }
        rows.push(room(model, one, width));
    }
    window(rows, open, usize::from(area.height))
}

fn room(model: &Model, one: &Conversation, width: usize) -> Row {
    let open = model.places.is_open(&one.place);
    let (count, paint) = match (one.mentions, one.unread) {
        _ if one.muted => ("muted".to_owned(), Paint::Dim),
        (0, 0) => (String::new(), Paint::Plain),
        (0, unread) if matches!(one.place, Place::Room(_)) => (unread.to_string(), Paint::Plain),
        (_, unread) => (format!("{unread}!"), Paint::Warn),
    };
    let (count, paint) = match model.outbox.wants(&one.place) {
        true => (format!("{count}✕"), Paint::Bad),
        false => (count, paint),
    };
    let presence = match &one.place {
        Place::Person(who) => model.people.find(who).map(|person| style::person(person.state)),
        Place::Room(_) => None,
    };
    let front = if open { "›" } else { " " };
    let mut spans = vec![Span::raw(front)];
    spans.extend(presence.map(|mark| Span::styled(format!("{} ", mark.glyph), ink(mark.paint))));
    let taken = 1 + 2 * usize::from(presence.is_some());
    let room = width.saturating_sub(taken + count.width() + usize::from(!count.is_empty()));
    let name = match &one.place {
        Place::Room(room) => room.to_string(),
        Place::Person(who) if model.people.is_ambiguous(who.name.as_str()) => who.to_string(),
        Place::Person(who) => who.name.to_string(),
    };
    let name = fit(&name, room);
    let space = " ".repeat(width.saturating_sub(taken + name.width() + count.width()));
    let weight = match (open, one.has_news()) {
        (true, _) => Style::new().add_modifier(Modifier::REVERSED),
        (false, true) => Style::new().bold(),
        (false, false) => Style::new(),
    };
    spans.extend([Span::styled(name, weight), Span::raw(space)]);
    spans.push(Span::styled(count, ink(paint).add_modifier(Modifier::BOLD)));
    Row { line: Line::from(spans), place: Some(one.place.clone()), name: None }
}

/// The people of the open conversation.
pub(crate) fn people(model: &Model, area: Rect) -> Vec<Row> {
    let width = usize::from(area.width);
    let people = model.people.of(model.places.open());
    let there = people.iter().filter(|person| is_there(person.state)).count();
    let title = format!("People {there}/{}", people.len());
    let mut rows = vec![header(&title, width)];
    for one in &people {
        rows.push(person(model, one, width));
        if !one.note.is_empty() {
            let note = fit(&format!("    {}", escape(&one.note)), width);
            rows.push(Row { line: Line::styled(note, ink(Paint::Dim)), ..Row::default() });
        }
    }
    window(rows, 0, usize::from(area.height))
}

fn person(model: &Model, person: &PersonInfo, width: usize) -> Row {
    let Mark { glyph, word, paint } = style::person(person.state);
    let far =
        model.people.round_trip(&person.node).filter(|_| is_there(person.state) && !person.me);
    let told = match (person.me, far) {
        (true, _) => "you".to_owned(),
        (false, Some(us)) => round_trip(us),
        (false, None) => String::new(),
    };
    let word = if told.is_empty() || width >= WORDS_FROM { word } else { short(word) };
    let behind =
        [word, &told].into_iter().filter(|one| !one.is_empty()).collect::<Vec<_>>().join(" ");
    let room = width.saturating_sub(3 + behind.width());
    let (name, who) = (person.name.as_str(), Who::of(person));
    let full = who.to_string();
    let label = match model.people.is_ambiguous(name) || full.width() <= room {
        true => fit(&full, room),
        false => fit(name, room),
    };
    let space = " ".repeat(width.saturating_sub(2 + label.width() + behind.width()));
    let line = Line::from(vec![
        Span::styled(format!("{glyph} "), ink(paint)),
        Span::styled(label, ink(Paint::of_name(name, person.node_name.as_str()))),
        Span::raw(space),
        Span::styled(behind, ink(paint)),
    ]);
    let name = if model.people.is_ambiguous(name) { full } else { name.to_owned() };
    Row { line, place: None, name: Some(name) }
}

/// The word gives way to the round-trip, which nobody has who is not online.
fn short(word: &'static str) -> &'static str {
    if word == "online" { "" } else { word }
}

fn header(words: &str, width: usize) -> Row {
    let line = Line::styled(fit(words, width), ink(Paint::Header));
    Row { line, ..Row::default() }
}

/// So many of the rows that the wanted one is among them.
fn window(mut rows: Vec<Row>, wanted: usize, height: usize) -> Vec<Row> {
    let from = (wanted + 1).saturating_sub(height);
    rows.drain(..from.min(rows.len()));
    rows.truncate(height);
    rows
}

/// Columns from which state and round-trip stand side by side.
const WORDS_FROM: usize = 26;
