//! The line of the state: what is most important stays when it gets narrow.

use meshchat_client::proto::control::Missing;
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::ink::ink;
use super::wrap::fit;
use crate::chat::model::Model;
use crate::chat::model::conversation::{Conversation, View};
use crate::chat::model::place::Place;
use crate::chat::model::standing::LinkState;
use crate::chat::seam::Now;
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::time::{count, span};

/// A word of the line; the highest rank is left out first.
struct Part {
    rank: u8,
    words: String,
    paint: Paint,
}

const fn part(rank: u8, words: String, paint: Paint) -> Part {
    Part { rank, words, paint }
}

pub(super) fn bar(model: &Model, now: &Now, width: u16, titled: bool) -> Line<'static> {
    let mut parts = Vec::new();
    if !titled {
        parts.push(part(0, model.places.open().to_string(), Paint::Header));
    }
    more(model, &mut parts);
    link(model, now, &mut parts);
    elsewhere(model, &mut parts);
    mesh(model, &mut parts);
    line(parts, usize::from(width))
}

/// The line above the log.
pub(super) fn title(model: &Model, width: u16) -> Line<'static> {
    let place = model.places.open();
    let mut parts = vec![part(0, place.to_string(), Paint::Header)];
    match place {
        Place::Room(room) => {
            if let Some(info) = model.standing.rooms.iter().find(|info| info.room == *room) {
                let kind = if info.private { "private, " } else { "" };
                let words = format!("{kind}{} of {} here", info.present, info.people);
                parts.push(part(1, words, Paint::Dim));
            }
            if model.standing.rooms_known && !model.places.current().is_some_and(|one| one.joined) {
                parts.push(part(1, format!("not joined: /join {room}"), Paint::Warn));
            }
        }
        Place::Person(who) => {
            let state =
                model.people.find(who).map(|person| crate::output::style::person(person.state));
            if let Some(mark) = state {
                parts.push(part(1, format!("{} {}", mark.glyph, mark.word), mark.paint));
            }
            parts.push(part(2, "sealed, for the two of you".into(), Paint::Dim));
        }
    }
    line(parts, usize::from(width))
}

fn more(model: &Model, parts: &mut Vec<Part>) {
    let Some(one) = model.places.current() else { return };
    if one.view == View::End {
        return;
    }
    let words = match one.below {
        0 => "-MORE-".to_owned(),
        below => format!("-MORE- {below} new below"),
    };
    parts.push(part(1, words, Paint::Warn));
}

fn link(model: &Model, now: &Now, parts: &mut Vec<Part>) {
    match &model.standing.link {
        LinkState::Connecting => parts.push(part(1, "connecting".into(), Paint::Warn)),
        LinkState::Lost(since, why) => {
            let passed = now.running.saturating_sub(*since);
            let ms = u64::try_from(passed.as_millis()).unwrap_or(u64::MAX);
            let words = format!("✕ no meshchatd for {}, reconnecting", span(ms));
            parts.push(part(1, words, Paint::Bad));
            parts.push(part(6, escape(why).into_owned(), Paint::Dim));
        }
        LinkState::Up if !model.standing.caught_up => {
            parts.push(part(2, "catching up".into(), Paint::Warn));
        }
        LinkState::Up => {}
    }
    let waiting = model.outbox.waiting();
    if waiting > 0 && !model.standing.is_ready() {
        parts.push(part(2, format!("{waiting} unsent"), Paint::Warn));
    }
}

fn elsewhere(model: &Model, parts: &mut Vec<Part>) {
    let mut words = Vec::new();
    let mut loud = false;
    for one in model.places.unread_elsewhere() {
        let mark = one.mentions > 0 || matches!(one.place, Place::Person(_));
        loud |= mark;
        words.push(format!("{}:{}{}", short(one), one.unread, if mark { "!" } else { "" }));
    }
    let stuck =
        |one: &&Conversation| !model.places.is_open(&one.place) && model.outbox.wants(&one.place);
    let stuck: Vec<String> = model.places.iter().filter(stuck).map(|one| short(one)).collect();
    if !stuck.is_empty() {
        parts.push(part(2, format!("✕ not sent: {}", stuck.join(" ")), Paint::Bad));
    }
    let all = words.len();
    if all > ELSEWHERE {
        words.truncate(ELSEWHERE);
        words.push(format!("{} more", all - ELSEWHERE));
    }
    if all > 0 {
        let paint = if loud { Paint::Warn } else { Paint::Header };
        parts.push(part(3, format!("new {}", words.join(" ")), paint));
    }
}

