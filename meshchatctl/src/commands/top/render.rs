//! How `top` looks.

use meshchat_client::proto::control::{PeerState, Status};

use super::sample::{Count, Link, Look};
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::style::{self, Paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{bytes, number, round_trip, span};
use crate::output::{View, drops};

pub(super) fn text(look: &Look<'_>, status: &Status, view: &View) -> Result<String, Failure> {
    if view.terse || !view.fields.is_empty() {
        return links(look, view);
    }
    let mut out = head(look, status, view);
    let links = links(look, view)?;
    if !links.is_empty() {
        out.push_str(&format!("\n{links}"));
    }
    let full: Vec<String> = look
        .full
        .iter()
        .map(|row| {
            let (used, most) = (number(row.used), number(row.most));
            format!("{} is nearly full: {used} of {most}; then {}", row.name, row.when_full)
        })
        .collect();
    let dropped: Vec<String> = look
        .drops
        .iter()
        .map(|drop| {
            let rate = rate(drop.count).map(|rate| format!(", {rate}")).unwrap_or_default();
            format!("{} dropped{rate}: {}", number(drop.count.total), drops::words(drop.reason))
        })
        .collect();
    if full.len() + dropped.len() > 0 {
        out.push('\n');
    }
    for words in full.into_iter().chain(dropped) {
        out.push_str(&Paint::Warn.on(&format!("# {}", escape(&words)), view.color));
        out.push('\n');
    }
    Ok(out)
}

fn head(look: &Look<'_>, status: &Status, view: &View) -> String {
    let messages = &look.messages;
    let shown = |name: &str, count: Count| {
        let rate = rate(count).map(|rate| format!(" ({rate})")).unwrap_or_default();
        format!("{} {name}{rate}", number(count.total))
    };
    let words = [
        shown("sent", messages.sent),
        shown("received", messages.received),
        shown("passed on", messages.forwarded),
        shown("came twice", messages.duplicates),
    ];
    let mut machine = vec![format!("{} clients", look.clients)];
    if let Some(process) = look.process {
        machine.push(format!("{} of memory", bytes(process.resident_bytes)));
        machine.extend(look.cpu_percent.map(|percent| format!("{percent} % of a processor")));
        machine.push(format!("{} of {} files", process.open_files, number(process.most_files)));
    }
    let reach = format!("{} of {} nodes", status.nodes_reachable, status.nodes_known);
    let first = format!("{}  up {}, {reach}", status.name, span(status.uptime_ms));
    let mut out = format!("{}\n", Paint::Header.on(&escape(&first), view.color));
    out.push_str(&format!("messages  {}\n", words.join(", ")));
    out.push_str(&format!("daemon    {}\n", machine.join(", ")));
    out
}

fn links(look: &Look<'_>, view: &View) -> Result<String, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("peer"),
        Column::left("state"),
        Column::right("rtt"),
        Column::right("up/s"),
        Column::right("down/s"),
        Column::right("queue"),
        Column::note("note"),
    ];
    let table = Table::new(COLUMNS, look.links.iter().map(row));
    table.render(view).map_err(Failure::usage)
}

fn row(link: &Link<'_>) -> Vec<Cell> {
    let rate = |rate: Option<u64>| {
        let rate = rate.filter(|_| link.state == PeerState::Linked);
        rate.map_or_else(Cell::default, |rate| Cell::new(bytes(rate)).raw(rate))
    };
    let note = match (link.behind, link.error) {
        (true, "") => "behind: catch-up brings the rest",
        (_, error) => error,
    };
    vec![
        Cell::new(link.name.map_or(link.address, |name| name.as_str())),
        style::peer(link.state).into(),
        link.rtt_us.map_or_else(Cell::default, |rtt| Cell::new(round_trip(rtt)).raw(rtt)),
        rate(link.up_bytes),
        rate(link.down_bytes),
        Cell::new(bytes(link.queued_bytes)).raw(link.queued_bytes),
        Cell::new(note),
    ]
}

/// `1.5/s`; none in the first look, and while nothing moves.
fn rate(count: Count) -> Option<String> {
    let thousandths = count.per_1000_s.filter(|rate| *rate > 0)?;
    Some(match thousandths {
        0..100_000 => format!("{}.{}/s", thousandths / 1000, thousandths % 1000 / 100),
        _ => format!("{}/s", number(thousandths / 1000)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_have_a_tenth_while_they_are_small() {
        let shown = |per_1000_s| rate(Count { total: 0, per_1000_s });
        assert_eq!(shown(Some(1_540)).unwrap(), "1.5/s");
        assert_eq!(shown(Some(1_234_567)).unwrap(), "1,234/s");
        assert_eq!(shown(None), None);
    }
}
