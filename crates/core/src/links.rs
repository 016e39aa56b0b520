//! The link table and its liveness.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::SocketAddr;
use core::time::Duration;

use meshchat_proto::address::Address;
use meshchat_proto::codec;
use meshchat_proto::frame::Kind;
use meshchat_proto::id::NodeId;
use meshchat_proto::name::NodeName;
use meshchat_proto::peer::{Goodbye, GoodbyeReason, Heartbeat, Hello};

use crate::dial::Carrier;
use crate::door::Door;
use crate::env::Env;
use crate::heartbeat::{Heart, Pulse};
use crate::io::{Level, LinkId, Note, Output};
use crate::limits;
use crate::node::Node;
use crate::nodes::{Flap, Known};
use crate::restart::Between;
use crate::roam::Redial;
use crate::status::Drop;
use crate::sync::{Asking, Futile};
use crate::time::{Mono, Now};

/// Chat waits at most this long for a link that does not move, before it is left behind.
const GATE: Duration = Duration::from_millis(500);

/// One link.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) peer: NodeId,
    pub(crate) dialled: bool,
    /// An operator or the configuration wants it.
    pub(crate) named: bool,
    pub(crate) near: bool,
    pub(crate) remote: SocketAddr,
    pub(crate) address: String,
    pub(crate) carrier: Carrier,
    pub(crate) door: Door,
    /// Greeting until the other side's hello came.
    pub(crate) hello: Option<Hello>,
    /// Which of the dialling side's links this is.
    pub(crate) dial: u64,
    /// Its dialler said that earlier links serve it no more.
    pub(crate) anew: bool,
    /// Where the peer sees us.
    pub(crate) observed: Option<Address>,
    /// How often it may say so anew.
    pub(crate) observing: Flap,
    /// How often it may have us try to reach it.
    pub(crate) probing: Flap,
    /// Its clock less ours when it greeted, in milliseconds.
    pub(crate) clock_offset_ms: i64,
    pub(crate) since: Mono,
    pub(crate) heart: Heart,
    pub(crate) half_since: Option<Mono>,
    pub(crate) behind: bool,
    pub(crate) asking: Asking,
    pub(crate) compared: Compared,
    pub(crate) redial: Redial,
}

/// Fingerprints of the last two heartbeats that differed from ours.
#[derive(Debug, Default)]
pub(crate) struct Compared {
    /// Heartbeats in a row with other messages than ours.
    pub(crate) seen_differs: u32,
    /// Heartbeats in a row with other records than ours.
    pub(crate) nodes_differ: u32,
    /// Their and our fingerprint of messages at the last heartbeat.
    pub(crate) seen: (u64, u64),
    /// Heartbeats in a row with another roster than ours.
    pub(crate) roster_differs: u32,
    /// Rosters between which an exchange has changed nothing.
    pub(crate) roster_futile: Futile,
    /// Statements of unknown signers that it brought.
    pub(crate) roster_odd: u32,
    /// How often it was answered what it lacks, and since when that is counted.
    roster_lists: (u32, Mono),
    /// Fingerprints of records between which an exchange has changed nothing.
    pub(crate) nodes_futile: Futile,
}

/// All links.
#[derive(Debug, Default)]
pub(crate) struct Links {
    map: BTreeMap<LinkId, Link>,
    dials: u64,
    /// Peers without a link that are neighbours still.
    pub(crate) between: Between,
    /// Nodes whose key two machines use, as far as is known.
    pub(crate) doubled: BTreeSet<NodeId>,
}

/// What a caller shows of a link.
#[derive(Debug, Clone)]
pub struct LinkInfo {
    /// The link.
    pub link: LinkId,
    /// Who is there.
    pub peer: NodeId,
    /// What it is called, once it greeted.
    pub name: Option<NodeName>,
    /// The address.
    pub address: String,
    /// We dialled.
    pub dialled: bool,
    /// Both sides have greeted.
    pub live: bool,
    /// What carries it.
    pub carrier: Carrier,
    /// How long it has been so.
    pub since: Duration,
    /// It is on a directly connected subnet.
    pub near: bool,
    /// Where the peer sees this node.
    pub observed: Option<Address>,
    /// Its clock less ours when it greeted, in milliseconds.
    pub clock_offset_ms: i64,
    /// Round-trip time.
    pub rtt: Option<Duration>,
    /// Its queue was full; it gets the rest through catch-up.
    pub behind: bool,
}

impl Links {
    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn get(&self, link: LinkId) -> Option<&Link> {
        self.map.get(&link)
    }

    pub(crate) fn get_mut(&mut self, link: LinkId) -> Option<&mut Link> {
        self.map.get_mut(&link)
    }

    pub(crate) fn insert(&mut self, id: LinkId, link: Link) {
        self.map.insert(id, link);
    }

