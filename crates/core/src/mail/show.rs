//! Opened messages as their readers get them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use meshchat_proto::control::{DirectMessage, DirectState, Event, Message};
use meshchat_proto::id::LetterId;
use meshchat_proto::id::NodeId;
use meshchat_proto::message::Body;
use meshchat_proto::sealed::{Content, Direct, Say, direct_context, room_context};

use super::take::unlock;
use super::{Mail, Of, Opened};
use crate::env::Env;
use crate::history::Entry;
use crate::io::Output;
use crate::node::{Me, Node};
use crate::nodes::Nodes;
use crate::status::Drop;
use crate::time::{Mono, Now, millis};

/// How a message in history is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shown<'a> {
    /// To everyone in its room.
    Plain,
    /// To those who may read it.
    Opened(&'a Opened),
    /// To nobody here.
    Closed,
}

impl Mail {
    /// How the message at this place is shown.
    pub(crate) fn shown(&self, cursor: u64, entry: &Entry) -> Shown<'_> {
        match (entry.room.is_sealed(), self.index.get(cursor)) {
            (false, _) => Shown::Plain,
            (true, Some(opened)) => Shown::Opened(opened),
            (true, None) => Shown::Closed,
        }
    }

    /// The event of an opened message; `own` for a reader who wrote it.
    pub(crate) fn event<E: Env>(
        &self,
        env: &mut E,
        (now, nodes, me): (Mono, &Nodes, &Me),
        (cursor, entry): (u64, &Entry),
        own: bool,
    ) -> Option<Event> {
        let opened = self.index.get(cursor)?;
        // Bodies are checked when they are taken in.
        let body = Body::parse(&entry.body).ok()?;
        let context = match (&opened.of, body.to) {
            (Of::Letter { .. }, to) => direct_context(&me.network, &body.node, &to?),
            (Of::Room { room, .. }, _) => room_context(&me.network, &body.node, room),
        };
        match (unlock(env, &opened.key, &context, &body)?, &opened.of) {
            (Content::Direct(direct), Of::Letter { .. }) => {
                let state = own.then(|| self.outbox.get(&direct.id).map(|parcel| parcel.state));
                let place = (now, nodes, cursor);
                Some(direct_event(place, entry, body.to?, direct, (own, state.flatten())))
            }
            (Content::Say(say), Of::Room { name, .. }) => {
                let name = name.clone();
                let from = entry.node == me.id;
                Some(said_event((now, nodes, cursor), entry, name, say, from))
            }
            _ => None,
        }
    }
}

impl<E: Env> Node<E> {
    /// Gives an event to the streams of one user that show direct messages.
    pub(crate) fn tell_user(&mut self, user: &str, event: Event) {
        let (mut streams, mut missed) = (Vec::new(), 0);
        let newest = self.history.newest();
        self.sessions.visit(|session, state, most| {
            if state.user != user {
                return;
            }
            for (id, stream) in state.streams.iter_mut().filter(|(_, stream)| stream.wants_dms()) {
                if state.queued < most {
                    streams.push((session, *id));
                    state.queued += crate::events::OVERHEAD;
                } else {
                    stream.miss_change(newest);
                    missed += 1;
                }
            }
        });
        self.counters.drop(Drop::ClientMissedChange, missed);
        if !streams.is_empty() {
            self.out.push_back(Output::Event { streams, event: Box::new(event) });
        }
    }

    /// Notes that a program of this user was given the letter at this place.
    pub(crate) fn letter_read(&mut self, now: Now, cursor: u64, node: NodeId, user: &str) {
        let Some(opened) = self.mail.index.get(cursor) else { return };
        let Some(id) = opened.to_user(user) else { return };
        let Some(letter) = self.mail.letters.get_mut(node, id) else { return };
        if !core::mem::replace(&mut letter.read, true) {
            self.mail.changed = true;
            self.acknowledge(now, node, id, DirectState::Read);
        }
    }
}

impl Opened {
    /// The letter, if it is one to this user.
    fn to_user(&self, user: &str) -> Option<LetterId> {
        match &self.of {
            Of::Letter { id, to_user: Some(own), .. } if own == user => Some(*id),
            Of::Letter { .. } | Of::Room { .. } => None,
        }
    }
}

fn direct_event(
    (now, nodes, cursor): (Mono, &Nodes, u64),
    entry: &Entry,
    to_node: NodeId,
    direct: Direct,
    (own, state): (bool, Option<DirectState>),
) -> Event {
    Event::Direct(DirectMessage {
        cursor,
        id: entry.id,
        letter: direct.id,
        from: direct.from,
        from_node: entry.node,
        from_node_name: nodes.name(&entry.node),
        to: direct.to,
        to_node,
        to_node_name: nodes.name(&to_node),
        kind: direct.kind,
        text: direct.text,
        wall_ms: direct.wall,
        age_ms: millis(now.since(entry.at)),
        late: entry.late,
        caught_up: entry.caught_up,
        own,
        state,
    })
}

fn said_event(
    (now, nodes, cursor): (Mono, &Nodes, u64),
    entry: &Entry,
    room: meshchat_proto::name::RoomName,
    say: Say,
    own: bool,
) -> Event {
    Event::Message(Message {
        cursor,
        id: entry.id,
        room,
        author: say.from,
        node: entry.node,
        node_name: nodes.name(&entry.node),
        boot: entry.boot.count(),
        seq: entry.seq,
        kind: say.kind,
        text: say.text,
        wall_ms: say.wall,
        age_ms: millis(now.since(entry.at)),
        late: entry.late,
        caught_up: entry.caught_up,
        own,
        via: None,
    })
}
