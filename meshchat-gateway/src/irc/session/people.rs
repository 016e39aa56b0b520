//! Who is there: the list that the daemon gives, and its changes as a client sees them.

use std::collections::BTreeSet;

use meshchat_client::proto::control::{PersonChange, PersonInfo, PersonStatus};
use meshchat_client::proto::name::RoomName;

use super::super::caps::Cap;
use super::super::nicks::Who;
use super::super::text;
use super::super::wire::Line;
use super::Session;

/// Somebody, as last told.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Person {
    pub(super) node_name: String,
    pub(super) state: PersonStatus,
    /// Since when, by [`super::Moment::mono_ms`]; before that, negative.
    pub(super) since_ms: i64,
    pub(super) rooms: BTreeSet<RoomName>,
    pub(super) note: String,
    pub(super) gateway: bool,
    pub(super) verified: bool,
    pub(super) muted: bool,
}

impl Person {
    /// Whether they are in their rooms, there or out of reach.
    pub(super) const fn is_in(&self) -> bool {
        matches!(self.state, PersonStatus::Online | PersonStatus::Away | PersonStatus::Unreachable)
    }

    pub(super) const fn is_away(&self) -> bool {
        matches!(self.state, PersonStatus::Away | PersonStatus::Unreachable)
    }
}

impl Session {
    /// Takes over a list of everybody and tells what is different.
    pub(super) fn people_known(&mut self, list: Vec<PersonInfo>) {
        let now = i64::try_from(self.now.mono_ms).unwrap_or(i64::MAX);
        let mut old = std::mem::take(&mut self.people);
        let mut mine = None;
        for info in list {
            let who = Who { node: info.node, name: info.name };
            if info.me {
                mine = Some(info.rooms.clone());
            }
            let since = i64::try_from(info.since_ms).unwrap_or(i64::MAX);
            let person = Person {
                node_name: info.node_name.to_string(),
                state: info.state,
                since_ms: now.saturating_sub(since),
                rooms: info.rooms.into_iter().collect(),
                note: info.note,
                gateway: info.gateway,
                verified: info.verified,
                muted: info.muted,
            };
            let before = old.remove(&who);
            self.people.insert(who.clone(), person.clone());
            self.changed(&who, before.as_ref(), Some(&person));
        }
        for (who, before) in old {
            self.changed(&who, Some(&before), None);
        }
        let known = &self.people;
        self.nicks.prune(|who| known.contains_key(who) || *who == self.me.who);
        if let Some(rooms) = mine {
            self.mirror(&rooms);
        }
    }

    /// One person changed.
    pub(super) fn person_changed(&mut self, change: PersonChange) {
        let who = Who { node: change.node, name: change.name };
        // Rooms are only in the list.
        self.stale = true;
        let Some(before) = self.people.get(&who).cloned() else { return };
        let mut after = before.clone();
        after.state = change.state;
        after.note = change.note;
        after.since_ms = i64::try_from(self.now.mono_ms).unwrap_or(i64::MAX);
        self.people.insert(who.clone(), after.clone());
        self.changed(&who, Some(&before), Some(&after));
    }

    /// Rooms that the same person entered or left over another connection.
    fn mirror(&mut self, rooms: &[RoomName]) {
        let gone: Vec<RoomName> =
            self.rooms.keys().filter(|room| !rooms.contains(room)).cloned().collect();
        for room in gone.into_iter().filter(|room| !room.is_sealed()) {
            self.left(&room, "");
        }
        for room in rooms {
            if !room.is_sealed() && !self.rooms.contains_key(room) {
                self.enter(room);
                self.named(room);
            }
        }
    }

    fn changed(&mut self, who: &Who, before: Option<&Person>, after: Option<&Person>) {
        if self.is_me(who) {
            return;
        }
        let was = self.shared_rooms(before);
        let is = self.shared_rooms(after);
        let Some(person) = after.or(before) else { return };
        if was.is_empty() && is.is_empty() {
            return;
        }
        let source = self.source(who, &person.node_name);
        if is.is_empty() && !after.is_some_and(Person::is_in) {
            self.send(Line::new(&source, "QUIT").text("went offline"));
            return;
        }
        for room in was.difference(&is) {
            self.send(Line::new(&source, "PART").word(room.as_str()));
        }
        for room in is.difference(&was) {
            self.send(Line::new(&source, "JOIN").word(room.as_str()));
        }
        let away = |person: &Person| person.is_away().then(|| (person.state, person.note.clone()));
        let before = before.filter(|_| !was.is_empty()).and_then(away);
        if before != away(person) && self.caps.has(Cap::AwayNotify) {
            let mut line = Line::new(&source, "AWAY");
            if person.is_away() {
                line = line.text(text::line(&self.away_note(person)));
            }
            self.send(line);
        }
    }

    /// Rooms in which the client sees somebody.
    fn shared_rooms(&self, person: Option<&Person>) -> BTreeSet<RoomName> {
        let Some(person) = person.filter(|person| person.is_in()) else { return BTreeSet::new() };
        let seen = |room: &&RoomName| self.rooms.get(*room).is_some_and(|channel| channel.named);
        person.rooms.iter().filter(seen).cloned().collect()
    }

    /// Why somebody is away, in words.
    pub(super) fn away_note(&self, person: &Person) -> String {
        match person.state {
            PersonStatus::Unreachable => {
                let since = self.since(person);
                let since =
                    if since < 60 { String::new() } else { format!(" since {}", span(since)) };
                format!("node {} cannot be reached{since}", person.node_name)
            }
            _ if person.note.is_empty() => "away".to_owned(),
            _ => person.note.clone(),
        }
    }

    /// Seconds that somebody is in their state.
    pub(super) fn since(&self, person: &Person) -> u64 {
        let now = i64::try_from(self.now.mono_ms).unwrap_or(i64::MAX);
        u64::try_from(now.saturating_sub(person.since_ms)).unwrap_or(0) / 1000
    }

    /// Everybody whom the client sees in a room, itself included.
    pub(super) fn members(&self, room: &RoomName) -> Vec<Who> {
        let others = self.people.iter().filter(|(who, person)| {
            !self.is_me(who) && person.is_in() && person.rooms.contains(room)
        });
        std::iter::once(self.me.who.clone()).chain(others.map(|(who, _)| who.clone())).collect()
    }
}

/// Seconds as a person says it.
pub(super) fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
