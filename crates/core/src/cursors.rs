//! Durable cursors: how far each client has dealt with what it was shown.
//!
//! A cursor is a number, and the messages that were confirmed up to it. The number is enough as
//! long as history lasts. What a node forgot and its neighbours give back comes under new numbers;
//! then the messages tell what need not be shown again.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::control::{CursorInfo, CursorRequest, Error, ErrorCode, Reply};
use meshchat_proto::limits::CURSOR_NAME;
use meshchat_proto::peer::OriginRanges;

use crate::env::Env;
use crate::history::Entry;
use crate::io::{Output, SavedCursor, SavedCursors};
use crate::limits;
use crate::node::Node;
use crate::ranges::Ranges;
use crate::seen::Origin;
use crate::time::Mono;

/// All cursors, and the numbers that they are made of.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    /// By Unix user and name.
    map: BTreeMap<(String, String), Cursor>,
    /// Origins in all of them.
    origins: usize,
    touches: u64,
    /// Numbers up to this one are kept from later runs.
    reserved: u64,
    /// Numbers that no message ever had, or only one that is forgotten.
    unused: Ranges,
    /// The newest number of earlier runs.
    before: u64,
    /// The last run ended without a word: it may have shown more than is known.
    torn: bool,
    changed: bool,
    saved: Option<Mono>,
}

#[derive(Debug, Default)]
struct Cursor {
    /// Confirmed up to this number.
    upto: u64,
    confirmed: BTreeMap<Origin, Confirmed>,
    /// Counts up over all cursors.
    used: u64,
}

#[derive(Debug, Default)]
struct Confirmed {
    numbers: Ranges,
    touched: u64,
}

/// Where a stream goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Resume {
    /// Behind this number.
    pub(crate) upto: u64,
    /// Something between it and this run may be lost that nobody counted.
    pub(crate) torn: bool,
}

impl SavedCursors {
    /// What the next run begins with, and what must be saved before it does: `newest` is the
    /// newest cursor that was kept elsewhere.
    #[must_use]
    pub fn next_run(mut self, newest: u64) -> Self {
        let known = self.newest.max(newest);
        let last = if self.clean { known } else { known.max(self.reserved) };
        if last > known {
            self.unused.push((known + 1, last));
        }
        let crowd = self.unused.len().saturating_sub(limits::CURSOR_JUMPS);
        self.unused.drain(..crowd);
        self.torn = !self.clean && self.reserved > 0;
        (self.newest, self.before, self.clean) = (last, last, false);
        self.reserved = last.saturating_add(limits::CURSOR_BLOCK);
        self
    }
}

impl Cursors {
    pub(crate) fn load(saved: SavedCursors) -> Self {
        let mut cursors = Self {
            reserved: saved.reserved,
            unused: Ranges::from_wire(&saved.unused),
            before: saved.before,
            torn: saved.torn,
            ..Self::default()
        };
        for cursor in saved.list.into_iter().take(limits::CURSORS) {
            cursors.touches += 1;
            let used = cursors.touches;
            let at = (cursor.user, cursor.name);
            cursors.map.insert(at.clone(), Cursor { upto: cursor.upto, used, ..Cursor::default() });
            for OriginRanges { node, boot, ranges } in cursor.confirmed {
                cursors.confirm_all(&at, (node, boot), &Ranges::from_wire(&ranges));
            }
        }
        cursors.changed = false;
        cursors
    }

