//! What `tail` shows: messages, and changes of people and nodes, as lines.

use jiff::civil::Date;
use meshchat_client::proto::control::{
    DirectChange, DirectMessage, DirectState, Event, Gone, KeyChange, KeyShared, Message, Missed,
    MissedWhy, NodeChange, NodeState, PartitionChange, PartitionState, PersonChange, PersonStatus,
};
use meshchat_client::proto::message::MessageKind;

use super::escape::{escape, escape_lines};
use super::partition;
use super::style::{self, Paint};
use super::time::{Clock, count};

/// Turns events into lines, remembering what day was shown.
#[derive(Debug)]
pub(crate) struct Feed {
    color: bool,
    /// Name the room of each message.
    rooms: bool,
    /// Begin each message with its id.
    ids: bool,
    day: Option<Date>,
    /// Messages shown since the stream began, up to the mark between old and new.
    old: Option<u64>,
    /// New messages come behind the old ones.
    follow: bool,
}

impl Feed {
    pub(crate) const fn new(color: bool, rooms: bool, follow: bool) -> Self {
        Self { color, rooms, ids: false, day: None, old: Some(0), follow }
    }

    pub(crate) const fn ids(self, ids: bool) -> Self {
        Self { ids, ..self }
    }

    /// Whether no message came yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.old == Some(0)
    }

    /// The lines of an event, each with its end; empty when there is nothing to show.
    pub(crate) fn render(&mut self, event: &Event, clock: &Clock) -> String {
        match event {
            Event::Message(message) => self.message(message, clock),
            Event::Direct(message) => self.direct(message, clock),
            Event::DirectState(change) => self.direct_state(change, clock),
            Event::Person(change) => self.at_now(clock, &self.person(change)),
            Event::Node(change) => self.at_now(clock, &self.node(change)),
            Event::Partition(change) => self.partition(change, clock),
            Event::Key(change) => self.key(change, clock),
            Event::Missed(missed) => self.rule(&missed_words(missed), Paint::Warn),
            Event::KeyShared(shared) => self.rule(&shared_words(shared), Paint::Warn),
            Event::Gone(gone) => self.rule(&gone_words(gone), Paint::Warn),
            Event::CaughtUp { .. } => match self.old.take() {
                Some(0) | None => String::new(),
                Some(_) if self.follow => self.rule("caught up", Paint::Dim),
                Some(_) => String::new(),
            },
            Event::Relayed(_) | Event::Log(_) | Event::Peers(_) => String::new(),
        }
    }

    fn message(&mut self, message: &Message, clock: &Clock) -> String {
        let times = (message.wall_ms, message.age_ms, message.caught_up);
        let mut out = self.time(times, clock);
        if self.ids {
            out.push_str(&format!("{} ", Paint::Dim.on(&message.id.short(), self.color)));
        }
        if self.rooms {
            out.push_str(&format!("{} ", message.room));
        }
        let mut who = self.who(message.author.as_str(), message.node_name.as_str());
        if let Some(via) = &message.via {
            // A guest of that node: nobody vouches for the name.
            who.push_str(&Paint::Dim.on(&format!(" ({via})"), self.color));
        }
        out.push_str(&said(message.kind, &who));
        self.words(&mut out, message.text.as_str(), message.late);
        out
    }

    fn direct(&mut self, message: &DirectMessage, clock: &Clock) -> String {
        let times = (message.wall_ms, message.age_ms, message.caught_up);
        let mut out = self.time(times, clock);
        let to = self.who(message.to.as_str(), message.to_node_name.as_str());
        let from = self.who(message.from.as_str(), message.from_node_name.as_str());
        out.push_str(&Paint::Warn.on("[direct] ", self.color));
        let who = if message.own { format!("you to {to}") } else { from };
        out.push_str(&said(message.kind, &who));
        self.words(&mut out, message.text.as_str(), message.late);
        out
    }

    fn direct_state(&mut self, change: &DirectChange, clock: &Clock) -> String {
        let to = self.who(change.to.as_str(), change.to_node_name.as_str());
        let what = match change.state {
            DirectState::Queued => format!("your message to {to} is on its way"),
            DirectState::Delivered => format!("your message was delivered to {to}"),
            DirectState::Read => format!("your message was read by {to}"),
            DirectState::Expired => format!("your message did not reach {to} and has expired"),
            DirectState::Refused => format!("your message was refused: {to} is not there"),
            DirectState::Unknown => format!("your message to {to} changed"),
        };
        self.at_now(clock, &format!("{}{what}", Paint::Warn.on("[direct] ", self.color)))
    }

    /// The time in front of a message, on a day that is named when it is another.
    fn time(&mut self, (wall, age, caught_up): (u64, u64, bool), clock: &Clock) -> String {
        if let Some(old) = &mut self.old {
            *old += 1;
        }
        let when = clock.local(wall);
        let mut out = when.as_ref().map(|when| self.day(when.date(), clock)).unwrap_or_default();
        let time =
            when.map_or_else(|| "--:--:--".into(), |when| when.strftime("%H:%M:%S").to_string());
        out.push_str(&Paint::Dim.on(&time, self.color));
        out.push(if is_doubtful((wall, age, caught_up), clock) { '~' } else { ' ' });
        out
    }

    fn who(&self, name: &str, node: &str) -> String {
        Paint::of_name(name, node).on(&format!("{name}@{node}"), self.color)
    }

    fn words(&self, out: &mut String, text: &str, late: bool) {
        out.push_str(&escape_lines(text, INDENT));
        if late {
            out.push_str(&Paint::Dim.on(" (late)", self.color));
        }
        out.push('\n');
    }

    fn day(&mut self, day: Date, clock: &Clock) -> String {
        let before = self.day.replace(day).unwrap_or_else(|| clock.now.date());
        match before == day {
            true => String::new(),
            false => self.rule(&day.strftime("%A %-d %B %Y").to_string(), Paint::Dim),
        }
    }

    fn at_now(&mut self, clock: &Clock, line: &str) -> String {
        let mut out = self.day(clock.now.date(), clock);
        let time = clock.now.strftime("%H:%M:%S").to_string();
        out.push_str(&format!("{} {line}\n", Paint::Dim.on(&time, self.color)));
        out
    }

    fn person(&self, change: &PersonChange) -> String {
        let mark = style::person(change.state);
        let (name, node) = (change.name.as_str(), change.node_name.as_str());
        let who = Paint::of_name(name, node).on(&format!("{name}@{node}"), self.color);
        let what = match (change.state, change.was) {
            (PersonStatus::Online, Some(PersonStatus::Away | PersonStatus::Unreachable)) => {
                "is back"
            }
            (PersonStatus::Online, _) => "is online",
            (PersonStatus::Away, Some(PersonStatus::Unreachable)) => "is back, but away",
            (PersonStatus::Away, _) => "is away",
            (PersonStatus::Unreachable, _) => "cannot be reached",
            (PersonStatus::Offline, _) => "left",
            (PersonStatus::Unknown, _) => "changed",
        };
        let note = match change.note.is_empty() {
            true => String::new(),
            false => format!(": {}", escape(&change.note)),
        };
        format!("{} {who} {what}{note}", mark.paint.on(&mark.glyph.to_string(), self.color))
    }

    fn node(&self, change: &NodeChange) -> String {
        let mark = style::node(change.state);
        let what = match change.state {
            NodeState::Here => "is this node",
            NodeState::Reachable => "can be reached",
            NodeState::Unreachable => "cannot be reached",
            NodeState::Left => "said goodbye",
            NodeState::Unknown => "changed",
        };
        let glyph = mark.paint.on(&mark.glyph.to_string(), self.color);
        format!("{glyph} node {} {what}", change.name)
    }

    fn partition(&mut self, change: &PartitionChange, clock: &Clock) -> String {
        let words = partition::change(change);
        if words.is_empty() {
            return words;
        }
        let merged = change.state == PartitionState::Merged;
        let paint = if merged { Paint::Good } else { Paint::Warn };
        let day = self.day(clock.now.date(), clock);
        let time = clock.now.strftime("%H:%M:%S");
        format!("{day}{}", self.rule(&format!("{time} {words}"), paint))
    }

    fn key(&mut self, change: &KeyChange, clock: &Clock) -> String {
        let day = self.day(clock.now.date(), clock);
        let (time, name) = (clock.now.strftime("%H:%M:%S"), &change.name);
        let known = if change.verified { "verified" } else { "known" };
        let words = format!(
            "{time} WARNING: {name} has another key than the {known} node of that name; \
             see: meshchatctl verify {name}"
        );
        format!("{day}{}", self.rule(&words, Paint::Bad))
    }

    fn rule(&self, words: &str, paint: Paint) -> String {
        format!("{}\n", paint.on(&format!("--- {words} ---"), self.color))
    }
}

