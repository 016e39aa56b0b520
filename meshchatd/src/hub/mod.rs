//! The only owner of the [`Node`]: everything that happens comes here, everything that follows
//! goes out from here. The loop awaits inboxes and one deadline, and never a queue that it
//! fills.

mod clients;
mod doctor;
mod handover;
mod keep;
mod keys;
mod links;
mod log;
mod mail;
mod mapping;
mod network;
mod outputs;
mod peers;
mod process;
mod reload;
mod requests;
mod seek;
mod shelf;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use meshchat_core::{Config, DialId, Input, Node, Now, SavedAcquaintances, SavedPerson};
use meshchat_proto::id::NodeId;
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::clock::Clock;
use crate::config::{Environment, Flags, Settings};
use crate::control::{ClientEvent, ClientOutbox};
use crate::dial::{Book, EntryId, Failure};
use crate::discover::{self, Heard};
use crate::handover::Notebook;
use crate::interfaces::{Interface, NetworkChange};
use crate::link::{Gate, LinkEvent};
use crate::logging::LogHandle;
use crate::notify::Notifier;
use crate::portmap::{self, Mapped};
use crate::sleep::Sleep;
use crate::store::StateDir;
use crate::store::scribe::Report;
use crate::supervise::Tasks;
use crate::transport::{Channel, Endpoint};
use crate::users::{Access, Users};

use doctor::Exam;
pub use doctor::Finds;
pub use keep::Keeper;
pub use keys::Keys;
use links::HubLink;
use log::Followers;
pub use seek::{beacon_number, own_addresses};
pub use shelf::Shelf;

/// What the hub is made of.
#[derive(Debug)]
pub struct Parts {
    /// The settings in force.
    pub settings: Settings,
    /// The command line, for reloading.
    pub flags: Flags,
    /// The environment, for reloading.
    pub environment: Environment,
    /// Where state is kept.
    pub store: StateDir,
    /// The transport.
    pub endpoint: Endpoint,
    /// The service manager.
    pub notifier: Notifier,
    /// Where a note for the next run goes.
    pub notebook: Option<Notebook>,
    /// The log.
    pub log: LogHandle,
    /// All tasks.
    pub tasks: Tasks,
    /// What calls on the local network.
    pub discovery: discover::Handle,
    /// What asks the router for a way in.
    pub portmap: portmap::Handle,
    /// The running clock.
    pub clock: Clock,
    /// What writes messages and cursors.
    pub keeper: Keeper,
}

/// Where the hub's news comes from. Full means: links read no more from their peers, clients are
/// not read from, and dials and new peers wait.
#[derive(Debug)]
pub struct Inboxes {
    /// From links.
    pub links: mpsc::Receiver<LinkEvent>,
    /// Of examinations.
    pub finds: mpsc::Receiver<Finds>,
    /// From clients.
    pub clients: mpsc::Receiver<ClientEvent>,
    /// Peers that dialled in.
    pub arrivals: mpsc::Receiver<Channel>,
    /// Outcomes of dials.
    pub dials: mpsc::Receiver<Dialled>,
    /// Beacons.
    pub heard: mpsc::Receiver<Heard>,
    /// Changes of the interfaces.
    pub network: mpsc::Receiver<NetworkChange>,
    /// What the router gives.
    pub mapped: mpsc::Receiver<Mapped>,
    /// What was written.
    pub(crate) reports: mpsc::Receiver<Report>,
}

/// The sending ends that the hub hands to the tasks it starts.
#[derive(Debug, Clone)]
pub struct Doors {
    /// For links.
    pub links: mpsc::Sender<LinkEvent>,
    /// For dials.
    pub dials: mpsc::Sender<Dialled>,
    /// For examinations.
    pub finds: mpsc::Sender<Finds>,
    /// What slows links down.
    pub gate: Arc<Gate>,
}

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// The node leaves.
    Leave,
    /// It is about to start again.
    Restart,
}

/// What a dial came to.
#[derive(Debug)]
pub struct Dialled {
    cause: Cause,
    outcome: Result<Channel, Failure>,
}

