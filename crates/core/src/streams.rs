//! Streams of messages and changes to local clients.
//!
//! A stream is a place in history. While its client keeps up, new messages go straight to it;
//! when too much is on its way, the stream lags: it keeps its place, and goes on from there
//! when the client has drained what it got. Only what history has lost meanwhile is missed,
//! and the client is told how much.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use meshchat_proto::control::{Dm, Error, ErrorCode, Event, Missed, MissedWhy, Reply, Start};
use meshchat_proto::name::RoomName;

use crate::cursors::{Cursors, Resume};
use crate::env::Env;
use crate::events;
use crate::history::Entry;
use crate::io::{HistoryMode, Output, SessionId};
use crate::limits;
use crate::mail::Shown;
use crate::names::hears;
use crate::node::Node;
use crate::status::Drop;
use crate::time::{Mono, Now};

/// One running `tail`.
#[derive(Debug)]
pub(crate) struct Stream {
    room: Option<RoomName>,
    follow: bool,
    presence: bool,
    dm: Dm,
    /// Lagging: the cursor to go on from.
    pub(crate) next: Option<u64>,
    /// Messages since it lags.
    pub(crate) pending: u64,
    changes_missed: u64,
    /// It has not yet been told that history ends.
    replaying: bool,
    /// The last cursor it got.
    pub(crate) last: u64,
    /// Nobody is there by it.
    unseen: bool,
    /// The durable cursor that it reads along with.
    cursor: Option<String>,
    /// Why it misses something at its start; told even if nothing was counted.
    gap: Option<MissedWhy>,
}

/// What a client asked for.
#[derive(Debug)]
pub(crate) struct TailWish {
    pub(crate) room: Option<RoomName>,
    pub(crate) start: Start,
    pub(crate) follow: bool,
    pub(crate) presence: bool,
    pub(crate) dm: Dm,
    pub(crate) cursor: Option<String>,
    /// Nobody is there by it.
    pub(crate) unseen: bool,
}

impl TailWish {
    /// A room for nobody, history and then what comes.
    pub(crate) fn unseen(room: RoomName, start: Start, presence: bool) -> Self {
        let (room, follow, dm) = (Some(room), true, Dm::No);
        Self { room, start, follow, presence, dm, cursor: None, unseen: true }
    }
}

impl Stream {
    /// Whether a message of `room` that is shown so is for this stream of a user who is in
    /// `rooms`.
    pub(crate) fn wants(
        &self,
        shown: Shown<'_>,
        room: &RoomName,
        (user, rooms): (&str, &[RoomName]),
    ) -> bool {
        match (shown, &self.room) {
            (Shown::Closed, _) => false,
            (Shown::Opened(opened), _) if !opened.is_for(user) => false,
            (Shown::Opened(opened), only) => match (opened.room(), only) {
                (None, only) => self.wants_dms() && only.is_none(),
                (Some(room), Some(only)) => room == only,
                (Some(_), None) => self.dm != Dm::Only,
            },
            (Shown::Plain, Some(only)) => only == room,
            (Shown::Plain, None) => self.dm != Dm::Only && rooms.contains(room),
        }
    }

    pub(crate) fn wants_dms(&self) -> bool {
        self.dm != Dm::No
    }

    /// Whether its cursor has confirmed a message, under this or an earlier number.
    pub(crate) fn knows(&self, cursors: &Cursors, user: &str, entry: &Entry) -> bool {
        self.cursor.as_deref().is_some_and(|name| cursors.has(user, name, entry))
    }

    /// Whether it reads along with the durable cursor of this name.
    pub(crate) fn reads_with(&self, cursor: &str) -> bool {
        self.cursor.as_deref() == Some(cursor)
    }

    pub(crate) fn wants_changes(&self) -> bool {
        self.presence && self.follow
    }

    pub(crate) fn wants_gaps(&self) -> bool {
        self.follow
    }

    /// Whether its user is there by it.
    pub(crate) fn is_reading(&self) -> bool {
        self.follow && !self.unseen
    }

    /// Whether it shows what there is, not what its user wants to see.
    pub(crate) fn is_for_nobody(&self) -> bool {
        self.unseen
    }

    /// A message that it cannot get now.
    pub(crate) fn lag(&mut self, cursor: u64) {
        self.next.get_or_insert(cursor);
        self.pending += 1;
    }

