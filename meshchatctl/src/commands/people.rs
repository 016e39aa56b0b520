use meshchat_client::proto::control::{PersonInfo, Request};

use super::expect_reply;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::note;
use crate::output::style::{self, Paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::time::span;
use crate::session::Session;

pub(crate) async fn who(session: &mut Session, room: Option<String>) -> Result<u8, Failure> {
    let nobody = match room {
        Some(_) => "nobody is in that room",
        None => "nobody is there yet; you are while you read along: meshchatctl tail",
    };
    let people = expect_reply!(session.ask(Request::Who { room }).await?, People);
    if people.is_empty() && session.out.view.legend && !session.out.view.json {
        note(nobody);
    }
    session.out.list(&people, table)?;
    Ok(0)
}

pub(super) fn table(people: &[PersonInfo]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("name"),
        Column::left("state"),
        Column::right("since"),
        Column::left("rooms"),
        Column::note("note"),
    ];
    Table::new(COLUMNS, people.iter().map(row))
}

pub(crate) async fn nick(session: &mut Session, name: String) -> Result<u8, Failure> {
    session.ask(Request::Nick { name: name.clone() }).await?;
    session.out.say(&format!("You are called {} now.", escape(name.trim())))?;
    Ok(0)
}

pub(crate) async fn away(session: &mut Session, note: &str, back: bool) -> Result<u8, Failure> {
    session.ask(Request::Away { away: !back, note: note.to_owned() }).await?;
    session.out.say(if back { "You are back." } else { "You are away." })?;
    Ok(0)
}

/// What there is to know of somebody besides the name.
fn remarks(person: &PersonInfo) -> String {
    let all = [
        (person.verified, " ✓"),
        (person.gateway, " (gateway)"),
        (person.muted, " (muted)"),
        (person.me, " (you)"),
    ];
    all.into_iter().filter(|(is, _)| *is).map(|(_, remark)| remark).collect()
}

fn row(person: &PersonInfo) -> Vec<Cell> {
    let (name, node) = (person.name.as_str(), person.node_name.as_str());
    let full = format!("{name}@{node}");
    let shown = format!("{full}{}", remarks(person));
    let rooms: Vec<&str> = person.rooms.iter().map(|room| room.as_str()).collect();
    vec![
        Cell::new(shown).raw(full).paint(Paint::of_name(name, node)),
        style::person(person.state).into(),
        Cell::new(span(person.since_ms)).raw(person.since_ms),
        Cell::new(rooms.join(" ")).raw(rooms.join(",")),
        Cell::new(&person.note),
    ]
}
