use std::time::Duration;

use meshchat_client::proto::control::{ErrorCode, Pong, Request};
use meshchat_client::{Client, RequestError};
use tokio::time;

use super::expect_reply;
use crate::args::Ping;
use crate::failure::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::note;
use crate::output::spinner::{self, Words};
use crate::output::time::round_trip;
use crate::session::{PATIENCE, Session};

pub(crate) async fn ping(session: &mut Session, args: Ping) -> Result<u8, Failure> {
    let client = session.connect().await?;
    let mut answered = 0u32;
    for turn in 0..args.count {
        if turn > 0 {
            time::sleep(PAUSE).await;
        }
        match once(&client, &args.node, args.timeout).await? {
            Ok(pong) => {
                answered += 1;
                if session.out.view.json {
                    session.out.json(&pong)?;
                }
                session.out.say(&render(&pong))?;
            }
            Err(why) => note(&format!("{}: {}", escape(&args.node), escape(&why))),
        }
        session.out.flush()?;
    }
    if answered == 0 { Err(silent(&args.node)) } else { Ok(0) }
}

/// A node that answered nothing.
pub(super) fn silent(node: &str) -> Failure {
    Failure::new(Exit::Unreached, "unreachable", format!("{node} did not answer"))
        .hint("see the way there:   meshchatctl nodes")
}

/// Asks once; the inner error is worth another try.
pub(super) async fn once(
    client: &Client,
    node: &str,
    timeout: Duration,
) -> Result<Result<Pong, String>, Failure> {
    let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).min(60_000);
    let request = Request::Ping { node: node.to_owned(), timeout_ms };
    let patience = PATIENCE + Duration::from_millis(timeout_ms.into());
    let words = Words::new(format!("waiting for {node}"));
    let answer = time::timeout(patience, client.request(request));
    match spinner::patiently(&words, answer).await {
        Ok(Ok(reply)) => Ok(Ok(expect_reply!(reply, Pong))),
        Ok(Err(RequestError::Daemon(error)))
            if matches!(error.code, ErrorCode::TimedOut | ErrorCode::Unreachable) =>
        {
            Ok(Err(error.message))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Ok(Err("meshchatd did not answer".into())),
    }
}

pub(crate) fn render(pong: &Pong) -> String {
    let way: Vec<&str> = pong.path.iter().map(|hop| hop.name.as_str()).collect();
    match way.as_slice() {
        [] | [_] => format!("{}: {}, direct", pong.name, round_trip(pong.rtt_us)),
        [via @ .., _] => {
            format!("{}: {}, via {}", pong.name, round_trip(pong.rtt_us), via.join(", "))
        }
    }
}

const PAUSE: Duration = Duration::from_secs(1);
