//! The daemon that this run of the program talks to.

use std::path::PathBuf;
use std::time::Duration;

use meshchat_client::proto::control::{Reply, Request};
use meshchat_client::{Client, candidates};
use tokio::{signal, time};

use crate::args::Global;
use crate::failure::{Exit, Failure};
use crate::output::spinner::{self, Words};
use crate::output::{Out, reader_gone};

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

    /// The node of several on this machine that was named.
    pub(crate) fn instance(&self) -> Option<&str> {
        self.out.view.instance.as_deref()
    }

    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let words = Words::new("meshchatd has not answered yet");
        Ok(spinner::patiently(&words, Client::connect_any(&self.paths)).await?)
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
    ask_for(&Words::new("waiting for meshchatd"), client, request, patience).await
}

/// The same, telling a person who waits what for.
pub(crate) async fn ask_for(
    words: &Words,
    client: &Client,
    request: Request,
    patience: Duration,
) -> Result<Reply, Failure> {
    let answer = time::timeout(patience, client.request(request));
    match spinner::patiently(words, answer).await {
        Ok(reply) => Ok(reply?),
        Err(_) => Err(Failure::new(
            Exit::TimedOut,
            "timed_out",
            format!("meshchatd did not answer within {} s", patience.as_secs()),
        )
        .hint("see why:    journalctl -u meshchatd -n 20")),
    }
}

/// Does what goes on until a person ends it, or whoever reads it has enough: both are success.
pub(crate) async fn until_ended(
    work: impl Future<Output = Result<u8, Failure>>,
) -> Result<u8, Failure> {
    tokio::select! {
        biased;
        result = work => result,
        // Where no handler can be set, the signal ends the program by itself.
        Ok(()) = signal::ctrl_c() => Ok(0),
        () = reader_gone() => Ok(0),
    }
}

/// Everything but a ping is answered from memory.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);
