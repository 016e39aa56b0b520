use meshchat_client::proto::control::{Request, RoomInfo};

use super::expect_reply;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::number;
use crate::session::Session;

pub(crate) async fn rooms(session: &mut Session) -> Result<u8, Failure> {
    let rooms = expect_reply!(session.ask(Request::Rooms {}).await?, Rooms);
    session.out.list(&rooms, table)?;
    Ok(0)
}

pub(super) fn table(rooms: &[RoomInfo]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("room"),
        Column::left("joined"),
        Column::right("present"),
        Column::right("people"),
        Column::right("messages"),
        Column::left("private"),
    ];
    Table::new(COLUMNS, rooms.iter().map(row))
}

pub(crate) async fn join(session: &mut Session, room: String) -> Result<u8, Failure> {
    session.ask(Request::Join { room: room.clone() }).await?;
    session.out.say(&format!("You are in {}.", escape(&with_hash(&room))))?;
    Ok(0)
}

pub(crate) async fn leave(session: &mut Session, room: String) -> Result<u8, Failure> {
    session.ask(Request::Leave { room: room.clone() }).await?;
    session.out.say(&format!("You left {}.", escape(&with_hash(&room))))?;
    Ok(0)
}

/// A room as it is written, whether or not its # was typed.
pub(super) fn with_hash(room: &str) -> String {
    let room = room.trim();
    if room.starts_with('#') { room.into() } else { format!("#{room}") }
}

fn row(room: &RoomInfo) -> Vec<Cell> {
    vec![
        Cell::new(room.room.as_str()),
        Cell::new(if room.joined { "yes" } else { "no" }),
        Cell::new(room.present.to_string()),
        Cell::new(room.people.to_string()),
        Cell::new(number(room.messages)).raw(room.messages),
        Cell::new(if room.private { "yes" } else { "no" }),
    ]
}
