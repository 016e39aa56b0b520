//! `top`: links, messages, queues and drops, as they move.

mod render;
mod sample;

use std::time::Duration;

use meshchat_client::proto::control::Request;
use meshchat_client::{Client, Tail, TailItem, TailRequest};
use tokio::time::{self, Instant};

use self::sample::{Look, Sample};
use super::expect_reply;
use crate::args::Top;
use crate::failure::{Exit, Failure};
use crate::output::event::utc;
use crate::output::note;
use crate::output::screen::Screen;
use crate::output::time::Clock;
use crate::session::{PATIENCE, Session, ask, until_ended};

/// Shows what moves until interrupted, also over restarts of the daemon.
pub(crate) async fn top(session: &mut Session, args: Top) -> Result<u8, Failure> {
    if args.interval < SHORTEST {
        return Err(Failure::usage("the time between two looks is at least 500ms"));
    }
    let mut pushes = Pushes::open(session).await?;
    until_ended(async {
        let mut screen = Screen::default();
        let mut before: Option<Sample> = None;
        let mut looks = 0u64;
        loop {
            let due = Instant::now() + args.interval;
            if let Some(sample) = look(session).await? {
                show(session, &mut screen, &sample, before.as_ref())?;
                before = Some(sample);
                looks += 1;
            }
            if args.count.is_some_and(|most| looks >= most) {
                return Ok(0);
            }
            pushes.until(due).await?;
        }
    })
    .await
}

/// None while there is no daemon, which is said already. All is asked for in the same moment, so
/// that rates are of the time between two looks.
async fn look(session: &Session) -> Result<Option<Sample>, Failure> {
    match asked(session).await {
        Ok(sample) => Ok(Some(sample)),
        Err(failure) if failure.exit_code() == Exit::NotRunning as u8 => Ok(None),
        Err(failure) => Err(failure),
    }
}

async fn asked(session: &Session) -> Result<Sample, Failure> {
    let client: Client = session.connect().await?;
    let limits = expect_reply!(ask(&client, Request::Limits {}, PATIENCE).await?, Limits);
    let at = Instant::now();
    let status = expect_reply!(ask(&client, Request::Status {}, PATIENCE).await?, Status);
    let peers = expect_reply!(ask(&client, Request::Peers {}, PATIENCE).await?, Peers);
    Ok(Sample { at, status: *status, limits, peers })
}

fn show(
    session: &mut Session,
    screen: &mut Screen,
    sample: &Sample,
    before: Option<&Sample>,
) -> Result<(), Failure> {
    let out = &mut session.out;
    let look = Look::new(sample, before, utc(Clock::now().now_ms()));
    if out.view.json {
        out.json(&look)?;
    } else {
        out.view.measure();
        let text = render::text(&look, &sample.status, &out.view)?;
        out.text(&screen.frame(&text, &out.view))?;
    }
    Ok(out.flush()?)
}

/// What the daemon pushes; it tells when the daemon goes and comes.
struct Pushes {
    tail: Tail,
}

impl Pushes {
    async fn open(session: &Session) -> Result<Self, Failure> {
        Ok(Self { tail: Tail::open(session.paths.clone(), TailRequest::Peers).await? })
    }

    /// Waits until then, and says what is to be said.
    async fn until(&mut self, due: Instant) -> Result<(), Failure> {
        while let Ok(item) = time::timeout_at(due, self.tail.next()).await {
            match item.transpose()? {
                Some(TailItem::Lost(why)) => note(&format!("waiting for meshchatd: {why}")),
                Some(TailItem::Back { .. }) => note("meshchatd is back"),
                Some(TailItem::Event(_)) => {}
                None => return Err(meshchat_client::RequestError::NotUnderstood.into()),
            }
        }
        Ok(())
    }
}

/// The daemon's numbers move no faster than a person reads them.
const SHORTEST: Duration = Duration::from_millis(500);
