//! What comes of a command.

use meshchat_client::RequestError;
use meshchat_client::proto::control::{PersonInfo, PrivateInfo, Reply, RoomInfo, TrailInfo};

use super::{COMMANDS, Command};
use crate::chat::draw::areas;
use crate::chat::model::Model;
use crate::chat::model::ask::Wish;
use crate::chat::model::people::People;
use crate::chat::model::place::{Place, Who};
use crate::chat::model::refresh::Topic;
use crate::chat::model::replies::is_denied;
use crate::chat::seam::Effect;
use crate::commands::{delivery, invite, peers, ping, status, trail};
use crate::failure::Failure;
use crate::output::View;
use crate::output::escape::escape;
use crate::output::style::{self, Paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{Clock, number, round_trip, span};

impl Model {
    pub(in crate::chat::model) fn answered(
        &mut self,
        place: &Place,
        wish: Wish,
        answer: Result<Reply, RequestError>,
        clock: &Clock,
    ) {
        let reply = match answer {
            Ok(reply) => reply,
            Err(error) => return self.failed(place, (&wish, &error), clock),
        };
        match wish {
            Wish::Join(room) => {
                self.places.get(&room).joined = true;
                self.refresh.want(&[Topic::Rooms, Topic::People]);
            }
            Wish::Left(room) => {
                self.closed(&room);
                self.refresh.want(&[Topic::Rooms, Topic::People]);
                self.tell(&format!("You left {room}."), Paint::Plain, clock);
            }
            Wish::Nick(name) => {
                let words = format!("You are called {name} now.");
                self.standing.renamed(name);
                self.refresh.want(&[Topic::People]);
                self.tell_in(place, &words, Paint::Plain, clock);
            }
            Wish::Away(note) => {
                let words = if note.is_some() { "You are away." } else { "You are back." };
                self.standing.away = note;
                self.refresh.want(&[Topic::People]);
                self.tell_in(place, words, Paint::Plain, clock);
            }
            Wish::Done(words) => self.tell_in(place, &words, Paint::Plain, clock),
            Wish::Show => self.show_reply(place, &reply, clock),
        }
    }

    fn show_reply(&mut self, place: &Place, reply: &Reply, clock: &Clock) {
        if let Reply::Ticket(made) = reply {
            self.effects.push(Effect::Copy(made.ticket.clone()));
        }
        let words = self.shown(reply, clock);
        self.tell_in(place, &words, Paint::Plain, clock);
    }

    fn failed(&mut self, place: &Place, (wish, error): (&Wish, &RequestError), clock: &Clock) {
        let has_hint = matches!(error, RequestError::Daemon(error) if !error.hint.is_empty());
        let mut words = match error {
            RequestError::Daemon(error) if has_hint => {
                format!("{}\n  {}", escape(&error.message), escape(&error.hint))
            }
            RequestError::Daemon(_)
            | RequestError::Lost(_)
            | RequestError::NotUnderstood
            | RequestError::TooLong(_)
            | RequestError::Full => escape(&error.to_string()).into_owned(),
        };
        if is_denied(error) && !has_hint {
            words.push_str(
                "\n  this is for operators of the node: root, or the users that its settings name",
            );
        }
        self.tell_in(place, &words, Paint::Bad, clock);
        if let (Wish::Join(room), RequestError::Daemon(_)) = (wish, error)
            && !self.outbox.has(room)
        {
            self.closed(room);
            if !self.places.is_open(room) {
                self.tell(&words, Paint::Bad, clock);
            }
        }
    }

    /// Columns for an answer.
    pub(super) fn answer_width(&self) -> usize {
        usize::from(areas::areas(self).log.width).saturating_sub(GUTTER).max(1)
    }

    fn shown(&self, reply: &Reply, clock: &Clock) -> String {
        let view = View { legend: true, width: Some(self.answer_width()), ..View::default() };
        let or = |result: Result<String, Failure>| result.unwrap_or_default();
        let table = |table: Table| table.render(&view).unwrap_or_default();
        if let Reply::Rooms(rooms) = reply {
            return table(rooms_table(rooms));
        }
        if let Reply::People(people) = reply {
            return match people.is_empty() {
                true => "nobody is there".into(),
                false => table(people_table(people)),
            };
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "no other reply answers a command")]
        match reply {
            Reply::Peers(peers) if peers.is_empty() => {
                "No peers. Link to one: /connect HOST".into()
            }
            Reply::Peers(peers) => or(peers::render(peers, &view)),
            Reply::Status(status) => status::render(status, &view, clock),
            Reply::Pong(pong) => ping::render(pong),
            Reply::Delivery(info) => {
                format!("{}{}", table(delivery::table(&info.nodes)), delivery::summary(info))
            }
            Reply::Trail(info) => trail_words(info, &table),
            Reply::Private(info) => members(info),
            Reply::Ticket(made) => format!(
                "{}It is in the clipboard of this terminal too, if that takes it.",
                invite::words(made)
            ),
            _ => "done".into(),
        }
    }
}

