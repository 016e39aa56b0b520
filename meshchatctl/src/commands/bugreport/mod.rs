//! `bugreport`: one text that helps others to find a fault, and tells them nothing of who is who.

mod learn;
mod machine;
mod redact;

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use meshchat_client::proto::control::{
    ConfigEntry, Event, Finding, Grade, LimitRow, LogLine, LogRequest, PeerInfo, Reply, Request,
    Status,
};
use meshchat_client::{Client, RequestError};
use serde::Serialize;
use tokio::time;

use self::learn::{learn, learn_from_log};
use self::redact::Redactor;
use super::doctor;
use super::version::release;
use crate::args::Bugreport;
use crate::failure::{Exit, Failure};
use crate::output::escape::{escape, escape_lines};
use crate::output::event::utc;
use crate::output::style;
use crate::output::time::{Clock, bytes, span};
use crate::session::{PATIENCE, Session, ask};

/// Writes what can be found out, with or without a daemon. Ends with 0 once it is written.
pub(crate) async fn bugreport(session: &mut Session, args: Bugreport) -> Result<u8, Failure> {
    let mut report = Report::begin();
    report.section("machine", machine::lines());
    let known = match session.connect().await {
        Ok(client) => ask_daemon(&mut report, &client).await,
        Err(failure) => {
            report.missing("daemon", failure.message());
            Ok(())
        }
    };
    match (known, doctor::findings(session).await) {
        (Err(why), _) => report.missing("doctor", &why),
        (Ok(()), Ok((findings, _))) => report.section("doctor", problems(&findings)),
        (Ok(()), Err(failure)) => report.missing("doctor", failure.message()),
    }
    let text = report.finish();
    match args.output {
        Some(path) => {
            write(&path, &text)?;
            session.out.say(&format!("Written to {}.", escape(&path.display().to_string())))?;
        }
        None if session.out.view.json => session.out.json(&Whole { report: &text })?,
        None => session.out.text(&text)?,
    }
    Ok(0)
}

#[derive(Serialize)]
struct Whole<'a> {
    report: &'a str,
}

/// Only who runs this may read it, whoever could read what stood there before.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    replace(path, text).map_err(|error| {
        let path = path.display();
        Failure::new(Exit::Other, "io", format!("cannot write {path}: {error}"))
    })
}

/// Writes a file beside and puts it in the place of the old one.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        // A link may lead to a file that others read or own, or to none.
        Ok(there) if !there.is_file() => {
            return Err(io::Error::other("it is there and is no plain file; give another name"));
        }
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(_) | Err(_) => {}
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(text.as_bytes()).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // What failed is told; a half report is of no use.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// The text, and what must not be in it.
struct Report {
    redactor: Redactor,
    text: String,
}

impl Report {
    fn begin() -> Self {
        Self { redactor: Redactor::of_machine(), text: String::new() }
    }

    fn section(&mut self, title: &str, lines: Vec<String>) {
        self.text.push_str(&format!("\n## {title}\n"));
        if lines.is_empty() {
            self.text.push_str("nothing\n");
        }
        for line in lines {
            self.text.push_str(&escape_lines(&line, "    "));
            self.text.push('\n');
        }
    }

    fn missing(&mut self, title: &str, why: &str) {
        self.section(title, vec![format!("not to be had: {why}")]);
    }

    /// All names are known only at the end, so that is when they are taken out.
    fn finish(self) -> String {
        let time = utc(Clock::now().now_ms()).unwrap_or_default();
        let text = self.redactor.clean(&self.text);
        format!("meshchat bug report, {time}\n{HEAD}{text}")
    }
}

