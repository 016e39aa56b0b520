//! The daemon's side of the backbone: signed messages out of it and into it.

use std::collections::VecDeque;
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

use super::payload::frame_mark;
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
    let mut held = VecDeque::new();
    let mut told = String::new();
    loop {
        let began = Instant::now();
        let Err(error) =
            carry(&sockets, &door, since, ((&out, &trust), &mut into, &mut held)).await;
        if out.is_closed() {
            return;
        }
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

type Told<'a> = (&'a mpsc::Sender<Relayed>, &'a mpsc::Sender<MessageId>);
type Ends<'a> = (Told<'a>, &'a mut mpsc::Receiver<Bytes>, &'a mut VecDeque<Bytes>);

async fn carry(
    sockets: &[PathBuf],
    door: &Door,
    since: Duration,
    ((out, trust), into, held): Ends<'_>,
) -> Result<Infallible, String> {
    let client = Client::connect_any(sockets).await.map_err(|error| error.to_string())?;
    let since_ms = u64::try_from(since.as_millis()).unwrap_or(u64::MAX);
    let watch = Request::Relay(RelayRequest::Watch { since_ms });
    let mut stream = client.stream(watch).await.map_err(|error| error.to_string())?;
    let taking = async {
        loop {
            match stream.next().await {
                Some(Ok(Event::Relayed(relayed))) => {
                    if out.send(relayed).await.is_err() {
                        return "nobody wants them".to_owned();
                    }
                }
                Some(Ok(Event::Missed(missed))) => door.count_many("missed", missed.messages),
                Some(Ok(_)) => {}
                Some(Err(error)) => return error.to_string(),
                None => return "meshchatd ended it".to_owned(),
            }
        }
    };
    tokio::select! {
        why = taking => Err(why),
        result = bring(&client, (door, trust), into, held) => {
            Err(result.map_or_else(|error| error.to_string(), |never| match never {}))
        }
    }
}

/// Gives messages to the daemon, as many at once as there are.
async fn bring(
    client: &Client,
    (door, trust): (&Door, &mpsc::Sender<MessageId>),
    into: &mut mpsc::Receiver<Bytes>,
    held: &mut VecDeque<Bytes>,
) -> Result<Infallible, RequestError> {
    let mut again = Instant::now();
    loop {
        tokio::select! {
            frame = into.recv() => match frame {
                Some(frame) => keep(door, held, frame),
                None => std::future::pending().await,
            },
            () = time::sleep_until(again), if !held.is_empty() => {}
        }
        while let Ok(frame) = into.try_recv() {
            keep(door, held, frame);
        }
        while again <= Instant::now() && !held.is_empty() {
            if inject(client, (door, trust), held).await? {
                again = Instant::now() + TOO_FAST;
            }
        }
    }
}

fn keep(door: &Door, held: &mut VecDeque<Bytes>, frame: Bytes) {
    if held.len() >= HELD {
        held.pop_front();
        door.count("node_full");
    }
    held.push_back(frame);
}

/// Gives the first of them. Returns whether some authors speak too fast.
async fn inject(
    client: &Client,
    (door, trust): (&Door, &mpsc::Sender<MessageId>),
    held: &mut VecDeque<Bytes>,
) -> Result<bool, RequestError> {
    let mut bytes = 0;
    let fits = |frame: &&Bytes| {
        bytes += frame.len() + 8;
        bytes <= AT_ONCE
    };
    let count = held.iter().take(MOST).take_while(fits).count().max(1);
    let frames: Vec<ByteBuf> =
        held.iter().take(count).map(|frame| ByteBuf::from(frame.to_vec())).collect();
    let request = Request::Relay(RelayRequest::Inject { frames });
    let reply = match client.request(request).await {
        Ok(Reply::Injected(reply)) => reply,
        Ok(_) => return Err(RequestError::NotUnderstood),
        // After a loss they are given again: the daemon knows what it has.
        Err(error @ RequestError::Lost(_)) => return Err(error),
        Err(error) => {
            held.drain(..count.min(held.len()));
            door.count_many("node_refused", count as u64);
            return Err(error);
        }
    };
    let given: Vec<Bytes> = held.drain(..count.min(held.len())).collect();
    door.count_many("not_believed", u64::from(reply.refused));
    for mark in believed(&given, &reply) {
        trust.send(mark).await.ok();
    }
    let later: Vec<Bytes> = reply
        .later
        .iter()
        .filter_map(|place| given.get(usize::try_from(*place).ok()?).cloned())
        .collect();
    let too_fast = !later.is_empty();
    later.into_iter().rev().for_each(|frame| held.push_front(frame));
    Ok(too_fast)
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
/// Messages for the daemon that wait; one more pushes out the oldest.
const HELD: usize = 512;
/// How long authors rest who speak too fast.
const TOO_FAST: Duration = Duration::from_secs(1);
/// Messages of one request, and bytes.
const MOST: usize = 64;
const AT_ONCE: usize = 48 * 1024;
