//! What a new configuration changes in a running daemon.

use super::error::ConfigError;
use super::flags::Flags;
use super::keys::Key;
use super::paths::Environment;
use super::settings::{Loaded, Settings, load, render};
use super::values::Peer;

/// One key that has another value now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: Key,
    /// The value in use.
    pub old: String,
    /// The value that was read.
    pub new: String,
    /// Whether it applies at once; otherwise it needs a restart.
    pub live: bool,
}

/// Peers that came and went between two settings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerChanges {
    /// To be dialled from now on, also those whose pinned key changed.
    pub added: Vec<Peer>,
    /// No longer configured, also those whose pinned key changed.
    pub removed: Vec<Peer>,
}

/// Reads everything anew; on success `running` takes over what can change live.
///
/// The changes that need a restart are reported and not taken over, so that `running` stays what
/// the daemon does.
///
/// # Errors
/// Every problem that was found; then `running` is untouched.
pub fn reload(
    running: &mut Settings,
    flags: &Flags,
    environment: &Environment,
) -> Result<Vec<Change>, ConfigError> {
    let Loaded { settings, warnings: _ } = load(flags, environment)?;
    let changes = Settings::diff(running, &settings);
    running.take_live(settings);
    Ok(changes)
}

impl Settings {
    /// Every key whose value differs, in the order of [`Key::ALL`].
    #[must_use]
    pub fn diff(old: &Self, new: &Self) -> Vec<Change> {
        let (before, after) = (render(old), render(new));
        let values = |rows: &[super::Row], key: Key| {
            let own = rows.iter().filter(|row| row.key == key.name());
            own.map(|row| row.value.as_str()).collect::<Vec<_>>().join(", ")
        };
        let change = |key: Key| {
            let (old, new) = (values(&before, key), values(&after, key));
            (old != new).then(|| Change { key, old, new, live: key.is_live() })
        };
        Key::ALL.into_iter().filter_map(change).collect()
    }

    /// Which peers to dial and which to drop when `new` follows `self`.
    #[must_use]
    pub fn peer_changes(&self, new: &Self) -> PeerChanges {
        let only = |these: &Self, others: &Self| {
            let absent = these.peers.iter().filter(|peer| !others.peers.contains(peer));
            absent.map(|peer| peer.value.clone()).collect()
        };
        PeerChanges { added: only(new, self), removed: only(self, new) }
    }

    fn take_live(&mut self, new: Self) {
        self.name = new.name;
        self.admit = new.admit;
        self.log = new.log;
        self.operators = new.operators;
        self.discovery = new.discovery;
        self.links = new.links;
        self.rate = new.rate;
        self.mapping = new.mapping;
        self.interfaces = new.interfaces;
        self.peers = new.peers;
        self.files = new.files;
    }
}
