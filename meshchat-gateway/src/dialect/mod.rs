//! What foreign clients say and how they are answered, byte for byte, without any input or output:
//! a [`Dialect`] turns what was read into [`Want`]s, a [`Voice`] turns events into what is written.
//! Both doors, TCP and WebSocket, use the same.

mod distributed;
mod machat;
mod names;
mod objects;
mod page;
mod plain;
mod voice;
mod words;

use meshchat_client::proto::name::{PersonName, RoomName};

pub use crate::door::cut;
pub use distributed::Distributed;
pub use machat::Machat;
pub use names::{person, room, tagged};
pub use objects::{Object, Objects};
pub use page::{Page, pong};
pub use plain::{Plain, WELCOME};
pub use voice::{View, Voice, age, page_id};
pub use words::one_line;

/// What came from a client in one piece: a line, a JSON object or a WebSocket frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// Text within the bound.
    Text(String),
    /// More than a line may have; it was skipped.
    TooLong,
    /// Bytes that are no UTF-8.
    NotUtf8,
    /// What is no JSON object, where only such may be.
    Malformed,
}

/// What a client wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Want {
    /// To be in a room; also to change it.
    Enter(Entry),
    /// To say something there.
    Say(String),
    /// To say something to one person only.
    Tell {
        /// `PERSON` or `PERSON@NODE`.
        to: String,
        /// The words.
        text: String,
    },
    /// To be called something else from now on.
    Rename(PersonName),
    /// To know who is there.
    Who,
    /// These words, as they are: help.
    Show(&'static str),
    /// Nothing that is understood: it is told why, in the form that the dialect has for it.
    Refuse(&'static str, String),
    /// The same, and it cannot go on.
    End(&'static str, String),
    /// To go.
    Quit,
}

/// Whom somebody wants to be, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// What they are called, if nobody else is.
    pub person: PersonName,
    /// The room.
    pub room: RoomName,
    /// The room as they wrote it.
    pub typed: String,
    /// What they call themselves by beside their name; empty where there is no such thing.
    pub id: String,
}

/// The dialect of one client, and how far it has come.
#[derive(Debug)]
pub enum Dialect {
    /// minaandrawos/machat.
    Machat(Machat),
    /// gdsoumya/distributed_chat.
    Distributed(Distributed),
    /// A person with `nc`.
    Plain(Plain),
    /// The page of zgiles/meshchat.
    Page(Page),
}

impl Dialect {
    /// Understands what came.
    pub fn read(&mut self, unit: Unit) -> Vec<Want> {
        match self {
            Self::Machat(machat) => machat.read(unit),
            Self::Distributed(distributed) => distributed.read(unit),
            Self::Plain(plain) => plain.read(unit),
            Self::Page(page) => page.read(unit),
        }
    }

    /// How the client is answered.
    pub const fn voice(&self) -> Voice {
        match self {
            Self::Machat(_) => Voice::Machat,
            Self::Distributed(_) => Voice::Distributed,
            Self::Plain(_) => Voice::Plain,
            Self::Page(_) => Voice::Page,
        }
    }
}

/// What somebody is told whose line was too long.
pub(crate) fn too_long() -> Want {
    let words = format!("that was longer than {} bytes and was not sent", crate::door::LINE_BYTES);
    Want::Refuse("too_long", words)
}

/// What somebody is told whose line is no text.
pub(crate) fn not_utf8() -> Want {
    Want::Refuse("not_utf8", "that was not UTF-8 text and was not sent".into())
}
