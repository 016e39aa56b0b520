//! Asking the daemon, seldom enough that nobody keeps it busy by it.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshchat_client::Client;
use meshchat_client::metrics::{Snapshot, render};
use tokio::sync::Mutex;
use tokio::time::{self, Instant};

/// The newest numbers. Clones share them.
#[derive(Debug, Clone)]
pub(super) struct Numbers {
    sockets: Arc<Vec<PathBuf>>,
    newest: Arc<Mutex<Option<(Instant, Bytes)>>>,
}

impl Numbers {
    pub(super) fn new(sockets: Vec<PathBuf>) -> Self {
        Self { sockets: Arc::new(sockets), newest: Arc::default() }
    }

    /// The text; at most a second old. Those who ask together get the same.
    pub(super) async fn text(&self) -> Bytes {
        let mut newest = self.newest.lock().await;
        if let Some((at, text)) = newest.as_ref()
            && at.elapsed() < FRESH
        {
            return text.clone();
        }
        let snapshot = time::timeout(PATIENCE, self.ask()).await.ok().flatten();
        let text = Bytes::from(render(snapshot.as_ref()));
        *newest = Some((Instant::now(), text.clone()));
        text
    }

    /// Over a connection of its own, which the daemon need not keep until the next time.
    async fn ask(&self) -> Option<Snapshot> {
        let why = match Client::connect_any(&self.sockets).await {
            Ok(client) => match Snapshot::take(&client).await {
                Ok(snapshot) => return Some(snapshot),
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        tracing::debug!("no numbers of the daemon: {why}");
        None
    }
}

/// How long numbers are good.
const FRESH: Duration = Duration::from_secs(1);
/// Shorter than Prometheus waits (10 s unless it is told otherwise), so that a daemon that hangs
/// is seen to be down.
const PATIENCE: Duration = Duration::from_secs(5);
