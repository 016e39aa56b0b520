//! What a client wants of the daemon, which may be away for a while.

use std::time::Duration;

use meshchat_client::proto::control::{Error, ErrorCode, Reply, Request};
use meshchat_client::{ConnectError, RequestError, SpeakError, Speaker};
use tokio::time::{self, Instant};

/// Why something was not done.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    /// What the daemon decided by, if it did.
    pub(super) code: Option<ErrorCode>,
    /// What the client reads.
    pub(super) words: String,
}

impl Refusal {
    fn new(words: impl Into<String>) -> Self {
        Self { code: None, words: words.into() }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let Error { code, message, hint } = error;
        let words = if hint.is_empty() { message } else { format!("{message}; {hint}") };
        Self { code: Some(code), words }
    }
}

/// Waits while the daemon is away, at most [`PATIENCE`].
#[derive(Debug)]
pub(super) struct Waiting {
    until: Instant,
    pause: Duration,
}

impl Waiting {
    pub(super) fn new() -> Self {
        Self { until: Instant::now() + PATIENCE, pause: SHORTEST }
    }

    /// Waits a while; false when it has lasted long enough.
    pub(super) async fn pause(&mut self) -> bool {
        if Instant::now() >= self.until {
            return false;
        }
        time::sleep(self.pause).await;
        self.pause = (self.pause * 2).min(LONGEST);
        true
    }
}

/// What to do after a failure.
pub(super) enum Failure {
    /// Nothing was done, and it may go later.
    Later(Refusal),
    /// Nobody knows whether it was done.
    Unclear,
    /// It will not go.
    Never(Refusal),
}

pub(super) fn of_connect(error: ConnectError) -> Failure {
    match error {
        ConnectError::Refused(error) => of_daemon(error),
        ConnectError::Version(_) => Failure::Never(Refusal::new(error.to_string())),
        ConnectError::NotRunning(_)
        | ConnectError::Permission(_)
        | ConnectError::TimedOut(_)
        | ConnectError::Io { .. } => Failure::Later(Refusal::new("the node does not answer")),
    }
}

pub(super) fn of_request(error: RequestError) -> Failure {
    match error {
        RequestError::Daemon(error) => of_daemon(error),
        RequestError::Lost(_) => Failure::Unclear,
        RequestError::NotUnderstood | RequestError::TooLong(_) | RequestError::Full => {
            Failure::Never(Refusal::new(error.to_string()))
        }
    }
}

fn of_daemon(error: Error) -> Failure {
    if matches!(error.code, ErrorCode::Stopping | ErrorCode::TooMany) {
        Failure::Later(error.into())
    } else {
        Failure::Never(error.into())
    }
}

/// Asks until there is an answer. What may be `repeated` is asked again when nobody knows whether
/// it was done.
pub(super) async fn ask(
    speaker: &Speaker,
    request: Request,
    repeated: bool,
) -> Result<Reply, Refusal> {
    let mut waiting = Waiting::new();
    loop {
        let failure = match speaker.ask(request.clone()).await {
            Ok(reply) => return Ok(reply),
            Err(SpeakError::Connect(error)) => of_connect(error),
            Err(SpeakError::Request(error)) => of_request(error),
        };
        let refusal = match failure {
            Failure::Never(refusal) => return Err(refusal),
            Failure::Unclear if !repeated => {
                return Err(Refusal::new("the node went; nobody knows whether it took that"));
            }
            Failure::Unclear => Refusal::new("the node went"),
            Failure::Later(refusal) => refusal,
        };
        if !waiting.pause().await {
            return Err(refusal);
        }
    }
}

/// How long somebody waits for the daemon before they are told that it was in vain.
const PATIENCE: Duration = Duration::from_secs(120);
const SHORTEST: Duration = Duration::from_millis(50);
const LONGEST: Duration = Duration::from_secs(2);
