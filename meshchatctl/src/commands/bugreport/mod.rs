//! `bugreport`: one text that helps others to find a fault, and tells them nothing of who is who.

mod machine;
mod redact;

use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::Duration;

use meshchat_client::proto::control::{
    ConfigEntry, Event, Finding, Grade, LimitRow, LogLine, LogRequest, NodeInfo, PeerInfo,
    PersonInfo, Reply, Request, RoomInfo, Status,
};
use meshchat_client::{Client, RequestError};
use serde::Serialize;
use tokio::time;

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
pub(crate) async fn bugreport(
    session: &mut Session,
    args: Bugreport,
    instance: Option<&str>,
) -> Result<u8, Failure> {
    let mut report = Report::begin();
    report.section("machine", machine::lines());
    match session.connect().await {
        Ok(client) => ask_daemon(&mut report, &client).await,
        Err(failure) => report.missing("daemon", failure.message()),
    }
    let (findings, _) = doctor::findings(session, instance).await?;
    report.section("doctor", problems(&findings));
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

/// Only its owner may read it; what stood there is gone.
fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes())).map_err(|error| {
        let path = path.display();
        Failure::new(Exit::Other, "io", format!("cannot write {path}: {error}"))
    })
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

/// Each part by itself, so that one that fails takes no other with it.
async fn ask_daemon(report: &mut Report, client: &Client) {
    learn(report, client).await;
    let request = |request| ask(client, request, PATIENCE);
    match request(Request::Status {}).await {
        Ok(Reply::Status(status)) => report.section("status", status_lines(&status)),
        other => report.missing("status", &why(other)),
    }
    match request(Request::Limits {}).await {
        Ok(Reply::Limits(rows)) => {
            let used = rows.iter().filter(|row| row.used > 0);
            report.section("limits in use", used.map(limit_line).collect());
        }
        other => report.missing("limits in use", &why(other)),
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
        Ok(lines) => report.section("log", lines.iter().map(log_line).collect()),
        Err(failure) => report.missing("log", failure.message()),
    }
}

/// Who there is, to be called by numbers.
async fn learn(report: &mut Report, client: &Client) {
    let redactor = &mut report.redactor;
    redactor.node(&client.welcome().node, client.welcome().name.as_str());
    redactor.person(client.welcome().person.as_str());
    let request = |request| ask(client, request, PATIENCE);
    if let Ok(Reply::Nodes(nodes)) = request(Request::Nodes {}).await {
        for NodeInfo { node, name, own_name, .. } in &nodes {
            redactor.node(node, name.as_str());
            own_name.iter().for_each(|own| redactor.node(node, own.as_str()));
        }
    }
    if let Ok(Reply::People(people)) = request(Request::Who { room: None }).await {
        for PersonInfo { name, node, node_name, .. } in &people {
            redactor.node(node, node_name.as_str());
            redactor.person(name.as_str());
        }
    }
    if let Ok(Reply::Rooms(rooms)) = request(Request::Rooms {}).await {
        rooms.iter().for_each(|RoomInfo { room, .. }| redactor.room(room.as_str()));
    }
    if let Ok(Reply::Status(status)) = request(Request::Status {}).await {
        redactor.network(status.network_name.as_deref());
    }
    if let Ok(Reply::Peers(peers)) = request(Request::Peers {}).await {
        for PeerInfo { address, node, name, .. } in &peers {
            if let (Some(node), Some(name)) = (node, name) {
                redactor.node(node, name.as_str());
            }
            redactor.host(address);
        }
    }
    if let Ok(Reply::Config(entries)) = request(Request::Config {}).await {
        let named = entries.iter().filter(|entry| PEOPLE.contains(&entry.key.as_str()));
        for ConfigEntry { value, .. } in named {
            let quoted = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
            value.split(|letter| !quoted(letter)).for_each(|name| redactor.person(name));
        }
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
    let fields: String =
        line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    format!("{time} {} {}: {}{fields}", line.level.as_str(), line.module, line.text)
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
/// Settings that name Unix users.
const PEOPLE: &[&str] = &["operators", "gateways"];
/// Of the newest.
const LOG_LINES: u32 = 200;
const LOG_PATIENCE: Duration = Duration::from_secs(5);