fn said(kind: MessageKind, who: &str) -> String {
    match kind {
        MessageKind::Action => format!("* {who} "),
        MessageKind::Text | MessageKind::Sealed | MessageKind::Unknown(_) => format!("{who}: "),
    }
}

pub(crate) fn missed_words(missed: &Missed) -> String {
    let messages = count(missed.messages, "message");
    match missed.why {
        MissedWhy::History => {
            return format!("missed {messages}: history no longer holds them");
        }
        MissedWhy::Restart => {
            return format!(
                "missed {messages} or more: the daemon was restarted, and history was in memory; \
                 what neighbours still hold comes back"
            );
        }
        MissedWhy::Slow | MissedWhy::Unknown => {}
    }
    match (missed.messages, missed.changes) {
        (0, changes) => format!("missed {}: too slow", count(changes, "change")),
        (messages, 0) => format!("missed {}: too slow", count(messages, "message")),
        (messages, changes) => {
            format!(
                "missed {} and {}: too slow",
                count(messages, "message"),
                count(changes, "change")
            )
        }
    }
}

pub(crate) fn shared_words(shared: &KeyShared) -> String {
    if shared.own {
        return "another machine uses this node's key; on the copy: meshchatd identity fork".into();
    }
    format!("two machines use the key of {}", shared.node_name)
}

