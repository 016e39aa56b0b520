use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use meshchat_proto::control::{Reply, Request};
use tokio::sync::mpsc;

use crate::WINDOW;
use crate::client::into_reply;
use crate::error::RequestError;
use crate::incoming::Answer;
use crate::wire::{Waiter, Wire};

/// Many requests in flight on one connection; results come in the order of the requests.
///
/// At most [`WINDOW`] may be in flight or wait to be taken.
pub struct Pipeline {
    wire: Arc<Wire>,
    to: mpsc::Sender<(u64, Answer)>,
    answers: mpsc::Receiver<(u64, Answer)>,
    /// Results from the oldest that was not taken on; `None` where none came yet.
    slots: VecDeque<Option<Result<Reply, RequestError>>>,
    /// The place of the first slot.
    first: u64,
}

impl Pipeline {
    pub(crate) fn new(wire: Arc<Wire>) -> Self {
        let (to, answers) = mpsc::channel(WINDOW);
        Self { wire, to, answers, slots: VecDeque::new(), first: 0 }
    }

    /// Whether one more request may be pushed.
    pub fn has_room(&self) -> bool {
        self.slots.len() < WINDOW
    }

    /// Whether no result is to come any more.
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Queues a request; waits only while the socket is behind.
    ///
    /// # Errors
    ///
    /// [`RequestError::Full`] when the window is full; otherwise the request was not sent and
    /// has no result to wait for.
    pub async fn push(&mut self, request: Request) -> Result<(), RequestError> {
        if !self.has_room() {
            return Err(RequestError::Full);
        }
        let at = self.first + self.slots.len() as u64;
        self.wire.submit(request, Waiter::Pipeline(self.to.clone(), at)).await?;
        self.slots.push_back(None);
        Ok(())
    }

    /// The result of the oldest request whose result was not taken; `None` when there is no
    /// such request. Safe to cancel.
    pub async fn next(&mut self) -> Option<Result<Reply, RequestError>> {
        loop {
            match self.slots.front_mut()?.take() {
                Some(result) => {
                    self.slots.pop_front();
                    self.first += 1;
                    return Some(result);
                }
                None => self.receive().await,
            }
        }
    }

    async fn receive(&mut self) {
        let lost = self.wire.until_lost();
        tokio::select! {
            biased;
            answer = self.answers.recv() => {
                let Some((at, answer)) = answer else { return };
                let index = usize::try_from(at.wrapping_sub(self.first)).unwrap_or(usize::MAX);
                if let Some(slot) = self.slots.get_mut(index) {
                    *slot = Some(into_reply(answer));
                }
            }
            error = lost => {
                for slot in self.slots.iter_mut().filter(|slot| slot.is_none()) {
                    *slot = Some(Err(error.clone()));
                }
            }
        }
    }
}

impl fmt::Debug for Pipeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pipeline").field("outstanding", &self.slots.len()).finish_non_exhaustive()
    }
}
