//! Finding nodes on the local network: beacons to a multicast group, on each interface by itself.
//!
//! A beacon is a hint and proves nothing. This module calls, listens, and tells the hub what it
//! heard, little of it however much comes in; whom to dial is decided elsewhere.

mod filter;
mod judge;
mod pace;
mod place;
mod stats;
mod task;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use meshchat_proto::beacon::{Beacon, BeaconKey};
use meshchat_proto::id::NetworkId;
use tokio::sync::{mpsc, watch};

use crate::config::{Discovery, Patterns};
use crate::interfaces::Interface;
use crate::supervise::Tasks;

pub use filter::PAIRS;
pub use place::INTERFACES;
pub use stats::{Drops, Family, InterfaceStats, Stats};

/// Beacons that wait for the hub; when it is full, further ones are dropped and heard again.
pub const HEARD_INBOX: usize = 16;

/// A beacon of another node of our network, or a forged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heard {
    /// The number of the interface that it came by.
    pub interface: u32,
    /// What tells starts of nodes apart.
    pub nonce: [u8; 16],
    /// Where that node takes links, if the beacon is true: on a subnet of the interface, or
    /// link-local with its scope id.
    pub address: SocketAddr,
}

/// What discovery is to do.
#[derive(Debug, Clone)]
struct Orders {
    discovery: Discovery,
    patterns: Patterns,
    interfaces: Vec<Interface>,
    /// Writes and reads the beacons of our network.
    key: BeaconKey,
    /// Goes up with each wish for a quick start.
    hurries: u64,
}

/// What the hub has in hand.
#[derive(Debug)]
pub struct Handle {
    orders: watch::Sender<Orders>,
    nonce: [u8; 16],
    stats: Arc<Mutex<Stats>>,
}

/// Begins to call and to listen. `listen` is where links are taken; none means nowhere.
#[must_use]
pub fn start(
    tasks: &Tasks,
    network: &NetworkId,
    listen: Option<SocketAddr>,
    settings: (Discovery, Patterns),
    interfaces: &[Interface],
    heard: mpsc::Sender<Heard>,
) -> Handle {
    let (discovery, patterns) = settings;
    let interfaces = interfaces.to_vec();
    let key = BeaconKey::new(network);
    let (orders, taken) =
        watch::channel(Orders { discovery, patterns, interfaces, key: key.clone(), hurries: 0 });
    let stats = Arc::<Mutex<Stats>>::default();
    let mut nonce = [0; 16];
    // Without randomness a node could not tell its own beacons from those of others.
    match (listen, getrandom::fill(&mut nonce)) {
        (Some(listen), Ok(())) => {
            let me = task::Me {
                key,
                beacon: Beacon { port: listen.port(), nonce },
                listen: listen.ip(),
            };
            tasks.spawn(task::Task::new(me, taken, heard, Arc::clone(&stats)).run());
        }
        (Some(_), Err(error)) => tracing::error!("no discovery without randomness: {error}"),
        (None, _) => {}
    }
    Handle { orders, nonce, stats }
}

impl Handle {
    /// The interfaces are other ones now. What came is called on at once.
    pub fn network_changed(&self, interfaces: &[Interface], came: bool) {
        self.orders.send_modify(|orders| {
            orders.interfaces = interfaces.to_vec();
            orders.hurries += u64::from(came);
        });
    }

    /// What tells our own beacons from those of others.
    #[must_use]
    pub fn nonce(&self) -> &[u8; 16] {
        &self.nonce
    }

    /// New settings.
    pub fn configure(&self, discovery: Discovery, patterns: &Patterns) {
        self.orders.send_if_modified(|orders| {
            let same = orders.discovery == discovery && orders.patterns == *patterns;
            orders.discovery = discovery;
            orders.patterns.clone_from(patterns);
            !same
        });
    }

    /// The node belongs to another network now.
    pub fn set_network(&self, network: &NetworkId) {
        self.orders.send_modify(|orders| {
            orders.key = BeaconKey::new(network);
            orders.hurries += 1;
        });
    }

    /// Calls as often as after the start for a while. Asking again meanwhile changes nothing.
    pub fn hurry(&self) {
        self.orders.send_modify(|orders| orders.hurries += 1);
    }

    /// What was sent, heard and dropped so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.stats.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
