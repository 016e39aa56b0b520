use std::fmt;
use std::sync::Arc;

use meshchat_proto::control::{Event, Request};
use tokio::sync::mpsc;

use crate::QUEUED_EVENTS;
use crate::client::into_reply;
use crate::error::RequestError;
use crate::incoming::Answer;
use crate::wire::{Waiter, Wire};

/// Events of one streaming request. Dropping it cancels the request.
pub struct EventStream {
    wire: Arc<Wire>,
    answers: mpsc::Receiver<Answer>,
    id: u64,
    over: bool,
}

impl EventStream {
    pub(crate) async fn open(wire: Arc<Wire>, request: Request) -> Result<Self, RequestError> {
        let (to, answers) = mpsc::channel(QUEUED_EVENTS);
        let id = wire.submit(request, Waiter::Stream(to)).await?;
        let mut stream = Self { wire, answers, id, over: false };
        match stream.answers.recv().await {
            Some(answer) => into_reply(answer)?,
            None => return Err(stream.wire.lost()),
        };
        Ok(stream)
    }

    /// The next event; `None` once the stream has ended, an error at most once. Events that
    /// this client does not know are skipped. Safe to cancel.
    pub async fn next(&mut self) -> Option<Result<Event, RequestError>> {
        while !self.over {
            match self.answers.recv().await {
                Some(Answer::Event(event)) => return Some(Ok(event)),
                Some(Answer::Reply(_) | Answer::New) => {}
                Some(Answer::End) => self.over = true,
                Some(Answer::Error(error)) => {
                    self.over = true;
                    return Some(Err(error.into()));
                }
                Some(Answer::NewReply) => {
                    self.over = true;
                    return Some(Err(RequestError::NotUnderstood));
                }
                None => {
                    self.over = true;
                    return Some(Err(self.wire.lost()));
                }
            }
        }
        None
    }
}

impl Drop for EventStream {
    fn drop(&mut self) {
        self.wire.cancel(self.id);
    }
}

impl fmt::Debug for EventStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventStream").field("id", &self.id).finish_non_exhaustive()
    }
}
