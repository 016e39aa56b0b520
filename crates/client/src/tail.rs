use std::path::PathBuf;
use std::time::Duration;

use meshchat_proto::control::{Dm, ErrorCode, Event, LogRequest, Request, Start};
use tokio::time::{self, Instant};

use crate::client::Client;
use crate::confirm::Confirming;
use crate::error::{ConnectError, RequestError};
use crate::guest::Shared;
use crate::place::Place;
use crate::stream::EventStream;

/// What to follow.
#[derive(Debug, Clone)]
pub enum TailRequest {
    /// Messages, as in [`Request::Tail`].
    Messages {
        /// The room; all rooms that the person is in when missing.
        room: Option<String>,
        /// Where in history to start.
        start: Start,
        /// Go on with what comes, across restarts of the daemon.
        follow: bool,
        /// Also changes of people and nodes.
        presence: bool,
        /// Direct messages to and from the person.
        dm: Dm,
        /// A durable cursor: the tail begins behind what was confirmed with it.
        cursor: Option<String>,
    },
    /// One room for nobody, as in [`Request::Read`].
    Room {
        /// The room; the lobby when missing.
        room: Option<String>,
        /// Where in history to start.
        start: Start,
        /// Also changes of people and nodes.
        presence: bool,
    },
    /// Peers, as in [`Request::WatchPeers`].
    Peers,
    /// The daemon's log, as in [`LogRequest::Follow`]. A new run of the daemon is shown from its
    /// start.
    Log {
        /// What to show, on top of `info`.
        filter: Option<String>,
        /// Begin with this many lines of the past.
        lines: u32,
        /// Go on with what comes, across restarts of the daemon.
        follow: bool,
    },
}

/// What a [`Tail`] yields.
#[derive(Debug)]
pub enum TailItem {
    /// An event of the stream.
    Event(Event),
    /// The connection is gone, for this reason; the tail tries to come back by itself.
    Lost(String),
    /// The connection is back, to the same run of the daemon or to a new one.
    Back {
        /// The daemon was restarted in between.
        restarted: bool,
    },
}

/// A stream of events that survives restarts of the daemon.
///
/// After a break it goes on behind the last message that it yielded. A new run of the daemon
/// numbers anew, so there it reads all of history and leaves out what it has yielded before,
/// and what its sender said before the first message of that sender that it yielded. One that
/// began with the moment of its opening also leaves out what the node had before.
#[derive(Debug)]
pub struct Tail {
    paths: Vec<PathBuf>,
    request: TailRequest,
    guest: Option<Shared>,
    stream: Option<EventStream>,
    confirming: Confirming,
    place: Place,
    pause: Duration,
    /// When the next try is due, while the connection is gone.
    retry_at: Option<Instant>,
    /// The run of the daemon that the lost connection was to.
    lost_run: Option<u64>,
}

impl Tail {
    /// Connects to the first of these paths where a daemon listens and opens the stream.
    ///
    /// # Errors
    ///
    /// The first attempt must succeed; only later ones are repeated.
    pub async fn open(paths: Vec<PathBuf>, request: TailRequest) -> Result<Self, TailError> {
        Self::open_as(paths, request, None).await
    }

    /// The same as somebody whom a gateway speaks for.
    pub(crate) async fn open_as(
        paths: Vec<PathBuf>,
        request: TailRequest,
        guest: Option<Shared>,
    ) -> Result<Self, TailError> {
        let place = Place::default();
        let (stream, confirming, pause) = (None, Confirming::default(), SHORTEST_PAUSE);
        let mut tail = Self {
            paths,
            request,
            guest,
            stream,
            confirming,
            place,
            pause,
            retry_at: None,
            lost_run: None,
        };
        tail.reopen().await?;
        Ok(tail)
    }

    /// The next item; `None` at the end of history when not following. Safe to cancel.
    ///
    /// # Errors
    ///
    /// Those that trying again does not help against.
    pub async fn next(&mut self) -> Option<Result<TailItem, TailError>> {
        loop {
            let Some(stream) = &mut self.stream else {
                return Some(self.come_back().await);
            };
            let next = tokio::select! {
                biased;
                () = self.confirming.go_on() => continue,
                next = stream.next() => next,
            };
            match next {
                Some(Ok(event)) if self.place.is_new(&event) => {
                    return Some(Ok(TailItem::Event(event)));
                }
                Some(Ok(_)) => {}
                Some(Err(error)) if self.follows() && may_pass(&error) => {
                    return Some(Ok(self.lost(error.to_string())));
                }
                Some(Err(error)) => return Some(Err(error.into())),
                None if self.follows() => return Some(Ok(self.lost("meshchatd ended it".into()))),
                None => return None,
            }
        }
    }

