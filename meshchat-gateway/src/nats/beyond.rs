//! Other islands of nodes, as people here see them: each is a guest whose note says who is there.

use std::collections::BTreeMap;
use std::time::Duration;

use meshchat_client::proto::control::{Dm, Request, Start};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::limits::{NAME_CHARS, NOTE_CHARS};
use meshchat_client::{Identity, TailRequest};
use tokio::sync::watch;
use tokio::time::{self, Instant};

use super::payload::{Summary, person_name};
use super::people::{Tries, VIA, enter};
use crate::door::{House, fresh_key};

/// All islands.
#[derive(Debug)]
pub(super) struct Beyond {
    house: House,
    islands: BTreeMap<NodeId, Island>,
}

#[derive(Debug)]
struct Island {
    heard: Instant,
    note: watch::Sender<String>,
}

impl Beyond {
    pub(super) fn new(house: House) -> Self {
        Self { house, islands: BTreeMap::new() }
    }

    /// The bridge at a node tells who is in its island.
    pub(super) fn heard(&mut self, now: Instant, node: NodeId, summary: &Summary) {
        let words = summary.words(NOTE_CHARS);
        if let Some(island) = self.islands.get_mut(&node) {
            island.heard = now;
            island.note.send_if_modified(|note| {
                let changed = *note != words;
                *note = words;
                changed
            });
            return;
        }
        let (true, Ok(key)) = (self.islands.len() < ISLANDS, fresh_key()) else { return };
        let name = person_name(&format!("beyond-{}", person_name(&summary.name)));
        let name: String = name.chars().take(NAME_CHARS).collect();
        let (note, notes) = watch::channel(words.clone());
        let (rooms, away) = (Some(Vec::new()), Some(words));
        let identity = Identity { name, via: VIA.to_owned(), key, rooms, away };
        self.house.tasks.spawn(stand(self.house.clone(), identity, notes));
        self.islands.insert(node, Island { heard: now, note });
    }

    /// Forgets islands that are not heard of any more.
    pub(super) fn tick(&mut self, now: Instant) {
        // Who could not come in is tried again when the island is heard of once more.
        let stands = |island: &Island| !island.note.is_closed();
        self.islands.retain(|_, island| now - island.heard < SILENT && stands(island));
    }
}

/// Stands for an island until nobody tells of it any more.
async fn stand(house: House, identity: Identity, mut notes: watch::Receiver<String>) {
    let nothing = TailRequest::Messages {
        room: None,
        start: Start::Now,
        follow: true,
        presence: false,
        dm: Dm::No,
        cursor: None,
    };
    let entering = enter(&house, identity, nothing, Tries::Few);
    let guest = tokio::select! {
        guest = entering => guest,
        () = forgotten(&notes) => None,
    };
    let Some(mut guest) = guest else { return };
    loop {
        tokio::select! {
            changed = notes.changed() => {
                if changed.is_err() {
                    return;
                }
                let note = notes.borrow_and_update().clone();
                let away = Request::Away { away: true, note };
                if guest.speaker().ask(away).await.is_err() {
                    // Marked, it would be changed for ever, even when nobody can change it more.
                    if notes.has_changed().is_err() {
                        return;
                    }
                    notes.mark_changed();
                    time::sleep(RETRY).await;
                }
            }
            item = guest.next() => {
                if !matches!(item, Some(Ok(_))) {
                    return;
                }
            }
        }
    }
}

/// Waits until nobody tells of the island any more.
async fn forgotten(notes: &watch::Receiver<String>) {
    while notes.has_changed().is_ok() {
        time::sleep(RETRY).await;
    }
}

/// Islands that are shown; further ones are not.
const ISLANDS: usize = 8;
/// An island that was silent for so long is gone.
const SILENT: Duration = Duration::from_secs(30);
const RETRY: Duration = Duration::from_millis(500);