/// Why somebody was dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// A person named the peer.
    Named(EntryId),
    /// The node wants a link with a node that it knows of.
    Mesh(DialId),
    /// The node has heard somebody on the LAN.
    Lan(DialId),
}

/// Messages in the inbox of links: each a batch of up to some 150 KiB.
///
/// Few, since all of them still come through after the [`Gate`] is shut.
pub const LINK_INBOX: usize = 8;
/// Messages in the inbox of clients: each a batch of up to 128 requests.
pub const CLIENT_INBOX: usize = 8;
/// Channels and dial outcomes that wait.
pub const CHANNEL_INBOX: usize = 16;
/// Changes of the network that wait; later ones are told as one.
pub const NETWORK_INBOX: usize = 2;

/// See the module.
#[derive(Debug)]
pub struct Hub {
    node: Node<Keys>,
    parts: Parts,
    doors: Doors,
    links: BTreeMap<u32, HubLink>,
    next_link: u32,
    refused: Refused,
    book: Book,
    exam: Option<Exam>,
    interfaces: Vec<Interface>,
    clients: BTreeMap<u32, Client>,
    users: Users,
    watchers: BTreeSet<(u32, u64)>,
    followers: Followers,
    peers_changed: bool,
    pushed: Instant,
    noted: Instant,
    watchdog: Option<Instant>,
    status: String,
}

/// What the core does not count.
#[derive(Debug, Default)]
struct Refused {
    /// Peers that may not link with this node.
    not_admitted: u64,
    /// Frames of a length that no frame has.
    bad_lengths: u64,
    /// Clients that asked and asked and never read.
    clients_cut_off: u64,
}

/// A local client as the hub knows it.
#[derive(Debug)]
struct Client {
    outbox: Arc<ClientOutbox>,
    access: Access,
    /// Its Unix user.
    user: String,
    /// It has been let speak for somebody who comes through a gateway.
    gateway: bool,
}

impl Hub {
    /// A hub around a new node.
    #[must_use]
    pub fn new(
        parts: Parts,
        doors: Doors,
        node: Config,
        keys: Keys,
        interfaces: Vec<Interface>,
    ) -> Self {
        let clock = parts.clock;
        let users = Users::new(&parts.settings);
        let now = Instant::now();
        let watchdog = parts.notifier.watchdog_interval().map(|pause| now + pause);
        let mut hub = Self {
            node: Node::new(clock.now(), node, keys),
            parts,
            doors,
            links: BTreeMap::new(),
            next_link: 0,
            refused: Refused::default(),
            book: Book::default(),
            exam: None,
            interfaces,
            clients: BTreeMap::new(),
            users,
            watchers: BTreeSet::new(),
            followers: Followers::default(),
            peers_changed: true,
            pushed: now,
            noted: now,
            watchdog,
            status: String::new(),
        };
        hub.fill_book();
        hub.load_mail();
        hub
    }

    /// Runs until `stop` resolves, then takes leave of all links and clients, for good or to start
    /// again; tells which. `hangup` yields whenever the configuration is to be read again.
    pub async fn run(
        mut self,
        mut inboxes: Inboxes,
        mut hangup: impl AsyncFnMut(),
        stop: impl Future<Output = End>,
    ) -> End {
        let mut stop = std::pin::pin!(stop);
        let mut clients = Vec::new();
        let mut alarm = Sleep::until(Instant::now().into());
        self.drain();
        self.announce_ready();
        let end = loop {
            let now = self.now();
            let gated = self.node.is_gated(now.mono);
            self.doors.gate.set(self.node.busy_links(now.mono));
            let mut many = false;
            alarm.reset(self.deadline(gated).into());
            tokio::select! {
                event = inboxes.links.recv() => {
                    let Some(event) = event else { break End::Leave };
                    many = event.bytes() > MANY_BYTES;
                    self.on_link_event(event);
                }
                count = inboxes.clients.recv_many(&mut clients, TURN), if !gated => {
                    if count == 0 { break End::Leave }
                    let mut requests = 0;
                    for event in clients.drain(..) {
                        requests += event.requests();
                        self.on_client_event(event);
                    }
                    many = requests > MANY_REQUESTS;
                }
                Some(channel) = inboxes.arrivals.recv() => self.on_arrival(channel),
                Some(dialled) = inboxes.dials.recv() => self.on_dialled(dialled),
                Some(change) = inboxes.network.recv() => self.on_network_change(change),
                Some(heard) = inboxes.heard.recv() => self.on_heard(heard),
                Some(finds) = inboxes.finds.recv() => self.on_finds(finds),
                Some(mapped) = inboxes.mapped.recv() => self.on_mapped(mapped),
                Some(report) = inboxes.reports.recv() => self.on_report(report),
                () = &mut alarm => self.on_deadline(),
                () = hangup() => self.on_hangup(),
                end = &mut stop => break end,
            }
            self.drain();
            if many {
                tokio::task::yield_now().await;
            }
        };
        self.say_goodbye(end);
        self.finish_keeping(&mut inboxes.reports).await;
        for client in self.clients.values() {
            client.outbox.close();
        }
        end
    }

