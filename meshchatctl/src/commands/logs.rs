use std::collections::BTreeMap;

use jiff::civil::Date;
use meshchat_client::proto::control::{Event, LogGrade, LogLine};
use meshchat_client::{Tail as Stream, TailItem, TailRequest};
use serde::Serialize;

use crate::args::Logs;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::note;
use crate::output::style::Paint;
use crate::output::time::{Clock, count};
use crate::session::{Session, until_ended};

pub(crate) async fn logs(session: &mut Session, args: Logs) -> Result<u8, Failure> {
    let filter = filter(&args);
    let request = TailRequest::Log { filter, lines: args.lines, follow: !args.no_follow };
    let mut stream = Stream::open(session.paths.clone(), request).await?;
    until_ended(follow(session, &mut stream)).await
}

async fn follow(session: &mut Session, stream: &mut Stream) -> Result<u8, Failure> {
    let mut page = Page { color: session.out.view.color, day: None };
    loop {
        // What is there already goes out with one write.
        let ready = tokio::select! {
            biased;
            item = stream.next() => Some(item),
            () = std::future::ready(()) => None,
        };
        let item = match ready {
            Some(item) => item,
            None => {
                session.out.flush()?;
                stream.next().await
            }
        };
        match item.transpose()? {
            Some(TailItem::Event(Event::Log(line))) => show(session, &mut page, &line)?,
            Some(TailItem::Event(_)) => {}
            Some(TailItem::Lost(why)) => note(&format!("waiting for meshchatd: {why}")),
            Some(TailItem::Back { restarted: false }) => {
                note("connected to meshchatd again; lines in between are not shown");
            }
            Some(TailItem::Back { restarted: true }) => note("meshchatd was restarted and is back"),
            None => return Ok(0),
        }
    }
}

fn filter(args: &Logs) -> Option<String> {
    let level = args.level.map(|level| level.as_str().to_owned());
    let parts: Vec<_> = level.into_iter().chain(args.modules.iter().cloned()).collect();
    (!parts.is_empty()).then(|| parts.join(","))
}

fn show(session: &mut Session, page: &mut Page, line: &LogLine) -> Result<(), Failure> {
    if session.out.view.json {
        return session.out.json(&json(line));
    }
    let text = page.render(line, &Clock::now());
    Ok(session.out.text(&text)?)
}

/// A line for programs.
#[derive(Serialize)]
struct Json<'a> {
    time: Option<String>,
    wall_ms: u64,
    level: &'static str,
    module: &'a str,
    text: &'a str,
    fields: BTreeMap<&'a str, &'a str>,
    skipped: u64,
}

fn json(line: &LogLine) -> Json<'_> {
    let ms = i64::try_from(line.wall_ms).ok();
    let time = ms.and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok());
    Json {
        time: time.map(|time| time.to_string()),
        wall_ms: line.wall_ms,
        level: line.level.as_str(),
        module: &line.module,
        text: &line.text,
        fields: line.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect(),
        skipped: line.skipped,
    }
}

/// Lines for people.
struct Page {
    color: bool,
    /// Of the line before.
    day: Option<Date>,
}

impl Page {
    fn render(&mut self, line: &LogLine, clock: &Clock) -> String {
        let mut out = String::new();
        if line.skipped > 0 {
            let lines = count(line.skipped, "line");
            let words = format!("-- {lines} left out: they came faster than they were read --");
            out.push_str(&format!("{}\n", Paint::Warn.on(&words, self.color)));
        }
        let when = clock.local(line.wall_ms);
        if let Some(day) = when.as_ref().map(jiff::Zoned::date) {
            let before = self.day.replace(day).unwrap_or_else(|| clock.now.date());
            if before != day {
                let words = day.strftime("-- %A %-d %B %Y --").to_string();
                out.push_str(&format!("{}\n", Paint::Dim.on(&words, self.color)));
            }
        }
        let time = when.map_or_else(
            || "--:--:--.---".to_owned(),
            |when| when.strftime("%H:%M:%S%.3f").to_string(),
        );
        let (time, level) = (Paint::Dim.on(&time, self.color), self.level(line.level));
        let module = Paint::Dim.on(&format!("{}:", escape(&line.module)), self.color);
        out.push_str(&format!("{time} {level} {module} {}", escape(&line.text)));
        for (name, value) in &line.fields {
            let name = name.strip_prefix("MESHCHAT_").unwrap_or(name).to_ascii_lowercase();
            let field = format!(" {}={}", escape(&name), escape(value));
            out.push_str(&Paint::Dim.on(&field, self.color));
        }
        out.push('\n');
        out
    }

    fn level(&self, level: LogGrade) -> String {
        let paint = match level {
            LogGrade::Error => Paint::Bad,
            LogGrade::Warn => Paint::Warn,
            LogGrade::Info => Paint::Good,
            LogGrade::Debug | LogGrade::Trace => Paint::Dim,
            LogGrade::Unknown => Paint::Plain,
        };
        paint.on(&format!("{:<5}", level.as_str()), self.color)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::time::tests::afternoon;

    fn line(text: &str, minutes_ago: u64) -> LogLine {
        LogLine {
            wall_ms: afternoon().now_ms() - minutes_ago * 60_000,
            level: LogGrade::Warn,
            module: "meshchatd::hub".into(),
            text: text.into(),
            fields: vec![("MESHCHAT_PEER".into(), "a\x1bb".into())],
            skipped: 0,
        }
    }

    #[test]
    fn lines_for_people() {
        let mut page = Page { color: false, day: None };
        let mut shown = |line: &LogLine| page.render(line, &afternoon());
        let day = 24 * 60;
        assert_eq!(
            shown(&line("one", day)),
            "-- Thursday 19 November 2026 --\n15:00:00.000 warn  meshchatd::hub: one peer=a\\x1bb\n"
        );
        let second = LogLine { skipped: 1200, fields: Vec::new(), ..line("t\x1b[2Jwo", 1) };
        assert_eq!(
            shown(&second),
            "-- 1,200 lines left out: they came faster than they were read --\n\
             -- Friday 20 November 2026 --\n14:59:00.000 warn  meshchatd::hub: t\\x1b[2Jwo\n"
        );
    }

    #[test]
    fn lines_for_programs() {
        let text = crate::output::json::line(&json(&line("x", 0)));
        assert_eq!(
            text,
            "{\"schema\":1,\"time\":\"2026-11-20T13:00:00Z\",\"wall_ms\":1795179600000,\
             \"level\":\"warn\",\"module\":\"meshchatd::hub\",\"text\":\"x\",\
             \"fields\":{\"MESHCHAT_PEER\":\"a\\u001bb\"},\"skipped\":0}\n"
        );
    }
}