    /// The nodes at the other end of live links, and those that are between two links.
    pub(crate) fn neighbours(&self) -> BTreeSet<NodeId> {
        let live = self.live().map(|(_, link)| link.peer);
        live.chain(self.between.nodes()).collect()
    }

    /// The number of another link that this side dialled.
    pub(crate) fn count_dial(&mut self) -> u64 {
        self.dials += 1;
        self.dials
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.map.iter().map(|(id, link)| (*id, link))
    }

    /// Links that both sides have greeted on.
    pub(crate) fn live(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        self.iter().filter(|(_, link)| link.hello.is_some())
    }

    pub(crate) fn live_to(&self, peer: &NodeId) -> Option<LinkId> {
        self.live().find(|(_, link)| link.peer == *peer).map(|(id, _)| id)
    }

    /// The oldest link of those that others dialled and that still greet, when there are many.
    pub(crate) fn overdue(&self) -> Option<LinkId> {
        let greeting = || self.iter().filter(|(_, link)| !link.dialled && link.hello.is_none());
        if greeting().count() < limits::GREETINGS {
            return None;
        }
        greeting().min_by_key(|(id, link)| (link.since, *id)).map(|(id, _)| id)
    }

    /// The soonest thing to do for a link.
    pub(crate) fn due(&self) -> Option<Mono> {
        let links = self.map.values().map(Link::due).chain(self.between.due());
        links.min()
    }

    /// Links that are merely slow: whoever sends should wait for them.
    pub(crate) fn busy(&self, now: Mono) -> impl Iterator<Item = LinkId> {
        let busy = move |link: &Link| {
            !link.behind && link.half_since.is_some_and(|since| now.since(since) < GATE)
        };
        self.iter().filter(move |(_, link)| busy(link)).map(|(id, _)| id)
    }
}

impl Compared {
    /// Whether the other side is answered once more what it lacks of the roster.
    pub(crate) fn may_list(&mut self, now: Mono) -> bool {
        let (count, since) = self.roster_lists;
        let anew = now.since(since) >= limits::ROSTER_LISTS_TIME;
        self.roster_lists = if anew { (1, now) } else { (count.saturating_add(1), since) };
        self.roster_lists.0 <= limits::ROSTER_LISTS
    }
}

impl Link {
    fn due(&self) -> Mono {
        if self.hello.is_none() {
            return self.since + limits::GREETING;
        }
        let asking = self.asking.due();
        asking.map_or(self.heart.due(), |due| due.min(self.heart.due()))
    }

    /// Whether the peer greeted in a newer run than the one whose record is known.
    pub(crate) fn outdates(&self, known: &Known) -> bool {
        self.hello.as_ref().is_some_and(|hello| known.record.boot < hello.boot)
    }

    /// How long it stands without a further word from the peer.
    pub(crate) fn time_left(&self, now: Mono) -> Duration {
        self.heart.dead_at().since(now)
    }

    fn pulse_pace(&self, me: &NodeId, our_links: u16, their_links: u16) -> bool {
        (our_links, self.peer) > (their_links, *me)
    }
}

impl<E: Env> Node<E> {
    pub(crate) fn on_goodbye(&mut self, now: Now, link: LinkId, goodbye: Goodbye) {
        self.out.push_back(Output::CloseLink { link, reason: goodbye.reason, by_peer: true });
        let peer = self.links.get(link).map(|state| state.peer);
        let other = |(id, state): (LinkId, &Link)| id != link && Some(state.peer) == peer;
        if goodbye.reason == GoodbyeReason::Duplicate && self.links.iter().any(other) {
            self.links.between.extend(peer.map(|peer| (peer, now.mono + limits::BETWEEN)));
        } else if goodbye.reason == GoodbyeReason::Restarting {
            self.expect_back(now, link);
        }
        self.forget_link(now, link, Some(goodbye.reason));
    }

    pub(crate) fn on_link_down(&mut self, now: Now, link: LinkId, restarted: bool) {
        if restarted {
            self.expect_back(now, link);
        }
        self.forget_link(now, link, None);
    }

    pub(crate) fn on_link_level(&mut self, now: Now, link: LinkId, level: Level) {
        let Some(state) = self.links.get_mut(link) else { return };
        match level {
            Level::Half => state.half_since = Some(now.mono),
            Level::Full => {
                state.behind = true;
                self.counters.drop(Drop::LinkBehind, 1);
            }
            Level::Drained => {
                state.half_since = None;
                if core::mem::take(&mut state.behind) {
                    // Our summary shows the peer what it lacks, and it asks.
                    self.ask(now, link);
                }
            }
        }
    }

