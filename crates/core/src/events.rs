//! Events, and which streams get them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::control::{Event, Gone, Message};
use meshchat_proto::message::Body;

use crate::env::Env;
use crate::history::Entry;
use crate::io::Output;
use crate::mail::Shown;
use crate::names::hears;
use crate::node::{Me, Node};
use crate::nodes::Nodes;
use crate::status::Drop;
use crate::time::{Mono, Now, millis};

/// Bytes of an event beside the text that it carries, estimated.
pub(crate) const OVERHEAD: usize = 128;

/// What an event about a message costs a client's queue.
pub(crate) fn cost(entry: &Entry) -> usize {
    entry.body.len() + OVERHEAD
}

/// The event of a message out of history.
pub(crate) fn message(view: (Mono, &Nodes, &Me), cursor: u64, entry: &Entry) -> Option<Event> {
    // Bodies are checked when they are taken in.
    let body = Body::parse(&entry.body).ok()?;
    Some(event(view, (cursor, entry, &body)))
}

impl<E: Env> Node<E> {
    /// Gives a message to every stream that wants it.
    pub(crate) fn deliver(&mut self, now: Now, cursor: u64, entry: &Entry, body: &Body<'_>) {
        let shown = self.mail.shown(cursor, entry);
        // Who wrote a letter is told so, who gets it not.
        let (mut streams, mut authors) = (Vec::new(), Vec::new());
        let mut readers: Vec<String> = Vec::new();
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
            let opened = if let Shown::Opened(opened) = shown { Some(opened) } else { None };
            let is_author = opened.is_some_and(|opened| opened.is_from(&state.user));
            for (id, stream) in &mut state.streams {
                if !stream.wants(shown, &entry.room, (&state.user, rooms))
                    || stream.knows(&self.cursors, &state.user, entry)
                {
                    continue;
                }
                if stream.next.is_some() || state.queued >= most {
                    stream.lag(cursor);
                    continue;
                }
                stream.last = cursor;
                if !stream.is_for_nobody() && !hears(&self.acquaintances, &state.user, entry) {
                    continue;
                }
                let list = if is_author { &mut authors } else { &mut streams };
                list.push((session, *id));
                if opened.is_some() && !readers.contains(&state.user) {
                    readers.push(state.user.clone());
                }
            }
        });
        let is_plain = matches!(shown, Shown::Plain);
        for (streams, own) in [(streams, false), (authors, true)] {
            if streams.is_empty() {
                continue;
            }
            // The event itself is in memory once, however many get it.
            self.sessions.charge(&streams, OVERHEAD + entry.body.len() / streams.len());
            let view = (now.mono, &self.nodes, &self.me);
            let event = match is_plain {
                true => Some(event(view, (cursor, entry, body))),
                false => self.mail.event(&mut self.env, view, (cursor, entry), own),
            };
            let event = event.map(|event| Output::Event { streams, event: Box::new(event) });
            self.out.extend(event);
        }
        for user in readers {
            self.letter_read(now, cursor, entry.node, &user);
        }
    }

    /// Gives a change of presence to every stream that wants them.
    pub(crate) fn announce(&mut self, event: Box<Event>) {
        self.broadcast(event, |stream| stream.wants_changes());
    }

    /// Tells every stream that messages are gone.
    pub(crate) fn announce_message_gap(&mut self, gone: Gone) {
        self.broadcast(Box::new(Event::Gone(gone)), |stream| stream.wants_gaps());
    }

    fn broadcast(&mut self, event: Box<Event>, wants: fn(&crate::streams::Stream) -> bool) {
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
    (now, nodes, me): (Mono, &Nodes, &Me),
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
        via: body.via(),
    })
}
