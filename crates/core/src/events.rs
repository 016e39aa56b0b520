//! Events, and which streams get them.

use alloc::boxed::Box;
use alloc::vec::Vec;

use meshchat_proto::control::{Event, Gone, Message};
use meshchat_proto::message::Body;

use crate::env::Env;
use crate::history::Entry;
use crate::io::{Output, SessionId};
use crate::names::hears;
use crate::node::{Me, Node};
use crate::nodes::Nodes;
use crate::status::Drop;
use crate::time::{Mono, Now, millis};

/// Bytes of an event beside the text that it carries, estimated.
const OVERHEAD: usize = 128;

/// What an event about a message costs a client's queue.
pub(crate) fn cost(entry: &Entry) -> usize {
    entry.body.len() + OVERHEAD
}

/// The event of a message out of history.
pub(crate) fn message(
    now: Mono,
    nodes: &Nodes,
    me: &Me,
    cursor: u64,
    entry: &Entry,
) -> Option<Event> {
    // Bodies are checked when they are taken in.
    let body = Body::parse(&entry.body).ok()?;
    Some(event(now, nodes, me, (cursor, entry, &body)))
}

impl<E: Env> Node<E> {
    /// Gives a message to every stream that wants it.
    pub(crate) fn deliver(&mut self, now: Now, cursor: u64, entry: &Entry, body: &Body<'_>) {
        let mut streams: Vec<(SessionId, u64)> = Vec::new();
        self.sessions.visit(|session, state, most| {
            if state.streams.is_empty() {
                return;
            }
            let lobby;
            let rooms = match self.people.get(&state.user) {
                Some(person) => person.rooms.as_slice(),
                None => {
                    lobby = self.people.rooms_of(&state.user);
                    lobby.as_slice()
                }
            };
            for (id, stream) in &mut state.streams {
                if !stream.wants(&entry.room, rooms) {
                    continue;
                }
                if stream.next.is_some() || state.queued >= most {
                    stream.lag(cursor);
                    continue;
                }
                stream.last = cursor;
                if !hears(&self.acquaintances, &state.user, entry) {
                    continue;
                }
                streams.push((session, *id));
            }
        });
        if streams.is_empty() {
            return;
        }
        // The event itself is in memory once, however many get it.
        self.sessions.charge(&streams, OVERHEAD + entry.body.len() / streams.len());
        let event = event(now.mono, &self.nodes, &self.me, (cursor, entry, body));
        self.out.push_back(Output::Event { streams, event: Box::new(event) });
    }

    /// Gives a change of presence to every stream that wants them.
    pub(crate) fn announce(&mut self, event: Box<Event>) {
        self.broadcast(event, |stream| stream.wants_changes());
    }

    /// Tells every stream that messages are gone.
    pub(crate) fn announce_message_gap(&mut self, gone: Gone) {
        self.broadcast(Box::new(Event::Gone(gone)), |stream| stream.wants_gaps());
    }

    fn broadcast(&mut self, event: Box<Event>, wants: fn(&crate::sessions::Stream) -> bool) {
        let mut streams = Vec::new();
        let newest = self.history.newest();
        let mut missed = 0;
        self.sessions.visit(|session, state, most| {
            for (id, stream) in &mut state.streams {
                if !wants(stream) {
                    continue;
                }
                if state.queued < most {
                    streams.push((session, *id));
                    state.queued += OVERHEAD;
                } else {
                    stream.miss_change(newest);
                    missed += 1;
                }
            }
        });
        self.counters.drop(Drop::ClientMissedChange, missed);
        if !streams.is_empty() {
            self.out.push_back(Output::Event { streams, event });
        }
    }
}

fn event(
    now: Mono,
    nodes: &Nodes,
    me: &Me,
    (cursor, entry, body): (u64, &Entry, &Body<'_>),
) -> Event {
    Event::Message(Message {
        cursor,
        id: entry.id,
        room: entry.room.clone(),
        author: body.author_name(),
        node: entry.node,
        node_name: nodes.name(&entry.node),
        boot: entry.boot.count(),
        seq: entry.seq,
        kind: body.kind,
        text: body.to_text(),
        wall_ms: body.wall,
        age_ms: millis(now.since(entry.at)),
        late: entry.late,
        caught_up: entry.caught_up,
        own: entry.node == me.id,
    })
}
