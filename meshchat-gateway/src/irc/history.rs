//! Reading history: what of it a client asked for, held in bounded memory while all of it passes.

use std::cmp::Ordering;
use std::collections::VecDeque;

use jiff::Timestamp;
use meshchat_client::proto::control::{Dm, Event, Request, Start};
use meshchat_client::proto::id::{MessageId, NodeId};
use meshchat_client::proto::name::{PersonName, RoomName};
use meshchat_client::{SpeakError, Speaker};

use super::heard::Heard;
use super::nicks::Who;

/// Most messages of one answer.
pub(super) const MOST: usize = 100;

/// Whose history.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Talk {
    /// A room's.
    Room(RoomName),
    /// Direct messages with somebody.
    Direct(Who),
    /// All that the person may read.
    All,
}

/// A place in history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Point {
    /// A message.
    Id(MessageId),
    /// A moment, in milliseconds since 1970.
    Time(u64),
}

/// Which part of history; at most so many messages.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Part {
    /// The newest.
    Latest(Option<Point>),
    /// The last before a place.
    Before(Point),
    /// The first behind a place.
    After(Point),
    /// Those around a place.
    Around(Point),
    /// Those between two places, beginning at the first.
    Between(Point, Point),
}

/// What is to be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Query {
    /// Whose history.
    pub(super) talk: Talk,
    /// Which part of it.
    pub(super) part: Part,
    /// Most messages.
    pub(super) most: usize,
}

impl Query {
    /// Reads it; `now_ms` is the clock by which moments are told.
    ///
    /// # Errors
    ///
    /// Those of the speaker.
    pub(super) async fn read(
        self,
        speaker: &Speaker,
        now_ms: u64,
    ) -> Result<Vec<Heard>, SpeakError> {
        let (room, dm) = match &self.talk {
            Talk::Room(room) => (Some(room.to_string()), Dm::No),
            Talk::Direct(_) => (None, Dm::Only),
            Talk::All => (None, Dm::Also),
        };
        let start = match (&self.talk, &self.part) {
            (Talk::Room(_), Part::Latest(None)) => {
                Start::Last(u32::try_from(self.most).unwrap_or(u32::MAX))
            }
            _ => Start::Last(u32::MAX),
        };
        let (follow, presence, cursor) = (false, false, None);
        let request = Request::Tail { room, start, follow, presence, dm, cursor };
        let mut stream = speaker.stream(request).await?;
        let mut window = Window::new(self, now_ms);
        while let Some(event) = stream.next().await {
            match event? {
                Event::Message(message) => window.push(Heard::Room(message)),
                Event::Direct(message) => window.push(Heard::Direct(message)),
                Event::DirectState(_)
                | Event::Person(_)
                | Event::Node(_)
                | Event::Partition(_)
                | Event::Key(_)
                | Event::Missed(_)
                | Event::Gone(_)
                | Event::CaughtUp { .. }
                | Event::KeyShared(_)
                | Event::Peers(_)
                | Event::Relayed(_)
                | Event::Log(_) => {}
            }
        }
        Ok(window.finish())
    }
}

/// Takes what was asked for out of a stream of messages, the oldest first.
#[derive(Debug)]
struct Window {
    query: Query,
    now_ms: u64,
    marks: [Mark; 2],
    /// The last of those that may be wanted.
    last: VecDeque<Heard>,
    /// The first of those that are.
    first: Vec<Heard>,
}

#[derive(Debug, Clone, Copy)]
struct Mark {
    point: Option<Point>,
    passed: bool,
}

impl Window {
    fn new(query: Query, now_ms: u64) -> Self {
        let points = match query.part {
            Part::Latest(point) => [point, None],
            Part::Before(point) | Part::After(point) | Part::Around(point) => [Some(point), None],
            Part::Between(from, to) => [Some(from), Some(to)],
        };
        let marks = points.map(|point| Mark { point, passed: false });
        Self { query, now_ms, marks, last: VecDeque::new(), first: Vec::new() }
    }

    fn push(&mut self, heard: Heard) {
        if !self.query.talk.has(&heard) {
            return;
        }
        let now_ms = self.now_ms;
        let [place, end] = self.marks.each_mut().map(|mark| mark.place(&heard, now_ms));
        let most = self.query.most;
        match (&self.query.part, place, end) {
            (Part::Latest(None), ..)
            | (Part::Latest(Some(_)), Ordering::Greater, _)
            | (Part::Before(_), Ordering::Less, _)
            | (Part::Between(..), Ordering::Less, Ordering::Greater) => self.keep_last(heard, most),
            (Part::Around(_), Ordering::Less, _) => self.keep_last(heard, most / 2),
            (Part::After(_), Ordering::Greater, _)
            | (Part::Between(..), Ordering::Greater, Ordering::Less) => {
                self.keep_first(heard, most)
            }
            (Part::Around(_), Ordering::Equal | Ordering::Greater, _) => {
                self.keep_first(heard, most - most / 2);
            }
            (Part::Latest(_) | Part::Before(_) | Part::After(_) | Part::Between(..), ..) => {}
        }
    }

