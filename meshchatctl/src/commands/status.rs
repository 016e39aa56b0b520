use meshchat_client::proto::control::{LimitRow, Request, Status};
use meshchat_client::proto::id::NetworkId;
use meshchat_client::proto::network::Role;

use super::expect_reply;
use super::version::release;
use crate::failure::Failure;
use crate::output::View;
use crate::output::escape::escape;
use crate::output::partition;
use crate::output::style::Paint;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{Clock, bytes, count, number, span};
use crate::session::Session;

pub(crate) async fn status(session: &mut Session) -> Result<u8, Failure> {
    let status = expect_reply!(session.ask(Request::Status {}).await?, Status);
    if session.out.view.json {
        session.out.json(&status)?;
    } else {
        let text = render(&status, &session.out.view, &Clock::now());
        session.out.text(&text)?;
    }
    Ok(0)
}

/// What a bare `meshchatctl` prints.
pub(crate) async fn overview(session: &mut Session) -> Result<u8, Failure> {
    let result = session.ask(Request::Status {}).await;
    if session.out.view.json {
        session.out.json(&expect_reply!(result?, Status))?;
        return Ok(0);
    }
    if let Ok(reply) = &result {
        let status = expect_reply!(reply.clone(), Status);
        let text = summary(&status, &session.out.view);
        session.out.text(&text)?;
    }
    session.out.text(FIRST_COMMANDS)?;
    result.map(|_| 0)
}

pub(crate) async fn limits(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("table"),
        Column::right("used"),
        Column::right("most"),
        Column::left("when-full"),
    ];
    let limits = expect_reply!(session.ask(Request::Limits {}).await?, Limits);
    let row = |limit: &LimitRow| {
        vec![
            Cell::new(&limit.name),
            Cell::new(number(limit.used)).raw(limit.used),
            Cell::new(number(limit.most)).raw(limit.most),
            Cell::new(&limit.when_full),
        ]
    };
    session.out.list(&limits, |limits| Table::new(COLUMNS, limits.iter().map(row)))?;
    Ok(0)
}

fn summary(status: &Status, view: &View) -> String {
    let missing = status.missing.iter();
    let missing = missing.flat_map(|missing| partition::remarks(missing, &Clock::now()));
    let missing: String = missing.map(|words| remark(&words, view)).collect();
    format!(
        "{} ({}) is up: {}, {} of {} reachable, {} present\n{missing}\n",
        status.name,
        status.node.short(),
        count(status.links.into(), "link"),
        status.nodes_reachable,
        count(status.nodes_known.into(), "node"),
        people(status.people_present),
    )
}

fn closed(status: &Status) -> String {
    let name = status.network_name.as_deref().unwrap_or("closed network");
    let role = status.role.map_or("no member", Role::as_str);
    format!("{name} ({}), closed; this node is {role}", status.network.short())
}

pub(crate) fn render(status: &Status, view: &View, clock: &Clock) -> String {
    let network = match status.network == NetworkId::OPEN {
        true => "open network".to_owned(),
        false => closed(status),
    };
    let history = &status.history;
    let daemon = format!("meshchatd {}, up {}", release(&status.software), span(status.uptime_ms));
    let rows = [
        ("node", format!("{} ({})", status.name, status.node.short())),
        ("daemon", daemon),
        ("network", format!("{network}, admits {}", status.admit)),
        ("listening", status.listen.join(", ")),
        ("links", number(status.links.into())),
        ("nodes", format!("{} reachable of {} known", status.nodes_reachable, status.nodes_known)),
        ("people", format!("{} present", status.people_present)),
        (
            "history",
            format!(
                "{}, {} ({})",
                count(history.messages, "message"),
                bytes(history.bytes),
                history.mode
            ),
        ),
        ("on disk", on_disk(status)),
        ("messages", format!("{} sent, {} received", number(status.sent), number(status.received))),
        (
            "traffic",
            format!(
                "{} passed on, {} came twice",
                number(status.forwarded),
                number(status.duplicates)
            ),
        ),
        ("clients", number(status.clients.into())),
    ];
    let mut out = String::new();
    for (name, value) in rows.into_iter().filter(|(_, value)| !value.is_empty()) {
        out.push_str(&Paint::Header.on(name, view.color));
        out.push_str(&format!("{:1$}{2}\n", "", 11 - name.len(), escape(&value)));
    }
    for words in status.missing.iter().flat_map(|missing| partition::remarks(missing, clock)) {
        out.push_str(&remark(&words, view));
    }
    if status.gone > 0 {
        out.push_str(&remark(&format!("{} gone for good", count(status.gone, "message")), view));
    }
    for drop in &status.drops {
        out.push_str(&remark(&format!("dropped {}: {}", number(drop.count), drop.reason), view));
    }
    for note in &status.notes {
        out.push_str(&remark(note, view));
    }
    out
}

/// Empty when history is not kept on disk.
fn on_disk(status: &Status) -> String {
    let Some(disk) = &status.history.disk else { return String::new() };
    format!(
        "{} of {}; written today {} of {}, ever {}",
        bytes(disk.bytes),
        bytes(disk.most),
        bytes(disk.written_today),
        bytes(disk.budget),
        bytes(disk.written_total)
    )
}

fn remark(text: &str, view: &View) -> String {
    format!("{}\n", Paint::Warn.on(&format!("# {}", escape(text)), view.color))
}

fn people(many: u32) -> String {
    if many == 1 { "1 person".into() } else { format!("{many} people") }
}

const FIRST_COMMANDS: &str = "  \
  meshchatctl tail              read: the last messages, then what comes
  meshchatctl send 'hello'      say something in #lobby
  meshchatctl who               who is there
  meshchatctl connect HOST      link to another node
  meshchatctl peers status      how the links are

More: meshchatctl --help
";