fn short(one: &Conversation) -> String {
    match &one.place {
        Place::Room(room) => room.to_string(),
        Place::Person(who) => who.name.to_string(),
    }
}

fn mesh(model: &Model, parts: &mut Vec<Part>) {
    if let Some(note) = &model.standing.away {
        let words = match note.is_empty() {
            true => "away".to_owned(),
            false => format!("away: {}", fit(&escape(note), 20)),
        };
        parts.push(part(4, words, Paint::Warn));
    }
    if model.standing.doubts_clock() {
        parts.push(part(5, "clock in doubt".into(), Paint::Warn));
    }
    let Some(status) = model.standing.status.as_ref().filter(|_| model.standing.is_up()) else {
        if let Some(me) = &model.standing.me {
            parts.push(part(5, me.node_name.to_string(), Paint::Plain));
        }
        return;
    };
    if let Some(missing) = &status.missing {
        parts.push(part(2, partition(missing), Paint::Bad));
    }
    parts.push(part(5, status.name.to_string(), Paint::Plain));
    let network = status
        .network_name
        .as_ref()
        .map_or_else(|| "open network".to_owned(), |name| format!("{} (closed)", escape(name)));
    parts.push(part(8, network, Paint::Dim));
    let paint = if status.links == 0 { Paint::Warn } else { Paint::Dim };
    parts.push(part(6, count(status.links.into(), "link"), paint));
    if status.missing.is_none() {
        let words = format!("{}/{} nodes", status.nodes_reachable, status.nodes_known);
        parts.push(part(7, words, Paint::Dim));
    }
    if !status.notes.is_empty() {
        // An open network always has one: it must not look like trouble.
        let words = format!("{}: /status", count(len(&status.notes), "note"));
        parts.push(part(9, words, Paint::Dim));
    }
}

fn partition(missing: &Missing) -> String {
    let (reachable, known) = (missing.reachable, missing.known);
    match missing.isolated {
        true => format!("isolated: no link, {} missing", known.saturating_sub(reachable)),
        false => format!("partition: {reachable} of {known} reachable"),
    }
}

fn len(notes: &[String]) -> u64 {
    u64::try_from(notes.len()).unwrap_or(u64::MAX)
}

/// Leaves out what has no room, the least important first.
fn line(mut parts: Vec<Part>, width: usize) -> Line<'static> {
    let wide = |parts: &[Part]| {
        parts.iter().map(|part| part.words.width()).sum::<usize>()
            + GAP.width() * parts.len().saturating_sub(1)
    };
    while parts.len() > 1 && wide(&parts) > width {
        let last = parts.iter().map(|part| part.rank).max();
        let Some(at) = parts.iter().rposition(|part| Some(part.rank) == last) else { break };
        parts.remove(at);
    }
    let mut spans = Vec::new();
    for (at, part) in parts.into_iter().enumerate() {
        if at > 0 {
            spans.push(Span::styled(GAP, ink(Paint::Dim)));
        }
        let words = fit(&part.words, width);
        spans.push(Span::styled(words, bold_if_loud(part.paint)));
    }
    Line::from(spans)
}

fn bold_if_loud(paint: Paint) -> Style {
    match paint {
        Paint::Bad => ink(paint).add_modifier(Modifier::BOLD),
        Paint::Plain | Paint::Header | Paint::Good | Paint::Warn | Paint::Dim | Paint::Name(_) => {
            ink(paint)
        }
    }
}

const GAP: &str = " · ";
/// Conversations with news that the line names.
const ELSEWHERE: usize = 4;