    pub(crate) fn on_heartbeat(&mut self, now: Now, link: LinkId, beat: &Heartbeat) {
        let (ours, me) = (self.pulse(), self.me.id);
        let Some(state) = self.links.get_mut(link) else { return };
        let pace = state.pulse_pace(&me, ours.links, beat.links);
        state.heart.heard(now.mono, beat, pace);
        if beat.ask {
            let answer = state.heart.answer(now.mono, ours, beat);
            self.send(link, Kind::Heartbeat, 0, &codec::encode(&answer));
        }
        if !beat.extra {
            self.compare(now, link, ours, beat);
        }
    }

    /// What is due on links: greetings that took too long, silence, heartbeats.
    pub(crate) fn tick_links(&mut self, now: Now) {
        self.end_waiting(now);
        // One wake-up for the heartbeats of many links.
        let regular = self.links.live().any(|(_, link)| link.heart.is_regular_by(now.mono));
        let soon = now.mono + limits::HEARTBEAT / 2;
        let joins = |link: &Link| regular && link.hello.is_some() && link.heart.is_regular_by(soon);
        let due = self.links.iter().filter(|(_, link)| link.due() <= now.mono || joins(link));
        for (link, joins) in due.map(|(id, link)| (id, joins(link))).collect::<Vec<_>>() {
            let pulse = self.pulse();
            let Some(state) = self.links.get_mut(link) else { continue };
            if state.hello.is_none() || state.heart.is_dead(now.mono) {
                self.end_link(now, link, GoodbyeReason::Silent);
            } else if joins || state.heart.due() <= now.mono {
                let beat = state.heart.ask(now.mono, pulse);
                self.send(link, Kind::Heartbeat, 0, &codec::encode(&beat));
            } else {
                self.ask_again(now, link);
            }
        }
    }

    pub(crate) fn forgive_links(&mut self, late: Duration) {
        for link in self.links.map.values_mut() {
            link.heart.forgive(late);
            link.since = link.since + late;
        }
    }

    /// Asks all neighbours for a sign of life now.
    pub(crate) fn ask_all(&mut self, now: Now) {
        for link in self.links.map.values_mut() {
            link.heart.ask_now(now.mono);
        }
    }

    pub(crate) fn disconnect(&mut self, now: Now, peer: &NodeId) {
        let links = self.links.iter().filter(|(_, link)| link.peer == *peer);
        for link in links.map(|(id, _)| id).collect::<Vec<_>>() {
            self.end_link(now, link, GoodbyeReason::Disconnected);
        }
        if self.links.between.has(peer) {
            self.links.between.remove(peer);
            self.neighbours_changed(now);
        }
    }

    /// Says goodbye and ends a link.
    pub(crate) fn end_link(&mut self, now: Now, link: LinkId, reason: GoodbyeReason) {
        // A stranger is told nothing.
        if self.links.get(link).is_some_and(Link::may_speak) {
            self.send(link, Kind::Goodbye, 0, &codec::encode(&Goodbye { reason }));
        }
        self.out.push_back(Output::CloseLink { link, reason, by_peer: false });
        self.forget_link(now, link, Some(reason));
    }

    pub(crate) fn bad_peer(&mut self, now: Now, link: LinkId, what: &'static str) {
        self.counters.drop(Drop::BadFrame, 1);
        if let Some(peer) = self.links.get(link).map(|state| state.peer) {
            self.out.push_back(Output::Note(Note::BadPeer { link, peer, what }));
            self.end_link(now, link, GoodbyeReason::Protocol);
        }
    }

    /// What the caller shows of its links.
    pub fn links(&self, now: Mono) -> Vec<LinkInfo> {
        let info = |(link, state): (LinkId, &Link)| LinkInfo {
            link,
            peer: state.peer,
            name: state.hello.as_ref().map(|hello| self.name_of_greeter(&state.peer, &hello.name)),
            address: state.address.to_string(),
            dialled: state.dialled,
            live: state.hello.is_some(),
            carrier: state.carrier,
            near: state.near,
            observed: state.observed,
            clock_offset_ms: state.clock_offset_ms,
            since: now.since(state.since),
            rtt: state.heart.rtt(),
            behind: state.behind,
        };
        self.links.iter().map(info).collect()
    }

    fn forget_link(&mut self, now: Now, link: LinkId, reason: Option<GoodbyeReason>) {
        let Some(state) = self.links.map.remove(&link) else { return };
        self.out.push_back(Output::PeersChanged);
        if state.hello.is_some() {
            self.out.push_back(Output::Note(Note::LinkLost { link, peer: state.peer, reason }));
            self.neighbours_changed(now);
        }
        self.peer_lost(now, state.peer, reason);
        self.join_link_lost(now, link);
    }

    fn pulse(&self) -> Pulse {
        Pulse {
            seen: self.seen.fingerprint(),
            nodes: self.nodes.fingerprint(),
            links: u16::try_from(self.links.live().count()).unwrap_or(u16::MAX),
            roster: self.roster.fingerprint(),
        }
    }
}
