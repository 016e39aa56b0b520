//! From a link that stands to one in use: who is there, who may link, and one link per pair.

use alloc::string::String;
use core::net::SocketAddr;

use meshchat_proto::address::Address;
use meshchat_proto::codec;
use meshchat_proto::frame::{self, Kind};
use meshchat_proto::id::{Boot, NodeId};
use meshchat_proto::peer::{GoodbyeReason, Hello, Observed};

use crate::arrivals::Way;
use crate::dial::{Carrier, DialId};
use crate::door::Door;
use crate::env::Env;
use crate::heartbeat::Heart;
use crate::io::{LinkId, Note, Output};
use crate::limits;
use crate::links::{Compared, Link};
use crate::node::Node;
use crate::nodes::Flap;
use crate::peering::Purpose;
use crate::roam::Redial;
use crate::roster::{self, Claim};
use crate::sync::Asking;
use crate::time::{Mono, Now};

/// A link as it comes up.
#[derive(Debug)]
pub(crate) struct LinkUp {
    pub(crate) peer: NodeId,
    pub(crate) dialled: bool,
    pub(crate) named: bool,
    pub(crate) near: bool,
    pub(crate) remote: SocketAddr,
    pub(crate) address: String,
    pub(crate) carrier: Carrier,
    pub(crate) dial: Option<DialId>,
}

/// What decides between two links of one pair.
#[derive(Debug, Clone, Copy)]
struct Rank {
    boot: Boot,
    dialled: bool,
    dial: u64,
    anew: bool,
    carrier: Carrier,
}

impl<E: Env> Node<E> {
    pub(crate) fn on_link_up(&mut self, now: Now, link: LinkId, up: LinkUp) {
        if let Some(oldest) = self.links.overdue().filter(|_| !up.dialled) {
            self.end_link(now, oldest, GoodbyeReason::Silent);
        }
        let refused = if up.peer == self.me.id {
            Some(GoodbyeReason::Duplicate)
        } else {
            (self.links.len() >= limits::LINKS).then_some(GoodbyeReason::Full)
        };
        let purpose = up.dial.and_then(|dial| self.dial_succeeded(dial, up.peer));
        let dial = if up.dialled { self.links.count_dial() } else { 0 };
        let state = Link {
            peer: up.peer,
            dialled: up.dialled,
            named: up.named,
            near: up.near,
            remote: up.remote,
            address: up.address,
            carrier: up.carrier,
            door: if self.roster.is_closed() { Door::Shut } else { Door::Open },
            hello: None,
            dial,
            anew: purpose == Some(Purpose::Anew),
            observed: None,
            observing: Flap::new(now.mono),
            probing: Flap::new(now.mono),
            clock_offset_ms: 0,
            since: now.mono,
            heart: Heart::new(now.mono),
            half_since: None,
            behind: false,
            asking: Asking::default(),
            compared: Compared::default(),
            redial: Redial::default(),
        };
        self.links.insert(link, state);
        if let Some(reason) = refused {
            return self.end_link(now, link, reason);
        }
        self.out.push_back(Output::PeersChanged);
        if self.knock_with_ticket(link, up.dial) {
            return;
        }
        if !self.roster.is_closed() {
            // Who was dialled speaks second: nobody learns from it who is here, nor takes the link
            // for one in use, unless they may link.
            if up.dialled {
                self.send_hello(now, link);
            }
        } else if self.is_removed() || self.roster.is_removed(&up.peer) && up.dialled {
            self.end_link(now, link, GoodbyeReason::NotAdmitted);
        } else if up.dialled {
            self.send_knock(link);
        }
    }

    pub(crate) fn send_hello(&mut self, now: Now, link: LinkId) {
        let Some(state) = self.links.get(link) else { return };
        let dial = if state.dialled { state.dial } else { 0 };
        let (wanted, anew) = (state.named, state.dialled && state.anew);
        let hello = Hello {
            min: frame::VERSION,
            max: frame::VERSION,
            network: self.me.network,
            boot: self.me.boot,
            name: self.me.name.clone(),
            dial,
            wall: now.wall_ms,
            software: self.me.software.clone(),
            wanted,
            anew,
        };
        self.send(link, Kind::Hello, 0, &codec::encode(&hello));
    }

