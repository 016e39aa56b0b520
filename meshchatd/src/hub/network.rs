//! The closed network: kept on disk, and what follows when it is another one.

use meshchat_core::SavedNetwork;
use meshchat_proto::control::{Error, ErrorCode, Reply};
use meshchat_proto::id::NetworkId;
use tokio::time::Instant;

use super::Hub;
use crate::logging::escaped;
use crate::store::{StateFile, StoreError};

impl Hub {
    /// Keeps the network, then answers the request that changed it.
    pub(super) fn save_network(
        &self,
        network: Option<&SavedNetwork>,
        then: Option<(u32, u64, Reply)>,
    ) {
        let saved = self.write_network(network);
        if let Err(error) = &saved
            && !matches!(error, StoreError::InSpare { .. })
        {
            tracing::error!("cannot keep the network: {error}; {}", error.fix());
        }
        let Some((session, id, reply)) = then else { return };
        let result = saved.map(|()| reply).map_err(|error| {
            Error::new(
                ErrorCode::Storage,
                format!("it is done, but will be forgotten at the next restart: {error}"),
            )
            .hint(error.fix())
        });
        self.answer(session, id, result);
    }

    fn write_network(&self, network: Option<&SavedNetwork>) -> Result<(), StoreError> {
        let store = &self.parts.store;
        if network.is_none() {
            // The previous generation would hold the secrets of a network that was left.
            store.save(StateFile::Network, &network)?;
        }
        store.save_for_good(StateFile::Network, &network)
    }

    /// Calls for, and listens to, the neighbours of another network; whoever refused this node
    /// before may not do so again.
    pub(super) fn on_network_switched(&mut self, network: NetworkId) {
        match self.node.network_name() {
            Some(name) => {
                let name = escaped(name);
                tracing::info!(name = %name, "this node belongs to another network now");
            }
            None => tracing::info!("this node is in the open network now"),
        }
        self.parts.discovery.set_network(&network);
        let now = Instant::now();
        self.book.retry_all(now);
        self.dial_due(now);
    }
}
