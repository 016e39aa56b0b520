//! Calling and listening.

use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use meshchat_proto::beacon::{BEACON_BYTES, Beacon, BeaconKey};
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, watch};

use super::filter::{Filter, Verdict};
use super::judge::judge;
use super::pace::Pace;
use super::place::{Place, choose};
use super::stats::{InterfaceStats, Stats};
use super::{Heard, Orders};
use crate::sleep::Sleep;

/// This node.
#[derive(Debug)]
pub(super) struct Me {
    pub(super) key: BeaconKey,
    pub(super) beacon: Beacon,
    pub(super) listen: IpAddr,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Task {
    me: Me,
    orders: watch::Receiver<Orders>,
    heard: mpsc::Sender<Heard>,
    /// Its rows are those of `places`, in the same order.
    stats: Arc<Mutex<Stats>>,
    places: Vec<Place>,
    hurries: u64,
    pace: Pace,
    filter: Filter,
}

impl Task {
    pub(super) fn new(
        me: Me,
        mut orders: watch::Receiver<Orders>,
        heard: mpsc::Sender<Heard>,
        stats: Arc<Mutex<Stats>>,
    ) -> Self {
        orders.mark_changed();
        let (pace, filter) = (Pace::new(Instant::now()), Filter::new());
        Self { me, orders, heard, stats, places: Vec::new(), hurries: 0, pace, filter }
    }

    /// Runs until there are no orders any more.
    pub(super) async fn run(mut self) {
        let mut alarm = Sleep::until(Instant::now());
        loop {
            alarm.reset(self.pace.due());
            let mut full = false;
            tokio::select! {
                changed = self.orders.changed() => match changed {
                    Ok(()) => self.obey(),
                    Err(_) => return,
                },
                () = &mut alarm, if !self.places.is_empty() => self.call(),
                () = readable(&self.places) => full = self.listen(),
            }
            if full {
                // More than anybody honest sends: others have their turn, and the rest waits in
                // the kernel, which drops what it cannot hold.
                tokio::time::sleep(REST).await;
            }
        }
    }

    fn obey(&mut self) {
        let now = Instant::now();
        let orders = self.orders.borrow_and_update();
        let hurries = orders.hurries;
        let moved = self.me.key != orders.key;
        self.me.key = orders.key.clone();
        let (mut places, left_out) = choose(&orders, self.me.listen);
        drop(orders);
        let is_new = |place: &Place| !self.places.iter().any(|old| old.is_at(place));
        let came = places.iter().any(is_new);
        for place in &mut places {
            let old = self.places.iter_mut().find(|old| old.is_at(place));
            place.socket = old.and_then(|old| old.socket.take());
        }
        self.places = places;
        self.renew_rows(left_out);
        if came || moved {
            self.filter.clear();
            self.pace.restart(now);
        } else if hurries != self.hurries {
            self.pace.hurry(now);
        }
        self.hurries = hurries;
        // To hear others before the first own beacon is due.
        self.open_all();
    }

    fn renew_rows(&self, left_out: usize) {
        let mut stats = self.stats();
        let mut old = std::mem::take(&mut stats.interfaces);
        let rows = self.places.iter().map(|place| {
            let (name, family) = (&place.interface.name, place.family);
            let known = old.iter().position(|row| row.name == *name && row.family == family);
            known.map_or_else(|| InterfaceStats::new(name, family), |at| old.swap_remove(at))
        });
        stats.interfaces = rows.collect();
        stats.left_out = left_out;
    }

    fn open_all(&mut self) {
        let stats = Arc::clone(&self.stats);
        let mut stats = lock(&stats);
        for (place, row) in self.places.iter_mut().zip(&mut stats.interfaces) {
            if let Err(error) = place.open() {
                row.failed(&error);
            }
        }
    }

    /// Sends a beacon everywhere.
    fn call(&mut self) {
        self.pace.sent(Instant::now(), random());
        let bytes = self.me.key.seal(&self.me.beacon);
        let stats = Arc::clone(&self.stats);
        let mut stats = lock(&stats);
        for (place, row) in self.places.iter_mut().zip(&mut stats.interfaces) {
            row.before_call();
            match place.send(&bytes) {
                Ok(()) => row.sent += 1,
                Err(error) => row.failed(&error),
            }
        }
    }

    /// Reads what has come. Whether there was too much of it.
    fn listen(&mut self) -> bool {
        let stats = Arc::clone(&self.stats);
        let mut stats = lock(&stats);
        let budget = (TURN / self.places.len().max(1)).max(LEAST_TURN);
        let mut full = false;
        for at in 0..self.places.len() {
            full |= self.listen_at(at, budget, &mut stats);
        }
        stats.pairs = self.filter.len();
        full
    }

    fn listen_at(&mut self, at: usize, budget: usize, stats: &mut Stats) -> bool {
        // One byte more than a beacon has, so that what is too long is seen.
        let mut buffer = [0; BEACON_BYTES + 1];
        let Some(row) = stats.interfaces.get_mut(at) else { return false };
        for _ in 0..budget {
            let Some(place) = self.places.get_mut(at) else { return false };
            let Some(socket) = &place.socket else { return false };
            let (length, from) = match socket.try_recv_from(&mut buffer) {
                Ok(received) => received,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) => {
                    // The interface went down; it is opened anew with the next beacon.
                    row.failed(&error);
                    place.socket = None;
                    return false;
                }
            };
            let datagram = buffer.get(..length).unwrap_or_default();
            if let Some(heard) = judge(&self.me, place, datagram, from, row, &mut stats.drops) {
                self.on_heard(heard, &mut stats.drops);
            }
        }
        true
    }

    fn on_heard(&mut self, heard: Heard, drops: &mut super::Drops) {
        let now = Instant::now();
        let Heard { nonce, address, .. } = heard;
        match self.filter.judge(now, nonce, address) {
            Verdict::New => self.pace.newcomer(now, random()),
            Verdict::Again => {}
            Verdict::Known => return,
            Verdict::Busy => {
                drops.rate += 1;
                return;
            }
        }
        if let Err(TrySendError::Full(_)) = self.heard.try_send(heard) {
            drops.inbox += 1;
            self.filter.forget(nonce, address);
        }
    }

    fn stats(&self) -> MutexGuard<'_, Stats> {
        lock(&self.stats)
    }
}

/// Ready when there is something to read.
async fn readable(places: &[Place]) {
    std::future::poll_fn(|cx| {
        let mut any = false;
        for socket in places.iter().filter_map(|place| place.socket.as_ref()) {
            // Each is asked, so that each wakes us.
            any |= socket.poll_recv_ready(cx).is_ready();
        }
        if any { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

fn lock(stats: &Mutex<Stats>) -> MutexGuard<'_, Stats> {
    stats.lock().unwrap_or_else(PoisonError::into_inner)
}

fn random() -> u64 {
    // Without randomness beacons are merely not jittered.
    getrandom::u64().unwrap_or(0)
}

/// Datagrams that are read before others have their turn.
const TURN: usize = 64;
/// At least from each interface and family.
const LEAST_TURN: usize = 4;
/// A pause after a full turn: so a flood costs a tenth of a small machine, not all of it.
const REST: Duration = Duration::from_millis(3);
