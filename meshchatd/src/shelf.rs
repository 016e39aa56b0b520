//! What is on disk when the daemon starts: messages of earlier runs, and cursors.

use meshchat_core::{Mono, Restored, SavedCursors, Stored};
use tokio::sync::mpsc;

use crate::clock::Clock;
use crate::config::{History, Settings};
use crate::hub::{Keeper, Shelf};
use crate::start::with_fix;
use crate::store::cursors::CursorFile;
use crate::store::log::{Bounds, Damage, Directory, Log, SEGMENT};
use crate::store::scribe::{Report, Scribe};
use crate::store::{StateDir, StateFile, StoreError};
use crate::supervise::Tasks;

/// The log, read and not yet written.
#[derive(Debug)]
pub(crate) struct Opened {
    log: Option<(Log<Directory>, Bounds, Damage)>,
    ran: Mono,
}

/// Reads messages and cursors, adds what the run before has carried over, and reserves the numbers
/// of the messages to come.
pub(crate) fn open(
    settings: &Settings,
    store: &StateDir,
    carried: Option<(Restored, Mono)>,
) -> anyhow::Result<(Stored, Opened)> {
    let mut opened = Opened { log: None, ran: Mono::ZERO };
    let mut restored = Restored::default();
    if settings.history.value == History::Disk {
        let bytes = settings.history_size.value.0;
        let per_day = settings.history_budget.value.0;
        let bounds = Bounds { bytes, per_day, segment: SEGMENT };
        let disk = Directory::new(store.path().join(DIRECTORY));
        let (log, found) = Log::open(disk, bounds);
        if let Some(error) = found.error {
            let error = StoreError::from_io(&store.path().join(DIRECTORY), error);
            tracing::error!("cannot read earlier messages: {error}; {}", error.fix());
        }
        if found.damage != Damage::default() {
            let Damage { places, bytes, files } = found.damage;
            tracing::warn!(places, bytes, files, "a part of the history is damaged and skipped");
        }
        (restored, opened.ran) = (found.restored, found.ran);
        opened.log = Some((log, bounds, found.damage));
    }
    if settings.history.value != History::Off
        && let Some((carried, ran)) = carried
    {
        let newest = restored.messages.last().map_or(0, |kept| kept.cursor);
        if opened.log.is_none() {
            restored = carried;
        } else {
            restored
                .messages
                .extend(carried.messages.into_iter().filter(|kept| kept.cursor > newest));
        }
        opened.ran = opened.ran.max(ran);
    }
    let saved = store.load::<SavedCursors>(StateFile::Cursors).unwrap_or_else(|error| {
        tracing::error!("cursors start anew: {error}; {}", error.fix());
        None
    });
    let last = restored.messages.last().map_or(0, |kept| kept.cursor);
    let newest = restored.snapshot.newest.max(last);
    let cursors = saved.unwrap_or_default().next_run(newest);
    store.save(StateFile::Cursors, &cursors).map_err(with_fix)?;
    Ok((Stored { restored, cursors, age: settings.history_age.value.0 }, opened))
}

impl Opened {
    /// What the running clock showed last.
    pub(crate) fn ran(&self) -> Mono {
        self.ran
    }

    /// Starts what writes.
    pub(crate) fn start(
        self,
        tasks: &Tasks,
        store: &StateDir,
        clock: Clock,
        reports: mpsc::Sender<Report>,
    ) -> Keeper {
        let directory = store.path().to_path_buf();
        let cursors = CursorFile::new(store.kept_in().into(), store.quick_place().map(Into::into));
        let (log, facts) = match self.log {
            Some((log, bounds, damage)) => (Some(log), Some((bounds, damage))),
            None => (None, None),
        };
        let (door, begin) = Scribe::start(tasks, cursors, log, clock, reports);
        let shelf = facts
            .map(|(bounds, damage)| Shelf::new(directory.join(DIRECTORY), bounds, damage, begin));
        Keeper::new(door, shelf)
    }
}

/// In the state directory.
const DIRECTORY: &str = "history";
