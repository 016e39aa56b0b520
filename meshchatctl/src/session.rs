//! The daemon that this run of the program talks to.

use std::path::PathBuf;
use std::time::Duration;

use meshchat_client::proto::control::{Reply, Request};
use meshchat_client::{Client, candidates};
use tokio::time;

use crate::args::Global;
use crate::failure::{Exit, Failure};
use crate::output::Out;

/// Where to talk to and where to print.
pub(crate) struct Session {
    pub(crate) out: Out,
    pub(crate) paths: Vec<PathBuf>,
}

impl Session {
    pub(crate) fn new(global: &Global, out: Out) -> Self {
        let paths = match &global.socket {
            Some(path) => vec![path.clone()],
            None => candidates(global.instance.as_deref()),
        };
        Self { out, paths }
    }

    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        Ok(Client::connect_any(&self.paths).await?)
    }

    /// Connects, asks once and hangs up.
    pub(crate) async fn ask(&self, request: Request) -> Result<Reply, Failure> {
        ask(&self.connect().await?, request, PATIENCE).await
    }
}

/// Asks and gives up after `patience`.
pub(crate) async fn ask(
    client: &Client,
    request: Request,
    patience: Duration,
) -> Result<Reply, Failure> {
    match time::timeout(patience, client.request(request)).await {
        Ok(reply) => Ok(reply?),
        Err(_) => Err(Failure::new(
            Exit::TimedOut,
            "timed_out",
            format!("meshchatd did not answer within {} s", patience.as_secs()),
        )
        .hint("see why:    journalctl -u meshchatd -n 20")),
    }
}

/// Everything but a ping is answered from memory.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