pub(crate) fn gone_words(gone: &Gone) -> String {
    if gone.refused {
        let messages = count(gone.count, "message");
        return format!("refused: {messages} from {}, which sends too fast", gone.node_name);
    }
    let verb = if gone.count == 1 { "is" } else { "are" };
    let when = if gone.before_start { " from before this node started" } else { "" };
    format!("gone: {} from {}{when} {verb} gone", count(gone.count, "message"), gone.node_name)
}

/// Whether the author's clock cannot be right. What came through catch-up may be old, but not
/// from the future.
pub(crate) fn is_doubtful((wall, age, caught_up): (u64, u64, bool), clock: &Clock) -> bool {
    let got = clock.now_ms().saturating_sub(age);
    let ahead = wall > got.saturating_add(DOUBT_MS);
    let behind = wall.saturating_add(DOUBT_MS) < got;
    ahead || (behind && !caught_up)
}

/// Clocks that agree no better than this are set wrong; the mesh itself never takes minutes.
const DOUBT_MS: u64 = 5 * 60 * 1000;
const INDENT: &str = "         ";

#[cfg(test)]
mod tests {
    use meshchat_client::proto::id::{LetterId, MessageId, NodeId};
    use meshchat_client::proto::name::RoomName;

    use super::super::time::tests::afternoon;
    use super::*;

    fn message(text: &str, minutes_ago: u64) -> Message {
        Message {
            cursor: 1,
            id: MessageId([1; 32]),
            room: RoomName::lobby(),
            author: "ann".parse().unwrap(),
            node: NodeId([2; 32]),
            node_name: "pi-barn".parse().unwrap(),
            boot: 1,
            seq: 1,
            kind: MessageKind::Text,
            text: text.parse().unwrap(),
            wall_ms: afternoon().now_ms() - minutes_ago * 60_000,
            age_ms: minutes_ago * 60_000,
            late: false,
            caught_up: false,
            own: false,
            via: None,
        }
    }

    fn shown(events: &[Event]) -> String {
        let mut feed = Feed::new(false, true, true);
        events.iter().map(|event| feed.render(event, &afternoon())).collect()
    }

    #[test]
    fn history_then_what_comes() {
        let events = [
            Event::Message(message("yesterday", 24 * 60)),
            Event::Message(Message { kind: MessageKind::Action, ..message("waves", 60) }),
            Event::CaughtUp { cursor: 2 },
            Event::Message(Message { late: true, ..message("two\nlines \x1b[2J", 0) }),
        ];
        assert_eq!(
            shown(&events),
            "--- Thursday 19 November 2026 ---\n\
             15:00:00 #lobby ann@pi-barn: yesterday\n\
             --- Friday 20 November 2026 ---\n\
             14:00:00 #lobby * ann@pi-barn waves\n\
             --- caught up ---\n\
             15:00:00 #lobby ann@pi-barn: two\n         lines \\x1b[2J (late)\n"
        );
    }

