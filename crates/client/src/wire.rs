//! One connection: who waits for which answer, one task that reads and one that writes.

use std::collections::HashMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use meshchat_proto::control::{Request, ToDaemon};
use meshchat_proto::{codec, limits};
use tokio::io::AsyncWriteExt as _;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio_util::codec::{FramedRead, LengthDelimitedCodec};

use crate::error::RequestError;
use crate::incoming::{Answer, Incoming, Lenient};
use crate::{QUEUED_BYTES, RUNNING};

pub(crate) type RawFrames = FramedRead<OwnedReadHalf, LengthDelimitedCodec>;
type Frames = tokio_serde::Framed<RawFrames, Incoming, (), Lenient>;

/// Who waits for the answer to a request.
pub(crate) enum Waiter {
    Once(oneshot::Sender<Answer>),
    Stream(mpsc::Sender<Answer>),
    /// One of many in flight: its place in their order comes back with the answer.
    Pipeline(mpsc::Sender<(u64, Answer)>, u64),
}

/// A running connection; ends when the last clone is dropped.
pub(crate) struct Wire {
    shared: Arc<Shared>,
    tasks: [AbortHandle; 2],
}

impl Wire {
    pub(crate) fn start(frames: RawFrames, half: OwnedWriteHalf) -> Self {
        let shared = Arc::new(Shared::default());
        let reader = tokio::spawn(read_all(Arc::clone(&shared), Frames::new(frames, Lenient)));
        let writer = tokio::spawn(write_all(Arc::clone(&shared), half));
        Self { shared, tasks: [reader.abort_handle(), writer.abort_handle()] }
    }

    /// Queues a request; waits while the connection has too much to do.
    pub(crate) async fn submit(
        &self,
        request: Request,
        waiter: Waiter,
    ) -> Result<u64, RequestError> {
        let shared = &*self.shared;
        let mut room = pin!(shared.room.notified());
        loop {
            room.as_mut().enable();
            {
                let mut state = shared.lock();
                if let Some(why) = &state.lost {
                    return Err(RequestError::Lost(why.clone()));
                }
                if state.has_room() {
                    let id = state.queue(request)?;
                    state.waiting.insert(id, waiter);
                    shared.ready.notify_one();
                    return Ok(id);
                }
            }
            room.as_mut().await;
            room.set(shared.room.notified());
        }
    }

    /// Queues a request if there is room for it; tells whether there was.
    pub(crate) fn try_submit(&self, request: Request, waiter: Waiter) -> bool {
        let mut state = self.shared.lock();
        if state.lost.is_some() || !state.has_room() {
            return false;
        }
        let Ok(id) = state.queue(request) else { return false };
        state.waiting.insert(id, waiter);
        self.shared.ready.notify_one();
        true
    }

    /// Forgets a stream and tells the daemon so.
    pub(crate) fn cancel(&self, id: u64) {
        let mut state = self.shared.lock();
        if state.waiting.remove(&id).is_some() && state.queue(Request::Cancel { id }).is_ok() {
            self.shared.ready.notify_one();
        }
        drop(state);
        self.shared.room.notify_waiters();
    }

    /// Waits for the end of the connection.
    pub(crate) async fn until_lost(&self) -> RequestError {
        let mut change = pin!(self.shared.room.notified());
        loop {
            change.as_mut().enable();
            if let Some(why) = self.shared.lock().lost.clone() {
                return RequestError::Lost(why);
            }
            change.as_mut().await;
            change.set(self.shared.room.notified());
        }
    }

    /// Whether the connection is known to have ended.
    pub(crate) fn is_lost(&self) -> bool {
        self.shared.lock().lost.is_some()
    }

    /// The error for an answer that will not come any more.
    pub(crate) fn lost(&self) -> RequestError {
        let why = self.shared.lock().lost.clone();
        RequestError::Lost(why.unwrap_or_else(|| CLOSED.into()))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// There is something to write.
    ready: Notify,
    /// Something was written or answered.
    room: Notify,
}

#[derive(Default)]
struct State {
    last_id: u64,
    waiting: HashMap<u64, Waiter>,
    out: Vec<u8>,
    lost: Option<String>,
}

impl State {
    fn has_room(&self) -> bool {
        self.out.len() < QUEUED_BYTES && self.waiting.len() < RUNNING
    }

    fn queue(&mut self, request: Request) -> Result<u64, RequestError> {
        let id = self.last_id + 1;
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        codec::encode_into(&mut self.out, &ToDaemon { id, request });
        let length = self.out.len() - start - 4;
        let prefix = u32::try_from(length).ok().filter(|_| length <= limits::CONTROL_REQUEST_BYTES);
        match (prefix, self.out.get_mut(start..start + 4)) {
            (Some(prefix), Some(place)) => place.copy_from_slice(&prefix.to_be_bytes()),
            _ => {
                self.out.truncate(start);
                return Err(RequestError::TooLong(length));
            }
        }
        self.last_id = id;
        Ok(id)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn deliver(&self, Incoming { id, answer }: Incoming) {
        let Some((to, answer)) = self.route(id, answer) else { return };
        // A full queue stops reading: only so does the daemon learn that we are slow.
        let _ = to.send(answer).await;
    }

    /// Hands an answer to whoever waits for it; gives it back when a stream's queue is full.
    fn route(&self, id: u64, answer: Answer) -> Option<(mpsc::Sender<Answer>, Answer)> {
        let mut state = self.lock();
        if let Some(Waiter::Stream(to)) = state.waiting.get(&id) {
            let last = answer.is_last();
            let full = match to.try_send(answer) {
                Err(mpsc::error::TrySendError::Full(answer)) => Some((to.clone(), answer)),
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
            };
            if last {
                state.waiting.remove(&id);
            }
            return full;
        }
        let was_full = state.waiting.len() >= RUNNING;
        let waiter = state.waiting.remove(&id);
        drop(state);
        match waiter {
            Some(Waiter::Once(to)) => drop(to.send(answer)),
            // Its window is not longer than its queue.
            Some(Waiter::Pipeline(to, at)) => drop(to.try_send((at, answer))),
            Some(Waiter::Stream(_)) | None => {}
        }
        if was_full {
            self.room.notify_waiters();
        }
        None
    }

    fn lose(&self, why: String) {
        let mut state = self.lock();
        state.lost.get_or_insert(why);
        state.waiting.clear();
        drop(state);
        self.room.notify_waiters();
        self.ready.notify_one();
    }
}

async fn read_all(shared: Arc<Shared>, mut frames: Frames) {
    let why = loop {
        match frames.next().await {
            Some(Ok(Incoming { id: 0, answer: Answer::Error(error) })) => break error.to_string(),
            Some(Ok(incoming)) => shared.deliver(incoming).await,
            Some(Err(error)) => break error.to_string(),
            None => break CLOSED.into(),
        }
    };
    shared.lose(why);
}

async fn write_all(shared: Arc<Shared>, mut half: OwnedWriteHalf) {
    let mut batch = Vec::new();
    loop {
        {
            let mut state = shared.lock();
            if state.lost.is_some() {
                return;
            }
            std::mem::swap(&mut state.out, &mut batch);
        }
        if batch.is_empty() {
            shared.ready.notified().await;
            continue;
        }
        shared.room.notify_waiters();
        // The reader sees the end too, behind the answers that are still on their way.
        if half.write_all(&batch).await.is_err() {
            return;
        }
        batch.clear();
    }
}

const CLOSED: &str = "meshchatd closed it";
