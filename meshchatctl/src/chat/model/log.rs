//! What was said and what happened in one conversation, oldest first, bounded.

use std::collections::{HashSet, VecDeque};

use jiff::civil::DateTime;
use meshchat_client::proto::control::{DirectMessage, DirectState, Message};
use meshchat_client::proto::id::{LetterId, MessageId};
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::Via;

use super::changes::Changes;
use super::place::Who;
use crate::output::escape::escape;
use crate::output::feed::is_doubtful;
use crate::output::style::Paint;
use crate::output::time::Clock;

/// Entries of a conversation that nobody is reading back in; the oldest go.
pub(crate) const KEPT: usize = 2_000;
/// Entries of one that is scrolled back: what is being read stays.
pub(crate) const KEPT_WHILE_READ: usize = 16_000;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Log {
    entries: VecDeque<Entry>,
    known: HashSet<Name>,
    next: u64,
    /// What the entries weigh, see [`weight`].
    bytes: usize,
}

/// One thing in a log.
#[derive(Debug)]
pub(crate) struct Entry {
    /// Its name in this log, for as long as the chat runs.
    pub(crate) id: u64,
    /// Its place in the node's order of showing, of what was said.
    pub(crate) cursor: Option<u64>,
    /// The time of day here; none when no calendar goes that far.
    pub(crate) when: Option<DateTime>,
    pub(crate) what: What,
}

#[derive(Debug)]
pub(crate) enum What {
    Said(Said),
    /// Something that all should notice: a partition, something lost.
    Rule(String, Paint),
    /// The answer to a command; lines that are laid out already.
    Answer(Vec<String>, Paint),
    /// People who came and went.
    Changes(Changes),
}

/// A message, ready to be shown: its lines are escaped.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) name: Name,
    pub(crate) who: Who,
    pub(crate) via: Option<Via>,
    pub(crate) lines: Vec<String>,
    pub(crate) action: bool,
    pub(crate) late: bool,
    /// The author's clock cannot be right.
    pub(crate) doubtful: bool,
    /// The person who reads wrote it.
    pub(crate) mine: bool,
    pub(crate) mention: bool,
    pub(crate) mark: Mark,
}

/// What tells a message from all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Name {
    Message(MessageId),
    Letter(LetterId),
}

/// How far one's own message has come, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    None,
    Sent,
    /// Nodes that hold it, of those that are to get it.
    Reached(u32, u32),
    Direct(DirectState),
}

