//! `status --check`: one line and an exit code, as monitoring plugins give them.

use std::io::{self, Write as _};
use std::time::Duration;

use meshchat_client::metrics::CLOCK_DOUBT_MS;
use meshchat_client::proto::control::{PeerInfo, PeerState, Request, Status};
use meshchat_client::{Client, RequestError};
use tokio::time;

use super::expect_reply;
use crate::args::Status as Args;
use crate::failure::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::time::{Clock, count, span};
use crate::session::{Session, ask};

pub(crate) async fn check(session: &mut Session, args: Args) -> Result<u8, Failure> {
    let answer = time::timeout(args.timeout, look(session)).await;
    let verdict = match answer {
        Ok(Ok((status, peers))) => {
            let wishes = Wishes { links: args.min_links, nodes: args.min_nodes };
            let clock_ms = Clock::now().now_ms();
            judge(&status, &peers, &wishes, clock_ms)
        }
        Ok(Err(failure)) => of_failure(&failure),
        Err(_) => no_answer(args.timeout),
    };
    session.out.text(&format!("{}\n", verdict.line()))?;
    Ok(verdict.grade as u8)
}

/// Tells a monitoring system that its command line is wrong, which is no state of the node; what is
/// wrong stands on standard error.
pub(crate) fn not_checked() -> u8 {
    let words = "the command line is wrong; see meshchatctl status --help".into();
    let verdict = Verdict { grade: Grade::Unknown, words, numbers: String::new() };
    // Whoever has closed standard output still has the code.
    let _ = writeln!(io::stdout(), "{}", verdict.line());
    verdict.grade as u8
}

async fn look(session: &Session) -> Result<(Status, Vec<PeerInfo>), Failure> {
    let client: Client = session.connect().await?;
    // The time of the whole look is bounded.
    let status = expect_reply!(ask(&client, Request::Status {}, Duration::MAX).await?, Status);
    let peers = client.peers().await.map_err(|error: RequestError| Failure::from(error))?;
    Ok((*status, peers))
}

/// How it is; the numbers are the exit codes of monitoring plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grade {
    Ok = 0,
    Warning = 1,
    Critical = 2,
    Unknown = 3,
}

#[derive(Debug)]
struct Verdict {
    grade: Grade,
    words: String,
    numbers: String,
}

/// What is asked for beyond that it works.
#[derive(Debug, Default)]
struct Wishes {
    links: Option<u32>,
    nodes: Option<u32>,
}

impl Verdict {
    fn line(&self) -> String {
        let grade = match self.grade {
            Grade::Ok => "OK",
            Grade::Warning => "WARNING",
            Grade::Critical => "CRITICAL",
            Grade::Unknown => "UNKNOWN",
        };
        // What is behind a bar is read as numbers.
        let words = escape(&self.words).replace('|', "/");
        match self.numbers.as_str() {
            "" => format!("MESHCHAT {grade} - {words}"),
            numbers => format!("MESHCHAT {grade} - {words} | {numbers}"),
        }
    }
}

fn of_failure(failure: &Failure) -> Verdict {
    let code = failure.exit_code();
    let gone = [Exit::NotRunning, Exit::TimedOut].iter().any(|exit| *exit as u8 == code);
    let grade = if gone { Grade::Critical } else { Grade::Unknown };
    Verdict { grade, words: failure.message().to_owned(), numbers: String::new() }
}

fn no_answer(patience: Duration) -> Verdict {
    let words = format!("meshchatd did not answer within {} ms", patience.as_millis());
    Verdict { grade: Grade::Critical, words, numbers: String::new() }
}

fn judge(status: &Status, peers: &[PeerInfo], wishes: &Wishes, clock_ms: u64) -> Verdict {
    let critical = critical(status, peers);
    let warnings = warnings(status, wishes, clock_ms);
    let grade = match (critical.is_empty(), warnings.is_empty()) {
        (false, _) => Grade::Critical,
        (true, false) => Grade::Warning,
        (true, true) => Grade::Ok,
    };
    let reasons = [critical, warnings].concat();
    let words = match reasons.is_empty() {
        true => format!(
            "{}: {}, {} of {} reachable, up {}",
            status.name,
            count(status.links.into(), "link"),
            status.nodes_reachable,
            count(status.nodes_known.into(), "node"),
            span(status.uptime_ms)
        ),
        false => reasons.join("; "),
    };
    Verdict { grade, words, numbers: numbers(status, wishes) }
}

