//! Telling the daemon how far a client has come, one word at a time.

use std::future;

use meshchat_proto::control::{CursorRequest, Request};
use tokio::sync::oneshot;

use crate::client::Client;
use crate::incoming::Answer;

/// What is confirmed, and what is on its way. More than one confirmation at a time could fill the
/// connection while nobody reads it.
#[derive(Debug, Default)]
pub(crate) struct Confirming {
    /// None while the connection is gone.
    pub(crate) client: Option<Client>,
    name: String,
    wished: u64,
    told: u64,
    answer: Option<oneshot::Receiver<Answer>>,
}

impl Confirming {
    /// Goes on over a new connection; what the old one took with it is told again.
    pub(crate) fn connected(&mut self, client: Client) {
        (self.client, self.answer, self.told) = (Some(client), None, 0);
        self.tell();
    }

    /// Wants all up to this cursor to be confirmed.
    pub(crate) fn wish(&mut self, name: &str, upto: u64) {
        if self.name.is_empty() {
            self.name.push_str(name);
        }
        self.wished = self.wished.max(upto);
        self.tell();
    }

    /// Whether something is to be told, or on its way.
    pub(crate) fn is_open(&self) -> bool {
        self.client.is_some() && (self.answer.is_some() || self.wished > self.told)
    }

    /// Waits for an answer and tells what was wished meanwhile; for ever when nothing is on its
    /// way. Safe to cancel.
    pub(crate) async fn go_on(&mut self) {
        let Some(answer) = &mut self.answer else {
            return future::pending().await;
        };
        // Whatever it is: a later confirmation says the same again.
        answer.await.ok();
        self.answer = None;
        self.tell();
    }

    fn tell(&mut self) {
        let Some(client) = &self.client else {
            self.answer = None;
            return;
        };
        if self.answer.is_some() || self.wished <= self.told {
            return;
        }
        let request = CursorRequest::Confirm { name: self.name.clone(), upto: self.wished };
        self.answer = client.try_ask(Request::Cursor(request));
        if self.answer.is_some() {
            self.told = self.wished;
        }
    }
}
