use meshchat_client::proto::control::{Dm, Event, Reply, Request, Start};
use meshchat_client::{Tail as Stream, TailItem, TailRequest};

use crate::args::Tail;
use crate::failure::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::feed::Feed;
use crate::output::time::Clock;
use crate::output::{event, note, reader_gone};
use crate::session::Session;

pub(crate) async fn tail(session: &mut Session, args: Tail) -> Result<u8, Failure> {
    let start = match &args.since {
        Some(when) => Start::Since(Clock::now().since(when).map_err(Failure::usage)?),
        None if args.lines == 0 => Start::Now,
        None => Start::Last(args.lines),
    };
    let view = &session.out.view;
    let mut feed = Feed::new(view.color, args.room.is_none(), !args.no_follow).ids(args.ids);
    let (room, follow, presence) = (args.room, !args.no_follow, !args.no_presence);
    let known = match &room {
        Some(room) => is_known(session, room, follow).await?,
        None => true,
    };
    let dm = if args.dm { Dm::Only } else { Dm::Also };
    let presence = presence && !args.dm;
    let cursor = args.cursor;
    let waits = view.terminal && !view.json && follow && known;
    let request = TailRequest::Messages { room, start, follow, presence, dm, cursor };
    let mut stream = Stream::open(session.paths.clone(), request).await?;
    tokio::select! {
        biased;
        result = print(session, &mut stream, &mut feed, waits) => result?,
        // Nothing may ever come again that would show it.
        () = reader_gone() => return Ok(0),
    }
    stream.settle().await;
    Ok(0)
}

/// Prints what comes, until the end of history or for good.
async fn print(
    session: &mut Session,
    stream: &mut Stream,
    feed: &mut Feed,
    waits: bool,
) -> Result<(), Failure> {
    let mut clock = Clock::now();
    for turn in 0u64.. {
        if turn.is_multiple_of(CLOCK_EVERY) {
            written(session, stream)?;
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
                written(session, stream)?;
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
                show(session, feed, &event, &clock)?;
            }
            Some(TailItem::Lost(why)) => note(&format!("waiting for meshchatd: {why}")),
            Some(TailItem::Back { restarted: false }) => note("connected to meshchatd again"),
            Some(TailItem::Back { restarted: true }) => note("meshchatd was restarted and is back"),
            None => break,
        }
    }
    written(session, stream)
}

/// Whether this node knows a room. If not, that is said: it may be a slip of the pen. Where nobody
/// waits for what may come, it is a failure.
async fn is_known(session: &Session, typed: &str, follow: bool) -> Result<bool, Failure> {
    // Why a daemon does not answer, the stream will say.
    let Ok(Reply::Rooms(rooms)) = session.ask(Request::Rooms {}).await else { return Ok(true) };
    let room = super::rooms::with_hash(typed).to_lowercase();
    if rooms.iter().any(|known| known.room.as_str() == room) || room == "#lobby" {
        return Ok(true);
    }
    let words = format!("nobody has been in {} or said anything there", escape(&room));
    if follow {
        note(&format!("{words}; waiting for what comes (Ctrl-C ends)"));
        return Ok(false);
    }
    Err(Failure::new(Exit::NotFound, "not_found", words).hint("see the rooms:   meshchatctl rooms"))
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
        return event::write(&mut session.out, event, None);
    }
    let text = feed.render(event, clock);
    Ok(session.out.text(&text)?)
}

/// Events in a row that take the time as unchanged, and go out together at the latest: asking
/// costs more than the rest.
const CLOCK_EVERY: u64 = 256;
