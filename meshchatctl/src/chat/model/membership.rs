//! In which rooms the person is, as the node tells it. A room that is looked at is never left
//! because of that: what is being typed there must not go elsewhere.

use std::collections::BTreeSet;

use meshchat_client::proto::control::RoomInfo;
use meshchat_client::proto::name::RoomName;

use super::Model;
use super::log::What;
use super::place::Place;
use crate::output::style::Paint;
use crate::output::time::Clock;

impl Model {
    pub(super) fn learn_rooms(&mut self, rooms: Vec<RoomInfo>, clock: &Clock) {
        let joined: BTreeSet<Place> = rooms
            .iter()
            .filter(|info| info.joined)
            .map(|info| Place::Room(info.room.clone()))
            .collect();
        for place in &joined {
            self.places.get(place).joined = true;
        }
        (self.standing.rooms, self.standing.rooms_known) = (rooms, true);
        let out = |place: &Place| place.room().is_some() && !joined.contains(place);
        let left: Vec<Place> =
            self.places.iter().map(|one| &one.place).filter(|one| out(one)).cloned().collect();
        for place in left {
            self.out_of(&place, clock);
        }
    }

    /// The person is not in this room. It goes once nothing of theirs is in it.
    fn out_of(&mut self, place: &Place, clock: &Clock) {
        let Some(one) = self.places.find_mut(place) else { return };
        let was = std::mem::replace(&mut one.joined, false);
        let draft = one.draft;
        if was {
            let words = format!("you are not in {place} any more: {}", why(place));
            let now = Some(clock.now.datetime());
            let rule = |place: &Place| (place.clone(), What::Rule(words.clone(), Paint::Warn));
            let open = self.places.open().clone();
            let here = (open != *place).then(|| rule(&open));
            for (place, what) in here.into_iter().chain([rule(place)]) {
                self.add(&place, |one| one.log.add(now, what));
            }
        }
        let wanted = self.wanted.as_ref() == Some(place) || self.asks.is_joining(place);
        if !wanted && !draft && !self.places.is_open(place) && !self.outbox.has(place) {
            self.places.remove(place);
        }
    }

    /// The lobby, or another room that the person is in.
    pub(super) fn first_joined(&self) -> Option<Place> {
        let lobby = Place::Room(RoomName::lobby());
        let joined = |place: &Place| self.places.find(place).is_some_and(|one| one.joined);
        if joined(&lobby) {
            return Some(lobby);
        }
        self.places.iter().find(|one| one.joined).map(|one| one.place.clone())
    }
}

fn why(place: &Place) -> String {
    match place.room().is_some_and(RoomName::is_sealed) {
        true => "its owner took you out, or another program of yours left it".to_owned(),
        false => format!("another program of yours left it; /join {place} enters it again"),
    }
}
