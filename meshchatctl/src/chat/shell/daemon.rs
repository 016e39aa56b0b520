//! The connection to the daemon: one for the stream of events, one for requests.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, FuturesUnordered};
use meshchat_client::proto::control::{Dm, Event, Reply, Request, Start, Welcome};
use meshchat_client::proto::name::RoomName;
use meshchat_client::{Client, RequestError, Tail, TailItem, TailRequest};
use tokio::sync::Mutex;
use tokio::time::{self, Instant};

use crate::chat::model::PAST_OF_ALL;
use crate::chat::seam::{AskId, Input, Link};
use crate::failure::Failure;

/// Requests that wait for an answer; more are refused.
const IN_FLIGHT: usize = 64;

/// See the module. What it has begun goes on whenever it is polled, however often whoever waits
/// for it turns to something else.
pub(crate) struct Daemon {
    client: Shared,
    welcome: Arc<Welcome>,
    tail: BoxStream<'static, Result<TailItem, String>>,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Requests among `running`.
    asked: BTreeSet<AskId>,
    ready: VecDeque<Input>,
    /// The stream is back, the connection for requests not yet: it is among `running`.
    coming: bool,
    up: bool,
}

#[derive(Debug)]
enum Done {
    Answer(AskId, Result<Reply, RequestError>),
    Past(RoomName, Result<Vec<Event>, RequestError>),
    /// The connection for requests; whether the daemon was restarted.
    Came(bool, Result<Welcome, RequestError>),
}

impl Daemon {
    pub(crate) async fn connect(paths: Vec<PathBuf>) -> Result<(Self, Input), Failure> {
        let client = Client::connect_any(&paths).await?;
        let start = Start::Last(u32::try_from(PAST_OF_ALL).unwrap_or(u32::MAX));
        let request = TailRequest::Messages {
            room: None,
            start,
            follow: true,
            presence: true,
            dm: Dm::Also,
            cursor: None,
        };
        let tail = Tail::open(paths.clone(), request).await?;
        let welcome = Arc::new(client.welcome().clone());
        let input = up(&welcome, false);
        let this = Self {
            client: Shared { paths, client: Arc::new(Mutex::new(Some(client))) },
            welcome,
            tail: items(tail),
            running: FuturesUnordered::new(),
            asked: BTreeSet::new(),
            ready: VecDeque::new(),
            coming: false,
            up: true,
        };
        Ok((this, input))
    }

    pub(crate) fn welcome(&self) -> &Welcome {
        &self.welcome
    }

    pub(crate) fn ask(&mut self, id: AskId, request: Request) {
        if !self.up {
            let lost = RequestError::Lost("meshchatd is not there".into());
            self.ready.push_back(Input::Answer(id, Err(lost)));
            return;
        }
        if self.running.len() >= IN_FLIGHT {
            self.ready.push_back(Input::Answer(id, Err(RequestError::Full)));
            return;
        }
        self.asked.insert(id);
        let client = self.client.clone();
        self.running.push(Box::pin(async move { Done::Answer(id, client.ask(request).await) }));
    }

    /// Reads so many of the newest messages of a room.
    pub(crate) fn past(&mut self, room: RoomName, many: u32) {
        if self.running.len() >= IN_FLIGHT {
            self.ready.push_back(Input::NoPast(room));
            return;
        }
        let client = self.client.clone();
        self.running.push(Box::pin(async move {
            let events = client.past(&room, many).await;
            Done::Past(room, events)
        }));
    }

