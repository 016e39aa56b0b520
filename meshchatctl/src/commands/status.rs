use meshchat_client::proto::control::{LimitRow, Request, Status};
use meshchat_client::proto::id::NetworkId;
use meshchat_client::proto::network::Role;

use super::expect_reply;
use super::version::release;
use crate::failure::Failure;
use crate::output::advice::advise;
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{Clock, bytes, count, number, span};
use crate::output::{View, drops, partition};
use crate::session::Session;

pub(crate) async fn status(session: &mut Session) -> Result<u8, Failure> {
    let status = expect_reply!(session.ask(Request::Status {}).await?, Status);
    if session.out.view.json {
        session.out.json(&status)?;
    } else {
        let text = text(&status, &session.out.view, &Clock::now())?;
        session.out.text(&text)?;
    }
    Ok(0)
}

/// For people, or as one row of a table for scripts.
pub(super) fn text(status: &Status, view: &View, clock: &Clock) -> Result<String, Failure> {
    match view.terse || !view.fields.is_empty() {
        true => table(status).render(view).map_err(Failure::usage),
        false => Ok(render(status, view, clock)),
    }
}

fn table(status: &Status) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("node"),
        Column::left("id"),
        Column::left("software"),
        Column::right("uptime"),
        Column::right("links"),
        Column::right("reachable"),
        Column::right("known"),
        Column::right("people"),
        Column::right("messages"),
        Column::right("sent"),
        Column::right("received"),
        Column::right("gone"),
        Column::right("dropped"),
        Column::right("clients"),
    ];
    let amount = |many: u64| Cell::new(number(many)).raw(many);
    let dropped = status.drops.iter().map(|drop| drop.count).sum();
    let row = vec![
        Cell::new(status.name.as_str()),
        Cell::new(status.node.short()).raw(status.node),
        Cell::new(release(&status.software)),
        Cell::new(span(status.uptime_ms)).raw(status.uptime_ms),
        amount(status.links.into()),
        amount(status.nodes_reachable.into()),
        amount(status.nodes_known.into()),
        amount(status.people_present.into()),
        amount(status.history.messages),
        amount(status.sent),
        amount(status.received),
        amount(status.gone),
        amount(dropped),
        amount(status.clients.into()),
    ];
    Table::new(COLUMNS, [row])
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
    let missing = missing(status, view, &Clock::now());
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
    out.push_str(&missing(status, view, clock));
    if status.gone > 0 {
        out.push_str(&remark(&format!("{} gone for good", count(status.gone, "message")), view));
    }
    for drop in &status.drops {
        let words = format!("{} dropped: {}", number(drop.count), drops::words(&drop.reason));
        out.push_str(&remark(&words, view));
    }
    for note in &status.notes {
        out.push_str(&remark(&advise(view.instance.as_deref(), note), view));
    }
    out
}

/// What is missing of the mesh; a problem when it is this node that is cut off.
fn missing(status: &Status, view: &View, clock: &Clock) -> String {
    let Some(missing) = &status.missing else { return String::new() };
    let paint = if missing.isolated { Paint::Bad } else { Paint::Warn };
    let words = partition::remarks(missing, clock).into_iter();
    words.map(|words| painted(&words, paint, view)).collect()
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
    painted(text, Paint::Warn, view)
}

fn painted(text: &str, paint: Paint, view: &View) -> String {
    format!("{}\n", paint.on(&format!("# {}", escape(text)), view.color))
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