/// Each part by itself, so that one that fails takes no other with it. Fails, with the reason, when
/// it is not known what names there are: then nothing is told that may hold some.
async fn ask_daemon(report: &mut Report, client: &Client) -> Result<(), String> {
    let known = learn(&mut report.redactor, client).await;
    limits(report, client).await;
    if let Err(why) = known {
        let why = format!("it may name somebody, and who there is could not be asked ({why})");
        ["status", "peers", "config", "log"].iter().for_each(|title| report.missing(title, &why));
        return Err(why);
    }
    let request = |request| ask(client, request, PATIENCE);
    match request(Request::Status {}).await {
        Ok(Reply::Status(status)) => report.section("status", status_lines(&status)),
        other => report.missing("status", &why(other)),
    }
    match request(Request::Peers {}).await {
        Ok(Reply::Peers(peers)) => report.section("peers", peers.iter().map(peer_line).collect()),
        other => report.missing("peers", &why(other)),
    }
    match request(Request::Config {}).await {
        Ok(Reply::Config(entries)) => {
            report.section("config", entries.iter().map(config_line).collect());
        }
        other => report.missing("config", &why(other)),
    }
    match log(client).await {
        Ok(lines) => {
            learn_from_log(&mut report.redactor, &lines);
            report.section("log", lines.iter().map(log_line).collect());
        }
        Err(failure) => report.missing("log", failure.message()),
    }
    Ok(())
}

async fn limits(report: &mut Report, client: &Client) {
    match ask(client, Request::Limits {}, PATIENCE).await {
        Ok(Reply::Limits(rows)) => {
            let used = rows.iter().filter(|row| row.used > 0);
            report.section("limits in use", used.map(limit_line).collect());
        }
        other => report.missing("limits in use", &why(other)),
    }
}

async fn log(client: &Client) -> Result<Vec<LogLine>, Failure> {
    let request = LogRequest::Follow { filter: None, lines: LOG_LINES, follow: false };
    let mut stream = client.stream(Request::Log(request)).await?;
    let mut lines = Vec::new();
    let all = async {
        while let Some(event) = stream.next().await {
            if let Event::Log(line) = event? {
                lines.push(line);
            }
        }
        Ok::<_, RequestError>(())
    };
    // What came until then is better than nothing.
    time::timeout(LOG_PATIENCE, all).await.unwrap_or(Ok(()))?;
    Ok(lines)
}

fn why(other: Result<Reply, Failure>) -> String {
    match other {
        Ok(_) => "the answer was not understood".into(),
        Err(failure) => failure.message().to_owned(),
    }
}

fn status_lines(status: &Status) -> Vec<String> {
    let history = &status.history;
    let mut lines = vec![
        format!("node {}, meshchatd {}", status.name, release(&status.software)),
        format!("up {}, start {}", span(status.uptime_ms), status.boot),
        format!("{} network, admits {}", kind(status), status.admit),
        format!("listens on {}", status.listen.join(", ")),
        format!(
            "{} links, {} of {} nodes reachable, {} people present, {} clients",
            status.links,
            status.nodes_reachable,
            status.nodes_known,
            status.people_present,
            status.clients
        ),
        format!(
            "history {}: {} messages, {}",
            history.mode,
            history.messages,
            bytes(history.bytes)
        ),
        format!(
            "{} sent, {} received, {} passed on, {} came twice, {} gone",
            status.sent, status.received, status.forwarded, status.duplicates, status.gone
        ),
    ];
    lines.extend(history.disk.as_ref().map(|disk| {
        let writing = if disk.writing { "written" } else { "NOT written" };
        let (used, most) = (bytes(disk.bytes), bytes(disk.most));
        format!("disk: {writing}, {used} of {most}, {} damaged places", disk.damaged)
    }));
    lines.extend(status.process.map(|process| {
        let memory = bytes(process.resident_bytes);
        format!("{memory} of memory, {} ms of processor time", process.cpu_ms)
    }));
    lines.extend(status.missing.as_ref().map(|missing| {
        let isolated = if missing.isolated { ", isolated" } else { "" };
        format!(
            "{} of {} nodes together for {}{isolated}",
            missing.reachable,
            missing.known,
            span(missing.since_ms)
        )
    }));
    lines
        .extend(status.drops.iter().map(|drop| format!("dropped {}: {}", drop.count, drop.reason)));
    lines.extend(status.notes.iter().map(|note| format!("note: {note}")));
    lines
}

const fn kind(status: &Status) -> &'static str {
    if status.network_name.is_some() { "closed" } else { "open" }
}

fn limit_line(row: &LimitRow) -> String {
    format!("{} {} of {}", row.name, row.used, row.most)
}

