//! Requests that change nothing. They are asked as nobody: nobody is there because of them.

use axum::extract::State;
use axum::response::Response;
use meshchat_client::proto::control::{
    Event, Message, Missed, NodeInfo, PersonInfo, Reply, Request, RoomInfo, Start,
};
use meshchat_client::proto::name::RoomName;
use meshchat_client::{Client, EventStream};
use serde::{Deserialize, Serialize};

use super::answer::Failure;
use super::say::strange;
use super::take::{Params, Tool};
use crate::web::{Fault, Web};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    room: Option<String>,
    after: Option<u64>,
    limit: Option<u32>,
}

/// Messages of a room, the oldest first.
#[derive(Debug, Serialize)]
pub(super) struct Messages {
    messages: Vec<Message>,
    /// What to give as `after` to get what comes behind these.
    next: u64,
    /// There is more behind these already.
    more: bool,
    /// What history has lost of those behind `after`.
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<Missed>,
}

pub(super) async fn messages(
    State(web): State<Web>,
    tool: Tool,
    Params(page): Params<Page>,
) -> Result<Response, Failure> {
    let limit = page.limit.unwrap_or(LIMIT);
    if !(1..=MOST_LIMIT).contains(&limit) {
        let words = format!("limit is {limit}, which is not 1 to {MOST_LIMIT}");
        return Err(Failure::argument(words, "ask for the next ones with `after`"));
    }
    let room = open_room(page.room.as_deref())?;
    let _place = web.tools.may_look(&tool).await?;
    let client = Client::connect_any(&web.house.sockets).await.map_err(Fault::from)?;
    let request = Request::Read {
        room: Some(room.as_str().to_owned()),
        start: page.after.map_or(Start::Last(limit), Start::After),
        presence: false,
    };
    let stream = client.stream(request).await.map_err(Fault::from)?;
    let found = collect(stream, page.after.unwrap_or(0), limit as usize).await?;
    web.tools.answer(&found)
}

async fn collect(mut stream: EventStream, after: u64, most: usize) -> Result<Messages, Failure> {
    let mut all = Messages { messages: Vec::new(), next: after, more: true, missed: None };
    let mut bytes = 0;
    while let Some(event) = stream.next().await {
        match event.map_err(Fault::from)? {
            Event::Message(_) if all.messages.len() == most || bytes > PAGE_BYTES => {
                return Ok(all);
            }
            Event::Message(message) => {
                bytes += message.text.as_str().len();
                all.next = message.cursor;
                all.messages.push(message);
            }
            Event::CaughtUp { cursor } => {
                (all.next, all.more) = (cursor.max(all.next), false);
                return Ok(all);
            }
            Event::Missed(missed) => all.missed = Some(missed),
            Event::Direct(_)
            | Event::DirectState(_)
            | Event::Person(_)
            | Event::Node(_)
            | Event::Partition(_)
            | Event::Key(_)
            | Event::Gone(_)
            | Event::KeyShared(_)
            | Event::Relayed(_)
            | Event::Log(_)
            | Event::Peers(_) => {}
        }
    }
    Err(Fault::unreachable("it broke off").into())
}

/// A room that anybody may read; the lobby when missing.
pub(super) fn open_room(room: Option<&str>) -> Result<RoomName, Failure> {
    let Some(room) = room else { return Ok(RoomName::lobby()) };
    let room: RoomName = room.parse().map_err(|error| {
        Failure::argument(format!("bad room: {error}"), "a room is a word such as lobby")
    })?;
    if room.is_sealed() {
        let words = format!("{room} is a private room, which only its members read");
        return Err(Failure::new(
            axum::http::StatusCode::FORBIDDEN,
            Fault::own("denied", words, "read it with the page or meshchatctl"),
        ));
    }
    Ok(room)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InRoom {
    room: Option<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct People {
    people: Vec<PersonInfo>,
}

pub(super) async fn people(
    State(web): State<Web>,
    tool: Tool,
    Params(InRoom { room }): Params<InRoom>,
) -> Result<Response, Failure> {
    let Reply::People(mut people) = ask(&web, &tool, Request::Who { room }).await? else {
        return Err(strange());
    };
    // These are about our own user, not about who asks.
    for person in &mut people {
        (person.me, person.muted) = (false, false);
    }
    web.tools.answer(&People { people })
}

#[derive(Debug, Serialize)]
pub(super) struct Rooms {
    rooms: Vec<RoomInfo>,
}

pub(super) async fn rooms(State(web): State<Web>, tool: Tool) -> Result<Response, Failure> {
    let Reply::Rooms(mut rooms) = ask(&web, &tool, Request::Rooms {}).await? else {
        return Err(strange());
    };
    rooms.retain(|room| !room.private);
    // This is about our own user, not about who asks.
    for room in &mut rooms {
        room.joined = false;
    }
    web.tools.answer(&Rooms { rooms })
}

#[derive(Debug, Serialize)]
pub(super) struct Nodes {
    nodes: Vec<NodeInfo>,
}

pub(super) async fn nodes(State(web): State<Web>, tool: Tool) -> Result<Response, Failure> {
    let Reply::Nodes(nodes) = ask(&web, &tool, Request::Nodes {}).await? else {
        return Err(strange());
    };
    web.tools.answer(&Nodes { nodes })
}

pub(super) async fn graph(State(web): State<Web>, tool: Tool) -> Result<Response, Failure> {
    let Reply::Graph(graph) = ask(&web, &tool, Request::Graph {}).await? else {
        return Err(strange());
    };
    web.tools.answer(&graph)
}

pub(super) async fn status(State(web): State<Web>, tool: Tool) -> Result<Response, Failure> {
    let Reply::Status(status) = ask(&web, &tool, Request::Status {}).await? else {
        return Err(strange());
    };
    web.tools.answer(&status)
}

async fn ask(web: &Web, tool: &Tool, request: Request) -> Result<Reply, Failure> {
    let _place = web.tools.may_look(tool).await?;
    let client = Client::connect_any(&web.house.sockets).await.map_err(Fault::from)?;
    // Nothing was changed that could be lost.
    client.request(request).await.map_err(|error| match Fault::from(error) {
        Fault { code: crate::web::Code::Own("lost"), .. } => {
            Fault::unreachable("the connection to it broke").into()
        }
        fault => fault.into(),
    })
}

/// Messages that a tool gets that does not say how many.
const LIMIT: u32 = 50;
const MOST_LIMIT: u32 = 500;
/// Bytes of text after which an answer has no further message.
const PAGE_BYTES: usize = 256 * 1024;