fn trail_words(info: &TrailInfo, table: &impl Fn(Table) -> String) -> String {
    let mut words = table(trail::table(&info.hops));
    words.push_str(&trail::remarks(info).join("\n"));
    if !info.complete {
        words.push_str(
            "\nthe way is not known to its end: a node did not answer, or no longer knows",
        );
    }
    words
}

fn members(info: &PrivateInfo) -> String {
    let all = info.members.iter().map(|one| format!("{}@{}", one.person, one.node_name));
    let all: Vec<String> = all.collect();
    format!("{} of {}: {}", info.room, info.owner_name, all.join(", "))
}

fn rooms_table(rooms: &[RoomInfo]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("room"),
        Column::left("joined"),
        Column::right("present"),
        Column::right("messages"),
    ];
    let row = |room: &RoomInfo| {
        vec![
            Cell::new(room.room.as_str()),
            Cell::new(if room.joined { "yes" } else { "no" }),
            Cell::new(format!("{} of {}", room.present, room.people)),
            Cell::new(number(room.messages)),
        ]
    };
    Table::new(COLUMNS, rooms.iter().map(row))
}

fn people_table(people: &[PersonInfo]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("name"),
        Column::left("state"),
        Column::right("since"),
        Column::left("rooms"),
        Column::note("note"),
    ];
    let row = |person: &PersonInfo| {
        let rooms: Vec<&str> = person.rooms.iter().map(|room| room.as_str()).collect();
        vec![
            Cell::new(format!("{}{}", Who::of(person), if person.me { " (you)" } else { "" })),
            style::person(person.state).into(),
            Cell::new(span(person.since_ms)),
            Cell::new(rooms.join(" ")),
            Cell::new(&person.note),
        ]
    };
    Table::new(COLUMNS, people.iter().map(row))
}

/// What is known of somebody.
pub(super) fn whois(people: &People, who: &Who) -> String {
    let Some(person) = people.find(who) else {
        return format!("nothing is known of {}", escape(&who.to_string()));
    };
    let mark = style::person(person.state);
    let mut words = format!("{who}: {} {} for {}", mark.glyph, mark.word, span(person.since_ms));
    if !person.note.is_empty() {
        words.push_str(&format!(" ({})", escape(&person.note)));
    }
    if let Some(us) = people.round_trip(&person.node) {
        words.push_str(&format!("\n  round-trip {}", round_trip(us)));
    }
    let rooms: Vec<&str> = person.rooms.iter().map(|room| room.as_str()).collect();
    words.push_str(&format!("\n  rooms {}", rooms.join(" ")));
    words.push_str(&format!("\n  node {} ({})", person.node_name, person.node.short()));
    let marks = [
        (person.me, "this is you"),
        (person.gateway, "comes through a gateway: the node vouches for no name"),
        (person.verified, "the safety number of the node was compared"),
        (person.muted, "muted by you"),
    ];
    for (_, mark) in marks.into_iter().filter(|(is, _)| *is) {
        words.push_str(&format!("\n  {mark}"));
    }
    words
}

pub(super) fn help_of(command: &Command) -> String {
    let also = match command.also {
        [] => String::new(),
        also => format!("; also {}", also.join(", ")),
    };
    format!("{} {}: {}{also}", command.name, command.usage, command.help)
}

pub(super) fn help(width: usize) -> String {
    const COLUMNS: &[Column] = &[Column::left("command"), Column::note("what")];
    let row = |command: &Command| {
        vec![
            Cell::new(format!("{} {}", command.name, command.usage).trim()),
            Cell::new(command.help),
        ]
    };
    let view = View { legend: false, width: Some(width), ..View::default() };
    let mut words = Table::new(COLUMNS, COMMANDS.iter().map(row)).render(&view).unwrap_or_default();
    words.push_str(KEYS);
    words
}

const KEYS: &str = "\
//text says /text
Ctrl-K go to a room or person, Alt-A what is new, Alt-Up/Down or Ctrl-P/N the next
PageUp/PageDown read back, Ctrl-R find, F2 rooms, F3 people, Alt-Enter a new line
Tab completes, Ctrl-L draws anew, Ctrl-D leaves";

/// Columns in front of an answer.
pub(crate) const GUTTER: usize = 2;
