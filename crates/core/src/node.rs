//! The node itself: what happens goes in, what follows comes out.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::control::{Error, Reply};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::name::{NodeName, PersonName};
use meshchat_proto::peer::{GoodbyeReason, Probed};

use crate::acquaintances::Acquaintances;
use crate::addresses::Addresses;
use crate::arrivals::Arrivals;
use crate::beacons::Beacons;
use crate::chat::Outgoing;
use crate::clones::Clones;
use crate::contacts::Contacts;
use crate::cursors::Cursors;
use crate::delivery::Deliveries;
use crate::doors::Doors;
use crate::echo::Echoes;
use crate::env::Env;
use crate::greeting::LinkUp;
use crate::history::History;
use crate::holdings::Claims;
use crate::io::{Admit, Config, HistoryMode, Input, LinkId, Output, SessionId, Stored};
use crate::limits;
use crate::links::Links;
use crate::mail::Mail;
use crate::meet::Meetings;
use crate::nodes::Nodes;
use crate::order::Order;
use crate::pacing::Pacing;
use crate::partition::Partition;
use crate::peering::Peering;
use crate::people::People;
use crate::private::Private;
use crate::rates::{Rate, Rates};
use crate::records::Publication;
use crate::refusals::Refusals;
use crate::relay::Relays;
use crate::rooms::Rooms;
use crate::roster::Roster;
use crate::seen::Seen;
use crate::sessions::Sessions;
use crate::status::Counters;
use crate::switch::{self, Membership};
use crate::sync::Doubts;
use crate::time::{Mono, Now};
use crate::trail::Trails;

/// Messages in history up to which its books are checked each time.
#[cfg(debug_assertions)]
const FEW: usize = 256;
/// Beyond that, one in so many times.
#[cfg(debug_assertions)]
const RARE: u32 = 32;

/// Who this node is.
#[derive(Debug)]
pub(crate) struct Me {
    pub(crate) id: NodeId,
    pub(crate) network: NetworkId,
    pub(crate) name: NodeName,
    pub(crate) software: String,
    pub(crate) boot: Boot,
    /// The number of its newest message in this run.
    pub(crate) seq: u64,
    pub(crate) admit: Admit,
    /// How fast one author may speak, unless the network says otherwise.
    pub(crate) rate: Option<Rate>,
    /// The beginning of the number in its beacons; 0 when it sends none.
    pub(crate) beacon: u64,
    pub(crate) history: HistoryMode,
    pub(crate) started: Mono,
}

/// One node of the mesh, without any means of its own to reach the world.
#[derive(Debug)]
pub struct Node<E> {
    pub(crate) env: E,
    pub(crate) me: Me,
    pub(crate) roster: Roster,
    pub(crate) membership: Membership,
    pub(crate) links: Links,
    pub(crate) seen: Seen,
    pub(crate) doubts: Doubts,
    pub(crate) order: Order,
    pub(crate) history: History,
    pub(crate) rooms: Rooms,
    pub(crate) nodes: Nodes,
    pub(crate) publication: Publication,
    pub(crate) presence_dirty: bool,
    pub(crate) presence_due: Option<Mono>,
    /// Until then nobody is called unreachable: this node's own loop was late.
    pub(crate) blind_until: Option<Mono>,
    pub(crate) partition: Partition,
    pub(crate) people: People,
    pub(crate) doors: Doors,
    pub(crate) relays: Relays,
    pub(crate) acquaintances: Acquaintances,
    pub(crate) sessions: Sessions,
    pub(crate) cursors: Cursors,
    pub(crate) outgoing: VecDeque<Outgoing>,
    pub(crate) pacing: Pacing,
    pub(crate) rates: Rates,
    pub(crate) refusals: Refusals,
    pub(crate) clones: Clones,
    pub(crate) proven: VecDeque<(NodeId, MessageId)>,
    pub(crate) echoes: Echoes,
    pub(crate) arrivals: Arrivals,
    pub(crate) claims: Claims,
    pub(crate) deliveries: Deliveries,
    pub(crate) trails: Trails,
    pub(crate) addresses: Addresses,
    pub(crate) contacts: Contacts,
    pub(crate) beacons: Beacons,
    pub(crate) meetings: Meetings,
    pub(crate) peering: Peering,
    pub(crate) mail: Mail,
    pub(crate) private: Private,
    pub(crate) counters: Counters,
    /// A catch-up with some neighbour has come to its end in this run.
    pub(crate) caught_up: bool,
    pub(crate) out: VecDeque<Output>,
    pub(crate) clock: Now,
    pub(crate) stopped: bool,
    #[cfg(debug_assertions)]
    checks: u32,
}