    fn save(&self, newest: u64, clean: bool) -> SavedCursors {
        let mut list: Vec<_> = self.map.iter().collect();
        list.sort_by_key(|(_, cursor)| cursor.used);
        let list = list.into_iter().map(|((user, name), cursor)| SavedCursor {
            user: user.clone(),
            name: name.clone(),
            upto: cursor.upto,
            confirmed: cursor.save(),
        });
        SavedCursors {
            newest,
            reserved: self.reserved,
            clean,
            unused: self.unused.as_slice().to_vec(),
            before: self.before,
            torn: self.torn,
            list: list.collect(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// Origins in all cursors together.
    pub(crate) fn origins(&self) -> usize {
        self.origins
    }

    /// When they are to be saved.
    pub(crate) fn due(&self) -> Option<Mono> {
        let soonest = self.saved.map_or(Mono::ZERO, |at| at + limits::CURSOR_PAUSE);
        self.changed.then_some(soonest)
    }

    /// Messages in `(after, upto]` that had a number, as far as that is known.
    pub(crate) fn used_between(&self, after: u64, upto: u64) -> u64 {
        Ranges::of(after.saturating_add(1), upto).minus(&self.unused).count()
    }

    /// Where a cursor stands; none when there is none.
    pub(crate) fn resume(&mut self, user: &str, name: &str) -> Option<Resume> {
        self.touches += 1;
        let (used, before, torn) = (self.touches, self.before, self.torn);
        let cursor = self.map.get_mut(&(user.into(), name.into()))?;
        cursor.used = used;
        Some(Resume { upto: cursor.upto, torn: torn && cursor.upto <= before })
    }

    /// Whether a message was confirmed, under whatever number.
    pub(crate) fn has(&self, user: &str, name: &str, entry: &Entry) -> bool {
        let cursor = self.map.get(&(user.into(), name.into()));
        let confirmed = cursor.and_then(|cursor| cursor.confirmed.get(&(entry.node, entry.boot)));
        confirmed.is_some_and(|confirmed| confirmed.numbers.contains(entry.seq))
    }

    /// Whether a number is of an earlier run.
    pub(crate) fn is_before(&self, cursor: u64) -> bool {
        cursor < self.before
    }

    /// Notes that messages are being shown up to this number; reserves more in time.
    pub(crate) fn shown(&mut self, newest: u64) {
        if newest.saturating_add(limits::CURSOR_BLOCK / 2) > self.reserved {
            self.reserved = newest.saturating_add(limits::CURSOR_BLOCK);
            self.changed = true;
        }
    }

    fn check_room(&self, user: &str) -> Result<(), Error> {
        let own = self.map.keys().filter(|(owner, _)| owner == user).count();
        let words = if own >= limits::CURSORS_PER_USER {
            format!("you have {own} cursors, which is the most")
        } else if self.map.len() >= limits::CURSORS {
            format!("this node has {} cursors, which is the most", self.map.len())
        } else {
            return Ok(());
        };
        let hint = "see yours: meshchatctl cursors; remove one: meshchatctl cursors remove NAME";
        Err(Error::new(ErrorCode::TooMany, words).hint(hint))
    }

    fn confirm_all(&mut self, at: &(String, String), origin: Origin, numbers: &Ranges) {
        self.touches += 1;
        let touched = self.touches;
        let Some(cursor) = self.map.get_mut(at) else { return };
        if !cursor.confirmed.contains_key(&origin) {
            if self.origins >= limits::CURSOR_ORIGINS {
                self.forget_origin();
            }
            self.origins += 1;
        }
        let Some(cursor) = self.map.get_mut(at) else { return };
        let confirmed = cursor.confirmed.entry(origin).or_default();
        confirmed.touched = touched;
        confirmed.numbers.insert_all(numbers);
        // Shown once more is better than never: what was confirmed first is forgotten.
        confirmed.numbers.keep_last(limits::CURSOR_RANGES);
        self.changed = true;
    }

    /// Makes room: the largest cursor gives up the origin that it confirmed longest ago.
    fn forget_origin(&mut self) {
        let largest = self.map.values_mut().max_by_key(|cursor| cursor.confirmed.len());
        let Some(cursor) = largest else { return };
        let oldest = cursor.confirmed.iter().min_by_key(|(_, confirmed)| confirmed.touched);
        if let Some(oldest) = oldest.map(|(origin, _)| *origin) {
            cursor.confirmed.remove(&oldest);
            self.origins -= 1;
        }
    }
}

impl Cursor {
    fn save(&self) -> Vec<OriginRanges> {
        let mut all: Vec<_> = self.confirmed.iter().collect();
        all.sort_by_key(|(_, confirmed)| confirmed.touched);
        all.into_iter()
            .map(|((node, boot), confirmed)| OriginRanges {
                node: *node,
                boot: *boot,
                ranges: confirmed.numbers.as_slice().to_vec(),
            })
            .collect()
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn on_cursor_request(
        &mut self,
        user: &str,
        request: CursorRequest,
    ) -> Result<Reply, Error> {
        match request {
            CursorRequest::Confirm { name, upto } => self.confirm(user, &name, upto),
            CursorRequest::List {} => Ok(Reply::Cursors(self.cursor_infos(user))),
            CursorRequest::Remove { name } => {
                let removed = self.cursors.map.remove(&(user.into(), name.clone()));
                let removed = removed.ok_or_else(|| unknown(&name))?;
                self.cursors.origins -= removed.confirmed.len();
                self.cursors.changed = true;
                Ok(Reply::Done {})
            }
        }
    }

    /// Makes a cursor that has confirmed all that was shown up to `upto`.
    pub(crate) fn make_cursor(&mut self, user: &str, name: &str, upto: u64) {
        let at = (String::from(user), String::from(name));
        self.cursors.touches += 1;
        let used = self.cursors.touches;
        self.cursors.map.insert(at.clone(), Cursor { upto, used, ..Cursor::default() });
        self.cursors.changed = true;
        for (origin, numbers) in self.shown_upto(upto) {
            self.cursors.confirm_all(&at, origin, &numbers);
        }
    }

    /// Whether a cursor of this name may be made.
    pub(crate) fn check_cursor(&self, user: &str, name: &str) -> Result<(), Error> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if !(1..=CURSOR_NAME).contains(&name.len()) || !name.chars().all(plain) {
            let words = format!("{name:?} is no name for a cursor");
            let hint = format!("use 1 to {CURSOR_NAME} letters, digits, - _ and .");
            return Err(Error::new(ErrorCode::BadArgument, words).hint(hint));
        }
        if self.cursors.map.contains_key(&(user.into(), name.into())) {
            return Ok(());
        }
        self.cursors.check_room(user)
    }

    /// Numbers shown of each origin, up to a cursor.
    pub(crate) fn shown_upto(&self, upto: u64) -> BTreeMap<Origin, Ranges> {
        let windows = self.seen.between(None, None);
        let mut shown: BTreeMap<Origin, Ranges> = windows
            .filter(|(_, window)| !window.seen.is_empty())
            .map(|(origin, window)| {
                let waiting = window.held.keys().map(|seq| (*seq, *seq)).collect::<Vec<_>>();
                (*origin, window.seen.minus(&Ranges::from_wire(&waiting)))
            })
            .collect();
        let mut later: BTreeMap<Origin, Ranges> = BTreeMap::new();
        for (_, entry) in self.history.from(upto.saturating_add(1)) {
            later.entry((entry.node, entry.boot)).or_default().insert(entry.seq, entry.seq);
        }
        for (origin, numbers) in later {
            if let Some(all) = shown.get_mut(&origin) {
                *all = all.minus(&numbers);
            }
        }
        shown
    }

    pub(crate) fn tick_cursors(&mut self, now: Mono) {
        if self.cursors.due().is_some_and(|due| due <= now) {
            self.save_cursors(now, false);
        }
    }

    /// Hands all cursors out to be kept; `clean` when nothing more is shown in this run.
    pub(crate) fn save_cursors(&mut self, now: Mono, clean: bool) {
        (self.cursors.changed, self.cursors.saved) = (false, Some(now));
        let saved = self.cursors.save(self.history.newest(), clean);
        self.out.push_back(Output::SaveCursors(saved));
    }

    fn confirm(&mut self, user: &str, name: &str, upto: u64) -> Result<Reply, Error> {
        let at = (String::from(user), String::from(name));
        let upto = upto.min(self.history.newest());
        let cursor = self.cursors.map.get(&at).ok_or_else(|| unknown(name))?;
        let mut numbers: BTreeMap<Origin, Ranges> = BTreeMap::new();
        let fresh = self.history.from(cursor.upto.saturating_add(1));
        for (_, entry) in fresh.take_while(|(cursor, _)| *cursor <= upto) {
            numbers.entry((entry.node, entry.boot)).or_default().insert(entry.seq, entry.seq);
        }
        for (origin, numbers) in numbers {
            self.cursors.confirm_all(&at, origin, &numbers);
        }
        self.cursors.touches += 1;
        let used = self.cursors.touches;
        if let Some(cursor) = self.cursors.map.get_mut(&at) {
            self.cursors.changed |= upto > cursor.upto;
            (cursor.upto, cursor.used) = (cursor.upto.max(upto), used);
        }
        Ok(Reply::Done {})
    }

    fn cursor_infos(&self, user: &str) -> Vec<CursorInfo> {
        let rooms = self.people.rooms_of(user);
        let own = self.cursors.map.iter().filter(|((owner, _), _)| owner == user);
        own.map(|((_, name), cursor)| {
            let fresh = self.history.from(cursor.upto.saturating_add(1));
            let fresh = fresh.filter(|(_, entry)| rooms.contains(&entry.room));
            let waiting = fresh.filter(|(_, entry)| !self.cursors.has(user, name, entry)).count();
            let active = self.sessions.has_cursor(user, name);
            CursorInfo { name: name.clone(), upto: cursor.upto, waiting: waiting as u64, active }
        })
        .collect()
    }
}

fn unknown(name: &str) -> Error {
    Error::new(ErrorCode::NotFound, format!("you have no cursor {name:?}"))
        .hint("see yours: meshchatctl cursors")
}
