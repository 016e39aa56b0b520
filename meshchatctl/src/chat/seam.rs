//! What goes into the model, and what comes out.

use std::collections::BTreeMap;
use std::time::Duration;

use crossterm::event::{KeyEvent, MouseEvent};
use meshchat_client::RequestError;
use meshchat_client::proto::control::{Event, Reply, Request, Welcome};
use meshchat_client::proto::name::RoomName;

use crate::output::time::Clock;

/// The time at which something happens.
#[derive(Debug, Clone)]
pub(crate) struct Now {
    /// The time of day, to be shown.
    pub(crate) clock: Clock,
    /// Since the chat began: steady, for deadlines.
    pub(crate) running: Duration,
}

/// What happened.
#[derive(Debug)]
pub(crate) enum Input {
    Key(KeyEvent),
    /// Text that came as one piece.
    Paste(String),
    Mouse(MouseEvent),
    /// The screen has another size: columns and lines.
    Resize(u16, u16),
    /// The program is to end: a signal, or the terminal is gone.
    Leave,
    /// Time has passed; comes every second, and when [`super::model::Model::due`] says so.
    Tick,
    /// The connection to the daemon.
    Link(Link),
    /// Something of the stream of all one's rooms.
    Event(Box<Event>),
    /// Something of the past of one room, asked for by [`Effect::Past`]; none at its end.
    Past(RoomName, Option<Box<Event>>),
    /// The past of this room could not be read, or not to its end.
    NoPast(RoomName),
    /// To [`Effect::Ask`].
    Answer(AskId, Result<Reply, RequestError>),
    /// A thing that should have been kept could not be: why.
    NotKept(String),
}

/// How the connection to the daemon is.
#[derive(Debug)]
pub(crate) enum Link {
    /// Connected. The events of its stream follow, old ones first.
    Up {
        welcome: Box<Welcome>,
        /// It is another run of the daemon than before.
        restarted: bool,
    },
    /// Gone, for this reason; the shell tries again by itself. Requests without an answer get
    /// [`RequestError::Lost`] before this.
    Lost(String),
}

/// Tells answers apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct AskId(pub(crate) u64);

/// What is to be done.
#[derive(Debug, PartialEq)]
pub(crate) enum Effect {
    /// Asks the daemon; the answer comes as [`Input::Answer`].
    Ask(AskId, Request),
    /// Reads so many of the newest messages of one room, for when a room is entered.
    Past(RoomName, u32),
    /// Keeps something for the next time.
    Keep(Keep),
    /// Draws attention: the bell or a notice of the terminal, as the person has set it.
    Notify { title: String, text: String },
    /// Puts text into the clipboard of the person's terminal.
    Copy(String),
    /// Catches the mouse, or leaves it to the terminal for marking text.
    Mouse(bool),
    /// Draws everything anew.
    Repaint,
    /// Suspends the program, as Ctrl-Z does.
    Suspend,
    /// Ends.
    Quit,
}

/// What outlives the chat, for each node and person in files under `$XDG_STATE_HOME/meshchat`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Keep {
    /// A conversation was read up to this cursor.
    Read { conversation: String, cursor: u64 },
    /// A line was typed there.
    Typed { conversation: String, line: String },
    /// What is not yet known to be sent, all of it, the oldest first.
    Unsent(Vec<Unsent>),
    /// The rooms that draw no attention, all of them.
    Muted(Vec<String>),
    /// The conversation that was looked at last.
    Last(String),
    /// The person has seen the first explanation.
    Introduced,
}

/// Words that the daemon has not accepted yet.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Unsent {
    /// The room, or `@PERSON@NODE`.
    pub(crate) conversation: String,
    pub(crate) text: String,
    /// `/me`.
    #[serde(default)]
    pub(crate) action: bool,
    /// The time of day, in milliseconds since 1970, at which the daemon was first given them,
    /// when it is not known whether it took them.
    #[serde(default)]
    pub(crate) tried_ms: Option<u64>,
}

/// What was kept the last time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) read: BTreeMap<String, u64>,
    /// Lines typed, the oldest first, per conversation.
    pub(crate) typed: BTreeMap<String, Vec<String>>,
    pub(crate) unsent: Vec<Unsent>,
    pub(crate) muted: Vec<String>,
    pub(crate) last: Option<String>,
    pub(crate) introduced: bool,
}

/// How the person wants it: `ctl.toml`, the command line, the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Taste {
    pub(crate) color: bool,
    pub(crate) mouse: bool,
    /// When to draw attention.
    pub(crate) notify: Notify,
    /// Letters beyond ASCII can be shown.
    pub(crate) unicode: bool,
}

/// When to draw attention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Notify {
    #[default]
    Off,
    /// One's name, or a direct message.
    Mentions,
    Messages,
}

/// What a key in the line of input meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Typed {
    /// The line changed, or nothing did.
    Edited,
    /// The person wants this said, or this command carried out; the line is empty again.
    Submit(String),
    /// The key means nothing to the line: it is for the rest of the screen.
    Pass(KeyEvent),
}

/// What words can be completed with.
pub(crate) trait Lexicon {
    /// Names of people who may be meant here, the likeliest first.
    fn people(&self) -> Vec<String>;
    /// Rooms, each with its `#`.
    fn rooms(&self) -> Vec<String>;
    /// Names of nodes and peers.
    fn nodes(&self) -> Vec<String>;
    /// Commands, each with its `/`, and what its argument is.
    fn commands(&self) -> Vec<(&'static str, Argument)>;
}

/// What a command is followed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    Nothing,
    Person,
    Room,
    Node,
    Text,
}
