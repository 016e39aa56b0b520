//! The daemon's side of the backbone: signed messages out of it and into it.

use std::convert::Infallible;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use meshchat_client::proto::control::{Event, Injected, RelayRequest, Relayed, Reply, Request};
use meshchat_client::proto::id::MessageId;
use meshchat_client::{Client, RequestError};
use serde_bytes::ByteBuf;
use tokio::sync::mpsc;
use tokio::time::{self, Instant};

use super::held::Held;
use super::payload::{author, frame_mark};
use crate::door::Door;

/// Carries messages for ever: those of the daemon to `out`, those of `into` to the daemon. Both on
/// one connection, so that the daemon gives none back. `trust` is told of those that it took or
/// knew.
pub(super) async fn run(
    sockets: Vec<PathBuf>,
    door: Door,
    (out, trust): (mpsc::Sender<Relayed>, mpsc::Sender<MessageId>),
    mut into: mpsc::Receiver<Bytes>,
) {
    let mut since = RECENT;
    let mut held = Held::new(Instant::now());
    let mut told = String::new();
    loop {
        let began = Instant::now();
        let Err(over) = carry(&sockets, &door, since, ((&out, &trust), &mut into, &mut held)).await;
        if out.is_closed() {
            return;
        }
        let error = match over {
            Over::Missed(span) => {
                since = span.min(LONGEST);
                time::sleep(PAUSE).await;
                continue;
            }
            Over::Failed(error) => error,
        };
        if error != told {
            tracing::warn!("cannot carry messages to and from the node: {error}");
            told = error;
        }
        // What came while nobody listened, and what was on its way.
        let lasted = began.elapsed() > PAUSE;
        since = if lasted { RECENT } else { (since + PAUSE).min(LONGEST) };
        time::sleep(PAUSE).await;
    }
}

/// Why a connection was given up.
enum Over {
    /// The daemon had more than it could give: it is to be asked for so much once more.
    Missed(Duration),
    Failed(String),
}

fn failed(error: impl std::fmt::Display) -> Over {
    Over::Failed(error.to_string())
}

type Told<'a> = (&'a mpsc::Sender<Relayed>, &'a mpsc::Sender<MessageId>);
type Ends<'a> = (Told<'a>, &'a mut mpsc::Receiver<Bytes>, &'a mut Held);

async fn carry(
    sockets: &[PathBuf],
    door: &Door,
    since: Duration,
    ((out, trust), into, held): Ends<'_>,
) -> Result<Infallible, Over> {
    let client = Client::connect_any(sockets).await.map_err(failed)?;
    let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let watch = Request::Relay(RelayRequest::Watch { since_ms });
    let mut stream = client.stream(watch).await.map_err(failed)?;
    let taking = async {
        let mut last = Instant::now();
        loop {
            match stream.next().await {
                Some(Ok(Event::Relayed(relayed))) => {
                    if out.send(relayed).await.is_err() {
                        return Over::Failed("nobody wants them".to_owned());
                    }
                    last = Instant::now();
                }
                Some(Ok(Event::Missed(missed))) => {
                    door.count_many("missed", missed.messages);
                    // The last may have been on its way for long.
                    return Over::Missed(last.elapsed() + RECENT);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => return failed(error),
                None => return Over::Failed("meshchatd ended it".to_owned()),
            }
        }
    };
    tokio::select! {
        why = taking => Err(why),
        result = bring(&client, (door, trust), into, held) => {
            Err(result.map_or_else(failed, |never| match never {}))
        }
    }
}

/// Gives messages to the daemon, as many at once as there are.
async fn bring(
    client: &Client,
    (door, trust): (&Door, &mpsc::Sender<MessageId>),
    into: &mut mpsc::Receiver<Bytes>,
    held: &mut Held,
) -> Result<Infallible, RequestError> {
    loop {
        let due = held.due();
        tokio::select! {
            frame = into.recv() => match frame {
                Some(frame) => keep(door, held, frame),
                None => std::future::pending().await,
            },
            () = time::sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
        }
        while let Ok(frame) = into.try_recv() {
            keep(door, held, frame);
        }
        loop {
            let frames = held.next(Instant::now());
            if frames.is_empty() {
                break;
            }
            inject(client, (door, trust), held, &frames).await?;
        }
    }
}

fn keep(door: &Door, held: &mut Held, frame: Bytes) {
    match author(&frame) {
        Some(author) => door.count_many("node_full", held.push(author, frame)),
        None => door.count("not_understood"),
    }
}

/// Gives the first of them.
async fn inject(
    client: &Client,
    (door, trust): (&Door, &mpsc::Sender<MessageId>),
    held: &mut Held,
    given: &[Bytes],
) -> Result<(), RequestError> {
    let frames = given.iter().map(|frame| ByteBuf::from(frame.to_vec())).collect();
    let request = Request::Relay(RelayRequest::Inject { frames });
    let reply = match client.request(request).await {
        Ok(Reply::Injected(reply)) => reply,
        Ok(_) => return Err(RequestError::NotUnderstood),
        // After a loss they are given again: the daemon knows what it has.
        Err(error @ RequestError::Lost(_)) => return Err(error),
        Err(error) => {
            held.given(Instant::now(), given.len(), &[]);
            door.count_many("node_refused", given.len() as u64);
            return Err(error);
        }
    };
    let now = Instant::now();
    door.count_many("node_full", held.given(now, given.len(), &reply.later));
    door.count_many("not_believed", u64::from(reply.refused));
    if held.refused(now, reply.refused) {
        door.count("nats_forged");
    }
    for mark in believed(given, &reply) {
        trust.send(mark).await.ok();
    }
    Ok(())
}

/// The marks of those that the daemon took or knew.
fn believed(given: &[Bytes], reply: &Injected) -> Vec<MessageId> {
    if reply.refused > 0 && reply.refused_at.is_empty() {
        // It does not tell which: none of them is to be taken for known.
        return Vec::new();
    }
    let not = |place: &u32| reply.later.contains(place) || reply.refused_at.contains(place);
    let places = (0_u32..).zip(given).filter(|(place, _)| !not(place));
    places.map(|(_, frame)| frame_mark(frame)).collect()
}

/// So much of history is looked at when the bridge comes, or comes back.
const RECENT: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(3600);
const PAUSE: Duration = Duration::from_millis(500);
