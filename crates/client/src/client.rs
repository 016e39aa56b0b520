use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshchat_proto::control::{PeerInfo, Reply, Request, Status, Welcome};
use tokio::sync::oneshot;

use crate::connect;
use crate::error::{ConnectError, RequestError};
use crate::incoming::Answer;
use crate::pipeline::Pipeline;
use crate::stream::EventStream;
use crate::wire::{Waiter, Wire};

/// A connection to the daemon. Clones share it; it ends with the last of them and of the
/// streams and pipelines made from it.
#[derive(Clone)]
pub struct Client {
    wire: Arc<Wire>,
    welcome: Arc<Welcome>,
}

impl Client {
    /// Connects and greets. Needs a tokio runtime.
    ///
    /// # Errors
    ///
    /// [`ConnectError`] tells a missing daemon from one that refuses.
    pub async fn connect(path: impl AsRef<Path>) -> Result<Self, ConnectError> {
        Self::connect_any(&[path.as_ref().into()]).await
    }

    /// Connects to the first of these paths where a daemon listens; see
    /// [`candidates`](crate::candidates).
    ///
    /// # Errors
    ///
    /// Those of the first path where something is, or [`ConnectError::NotRunning`].
    pub async fn connect_any(paths: &[PathBuf]) -> Result<Self, ConnectError> {
        let (wire, welcome) = connect::any(paths).await?;
        Ok(Self { wire: Arc::new(wire), welcome: Arc::new(welcome) })
    }

    /// What the daemon said in its greeting.
    pub fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    /// Sends one request and waits for its reply, for as long as it takes. Many may run at once.
    ///
    /// # Errors
    ///
    /// [`RequestError`]; after [`RequestError::Lost`] the client is of no more use.
    pub async fn request(&self, request: Request) -> Result<Reply, RequestError> {
        let (to, answer) = oneshot::channel();
        self.wire.submit(request, Waiter::Once(to)).await?;
        match answer.await {
            Ok(answer) => into_reply(answer),
            Err(_) => Err(self.wire.lost()),
        }
    }

    /// Sends one request if there is room for it now.
    pub(crate) fn try_ask(&self, request: Request) -> Option<oneshot::Receiver<Answer>> {
        let (to, answer) = oneshot::channel();
        self.wire.try_submit(request, Waiter::Once(to)).then_some(answer)
    }

    /// Opens a stream and waits until the daemon says that it begins.
    ///
    /// A stream that is not read holds up the whole connection once
    /// [`QUEUED_EVENTS`](crate::QUEUED_EVENTS) wait in it.
    ///
    /// # Errors
    ///
    /// [`RequestError`] when the daemon refuses it.
    pub async fn stream(&self, request: Request) -> Result<EventStream, RequestError> {
        EventStream::open(Arc::clone(&self.wire), request).await
    }

    /// Begins to send many requests without waiting for each.
    pub fn pipeline(&self) -> Pipeline {
        Pipeline::new(Arc::clone(&self.wire))
    }

    /// Whether the connection is known to have ended: nothing can be asked over it any more.
    pub fn is_lost(&self) -> bool {
        self.wire.is_lost()
    }

    /// The state of the node.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub async fn status(&self) -> Result<Status, RequestError> {
        let Reply::Status(status) = self.request(Request::Status {}).await? else {
            return Err(RequestError::NotUnderstood);
        };
        Ok(*status)
    }

    /// All links, and addresses being dialled.
    ///
    /// # Errors
    ///
    /// As [`Self::request`].
    pub async fn peers(&self) -> Result<Vec<PeerInfo>, RequestError> {
        let Reply::Peers(peers) = self.request(Request::Peers {}).await? else {
            return Err(RequestError::NotUnderstood);
        };
        Ok(peers)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("welcome", &self.welcome).finish_non_exhaustive()
    }
}

pub(crate) fn into_reply(answer: Answer) -> Result<Reply, RequestError> {
    match answer {
        Answer::Reply(reply) => Ok(reply),
        Answer::Error(error) => Err(error.into()),
        Answer::Event(_) | Answer::End | Answer::NewReply | Answer::New => {
            Err(RequestError::NotUnderstood)
        }
    }
}
