//! What waits for a page, bounded: a page that does not read only holds up itself.

use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time;

/// The end where frames are put in.
#[derive(Debug)]
pub(super) struct Outbox(mpsc::Sender<Utf8Bytes>);

/// The end where they are taken out.
#[derive(Debug)]
pub(super) struct Queue(mpsc::Receiver<Utf8Bytes>);

/// The page is gone.
#[derive(Debug)]
pub(super) struct Closed;

/// A place for one frame.
#[derive(Debug)]
pub(super) struct Room<'a>(mpsc::Permit<'a, Utf8Bytes>);

pub(super) fn pair() -> (Outbox, Queue) {
    let (to, from) = mpsc::channel(QUEUED);
    (Outbox(to), Queue(from))
}

impl Outbox {
    /// Waits for a place. Safe to cancel.
    pub(super) async fn room(&self) -> Result<Room<'_>, Closed> {
        self.0.reserve().await.map(Room).map_err(|_closed| Closed)
    }

    /// Waits until nothing is written any more.
    pub(super) async fn closed(&self) {
        self.0.closed().await;
    }

    /// Waits for a place and puts a frame there.
    pub(super) async fn put(&self, frame: &impl Serialize) -> Result<(), Closed> {
        self.room().await?.put(frame);
        Ok(())
    }
}

impl Room<'_> {
    pub(super) fn put(self, frame: &impl Serialize) {
        match serde_json::to_string(frame) {
            Ok(text) => self.0.send(text.into()),
            Err(error) => tracing::error!("a frame for a page cannot be written: {error}"),
        }
    }
}

/// Writes until the outbox is dropped, the page does not read for too long, or is gone. Asks
/// now and then whether it is there.
pub(super) async fn write(sink: &mut SplitSink<WebSocket, Message>, mut queue: Queue) -> Written {
    let mut pings = time::interval(PING);
    loop {
        let message = tokio::select! {
            frame = queue.0.recv() => match frame {
                Some(text) => Message::Text(text),
                None => return Written::All,
            },
            _ = pings.tick() => Message::Ping(Vec::new().into()),
        };
        match time::timeout(WRITE, sink.send(message)).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return Written::Gone,
            Err(_) => return Written::Stalled,
        }
    }
}

/// How writing ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    All,
    Gone,
    /// The page did not read.
    Stalled,
}

/// Says goodbye.
pub(super) async fn close(
    mut sink: SplitSink<WebSocket, Message>,
    code: u16,
    reason: &'static str,
) {
    let frame = CloseFrame { code, reason: reason.into() };
    time::timeout(GOODBYE, sink.send(Message::Close(Some(frame)))).await.ok();
}

/// Frames that wait for a page.
const QUEUED: usize = 16;
const PING: Duration = Duration::from_secs(20);
/// How long one frame may take to leave.
const WRITE: Duration = Duration::from_secs(30);
const GOODBYE: Duration = Duration::from_secs(2);
