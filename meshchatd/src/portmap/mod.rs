//! Asking the router for a way in: PCP, and NAT-PMP where that is all it speaks.
//!
//! A router that gives a mapping is asked for it again at half of its time, one that does not is
//! left alone ever longer. Nothing is asked where this machine is reachable without it, or has no
//! router.

mod announce;
mod ask;
mod gateway;
mod task;

use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use crate::config::Mapping;
use crate::interfaces::Interface;
use crate::supervise::Tasks;

pub use ask::{Failure, Protocol};

/// News for the hub: where the router lets others in, if it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mapped {
    /// An address of the internet; none that another router hides again.
    pub address: Option<SocketAddr>,
}

/// News that waits for the hub; the task waits when it is full.
pub const MAPPED_INBOX: usize = 2;

/// What is known of the router.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct State {
    /// Whether routers are asked.
    pub on: bool,
    /// The router, if this machine has one and needs its help.
    pub gateway: Option<Ipv4Addr>,
    /// What it gave.
    pub held: Option<Held>,
    /// Why it gave nothing when it was last asked.
    pub failure: Option<Failure>,
}

/// A mapping that is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What the router speaks.
    pub protocol: Protocol,
    /// Where others get in.
    pub external: SocketAddrV4,
    /// The port of this machine that they reach.
    pub internal: u16,
    /// Whether TCP gets in too.
    pub tcp: bool,
    /// Whether the address is one of the internet; otherwise another router is behind this one,
    /// and the address is not told.
    pub global: bool,
    /// When it ends unless it is asked for again.
    pub until: Instant,
}

/// What the task is to do.
#[derive(Debug, Clone)]
struct Orders {
    on: bool,
    interfaces: Vec<Interface>,
}

/// What the hub has in hand. When it is dropped, the mapping is given back.
#[derive(Debug)]
pub struct Handle {
    orders: watch::Sender<Orders>,
    state: Arc<Mutex<State>>,
}

/// Begins to ask for `listen`, where links are taken; none means nowhere. `secret` belongs to
/// this node, so that it gets back what it had before a power cut.
#[must_use]
pub fn start(
    tasks: &Tasks,
    secret: &[u8; 32],
    listen: Option<SocketAddr>,
    mapping: Mapping,
    interfaces: &[Interface],
    news: mpsc::Sender<Mapped>,
) -> Handle {
    let on = mapping == Mapping::Auto;
    let (orders, taken) = watch::channel(Orders { on, interfaces: interfaces.to_vec() });
    let state = Arc::new(Mutex::new(State { on, ..State::default() }));
    if let Some(listen) = listen.filter(|listen| !listen.ip().is_loopback()) {
        let nonce = ask::nonce(secret);
        let find = move |interfaces: &[Interface]| gateway::find(listen, interfaces);
        let task = task::Task::new(find, nonce, taken, news, Arc::clone(&state));
        // It gives the mapping back once the hub is gone.
        tasks.spawn_draining(task.run());
    }
    Handle { orders, state }
}

impl Handle {
    /// A new setting.
    pub fn configure(&self, mapping: Mapping) {
        let on = mapping == Mapping::Auto;
        self.orders.send_if_modified(|orders| std::mem::replace(&mut orders.on, on) != on);
    }

    /// The interfaces are other ones now.
    pub fn network_changed(&self, interfaces: &[Interface]) {
        self.orders.send_modify(|orders| orders.interfaces = interfaces.to_vec());
    }

    /// What is known of the router now.
    #[must_use]
    pub fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[cfg(test)]
mod tests;
