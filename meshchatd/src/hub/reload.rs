//! Reading the configuration again.

use meshchat_core::Input;
use meshchat_proto::control::{Error, ErrorCode, Reloaded};
use tokio::time::Instant;

use super::Hub;
use crate::config::{Change, Peer, reload};
use crate::dial::Source;

impl Hub {
    pub(super) fn on_hangup(&mut self) {
        match self.reload() {
            Ok(Reloaded { applied, needs_restart }) => {
                if applied.is_empty() && needs_restart.is_empty() {
                    tracing::info!("configuration read again: nothing changed");
                }
                for change in applied {
                    tracing::info!("configuration: {change}");
                }
                for change in needs_restart {
                    tracing::warn!("configuration: {change}: needs a restart");
                }
            }
            Err(error) => {
                tracing::error!("configuration refused, the old one stays: {}", error.message);
            }
        }
    }

    /// Reads, checks, compares and applies; refuses as a whole when anything is wrong.
    pub(super) fn reload(&mut self) -> Result<Reloaded, Error> {
        self.parts.notifier.reloading();
        let before = self.parts.settings.clone();
        let parts = &mut self.parts;
        let result = reload(&mut parts.settings, &parts.flags, &parts.environment);
        self.parts.notifier.ready(&self.status);
        let changes = result.map_err(|error| {
            let text = error.to_string();
            let (message, more) = text.split_once('\n').unwrap_or((&text, ""));
            Error::new(ErrorCode::BadArgument, message)
                .hint(format!("{more}\nthe old configuration stays in force").trim_start())
        })?;
        let peers = before.peer_changes(&self.parts.settings);
        let now = Instant::now();
        for peer in &peers.removed {
            self.drop_configured(peer);
        }
        for peer in peers.added {
            self.book.add(now, peer, Source::Config);
        }
        self.parts.log.configure(&self.parts.settings.log.value);
        self.users.update(&self.parts.settings);
        let settings = &self.parts.settings;
        self.parts.discovery.configure(settings.discovery(), &settings.interfaces.value);
        self.parts.portmap.configure(settings.mapping.value);
        let reconfigure = Input::Reconfigure {
            name: settings.node_name(),
            admit: settings.core_admit(),
            rate: settings.core_rate(),
            goal: settings.core_goal(),
        };
        self.node.handle(self.now(), reconfigure);
        self.dial_due(now);
        self.peers_changed = true;
        let words =
            |change: &Change| format!("{}: {} -> {}", change.key.name(), change.old, change.new);
        let (live, later): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.live);
        Ok(Reloaded {
            applied: live.into_iter().map(words).collect(),
            needs_restart: later.into_iter().map(words).collect(),
        })
    }

    /// A peer is no longer configured: its link ends, unless an operator named it too.
    fn drop_configured(&mut self, peer: &Peer) {
        let gone = self
            .book
            .remove(|entry| entry.source == Source::Config && entry.peer.address == peer.address);
        for node in gone.into_iter().filter_map(|entry| entry.node) {
            self.node.handle(self.now(), Input::Disconnect { peer: node });
        }
    }
}
