//! What the line of input can complete.

use super::command::COMMANDS;
use super::people::People;
use super::place::{Place, Who};
use super::places::Places;
use super::standing::Standing;
use crate::chat::seam::{Argument, Lexicon};

pub(super) struct Words<'a> {
    pub(super) people: &'a People,
    pub(super) places: &'a Places,
    pub(super) standing: &'a Standing,
}

impl Lexicon for Words<'_> {
    /// Who spoke here last, who is here, everybody else.
    fn people(&self) -> Vec<String> {
        let current = self.places.current();
        let spoke = current.into_iter().flat_map(|one| one.log.said()).filter(|said| !said.mine);
        let spoke = spoke.take(SPEAKERS).map(|said| said.who.clone());
        let here = self.people.of(self.places.open());
        let all = here.into_iter().chain(self.people.all()).filter(|person| !person.me);
        let mut names: Vec<String> = Vec::new();
        for who in spoke.chain(all.map(Who::of)) {
            let name = match self.people.is_ambiguous(who.name.as_str()) {
                true => who.to_string(),
                false => who.name.to_string(),
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    fn rooms(&self) -> Vec<String> {
        let open = self.places.iter().filter_map(|one| one.place.room());
        let known = self.standing.rooms.iter().map(|info| &info.room);
        let mut rooms: Vec<String> = open.chain(known).map(ToString::to_string).collect();
        rooms.sort_unstable();
        rooms.dedup();
        rooms
    }

    fn nodes(&self) -> Vec<String> {
        self.people.nodes().into_iter().collect()
    }

    fn commands(&self) -> Vec<(&'static str, Argument)> {
        COMMANDS.iter().map(|command| (command.name, command.argument)).collect()
    }
}

impl Words<'_> {
    /// All that one can switch to: with news first, then what is open, then everybody else.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut all: Vec<Place> =
            self.places.unread_elsewhere().map(|one| one.place.clone()).collect();
        let rest = self.places.iter().filter(|one| !self.places.is_open(&one.place));
        let rest = rest.map(|one| one.place.clone());
        let people = self.people.all().iter().filter(|person| !person.me);
        for place in rest.chain(people.map(|person| Place::Person(Who::of(person)))) {
            if !all.contains(&place) {
                all.push(place);
            }
        }
        all
    }
}

/// Messages in which the last speakers are looked for.
const SPEAKERS: usize = 100;