impl<E: Env> Node<E> {
    /// A node that has just started.
    pub fn new(now: Now, config: Config, mut env: E) -> Self {
        let most = match config.history {
            HistoryMode::Off => 0,
            HistoryMode::Memory | HistoryMode::Disk => limits::HISTORY_MESSAGES,
        };
        let (roster, membership) = switch::load(now.mono, config.network);
        let me = Me {
            id: config.id,
            network: roster.network(),
            name: config.name,
            software: config.software,
            boot: Boot::new(config.boot_count, env.random()),
            seq: 0,
            admit: config.admit,
            rate: config.rate,
            beacon: config.beacon,
            history: config.history,
            started: now.mono,
        };
        let mut node = Self {
            env,
            me,
            roster,
            membership,
            links: Links::default(),
            seen: Seen::default(),
            doubts: Doubts::default(),
            order: Order::default(),
            history: History::new(most, config.stored.age),
            rooms: Rooms::default(),
            nodes: Nodes::default(),
            publication: Publication::default(),
            presence_dirty: false,
            presence_due: None,
            blind_until: None,
            partition: Partition::new(now.mono),
            people: People::load(config.people),
            doors: Doors::default(),
            relays: Relays::default(),
            acquaintances: Acquaintances::load(config.acquaintances),
            sessions: Sessions::default(),
            cursors: Cursors::default(),
            outgoing: VecDeque::new(),
            pacing: Pacing::default(),
            rates: Rates::default(),
            refusals: Refusals::default(),
            clones: Clones::default(),
            proven: VecDeque::new(),
            echoes: Echoes::default(),
            arrivals: Arrivals::default(),
            claims: Claims::default(),
            deliveries: Deliveries::default(),
            trails: Trails::default(),
            addresses: Addresses { own: config.addresses, mapped: None },
            contacts: Contacts::load(config.contacts),
            beacons: Beacons::default(),
            meetings: Meetings::default(),
            peering: Peering::new(config.goal),
            mail: Mail::default(),
            private: Private::default(),
            counters: Counters::default(),
            caught_up: false,
            out: VecDeque::new(),
            clock: now,
            stopped: false,
            #[cfg(debug_assertions)]
            checks: 0,
        };
        let Stored { restored, cursors, age: _ } = config.stored;
        node.restore(restored, cursors.newest);
        node.cursors = Cursors::load(cursors);
        node.record_changed(now);
        node
    }

    /// Takes in something that happened. Follow with [`Node::poll_output`] until it is empty;
    /// several inputs may come first, and messages sent in them are then signed together.
    pub fn handle(&mut self, now: Now, input: Input) {
        if self.stopped {
            return;
        }
        self.wake(now);
        match input {
            Input::LinkUp { link, peer, dialled, named, near, remote, address, carrier, dial } => {
                let up = LinkUp { peer, dialled, named, near, remote, address, carrier, dial };
                self.on_link_up(now, link, up);
            }
            Input::LinkMoved { link, remote, address } => self.on_link_moved(link, remote, address),
            Input::DialFailed { dial } => {
                if !self.join_dial_failed(now, dial) {
                    self.on_dial_failed(now, dial);
                }
            }
            Input::NetworkChanged { addresses, came } => {
                self.on_network_changed(now, addresses, came);
            }
            Input::Mapped { address } => {
                self.addresses.mapped = address;
                self.addresses_changed(now);
            }
            Input::Heard { beacon, address } => self.on_heard(now, beacon, address),
            Input::Frame { link, frame } => self.on_frame(now, link, frame),
            Input::LinkLevel { link, level } => self.on_link_level(now, link, level),
            Input::LinkDown { link } => self.on_link_down(now, link, false),
            Input::LinkReset { link } => self.on_link_down(now, link, true),
            Input::SessionUp { session, user } => self.on_session_up(session, user),
            Input::Request { session, id, request } => self.on_request(now, session, id, request),
            Input::SessionDrained { session } => self.on_session_drained(now, session),
            Input::SessionDown { session } => self.on_session_down(now, session),
            Input::AskProbes { token, tcp_port } => self.ask_probes(token, tcp_port),
            Input::ProbeDone { link, token, udp, tcp } => {
                self.probe_done(link, Probed { token, udp, tcp });
            }
            Input::Reconfigure { name, admit, rate, goal } => {
                (self.me.name, self.me.admit, self.peering.goal) = (name, admit, goal);
                self.me.rate = rate;
                self.rate_changed(now);
                self.peering.dirty = true;
                self.record_changed(now);
                self.name_all();
            }
            Input::Disconnect { peer } => self.disconnect(now, &peer),
            Input::Shutdown => self.shutdown(now),
            Input::Restart => self.restart(now),
        }
    }

