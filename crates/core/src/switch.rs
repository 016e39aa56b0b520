//! From one network to another, and what is kept of a network on disk.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use meshchat_proto::control::{Event, NodeChange, NodeState, Reply};
use meshchat_proto::id::{Boot, NodeId};
use meshchat_proto::peer::GoodbyeReason;
use serde_bytes::ByteBuf;

use crate::arrivals::Arrivals;
use crate::beacons::Beacons;
use crate::contacts::Contacts;
use crate::delivery::Deliveries;
use crate::echo::Echoes;
use crate::env::Env;
use crate::holdings::Claims;
use crate::invites::Invites;
use crate::io::{LinkId, Output, SavedNetwork, SessionId};
use crate::joining::Joining;
use crate::meet::Meetings;
use crate::node::Node;
use crate::nodes::Nodes;
use crate::order::Order;
use crate::partition::Partition;
use crate::records::{Publication, is_up};
use crate::refusals::Refusals;
use crate::rooms::Rooms;
use crate::roster::Roster;
use crate::seen::Seen;
use crate::sync::Doubts;
use crate::time::{Mono, Now};
use crate::trail::Trails;

/// What this node holds of its closed network beside the roster.
#[derive(Debug, Default)]
pub(crate) struct Membership {
    /// The secret root key.
    pub(crate) root: Option<Seed>,
    /// It was shown to an operator, or given by one.
    pub(crate) backed_up: bool,
    pub(crate) invites: Invites,
    /// A network that is being joined.
    pub(crate) joining: Option<Joining>,
}

/// A secret key.
#[derive(Clone, Copy)]
pub(crate) struct Seed(pub(crate) [u8; 32]);

impl core::fmt::Debug for Seed {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Seed")
    }
}

/// The roster and the rest of what was saved; the open network when nothing was.
pub(crate) fn load(now: Mono, saved: Option<SavedNetwork>) -> (Roster, Membership) {
    let Some(saved) = saved else { return Default::default() };
    let Some(mut roster) = Roster::closed(saved.charter.into_vec()) else {
        return Default::default();
    };
    saved.statements.into_iter().for_each(|statement| roster.restore(statement));
    roster.take_fresh();
    roster.settle();
    let membership = Membership {
        root: saved.root.map(Seed),
        backed_up: saved.backed_up,
        invites: Invites::load(now, saved.invites),
        joining: None,
    };
    (roster, membership)
}

impl<E: Env> Node<E> {
    /// Keeps the network on disk, then answers a request.
    pub(crate) fn save_network(&mut self, now: Now, then: Option<((SessionId, u64), Reply)>) {
        let network = self.roster.charter().map(|(_, bytes)| SavedNetwork {
            charter: ByteBuf::from(bytes),
            root: self.membership.root.map(|seed| seed.0),
            backed_up: self.membership.backed_up,
            statements: {
                let set = self.roster.set().into_iter();
                set.flat_map(|set| set.iter()).map(|entry| entry.signed.clone()).collect()
            },
            invites: self.membership.invites.save(now.mono),
        });
        let then = then.map(|(at, reply)| (at.0, at.1, Box::new(reply)));
        self.out.push_back(Output::SaveNetwork { network: network.map(Box::new), then });
    }

    /// Leaves the network for another one. People and sessions stay; all else starts anew, but for
    /// the link that is to be kept.
    pub(crate) fn switch_network(
        &mut self,
        now: Now,
        (roster, membership): (Roster, Membership),
        kept: Option<LinkId>,
    ) {
        self.seal(now);
        // What was written for one network is not said in another.
        self.refuse_waiting();
        self.links.between.clear();
        self.publish_leaving(now);
        let links = self.links.iter().map(|(id, _)| id).filter(|id| Some(*id) != kept);
        for link in links.collect::<Vec<_>>() {
            self.end_link(now, link, GoodbyeReason::Leaving);
        }
        (self.roster, self.membership) = (roster, membership);
        self.me.network = self.roster.network();
        let count = self.me.boot.count().saturating_add(1);
        self.me.boot = Boot::new(count, self.env.random());
        self.me.seq = 0;
        self.out.push_back(Output::SaveBoot(count));
        self.forget_network(now);
        self.out.push_back(Output::NetworkSwitched(self.me.network));
        self.out.push_back(Output::PeersChanged);
        self.record_changed(now);
    }

    fn forget_network(&mut self, now: Now) {
        // What was asked of the old network is not answered any more.
        let never = Now { mono: Mono::from_micros(u64::MAX), ..now };
        self.tick_pings(never);
        self.tick_waits(never);
        let up: Vec<NodeId> = self.nodes_up().collect();
        up.iter().for_each(|node| self.announce_left(node));
        self.seen = Seen::default();
        self.doubts = Doubts::default();
        self.order = Order::default();
        self.history.clear();
        self.rooms = Rooms::default();
        self.nodes = Nodes::default();
        self.publication = Publication::default();
        self.arrivals = Arrivals::default();
        self.claims = Claims::default();
        self.deliveries = Deliveries::default();
        self.trails = Trails::default();
        self.refusals = Refusals::default();
        self.partition = Partition::new(now.mono);
        self.proven = VecDeque::new();
        self.mail.forget();
        self.private.forget_all();
        self.echoes = Echoes::default();
        self.contacts = Contacts::default();
        self.beacons = Beacons::default();
        self.meetings = Meetings::default();
        self.peering.start_anew();
        self.caught_up = false;
        self.save_contacts(now);
    }

    /// Forgets whoever does not belong to the network: where they are, what they are, and how far
    /// their messages were seen, so that nobody is asked for more. What was shown stays shown.
    pub(crate) fn forget_strangers(&mut self, now: Now) {
        let strangers: Vec<NodeId> =
            self.nodes_up().filter(|node| !self.roster.admits(node)).collect();
        strangers.iter().for_each(|node| self.announce_left(node));
        let Self { roster, nodes, contacts, seen, order, doubts, links, .. } = self;
        links.between.retain(|node| roster.admits(node));
        nodes.retain(|node| roster.admits(node));
        contacts.retain(|node| roster.admits(node));
        doubts.retain(|origin| roster.admits(&origin.0));
        for (origin, held) in seen.retain(|origin| roster.admits(&origin.0)) {
            order.forget(&origin, held);
        }
        self.proven.retain(|(node, _)| roster.admits(node));
        self.expel_strangers(now);
        self.mail_forgets_strangers();
        self.record_changed(now);
    }

    fn nodes_up(&self) -> impl Iterator<Item = NodeId> {
        let up = self.nodes.iter().filter(|(_, known)| is_up(known.state));
        up.map(|(node, _)| *node).filter(|node| *node != self.me.id)
    }

    fn announce_left(&mut self, node: &NodeId) {
        let name = self.nodes.name(node);
        let change = NodeChange { node: *node, name, state: NodeState::Left };
        self.announce(Box::new(Event::Node(change)));
    }
}
