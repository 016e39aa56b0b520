mod local;
mod render;

use std::time::Duration;

use meshchat_client::Client;
use meshchat_client::proto::control::{Finding, Grade, Request};

use super::expect_reply;
use crate::failure::{Exit, Failure};
use crate::output::spinner::Words;
use crate::session::{Session, ask_for};

/// Prints what the daemon finds, or, when there is none to ask, what can be seen without it.
/// The failure is then that of the connection; a problem that the daemon found gives 1.
pub(crate) async fn doctor(
    session: &mut Session,
    instance: Option<&str>,
    only_problems: bool,
) -> Result<u8, Failure> {
    let client = match Client::connect_any(&session.paths).await {
        Ok(client) => client,
        Err(error) => {
            let findings = local::examine(&session.paths, instance, &error).await;
            print(session, &findings, only_problems)?;
            let failure = Failure::from(error);
            // People have read it among the findings; programs expect it on standard error.
            return if session.out.view.json { Err(failure) } else { Ok(failure.exit_code()) };
        }
    };
    let words = Words::new("asking neighbours to reach this node");
    let asked = ask_for(&words, &client, Request::Doctor {}, PATIENCE).await;
    let findings = expect_reply!(asked?, Doctor);
    print(session, &findings, only_problems)?;
    let problem = findings.iter().any(|finding| finding.grade == Grade::Problem);
    Ok(if problem { Exit::Other as u8 } else { 0 })
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
