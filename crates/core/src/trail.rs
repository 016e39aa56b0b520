//! The way of one message: each node on it is asked when it came and from whom, from here back
//! to its origin.
//!
//! A node knows its own running clock only. It tells how long ago the message came; half the
//! time that the question took is how wrong that may be here.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::codec;
use meshchat_proto::control::{
    Error, ErrorCode, Hop, Reply, TrailCopy, TrailFacts, TrailHop, TrailInfo,
};
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::holding::{Footprint, Trail};
use meshchat_proto::id::NodeId;
use meshchat_proto::limits::HOPS;

use crate::delivery::Found;
use crate::dial::Carrier;
use crate::env::Env;
use crate::io::{LinkId, SessionId};
use crate::limits;
use crate::node::Node;
use crate::seen::Origin;
use crate::status::Drop;
use crate::time::{Mono, Now};

/// The longest wait for one node.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Ways that are being asked for, by the token of the question under way.
#[derive(Debug, Default)]
pub(crate) struct Trails {
    map: BTreeMap<u64, Search>,
}

#[derive(Debug)]
struct Search {
    session: SessionId,
    id: u64,
    message: Found,
    /// What is known, from here back.
    steps: Vec<Step>,
    asked: NodeId,
    at: Mono,
    until: Mono,
    patience: Duration,
    gap: bool,
}

#[derive(Debug)]
struct Step {
    node: NodeId,
    told: Option<Footprint>,
    /// When the message came there, in microseconds of this node's running clock, and how wrong
    /// that may be.
    came: i64,
    give: u64,
}

impl Trails {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn due(&self) -> Option<Mono> {
        self.map.values().map(|search| search.until).min()
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn trace_message(
        &mut self,
        now: Now,
        (session, id): (SessionId, u64),
        message: Found,
        timeout_ms: u32,
    ) -> Result<(), Error> {
        if self.trails.len() >= limits::TRAILS {
            return Err(Error::new(ErrorCode::TooMany, "too many messages are being traced"));
        }
        let own = self.footprint(now.mono, &message.origin, message.seq);
        if !own.known {
            let words = "this message came too long ago: only of the newest it is known how";
            return Err(Error::new(ErrorCode::NotFound, words));
        }
        let search = Search {
            session,
            id,
            message,
            steps: Vec::new(),
            asked: self.me.id,
            at: now.mono,
            until: now.mono,
            patience: Duration::from_millis(timeout_ms.into()).min(LONGEST_WAIT),
            gap: false,
        };
        self.trail_step(now, search, Some(own));
        Ok(())
    }

    pub(crate) fn on_trail(&mut self, now: Now, link: LinkId, frame: &Frame) {
        let Ok(mut trail) = codec::decode::<Trail>(&frame.body) else {
            return self.bad_peer(now, link, "an unreadable question for a trail");
        };
        if !self.roster.admits(&trail.from) || !self.roster.admits(&trail.to) {
            return self.counters.drop(Drop::NotMember, 1);
        }
        if trail.answer.is_some() && trail.from == self.me.id {
            let asked = self.trails.map.get(&trail.token).map(|search| search.asked);
            if asked != Some(trail.to) {
                return;
            }
            if let Some(search) = self.trails.map.remove(&trail.token) {
                self.trail_step(now, search, trail.answer);
            }
            return;
        }
        if !self.echoes.may_pass(now.mono) {
            return self.counters.drop(Drop::EchoRate, 1);
        }
        let mut hops = frame.hops;
        if trail.answer.is_none() && trail.to == self.me.id {
            let origin = (trail.node, trail.boot);
            trail.answer = Some(self.footprint(now.mono, &origin, trail.seq));
            hops = HOPS;
        }
        let Some(hops) = hops.checked_sub(1) else {
            return self.counters.drop(Drop::HopsUsedUp, 1);
        };
        if !self.forward_trail(&trail, hops) {
            self.counters.drop(Drop::NoPath, 1);
        }
    }

    /// Gives up on nodes that have not answered in time.
    pub(crate) fn tick_trails(&mut self, now: Now) {
        let late = self.trails.map.iter().filter(|(_, search)| search.until <= now.mono);
        for token in late.map(|(token, _)| *token).collect::<Vec<_>>() {
            if let Some(search) = self.trails.map.remove(&token) {
                self.trail_step(now, search, None);
            }
        }
    }

    /// Takes in the answer of the node asked, or that there is none, and asks the one before.
    fn trail_step(&mut self, now: Now, mut search: Search, mut answer: Option<Footprint>) {
        loop {
            search.note(now.mono, answer.filter(|told| told.known));
            let Some(next) = search.next() else { return self.trail_end(&search) };
            let token = self.env.random();
            let message = &search.message;
            let trail = Trail {
                from: self.me.id,
                to: next,
                token,
                node: message.origin.0,
                boot: message.origin.1,
                seq: message.seq,
                answer: None,
            };
            (search.asked, search.at) = (next, now.mono);
            if self.forward_trail(&trail, HOPS) {
                search.until = now.mono + search.patience;
                self.trails.map.insert(token, search);
                return;
            }
            answer = None;
        }
    }

