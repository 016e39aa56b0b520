//! The people of this node: one for each Unix user that ever spoke or read here.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::limits::{NAME_CHARS, ROOMS_PER_PERSON};
use meshchat_proto::name::{PersonName, RoomName};
use meshchat_proto::peer::{Person, PersonState};

use crate::io::SavedPerson;
use crate::limits;

/// One local person.
#[derive(Debug)]
pub(crate) struct LocalPerson {
    pub(crate) name: PersonName,
    pub(crate) rooms: Vec<RoomName>,
    /// Why they are away; none when they are not.
    pub(crate) away: Option<String>,
    /// Streams that they read along with.
    pub(crate) reading: u32,
    touched: u64,
}

/// All local people, by Unix user.
#[derive(Debug, Default)]
pub(crate) struct People {
    map: BTreeMap<String, LocalPerson>,
    touches: u64,
}

/// Why a room cannot be entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TooManyRooms;

impl People {
    pub(crate) fn load(saved: Vec<SavedPerson>) -> Self {
        let mut people = Self::default();
        for person in saved.into_iter().take(limits::PEOPLE) {
            let SavedPerson { user, name, mut rooms, away } = person;
            rooms.truncate(ROOMS_PER_PERSON);
            people.touches += 1;
            let local = LocalPerson { name, rooms, away, reading: 0, touched: people.touches };
            people.map.insert(user, local);
        }
        people
    }

    pub(crate) fn save(&self) -> Vec<SavedPerson> {
        let save = |(user, person): (&String, &LocalPerson)| SavedPerson {
            user: user.clone(),
            name: person.name.clone(),
            rooms: person.rooms.clone(),
            away: person.away.clone(),
        };
        self.map.iter().map(save).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn get(&self, user: &str) -> Option<&LocalPerson> {
        self.map.get(user)
    }

    /// Rooms that a user is in; who never did anything is in the lobby.
    pub(crate) fn rooms_of(&self, user: &str) -> Vec<RoomName> {
        self.get(user).map_or_else(|| [RoomName::lobby()].into(), |person| person.rooms.clone())
    }

    /// What a user is or would be called.
    pub(crate) fn name_of(&self, user: &str) -> PersonName {
        self.map.get(user).map_or_else(|| self.free_name(user), |person| person.name.clone())
    }

    /// The person of a user, made on first use; whoever has been offline longest makes room.
    ///
    /// `None` when all places are taken by people who are there.
    pub(crate) fn person(&mut self, user: &str) -> Option<&mut LocalPerson> {
        self.touches += 1;
        if !self.map.contains_key(user) {
            if self.map.len() >= limits::PEOPLE {
                let offline = self.map.iter().filter(|(_, person)| person.reading == 0);
                let gone = offline.min_by_key(|(_, person)| person.touched)?;
                let gone = gone.0.clone();
                self.map.remove(&gone);
            }
            let person = LocalPerson {
                name: self.free_name(user),
                rooms: [RoomName::lobby()].into(),
                away: None,
                reading: 0,
                touched: 0,
            };
            self.map.insert(user.into(), person);
        }
        let touched = self.touches;
        let person = self.map.get_mut(user)?;
        person.touched = touched;
        Some(person)
    }

    /// Whether somebody else here is called so, whatever the case.
    pub(crate) fn is_taken(&self, user: &str, name: &PersonName) -> bool {
        let lower = name.as_str().to_lowercase();
        self.map
            .iter()
            .any(|(other, person)| other != user && person.name.as_str().to_lowercase() == lower)
    }

    /// The user who is called so.
    pub(crate) fn user_called(&self, name: &PersonName) -> Option<String> {
        let mut users = self.map.iter();
        users.find(|(_, person)| person.name == *name).map(|(user, _)| user.clone())
    }

    /// The people as a record names them.
    pub(crate) fn records(&self) -> Vec<Person> {
        self.map.values().map(LocalPerson::record).collect()
    }

    /// A valid name for a user, free on this node.
    fn free_name(&self, user: &str) -> PersonName {
        let plain: String = user
            .chars()
            .filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_' | '.'))
            .take(NAME_CHARS - 3)
            .collect();
        let plain = if plain.is_empty() { String::from("user") } else { plain };
        let candidates = (1..=limits::PEOPLE + 1).map(|n| match n {
            1 => plain.clone(),
            n => format!("{plain}-{n}"),
        });
        let mut names = candidates.filter_map(|name| name.parse::<PersonName>().ok());
        names.find(|name| !self.is_taken(user, name)).unwrap_or_else(PersonName::anonymous)
    }
}

impl LocalPerson {
    pub(crate) fn join(&mut self, room: &RoomName) -> Result<(), TooManyRooms> {
        if self.rooms.contains(room) {
            return Ok(());
        }
        if self.rooms.len() >= ROOMS_PER_PERSON {
            return Err(TooManyRooms);
        }
        self.rooms.push(room.clone());
        Ok(())
    }

    fn record(&self) -> Person {
        let state = match (self.reading, &self.away) {
            (0, _) => PersonState::Offline,
            (_, Some(_)) => PersonState::Away,
            (_, None) => PersonState::Online,
        };
        let note = self.away.clone().unwrap_or_default();
        Person { name: self.name.clone(), state, rooms: self.rooms.clone(), note }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_user_is_a_person_with_a_name_of_their_own() {
        let mut people = People::default();
        for user in ["ann", "Ann", "www-data", "", "\u{202e}evil", "名前", &"x".repeat(99)] {
            let name = people.person(user).unwrap().name.clone();
            assert!(!people.is_taken(user, &name), "{user:?} is called {name}");
        }
        assert_eq!(people.person("Ann").unwrap().name.as_str(), "Ann-2");
    }

    #[test]
    fn people_are_bounded_and_those_who_read_stay() {
        let mut people = People::default();
        people.person("reader").unwrap().reading = 1;
        for n in 0..3 * limits::PEOPLE {
            people.person(&format!("u{n}")).unwrap();
        }
        assert_eq!(people.len(), limits::PEOPLE);
        assert!(people.get("reader").is_some());
        for person in people.map.values_mut() {
            person.reading = 1;
        }
        assert!(people.person("late").is_none());
    }

    #[test]
    fn people_survive_a_restart() {
        let mut people = People::default();
        let person = people.person("ann").unwrap();
        person.join(&"#ops".parse().unwrap()).unwrap();
        person.away = Some("lunch".into());
        let again = People::load(people.save());
        assert_eq!(again.save(), people.save());
        assert_eq!(again.get("ann").unwrap().reading, 0);
    }
}