    /// The next thing to do, or none when the node rests.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.out.is_empty() {
            self.settle();
        }
        self.out.pop_front()
    }

    /// Whether local clients should wait, because a link is nearly full of what they sent.
    pub fn is_gated(&self, now: Mono) -> bool {
        self.busy_links(now).next().is_some()
    }

    /// Links that are nearly full of chat and still move.
    pub fn busy_links(&self, now: Mono) -> impl Iterator<Item = LinkId> {
        self.links.busy(now)
    }

    /// The node's key.
    pub fn id(&self) -> NodeId {
        self.me.id
    }

    /// What the node is called.
    pub fn name(&self) -> NodeName {
        self.me.name.clone()
    }

    /// What another node is called here; none when it never said.
    pub fn name_of(&self, node: &NodeId) -> Option<NodeName> {
        self.nodes.get(node).map(|known| known.called.clone())
    }

    /// What the person of a Unix user is or would be called.
    pub fn person_name(&self, user: &str) -> PersonName {
        self.people.name_of(user)
    }

    /// How long ago somebody else spoke with this node's key, if that was seen in this run.
    pub fn doubled(&self, now: Mono) -> Option<Duration> {
        self.clones.met(now)
    }

    /// What the node has counted.
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The randomness and keys that the node was given.
    pub fn env_mut(&mut self) -> &mut E {
        &mut self.env
    }

    fn shutdown(&mut self, now: Now) {
        self.seal(now);
        self.refuse_waiting();
        self.publish_leaving(now);
        for link in self.links.iter().map(|(id, _)| id).collect::<Vec<_>>() {
            self.end_link(now, link, GoodbyeReason::Leaving);
        }
        self.put_away(now);
    }

    /// Keeps what is to be kept; nothing follows it.
    pub(crate) fn put_away(&mut self, now: Now) {
        if self.contacts.due().is_some() {
            self.save_contacts(now);
        }
        // What time is left to tickets.
        if self.membership.invites.any_open(now.mono) {
            self.save_network(now, None);
        }
        self.close_mail(now);
        self.save_cursors(now.mono, true);
        if self.acquaintances.due().is_some() {
            self.save_acquaintances(now);
        }
        self.stopped = true;
    }

    pub(crate) fn save_contacts(&mut self, now: Now) {
        let saved = self.contacts.save(now.mono);
        self.out.push_back(Output::SaveContacts(saved));
    }

    pub(crate) fn reply(&mut self, session: SessionId, id: u64, result: Result<Reply, Error>) {
        self.out.push_back(Output::Reply { session, id, result });
    }

    /// Panics when a table is over its bound or the books do not agree.
    #[cfg(debug_assertions)]
    pub(crate) fn check_invariants(&mut self) {
        // A full history takes long to add up: then only now and then.
        self.checks = self.checks.wrapping_add(1);
        if self.history.len() > FEW && !self.checks.is_multiple_of(RARE) {
            return;
        }
        self.history.check_invariants();
        self.partition.check_invariants();
        for row in self.limits() {
            assert!(row.used <= row.most, "{} holds {} of {}", row.name, row.used, row.most);
        }
    }
}
