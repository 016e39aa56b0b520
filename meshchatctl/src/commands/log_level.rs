use meshchat_client::proto::control::{LogLevel as Levels, LogRequest, Request};

use super::expect_reply;
use crate::args::LogLevel;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::time::span;
use crate::session::Session;

pub(crate) async fn log_level(session: &mut Session, args: LogLevel) -> Result<u8, Failure> {
    let request = match (args.reset, args.levels.as_slice()) {
        (true, _) => LogRequest::Reset {},
        (false, []) => LogRequest::Show {},
        (false, levels) => {
            let ms = args.lasts.map(|lasts| u64::try_from(lasts.as_millis()).unwrap_or(u64::MAX));
            LogRequest::Set { filter: levels.join(","), for_ms: ms }
        }
    };
    let level = expect_reply!(session.ask(Request::Log(request)).await?, LogLevel);
    if session.out.view.json {
        session.out.json(&level)?;
    } else {
        session.out.text(&render(&level))?;
    }
    Ok(0)
}

fn render(level: &Levels) -> String {
    let logged = escape(&level.filter);
    let configured = escape(&level.configured);
    match level.reverts_ms {
        // What was just set to 10m is not shown as 9.
        Some(ms) => format!("{logged}\n  for {} more, then {configured}\n", span(ms + 999)),
        None if level.filter == level.configured => format!("{logged}\n  as configured\n"),
        None => format!(
            "{logged}\n  until the daemon restarts, then {configured}\n  \
             back at once: meshchatctl log-level --reset\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_how_long_it_lasts() {
        let level = |filter: &str, reverts_ms| {
            let (filter, configured) = (filter.to_owned(), "info".to_owned());
            render(&Levels { filter, configured, reverts_ms })
        };
        assert_eq!(level("info", None), "info\n  as configured\n");
        assert_eq!(level("debug", Some(540_000)), "debug\n  for 9 m more, then info\n");
        assert!(level("debug", None).contains("until the daemon restarts, then info"));
    }
}
