//! Operators look at the log, and change what is logged.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use meshchat_proto::control::{
    Error, ErrorCode, Event, FromDaemon, LimitRow, LogGrade, LogLevel, LogLine, LogRequest, Reply,
};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Level;

use super::Hub;
use crate::control::{ClientOutbox, Frame};
use crate::logging::{FilterError, Follower, LINES, Line, LogFilter, STREAMS};

/// Who reads along, by session and request.
#[derive(Debug, Default)]
pub(super) struct Followers(BTreeMap<(u32, u64), CancellationToken>);

impl Followers {
    /// Ends a stream; nothing comes of it any more. Returns whether there was one.
    pub(super) fn end(&mut self, session: u32, id: u64) -> bool {
        self.0.remove(&(session, id)).map(|token| token.cancel()).is_some()
    }

    /// A client is gone.
    pub(super) fn forget(&mut self, session: u32) {
        self.0.retain(|(of, _), token| {
            let stays = *of != session;
            if !stays {
                token.cancel();
            }
            stays
        });
    }
}

impl Hub {
    pub(super) fn on_log_request(&mut self, session: u32, id: u64, request: LogRequest) {
        let done = match request {
            LogRequest::Show {} => Ok(()),
            LogRequest::Set { filter, for_ms } => self.set_log(session, &filter, for_ms),
            LogRequest::Reset {} => {
                let who = self.user(session).to_owned();
                self.parts.log.reset(&who);
                Ok(())
            }
            LogRequest::Follow { filter, lines, follow } => {
                return self.follow_log(session, id, filter.as_deref(), (lines, follow));
            }
        };
        let shown = done.map(|()| Reply::LogLevel(self.log_level()));
        self.answer(session, id, shown);
    }

    pub(super) fn log_limits(&self) -> [LimitRow; 2] {
        let (lines, streams, _) = self.parts.log.counts();
        let row = |name: &str, used: usize, most: usize, when_full: &str| LimitRow {
            name: name.into(),
            used: used as u64,
            most: most as u64,
            when_full: when_full.into(),
        };
        [
            row("log_lines", lines, LINES, "the oldest is forgotten"),
            row("log_streams", streams, STREAMS, "the request is refused"),
        ]
    }

    fn log_level(&self) -> LogLevel {
        let levels = self.parts.log.levels();
        let left = levels.until().map(|until| until.duration_since(Instant::now()));
        LogLevel {
            filter: levels.in_force().to_string(),
            configured: levels.configured().to_string(),
            reverts_ms: left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    fn set_log(&mut self, session: u32, filter: &str, for_ms: Option<u64>) -> Result<(), Error> {
        let change = parse(filter)?;
        if for_ms.is_some_and(|ms| !(1..=LONGEST_MS).contains(&ms)) {
            return Err(Error::new(ErrorCode::BadArgument, "for so long it cannot be changed")
                .hint("choose a time of at most a day, or none: until the daemon restarts"));
        }
        let time = (Instant::now(), for_ms.map(Duration::from_millis));
        let who = self.user(session).to_owned();
        self.parts.log.change(&change, time, &who).map_err(refusal)
    }

    fn follow_log(
        &mut self,
        session: u32,
        id: u64,
        filter: Option<&str>,
        (lines, follow): (u32, bool),
    ) {
        let opened = self.open_log(session, id, filter, lines);
        let Some(outbox) = self.clients.get(&session).map(|client| Arc::clone(&client.outbox))
        else {
            return;
        };
        let mut follower = match opened {
            Ok(follower) => follower,
            Err(error) => return self.answer(session, id, Err(error)),
        };
        self.answer(session, id, Ok(Reply::Done {}));
        if !follow {
            while let Some(line) = follower.next_past() {
                outbox.push(frame(id, 0, &line));
            }
            return self.give(session, Frame::whole(&FromDaemon::end(id)));
        }
        let token = CancellationToken::new();
        self.followers.0.insert((session, id), token.clone());
        self.parts.tasks.spawn(async move {
            tokio::select! {
                // First, so that nothing comes behind the end of the stream.
                biased;
                () = token.cancelled() => {}
                () = carry(id, follower, &outbox) => {}
            }
        });
    }

    fn open_log(
        &self,
        session: u32,
        id: u64,
        filter: Option<&str>,
        lines: u32,
    ) -> Result<Follower, Error> {
        let info = LogFilter::default();
        let filter = match filter {
            Some(text) => info.merged(&parse(text)?).map_err(refusal)?,
            None => info,
        };
        if self.followers.0.contains_key(&(session, id)) {
            return Err(Error::new(ErrorCode::BadArgument, "this request is running already"));
        }
        let past = usize::try_from(lines).unwrap_or(usize::MAX);
        self.parts.log.follow(filter, past).map_err(|error| {
            Error::new(ErrorCode::TooMany, format!("{error}: {STREAMS} is the most")).hint(
                "end another `meshchatctl logs`, or read the journal: journalctl -u meshchatd",
            )
        })
    }

    fn user(&self, session: u32) -> &str {
        self.clients.get(&session).map_or("", |client| &client.user)
    }
}

/// Brings lines to a client, no faster than it reads; what comes meanwhile waits or is left out.
async fn carry(id: u64, mut follower: Follower, outbox: &ClientOutbox) {
    loop {
        outbox.until_calm().await;
        let (skipped, line) = follower.next().await;
        outbox.push(frame(id, skipped, &line));
    }
}

fn frame(id: u64, skipped: u64, line: &Line) -> Frame {
    let line = LogLine {
        wall_ms: line.wall_ms,
        level: grade(line.level),
        module: line.module.to_owned(),
        text: line.text.clone(),
        fields: line.fields.clone(),
        skipped,
    };
    Frame::whole(&FromDaemon::event(id, Event::Log(line)))
}

fn grade(level: Level) -> LogGrade {
    match level {
        Level::ERROR => LogGrade::Error,
        Level::WARN => LogGrade::Warn,
        Level::INFO => LogGrade::Info,
        Level::DEBUG => LogGrade::Debug,
        Level::TRACE => LogGrade::Trace,
    }
}

fn parse(filter: &str) -> Result<LogFilter, Error> {
    filter.parse().map_err(refusal)
}

fn refusal(error: FilterError) -> Error {
    Error::new(ErrorCode::BadArgument, format!("bad filter: {error}"))
        .hint("write LEVEL or MODULE=LEVEL, as in debug or meshchatd::link=trace")
}

/// A day.
const LONGEST_MS: u64 = 24 * 3600 * 1000;
