use meshchat_client::proto::control::{CursorInfo, CursorRequest, Request};

use super::expect_reply;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::number;
use crate::session::Session;

pub(crate) async fn list(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("cursor"),
        Column::right("read-up-to"),
        Column::right("waiting"),
        Column::left("in-use"),
    ];
    let request = Request::Cursor(CursorRequest::List {});
    let cursors = expect_reply!(session.ask(request).await?, Cursors);
    session.out.list(&cursors, |cursors| Table::new(COLUMNS, cursors.iter().map(row)))?;
    Ok(0)
}

pub(crate) async fn remove(session: &mut Session, name: String) -> Result<u8, Failure> {
    let request = CursorRequest::Remove { name: name.clone() };
    session.ask(Request::Cursor(request)).await?;
    session.out.say(&format!("Cursor {} is forgotten.", escape(&name)))?;
    Ok(0)
}

fn row(cursor: &CursorInfo) -> Vec<Cell> {
    vec![
        Cell::new(&cursor.name),
        Cell::new(number(cursor.upto)).raw(cursor.upto),
        Cell::new(number(cursor.waiting)).raw(cursor.waiting),
        Cell::new(if cursor.active { "yes" } else { "no" }),
    ]
}
