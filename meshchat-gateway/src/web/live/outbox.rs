//! What waits for a page, bounded: a page that does not read only holds up itself.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time;

/// The end where frames are put in.
#[derive(Debug)]
pub(super) struct Outbox {
    frames: mpsc::Sender<Frame>,
    bytes: Arc<Semaphore>,
}

/// The end where they are taken out.
#[derive(Debug)]
pub(super) struct Queue(mpsc::Receiver<Frame>);

#[derive(Debug)]
struct Frame {
    text: Utf8Bytes,
    /// Its share of the bytes that may wait.
    bytes: OwnedSemaphorePermit,
}

/// The page is gone.
#[derive(Debug)]
pub(super) struct Closed;

/// A place for one frame.
#[derive(Debug)]
pub(super) struct Room<'a> {
    place: mpsc::Permit<'a, Frame>,
    bytes: &'a Arc<Semaphore>,
}

pub(super) fn pair() -> (Outbox, Queue) {
    let (frames, from) = mpsc::channel(QUEUED);
    let bytes = Arc::new(Semaphore::new(QUEUED_BYTES as usize));
    (Outbox { frames, bytes }, Queue(from))
}

impl Outbox {
    /// Waits for a place. Safe to cancel.
    pub(super) async fn room(&self) -> Result<Room<'_>, Closed> {
        let place = self.frames.reserve().await.map_err(|_closed| Closed)?;
        Ok(Room { place, bytes: &self.bytes })
    }

    /// Waits until nothing is written any more.
    pub(super) async fn closed(&self) {
        self.frames.closed().await;
    }

    /// Whether nothing is written any more.
    pub(super) fn is_closed(&self) -> bool {
        self.frames.is_closed()
    }

    /// Waits for a place and puts a frame there.
    pub(super) async fn put(&self, frame: &impl Serialize) -> Result<(), Closed> {
        self.room().await?.put(frame).await;
        Ok(())
    }
}

impl Room<'_> {
    /// Waits until as many bytes may wait; for a frame that has more, until nothing else does.
    pub(super) async fn put(self, frame: &impl Serialize) {
        let text = match serde_json::to_string(frame) {
            Ok(text) => text,
            Err(error) => {
                tracing::error!("a frame for a page cannot be written: {error}");
                return;
            }
        };
        let share = u32::try_from(text.len()).unwrap_or(u32::MAX).min(QUEUED_BYTES);
        // It is never closed; what is taken out or thrown away gives its share back.
        if let Ok(bytes) = Arc::clone(self.bytes).acquire_many_owned(share).await {
            self.place.send(Frame { text: text.into(), bytes });
        }
    }
}

/// Writes until the outbox is dropped, the page does not read for too long, or is gone. Asks
/// now and then whether it is there.
pub(super) async fn write(sink: &mut SplitSink<WebSocket, Message>, mut queue: Queue) -> Written {
    let mut pings = time::interval(PING);
    loop {
        let (message, _bytes) = tokio::select! {
            frame = queue.0.recv() => match frame {
                Some(Frame { text, bytes }) => (Message::Text(text), Some(bytes)),
                None => return Written::All,
            },
            _ = pings.tick() => (Message::Ping(Vec::new().into()), None),
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
const QUEUED_BYTES: u32 = 256 * 1024;
const PING: Duration = Duration::from_secs(20);
/// How long one frame may take to leave.
const WRITE: Duration = Duration::from_secs(30);
const GOODBYE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn bytes_that_wait_are_bounded() {
        let (outbox, mut queue) = pair();
        let half = "x".repeat(QUEUED_BYTES as usize / 2);
        outbox.put(&half).await.unwrap();
        assert!(outbox.put(&half).now_or_never().is_none());
        let large = "x".repeat(QUEUED_BYTES as usize * 2);
        assert!(outbox.put(&large).now_or_never().is_none());
        drop(queue.0.recv().await);
        outbox.put(&large).await.unwrap();
        assert!(outbox.put(&"x").now_or_never().is_none());
        drop(queue);
        assert!(outbox.put(&"x").await.is_err());
    }
}
