//! The socket that the page keeps open: `docs/http-api.md` describes its frames.

mod enter;
mod frame;
mod lanes;
mod outbox;

use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Extension, State};
use axum::response::Response;
use axum::routing::any;
use futures_util::StreamExt as _;
use futures_util::stream::SplitStream;
use meshchat_client::{Guest, TailItem};
use tokio::time;

use self::enter::Entered;
use self::frame::{Answer, Ask, Link, Outbound};
use self::lanes::Asks;
use self::outbox::{Closed, Outbox, Written};
use super::{Caller, Fault, Web};
use crate::door::Door;

/// The live socket.
pub(super) fn routes() -> Router<Web> {
    Router::new().route("/api/v1/live", any(upgrade))
}

async fn upgrade(
    upgrade: WebSocketUpgrade,
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
) -> Response {
    let upgrade = upgrade
        .max_message_size(FRAME_BYTES)
        .max_frame_size(FRAME_BYTES)
        .read_buffer_size(BUFFER)
        .write_buffer_size(0);
    upgrade.on_upgrade(|socket| async move {
        let tasks = web.house.tasks.clone();
        tasks.spawn(serve(socket, web, caller));
    })
}

/// Why a socket ends.
#[derive(Debug)]
enum End {
    /// The page closed it, or is gone.
    Gone,
    /// It said nothing for too long, not even that it is there.
    Silent,
    /// It sent something that this socket does not carry: a close code and its words.
    Wrong(u16, &'static str),
    /// The person cannot be here any more, or cannot come in.
    Refused(Fault),
}

async fn serve(socket: WebSocket, web: Web, caller: Caller) {
    let door = web.door.clone();
    let (mut sink, mut stream) = socket.split();
    let (outbox, queue) = outbox::pair();
    let (written, end) = {
        let mut writing = pin!(outbox::write(&mut sink, queue));
        let mut living = Box::pin(live(&mut stream, (&web, &caller), outbox));
        tokio::select! {
            written = &mut writing => (written, living.await),
            end = &mut living => {
                let written = time::timeout(GOODBYE, writing).await;
                (written.unwrap_or(Written::Stalled), end)
            }
        }
    };
    if written == Written::Stalled {
        door.count("page_stalled");
    }
    match end {
        End::Gone => {}
        End::Silent => door.count("page_silent"),
        End::Wrong(code, reason) => {
            door.count("bad_frame");
            outbox::close(sink, code, reason).await;
        }
        End::Refused(_) => outbox::close(sink, REFUSED, "refused").await,
    }
}

/// Everything between the upgrade and the last frame.
async fn live(stream: &mut SplitStream<WebSocket>, who: (&Web, &Caller), outbox: Outbox) -> End {
    let end = meet(stream, who, &outbox).await;
    if let End::Refused(fault) = &end {
        outbox.put(&Outbound::Refused(fault.clone())).await.ok();
    }
    end
}

/// Lets a page in once it has said who it is.
async fn meet(
    stream: &mut SplitStream<WebSocket>,
    (web, caller): (&Web, &Caller),
    outbox: &Outbox,
) -> End {
    let patience = Duration::from_secs(web.house.limits.hello_seconds);
    let hello = async {
        tokio::select! {
            first = time::timeout(patience, first(stream)) => first.ok(),
            // Newer ones need its place.
            _ = caller.end() => None,
        }
    };
    let text = match hello.await {
        Some(Ok(text)) => text,
        Some(Err(end)) => return end,
        None => {
            web.door.count("hello_late");
            let words = "the page took too long to say who it is";
            return End::Refused(Fault::own("late", words, "load the page again"));
        }
    };
    match Box::pin(enter::enter(web, caller, &text)).await {
        Ok(entered) => Box::pin(stay(entered, stream, web, outbox)).await,
        Err(fault) => {
            web.door.count("refused");
            End::Refused(fault)
        }
    }
}

/// The first frame.
async fn first(stream: &mut SplitStream<WebSocket>) -> Result<String, End> {
    loop {
        if let Some(text) = text(stream.next().await)? {
            return Ok(text);
        }
    }
}

/// A page that is in, until it is gone.
async fn stay(
    entered: Entered,
    stream: &mut SplitStream<WebSocket>,
    web: &Web,
    outbox: &Outbox,
) -> End {
    let Entered { visit, mut guest, welcome, seat: _seat } = entered;
    if outbox.put(&Outbound::Welcome(welcome.into())).await.is_err() {
        return End::Gone;
    }
    let speaker = guest.speaker().clone();
    let (asks, lanes) = lanes::lanes();
    let end = {
        let mut lanes = pin!(lanes.run(&speaker, &visit, outbox));
        let end = tokio::select! {
            end = listen(stream, asks, &web.door, outbox) => end,
            end = show(&mut guest, outbox) => end,
            () = &mut lanes => End::Gone,
            () = outbox.closed() => End::Gone,
        };
        // What the page said last is said, also when it is gone by now.
        time::timeout(DRAIN, lanes).await.ok();
        end
    };
    visit.leave(guest).await;
    end
}

/// Reads requests until the page is gone.
async fn listen(
    stream: &mut SplitStream<WebSocket>,
    asks: Asks,
    door: &Door,
    outbox: &Outbox,
) -> End {
    loop {
        let Ok(next) = time::timeout(SILENCE, stream.next()).await else { return End::Silent };
        let asked = match text(next) {
            Ok(Some(text)) => Ask::read(&text).and_then(|ask| asks.put(ask)),
            Ok(None) => continue,
            Err(end) => return end,
        };
        if let Err((id, fault)) = asked {
            door.count("refused_request");
            if let Err(Closed) = outbox.put(&Answer::new(id, Err(fault))).await {
                return End::Gone;
            }
        }
    }
}

/// Shows events as fast as the page takes them; what it does not take waits in the daemon.
async fn show(guest: &mut Guest, outbox: &Outbox) -> End {
    loop {
        let Ok(room) = outbox.room().await else { return End::Gone };
        match guest.next().await {
            Some(Ok(TailItem::Event(event))) => room.put(&Outbound::Event(event.into())),
            Some(Ok(TailItem::Lost(why))) => room.put(&Outbound::Link(Link::Lost { why })),
            Some(Ok(TailItem::Back { restarted })) => {
                room.put(&Outbound::Link(Link::Back { restarted }));
            }
            Some(Err(error)) => return End::Refused(enter::refused(error.into())),
            None => return End::Gone,
        }
    }
}

/// The text of a frame; none for those that only say that the page is there.
fn text(next: Option<Result<Message, axum::Error>>) -> Result<Option<String>, End> {
    match next {
        Some(Ok(Message::Text(text))) => Ok(Some(text.as_str().to_owned())),
        Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(None),
        Some(Ok(Message::Binary(_))) => Err(End::Wrong(1003, "frames are text")),
        Some(Ok(Message::Close(_))) | None => Err(End::Gone),
        Some(Err(error)) if is_too_long(&error) => Err(End::Wrong(1009, "too long")),
        Some(Err(_)) => Err(End::Gone),
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<tokio_tungstenite::tungstenite::Error>() {
            return matches!(error, tokio_tungstenite::tungstenite::Error::Capacity(_));
        }
        source = error.source();
    }
    false
}

/// Bytes of one frame of a page.
const FRAME_BYTES: usize = 16 * 1024;
/// What is read at once.
const BUFFER: usize = 8 * 1024;
/// A page that answers no ping for so long is gone.
const SILENCE: Duration = Duration::from_secs(60);
/// How long requests may take that were made just before the page went.
const DRAIN: Duration = Duration::from_secs(5);
const GOODBYE: Duration = Duration::from_secs(5);
/// Close code after `refused`: the page should not just try again.
const REFUSED: u16 = 4000;