    fn trail_end(&mut self, search: &Search) {
        let mut hops: Vec<TrailHop> = Vec::new();
        let mut before: Option<&Step> = None;
        for step in search.steps.iter().rev() {
            let pair = before.filter(|before| before.told.is_some() && step.told.is_some());
            hops.push(TrailHop {
                node: step.node,
                name: self.nodes.name(&step.node),
                told: step.told.as_ref().map(facts),
                after_us: pair.map(|before| step.came.saturating_sub(before.came)),
                give_us: pair.map_or(0, |before| before.give.saturating_add(step.give)),
            });
            before = Some(step);
        }
        let message = &search.message;
        let arrival = self.arrivals.find(&message.origin, message.seq).map(|(_, row)| row);
        let copies = arrival.iter().flat_map(|row| {
            row.copies_of(message.seq).filter_map(|copy| {
                let node = self.arrivals.way(copy.from)?.peer;
                let after_us = micros(copy.at.since(row.at));
                Some(TrailCopy { node, name: self.nodes.name(&node), after_us })
            })
        });
        let passed = arrival.iter().flat_map(|row| &row.passed);
        let passed = passed.filter_map(|link| self.arrivals.way(*link)).map(|way| way.peer);
        let info = TrailInfo {
            id: message.id,
            seq: message.seq,
            late: message.late,
            copies: copies.collect(),
            passed: passed.map(|node| Hop { node, name: self.nodes.name(&node) }).collect(),
            complete: !search.gap && hops.iter().all(|hop| hop.told.is_some()),
            hops,
        };
        self.reply(search.session, search.id, Ok(Reply::Trail(info)));
    }

    /// What this node knows of how a message came to it.
    fn footprint(&self, now: Mono, origin: &Origin, seq: u64) -> Footprint {
        let Some((_, row)) = self.arrivals.find(origin, seq) else { return Footprint::default() };
        let way = row.from.and_then(|link| self.arrivals.way(link));
        let link = way.and_then(|way| self.links.live_to(&way.peer));
        let rtt = link.and_then(|link| self.links.get(link)).and_then(|link| link.heart.rtt());
        Footprint {
            // Without knowing whom it came from there is nothing to tell.
            known: way.is_some() || row.from.is_none(),
            age: micros(now.since(row.at)),
            via: way.map(|way| way.peer),
            hops: row.hops,
            caught_up: row.caught_up,
            tcp: way.is_some_and(|way| way.carrier == Carrier::Tcp),
            rtt: rtt.map_or(0, micros),
            copies: u32::try_from(row.copies_of(seq).count()).unwrap_or(u32::MAX),
            passed: u32::try_from(row.passed.len()).unwrap_or(u32::MAX),
        }
    }

    fn forward_trail(&mut self, trail: &Trail, hops: u8) -> bool {
        let target = if trail.answer.is_some() { &trail.from } else { &trail.to };
        let Some(link) = self.first_link_to(target) else { return false };
        let frame = frame::encode(Kind::Trail, hops, &codec::encode(trail));
        self.send_all([link].into(), frame, true);
        true
    }
}

impl Search {
    fn note(&mut self, now: Mono, told: Option<Footprint>) {
        let give = micros(now.since(self.at) / 2);
        let age = told.as_ref().map_or(0, |told| told.age);
        let asked = self.at.as_micros().saturating_add(give);
        let came = signed(asked).saturating_sub(signed(age));
        self.steps.push(Step { node: self.asked, told, came, give });
    }

    /// Whom to ask next; none at the end of the way, or where it turns in circles.
    fn next(&mut self) -> Option<NodeId> {
        let origin = self.message.origin.0;
        let last = self.steps.last()?;
        let next = match &last.told {
            // Not over a link: a gateway brought it here.
            Some(told) if told.via.is_none() && last.node != origin => {
                self.gap = true;
                None
            }
            Some(told) => told.via,
            None if last.node == origin => None,
            None => {
                self.gap = true;
                Some(origin)
            }
        }?;
        let circle = self.steps.iter().any(|step| step.node == next);
        self.gap |= circle;
        (!circle && self.steps.len() < usize::from(HOPS)).then_some(next)
    }
}

fn facts(told: &Footprint) -> TrailFacts {
    let carrier = match (told.via, told.tcp) {
        (None, _) => "",
        (Some(_), true) => "tcp",
        (Some(_), false) => "quic",
    };
    TrailFacts {
        age_us: told.age,
        carrier: String::from(carrier),
        caught_up: told.caught_up,
        hops: told.hops,
        link_us: (told.rtt > 0).then_some(told.rtt / 2),
        copies: told.copies,
        passed: told.passed,
    }
}

fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

fn signed(micros: u64) -> i64 {
    i64::try_from(micros).unwrap_or(i64::MAX)
}
