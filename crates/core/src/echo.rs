//! Questions to one node, over the shortest path and back.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::codec;
use meshchat_proto::control::{Error, ErrorCode, Hop, Pong, Reply};
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::id::NodeId;
use meshchat_proto::limits::{ECHO_PATH, HOPS};
use meshchat_proto::peer::Echo;

use crate::env::Env;
use crate::io::{LinkId, SessionId};
use crate::limits;
use crate::node::Node;
use crate::status::Drop;
use crate::time::{Mono, Now};

/// Questions under way, and how many were passed on in this second.
#[derive(Debug, Default)]
pub(crate) struct Echoes {
    pings: BTreeMap<u64, Ping>,
    second: Mono,
    passed: u32,
}

#[derive(Debug)]
struct Ping {
    session: SessionId,
    id: u64,
    node: NodeId,
    at: Mono,
    until: Mono,
}

impl Echoes {
    pub(crate) fn len(&self) -> usize {
        self.pings.len()
    }

    pub(crate) fn due(&self) -> Option<Mono> {
        self.pings.values().map(|ping| ping.until).min()
    }

    pub(crate) fn may_pass(&mut self, now: Mono) -> bool {
        if now.since(self.second) >= Duration::from_secs(1) {
            (self.second, self.passed) = (now, 0);
        }
        self.passed += 1;
        self.passed <= limits::ECHOES_PER_SECOND
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn ping(&mut self, now: Now, at: (SessionId, u64), node: NodeId, timeout: Duration) {
        let (session, id) = at;
        if node == self.me.id {
            let pong = Pong { node, name: self.me.name.clone(), rtt_us: 0, path: Vec::new() };
            return self.reply(session, id, Ok(Reply::Pong(pong)));
        }
        if self.echoes.pings.len() >= limits::PINGS {
            let error = Error::new(ErrorCode::TooMany, "too many pings are under way");
            return self.reply(session, id, Err(error));
        }
        let token = self.env.random();
        let echo = Echo { from: self.me.id, to: node, token, answer: false, path: Vec::new() };
        if !self.forward_echo(&echo, HOPS) {
            let name = self.nodes.name(&node);
            let error = Error::new(ErrorCode::Unreachable, format!("no path leads to {name} now"))
                .hint("see which nodes are reachable: meshchatctl nodes");
            return self.reply(session, id, Err(error));
        }
        let ping = Ping { session, id, node, at: now.mono, until: now.mono + timeout };
        self.echoes.pings.insert(token, ping);
    }

    pub(crate) fn on_echo(&mut self, now: Now, link: LinkId, frame: &Frame) {
        let Ok(mut echo) = codec::decode::<Echo>(&frame.body) else {
            return self.bad_peer(now, link, "an unreadable echo");
        };
        if !self.roster.admits(&echo.from) || !self.roster.admits(&echo.to) {
            return self.counters.drop(Drop::NotMember, 1);
        }
        if echo.answer && echo.from == self.me.id {
            return self.on_pong(now, echo);
        }
        if !self.echoes.may_pass(now.mono) {
            return self.counters.drop(Drop::EchoRate, 1);
        }
        let mut hops = frame.hops;
        if !echo.answer {
            if echo.path.len() == ECHO_PATH {
                return self.counters.drop(Drop::HopsUsedUp, 1);
            }
            echo.path.push(self.me.id);
            if echo.to == self.me.id {
                (echo.answer, hops) = (true, HOPS);
            }
        }
        let Some(hops) = hops.checked_sub(1) else {
            return self.counters.drop(Drop::HopsUsedUp, 1);
        };
        if !self.forward_echo(&echo, hops) {
            self.counters.drop(Drop::NoPath, 1);
        }
    }

    /// Fails the pings that nobody answered in time.
    pub(crate) fn tick_pings(&mut self, now: Now) {
        let late = self.echoes.pings.iter().filter(|(_, ping)| ping.until <= now.mono);
        for token in late.map(|(token, _)| *token).collect::<Vec<_>>() {
            let Some(ping) = self.echoes.pings.remove(&token) else { continue };
            let name = self.nodes.name(&ping.node);
            let error = Error::new(ErrorCode::TimedOut, format!("{name} did not answer in time"));
            self.reply(ping.session, ping.id, Err(error));
        }
    }

    fn on_pong(&mut self, now: Now, echo: Echo) {
        let Some(ping) = self.echoes.pings.remove(&echo.token) else { return };
        let rtt = now.mono.since(ping.at).as_micros();
        let hop = |node: &NodeId| Hop { node: *node, name: self.nodes.name(node) };
        let pong = Pong {
            node: ping.node,
            name: self.nodes.name(&ping.node),
            rtt_us: u64::try_from(rtt).unwrap_or(u64::MAX),
            path: echo.path.iter().map(hop).collect(),
        };
        self.reply(ping.session, ping.id, Ok(Reply::Pong(pong)));
    }

    /// Sends an echo one link further. `false` when there is no path.
    fn forward_echo(&mut self, echo: &Echo, hops: u8) -> bool {
        let target = if echo.answer { &echo.from } else { &echo.to };
        let Some(link) = self.first_link_to(target) else { return false };
        self.send_all([link].into(), frame::encode(Kind::Echo, hops, &codec::encode(echo)), true);
        true
    }

    /// The link that the shortest path to a node begins with.
    pub(crate) fn first_link_to(&self, node: &NodeId) -> Option<LinkId> {
        let first = self.nodes.get(node).and_then(|known| known.path)?.first;
        self.links.live_to(&first)
    }
}
