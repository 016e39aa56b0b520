//! Counts that moved between two looks.

use std::collections::BTreeMap;

use meshchat_client::proto::control::{DoorInfo, Status};
use serde::Serialize;

/// What was counted the last time. As bounded as what the daemon tells.
#[derive(Debug, Default)]
pub(super) struct Counts {
    boot: Option<u64>,
    clients: Option<u32>,
    drops: BTreeMap<String, u64>,
    doors: Option<BTreeMap<String, Door>>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct ClientChange {
    clients: u32,
    was: Option<u32>,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct DropChange {
    reason: String,
    /// In this run of the daemon.
    count: u64,
    /// Since the last line of this reason.
    added: u64,
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct DoorChange {
    /// `open` or `closed`.
    state: &'static str,
    door: String,
    address: String,
    clients: u32,
    problem: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Door {
    address: String,
    clients: u32,
    problem: String,
}

impl Counts {
    /// How many programs are at the control socket, when that is new. The one that looks counts.
    pub(super) fn clients(&mut self, status: &Status) -> Option<ClientChange> {
        let (clients, was) = (status.clients, self.clients.replace(status.clients));
        (was != Some(clients)).then_some(ClientChange { clients, was })
    }

    /// Reasons whose count moved; not what was dropped before the first look.
    pub(super) fn drops(&mut self, status: &Status) -> Vec<DropChange> {
        let first = self.boot.is_none();
        if self.boot.replace(status.boot) != Some(status.boot) {
            self.drops.clear();
        }
        let mut changes = Vec::new();
        for drop in &status.drops {
            let was = self.drops.insert(drop.reason.clone(), drop.count).unwrap_or(0);
            let added = drop.count.saturating_sub(was);
            if added > 0 && !first {
                changes.push(DropChange { reason: drop.reason.clone(), count: drop.count, added });
            }
        }
        changes
    }

    /// Doors that are new, gone, or have other clients or another problem.
    pub(super) fn doors(&mut self, doors: &[DoorInfo]) -> Vec<DoorChange> {
        let now: BTreeMap<String, Door> = doors
            .iter()
            .map(|door| {
                let address = door.addresses.first().cloned().unwrap_or_default();
                let (clients, problem) = (door.clients, door.problem.clone());
                (format!("{} {address}", door.name), Door { address, clients, problem })
            })
            .collect();
        let was = self.doors.replace(now.clone()).unwrap_or_default();
        let closed = was.iter().filter(|(name, _)| !now.contains_key(*name));
        let closed = closed.map(|(name, door)| change("closed", name, door));
        let others = now.iter().filter(|(name, door)| was.get(*name) != Some(*door));
        closed.chain(others.map(|(name, door)| change("open", name, door))).collect()
    }
}

fn change(state: &'static str, name: &str, door: &Door) -> DoorChange {
    let kind = name.split(' ').next().unwrap_or_default().to_owned();
    let (address, problem) = (door.address.clone(), door.problem.clone());
    DoorChange { state, door: kind, address, clients: door.clients, problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn door(clients: u32) -> DoorInfo {
        DoorInfo {
            name: "irc".into(),
            addresses: vec!["a:6667".into()],
            clients,
            most: 9,
            pairing: false,
            problem: String::new(),
            drops: Vec::new(),
        }
    }

    #[test]
    fn only_doors_that_changed_are_told() {
        let mut counts = Counts::default();
        let states = |changes: Vec<DoorChange>| -> Vec<(&'static str, u32)> {
            changes.into_iter().map(|change| (change.state, change.clients)).collect()
        };
        assert_eq!(states(counts.doors(&[door(0)])), [("open", 0)]);
        assert_eq!(states(counts.doors(&[door(0)])), []);
        assert_eq!(states(counts.doors(&[door(2)])), [("open", 2)]);
        assert_eq!(states(counts.doors(&[])), [("closed", 2)]);
    }
}
