//! Frames on their way to one client.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use meshchat_proto::codec;
use meshchat_proto::control::{FromDaemon, event_head};
use tokio::sync::Notify;

/// One frame: bytes of its own, and bytes that it shares with the frames of other clients.
#[derive(Debug, Clone)]
pub struct Frame {
    head: Vec<u8>,
    body: Bytes,
}

impl Frame {
    /// A frame for one client.
    #[must_use]
    pub fn whole(frame: &FromDaemon) -> Self {
        let mut head = Vec::with_capacity(REPLY_BYTES);
        head.extend([0; 4]);
        codec::encode_into(&mut head, frame);
        Self { head, body: Bytes::new() }.with_length()
    }

    /// An event, encoded once for all clients that get it.
    #[must_use]
    pub fn event(id: u64, event: Bytes) -> Self {
        let mut head = Vec::with_capacity(EVENT_HEAD_BYTES);
        head.extend([0; 4]);
        event_head(&mut head, id);
        Self { head, body: event }.with_length()
    }

    fn with_length(mut self) -> Self {
        let length = u32::try_from(self.len() - 4).unwrap_or(u32::MAX);
        if let Some(prefix) = self.head.first_chunk_mut::<4>() {
            *prefix = length.to_be_bytes();
        }
        self
    }

    fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }
}

/// The queue of one client. The hub puts in, the session's task takes out.
#[derive(Debug, Default)]
pub struct ClientOutbox {
    state: Mutex<State>,
    filled: Notify,
    emptied: Notify,
}

#[derive(Debug, Default)]
struct State {
    frames: VecDeque<Frame>,
    bytes: usize,
    /// Bytes since the hub was last told that they were taken.
    since_told: usize,
    closed: bool,
}

impl ClientOutbox {
    /// Bytes that wait before a client is taken for dead and cut off. The core stops streaming
    /// long before; only a client that asks without reading gets here.
    pub const CAPACITY: usize = 24 * 1024 * 1024;
    /// Bytes that wait before nothing more is read from a client.
    pub const BUSY: usize = 1024 * 1024;
    /// After so many bytes the hub is told that they were taken, unless as many still wait.
    const TELL: usize = 256 * 1024;

    /// Queues a frame; never waits.
    pub fn push(&self, frame: Frame) {
        let mut state = self.lock();
        if state.closed {
            return;
        }
        state.bytes += frame.len();
        state.since_told += frame.len();
        state.frames.push_back(frame);
        if state.bytes > Self::CAPACITY {
            state.closed = true;
        }
        drop(state);
        self.filled.notify_one();
    }

    /// Ends the session when what waits is sent.
    pub fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_one();
    }

    /// Whether more waits than any client that reads leaves: it is cut off.
    #[must_use]
    pub fn is_overfull(&self) -> bool {
        self.lock().bytes > Self::CAPACITY
    }

    /// Waits for bytes to send and adds them to `buffer`, up to about `most`. Returns `false`
    /// when nothing comes any more.
    pub(super) async fn take(&self, buffer: &mut Vec<u8>, most: usize) -> bool {
        loop {
            let filled = self.filled.notified();
            {
                let mut state = self.lock();
                if state.bytes > Self::CAPACITY {
                    return false;
                }
                while buffer.len() < most
                    && let Some(frame) = state.frames.pop_front()
                {
                    state.bytes -= frame.len();
                    buffer.extend_from_slice(&frame.head);
                    buffer.extend_from_slice(&frame.body);
                }
                if state.frames.is_empty() {
                    state.frames = VecDeque::new();
                }
                let (closed, busy) = (state.closed, state.bytes >= Self::BUSY);
                drop(state);
                if !busy {
                    self.emptied.notify_waiters();
                }
                if !buffer.is_empty() || closed {
                    return !buffer.is_empty();
                }
            }
            filled.await;
        }
    }

    /// Whether the hub is to be told that much was taken and little is left.
    pub(super) fn is_drained(&self) -> bool {
        let mut state = self.lock();
        let drained = state.bytes < Self::TELL && state.since_told >= Self::TELL;
        if drained {
            state.since_told = 0;
        }
        drained
    }

    /// Waits until the client has taken enough to be read from again, or to be given more.
    pub async fn until_calm(&self) {
        loop {
            let emptied = self.emptied.notified();
            if self.lock().bytes < Self::BUSY {
                return;
            }
            emptied.await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing that holds the lock can panic halfway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Room for the answer to a message sent, so that it need not grow.
const REPLY_BYTES: usize = 192;
/// Room for all that comes before an event.
const EVENT_HEAD_BYTES: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;
    use meshchat_proto::control::{Event, Reply};

    #[tokio::test]
    async fn frames_come_out_in_order_and_shared_events_are_whole() {
        let outbox = ClientOutbox::default();
        outbox.push(Frame::whole(&FromDaemon::ok(1, Reply::Done {})));
        let event = Event::CaughtUp { cursor: 3 };
        outbox.push(Frame::event(2, codec::encode(&event).into()));
        let mut bytes = Vec::new();
        assert!(outbox.take(&mut bytes, 1000).await);
        let first = u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize;
        let second: FromDaemon = codec::decode(&bytes[4 + first + 4..]).unwrap();
        assert_eq!(second, FromDaemon::event(2, event));
        outbox.close();
        bytes.clear();
        assert!(!outbox.take(&mut bytes, 1000).await);
    }

    #[tokio::test]
    async fn a_client_that_never_reads_is_cut_off() {
        let outbox = ClientOutbox::default();
        let event = Bytes::from(vec![0; 1024 * 1024]);
        for _ in 0..40 {
            outbox.push(Frame::event(1, event.clone()));
        }
        assert!(outbox.lock().bytes <= ClientOutbox::CAPACITY + event.len() + 64);
        assert!(!outbox.take(&mut Vec::new(), 1000).await);
    }
}
