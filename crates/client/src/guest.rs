//! People who come through a gateway.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use meshchat_proto::control::{Reply, Request};

use crate::client::Client;
use crate::error::{ConnectError, RequestError};
use crate::stream::EventStream;
use crate::tail::{Tail, TailError, TailItem, TailRequest};

/// Who somebody is to the daemon. What they change by [`Speaker::ask`] is kept here, so that a
/// restarted daemon gets to know it again.
#[derive(Debug, Clone)]
pub struct Identity {
    /// What they are called.
    pub name: String,
    /// The kind of door that they came in by, such as `irc`.
    pub via: String,
    /// A secret that makes further connections theirs; 1 to 64 bytes.
    pub key: String,
    /// The rooms that they are in; the lobby when missing.
    pub rooms: Option<Vec<String>>,
    /// Why they are away; none when they are not.
    pub away: Option<String>,
}

/// Somebody whom a gateway speaks for: a stream of events that survives restarts of the daemon,
/// and a [`Speaker`] for what they want.
#[derive(Debug)]
pub struct Guest {
    tail: Tail,
    speaker: Speaker,
}

/// Speaks for one guest, on a connection of its own: an event stream that is not read must not
/// hold up answers. Clones share it.
#[derive(Debug, Clone)]
pub struct Speaker {
    paths: Vec<PathBuf>,
    identity: Shared,
    client: Arc<tokio::sync::Mutex<Option<Client>>>,
}

/// Why a request of a guest has no result.
#[derive(Debug, thiserror::Error)]
pub enum SpeakError {
    /// No connection; the request was not made.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The daemon said no, or the connection ended before it answered.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl Guest {
    /// Lets somebody in and opens their stream.
    ///
    /// # Errors
    ///
    /// [`TailError`], among them [`NameTaken`](meshchat_proto::control::ErrorCode::NameTaken).
    pub async fn enter(
        paths: Vec<PathBuf>,
        identity: Identity,
        request: TailRequest,
    ) -> Result<Self, TailError> {
        Self::join(&Speaker::new(paths, identity), request).await
    }

    /// One more stream of somebody who is there already, or whom nothing but `speaker` knows yet.
    /// What they change by one is known to all.
    ///
    /// # Errors
    ///
    /// As [`Self::enter`].
    pub async fn join(speaker: &Speaker, request: TailRequest) -> Result<Self, TailError> {
        let (paths, identity) = (speaker.paths.clone(), speaker.identity.clone());
        let tail = Tail::open_as(paths, request, Some(identity)).await?;
        Ok(Self { tail, speaker: speaker.clone() })
    }

    /// The next item, as [`Tail::next`]. Safe to cancel.
    ///
    /// # Errors
    ///
    /// Those that trying again does not help against. The guest is gone then.
    pub async fn next(&mut self) -> Option<Result<TailItem, TailError>> {
        self.tail.next().await
    }

    /// What speaks for them.
    pub fn speaker(&self) -> &Speaker {
        &self.speaker
    }
}

impl Speaker {
    /// Speaks for somebody, from the first request on.
    pub fn new(paths: Vec<PathBuf>, identity: Identity) -> Self {
        let identity = Shared(Arc::new(Mutex::new(identity)));
        Self { paths, identity, client: Arc::default() }
    }

    /// Who they are now.
    pub fn identity(&self) -> Identity {
        self.identity.get()
    }

    /// Sends one request and waits for its reply, for as long as it takes.
    ///
    /// # Errors
    ///
    /// [`SpeakError`]. After [`RequestError::Lost`] it is unknown whether it was done; the next
    /// request connects anew.
    pub async fn ask(&self, request: Request) -> Result<Reply, SpeakError> {
        let client = self.client().await?;
        let result = client.request(request.clone()).await;
        match &result {
            Ok(_) => self.identity.note(&request),
            Err(RequestError::Lost(_)) => *self.client.lock().await = None,
            Err(_) => {}
        }
        Ok(result?)
    }

    /// Opens a stream that ends with its connection, beside those of a [`Guest`].
    ///
    /// # Errors
    ///
    /// [`SpeakError`].
    pub async fn stream(&self, request: Request) -> Result<EventStream, SpeakError> {
        let client = self.client().await?;
        Ok(client.stream(request).await?)
    }

    async fn client(&self) -> Result<Client, SpeakError> {
        let mut place = self.client.lock().await;
        // Over one that has ended it would be unclear whether a request was done.
        if let Some(client) = place.as_ref().filter(|client| !client.is_lost()) {
            return Ok(client.clone());
        }
        let client = Client::connect_any(&self.paths).await?;
        self.identity.introduce(&client).await?;
        *place = Some(client.clone());
        Ok(client)
    }
}

/// An identity that the stream and the speaker of a guest share.
#[derive(Debug, Clone)]
pub(crate) struct Shared(Arc<Mutex<Identity>>);

impl Shared {
    fn get(&self) -> Identity {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a fresh connection that of the guest.
    pub(crate) async fn introduce(&self, client: &Client) -> Result<(), RequestError> {
        let Identity { name, via, key, rooms, away } = self.get();
        client.request(Request::Become { name, via, key: Some(key), rooms }).await?;
        if let Some(note) = away {
            client.request(Request::Away { away: true, note }).await?;
        }
        Ok(())
    }

    /// Keeps what a request has changed.
    fn note(&self, request: &Request) {
        let mut identity = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Request::Nick { name } = request {
            identity.name.clone_from(name);
        } else if let Request::Away { away, note } = request {
            identity.away = away.then(|| note.clone());
        } else if let Request::Join { room } | Request::Leave { room } = request {
            let rooms = identity.rooms.get_or_insert_with(lobby);
            rooms.retain(|known| plain(known) != plain(room));
            if matches!(request, Request::Join { .. }) {
                rooms.push(room.clone());
            }
        }
    }
}

/// A room as the daemon calls it, as far as ASCII goes.
fn plain(room: &str) -> String {
    format!("#{}", room.trim().trim_start_matches('#').to_lowercase())
}

fn lobby() -> Vec<String> {
    vec!["#lobby".to_owned()]
}
