use meshchat_client::proto::control::{PrivateInfo, PrivateRequest, Request, RoomMember};

use super::expect_reply;
use crate::args::Room;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::table::{Cell, Column, Table};
use crate::session::Session;

pub(crate) async fn room(session: &mut Session, room: Room) -> Result<u8, Failure> {
    match room {
        Room::Create { name } => create(session, name).await,
        Room::Invite { room, person } => {
            let words = format!("{} is invited to {}.", escape(&person), shown(&room));
            act(session, PrivateRequest::Invite { room, person }, &words).await
        }
        Room::Leave { room } => {
            let words = format!("You left {}.", shown(&room));
            act(session, PrivateRequest::Leave { room }, &words).await
        }
        Room::Remove { room, person } => {
            let words = format!("{} is out; {} has a new key.", escape(&person), shown(&room));
            act(session, PrivateRequest::Remove { room, person }, &words).await
        }
        Room::Members { room } => members(session, room).await,
    }
}

/// A private room as it is called, whether or not its `#~` was typed.
fn shown(room: &str) -> String {
    format!("#~{}", escape(room.trim_start_matches('#').trim_start_matches('~')))
}

async fn create(session: &mut Session, room: String) -> Result<u8, Failure> {
    let info = ask(session, PrivateRequest::Create { room }).await?;
    if session.out.view.json {
        session.out.json(&info)?;
    } else {
        session
            .out
            .advise(&format!("Made {0}. Say something: meshchatctl send '{0}' ...", info.room))?;
    }
    Ok(0)
}

async fn act(session: &mut Session, request: PrivateRequest, words: &str) -> Result<u8, Failure> {
    session.ask(Request::Private(request)).await?;
    session.out.say(words)?;
    Ok(0)
}

async fn members(session: &mut Session, room: String) -> Result<u8, Failure> {
    const COLUMNS: &[Column] =
        &[Column::left("person"), Column::left("node"), Column::left("owner")];
    let info = ask(session, PrivateRequest::Members { room }).await?;
    let row = |member: &RoomMember| {
        vec![
            Cell::new(member.person.as_str()),
            Cell::new(member.node_name.as_str()),
            Cell::new(if member.node == info.owner { "yes" } else { "no" }),
        ]
    };
    let table = |members: &[RoomMember]| Table::new(COLUMNS, members.iter().map(row));
    session.out.list(&info.members, table)?;
    Ok(0)
}

async fn ask(session: &Session, request: PrivateRequest) -> Result<PrivateInfo, Failure> {
    Ok(expect_reply!(session.ask(Request::Private(request)).await?, Private))
}