    fn keep_last(&mut self, heard: Heard, most: usize) {
        self.last.push_back(heard);
        if self.last.len() > most {
            self.last.pop_front();
        }
    }

    fn keep_first(&mut self, heard: Heard, most: usize) {
        if self.first.len() < most {
            self.first.push(heard);
        }
    }

    fn finish(self) -> Vec<Heard> {
        let [mark, _] = self.marks;
        let unknown = matches!(mark.point, Some(Point::Id(_))) && !mark.passed;
        let before =
            matches!(self.query.part, Part::Before(_) | Part::Around(_) | Part::Between(..));
        if unknown && before {
            return Vec::new();
        }
        self.last.into_iter().chain(self.first).collect()
    }
}

impl Mark {
    /// Where a message is, seen from here. A message that was never met lies behind all others.
    fn place(&mut self, heard: &Heard, now_ms: u64) -> Ordering {
        match self.point {
            None => Ordering::Equal,
            Some(Point::Time(time)) => heard.time_ms(now_ms).cmp(&time),
            Some(Point::Id(id)) if heard.id() == id => {
                self.passed = true;
                Ordering::Equal
            }
            Some(Point::Id(_)) if self.passed => Ordering::Greater,
            Some(Point::Id(_)) => Ordering::Less,
        }
    }
}

impl Talk {
    fn has(&self, heard: &Heard) -> bool {
        match (self, heard) {
            (Self::All, _) => true,
            (Self::Room(room), Heard::Room(message)) => *room == message.room,
            (Self::Direct(who), Heard::Direct(message)) => {
                let with = |node: NodeId, name: &PersonName| who.node == node && who.name == *name;
                with(message.from_node, &message.from) || with(message.to_node, &message.to)
            }
            (Self::Room(_), Heard::Direct(_)) | (Self::Direct(_), Heard::Room(_)) => false,
        }
    }
}

impl Point {
    /// Reads `msgid=...` or `timestamp=...`.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once('=')? {
            ("msgid", id) => id.parse().ok().map(Self::Id),
            ("timestamp", time) => {
                let time: Timestamp = time.parse().ok()?;
                Some(Self::Time(u64::try_from(time.as_millisecond()).unwrap_or(0)))
            }
            _ => None,
        }
    }
}

/// A moment as `server-time` wants it.
pub(super) fn stamp(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.unwrap_or(Timestamp::UNIX_EPOCH).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::super::tests_kit::said;
    use super::*;

    fn query(part: Part, most: usize) -> Vec<String> {
        let query = Query { talk: Talk::Room(RoomName::lobby()), part, most };
        let mut window = Window::new(query, 100_000);
        for n in 0..10_u64 {
            window.push(Heard::Room(said(n, &n.to_string(), 100_000 - n * 1000)));
        }
        window.finish().iter().map(|heard| heard.text().to_owned()).collect()
    }

    fn id(n: u64) -> Point {
        Point::Id(said(n, "", 0).id)
    }

    #[test]
    fn each_part_of_history_is_found() {
        assert_eq!(query(Part::Latest(None), 3), ["7", "8", "9"]);
        assert_eq!(query(Part::Latest(Some(id(7))), 5), ["8", "9"]);
        assert_eq!(query(Part::Before(id(5)), 2), ["3", "4"]);
        assert_eq!(query(Part::Before(Point::Time(5000)), 2), ["3", "4"]);
        assert_eq!(query(Part::After(id(5)), 2), ["6", "7"]);
        assert_eq!(query(Part::After(Point::Time(5500)), 2), ["6", "7"]);
        assert_eq!(query(Part::Around(id(5)), 4), ["3", "4", "5", "6"]);
        assert_eq!(query(Part::Between(id(2), id(6)), 2), ["3", "4"]);
        assert_eq!(query(Part::Between(id(6), id(2)), 2), ["4", "5"]);
        assert_eq!(query(Part::Between(id(2), Point::Time(4000)), 9), ["3"]);
    }

    #[test]
    fn what_is_unknown_has_nothing_around_it() {
        for part in [Part::Before(id(99)), Part::After(id(99)), Part::Around(id(99))] {
            assert!(query(part.clone(), 5).is_empty(), "{part:?}");
        }
    }

    #[test]
    fn places_are_read() {
        assert_eq!(Point::parse("timestamp=1970-01-01T00:00:05.000Z"), Some(Point::Time(5000)));
        assert_eq!(Point::parse(&format!("msgid={}", said(3, "", 0).id)), Some(id(3)));
        for bad in ["", "*", "msgid=", "msgid=x y", "timestamp=yesterday", "id=3"] {
            assert_eq!(Point::parse(bad), None, "{bad}");
        }
        assert_eq!(stamp(5000), "1970-01-01T00:00:05.000Z");
        stamp(u64::MAX);
    }
}
