//! Events as they come, as server-sent events (HTML Living Standard, section 9.2).

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use axum::response::IntoResponse;
use axum::response::sse::{self, KeepAlive, Sse};
use futures_util::stream::{self, Stream};
use meshchat_client::proto::control::{Dm, Event, Request, Start};
use meshchat_client::proto::name::RoomName;
use meshchat_client::{Guest, Tail, TailError, TailItem, TailRequest};
use serde::{Deserialize, Serialize};

use super::answer::Failure;
use super::look::open_room;
use super::say::person;
use super::take::{Params, Tool};
use crate::door::Seat;
use crate::web::{Caller, Fault, Web};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Wish {
    room: Option<String>,
    after: Option<u64>,
    name: Option<String>,
}

/// What the events come from.
#[derive(Debug)]
enum Source {
    /// Somebody is there who reads along.
    Person(Guest),
    /// Nobody is.
    Nobody(Tail),
}

impl Source {
    async fn next(&mut self) -> Option<Result<TailItem, TailError>> {
        match self {
            Self::Person(guest) => guest.next().await,
            Self::Nobody(tail) => tail.next().await,
        }
    }
}

pub(super) async fn events(
    State(web): State<Web>,
    tool: Tool,
    Extension(caller): Extension<Caller>,
    Params(wish): Params<Wish>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Failure> {
    drop(web.tools.may_look(&tool).await?);
    let room = open_room(wish.room.as_deref())?;
    let after = last_event(&headers)?.or(wish.after);
    let start = after.map_or(Start::Now, Start::After);
    let source = match &wish.name {
        Some(name) => as_person(&web, &tool, name, room, start).await?,
        None => {
            let room = Some(room.as_str().to_owned());
            let request = TailRequest::Room { room, start, presence: true };
            let tail = Tail::open(web.house.sockets.clone(), request).await;
            Source::Nobody(tail.map_err(Fault::from)?)
        }
    };
    let keep_alive = KeepAlive::new().interval(COMMENT).text("still here");
    let seat = caller.sit().map_err(Fault::from)?;
    Ok(Sse::new(flow(source, seat)).keep_alive(keep_alive))
}

async fn as_person(
    web: &Web,
    tool: &Tool,
    name: &str,
    room: RoomName,
    start: Start,
) -> Result<Source, Failure> {
    tool.may_be_addressed()?;
    let name = person(name)?;
    let room = room.as_str();
    let speaker = web.tools.speaker(tool, name.as_str(), Some(room));
    speaker.ask(Request::Join { room: room.to_owned() }).await?;
    let request = TailRequest::Messages {
        room: None,
        start,
        follow: true,
        presence: true,
        dm: Dm::Also,
        cursor: None,
    };
    Ok(Source::Person(Guest::join(&speaker, request).await.map_err(Fault::from)?))
}

/// Where a client was that has come back.
fn last_event(headers: &HeaderMap) -> Result<Option<u64>, Failure> {
    let Some(value) = headers.get("last-event-id") else { return Ok(None) };
    let number = value.to_str().ok().and_then(|value| value.trim().parse().ok());
    let hint = "give back the id of the last event, or leave it out";
    number.map(Some).ok_or_else(|| Failure::argument("Last-Event-ID is not a number", hint))
}

/// The events of a source; the client is asked for the next one only once it took the last.
fn flow(source: Source, seat: Seat) -> impl Stream<Item = Result<sse::Event, Infallible>> {
    let first = sse::Event::default().retry(RETRY).comment("these are events");
    stream::unfold((Some(first), Some((source, seat))), |(first, source)| async move {
        if let Some(first) = first {
            return Some((Ok(first), (None, source)));
        }
        let (mut source, seat) = source?;
        let (event, goes_on) = match source.next().await? {
            Ok(item) => (written(item), true),
            Err(error) => (block("error", None, &Fault::from(error)), false),
        };
        Some((Ok(event), (None, goes_on.then_some((source, seat)))))
    })
}

#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
enum Link {
    Lost { why: String },
    Back { restarted: bool },
}

#[derive(Debug, Serialize)]
struct CaughtUp {
    cursor: u64,
}

/// One event: its name, where it stands, and its content.
fn written(item: TailItem) -> sse::Event {
    let event = match item {
        TailItem::Lost(why) => return block("link", None, &Link::Lost { why }),
        TailItem::Back { restarted } => return block("link", None, &Link::Back { restarted }),
        TailItem::Event(event) => event,
    };
    match &event {
        Event::Message(message) => block("message", Some(message.cursor), message),
        Event::Direct(direct) => block("direct", Some(direct.cursor), direct),
        Event::CaughtUp { cursor } => {
            block("caught_up", Some(*cursor), &CaughtUp { cursor: *cursor })
        }
        Event::DirectState(change) => block("direct_state", None, change),
        Event::Person(change) => block("person", None, change),
        Event::Node(change) => block("node", None, change),
        Event::Partition(change) => block("partition", None, change),
        Event::Key(change) => block("key", None, change),
        Event::Missed(missed) => block("missed", None, missed),
        Event::Gone(gone) => block("gone", None, gone),
        Event::KeyShared(shared) => block("key_shared", None, shared),
        Event::Peers(peers) => block("peers", None, peers),
        // Asked for by bridges alone.
        Event::Relayed(_) | Event::Log(_) => sse::Event::default().comment(""),
    }
}

/// JSON has no line ends of its own, so that nothing in a text can end its line.
fn block(name: &str, id: Option<u64>, content: &impl Serialize) -> sse::Event {
    let data = serde_json::to_string(content).unwrap_or_else(|_| "null".to_owned());
    let event = sse::Event::default().event(name).data(data);
    match id {
        Some(id) => event.id(id.to_string()),
        None => event,
    }
}

/// A comment so often, so that nobody in between thinks that the connection is dead.
const COMMENT: Duration = Duration::from_secs(20);
/// How long a client should wait before it comes back.
const RETRY: Duration = Duration::from_secs(3);