impl Log {
    pub(crate) fn entries(&self) -> &VecDeque<Entry> {
        &self.entries
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// What it takes, about.
    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Where an entry is now.
    pub(crate) fn place_of(&self, id: u64) -> Option<usize> {
        self.entries.iter().rposition(|entry| entry.id == id)
    }

    /// Adds what was said, by its cursor; none if it is there already.
    pub(crate) fn say(&mut self, cursor: u64, when: Option<DateTime>, said: Said) -> Option<u64> {
        if !self.known.insert(said.name) {
            return None;
        }
        let earlier = |entry: &Entry| entry.cursor.is_some_and(|at| at < cursor);
        let later = |entry: &Entry| entry.cursor.is_some_and(|at| at > cursor);
        let at = match self.entries.iter().rev().find(|entry| entry.cursor.is_some()) {
            Some(last) if later(last) => {
                self.entries.iter().rposition(earlier).map_or(0, |before| before + 1)
            }
            Some(_) | None => self.entries.len(),
        };
        Some(self.insert(at, Some(cursor), when, What::Said(said)))
    }

    /// Adds what the node took and does not show; none if it is there already.
    pub(crate) fn say_unshown(
        &mut self,
        cursor: Option<u64>,
        when: Option<DateTime>,
        said: Said,
    ) -> Option<u64> {
        match cursor {
            Some(cursor) => self.say(cursor, when, said),
            None if self.known.insert(said.name) => Some(self.add(when, What::Said(said))),
            None => None,
        }
    }

    /// Whether this was added before.
    pub(crate) fn knows(&self, name: Name) -> bool {
        self.known.contains(&name)
    }

    pub(crate) fn add(&mut self, when: Option<DateTime>, what: What) -> u64 {
        self.insert(self.entries.len(), None, when, what)
    }

    fn insert(
        &mut self,
        at: usize,
        cursor: Option<u64>,
        when: Option<DateTime>,
        what: What,
    ) -> u64 {
        self.next += 1;
        self.bytes += weight(&what);
        self.entries.insert(at, Entry { id: self.next, cursor, when, what });
        self.next
    }

    /// Changes of people that nothing came behind yet.
    pub(crate) fn last_changes(&mut self) -> Option<&mut Changes> {
        match &mut self.entries.back_mut()?.what {
            What::Changes(changes) => Some(changes),
            What::Said(_) | What::Rule(..) | What::Answer(..) => None,
        }
    }

    pub(crate) fn mark(&mut self, name: Name, mark: Mark) {
        let mut said = self.entries.iter_mut().rev().filter_map(|entry| match &mut entry.what {
            What::Said(said) => Some(said),
            What::Rule(..) | What::Answer(..) | What::Changes(_) => None,
        });
        if let Some(said) = said.find(|said| said.name == name) {
            said.mark = mark;
        }
    }

    /// What was said, the newest first.
    pub(crate) fn said(&self) -> impl Iterator<Item = &Said> {
        self.entries.iter().rev().filter_map(|entry| match &entry.what {
            What::Said(said) => Some(said),
            What::Rule(..) | What::Answer(..) | What::Changes(_) => None,
        })
    }

    pub(crate) fn newest_cursor(&self) -> Option<u64> {
        self.entries.iter().rev().find_map(|entry| entry.cursor)
    }

    /// Forgets the oldest beyond so many.
    pub(crate) fn trim(&mut self, most: usize) {
        while self.entries.len() > most {
            self.forget_oldest();
        }
        // What was cleared from the screen is known for a while, not for ever.
        if self.known.len() > self.entries.len() + KEPT_WHILE_READ {
            self.known = self.said().map(|said| said.name).collect();
        }
    }

    /// Forgets the oldest until so many bytes are free; the newest stays.
    pub(crate) fn free(&mut self, bytes: usize) {
        let most = self.bytes.saturating_sub(bytes);
        while self.bytes > most && self.entries.len() > 1 {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let Some(Entry { what, .. }) = self.entries.pop_front() else { return };
        self.bytes = self.bytes.saturating_sub(weight(&what));
        if let What::Said(said) = what {
            self.known.remove(&said.name);
        }
    }

    /// Takes everything from the screen; what was said is still known and does not come again.
    pub(crate) fn clear(&mut self) {
        self.entries.clear();
        self.bytes = 0;
    }
}

impl Said {
    pub(crate) fn room(message: &Message, clock: &Clock, mine: bool, mention: bool) -> Self {
        Self {
            name: Name::Message(message.id),
            who: Who { name: message.author.clone(), node: message.node_name.clone() },
            via: message.via.clone(),
            lines: lines(message.text.as_str()),
            action: message.kind == MessageKind::Action,
            late: message.late,
            doubtful: is_doubtful((message.wall_ms, message.age_ms, message.caught_up), clock),
            mine,
            mention,
            mark: Mark::None,
        }
    }

    pub(crate) fn direct(message: &DirectMessage, clock: &Clock) -> Self {
        Self {
            name: Name::Letter(message.letter),
            who: Who { name: message.from.clone(), node: message.from_node_name.clone() },
            via: None,
            lines: lines(message.text.as_str()),
            action: message.kind == MessageKind::Action,
            late: message.late,
            doubtful: is_doubtful((message.wall_ms, message.age_ms, message.caught_up), clock),
            mine: message.own,
            mention: false,
            mark: message.state.map_or(Mark::None, Mark::Direct),
        }
    }
}

/// The lines of a text, escaped.
pub(crate) fn lines(text: &str) -> Vec<String> {
    let clean = |line: &str| escape(&line.trim_end_matches('\r').replace('\t', TAB)).into_owned();
    text.trim_end_matches(['\n', '\r']).split('\n').map(clean).collect()
}

/// What an entry takes in memory, about.
fn weight(what: &What) -> usize {
    let all = |lines: &[String]| lines.iter().map(|line| line.len() + LINE).sum();
    let words = match what {
        What::Said(said) => all(&said.lines),
        What::Rule(words, _) => words.len(),
        What::Answer(lines, _) => all(lines),
        What::Changes(_) => ENTRY,
    };
    words + ENTRY
}

/// Bytes of an entry and of a line beside the words.
const ENTRY: usize = 256;
const LINE: usize = 24;
const TAB: &str = "    ";