    /// What comes next.
    pub(crate) fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Input> {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return Poll::Ready(input);
            }
            if let Poll::Ready(Some(done)) = self.running.poll_next_unpin(context) {
                self.done(done);
                continue;
            }
            if self.coming {
                return Poll::Pending;
            }
            match ready!(self.tail.poll_next_unpin(context)) {
                Some(Ok(TailItem::Event(event))) => {
                    return Poll::Ready(Input::Event(Box::new(event)));
                }
                Some(Ok(TailItem::Back { restarted })) => self.come_back(restarted, Duration::ZERO),
                Some(Ok(TailItem::Lost(why)) | Err(why)) => self.lost(why),
                None => return Poll::Pending,
            }
        }
    }

    fn done(&mut self, done: Done) {
        match done {
            Done::Answer(id, result) => {
                self.asked.remove(&id);
                self.ready.push_back(Input::Answer(id, result));
            }
            Done::Past(room, Err(_)) => self.ready.push_back(Input::NoPast(room)),
            Done::Past(room, Ok(events)) => {
                let past = |event| Input::Past(room.clone(), Some(Box::new(event)));
                self.ready.extend(events.into_iter().map(past));
                self.ready.push_back(Input::Past(room, None));
            }
            Done::Came(restarted, Ok(welcome)) => {
                self.welcome = Arc::new(welcome);
                (self.coming, self.up) = (false, true);
                self.ready.push_back(up(&self.welcome, restarted));
            }
            Done::Came(restarted, Err(error)) => {
                self.ready.push_back(Input::Link(Link::Lost(error.to_string())));
                self.come_back(restarted, PAUSE);
            }
        }
    }

    /// What was asked has no answer any more.
    fn lost(&mut self, why: String) {
        self.up = false;
        self.running.clear();
        for id in std::mem::take(&mut self.asked) {
            self.ready.push_back(Input::Answer(id, Err(RequestError::Lost(why.clone()))));
        }
        self.ready.push_back(Input::Link(Link::Lost(why)));
    }

    /// Makes the connection for requests anew, after a pause.
    fn come_back(&mut self, restarted: bool, pause: Duration) {
        self.coming = true;
        let client = self.client.clone();
        self.running.push(Box::pin(async move {
            time::sleep(pause).await;
            Done::Came(restarted, client.anew().await)
        }));
    }
}

/// All that a tail ever yields. It goes on by itself; what it gives up on is tried again all the
/// same. As one stream, an attempt to come back outlives the wait for it.
fn items(tail: Tail) -> BoxStream<'static, Result<TailItem, String>> {
    let next = |(mut tail, not_before): (Tail, Option<Instant>)| async move {
        if let Some(at) = not_before {
            time::sleep_until(at).await;
        }
        let item = match tail.next().await {
            Some(Ok(item)) => Ok(item),
            Some(Err(error)) => Err(error.to_string()),
            None => Err("meshchatd ended it".into()),
        };
        let lost = matches!(item, Ok(TailItem::Lost(_)) | Err(_));
        Some((item, (tail, lost.then(|| Instant::now() + PAUSE))))
    };
    stream::unfold((tail, None), next).boxed()
}

fn up(welcome: &Welcome, restarted: bool) -> Input {
    Input::Link(Link::Up { welcome: Box::new(welcome.clone()), restarted })
}

/// The connection for requests, made anew when it is gone.
#[derive(Debug, Clone)]
struct Shared {
    paths: Vec<PathBuf>,
    client: Arc<Mutex<Option<Client>>>,
}

impl Shared {
    async fn ask(&self, request: Request) -> Result<Reply, RequestError> {
        self.get().await?.request(request).await
    }

    async fn past(&self, room: &RoomName, many: u32) -> Result<Vec<Event>, RequestError> {
        let request = Request::Tail {
            room: Some(room.to_string()),
            start: Start::Last(many),
            follow: false,
            presence: false,
            dm: Dm::No,
            cursor: None,
        };
        let mut stream = self.get().await?.stream(request).await?;
        let mut events = Vec::new();
        while let Some(event) = stream.next().await {
            events.push(event?);
        }
        Ok(events)
    }

    async fn get(&self) -> Result<Client, RequestError> {
        let mut kept = self.client.lock().await;
        if let Some(client) = kept.as_ref().filter(|client| !client.is_lost()) {
            return Ok(client.clone());
        }
        let client = Client::connect_any(&self.paths).await;
        let client = client.map_err(|error| RequestError::Lost(error.to_string()))?;
        *kept = Some(client.clone());
        Ok(client)
    }

    /// Makes a connection to the daemon that is there now.
    async fn anew(&self) -> Result<Welcome, RequestError> {
        self.client.lock().await.take();
        Ok(self.get().await?.welcome().clone())
    }
}

/// Between two attempts to come back.
const PAUSE: Duration = Duration::from_millis(300);
