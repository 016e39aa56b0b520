//! Sealed messages that come in, or are this node's own: opened if they are for it.

use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::control::DirectState;
use meshchat_proto::id::NodeId;
use meshchat_proto::message::Body;
use meshchat_proto::sealed::{Content, Direct, KEY, NONCE, Receipt, direct_context};

use super::{Of, Opened};
use crate::env::Env;
use crate::history::Entry;
use crate::node::Node;
use crate::status::Drop;
use crate::time::Now;

impl<E: Env> Node<E> {
    /// Looks into a sealed message that is about to be shown at `cursor`.
    pub(crate) fn take_sealed(&mut self, now: Now, cursor: u64, entry: &Entry, body: &Body<'_>) {
        let me = self.me.id;
        let Some(to) = body.to else {
            return self.take_in_room(now, cursor, &entry.room, body);
        };
        // What this node sent without a key for itself is of no further use here.
        let readable = to == me || (body.node == me && body.keys.len() > 1);
        if !readable {
            return;
        }
        let Some((key, content)) = self.open_direct(&to, body) else {
            return self.counters.drop(Drop::Unopened, 1);
        };
        match content {
            Content::Direct(direct) => self.take_direct(now, cursor, (body.node, to), key, direct),
            Content::Receipt(receipt) if to == me => self.take_receipt(body.node, &receipt),
            Content::Grant(grant) if to == me => self.take_grant(body.node, grant),
            Content::Leave(leave) if to == me => self.take_leave(body.node, &leave),
            Content::Receipt(_)
            | Content::Grant(_)
            | Content::Leave(_)
            | Content::Say(_)
            | Content::Members(_) => {}
        }
    }

    /// Looks only for what a message says about private rooms.
    pub(crate) fn take_orders(&mut self, body: &Body<'_>) {
        let me = self.me.id;
        if body.to != Some(me) {
            return;
        }
        match self.open_direct(&me, body) {
            Some((_, Content::Grant(grant))) => self.take_grant(body.node, grant),
            Some((_, Content::Leave(leave))) => self.take_leave(body.node, &leave),
            Some(_) | None => {}
        }
    }

    /// Opens again what is for this node in the history of earlier runs. What is owed for it was
    /// sent then; who misses it asks again.
    pub(crate) fn reopen_history(&mut self, now: Now) {
        let sealed = self.history.from(0).filter(|(_, entry)| entry.room.is_sealed());
        let sealed: Vec<_> = sealed
            .map(|(cursor, entry)| (cursor, entry.room.clone(), entry.body.clone()))
            .collect();
        for (cursor, room, bytes) in sealed {
            let Ok(body) = Body::parse(&bytes) else { continue };
            let Some(to) = body.to else {
                self.take_in_room(now, cursor, &room, &body);
                continue;
            };
            if to != self.me.id && body.node != self.me.id {
                continue;
            }
            if let Some((key, Content::Direct(direct))) = self.open_direct(&to, &body) {
                self.index_direct(cursor, (body.node, to), key, &direct);
            }
        }
    }

    fn open_direct(&mut self, to: &NodeId, body: &Body<'_>) -> Option<([u8; KEY], Content)> {
        let context = direct_context(&self.me.network, &body.node, to);
        let at = usize::from(*to != self.me.id);
        let key = self.env.open(&context, body.keys.get(at)?)?;
        let key = <[u8; KEY]>::try_from(key.as_slice()).ok()?;
        let content = unlock(&mut self.env, &key, &context, body)?;
        Some((key, content))
    }

    fn take_direct(
        &mut self,
        now: Now,
        cursor: u64,
        (from_node, to_node): (NodeId, NodeId),
        key: [u8; KEY],
        direct: Direct,
    ) {
        let id = direct.id;
        if to_node == self.me.id {
            let known = self.mail.letters.get(from_node, id).cloned().unwrap_or_default();
            let to_user = known.to_user.or_else(|| self.people.user_called(&direct.to));
            let refused =
                to_user.as_ref().is_none_or(|user| self.is_blocked(user, &from_node, &direct.from));
            let state = match (refused, known.read) {
                (true, _) => DirectState::Refused,
                (false, true) => DirectState::Read,
                (false, false) => DirectState::Delivered,
            };
            self.acknowledge(now, from_node, id, state);
            if refused && from_node != self.me.id {
                return;
            }
        }
        self.index_direct(cursor, (from_node, to_node), key, &direct);
    }

    /// Notes who may read a letter, unless it was noted under another number.
    fn index_direct(
        &mut self,
        cursor: u64,
        (from_node, to_node): (NodeId, NodeId),
        key: [u8; KEY],
        direct: &Direct,
    ) {
        let (me, id) = (self.me.id, direct.id);
        let known = self.mail.letters.get(from_node, id).cloned().unwrap_or_default();
        let here = |node, user: Option<String>, name| match node == me {
            true => user.or_else(|| self.people.user_called(name)),
            false => None,
        };
        let from_user = here(from_node, known.from_user, &direct.from);
        let to_user = here(to_node, known.to_user, &direct.to);
        let letter = self.mail.letters.entry(from_node, id);
        if core::mem::replace(&mut letter.shown, true) {
            return;
        }
        if (&letter.from_user, &letter.to_user) != (&from_user, &to_user) {
            (letter.from_user, letter.to_user) = (from_user.clone(), to_user.clone());
            self.mail.changed = true;
        }
        let of = Of::Letter { id, from_user, to_user };
        self.mail.index.put(self.history.oldest_cursor(), cursor, Opened { key, of });
    }

    /// Tells the sender what became of a letter.
    pub(crate) fn acknowledge(
        &mut self,
        now: Now,
        sender: NodeId,
        id: meshchat_proto::id::LetterId,
        state: DirectState,
    ) {
        if sender == self.me.id {
            self.letter_came_to(id, state);
        } else {
            self.mail.receipts.owe(now.mono, sender, id, state);
        }
    }

    /// Believes a receipt only from the node that the letter went to.
    fn take_receipt(&mut self, from: NodeId, receipt: &Receipt) {
        let said = [
            (&receipt.delivered, DirectState::Delivered),
            (&receipt.read, DirectState::Read),
            (&receipt.refused, DirectState::Refused),
        ];
        for (ids, state) in said {
            for id in ids {
                let parcel = self.mail.outbox.get(id);
                if parcel.is_some_and(|parcel| parcel.to_node == from) {
                    self.letter_came_to(*id, state);
                }
            }
        }
    }
}

/// The content of a message whose key is known.
pub(crate) fn unlock<E: Env>(
    env: &mut E,
    key: &[u8; KEY],
    context: &[u8],
    body: &Body<'_>,
) -> Option<Content> {
    let (nonce, locked) = body.lock?.split_first_chunk::<NONCE>()?;
    Content::unpad(&env.unlock(key, nonce, context, locked)?)
}
