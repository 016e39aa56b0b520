//! What is shown again whenever the daemon says that something changed.

use std::time::Duration;

use meshchat_client::proto::control::{
    Event, NodeInfo, PersonInfo, Reply, Request, RoomInfo, Start, Status as NodeStatus,
};
use meshchat_client::{Tail, TailError, TailItem, TailRequest};
use serde::Serialize;
use serde_json::Value;
use tokio::time::{self, Instant};

use super::{nodes, people, rooms, status};
use crate::failure::{Exit, Failure};
use crate::output::screen::Screen;
use crate::output::time::Clock;
use crate::output::{Out, json, note};
use crate::session::{Session, until_ended};

/// What is watched.
#[derive(Debug, Clone)]
pub(crate) enum Subject {
    Status,
    Nodes,
    Who(Option<String>),
    Rooms,
}

/// Shows it until interrupted, also over restarts of the daemon.
pub(crate) async fn watch(session: &mut Session, subject: Subject) -> Result<u8, Failure> {
    let mut pushes = Pushes::open(session).await?;
    until_ended(async {
        let mut shown = Shown::default();
        loop {
            let asked = Instant::now();
            match session.ask(subject.request()).await {
                Ok(reply) => shown.show(&mut session.out, &subject, reply)?,
                // Said already, or about to be, by the stream; it comes back by itself.
                Err(failure) if failure.exit_code() == Exit::NotRunning as u8 => {}
                Err(failure) => return Err(failure),
            }
            pushes.changed(asked + PACE).await?;
        }
    })
    .await
}

impl Subject {
    fn request(&self) -> Request {
        match self {
            Self::Status => Request::Status {},
            Self::Nodes => Request::Nodes {},
            Self::Who(room) => Request::Who { room: room.clone() },
            Self::Rooms => Request::Rooms {},
        }
    }
}

/// Tells that something changed: the peers, who is there, or what can be reached.
struct Pushes {
    peers: Tail,
    /// None where the daemon lets only operators look at a room without being there by it. Then
    /// changes of people show with the next push of the peers, which comes every two seconds.
    presence: Option<Tail>,
}

impl Pushes {
    async fn open(session: &Session) -> Result<Self, Failure> {
        let paths = || session.paths.clone();
        let unseen = TailRequest::Room { room: None, start: Start::Now, presence: true };
        Ok(Self {
            peers: Tail::open(paths(), TailRequest::Peers).await?,
            presence: Tail::open(paths(), unseen).await.ok(),
        })
    }

    /// Waits for a change; not before `earliest`, so that many changes make one look.
    async fn changed(&mut self, earliest: Instant) -> Result<(), Failure> {
        let mut changed = false;
        loop {
            tokio::select! {
                biased;
                () = time::sleep_until(earliest), if changed => return Ok(()),
                item = self.peers.next() => changed |= heed(item)?,
                // What is wrong with this one is wrong with the other, which tells it.
                item = next(&mut self.presence) => changed |= matches!(
                    item,
                    Some(Ok(TailItem::Event(event))) if !matches!(event, Event::CaughtUp { .. })
                ),
            }
        }
    }
}

async fn next(tail: &mut Option<Tail>) -> Option<Result<TailItem, TailError>> {
    let Some(open) = tail else { return std::future::pending().await };
    let item = open.next().await;
    if matches!(item, None | Some(Err(_))) {
        *tail = None;
    }
    item
}

fn heed(item: Option<Result<TailItem, TailError>>) -> Result<bool, Failure> {
    match item.transpose()? {
        Some(TailItem::Event(_)) => Ok(true),
        Some(TailItem::Lost(why)) => {
            note(&format!("waiting for meshchatd: {why}"));
            Ok(false)
        }
        Some(TailItem::Back { .. }) => {
            note("meshchatd is back");
            Ok(true)
        }
        None => Err(meshchat_client::RequestError::NotUnderstood.into()),
    }
}

/// What was shown last.
#[derive(Default)]
struct Shown {
    screen: Screen,
    before: Option<Value>,
}

impl Shown {
    fn show(&mut self, out: &mut Out, subject: &Subject, reply: Reply) -> Result<(), Failure> {
        out.view.measure();
        let (change, text) = match (subject, reply) {
            (Subject::Status, Reply::Status(now)) => {
                let text = status::text(&now, &out.view, &Clock::now())?;
                (Change::Status { status: now }, text)
            }
            (Subject::Nodes, Reply::Nodes(nodes)) => {
                let text = nodes::table(&nodes).render(&out.view).map_err(Failure::usage)?;
                (Change::Nodes { nodes }, text)
            }
            (Subject::Who(_), Reply::People(people)) => {
                let text = people::table(&people).render(&out.view).map_err(Failure::usage)?;
                (Change::People { people }, text)
            }
            (Subject::Rooms, Reply::Rooms(rooms)) => {
                let text = rooms::table(&rooms).render(&out.view).map_err(Failure::usage)?;
                (Change::Rooms { rooms }, text)
            }
            (_, _) => return Err(meshchat_client::RequestError::NotUnderstood.into()),
        };
        let mut now = json::object(&change);
        forget_times(&mut now);
        let same = self.before.as_ref() == Some(&now);
        self.before = Some(now);
        match (out.view.json, out.view.terminal) {
            (true, _) if !same => out.json(&change)?,
            // On a terminal also what only grew older.
            (false, true) => out.text(&self.screen.frame(&text, &out.view))?,
            (false, false) if !same => out.text(&self.screen.frame(&text, &out.view))?,
            (_, _) => {}
        }
        Ok(out.flush()?)
    }
}

/// One line of `--json`.
#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Change {
    Status { status: Box<NodeStatus> },
    Nodes { nodes: Vec<NodeInfo> },
    People { people: Vec<PersonInfo> },
    Rooms { rooms: Vec<RoomInfo> },
}

/// Takes out what grows by itself: it is no change.
fn forget_times(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !name.ends_with("_ms") && name != "process");
            fields.values_mut().for_each(forget_times);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_times),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Between two looks: a screen that changes more often cannot be read.
const PACE: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn growing_older_is_no_change() {
        let mut node = json!({"nodes": [{"name": "pi", "since_ms": 7}], "uptime_ms": 3});
        forget_times(&mut node);
        assert_eq!(node, json!({"nodes": [{"name": "pi"}]}));
    }
}
