//! Local clients: who they are, which streams they have, and how much is on its way to them.

use alloc::collections::BTreeMap;
use alloc::string::String;

use crate::env::Env;
use crate::io::SessionId;
use crate::limits;
use crate::node::Node;
use crate::streams::Stream;
use crate::time::Now;

/// One client.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) streams: BTreeMap<u64, Stream>,
    /// Estimated bytes on their way to it.
    pub(crate) queued: usize,
}

/// All clients, and what is on its way to them.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    map: BTreeMap<SessionId, Session>,
    queued: usize,
}

impl Sessions {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn streams(&self) -> usize {
        self.map.values().map(|session| session.streams.len()).sum()
    }

    /// Whether somebody reads along with a cursor.
    pub(crate) fn has_cursor(&self, user: &str, name: &str) -> bool {
        let own = self.map.values().filter(|session| session.user == user);
        own.flat_map(|session| session.streams.values()).any(|stream| stream.reads_with(name))
    }

    pub(crate) fn get(&self, session: SessionId) -> Option<&Session> {
        self.map.get(&session)
    }

    pub(crate) fn get_mut(&mut self, session: SessionId) -> Option<&mut Session> {
        self.map.get_mut(&session)
    }

    /// Gives each client to `visit`, together with the bytes that may be on their way to it
    /// (after Choudhury and Hahne, Dynamic queue length thresholds, 1998).
    pub(crate) fn visit(&mut self, mut visit: impl FnMut(SessionId, &mut Session, usize)) {
        let most = self.most();
        for (id, session) in &mut self.map {
            let before = session.queued;
            visit(*id, session, most);
            self.queued += session.queued - before;
        }
    }

    /// Notes that so many bytes are on their way to each of these streams.
    pub(crate) fn charge(&mut self, streams: &[(SessionId, u64)], bytes: usize) {
        for (session, _) in streams {
            self.add(*session, bytes);
        }
    }

    /// Whether a user has a session.
    pub(crate) fn is_open_for(&self, user: &str) -> bool {
        self.map.values().any(|session| session.user == user)
    }

    /// The session is that of somebody else from now on.
    pub(crate) fn rename(&mut self, session: SessionId, user: String) {
        if let Some(state) = self.map.get_mut(&session) {
            state.user = user;
        }
    }

    /// Bytes that may still be sent to a client.
    pub(crate) fn room(&self, session: SessionId) -> usize {
        self.get(session).map_or(0, |state| self.most().saturating_sub(state.queued))
    }

    /// Notes that so many bytes are on their way to a client.
    pub(crate) fn add(&mut self, session: SessionId, bytes: usize) {
        if let Some(state) = self.map.get_mut(&session) {
            state.queued += bytes;
            self.queued += bytes;
        }
    }

    fn drained(&mut self, session: SessionId) {
        if let Some(state) = self.map.get_mut(&session) {
            self.queued -= core::mem::take(&mut state.queued);
        }
    }

    fn most(&self) -> usize {
        let free = limits::CLIENT_BYTES.saturating_sub(self.queued);
        (free / 2).max(limits::CLIENT_BYTES_LEAST)
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn on_session_up(&mut self, session: SessionId, user: String) {
        let state = Session { user, streams: BTreeMap::new(), queued: 0 };
        self.sessions.map.insert(session, state);
    }

    pub(crate) fn on_session_down(&mut self, now: Now, session: SessionId) {
        self.sessions.drained(session);
        self.deliveries.cancel(session, None);
        let Some(state) = self.sessions.map.remove(&session) else { return };
        for _ in state.streams.values().filter(|stream| stream.is_reading()) {
            self.stop_reading(now, &state.user);
        }
        self.doors.forget(session);
        self.relays.forget(session);
        let last = !self.sessions.is_open_for(&state.user);
        if last && self.people.forget_gateway(&state.user) {
            self.acquaintances.unmute(&state.user, |_| true);
            self.record_changed(now);
        }
    }

    pub(crate) fn on_session_drained(&mut self, now: Now, session: SessionId) {
        self.sessions.drained(session);
        self.pump(now, session);
    }

    /// A user begins to read along; false when too many people are here.
    pub(crate) fn start_reading(&mut self, now: Now, user: &str) -> bool {
        let Some(person) = self.people.person(user) else { return false };
        if person.begin_reading() {
            self.record_changed(now);
        }
        true
    }

    pub(crate) fn stop_reading(&mut self, now: Now, user: &str) {
        if self.people.get(user).is_none() {
            return;
        }
        let Some(person) = self.people.person(user) else { return };
        person.reading = person.reading.saturating_sub(1);
        if person.reading == 0 {
            self.record_changed(now);
        }
    }
}
