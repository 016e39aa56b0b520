use meshchat_client::proto::control::{DirectMessage, Dm, Event, Message, Start};
use meshchat_client::{Tail as Stream, TailItem, TailRequest};
use serde::Serialize;

use crate::args::Tail;
use crate::failure::Failure;
use crate::output::feed::Feed;
use crate::output::note;
use crate::output::time::Clock;
use crate::session::Session;

pub(crate) async fn tail(session: &mut Session, args: Tail) -> Result<u8, Failure> {
    let start = match &args.since {
        Some(when) => Start::Since(Clock::now().since(when).map_err(Failure::usage)?),
        None if args.lines == 0 => Start::Now,
        None => Start::Last(args.lines),
    };
    let view = &session.out.view;
    let waits = view.terminal && !view.json && !args.no_follow;
    let mut feed = Feed::new(view.color, args.room.is_none(), !args.no_follow).ids(args.ids);
    let (room, follow, presence) = (args.room, !args.no_follow, !args.no_presence);
    let dm = if args.dm { Dm::Only } else { Dm::Also };
    let presence = presence && !args.dm;
    let cursor = args.cursor;
    let request = TailRequest::Messages { room, start, follow, presence, dm, cursor };
    let mut stream = Stream::open(session.paths.clone(), request).await?;
    let mut clock = Clock::now();
    for turn in 0u64.. {
        if turn.is_multiple_of(CLOCK_EVERY) {
            written(session, &mut stream)?;
            clock = Clock::now();
        }
        // What is there already goes out with one write.
        let ready = tokio::select! {
            biased;
            item = stream.next() => Some(item),
            () = std::future::ready(()) => None,
        };
        let item = match ready {
            Some(item) => item,
            None => {
                written(session, &mut stream)?;
                let item = stream.next().await;
                clock = Clock::now();
                item
            }
        };
        match item.transpose()? {
            Some(TailItem::Event(event)) => {
                if waits && feed.is_empty() && matches!(event, Event::CaughtUp { .. }) {
                    note("nothing was said yet; waiting for what comes (Ctrl-C ends)");
                }
                show(session, &mut feed, &event, &clock)?;
            }
            Some(TailItem::Lost(why)) => note(&format!("waiting for meshchatd: {why}")),
            Some(TailItem::Back { restarted: false }) => note("connected to meshchatd again"),
            Some(TailItem::Back { restarted: true }) => note("meshchatd was restarted and is back"),
            None => break,
        }
    }
    written(session, &mut stream)?;
    stream.settle().await;
    Ok(0)
}

/// Confirms what has left this program, and nothing else.
fn written(session: &mut Session, stream: &mut Stream) -> Result<(), Failure> {
    session.out.flush()?;
    stream.confirm();
    Ok(())
}

fn show(
    session: &mut Session,
    feed: &mut Feed,
    event: &Event,
    clock: &Clock,
) -> Result<(), Failure> {
    if session.out.view.json {
        return json(session, event);
    }
    let text = feed.render(event, clock);
    Ok(session.out.text(&text)?)
}

fn json(session: &mut Session, event: &Event) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Named<'a, T> {
        event: &'static str,
        #[serde(flatten)]
        content: &'a T,
    }
    #[derive(Serialize)]
    struct Timed<'a> {
        event: &'static str,
        time: Option<String>,
        #[serde(flatten)]
        message: &'a Message,
    }
    #[derive(Serialize)]
    struct TimedDirect<'a> {
        event: &'static str,
        time: Option<String>,
        #[serde(flatten)]
        message: &'a DirectMessage,
    }
    #[derive(Serialize)]
    struct Cursor {
        cursor: u64,
    }
    let out = &mut session.out;
    match event {
        Event::Message(message) => {
            out.json(&Timed { event: "message", time: utc(message.wall_ms), message })
        }
        Event::Direct(message) => {
            out.json(&TimedDirect { event: "direct", time: utc(message.wall_ms), message })
        }
        Event::DirectState(content) => out.json(&Named { event: "direct_state", content }),
        Event::Person(content) => out.json(&Named { event: "person", content }),
        Event::Node(content) => out.json(&Named { event: "node", content }),
        Event::Partition(content) => out.json(&Named { event: "partition", content }),
        Event::Key(content) => out.json(&Named { event: "key", content }),
        Event::Missed(content) => out.json(&Named { event: "missed", content }),
        Event::KeyShared(content) => out.json(&Named { event: "key_shared", content }),
        Event::Gone(content) => out.json(&Named { event: "gone", content }),
        Event::CaughtUp { cursor } => {
            out.json(&Named { event: "caught_up", content: &Cursor { cursor: *cursor } })
        }
        Event::Relayed(_) | Event::Log(_) | Event::Peers(_) => Ok(()),
    }?;
    Ok(())
}

fn utc(wall_ms: u64) -> Option<String> {
    let ms = i64::try_from(wall_ms).ok()?;
    Some(jiff::Timestamp::from_millisecond(ms).ok()?.to_string())
}

/// Events in a row that take the time as unchanged, and go out together at the latest: asking
/// costs more than the rest.
const CLOCK_EVERY: u64 = 256;
