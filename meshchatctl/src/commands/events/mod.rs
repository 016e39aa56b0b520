//! `events`: all that happens, for programs.

mod counts;
mod links;

use std::time::Duration;

use meshchat_client::proto::control::{Dm, DoorsRequest, Event, Reply, Request, Start};
use meshchat_client::{Tail, TailError, TailItem, TailRequest};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{self, Instant};

use self::counts::Counts;
use self::links::Links;
use crate::args::{Event as Kind, Events};
use crate::failure::Failure;
use crate::output::event::{self, utc};
use crate::output::json;
use crate::output::time::Clock;
use crate::session::{Session, until_ended};

/// Prints events until interrupted, also over restarts of the daemon.
pub(crate) async fn events(session: &mut Session, args: Events) -> Result<u8, Failure> {
    let wanted = Wanted { only: args.only, texts: !args.no_messages };
    let mut streams = Streams::open(session, &wanted).await?;
    until_ended(async {
        let (mut links, mut counts) = (Links::default(), Counts::default());
        let mut due = Instant::now();
        let mut boot = run(session).await;
        daemon(session, &wanted, "here", None)?;
        loop {
            session.out.flush()?;
            tokio::select! {
                biased;
                item = streams.next() => match item.transpose()? {
                    Some(TailItem::Event(Event::Peers(peers))) => {
                        for change in links.compare(&peers) {
                            tell(session, &wanted, Kind::Link, "link", &change)?;
                        }
                    }
                    Some(TailItem::Event(event)) => print(session, &wanted, &event)?,
                    Some(TailItem::Lost(why)) => {
                        links.forget();
                        daemon(session, &wanted, "gone", Some(&why))?;
                    }
                    Some(TailItem::Back { .. }) => {
                        let before = boot;
                        boot = run(session).await;
                        let state = if boot == before { "back" } else { "restarted" };
                        daemon(session, &wanted, state, None)?;
                        due = Instant::now();
                    }
                    None => return Ok(0),
                },
                () = time::sleep_until(due), if wanted.counts() => {
                    count(session, &wanted, &mut counts).await?;
                    due = Instant::now() + PACE;
                }
            }
        }
    })
    .await
}

/// The number of the daemon's run; none when it went away again at once.
async fn run(session: &Session) -> Option<u64> {
    let Ok(Reply::Status(status)) = session.ask(Request::Status {}).await else { return None };
    Some(status.boot)
}

/// What of all that happens is printed.
struct Wanted {
    only: Vec<Kind>,
    texts: bool,
}

impl Wanted {
    fn has(&self, kind: Kind) -> bool {
        self.only.is_empty() || self.only.contains(&kind)
    }

    fn any(&self, kinds: &[Kind]) -> bool {
        kinds.iter().any(|kind| self.has(*kind))
    }

    fn counts(&self) -> bool {
        self.any(&[Kind::Client, Kind::Door, Kind::Drop])
    }

    /// Whether the stream of messages and presence is needed; the user is there by it.
    fn people(&self) -> bool {
        self.any(&[
            Kind::Message,
            Kind::Direct,
            Kind::Person,
            Kind::Node,
            Kind::Partition,
            Kind::Key,
            Kind::Gone,
            Kind::Missed,
        ])
    }
}

struct Streams {
    peers: Tail,
    people: Option<Tail>,
}

impl Streams {
    async fn open(session: &Session, wanted: &Wanted) -> Result<Self, Failure> {
        let paths = || session.paths.clone();
        let all = TailRequest::Messages {
            room: None,
            start: Start::Now,
            follow: true,
            presence: true,
            dm: Dm::Also,
            cursor: None,
        };
        let peers = Tail::open(paths(), TailRequest::Peers).await?;
        let people = match wanted.people() {
            true => Some(Tail::open(paths(), all).await?),
            false => None,
        };
        Ok(Self { peers, people })
    }

    /// What comes next. Of the daemon's coming and going the one stream tells that is always open.
    async fn next(&mut self) -> Option<Result<TailItem, TailError>> {
        loop {
            let people = async {
                match &mut self.people {
                    Some(people) => people.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                item = self.peers.next() => return item,
                item = people => match item {
                    Some(Ok(TailItem::Lost(_) | TailItem::Back { .. })) => {}
                    item => return item,
                },
            }
        }
    }
}

fn print(session: &mut Session, wanted: &Wanted, event: &Event) -> Result<(), Failure> {
    let kind = match event {
        Event::Message(_) => Kind::Message,
        Event::Direct(_) | Event::DirectState(_) => Kind::Direct,
        Event::Person(_) => Kind::Person,
        Event::Node(_) => Kind::Node,
        Event::Partition(_) => Kind::Partition,
        Event::Key(_) | Event::KeyShared(_) => Kind::Key,
        Event::Missed(_) => Kind::Missed,
        Event::Gone(_) => Kind::Gone,
        Event::CaughtUp { .. } | Event::Relayed(_) | Event::Log(_) | Event::Peers(_) => {
            return Ok(());
        }
    };
    if !wanted.has(kind) {
        return Ok(());
    }
    if let (Event::Message(message), false) = (event, wanted.texts) {
        return tell(session, wanted, kind, "message", &without_text(message));
    }
    if let (Event::Direct(message), false) = (event, wanted.texts) {
        return tell(session, wanted, kind, "direct", &without_text(message));
    }
    event::write(&mut session.out, event, now().as_deref())
}

fn without_text(message: &impl Serialize) -> Value {
    let mut object = json::plain(message);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("text");
    }
    object
}

fn tell(
    session: &mut Session,
    wanted: &Wanted,
    kind: Kind,
    name: &'static str,
    content: &impl Serialize,
) -> Result<(), Failure> {
    match wanted.has(kind) {
        true => event::named(&mut session.out, name, Some(now()), content),
        false => Ok(()),
    }
}

fn daemon(
    session: &mut Session,
    wanted: &Wanted,
    state: &'static str,
    reason: Option<&str>,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Daemon<'a> {
        state: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<&'a str>,
    }
    tell(session, wanted, Kind::Daemon, "daemon", &Daemon { state, reason })
}

/// Looks at what is only counted, and tells what moved.
async fn count(session: &mut Session, wanted: &Wanted, counts: &mut Counts) -> Result<(), Failure> {
    if wanted.any(&[Kind::Client, Kind::Drop])
        && let Ok(Reply::Status(status)) = session.ask(Request::Status {}).await
    {
        if let Some(change) = counts.clients(&status) {
            tell(session, wanted, Kind::Client, "client", &change)?;
        }
        for change in counts.drops(&status) {
            tell(session, wanted, Kind::Drop, "drop", &change)?;
        }
    }
    // A daemon that is gone is told of by the stream of peers.
    if wanted.has(Kind::Door)
        && let Ok(Reply::Doors(doors)) = session.ask(Request::Doors(DoorsRequest::List {})).await
    {
        for change in counts.doors(&doors) {
            tell(session, wanted, Kind::Door, "door", &change)?;
        }
    }
    Ok(())
}

fn now() -> Option<String> {
    utc(Clock::now().now_ms())
}

/// Between two looks at what is only counted.
const PACE: Duration = Duration::from_secs(5);
