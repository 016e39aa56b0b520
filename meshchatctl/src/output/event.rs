//! Events as objects for programs.

use meshchat_client::proto::control::Event;
use serde::Serialize;

use super::Out;
use crate::failure::Failure;

/// Writes an event; nothing for those that no stream of ours asks for.
///
/// `at` is the moment in which it was seen. Without it only messages have a time: the one that
/// their author's clock showed.
pub(crate) fn write(out: &mut Out, event: &Event, at: Option<&str>) -> Result<(), Failure> {
    let at = at.map(|at| Some(at.to_owned()));
    let said = |wall_ms| at.clone().or_else(|| Some(utc(wall_ms)));
    match event {
        Event::Message(content) => named(out, "message", said(content.wall_ms), content),
        Event::Direct(content) => named(out, "direct", said(content.wall_ms), content),
        Event::DirectState(content) => named(out, "direct_state", at, content),
        Event::Person(content) => named(out, "person", at, content),
        Event::Node(content) => named(out, "node", at, content),
        Event::Partition(content) => named(out, "partition", at, content),
        Event::Key(content) => named(out, "key", at, content),
        Event::Missed(content) => named(out, "missed", at, content),
        Event::KeyShared(content) => named(out, "key_shared", at, content),
        Event::Gone(content) => named(out, "gone", at, content),
        Event::CaughtUp { cursor } => named(out, "caught_up", at, &Cursor { cursor: *cursor }),
        Event::Relayed(_) | Event::Log(_) | Event::Peers(_) => Ok(()),
    }
}

/// Writes an object with its kind first, and its time where there is one.
pub(crate) fn named(
    out: &mut Out,
    event: &'static str,
    time: Option<Option<String>>,
    content: &impl Serialize,
) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Named<'a, T> {
        event: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        time: Option<Option<String>>,
        #[serde(flatten)]
        content: &'a T,
    }
    out.json(&Named { event, time, content })
}

/// Milliseconds since 1970 in RFC 3339; none when no calendar goes that far.
pub(crate) fn utc(wall_ms: u64) -> Option<String> {
    let ms = i64::try_from(wall_ms).ok()?;
    Some(jiff::Timestamp::from_millisecond(ms).ok()?.to_string())
}

#[derive(Serialize)]
struct Cursor {
    cursor: u64,
}
