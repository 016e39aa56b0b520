use std::time::Duration;

use meshchat_client::proto::control::Event;
use meshchat_client::proto::control::Request;
use meshchat_client::{Client, ConnectError};
use tokio::time;

use super::peers::linked;
use crate::failure::{Exit, Failure};
use crate::output::spinner::{self, Words};
use crate::output::time::count;
use crate::session::Session;

pub(crate) async fn wait(
    session: &mut Session,
    peers: usize,
    patience: Duration,
) -> Result<u8, Failure> {
    let words = Words::new("waiting for meshchatd");
    let mut progress = Progress::default();
    let enough = time::timeout(patience, progress.until(session, peers, &words));
    match spinner::patiently(&words, enough).await {
        Ok(result) => result.map(|()| 0),
        Err(_) => Err(progress.failure(peers, patience)),
    }
}

/// How far it came.
#[derive(Default)]
struct Progress {
    answered: bool,
    linked: usize,
}

impl Progress {
    async fn until(
        &mut self,
        session: &Session,
        peers: usize,
        words: &Words,
    ) -> Result<(), Failure> {
        loop {
            match session.connect_for_wait().await? {
                Some(client) if self.enough(&client, peers, words).await? => return Ok(()),
                Some(_) | None => {
                    words.change("waiting for meshchatd");
                    time::sleep(PAUSE).await;
                }
            }
        }
    }

    /// Whether enough peers are linked; false when the daemon went away meanwhile.
    async fn enough(
        &mut self,
        client: &Client,
        peers: usize,
        words: &Words,
    ) -> Result<bool, Failure> {
        let Ok(mut changes) = client.stream(Request::WatchPeers {}).await else {
            return Ok(false);
        };
        let Ok(mut now) = client.peers().await else {
            return Ok(false);
        };
        self.answered = true;
        loop {
            self.linked = linked(&now);
            words.change(format!("waiting for peers: {} of {peers} linked", self.linked));
            if self.linked >= peers {
                return Ok(true);
            }
            match changes.next().await {
                Some(Ok(Event::Peers(changed))) => now = changed,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Ok(false),
            }
        }
    }

    fn failure(&self, peers: usize, patience: Duration) -> Failure {
        let seconds = patience.as_secs();
        let (message, hint) = match self.answered {
            true => (
                format!("{} of {peers} peers linked after {seconds} s", self.linked),
                "see why:    meshchatctl peers",
            ),
            false => (
                format!("meshchatd did not answer within {}", count(seconds, "second")),
                "see why:    meshchatctl status",
            ),
        };
        Failure::new(Exit::TimedOut, "timed_out", message).hint(hint)
    }
}

impl Session {
    /// A connection, or nothing when the daemon may still come.
    async fn connect_for_wait(&self) -> Result<Option<Client>, Failure> {
        match Client::connect_any(&self.paths).await {
            Ok(client) => Ok(Some(client)),
            Err(
                ConnectError::NotRunning(_) | ConnectError::TimedOut(_) | ConnectError::Io { .. },
            ) => Ok(None),
            Err(
                error @ (ConnectError::Permission(_)
                | ConnectError::Version(_)
                | ConnectError::Refused(_)),
            ) => Err(error.into()),
        }
    }
}

/// Short enough not to be felt, long enough not to be work.
const PAUSE: Duration = Duration::from_millis(100);