    fn direct(own: bool, text: &str) -> DirectMessage {
        DirectMessage {
            cursor: 1,
            id: MessageId([1; 32]),
            letter: LetterId([3; 16]),
            from: "ann".parse().unwrap(),
            from_node: NodeId([2; 32]),
            from_node_name: "pi-barn".parse().unwrap(),
            to: "bob".parse().unwrap(),
            to_node: NodeId([4; 32]),
            to_node_name: "pi-roof".parse().unwrap(),
            kind: MessageKind::Text,
            text: text.parse().unwrap(),
            wall_ms: afternoon().now_ms(),
            age_ms: 0,
            late: false,
            caught_up: false,
            own,
            state: None,
        }
    }

    #[test]
    fn direct_messages_are_marked() {
        let change = DirectChange {
            id: None,
            letter: LetterId([3; 16]),
            to: "bob".parse().unwrap(),
            to_node: NodeId([4; 32]),
            to_node_name: "pi-roof".parse().unwrap(),
            state: DirectState::Read,
        };
        let events = [
            Event::Direct(direct(false, "hi \x1b[2J")),
            Event::Direct(direct(true, "hello")),
            Event::DirectState(change),
        ];
        assert_eq!(
            shown(&events),
            "15:00:00 [direct] ann@pi-barn: hi \\x1b[2J\n\
             15:00:00 [direct] you to bob@pi-roof: hello\n\
             15:00:00 [direct] your message was read by bob@pi-roof\n"
        );
    }

    #[test]
    fn clocks_that_are_wrong_are_marked() {
        let doubtful = |wall_ms, caught_up| is_doubtful((wall_ms, 60_000, caught_up), &afternoon());
        let now = afternoon().now_ms();
        assert!(!doubtful(now - 60_000, false));
        assert!(doubtful(0, false));
        assert!(!doubtful(now - 3_600_000, true));
        assert!(doubtful(now + 3_600_000, true));
        assert!(doubtful(u64::MAX, true));
        let wrong = Event::Message(Message { wall_ms: u64::MAX, ..message("x", 1) });
        assert_eq!(shown(&[wrong]), "--:--:--~#lobby ann@pi-barn: x\n");
    }

    #[test]
    fn changes_and_losses_are_told() {
        let person = |state, was, note: &str| {
            Event::Person(PersonChange {
                name: "bob".parse().unwrap(),
                node: NodeId([3; 32]),
                node_name: "pi-roof".parse().unwrap(),
                state,
                was,
                note: note.into(),
            })
        };
        let name: meshchat_client::proto::name::NodeName = "pi-roof".parse().unwrap();
        let node = NodeId([3; 32]);
        let events = [
            person(PersonStatus::Online, None, ""),
            person(PersonStatus::Away, Some(PersonStatus::Online), "lunch\x07"),
            person(PersonStatus::Unreachable, Some(PersonStatus::Away), ""),
            person(PersonStatus::Online, Some(PersonStatus::Unreachable), ""),
            person(PersonStatus::Offline, Some(PersonStatus::Online), ""),
            Event::Node(NodeChange { node, name: name.clone(), state: NodeState::Unreachable }),
            Event::Missed(Missed { messages: 1200, changes: 1, cursor: 7, why: MissedWhy::Slow }),
            Event::Gone(Gone {
                node,
                node_name: name,
                count: 214,
                before_start: false,
                refused: false,
            }),
        ];
        assert_eq!(
            shown(&events),
            "15:00:00 ● bob@pi-roof is online\n\
             15:00:00 ◐ bob@pi-roof is away: lunch\\x07\n\
             15:00:00 ✕ bob@pi-roof cannot be reached\n\
             15:00:00 ● bob@pi-roof is back\n\
             15:00:00 ○ bob@pi-roof left\n\
             15:00:00 ✕ node pi-roof cannot be reached\n\
             --- missed 1,200 messages and 1 change: too slow ---\n\
             --- gone: 214 messages from pi-roof are gone ---\n"
        );
    }
}