    /// A change that it does not get.
    pub(crate) fn miss_change(&mut self, newest: u64) {
        self.next.get_or_insert(newest + 1);
        self.changes_missed += 1;
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn open_tail(&mut self, now: Now, session: SessionId, id: u64, wish: TailWish) {
        let Some(state) = self.sessions.get(session) else { return };
        if state.streams.len() >= limits::STREAMS || state.streams.contains_key(&id) {
            let error = Error::new(ErrorCode::TooMany, "too many running requests");
            return self.reply(session, id, Err(error));
        }
        let user = state.user.clone();
        let checked = wish.cursor.as_deref().map(|name| self.check_cursor(&user, name));
        if let Some(Err(error)) = checked {
            return self.reply(session, id, Err(error));
        }
        let mut stream = Stream {
            room: wish.room,
            follow: wish.follow,
            presence: wish.presence,
            dm: wish.dm,
            next: None,
            pending: 0,
            changes_missed: 0,
            replaying: true,
            last: self.history.newest(),
            unseen: wish.unseen,
            cursor: wish.cursor,
            gap: None,
        };
        self.place_at_cursor(now.mono, &user, wish.start, &mut stream);
        if stream.is_reading() && !self.start_reading(now, &user) {
            let error = Error::new(ErrorCode::TooMany, "too many people are on this node");
            return self.reply(session, id, Err(error));
        }
        self.reply(session, id, Ok(Reply::Done {}));
        if let Some(state) = self.sessions.get_mut(session) {
            state.streams.insert(id, stream);
        }
        self.pump(now, session);
    }

    /// Ends a stream. Returns whether there was one.
    pub(crate) fn close_tail(&mut self, now: Now, session: SessionId, id: u64) -> bool {
        let Some(state) = self.sessions.get_mut(session) else { return false };
        let Some(stream) = state.streams.remove(&id) else { return false };
        let user = state.user.clone();
        if stream.is_reading() {
            self.stop_reading(now, &user);
        }
        self.out.push_back(Output::End { session, id });
        true
    }

    /// Goes on with the lagging streams of a client as far as there is room.
    pub(crate) fn pump(&mut self, now: Now, session: SessionId) {
        let Some(state) = self.sessions.get(session) else { return };
        let lagging = state.streams.iter();
        let lagging = lagging.filter(|(_, stream)| stream.next.is_some() || stream.replaying);
        for id in lagging.map(|(id, _)| *id).collect::<Vec<_>>() {
            let Some((user, mut stream)) = self
                .sessions
                .get_mut(session)
                .and_then(|state| Some((state.user.clone(), state.streams.remove(&id)?)))
            else {
                continue;
            };
            let over = self.pump_stream(now, (session, id), &user, &mut stream);
            let done = over && !stream.follow;
            if let Some(state) = self.sessions.get_mut(session).filter(|_| !done) {
                state.streams.insert(id, stream);
            }
            if done {
                self.out.push_back(Output::End { session, id });
            }
        }
    }

    /// Returns whether the stream has got all there is.
    fn pump_stream(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        user: &str,
        stream: &mut Stream,
    ) -> bool {
        let rooms = self.people.rooms_of(user);
        let from = stream.next.unwrap_or(self.history.newest() + 1);
        let held = self.held_for(stream, (user, &rooms), from);
        let mut events: Vec<Event> = self.missed(stream, held).into_iter().collect();
        let may_send = self.sessions.room(at.0);
        let mut room = may_send;
        let (mut left, mut last) = (held, stream.last);
        let mut letters = Vec::new();
        for (cursor, entry) in self.history.from(from) {
            let shown = self.mail.shown(cursor, entry);
            if !stream.wants(shown, &entry.room, (user, &rooms))
                || stream.knows(&self.cursors, user, entry)
            {
                continue;
            }
            if !stream.is_for_nobody() && !hears(&self.acquaintances, user, entry) {
                (last, left) = (cursor, left - 1);
                continue;
            }
            if room == 0 {
                break;
            }
            room = room.saturating_sub(events::cost(entry));
            let view = (now.mono, &self.nodes, &self.me);
            match shown {
                Shown::Opened(opened) => {
                    let (at, own) = ((cursor, entry), opened.is_from(user));
                    events.extend(self.mail.event(&mut self.env, view, at, own));
                    letters.push((cursor, entry.node));
                }
                Shown::Plain | Shown::Closed => events.extend(events::message(view, cursor, entry)),
            }
            (last, left) = (cursor, left - 1);
        }
        let over = left == 0;
        (stream.last, stream.pending) = (last, left);
        stream.next = (!over).then_some(last + 1);
        if over && core::mem::take(&mut stream.replaying) {
            events.push(Event::CaughtUp { cursor: self.history.newest() });
        }
        self.sessions.add(at.0, may_send - room);
        let outputs = events
            .into_iter()
            .map(|event| Output::Event { streams: [at].into(), event: Box::new(event) });
        self.out.extend(outputs);
        for (cursor, node) in letters {
            self.letter_read(now, cursor, node, user);
        }
        over
    }

    /// How many messages from `from` on a stream is still to get.
    fn held_for(&self, stream: &Stream, reader: (&str, &[RoomName]), from: u64) -> u64 {
        let entries = self.history.from(from).filter(|(cursor, entry)| {
            self.is_wanted(stream, reader, *cursor, entry)
                && !stream.knows(&self.cursors, reader.0, entry)
        });
        entries.count() as u64
    }

    fn is_wanted(
        &self,
        stream: &Stream,
        reader: (&str, &[RoomName]),
        cursor: u64,
        entry: &Entry,
    ) -> bool {
        stream.wants(self.mail.shown(cursor, entry), &entry.room, reader)
    }

    /// What a stream missed for good, given how much of what it waits for is still held.
    fn missed(&mut self, stream: &mut Stream, held: u64) -> Option<Event> {
        let changes = core::mem::take(&mut stream.changes_missed);
        let messages = stream.pending.saturating_sub(held);
        let gap = stream.gap.take();
        if messages == 0 && changes == 0 && gap.is_none() {
            return None;
        }
        let why = gap.unwrap_or_default();
        self.counters.drop(Drop::ClientMissed, messages);
        Some(Event::Missed(Missed { messages, changes, cursor: stream.last, why }))
    }

    /// Puts a new stream behind what its cursor has confirmed, or where its client wants to start.
    fn place_at_cursor(&mut self, now: Mono, user: &str, start: Start, stream: &mut Stream) {
        let Some(name) = stream.cursor.clone() else {
            return self.place(now, user, start, stream);
        };
        let Some(Resume { upto, torn }) = self.cursors.resume(user, &name) else {
            self.place(now, user, start, stream);
            return self.make_cursor(user, &name, stream.last);
        };
        self.place(now, user, Start::After(upto), stream);
        let rooms = self.people.rooms_of(user);
        let held = self.held_for(stream, (user, &rooms), upto.saturating_add(1));
        let lost = stream.pending > held;
        let kept = self.me.history == HistoryMode::Disk;
        stream.gap = match (kept, self.cursors.is_before(upto) && lost, torn) {
            (false, true, _) | (false, _, true) => Some(MissedWhy::Restart),
            (_, _, _) => lost.then_some(MissedWhy::History),
        };
    }

    /// Puts a new stream where its client wants to start.
    fn place(&self, now: Mono, user: &str, start: Start, stream: &mut Stream) {
        let rooms = self.people.rooms_of(user);
        let reader = (user, rooms.as_slice());
        let held = self.history.from(0);
        let mut held = held.filter(|(at, entry)| {
            self.is_wanted(stream, reader, *at, entry)
                && (stream.is_for_nobody() || hears(&self.acquaintances, user, entry))
        });
        let first = match start {
            Start::Now => None,
            Start::Last(count) => held.rev().take(count as usize).last(),
            Start::Since(ms) => {
                let span = core::time::Duration::from_millis(ms);
                held.find(|(_, entry)| now.since(entry.at) <= span)
            }
            Start::After(_) => None,
        };
        let first = match start {
            Start::After(cursor) => cursor.saturating_add(1),
            Start::Now | Start::Last(_) | Start::Since(_) => match first {
                Some((cursor, _)) => cursor,
                None => return,
            },
        };
        let held = self.history.from(first).count() as u64;
        let wanted = self.held_for(stream, reader, first);
        let mut lost = 0;
        if let Start::After(cursor) = start {
            // What history has lost of these may have been of other rooms: at most so many.
            let used = self.cursors.used_between(cursor, self.history.newest());
            lost = used.saturating_sub(held);
        }
        (stream.next, stream.pending, stream.last) = (Some(first), wanted + lost, first - 1);
    }
}
