//! Messages on their way to and from nodes that no link leads to: a gateway carries them.
//!
//! To the node a gateway is one more neighbour, of whom it knows nothing: what it brings is
//! checked like what comes over a link and flooded on, and what comes from elsewhere is given to
//! it. It has no record, is not asked to catch up, and its word on what is gone counts for nothing.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use meshchat_proto::control::{
    Error, ErrorCode, Event, Injected, Missed, MissedWhy, RelayRequest, Relayed, Reply,
};
use meshchat_proto::frame::{Frame, Kind};
use meshchat_proto::id::MessageId;
use meshchat_proto::limits::{HOPS, RELAY_RECENT};
use meshchat_proto::message::lone_message;
use serde_bytes::ByteBuf;

use crate::env::Env;
use crate::events::OVERHEAD;
use crate::io::{LinkId, Output, SessionId};
use crate::limits;
use crate::node::Node;
use crate::replies::narrow;
use crate::status::Drop;
use crate::time::{Mono, Now};

/// Where a message comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Came {
    /// From this node.
    Here,
    /// Over a link.
    Over(LinkId),
    /// From the gateway of this session.
    Relayed(SessionId),
}

/// Streams of gateways, each with how many messages it has missed and was not told of.
#[derive(Debug, Default)]
pub(crate) struct Relays {
    map: BTreeMap<(SessionId, u64), u64>,
    /// What was forged of what each session brought: since when, and how many.
    forged: BTreeMap<SessionId, (Mono, u32)>,
}

impl Came {
    pub(crate) const fn link(self) -> Option<LinkId> {
        match self {
            Self::Over(link) => Some(link),
            Self::Here | Self::Relayed(_) => None,
        }
    }
}

impl Relays {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    /// A session has ended.
    pub(crate) fn forget(&mut self, session: SessionId) {
        self.map.retain(|(of, _), _| *of != session);
        self.forged.remove(&session);
    }

    /// Notes a frame that could not be believed; to find that out took time.
    fn note_forged(&mut self, now: Mono, session: SessionId) {
        let (since, count) = self.forged.entry(session).or_insert((now, 0));
        if now.since(*since) >= FORGED_SPAN {
            (*since, *count) = (now, 0);
        }
        *count = count.saturating_add(1);
    }

    /// Whether a session has brought so many that no more of it are looked at for now.
    fn is_suspect(&self, now: Mono, session: SessionId) -> bool {
        let forged = self.forged.get(&session);
        forged.is_some_and(|(since, count)| {
            now.since(*since) < FORGED_SPAN && *count >= limits::RELAY_FORGED
        })
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn on_relay_request(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        request: RelayRequest,
    ) -> Result<Option<Reply>, Error> {
        match request {
            RelayRequest::Watch { since_ms } => self.watch_messages(now, at, since_ms),
            RelayRequest::Inject { frames } => {
                Ok(Some(Reply::Injected(self.inject(now, at.0, frames))))
            }
        }
    }

    /// Ends a stream. Returns whether there was one.
    pub(crate) fn stop_relaying(&mut self, session: SessionId, id: u64) -> bool {
        let found = self.relays.map.remove(&(session, id)).is_some();
        if found {
            self.out.push_back(Output::End { session, id });
        }
        found
    }

    /// Gives messages that were just taken in to all gateways but the one that they came by.
    pub(crate) fn relay(&mut self, came: Came, frames: Vec<(MessageId, Vec<u8>)>) {
        let others = self.relays.map.keys().copied();
        let others = others.filter(|(session, _)| came != Came::Relayed(*session));
        let others: Vec<_> = others.collect();
        if others.is_empty() {
            return;
        }
        for (id, frame) in frames {
            let room = |at: &&(SessionId, u64)| self.sessions.room(at.0) > 0;
            let streams: Vec<_> = others.iter().filter(room).copied().collect();
            self.tell_missed(&others, &streams);
            if streams.is_empty() {
                continue;
            }
            self.sessions.charge(&streams, OVERHEAD + frame.len());
            let relayed = Relayed { id, frame: ByteBuf::from(frame) };
            let event = Box::new(Event::Relayed(relayed));
            self.out.push_back(Output::Event { streams, event });
        }
    }

    fn watch_messages(
        &mut self,
        now: Now,
        at: (SessionId, u64),
        since_ms: u64,
    ) -> Result<Option<Reply>, Error> {
        if self.relays.len() >= limits::RELAYS || self.relays.map.contains_key(&at) {
            let words = "too many gateways carry messages on from here";
            return Err(Error::new(ErrorCode::TooMany, words).hint("stop one of them"));
        }
        self.relays.map.insert(at, 0);
        self.reply(at.0, at.1, Ok(Reply::Done {}));
        let span = core::time::Duration::from_millis(since_ms);
        let recent = self.history.iter().rev();
        let recent = recent.take_while(|entry| now.mono.since(entry.at) < span);
        let lone = |entry: &crate::history::Entry| {
            let place = entry.proof.place(entry.index);
            (entry.id, lone_message(&entry.proof.sig, &entry.body, place))
        };
        let mut frames: Vec<_> = recent.take(RELAY_RECENT).map(lone).collect();
        frames.reverse();
        for (id, frame) in frames {
            self.sessions.charge(&[at], OVERHEAD + frame.len());
            let relayed = Relayed { id, frame: ByteBuf::from(frame) };
            let event = Box::new(Event::Relayed(relayed));
            self.out.push_back(Output::Event { streams: [at].into(), event });
        }
        Ok(None)
    }

    fn inject(&mut self, now: Now, session: SessionId, frames: Vec<ByteBuf>) -> Injected {
        let mut injected = Injected::default();
        for (place, body) in frames.into_iter().enumerate() {
            if self.relays.is_suspect(now.mono, session) {
                injected.later.push(narrow(place));
                continue;
            }
            let body = Bytes::from(body.into_vec());
            let frame = Frame { kind: Kind::Chat, hops: HOPS, old: false, body };
            let Ok(intake) = self.on_batch(now, Came::Relayed(session), &frame) else {
                self.counters.drop(Drop::BadFrame, 1);
                self.relays.note_forged(now.mono, session);
                refuse(&mut injected, place);
                continue;
            };
            injected.taken += u32::from(!intake.admitted.is_empty());
            let known = intake.admitted.is_empty() && !intake.refused && !intake.put_off;
            injected.known += u32::from(known);
            if intake.refused {
                refuse(&mut injected, place);
            }
            if intake.put_off {
                injected.later.push(narrow(place));
            }
        }
        injected
    }

    /// Counts a message that some streams have no room for, and tells the others what they have
    /// missed before.
    fn tell_missed(&mut self, all: &[(SessionId, u64)], fitting: &[(SessionId, u64)]) {
        for at in all {
            let Some(missed) = self.relays.map.get_mut(at) else { continue };
            if !fitting.contains(at) {
                *missed += 1;
                self.counters.drop(Drop::ClientMissed, 1);
            } else if *missed > 0 {
                let messages = core::mem::take(missed);
                let cursor = self.history.newest();
                let missed = Missed { messages, changes: 0, cursor, why: MissedWhy::default() };
                let event = Box::new(Event::Missed(missed));
                self.out.push_back(Output::Event { streams: [*at].into(), event });
            }
        }
    }
}

/// The time in which a session may bring [`limits::RELAY_FORGED`].
const FORGED_SPAN: core::time::Duration = core::time::Duration::from_secs(1);

fn refuse(injected: &mut Injected, place: usize) {
    injected.refused += 1;
    injected.refused_at.push(narrow(place));
}
