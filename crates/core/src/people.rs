//! The people of this node: one for each Unix user that ever spoke or read here.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::limits::{NAME_CHARS, ROOMS_PER_PERSON};
use meshchat_proto::name::{PersonName, RoomName, Via};
use meshchat_proto::peer::{Person, PersonState};
use meshchat_proto::skeleton;

use crate::io::SavedPerson;
use crate::limits;
use crate::restart::HeldPerson;
use crate::time::{Mono, millis};

/// One local person.
#[derive(Debug)]
pub(crate) struct LocalPerson {
    pub(crate) name: PersonName,
    pub(crate) rooms: Vec<RoomName>,
    /// Why they are away; none when they are not.
    pub(crate) away: Option<String>,
    /// Streams that they read along with.
    pub(crate) reading: u32,
    /// The door that they come in by; they are forgotten when their last session ends. None for
    /// a Unix user.
    pub(crate) via: Option<Via>,
    /// They were there when the last run ended, and have until then to come back.
    held: Option<Held>,
    touched: u64,
}

/// The place of somebody who is to come back.
#[derive(Debug, Clone, Copy)]
struct Held {
    until: Mono,
    /// They read along.
    reading: bool,
}

/// All local people, by Unix user.
#[derive(Debug, Default)]
pub(crate) struct People {
    map: BTreeMap<String, LocalPerson>,
    touches: u64,
}

