//! The connection to the daemon: one for the stream of events, one for requests.

use std::collections::{BTreeSet, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
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

/// See the module.
#[derive(Debug)]
pub(crate) struct Daemon {
    client: Shared,
    welcome: Arc<Welcome>,
    tail: Tail,
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Requests among `running`.
    asked: BTreeSet<AskId>,
    ready: VecDeque<Input>,
    /// The stream is back; whether the daemon was restarted. The connection for requests is not.
    back: Option<bool>,
    up: bool,
    /// No attempt before this.
    not_before: Instant,
}

#[derive(Debug)]
enum Done {
    Answer(AskId, Result<Reply, RequestError>),
    Past(RoomName, Result<Vec<Event>, RequestError>),
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
            tail,
            running: FuturesUnordered::new(),
            asked: BTreeSet::new(),
            ready: VecDeque::new(),
            back: None,
            up: true,
            not_before: Instant::now(),
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

    /// What comes next. Safe to cancel.
    pub(crate) async fn next(&mut self) -> Input {
        loop {
            if let Some(input) = self.ready.pop_front() {
                return input;
            }
            if let Some(restarted) = self.back {
                self.come_back(restarted).await;
                continue;
            }
            tokio::select! {
                Some(done) = self.running.next(), if !self.running.is_empty() => self.done(done),
                item = next_item(&mut self.tail, self.not_before) => match item {
                    Ok(TailItem::Event(event)) => return Input::Event(Box::new(event)),
                    Ok(TailItem::Lost(why)) | Err(why) => self.lost(why),
                    Ok(TailItem::Back { restarted }) => self.back = Some(restarted),
                },
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
        }
    }

    /// What was asked has no answer any more.
    fn lost(&mut self, why: String) {
        (self.up, self.not_before) = (false, Instant::now() + PAUSE);
        self.running.clear();
        for id in std::mem::take(&mut self.asked) {
            self.ready.push_back(Input::Answer(id, Err(RequestError::Lost(why.clone()))));
        }
        self.ready.push_back(Input::Link(Link::Lost(why)));
    }

    async fn come_back(&mut self, restarted: bool) {
        time::sleep_until(self.not_before).await;
        match self.client.anew().await {
            Ok(welcome) => {
                self.welcome = Arc::new(welcome);
                (self.back, self.up) = (None, true);
                self.ready.push_back(up(&self.welcome, restarted));
            }
            Err(error) => {
                self.not_before = Instant::now() + PAUSE;
                self.ready.push_back(Input::Link(Link::Lost(error.to_string())));
            }
        }
    }
}

/// The tail goes on by itself; what it gives up on is tried again all the same.
async fn next_item(tail: &mut Tail, not_before: Instant) -> Result<TailItem, String> {
    time::sleep_until(not_before).await;
    match tail.next().await {
        Some(Ok(item)) => Ok(item),
        Some(Err(error)) => Err(error.to_string()),
        None => Err("meshchatd ended it".into()),
    }
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
