//! All conversations, rooms first, and which of them is open.

use std::collections::{BTreeMap, BTreeSet};

use super::conversation::{Conversation, View};
use super::log::KEPT;
use super::place::Place;

/// Conversations at once. Those that nothing is new in and that nobody is in go first.
pub(crate) const PLACES: usize = 256;
/// Entries of all logs together; the longest log that nobody reads back in gives way.
pub(crate) const ENTRIES: usize = 20_000;

/// What all logs together take, in bytes; the heaviest that nobody reads back in gives way.
pub(crate) const BYTES: usize = 16 * 1024 * 1024;

/// See the module.
#[derive(Debug)]
pub(crate) struct Places {
    all: Vec<Conversation>,
    open: Place,
    read: BTreeMap<String, u64>,
    muted: BTreeSet<String>,
}

impl Places {
    pub(crate) fn new(open: Place, read: BTreeMap<String, u64>, muted: Vec<String>) -> Self {
        let mut this =
            Self { all: Vec::new(), open: open.clone(), read, muted: muted.into_iter().collect() };
        this.get(&open);
        this
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Conversation> {
        self.all.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Conversation> {
        self.all.iter_mut()
    }

    pub(crate) const fn open(&self) -> &Place {
        &self.open
    }

    pub(crate) fn is_open(&self, place: &Place) -> bool {
        self.open == *place
    }

    pub(crate) fn find(&self, place: &Place) -> Option<&Conversation> {
        self.all.iter().find(|one| one.place == *place)
    }

    pub(crate) fn find_mut(&mut self, place: &Place) -> Option<&mut Conversation> {
        self.all.iter_mut().find(|one| one.place == *place)
    }

    /// The open conversation; there always is one.
    pub(crate) fn current(&self) -> Option<&Conversation> {
        self.find(&self.open)
    }

    pub(crate) fn current_mut(&mut self) -> &mut Conversation {
        let open = self.open.clone();
        self.get(&open)
    }

    /// The conversation of this place, made if there is none.
    pub(crate) fn get(&mut self, place: &Place) -> &mut Conversation {
        let at = match self.all.binary_search_by(|one| one.place.cmp(place)) {
            Ok(at) => at,
            Err(_) => {
                self.make_room();
                let key = place.key();
                let (read, muted) = (self.read.get(&key).copied(), self.muted.contains(&key));
                let at = self.all.partition_point(|one| one.place < *place);
                self.all.insert(at, Conversation::new(place.clone(), read, muted));
                at
            }
        };
        #[expect(clippy::indexing_slicing, reason = "it was found or inserted there just now")]
        &mut self.all[at]
    }

    /// Goes to another conversation.
    pub(crate) fn enter(&mut self, place: &Place) {
        if let Some(before) = self.all.iter_mut().find(|one| one.place == self.open) {
            before.left();
        }
        self.open = place.clone();
        let now = self.get(place);
        if now.view == View::End {
            now.at_end();
        }
    }

    pub(crate) fn remove(&mut self, place: &Place) {
        self.all.retain(|one| one.place != *place);
    }

    /// The one before or after the open one, around the ends.
    pub(crate) fn neighbour(&self, forward: bool) -> Option<Place> {
        let at = self.all.iter().position(|one| one.place == self.open)?;
        let many = self.all.len();
        let to = if forward { at + 1 } else { at + many - 1 } % many;
        self.all.get(to).map(|one| one.place.clone())
    }

    /// The next with news: mentions and direct messages first.
    pub(crate) fn news(&self) -> Option<Place> {
        let rank = |one: &&Conversation| {
            let direct = matches!(one.place, Place::Person(_));
            (one.mentions == 0 && !direct, one.touched)
        };
        let others = self.all.iter().filter(|one| one.has_news() && one.place != self.open);
        others.min_by_key(rank).map(|one| one.place.clone())
    }

    /// Conversations with news besides the open one, and how many of them have a mention.
    pub(crate) fn unread_elsewhere(&self) -> impl Iterator<Item = &Conversation> {
        self.all.iter().filter(|one| one.has_news() && one.place != self.open)
    }

    pub(crate) fn muted(&self) -> Vec<String> {
        self.muted.iter().cloned().collect()
    }

    pub(crate) fn mute(&mut self, place: &Place, muted: bool) {
        match muted {
            true => self.muted.insert(place.key()),
            false => self.muted.remove(&place.key()),
        };
        self.get(place).muted = muted;
    }

    /// Keeps all logs together within their bound.
    pub(crate) fn trim(&mut self) {
        self.trim_bytes();
        let all: usize = self.all.iter().map(|one| one.log.len()).sum();
        if all <= ENTRIES {
            return;
        }
        let read_back = |one: &Conversation| one.view != View::End;
        let gives = |one: &Conversation| !read_back(one) && one.log.len() > KEPT / 2;
        let longest = self.all.iter_mut().max_by_key(|one| (gives(one), one.log.len()));
        if let Some(longest) = longest {
            let keep = longest.log.len().min(KEPT) / 2;
            longest.log.trim(keep.max(longest.log.len().saturating_sub(all - ENTRIES)));
        }
    }

    fn trim_bytes(&mut self) {
        let all: usize = self.all.iter().map(|one| one.log.bytes()).sum();
        if all <= BYTES {
            return;
        }
        let gives = |one: &Conversation| one.view == View::End && one.log.bytes() > BYTES / 16;
        let heaviest = self.all.iter_mut().max_by_key(|one| (gives(one), one.log.bytes()));
        if let Some(one) = heaviest {
            one.log.free(all - BYTES + BYTES / 64);
        }
    }

    fn make_room(&mut self) {
        if self.all.len() < PLACES {
            return;
        }
        let open = self.open.clone();
        let idle = |one: &&Conversation| one.place != open && !one.joined;
        let oldest = self.all.iter().filter(idle).min_by_key(|one| (one.unread > 0, one.touched));
        if let Some(place) = oldest.map(|one| one.place.clone()) {
            self.remove(&place);
        }
    }
}
