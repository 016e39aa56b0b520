//! The order of showing: messages of one sender as they were sent.
//!
//! A message whose predecessor is missing waits a little, then is shown; the predecessor, should
//! it still come, is shown as late.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use meshchat_proto::message::Body;

use crate::env::Env;
use crate::history::Entry;
use crate::limits;
use crate::node::Node;
use crate::seen::Origin;
use crate::time::{Mono, Now};

/// Origins with messages that wait, and until when.
#[derive(Debug, Default)]
pub(crate) struct Order {
    waiting: BTreeMap<Origin, Mono>,
    held: usize,
}

impl Order {
    /// The soonest moment at which waiting ends.
    pub(crate) fn due(&self) -> Option<Mono> {
        self.waiting.values().min().copied()
    }

    /// An origin is forgotten, with this many messages that wait.
    pub(crate) fn forget(&mut self, origin: &Origin, held: usize) {
        self.waiting.remove(origin);
        self.held -= held;
    }

    /// Messages that wait.
    pub(crate) fn held(&self) -> usize {
        self.held
    }
}

impl<E: Env> Node<E> {
    /// Shows a message, already taken in, as soon as its turn comes. Returns its cursor when
    /// that is now.
    pub(crate) fn put_in_order(
        &mut self,
        now: Now,
        mut entry: Entry,
        body: &Body<'_>,
    ) -> Option<u64> {
        let (origin, seq) = ((entry.node, entry.boot), entry.seq);
        let window = self.seen.get_mut(&origin)?;
        if seq > window.expected() {
            window.held.insert(seq, entry);
            self.order.held += 1;
            self.order.waiting.entry(origin).or_insert(now.mono + limits::HOLD);
            if self.order.held > limits::HELD_MESSAGES {
                self.release(now, origin);
            }
            return None;
        }
        entry.late = seq < window.next_show;
        if !entry.late {
            window.next_show = seq.saturating_add(1);
        }
        let more = !window.held.is_empty();
        let cursor = self.show(now, entry, body);
        if more {
            self.show_held(now, origin, false);
        }
        Some(cursor)
    }

    /// Ends the waiting whose time is up.
    pub(crate) fn tick_order(&mut self, now: Now) {
        let due = self.order.waiting.iter().filter(|(_, at)| **at <= now.mono);
        for origin in due.map(|(origin, _)| *origin).collect::<Vec<_>>() {
            self.release(now, origin);
        }
    }

    /// Ends all waiting: whatever was to come has come.
    pub(crate) fn release_all(&mut self, now: Now) {
        for origin in self.order.waiting.keys().copied().collect::<Vec<_>>() {
            self.release(now, origin);
        }
    }

    /// Shows what need not wait any more: what it waited for is gone.
    pub(crate) fn show_next(&mut self, now: Now, origin: Origin) {
        self.show_held(now, origin, false);
    }

    fn release(&mut self, now: Now, origin: Origin) {
        self.show_held(now, origin, true);
    }

    /// Shows what waits: up to the next hole, or all of it.
    fn show_held(&mut self, now: Now, origin: Origin, all: bool) {
        while let Some(window) = self.seen.get_mut(&origin) {
            let expected = window.expected();
            let Some(first) = window.held.first_entry() else { break };
            if !all && *first.key() > expected {
                return;
            }
            let entry = first.remove();
            self.order.held -= 1;
            window.next_show = entry.seq.saturating_add(1);
            let bytes = entry.body.clone();
            // Bodies are checked when they are taken in.
            if let Ok(body) = Body::parse(&bytes) {
                self.show(now, entry, &body);
            }
        }
        self.order.waiting.remove(&origin);
    }
}