    pub(crate) fn on_hello(&mut self, now: Now, link: LinkId, hello: Hello) {
        let Some(state) = self.links.get(link) else { return };
        if state.hello.is_some() {
            return self.bad_peer(now, link, "a second hello");
        }
        let peer = state.peer;
        let claim = Claim {
            named: state.named || state.dialled,
            near: state.near,
            known: self.nodes.get(&peer).is_some(),
            network: hello.network,
        };
        let refused = if hello.min > frame::VERSION || hello.max < frame::VERSION {
            Some(GoodbyeReason::Version)
        } else {
            self.refuse(&peer, claim)
        };
        if let Some(reason) = refused {
            return self.end_link(now, link, reason);
        }
        self.answer_hello(now, link);
        let Some(state) = self.links.get_mut(link) else { return };
        if !state.dialled {
            (state.dial, state.anew) = (hello.dial, hello.anew);
        }
        let this = state.rank(hello.boot, now.mono);
        let rival = self.rival(now, &peer, hello.boot);
        if let Some((rival, other)) = rival.and_then(|id| Some((id, self.links.get(id)?))) {
            let boot = other.hello.as_ref().map(|hello| hello.boot).unwrap_or_default();
            let that = other.rank(boot, now.mono);
            let loser = if self.prefers(&peer, this, that) { rival } else { link };
            self.end_link(now, loser, GoodbyeReason::Duplicate);
            if loser == link {
                return;
            }
        }
        self.go_live(now, link, hello);
    }

    /// Greets a peer that has dialled. In a closed network its knock has been answered so.
    fn answer_hello(&mut self, now: Now, link: LinkId) {
        let dialled = self.links.get(link).is_some_and(|state| state.dialled);
        if !dialled && !self.roster.is_closed() {
            self.send_hello(now, link);
        }
    }

    /// Why a peer may not link, if it may not.
    fn refuse(&self, peer: &NodeId, claim: Claim) -> Option<GoodbyeReason> {
        if !self.roster.is_closed() {
            return roster::refuse(self.me.admit, self.me.network, claim);
        }
        let member = claim.network == self.me.network && self.roster.admits(peer);
        (!member).then_some(GoodbyeReason::NotAdmitted)
    }

    /// The other end of a link has moved, or its translator gave it another address.
    pub(crate) fn on_link_moved(&mut self, link: LinkId, remote: SocketAddr, address: String) {
        if let Some(state) = self.links.get_mut(link) {
            (state.remote, state.address) = (remote, address);
            self.out.push_back(Output::PeersChanged);
            self.tell_observed(link);
        }
    }

    fn go_live(&mut self, now: Now, link: LinkId, hello: Hello) {
        let Some(state) = self.links.get_mut(link) else { return };
        let wall = i64::try_from(hello.wall).unwrap_or(i64::MAX);
        let ours = i64::try_from(now.wall_ms).unwrap_or(i64::MAX);
        let peer = state.peer;
        let (name, clock_offset_ms) = (hello.name.clone(), wall.saturating_sub(ours));
        let note = Note::LinkLive { link, peer, name, clock_offset_ms };
        state.clock_offset_ms = clock_offset_ms;
        state.hello = Some(hello);
        state.since = now.mono;
        state.heart = Heart::new(now.mono);
        self.arrivals.link(link, Way { peer, carrier: state.carrier });
        self.bridge_runs(now, link);
        self.out.push_back(Output::Note(note));
        self.out.push_back(Output::PeersChanged);
        self.neighbours_changed(now);
        self.peer_found(now, link, peer);
        self.tell_observed(link);
        self.send_records(link);
        self.ask(now, link);
    }

    /// Tells the other side where its packets come from. Over TCP the port is of no use to it.
    fn tell_observed(&mut self, link: LinkId) {
        let Some(state) = self.links.get(link) else { return };
        let told = state.hello.is_some() && state.carrier == Carrier::Quic;
        if let Some(address) = Address::new(state.remote).filter(|_| told) {
            self.send(link, Kind::Observed, 0, &codec::encode(&Observed { address }));
        }
    }

    /// Whether of two links to `peer` the first is kept. Both sides come to the same answer: a
    /// newer run of the peer wins; of two links that one side dialled the later, as it knows what
    /// it does; else one that its dialler needs because the earlier serves it no more; else QUIC;
    /// else the link that the smaller key dialled.
    fn prefers(&self, peer: &NodeId, this: Rank, that: Rank) -> bool {
        if this.boot != that.boot {
            this.boot > that.boot
        } else if this.dialled == that.dialled {
            this.dial > that.dial
        } else if this.anew != that.anew {
            this.anew
        } else if this.carrier != that.carrier {
            this.carrier > that.carrier
        } else {
            this.dialled == (self.me.id < *peer)
        }
    }
}

impl Link {
    fn rank(&self, boot: Boot, now: Mono) -> Rank {
        let Self { dialled, dial, carrier, .. } = *self;
        let fresh = self.hello.is_none() || now.since(self.since) < limits::ANEW;
        Rank { boot, dialled, dial, anew: self.anew && fresh, carrier }
    }
}
