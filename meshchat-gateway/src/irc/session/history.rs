//! `draft/chathistory`: clients that fetch history themselves.

use std::collections::BTreeMap;

use super::super::caps::Cap;
use super::super::errand::{Errand, Purpose, What};
use super::super::heard::Heard;
use super::super::history::{MOST, Part, Point, Query, Talk, stamp};
use super::super::nicks::Who;
use super::super::wire::Line;
use super::Session;

impl Session {
    /// CHATHISTORY with its parameters.
    pub(super) fn chat_history(&mut self, params: &[String]) {
        let words: Vec<&str> = params.iter().map(String::as_str).collect();
        let name = words.first().map(|word| word.to_ascii_uppercase()).unwrap_or_default();
        let parsed = match (name.as_str(), words.get(1..).unwrap_or_default()) {
            ("TARGETS", [from, to, most]) => return self.ask_targets(from, to, most),
            ("LATEST", [target, "*", most]) => Some((target, Part::Latest(None), most)),
            ("LATEST", [target, point, most]) => {
                Point::parse(point).map(|point| (target, Part::Latest(Some(point)), most))
            }
            ("BEFORE", [target, point, most]) => {
                Point::parse(point).map(|point| (target, Part::Before(point), most))
            }
            ("AFTER", [target, point, most]) => {
                Point::parse(point).map(|point| (target, Part::After(point), most))
            }
            ("AROUND", [target, point, most]) => {
                Point::parse(point).map(|point| (target, Part::Around(point), most))
            }
            ("BETWEEN", [target, from, to, most]) => Point::parse(from)
                .zip(Point::parse(to))
                .map(|(from, to)| (target, Part::Between(from, to), most)),
            _ => None,
        };
        let parsed = parsed.and_then(|(target, part, most)| Some((target, part, limit(most)?)));
        let Some((target, part, most)) = parsed else {
            self.history_failed("INVALID_PARAMS", &name, "not with these parameters");
            return;
        };
        match self.talk_with(target) {
            Some(talk) => {
                let purpose = Purpose::History((*target).to_owned());
                let what = What::Read(Query { talk, part, most });
                self.errands.push_back(Errand { what, purpose });
            }
            None => self.history_failed("INVALID_TARGET", target, "you see no history of that"),
        }
    }

    fn talk_with(&self, target: &str) -> Option<Talk> {
        if target.starts_with('#') {
            let room = target.parse().ok()?;
            return self.rooms.contains_key(&room).then_some(Talk::Room(room));
        }
        self.nicks.who(target).cloned().map(Talk::Direct)
    }

    fn ask_targets(&mut self, from: &str, to: &str, most: &str) {
        match (Point::parse(from), Point::parse(to), limit(most)) {
            (Some(Point::Time(from)), Some(Point::Time(to)), Some(_)) => {
                let (from, to) = (from.min(to), from.max(to));
                let part = Part::Between(Point::Time(from), Point::Time(u64::MAX));
                // The newest of each are among the newest of all, unless there is much more.
                let part = if to >= self.now.wall_ms { Part::Latest(None) } else { part };
                let what = What::Read(Query { talk: Talk::All, part, most: SCANNED });
                self.errands.push_back(Errand { what, purpose: Purpose::Targets(from, to) });
            }
            _ => self.history_failed("INVALID_PARAMS", "TARGETS", "it needs two timestamps"),
        }
    }

    /// With whom there is history, and when its last word was said.
    pub(super) fn history_targets(&mut self, (from, to): (u64, u64), all: &[Heard]) {
        let mut newest = BTreeMap::new();
        for heard in all {
            let target = self.counterpart(heard);
            let time: &mut u64 = newest.entry(target).or_default();
            *time = (*time).max(heard.time_ms(self.now.wall_ms));
        }
        let mut found: Vec<(String, u64)> =
            newest.into_iter().filter(|(_, time)| *time > from && *time < to).collect();
        found.sort_by_key(|(_, time)| *time);
        let batch = self.open_batch("draft/chathistory-targets", None);
        for (target, time) in found.into_iter().take(MOST) {
            let line = Line::new(&self.me.server, "CHATHISTORY").word("TARGETS");
            let mut line = line.word(target).word(stamp(time));
            if let Some(batch) = &batch {
                line = line.tag("batch", batch);
            }
            self.send(line);
        }
        self.close_batch(batch);
    }

    /// Where a message belongs: its room, or whom it was said to or by.
    fn counterpart(&mut self, heard: &Heard) -> String {
        let (who, node_name) = match heard {
            Heard::Room(message) => return message.room.to_string(),
            Heard::Direct(message) if message.own => {
                (Who { node: message.to_node, name: message.to.clone() }, &message.to_node_name)
            }
            Heard::Direct(message) => (heard.author(), &message.from_node_name),
        };
        self.nicks.of(&who, node_name.as_str())
    }

    /// Shows messages of history, the oldest first.
    pub(super) fn batch(&mut self, target: &str, all: &[Heard]) {
        let batch = self.open_batch("chathistory", Some(target));
        for heard in all {
            self.tell(heard, batch.as_deref(), true);
        }
        self.close_batch(batch);
    }

    fn open_batch(&mut self, kind: &str, target: Option<&str>) -> Option<String> {
        if !self.caps.has(Cap::Batch) {
            return None;
        }
        self.batches += 1;
        let batch = format!("h{}", self.batches);
        let line = Line::new(&self.me.server, "BATCH").word(format!("+{batch}")).word(kind);
        let line = target.into_iter().fold(line, Line::word);
        self.send(line);
        Some(batch)
    }

    fn close_batch(&mut self, batch: Option<String>) {
        if let Some(batch) = batch {
            let line = Line::new(&self.me.server, "BATCH").word(format!("-{batch}"));
            self.send(line);
        }
    }

    /// A standard reply of IRCv3.
    pub(super) fn history_failed(&mut self, code: &str, about: &str, words: &str) {
        let line = Line::new(&self.me.server, "FAIL").word("CHATHISTORY").word(code);
        let line = line.word(about).text(super::super::text::line(words));
        self.send(line);
    }
}

fn limit(text: &str) -> Option<usize> {
    let most: usize = text.parse().ok()?;
    (most > 0).then(|| most.min(MOST))
}

/// Messages among which the partners of conversations are looked for.
const SCANNED: usize = 2000;
