//! How events are written in each dialect.

use std::time::Duration;

use meshchat_client::proto::control::{
    DirectMessage, Event, Gone, Message, Missed, PersonChange, PersonStatus,
};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::{NodeName, PersonName, RoomName};
use serde::Serialize;

use super::Entry;
use super::page::Out;
use super::words::{one_line, said};

/// How a client is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Voice {
    /// `name:text` lines.
    Machat,
    /// JSON objects.
    Distributed,
    /// Lines for a person.
    Plain,
    /// JSON objects with five keys.
    Page,
}

/// Who looks, and at what.
#[derive(Debug, Clone)]
pub struct View {
    /// What they are called.
    pub me: PersonName,
    /// What they call themselves by beside it.
    pub id: String,
    /// The room.
    pub room: RoomName,
    /// The newest message that was there when they came, by its cursor.
    pub newest: u64,
    /// History is behind them.
    pub live: bool,
}

impl View {
    /// Whether something was said before they came.
    const fn is_past(&self, cursor: u64) -> bool {
        !self.live && cursor <= self.newest
    }
}

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Json<'a> {
    Success { msg: &'a str },
    Error { msg: &'a str },
    Msg { uname: &'a str, msg: &'a str },
}

impl Voice {
    /// How many messages of history somebody gets who enters a room, and whether they see them.
    /// The others remember them: so they are not taken for new after a restart of the daemon.
    pub const fn history(self) -> (u32, bool) {
        match self {
            Self::Plain => (20, true),
            Self::Machat | Self::Distributed | Self::Page => (256, false),
        }
    }

    /// Something that happened; none when the dialect does not show it.
    pub fn event(self, view: &View, event: &Event) -> Option<String> {
        match event {
            Event::Message(message) => self.message(view, message),
            Event::Direct(direct) => self.direct(view, direct),
            Event::Missed(missed) => Some(self.note(&missed_words(missed)?)),
            Event::Gone(gone) => Some(self.note(&gone_words(gone))),
            Event::Person(change) if self == Self::Plain && view.live => {
                Some(self.note(&person_words(change)))
            }
            Event::Person(_)
            | Event::DirectState(_)
            | Event::Node(_)
            | Event::Partition(_)
            | Event::Key(_)
            | Event::CaughtUp { .. }
            | Event::KeyShared(_)
            | Event::Relayed(_)
            | Event::Log(_)
            | Event::Peers(_) => None,
        }
    }

    /// A message. Two dialects do not give it back to who wrote it.
    fn message(self, view: &View, message: &Message) -> Option<String> {
        let past = view.is_past(message.cursor);
        let own = message.own && message.author == view.me;
        let echoes = matches!(self, Self::Machat | Self::Page);
        let hidden = if past { !self.history().1 } else { own && !echoes };
        if hidden || message.room != view.room {
            return None;
        }
        let text = said(message.kind, message.text.as_str());
        let author = message.author.as_str();
        Some(match self {
            Self::Plain => {
                let node = &message.node_name;
                let marks = marks(message.late, past, message.age_ms);
                format!("<{author}@{node}> {}{marks}\n", one_line(&text))
            }
            Self::Page if own => self.say((author, &view.id), &text),
            Self::Page => self.say((author, &page_id(&message.author, &message.node)), &text),
            Self::Machat | Self::Distributed => self.say((author, ""), &text),
        })
    }

    fn direct(self, view: &View, direct: &DirectMessage) -> Option<String> {
        let past = view.is_past(direct.cursor);
        if direct.own || (past && !self.history().1) {
            return None;
        }
        let text = said(direct.kind, direct.text.as_str());
        let from = &direct.from;
        if self == Self::Plain {
            let marks = marks(direct.late, past, direct.age_ms);
            let node = &direct.from_node_name;
            return Some(format!("<{from}@{node}, to you only> {}{marks}\n", one_line(&text)));
        }
        let name = format!("{from} (to you only)");
        Some(self.say((&name, &page_id(from, &direct.from_node)), &text))
    }

    /// Something that the door itself has to say. No person can be called as it is.
    pub fn note(self, words: &str) -> String {
        match self {
            Self::Plain => format!("* {}\n", one_line(words)),
            Self::Machat | Self::Distributed | Self::Page => self.say((DOOR, DOOR), words),
        }
    }

    /// That something is wrong.
    pub fn error(self, words: &str) -> String {
        match self {
            Self::Distributed => json(&Json::Error { msg: words }),
            Self::Plain => format!("* error: {}\n", one_line(words)),
            Self::Machat | Self::Page => self.say((DOOR, DOOR), &format!("error: {words}")),
        }
    }

    /// That somebody is in a room, called so.
    pub fn entered(self, entry: &Entry, called: &PersonName) -> Option<String> {
        let other = *called != entry.person;
        match self {
            Self::Machat | Self::Page => None,
            Self::Distributed => {
                let as_typed = entry.typed.parse() == Ok(entry.room.clone());
                let bare = entry.room.as_str().trim_start_matches('#');
                let channel = if as_typed { entry.typed.as_str() } else { bare };
                let other = if other { format!(" as {called}") } else { String::new() };
                Some(json(&Json::Success {
                    msg: &format!("Connected to channel {channel}{other}"),
                }))
            }
            Self::Plain => {
                let why = if other { ", as your name is taken" } else { "" };
                Some(self.note(&format!("you are in {} as {called}{why}", entry.room)))
            }
        }
    }

    /// One message of somebody, with the id that pages tell people by.
    fn say(self, (name, id): (&str, &str), text: &str) -> String {
        match self {
            Self::Machat | Self::Plain => format!("{name}:{}\n", one_line(text)),
            Self::Distributed => json(&Json::Msg { uname: name, msg: &one_line(text) }),
            Self::Page => Out { name, message: text, pong: false, presence: false, id }.line(),
        }
    }
}

/// By what pages tell people who came in elsewhere.
pub fn page_id(name: &PersonName, node: &NodeId) -> String {
    format!("{name}@{}", node.short())
}

/// How long something takes or took, roughly.
pub fn age(milliseconds: u64) -> String {
    let seconds = Duration::from_millis(milliseconds).as_secs();
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

fn marks(late: bool, past: bool, age_ms: u64) -> String {
    let late = if late { " [late]" } else { "" };
    let past = if past { format!(" ({} ago)", age(age_ms)) } else { String::new() };
    format!("{past}{late}")
}

fn person_words(change: &PersonChange) -> String {
    let PersonChange { name, node_name, state, note, .. } = change;
    let note = if note.is_empty() { String::new() } else { format!(": {note}") };
    let what = match state {
        PersonStatus::Online => "is here".to_owned(),
        PersonStatus::Away => format!("is away{note}"),
        PersonStatus::Unreachable => "cannot be reached now".to_owned(),
        PersonStatus::Offline => "has left".to_owned(),
        PersonStatus::Unknown => "is in a state that this release does not know".to_owned(),
    };
    format!("{} {what}", at(name, node_name))
}

fn at(name: &PersonName, node: &NodeName) -> String {
    format!("{name}@{node}")
}

fn missed_words(missed: &Missed) -> Option<String> {
    let count = missed.messages;
    (count > 0).then(|| format!("{count} messages did not get to you, and are no longer kept"))
}

fn gone_words(gone: &Gone) -> String {
    let Gone { count, node_name, .. } = gone;
    let why = if gone.refused { "were refused, as they came too fast" } else { "are gone" };
    format!("{count} messages from {node_name} {why}")
}

fn json(object: &Json<'_>) -> String {
    serde_json::to_string(object).unwrap_or_default()
}

/// The name of what the door itself says: `~` is in no person's name.
const DOOR: &str = "~meshchat";

#[cfg(test)]
mod tests {
    use meshchat_client::proto::id::MessageId;
    use meshchat_client::proto::message::MessageKind;

    use super::*;

    fn view() -> View {
        View {
            me: "me".parse().unwrap(),
            id: "17".into(),
            room: RoomName::lobby(),
            newest: 1,
            live: true,
        }
    }

    fn message(author: &str, text: &str) -> Event {
        Event::Message(Message {
            cursor: 1,
            id: MessageId::of(b"x"),
            room: RoomName::lobby(),
            author: author.parse().unwrap(),
            node: NodeId([1; 32]),
            node_name: "pi".parse().unwrap(),
            boot: 1,
            seq: 1,
            kind: MessageKind::Text,
            text: text.parse().unwrap(),
            wall_ms: 0,
            age_ms: 61_000,
            late: false,
            caught_up: false,
            own: true,
            via: None,
        })
    }

    fn shown(voice: Voice, author: &str, text: &str) -> Option<String> {
        voice.event(&view(), &message(author, text))
    }

    #[test]
    fn each_dialect_has_its_bytes() {
        let text = "a \"b\"\nx:\u{1b}";
        assert_eq!(shown(Voice::Machat, "me", text).unwrap(), "me:a \"b\" \u{23ce} x:\\u{1b}\n");
        assert_eq!(
            shown(Voice::Distributed, "ann", text).unwrap(),
            "{\"type\":\"msg\",\"uname\":\"ann\",\"msg\":\"a \\\"b\\\" \u{23ce} x:\\\\u{1b}\"}"
        );
        assert_eq!(shown(Voice::Plain, "ann", "hi").unwrap(), "<ann@pi> hi\n");
        assert_eq!(
            shown(Voice::Page, "me", "hi").unwrap(),
            "{\"name\":\"me\",\"message\":\"hi\",\"pong\":false,\"presence\":false,\"id\":\"17\"}\n"
        );
        assert!(shown(Voice::Page, "ann", "hi").unwrap().contains(r#""id":"ann@040g-"#));
    }

    #[test]
    fn some_do_not_hear_themselves_and_nobody_another_room() {
        assert_eq!(shown(Voice::Distributed, "me", "x"), None);
        assert_eq!(shown(Voice::Plain, "me", "x"), None);
        let elsewhere = View { room: "#dev".parse().unwrap(), ..view() };
        for voice in [Voice::Machat, Voice::Distributed, Voice::Plain, Voice::Page] {
            assert_eq!(voice.event(&elsewhere, &message("ann", "x")), None);
        }
    }

    #[test]
    fn history_is_for_people() {
        let past = View { live: false, ..view() };
        let event = message("me", "old");
        assert_eq!(Voice::Plain.event(&past, &event).unwrap(), "<me@pi> old (1 min ago)\n");
        assert_eq!(Voice::Machat.event(&past, &event), None);
        let early = View { newest: 0, live: false, ..view() };
        assert_eq!(Voice::Machat.event(&early, &event).unwrap(), "me:old\n");
    }

    #[test]
    fn errors_and_notes() {
        assert_eq!(
            Voice::Distributed.error("MALFORMED DATA"),
            r#"{"type":"error","msg":"MALFORMED DATA"}"#
        );
        assert_eq!(Voice::Machat.error("x\ny"), "~meshchat:error: x \u{23ce} y\n");
        assert_eq!(Voice::Plain.note("x"), "* x\n");
        assert!("~meshchat".parse::<PersonName>().is_err());
    }

    #[test]
    fn a_join_is_answered() {
        let entry = |typed: &str| Entry {
            person: "U".parse().unwrap(),
            room: super::super::room(typed).unwrap(),
            typed: typed.into(),
            id: String::new(),
        };
        let reply = |typed, called: &str| {
            Voice::Distributed.entered(&entry(typed), &called.parse().unwrap()).unwrap()
        };
        assert_eq!(reply("Dev", "U"), r#"{"type":"success","msg":"Connected to channel Dev"}"#);
        assert!(reply("a b", "U-2").contains("channel a-b as U-2"));
        assert_eq!(Voice::Machat.entered(&entry("dev"), &"U".parse().unwrap()), None);
    }
}