fn critical(status: &Status, peers: &[PeerInfo]) -> Vec<String> {
    let wanted = |peer: &&PeerInfo| peer.dialled && peer.state != PeerState::Relayed;
    let wanted = peers.iter().filter(wanted).count();
    let isolated = status.missing.as_ref().filter(|missing| missing.isolated);
    match (isolated, status.links) {
        (Some(missing), _) => {
            let others = missing.known.saturating_sub(1);
            vec![format!(
                "this node is cut off: none of {} can be reached",
                count(others.into(), "other node")
            )]
        }
        (None, 0) if wanted > 0 => {
            vec![format!("no link is up, {wanted} wanted")]
        }
        (None, _) => Vec::new(),
    }
}

fn warnings(status: &Status, wishes: &Wishes, clock_ms: u64) -> Vec<String> {
    let mut all = Vec::new();
    if let Some(missing) = status.missing.as_ref().filter(|missing| !missing.isolated) {
        let (reachable, known) = (missing.reachable, missing.known);
        let since = span(missing.since_ms);
        let names: Vec<&str> = missing.names.iter().take(NAMES).map(|name| name.as_str()).collect();
        let more =
            if known.saturating_sub(reachable) as usize > names.len() { ", …" } else { "" };
        let names = names.join(", ");
        all.push(format!(
            "{reachable} of {known} nodes reachable since {since}, missing: {names}{more}"
        ));
    }
    if status.history.disk.as_ref().is_some_and(|disk| !disk.writing) {
        all.push("history is not written to disk".into());
    }
    let differs = status.clock_offset_ms.filter(|ms| ms.unsigned_abs() > CLOCK_DOUBT_MS);
    match (differs, clock_ms < OLDEST_MS) {
        (Some(ms), _) => {
            let differs = span(ms.unsigned_abs());
            let way = if ms > 0 { "behind" } else { "ahead of" };
            all.push(format!("the clock of this machine is {differs} {way} its neighbours'"));
        }
        (None, true) => all.push("the clock of this machine is doubtful".into()),
        (None, false) => {}
    }
    if let Some(least) = wishes.links.filter(|least| status.links < *least) {
        all.push(format!("{} up, at least {least} wanted", count(status.links.into(), "link")));
    }
    if let Some(least) = wishes.nodes.filter(|least| status.nodes_reachable < *least) {
        let nodes = count(status.nodes_reachable.into(), "node");
        all.push(format!("{nodes} reachable, at least {least} wanted"));
    }
    all
}

/// `label=value;warn;critical;min`, where counters have a `c`.
fn numbers(status: &Status, wishes: &Wishes) -> String {
    let least = |least: Option<u32>| least.map(|least| format!("{least}:")).unwrap_or_default();
    let dropped: u64 = status.drops.iter().map(|drop| drop.count).sum();
    let mut all = vec![
        format!("links={};{};;0", status.links, least(wishes.links)),
        format!("nodes={};{};;0", status.nodes_reachable, least(wishes.nodes)),
        format!("nodes_known={};;;0", status.nodes_known),
        format!("people={};;;0", status.people_present),
        format!("clients={};;;0", status.clients),
        format!("sent={}c", status.sent),
        format!("received={}c", status.received),
        format!("dropped={dropped}c"),
        format!("gone={}c", status.gone),
        format!("history={}B;;;0", status.history.bytes),
        format!("uptime={}s", status.uptime_ms / 1000),
    ];
    all.extend(status.process.map(|process| format!("memory={}B;;;0", process.resident_bytes)));
    all.join(" ")
}

/// Names of missing nodes in the line.
const NAMES: usize = 3;
/// November 2026: this program was written later. A machine without a clock that keeps its time
/// begins before.
const OLDEST_MS: u64 = 1_793_491_200_000;