fn peer_line(peer: &PeerInfo) -> String {
    let name = peer.name.as_ref().map_or("?", |name| name.as_str());
    let way = if peer.dialled { "out" } else { "in" };
    let rtt = peer.rtt_us.map(|us| format!(", {us} us")).unwrap_or_default();
    let behind = if peer.behind { ", behind" } else { "" };
    let error = if peer.error.is_empty() { String::new() } else { format!(", {}", peer.error) };
    format!(
        "{name} {} {way} {} ({}) for {}{rtt}, {} up, {} down{behind}, tried {}x{error}",
        style::peer(peer.state).word,
        peer.address,
        peer.source,
        span(peer.since_ms),
        bytes(peer.sent_bytes),
        bytes(peer.received_bytes),
        peer.tries
    )
}

fn config_line(entry: &ConfigEntry) -> String {
    format!("{} = {} ({})", entry.key, entry.value, entry.origin)
}

fn log_line(line: &LogLine) -> String {
    let time = utc(line.wall_ms).unwrap_or_default();
    let fields: String = line.fields.iter().map(|(name, value)| shown(name, value)).collect();
    format!("{time} {} {}: {}{fields}", line.level.as_str(), line.module, line.text)
}

/// Whoever came and left, and a network that was left, nobody knows of any more.
fn shown(name: &str, value: &str) -> String {
    let private = NAMES.contains(&field(name).as_str());
    format!(" {name}={}", if private { "(left out)" } else { value })
}

/// The name of a field of the log without what the journal puts before it.
fn field(name: &str) -> String {
    name.strip_prefix("MESHCHAT_").unwrap_or(name).to_ascii_lowercase()
}

fn problems(findings: &[Finding]) -> Vec<String> {
    let bad = findings.iter().filter(|finding| finding.grade != Grade::Ok);
    bad.map(|finding| {
        let subject = match finding.subject.as_str() {
            "" => String::new(),
            subject => format!(" {subject}"),
        };
        let word = style::grade(finding.grade).word;
        format!("{word}: {}{subject}: {}", finding.check, finding.words)
    })
    .collect()
}

const HEAD: &str = "\
Left out: texts of messages, keys, tickets, tokens, addresses on the internet, and the names of people,
rooms, nodes, networks and hosts. The same number is the same node, person, room or address throughout.
Read it before you pass it on: what this program has never heard of, it cannot take out.
";
/// Fields of a line of the log that hold nothing but a name.
const NAMES: &[&str] = &["name", "person"];
/// Of the newest.
const LOG_LINES: u32 = 200;
const LOG_PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use meshchat_client::proto::control::LogGrade;
    use meshchat_client::proto::id::NodeId;

    use super::*;

    fn line(text: &str, fields: &[(&str, &str)]) -> LogLine {
        let fields = fields.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        LogLine {
            wall_ms: 0,
            level: LogGrade::Info,
            module: "hub".into(),
            text: text.into(),
            fields: fields.collect(),
            skipped: 0,
        }
    }

    #[test]
    fn the_log_names_nobody_who_is_gone() {
        let id = NodeId([7; 32]);
        let lines = [
            line("somebody came through a gateway (irc)", &[("MESHCHAT_PERSON", "Old Zoe")]),
            line(
                &format!("linked to mill ({})", id.short()),
                &[("MESHCHAT_PEER", &id.to_string())],
            ),
            line("mill is unreachable", &[]),
        ];
        let mut redactor = Redactor::default();
        learn_from_log(&mut redactor, &lines);
        let text: String = lines.iter().map(|line| log_line(line) + "\n").collect();
        let text = redactor.clean(&text);
        assert!(text.contains("PERSON=(left out)") && text.contains("linked to node-1"), "{text}");
        assert!(!text.contains("Zoe") && !text.contains("mill"), "{text}");
    }

    #[test]
    fn a_report_is_of_who_made_it_alone() {
        let dir = std::env::temp_dir().join(format!("meshchat-report-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (file, link) = (dir.join("report"), dir.join("link"));
        fs::write(&file, "old").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
        symlink(&file, &link).unwrap();
        assert!(replace(&link, "new").is_err());
        assert_eq!(fs::read_to_string(&file).unwrap(), "old");
        replace(&file, "new").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "nothing is left beside");
        fs::remove_dir_all(&dir).unwrap();
    }
}
