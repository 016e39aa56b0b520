use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

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
    /// When a tail was opened that wants nothing of what was before.
    opened: Option<Instant>,
}

impl Place {
    /// Where to start in this run of the daemon, whose newest message has this cursor.
    pub(crate) fn enter(&mut self, run: u64, newest: u64, wanted: Start) -> Start {
        match self.run.replace(run) {
            None => {
                self.opened = (wanted == Start::Now).then(Instant::now);
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
                !self.is_of_before(message.age_ms) && self.is_unseen(message)
            }
            Event::Direct(message) => {
                self.cursor = Some(message.cursor);
                !self.is_of_before(message.age_ms) && self.is_new_letter(message)
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

    /// Whether a replay tells what the node had before a tail was opened that begins with then.
    fn is_of_before(&self, age_ms: u64) -> bool {
        let open = |opened: Instant| u128::from(age_ms) > opened.elapsed().as_millis();
        self.replayed && self.opened.is_some_and(open)
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

#[cfg(test)]
mod tests {
    use meshchat_proto::message::MessageKind;
    use meshchat_proto::name::RoomName;

    use super::*;

    const HOUR: u64 = 3_600_000;

    fn said(seq: u8, age_ms: u64) -> Event {
        Event::Message(Message {
            cursor: seq.into(),
            id: MessageId([seq; 32]),
            room: RoomName::lobby(),
            author: "ann".parse().unwrap(),
            node: NodeId([1; 32]),
            node_name: "pi-1".parse().unwrap(),
            boot: 1,
            seq: seq.into(),
            kind: MessageKind::Text,
            text: "hi".parse().unwrap(),
            wall_ms: 0,
            age_ms,
            late: false,
            caught_up: false,
            own: false,
            via: None,
        })
    }

    #[test]
    fn a_tail_from_now_leaves_out_what_another_run_of_the_daemon_kept_from_before() {
        let mut place = Place::default();
        assert_eq!(place.enter(1, 5, Start::Now), Start::Now);
        assert_eq!(place.enter(2, 5, Start::Now), Start::Last(u32::MAX));
        assert!(!place.is_new(&said(1, HOUR)));
        assert_eq!(place.cursor, Some(1), "it is behind it all the same");
        assert!(place.is_new(&said(2, 0)), "said while the daemon was away, or later");
    }

    #[test]
    fn a_tail_of_the_past_shows_the_past_of_another_run() {
        let mut place = Place::default();
        place.enter(1, 0, Start::Last(9));
        place.enter(2, 5, Start::Last(9));
        assert!(place.is_new(&said(1, HOUR)));
    }
}