#[cfg(test)]
mod tests {
    use meshchat_client::proto::control::{DiskStatus, HistoryStatus, Missing};
    use meshchat_client::proto::id::{NetworkId, NodeId};

    use super::*;

    fn status() -> Status {
        Status {
            node: NodeId([1; 32]),
            name: "pi-1".parse().unwrap(),
            software: "meshchatd 0.1.0".into(),
            network: NetworkId::OPEN,
            network_name: None,
            role: None,
            admit: "anyone".into(),
            listen: Vec::new(),
            uptime_ms: 61_000,
            boot: 1,
            links: 2,
            nodes_reachable: 3,
            nodes_known: 3,
            people_present: 1,
            clients: 1,
            history: HistoryStatus {
                mode: "memory".into(),
                messages: 0,
                bytes: 9,
                cursor: 0,
                disk: None,
            },
            sent: 4,
            received: 5,
            forwarded: 0,
            duplicates: 0,
            gone: 0,
            drops: Vec::new(),
            notes: Vec::new(),
            missing: None,
            process: None,
            clock_offset_ms: None,
        }
    }

    fn graded(status: &Status, wishes: &Wishes) -> (Grade, String) {
        let verdict = judge(status, &[], wishes, OLDEST_MS);
        (verdict.grade, verdict.words)
    }

    #[test]
    fn all_is_well() {
        let line = judge(&status(), &[], &Wishes::default(), OLDEST_MS).line();
        let words = "MESHCHAT OK - pi-1: 2 links, 3 of 3 nodes reachable, up 1 m | links=2;;;0 ";
        assert!(line.starts_with(words), "{line}");
        assert!(line.ends_with("uptime=61s") && line.lines().count() == 1, "{line}");
    }

    #[test]
    fn each_trouble_has_its_grade_and_its_words() {
        let missing = |reachable, isolated| {
            let names = vec!["pi-8|x".parse().unwrap()];
            Some(Missing { reachable, known: 3, since_ms: 5_000, names, isolated })
        };
        let disk = DiskStatus {
            writing: false,
            bytes: 0,
            most: 0,
            upto: 0,
            written_today: 0,
            budget: 0,
            budget_left: 0,
            written_total: 0,
            syncs: 0,
            damaged: 0,
        };
        let none = Wishes::default();
        let cut_off = Status { missing: missing(1, true), links: 0, ..status() };
        assert_eq!(graded(&cut_off, &none).0, Grade::Critical);
        let split = Status { missing: missing(2, false), ..status() };
        assert_eq!(graded(&split, &none).0, Grade::Warning);
        let line = judge(&split, &[], &none, OLDEST_MS).line();
        assert!(line.contains("missing: pi-8/x | links="), "{line}");
        let mut full = status();
        full.history.disk = Some(disk);
        assert_eq!(graded(&full, &none), (Grade::Warning, "history is not written to disk".into()));
        let wishes = Wishes { links: Some(3), nodes: Some(4) };
        let words = "2 links up, at least 3 wanted; 3 nodes reachable, at least 4 wanted";
        assert_eq!(graded(&status(), &wishes), (Grade::Warning, words.into()));
        assert_eq!(judge(&status(), &[], &none, 0).grade, Grade::Warning);
    }

    #[test]
    fn a_wrong_clock_is_measured_and_not_read_from_names() {
        let none = Wishes::default();
        let with = |clock_offset_ms| Status { clock_offset_ms, ..status() };
        for (offset, words) in [
            (7_200_000, "the clock of this machine is 2 h behind its neighbours'"),
            (-130_000, "the clock of this machine is 2 m ahead of its neighbours'"),
        ] {
            assert_eq!(graded(&with(Some(offset)), &none), (Grade::Warning, words.into()));
        }
        assert_eq!(graded(&with(Some(-120_000)), &none).0, Grade::Ok);
        let notes = vec!["node clockwork said goodbye".into()];
        assert_eq!(graded(&Status { notes, ..status() }, &none).0, Grade::Ok);
    }
}