/// Begins the keys of people who come through a gateway; no Unix user has a colon in its name.
pub(crate) const GATEWAY: &str = "gateway:";

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
            let local = LocalPerson {
                name,
                rooms,
                away,
                reading: 0,
                via: None,
                held: None,
                touched: people.touches,
            };
            people.map.insert(user, local);
        }
        people
    }

    pub(crate) fn save(&self) -> Vec<SavedPerson> {
        let users = self.map.iter().filter(|(_, person)| person.via.is_none());
        users.map(|(user, person)| person.save(user)).collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Those who are there, for the next run.
    pub(crate) fn hand_over(&self, now: Mono) -> Vec<HeldPerson> {
        let held = |(user, person): (&String, &LocalPerson)| HeldPerson {
            person: person.save(user),
            via: person.via.clone(),
            reading: person.is_there(),
            left_ms: millis(match &person.held {
                Some(held) if person.reading == 0 => held.until.since(now),
                _ => limits::RESTART,
            }),
        };
        let there = |person: &LocalPerson| person.is_there() || person.via.is_some();
        self.map.iter().filter(|(_, person)| there(person)).map(held).collect()
    }

    /// Somebody who was there when the last run ended, and keeps their place until
    /// [`People::release`].
    pub(crate) fn hold(&mut self, held: HeldPerson, until: Mono) {
        let HeldPerson {
            person: SavedPerson { user, name, mut rooms, away }, via, reading, ..
        } = held;
        rooms.truncate(ROOMS_PER_PERSON);
        let held = Some(Held { until, reading });
        if let Some(known) = self.map.get_mut(&user) {
            known.held = held;
        } else if !self.is_taken(&user, &name) && self.map.len() < limits::PEOPLE {
            self.touches += 1;
            let touched = self.touches;
            let person = LocalPerson { name, rooms, away, reading: 0, via, held, touched };
            self.map.insert(user, person);
        }
    }

    /// When the time to come back ends for the first of them.
    pub(crate) fn held_due(&self) -> Option<Mono> {
        self.map.values().filter_map(|person| Some(person.held?.until)).min()
    }

    /// Ends the time to come back for those who have had it. Guests among them go, unless `is_open`
    /// tells that they are here. Returns whether anybody has gone.
    pub(crate) fn release(&mut self, now: Mono, is_open: impl Fn(&str) -> bool) -> bool {
        let mut gone = false;
        self.map.retain(|user, person| {
            let Some(held) = person.held.filter(|held| held.until <= now) else { return true };
            person.held = None;
            gone |= held.reading && !person.is_there();
            let stays = person.via.is_none() || is_open(user);
            gone |= !stays;
            stays
        });
        gone
    }

    /// People who came through gateways.
    pub(crate) fn guests(&self) -> usize {
        self.map.values().filter(|person| person.via.is_some()).count()
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
            self.make_room()?;
            let person = LocalPerson {
                name: self.free_name(user),
                rooms: [RoomName::lobby()].into(),
                away: None,
                reading: 0,
                via: None,
                held: None,
                touched: 0,
            };
            self.map.insert(user.into(), person);
        }
        let touched = self.touches;
        let person = self.map.get_mut(user)?;
        person.touched = touched;
        Some(person)
    }

    /// A new person who comes through a gateway; false when there is no place. Nobody makes room
    /// for a guest: whoever did could lose their name to one.
    pub(crate) fn welcome(&mut self, user: &str, mut guest: LocalPerson) -> bool {
        if self.map.len() >= limits::PEOPLE || self.guests() >= limits::GUESTS {
            return false;
        }
        self.touches += 1;
        guest.touched = self.touches;
        self.map.insert(user.into(), guest);
        true
    }

    /// Somebody who came through a gateway and is still there.
    pub(crate) fn person_of_guest(&mut self, user: &str) -> Option<&mut LocalPerson> {
        self.map.get_mut(user).filter(|person| person.via.is_some())
    }

    /// Forgets who came through a gateway; returns whether it was such a person.
    pub(crate) fn forget_gateway(&mut self, user: &str) -> bool {
        self.is_gateway(user) && self.map.remove(user).is_some()
    }

    /// Whether this is not a Unix user but somebody who comes through a gateway.
    pub(crate) fn is_gateway(&self, user: &str) -> bool {
        self.get(user).is_some_and(|person| person.via.is_some())
    }

    /// Whether somebody else here is called so, or in a way that looks like it.
    pub(crate) fn is_taken(&self, user: &str, name: &PersonName) -> bool {
        let plain = skeleton(name.as_str());
        let mut others = self.map.iter().filter(|(other, _)| *other != user);
        others.any(|(_, person)| skeleton(person.name.as_str()) == plain)
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

    /// Whoever has been offline longest goes, when there is no place left.
    fn make_room(&mut self) -> Option<()> {
        if self.map.len() < limits::PEOPLE {
            return Some(());
        }
        let may_go = |person: &LocalPerson| !person.is_there() && person.via.is_none();
        let offline = self.map.iter().filter(|(_, person)| may_go(person));
        let gone = offline.min_by_key(|(_, person)| person.touched)?.0.clone();
        self.map.remove(&gone).map(|_| ())
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
    /// Somebody who comes in by a door.
    pub(crate) const fn guest(name: PersonName, rooms: Vec<RoomName>, via: Via) -> Self {
        Self { name, rooms, away: None, reading: 0, via: Some(via), held: None, touched: 0 }
    }

    fn save(&self, user: &str) -> SavedPerson {
        SavedPerson {
            user: user.into(),
            name: self.name.clone(),
            rooms: self.rooms.clone(),
            away: self.away.clone(),
        }
    }

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

    /// Whether they read along, or may be about to do so again.
    pub(crate) const fn is_there(&self) -> bool {
        self.reading > 0 || matches!(&self.held, Some(held) if held.reading)
    }

    /// Counts a stream more that they read; returns whether they were not there before.
    pub(crate) fn begin_reading(&mut self) -> bool {
        let came = !self.is_there();
        self.reading += 1;
        self.held = None;
        came
    }

    fn record(&self) -> Person {
        let state = match (self.is_there(), &self.away) {
            (false, _) => PersonState::Offline,
            (_, Some(_)) => PersonState::Away,
            (_, None) => PersonState::Online,
        };
        let note = self.away.clone().unwrap_or_default();
        Person {
            name: self.name.clone(),
            state,
            rooms: self.rooms.clone(),
            note,
            gateway: self.via.is_some(),
        }
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
    fn guests_push_nobody_out_and_leave_places_to_users() {
        let mut people = People::default();
        people.person("ann").unwrap();
        let guest = |n: usize| {
            let name = format!("g{n}").parse().unwrap();
            LocalPerson::guest(name, Vec::new(), "irc".parse().unwrap())
        };
        let welcome =
            (0..limits::PEOPLE).map(|n| people.welcome(&format!("{GATEWAY}{n}"), guest(n)));
        assert_eq!(welcome.filter(|welcome| *welcome).count(), limits::GUESTS);
        for n in 0..limits::PEOPLE {
            assert!(people.person(&format!("u{n}")).is_some());
        }
        assert_eq!((people.len(), people.guests()), (limits::PEOPLE, limits::GUESTS));
        assert!(!people.welcome("gateway:x", guest(99)));
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
