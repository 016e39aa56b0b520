mod local;
mod render;

use std::time::Duration;

use meshchat_client::Client;
use meshchat_client::proto::control::{Finding, Grade, Missing, Request};

use super::expect_reply;
use crate::failure::{Exit, Failure};
use crate::output::advice::advise;
use crate::output::spinner::Words;
use crate::output::time::span;
use crate::session::{Session, ask_for};

/// Prints what the daemon finds, or, when there is none to ask, what can be seen without it.
/// The failure is then that of the connection; a problem that the daemon found gives 1.
pub(crate) async fn doctor(session: &mut Session, only_problems: bool) -> Result<u8, Failure> {
    let (findings, failure) = findings(session).await?;
    print(session, &findings, only_problems)?;
    if let Some(failure) = failure {
        // People have read it among the findings; programs expect it on standard error.
        return if session.out.view.json { Err(failure) } else { Ok(failure.exit_code()) };
    }
    let problem = findings.iter().any(|finding| finding.grade == Grade::Problem);
    Ok(if problem { Exit::Other as u8 } else { 0 })
}

/// What the daemon finds; or what can be seen without it, and why it cannot be asked.
pub(super) async fn findings(
    session: &Session,
) -> Result<(Vec<Finding>, Option<Failure>), Failure> {
    let client = match Client::connect_any(&session.paths).await {
        Ok(client) => client,
        Err(error) => {
            let findings = local::examine(&session.paths, session.instance(), &error).await;
            return Ok((findings, Some(error.into())));
        }
    };
    let words = Words::new("asking neighbours to reach this node");
    let asked = ask_for(&words, &client, Request::Doctor {}, PATIENCE).await;
    let mut findings = expect_reply!(asked?, Doctor);
    if let Ok(status) = client.status().await {
        findings.extend(status.missing.and_then(|missing| isolation(&missing)));
    }
    for fix in findings.iter_mut().flat_map(|finding| &mut finding.fix) {
        *fix = advise(session.instance(), fix).into_owned();
    }
    Ok((findings, None))
}

/// A node that is cut off cannot ask its neighbours anything, so it says so itself.
fn isolation(missing: &Missing) -> Option<Finding> {
    let others = missing.known.saturating_sub(missing.reachable);
    let words = format!(
        "this node has no link; {} out of reach for {}",
        if others == 1 { "1 node is".into() } else { format!("{others} nodes are") },
        span(missing.since_ms)
    );
    missing.isolated.then(|| {
        Finding::new("links", Grade::Problem, words)
            .fix("check cable or Wi-Fi, then see what is tried: meshchatctl peers")
    })
}

fn print(session: &mut Session, findings: &[Finding], only_problems: bool) -> Result<(), Failure> {
    let sorted = render::grouped(findings);
    let shown: Vec<&Finding> =
        sorted.into_iter().filter(|finding| !only_problems || finding.grade != Grade::Ok).collect();
    let out = &mut session.out;
    if out.view.json || out.view.terse || !out.view.fields.is_empty() {
        return out.list(&shown, render::table);
    }
    let text = render::lines(&shown, out.view.color);
    out.text(&text)?;
    if out.view.legend {
        let summary = render::summary(findings, out.view.color);
        out.say(&summary)?;
    }
    Ok(())
}

/// Neighbours are asked to answer, and have some seconds for it.
const PATIENCE: Duration = Duration::from_secs(20);