    fn now(&self) -> Now {
        self.parts.clock.now()
    }

    fn deadline(&self, gated: bool) -> Instant {
        let clock = self.parts.clock;
        let next = [
            self.book.due(),
            self.exam_due(),
            self.watchdog,
            self.parts.keeper.due(),
            self.parts.log.levels().until(),
            (!self.watchers.is_empty()).then(|| self.pushed + WATCH_REFRESH),
            gated.then(|| Instant::now() + GATE_CHECK),
        ];
        next.into_iter().flatten().fold(clock.instant(self.node.poll_timeout()), Instant::min)
    }

    fn on_deadline(&mut self) {
        let (now, instant) = (self.now(), Instant::now());
        if self.node.poll_timeout() <= now.mono {
            self.look_for_moves();
            self.node.handle_timeout(now);
        }
        self.parts.log.expire(instant);
        self.dial_due(instant);
        self.finish_exam(instant);
        self.note_for_next(instant);
        if let Some(due) = self.watchdog.filter(|due| *due <= instant) {
            self.parts.notifier.watchdog();
            let pause = self.parts.notifier.watchdog_interval().unwrap_or(Duration::MAX);
            // A loop that was late is not watched twice at once.
            self.watchdog = (due.max(instant)).checked_add(pause);
        }
        if instant.duration_since(self.pushed) >= WATCH_REFRESH && !self.watchers.is_empty() {
            self.peers_changed = true;
        }
    }

    fn say_goodbye(&mut self, end: End) {
        self.parts.notifier.stopping();
        if let Some(notebook) = &self.parts.notebook {
            notebook.clear();
        }
        let last = match end {
            End::Leave => Input::Shutdown,
            // What the next run cannot be told is not kept from those who wait for it.
            End::Restart if self.parts.notebook.is_none() => Input::Shutdown,
            End::Restart => Input::Restart,
        };
        self.node.handle(self.now(), last);
        self.drain();
        if end == End::Restart {
            self.carry_history();
        }
    }

    fn save_people(&self, people: &[SavedPerson]) {
        let saved = self.parts.store.save(crate::store::StateFile::People, &people);
        if let Err(error) = saved {
            tracing::error!("cannot keep people: {error}; {}", error.fix());
        }
    }

    fn save_acquaintances(&self, saved: &SavedAcquaintances) {
        let saved = self.parts.store.save(crate::store::StateFile::Acquaintances, saved);
        if let Err(error) = saved {
            tracing::error!("cannot keep names and mutes: {error}; {}", error.fix());
        }
    }

    fn is_linked(&self, node: &NodeId) -> bool {
        self.links.values().any(|link| link.live && link.peer == *node)
    }
}

/// How often those who watch peers get fresh numbers without a change.
const WATCH_REFRESH: Duration = Duration::from_secs(2);
/// Messages taken at once from the inbox of clients; what they send is signed together.
const TURN: usize = 4;
/// From so much on, links and clients may move on what came of it before the hub goes on: a queue
/// must not fill up, unseen, while nobody empties it.
const MANY_BYTES: usize = 16 * 1024;
/// The same for requests.
const MANY_REQUESTS: usize = 64;
/// How often to look whether clients may go on.
const GATE_CHECK: Duration = Duration::from_millis(20);