    /// Says that all events so far are dealt with, if there is a cursor. Never waits: what is not
    /// yet told is told by [`Self::next`].
    pub fn confirm(&mut self) {
        if let (TailRequest::Messages { cursor: Some(name), .. }, Some(upto)) =
            (&self.request, self.place.cursor)
        {
            self.confirming.wish(name, upto);
        }
    }

    /// Waits until the daemon knows of what was confirmed; not long.
    pub async fn settle(&mut self) {
        let all = async {
            while self.confirming.is_open() {
                self.confirming.go_on().await;
            }
        };
        time::timeout(SETTLE, all).await.ok();
    }

    fn follows(&self) -> bool {
        !matches!(
            self.request,
            TailRequest::Messages { follow: false, .. } | TailRequest::Log { follow: false, .. }
        )
    }

    fn lost(&mut self, why: String) -> TailItem {
        (self.stream, self.confirming.client) = (None, None);
        self.lost_run = self.place.run;
        TailItem::Lost(why)
    }

    /// Tries until it is back. What has passed of a pause counts also when this is cancelled.
    async fn come_back(&mut self) -> Result<TailItem, TailError> {
        loop {
            let due = *self.retry_at.get_or_insert_with(|| Instant::now() + self.pause);
            time::sleep_until(due).await;
            let result = self.reopen().await;
            self.retry_at = None;
            match result {
                Ok(()) => {
                    self.pause = SHORTEST_PAUSE;
                    return Ok(TailItem::Back { restarted: self.lost_run != self.place.run });
                }
                Err(error) if error.may_pass() => {
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
                Err(error) => return Err(error),
            }
        }
    }

    async fn reopen(&mut self) -> Result<(), TailError> {
        let client = Client::connect_any(&self.paths).await?;
        if let Some(guest) = &self.guest {
            guest.introduce(&client).await?;
        }
        let request = match &self.request {
            TailRequest::Peers => Request::WatchPeers {},
            TailRequest::Log { filter, lines, follow } => {
                let lines = self.place.enter_log(client.status().await?.boot, *lines);
                let (filter, follow) = (filter.clone(), *follow);
                Request::Log(LogRequest::Follow { filter, lines, follow })
            }
            TailRequest::Room { room, start, presence } => {
                let status = client.status().await?;
                let start = self.place.enter(status.boot, status.history.cursor, *start);
                Request::Read { room: room.clone(), start, presence: *presence }
            }
            TailRequest::Messages { room, start, follow, presence, dm, cursor } => {
                let status = client.status().await?;
                let start = match cursor {
                    None => self.place.enter(status.boot, status.history.cursor, *start),
                    Some(_) => {
                        self.place.run = Some(status.boot);
                        *start
                    }
                };
                let (room, cursor) = (room.clone(), cursor.clone());
                let (follow, presence, dm) = (*follow, *presence, *dm);
                Request::Tail { room, start, follow, presence, dm, cursor }
            }
        };
        self.stream = Some(client.stream(request).await?);
        self.confirming.connected(client);
        Ok(())
    }
}

/// Why a [`Tail`] ended.
#[derive(Debug, thiserror::Error)]
pub enum TailError {
    /// No connection.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// The daemon refused the stream, or broke off and we do not follow.
    #[error(transparent)]
    Request(#[from] RequestError),
}

impl TailError {
    fn may_pass(&self) -> bool {
        match self {
            Self::Connect(ConnectError::Refused(error)) => is_passing(error.code),
            Self::Connect(ConnectError::Version(_)) => false,
            // A socket that was just made may not have its group yet.
            Self::Connect(_) => true,
            Self::Request(error) => may_pass(error),
        }
    }
}

fn may_pass(error: &RequestError) -> bool {
    match error {
        RequestError::Lost(_) => true,
        RequestError::Daemon(error) => is_passing(error.code),
        RequestError::NotUnderstood | RequestError::TooLong(_) | RequestError::Full => false,
    }
}

fn is_passing(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::Stopping | ErrorCode::TooMany | ErrorCode::TimedOut)
}

const SHORTEST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long the end may wait for the daemon.
const SETTLE: Duration = Duration::from_secs(2);
