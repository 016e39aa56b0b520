//! When to ask, and what to make of the answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crab_nat::pcp::Nonce;
use tokio::sync::{mpsc, watch};

use super::announce::{Ear, restarted};
use super::ask::{self, Failure, Lease};
use super::gateway::Target;
use super::{Held, Mapped, Orders, State};
use crate::interfaces::Interface;
use crate::sleep::Sleep;

/// See the module.
pub(super) struct Task<F> {
    find: F,
    nonce: Nonce,
    orders: watch::Receiver<Orders>,
    news: mpsc::Sender<Mapped>,
    told: Mapped,
    state: Arc<Mutex<State>>,
    target: Option<Target>,
    /// With when it was given.
    held: Option<(Lease, Instant)>,
    ear: Option<Ear>,
    /// Whether this router has ever answered.
    answers: bool,
    failures: usize,
    asked: Option<Instant>,
    due: Instant,
}

impl<F: Fn(&[Interface]) -> Option<Target>> Task<F> {
    pub(super) fn new(
        find: F,
        nonce: Nonce,
        orders: watch::Receiver<Orders>,
        news: mpsc::Sender<Mapped>,
        state: Arc<Mutex<State>>,
    ) -> Self {
        Self {
            find,
            nonce,
            orders,
            news,
            told: Mapped { address: None },
            state,
            target: None,
            held: None,
            ear: None,
            answers: false,
            failures: 0,
            asked: None,
            due: Instant::now(),
        }
    }

    /// Runs until there are no orders any more; then gives back what it holds.
    pub(super) async fn run(mut self) {
        let mut alarm = Sleep::until(self.due);
        loop {
            let on = self.orders.borrow().on;
            alarm.reset(self.due);
            tokio::select! {
                changed = self.orders.changed() => match changed {
                    Ok(()) => self.obey().await,
                    Err(_) => break,
                },
                () = &mut alarm, if on => self.look().await,
                epoch = hear(&mut self.ear) => self.on_announcement(epoch),
            }
        }
        self.give_back().await;
    }

    /// The setting or the interfaces changed.
    async fn obey(&mut self) {
        let on = self.orders.borrow_and_update().on;
        self.write(|state| state.on = on);
        if !on {
            self.give_back().await;
            self.target = None;
            self.failures = 0;
            self.due = Instant::now();
            self.write(|state| *state = State::default());
            self.tell().await;
        } else if self.find() != self.target || self.target.is_none() {
            self.failures = 0;
            self.hurry();
        }
    }

    /// As soon as may be: a network that comes and goes does not make many packets.
    fn hurry(&mut self) {
        let now = Instant::now();
        self.due = self.asked.map_or(now, |asked| now.max(asked + LEAST_PAUSE));
    }

    fn on_announcement(&mut self, epoch: u32) {
        let Some((lease, since)) = &self.held else { return };
        if restarted(lease.epoch, since.elapsed(), epoch) {
            tracing::debug!("the router started anew; it is asked for the mapping again");
            self.hurry();
        }
    }

    fn find(&self) -> Option<Target> {
        let orders = self.orders.borrow();
        orders.on.then(|| (self.find)(&orders.interfaces)).flatten()
    }

    /// Looks for the router, and asks it.
    async fn look(&mut self) {
        let target = self.find();
        if target != self.target {
            // What another router gave leads nowhere now.
            (self.held, self.ear) = (None, None);
            (self.target, self.answers, self.failures) = (target, false, 0);
            self.write(|state| {
                let gateway = target.map(|target| target.gateway);
                *state = State { on: true, gateway, ..State::default() };
            });
            self.tell().await;
        }
        let Some(target) = target else {
            self.wait_longer();
            return;
        };
        let patience = self.answers || self.failures < PATIENT;
        let held = self.held.map(|(lease, _)| lease);
        self.asked = Some(Instant::now());
        let mut stop = self.orders.clone();
        let asking = ask::ask(&target, self.nonce, held.as_ref(), patience);
        let answer = tokio::select! {
            answer = asking => answer,
            // What was asked for meanwhile is asked for again, or ends by itself.
            _ = stop.changed() => return self.hurry(),
        };
        match answer {
            Ok(lease) => self.on_lease(&target, lease),
            Err(failure) => self.on_failure(failure),
        }
        self.tell().await;
    }

    fn on_lease(&mut self, target: &Target, lease: Lease) {
        let now = Instant::now();
        let Lease { protocol, external, tcp, lifetime, .. } = lease;
        let before = self.held.replace((lease, now)).map(|(lease, _)| lease.external);
        let held = Held {
            protocol,
            external,
            internal: target.port.get(),
            tcp,
            global: lease.is_global(),
            until: now + lifetime,
        };
        if before != Some(external) && held.global {
            tracing::info!("the router lets others in at {external} ({protocol})");
        } else if before != Some(external) {
            tracing::debug!("double NAT: the router gave {external}, which is not told on");
        }
        if self.ear.is_none() {
            self.ear = Ear::open(target.gateway)
                .inspect_err(|error| tracing::debug!("the router is not listened to: {error}"))
                .ok();
        }
        (self.answers, self.failures) = (true, 0);
        self.due = now + lifetime / 2;
        self.write(|state| (state.held, state.failure) = (Some(held), None));
    }

    fn on_failure(&mut self, failure: Failure) {
        let now = Instant::now();
        if self.failures == 0 {
            tracing::debug!("no mapping: {failure}");
        }
        self.answers |= failure != Failure::Silent;
        self.wait_longer();
        let end = self.held.map(|(lease, since)| since + lease.lifetime);
        match end {
            Some(end) if end > now => self.due = self.due.min(end),
            Some(_) => {
                tracing::info!("the mapping of the router has ended");
                (self.held, self.ear, self.answers) = (None, None, false);
            }
            None => {}
        }
        let held = self.held.is_some();
        self.write(|state| {
            state.failure = Some(failure);
            state.held = state.held.filter(|_| held);
        });
    }

    fn wait_longer(&mut self) {
        let pause = PAUSES.get(self.failures).copied().unwrap_or(LONGEST_PAUSE);
        self.failures += 1;
        self.due = Instant::now() + pause;
    }

    async fn give_back(&mut self) {
        self.ear = None;
        if let (Some(target), Some((lease, _))) = (self.target, self.held.take()) {
            ask::release(&target, self.nonce, &lease).await;
        }
    }

    /// Tells the hub what is new to it.
    async fn tell(&mut self) {
        let global = self.held.map(|(lease, _)| lease).filter(Lease::is_global);
        let news = Mapped { address: global.map(|lease| lease.external.into()) };
        if news != self.told {
            self.told = news;
            // Without a hub there are no orders either.
            self.news.send(news).await.ok();
        }
    }

    fn write(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

async fn hear(ear: &mut Option<Ear>) -> u32 {
    match ear {
        Some(ear) => ear.hear().await,
        None => std::future::pending().await,
    }
}

/// Pauses after each failure, and before the next look for a router where there is none.
const PAUSES: [Duration; 6] = [
    Duration::from_secs(2),
    Duration::from_secs(6),
    Duration::from_secs(20),
    Duration::from_secs(60),
    Duration::from_secs(300),
    Duration::from_secs(1200),
];
/// After those.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// Tries in which lost packets are sent again to a router that has not answered yet.
const PATIENT: usize = 3;
/// Between two times that a router is asked.
const LEAST_PAUSE: Duration = Duration::from_secs(2);
