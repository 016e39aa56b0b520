//! The control socket: local clients, who they are, and their frames.

mod bind;
mod outbox;
mod session;

use std::sync::Arc;

use meshchat_proto::control::{Error, Request, Welcome};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{mpsc, oneshot};

use crate::supervise::Tasks;
use crate::users::Visitor;

pub use bind::{SocketError, bind};
pub use outbox::{ClientOutbox, Frame};

/// Most clients at once; more are refused with an error.
pub const CLIENTS: usize = meshchat_core::limits::SESSIONS;

/// What clients tell the hub.
#[derive(Debug)]
pub enum ClientEvent {
    /// A client greeted.
    Up {
        /// Its number.
        session: u32,
        /// Its Unix user and group.
        ids: (u32, u32),
        /// Where its frames go.
        outbox: Arc<ClientOutbox>,
        /// Who it is, or why it is turned away.
        answer: oneshot::Sender<Result<Welcome, Error>>,
    },
    /// A client wants something.
    Requests {
        /// Its number.
        session: u32,
        /// The ids of its requests and the requests.
        requests: Vec<(u64, Request)>,
    },
    /// A client has read what was sent.
    Drained {
        /// Its number.
        session: u32,
    },
    /// A client sends no more, but still wants what it asked for.
    Ended {
        /// Its number.
        session: u32,
    },
    /// A client is gone.
    Down {
        /// Its number.
        session: u32,
    },
}

impl ClientEvent {
    /// How many requests are in it.
    #[must_use]
    pub fn requests(&self) -> usize {
        match self {
            Self::Requests { requests, .. } => requests.len(),
            Self::Up { .. } | Self::Drained { .. } | Self::Ended { .. } | Self::Down { .. } => 0,
        }
    }
}

/// Takes clients until the daemon stops.
pub async fn serve(listener: UnixListener, tasks: Tasks, hub: mpsc::Sender<ClientEvent>) {
    let places = Arc::new(tokio::sync::Semaphore::new(CLIENTS));
    for session in 1.. {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, mostly; waiting gives others time to close some.
                tracing::warn!(%error, "cannot take a client");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = Arc::clone(&places).try_acquire_owned();
        let hub = hub.clone();
        match place {
            Ok(place) => tasks.spawn(async move {
                session::run(session, stream, hub).await;
                drop(place);
            }),
            Err(_) => tasks.spawn(session::turn_away(stream)),
        }
    }
}

/// The user and group at the other end of a connection.
fn peer_ids(stream: &UnixStream) -> std::io::Result<(u32, u32)> {
    let ids = stream.peer_cred()?;
    Ok((ids.uid(), ids.gid()))
}

/// Whether a visitor may use the socket at all.
#[must_use]
pub fn may_enter(visitor: &Visitor) -> bool {
    visitor.access != crate::users::Access::None
}

const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(200);
