//! How the doors are, for the daemon to tell whoever asks.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use meshchat_client::proto::control::{DoorInfo, DropCount};
use meshchat_client::proto::limits::{DOOR_ADDRESSES, DOOR_TEXT};
use tokio::sync::Notify;

/// All doors.
#[derive(Debug, Clone, Default)]
pub struct Board {
    doors: Arc<Mutex<Vec<Door>>>,
    changed: Arc<Notify>,
}

/// How one door is. Clones share it.
#[derive(Debug, Clone)]
pub struct Door {
    state: Arc<Mutex<State>>,
    changed: Arc<Notify>,
}

#[derive(Debug)]
struct State {
    info: DoorInfo,
    drops: BTreeMap<&'static str, u64>,
}

impl Board {
    /// Opens an entry for a door of this kind.
    pub fn door(&self, name: &str, most: usize) -> Door {
        let info = DoorInfo {
            name: name.to_owned(),
            addresses: Vec::new(),
            clients: 0,
            most: u32::try_from(most).unwrap_or(u32::MAX),
            pairing: false,
            problem: String::new(),
            drops: Vec::new(),
        };
        let state = Arc::new(Mutex::new(State { info, drops: BTreeMap::new() }));
        let door = Door { state, changed: Arc::clone(&self.changed) };
        self.doors.lock().unwrap_or_else(PoisonError::into_inner).push(door.clone());
        door
    }

    /// How all doors are now.
    pub fn infos(&self) -> Vec<DoorInfo> {
        let doors = self.doors.lock().unwrap_or_else(PoisonError::into_inner);
        doors.iter().map(Door::info).collect()
    }

    /// Waits until something changed since the last wait.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }
}

impl Door {
    /// How it is now.
    pub fn info(&self) -> DoorInfo {
        let state = self.state();
        let drops = state.drops.iter();
        let drops =
            drops.map(|(reason, count)| DropCount { reason: (*reason).into(), count: *count });
        DoorInfo { drops: drops.collect(), ..state.info.clone() }
    }

    /// Where it is, as a person would type it.
    pub fn set_addresses(&self, addresses: impl IntoIterator<Item = String>) {
        let fits = |address: &String| address.len() <= DOOR_TEXT;
        self.state().info.addresses =
            addresses.into_iter().filter(fits).take(DOOR_ADDRESSES).collect();
        self.changed.notify_one();
    }

    /// It asks for a code of `meshchatctl pair`.
    pub fn set_pairing(&self, pairing: bool) {
        self.state().info.pairing = pairing;
        self.changed.notify_one();
    }

    /// What is wrong with it; empty when it works.
    pub fn set_problem(&self, problem: &str) {
        let problem = super::cut(problem, DOOR_TEXT);
        let mut state = self.state();
        if state.info.problem != problem {
            problem.clone_into(&mut state.info.problem);
            self.changed.notify_one();
        }
    }

    /// How many clients are in.
    pub fn set_clients(&self, clients: usize) {
        self.state().info.clients = u32::try_from(clients).unwrap_or(u32::MAX);
        self.changed.notify_one();
    }

    /// Counts something that was refused or dropped; `reason` is a stable word.
    pub fn count(&self, reason: &'static str) {
        self.count_many(reason, 1);
    }

    /// The same, several at once.
    pub fn count_many(&self, reason: &'static str, more: u64) {
        if more == 0 {
            return;
        }
        *self.state().drops.entry(reason).or_default() += more;
        self.changed.notify_one();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
