//! What outlives a restart where messages are kept on disk: out in pieces, back in at the start.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use meshchat_proto::id::MessageId;
use meshchat_proto::message::Body;

use crate::env::Env;
use crate::history::{Entry, Proof, Proven};
use crate::io::{Kept, Restored, SeenNumbers, Snapshot};
use crate::node::Node;
use crate::ranges::Ranges;
use crate::time::Mono;

impl<E: Env> Node<E> {
    /// Messages behind this cursor, at least one if there is one, and about `most` bytes of them.
    pub fn kept_after(&self, cursor: u64, most: usize) -> Vec<Kept> {
        let mut bytes = 0;
        let entries = self.history.from(cursor.saturating_add(1));
        let entries = entries.take_while(|(_, entry)| {
            let fits = bytes < most;
            bytes += entry.body.len() + size_of::<Kept>();
            fits
        });
        entries.map(|(cursor, entry)| entry.keep(cursor)).collect()
    }

    /// What was seen, without what history holds behind this cursor: that is not yet kept, and
    /// would never be asked for again.
    pub fn snapshot(&self, now: Mono, upto: u64) -> Snapshot {
        let seen = self.shown_upto(upto).into_iter().map(|((node, boot), seen)| {
            let gone = self.seen.get(&(node, boot)).map(|window| window.gone.as_slice().to_vec());
            SeenNumbers {
                node,
                boot,
                seen: seen.as_slice().to_vec(),
                gone: gone.unwrap_or_default(),
            }
        });
        let (network, newest) = (self.me.network, self.history.newest());
        Snapshot { network, newest, at: now, seen: seen.collect() }
    }

    /// The cursor of the newest message shown, and of the oldest that history holds.
    pub fn cursors(&self) -> (u64, u64) {
        let newest = self.history.newest();
        let oldest = self.history.from(0).next().map_or(newest.saturating_add(1), |(at, _)| at);
        (newest, oldest)
    }

    /// Takes back what earlier runs have kept. Bodies and signatures were checked then, and the
    /// caller's checksums tell that they are the same.
    pub(crate) fn restore(&mut self, restored: Restored, newest: u64) {
        let ours = restored.snapshot.network == self.me.network;
        for window in restored.snapshot.seen.into_iter().filter(|_| ours) {
            let Some(known) = self.seen.window((window.node, window.boot)) else { continue };
            known.seen.insert_all(&Ranges::from_wire(&window.seen));
            known.gone.insert_all(&Ranges::from_wire(&window.gone));
        }
        for kept in restored.messages {
            self.restore_message(kept);
        }
        for window in self.seen.windows_mut() {
            window.proven = window.seen.last();
            window.next_show = window.proven.saturating_add(1);
        }
        self.history.skip_to(newest.max(restored.snapshot.newest));
    }

    fn restore_message(&mut self, kept: Kept) {
        let Ok(body) = Body::parse(&kept.body) else { return };
        if body.network != self.me.network || kept.cursor <= self.history.newest() {
            return;
        }
        let Some(room) = self.rooms.intern(body.room()) else { return };
        let Some(window) = self.seen.window((body.node, body.boot)) else { return };
        window.mark(body.seq);
        let id = MessageId::of(&kept.body);
        self.rooms.heard(&room, id);
        let index = kept.place.as_ref().map_or(0, |place| place.index);
        let of = kept.place.map_or_else(|| Proven::Batch([id].into()), Proven::Alone);
        let entry = Entry {
            id,
            node: body.node,
            boot: body.boot,
            seq: body.seq,
            room,
            body: Box::default(),
            proof: Arc::new(Proof { sig: kept.sig, of }),
            index,
            at: kept.at,
            late: kept.late,
            caught_up: kept.caught_up,
        };
        self.history.skip_to(kept.cursor - 1);
        self.history.push(kept.at, Entry { body: kept.body, ..entry });
    }
}

impl Entry {
    fn keep(&self, cursor: u64) -> Kept {
        Kept {
            cursor,
            at: self.at,
            late: self.late,
            caught_up: self.caught_up,
            sig: self.proof.sig,
            place: self.proof.place(self.index),
            body: self.body.clone(),
        }
    }
}
