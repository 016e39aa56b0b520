use std::collections::{HashMap, HashSet, VecDeque};

use meshchat_proto::control::{DirectMessage, Event, Message, Start};
use meshchat_proto::id::{LetterId, MessageId, NodeId};

/// Ids of shown messages that a [`Tail`](crate::Tail) remembers, the newest of them: more than a
/// node's history holds.
pub const SHOWN_IDS: usize = 16_384;

/// How far a tail of messages has come.
#[derive(Debug, Default)]
pub(crate) struct Place {
    /// The run of the daemon that `cursor` belongs to.
    pub(crate) run: Option<u64>,
    /// The newest message yielded in this run; none while history is still to come.
    pub(crate) cursor: Option<u64>,
    /// A run of the daemon after the first: history was asked for from its start.
    replayed: bool,
    shown: HashSet<MessageId>,
    order: VecDeque<MessageId>,
    letters: HashSet<LetterId>,
    letter_order: VecDeque<LetterId>,
    /// The first message of each node that was yielded before any replay: its run and number.
    floors: HashMap<NodeId, (u64, u64)>,
}

impl Place {
    /// Where to start in this run of the daemon, whose newest message has this cursor.
    pub(crate) fn enter(&mut self, run: u64, newest: u64, wanted: Start) -> Start {
        match self.run.replace(run) {
            None => {
                self.cursor = (wanted == Start::Now).then_some(newest);
                wanted
            }
            Some(before) if before == run => {
                self.cursor.map_or_else(|| self.again(wanted), Start::After)
            }
            Some(_) => {
                self.replayed = true;
                self.cursor = None;
                self.again(wanted)
            }
        }
    }

    /// How many lines of the past to ask this run of the daemon for.
    pub(crate) fn enter_log(&mut self, run: u64, wanted: u32) -> u32 {
        match self.run.replace(run) {
            None => wanted,
            Some(before) if before == run => 0,
            Some(_) => u32::MAX,
        }
    }

    const fn again(&self, wanted: Start) -> Start {
        if self.replayed { Start::Last(u32::MAX) } else { wanted }
    }

    /// Notes an event; false when it was yielded before.
    pub(crate) fn is_new(&mut self, event: &Event) -> bool {
        match event {
            Event::Message(message) => {
                self.cursor = Some(message.cursor);
                self.is_unseen(message)
            }
            Event::Direct(message) => {
                self.cursor = Some(message.cursor);
                self.is_new_letter(message)
            }
            Event::CaughtUp { cursor } => {
                self.cursor = Some(*cursor);
                true
            }
            Event::Missed(missed) => {
                self.cursor = Some(missed.cursor.max(self.cursor.unwrap_or(0)));
                true
            }
            Event::DirectState(_)
            | Event::Person(_)
            | Event::Node(_)
            | Event::Partition(_)
            | Event::Gone(_)
            | Event::KeyShared(_)
            | Event::Key(_)
            | Event::Relayed(_)
            | Event::Log(_)
            | Event::Peers(_) => true,
        }
    }

    /// A sender repeats what did not arrive: the message is another, the letter is the same.
    fn is_new_letter(&mut self, message: &DirectMessage) -> bool {
        if !self.letters.insert(message.letter) {
            return false;
        }
        self.letter_order.push_back(message.letter);
        if self.letter_order.len() > SHOWN_IDS
            && let Some(oldest) = self.letter_order.pop_front()
        {
            self.letters.remove(&oldest);
        }
        true
    }

    fn is_unseen(&mut self, message: &Message) -> bool {
        let number = (message.boot, message.seq);
        let floor = self.floors.get(&message.node).copied();
        if self.replayed && floor.is_some_and(|floor| number < floor) {
            return false;
        }
        if !self.shown.insert(message.id) {
            return false;
        }
        self.order.push_back(message.id);
        if self.order.len() > SHOWN_IDS
            && let Some(oldest) = self.order.pop_front()
        {
            self.shown.remove(&oldest);
        }
        // Nodes beyond the bound are shown again from their start: more, never less.
        if !self.replayed && (self.floors.len() < FLOORS || floor.is_some()) {
            self.floors.insert(message.node, floor.map_or(number, |floor| floor.min(number)));
        }
        true
    }
}

/// Nodes whose first yielded message is remembered.
const FLOORS: usize = 4096;
