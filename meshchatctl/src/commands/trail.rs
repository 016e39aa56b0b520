use meshchat_client::Client;
use meshchat_client::proto::control::{
    DeliveryRequest, Request, TrailCopy, TrailFacts, TrailHop, TrailInfo,
};
use tokio::time::Duration;

use super::expect_reply;
use crate::args::Trace;
use crate::failure::Failure;
use crate::output::note;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{count, round_trip};
use crate::session::{PATIENCE, Session, ask};

/// Shows how a message came here; the nodes on its way are asked.
pub(super) async fn trail(
    session: &mut Session,
    client: &Client,
    args: &Trace,
) -> Result<u8, Failure> {
    let timeout_ms = u32::try_from(args.timeout.as_millis()).unwrap_or(u32::MAX).min(10_000);
    let request = DeliveryRequest::Trace { message: args.target.clone(), timeout_ms };
    // A node that does not answer is followed by the origin at most.
    let patience = PATIENCE + 4 * Duration::from_millis(timeout_ms.into());
    let reply = ask(client, Request::Delivery(request), patience).await?;
    let info = expect_reply!(reply, Trail);
    if session.out.view.json {
        session.out.json(&info)?;
        return Ok(0);
    }
    let text = table(&info.hops).render(&session.out.view).map_err(Failure::usage)?;
    session.out.text(&text)?;
    if session.out.view.legend {
        for line in remarks(&info) {
            session.out.say(&line)?;
        }
    }
    if !info.complete {
        note("the way is not known to its end: a node did not answer, or no longer knows");
    }
    Ok(0)
}

/// Whether a text can be the beginning of a message's id.
pub(crate) fn may_be_message(text: &str) -> bool {
    let letters = text.chars().filter(|letter| *letter != '-');
    let fits = |letter: char| letter.is_ascii_alphanumeric() && !matches!(letter, 'u' | 'U');
    letters.clone().count() >= 6 && letters.clone().all(fits)
}

pub(crate) fn table(hops: &[TrailHop]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("node"),
        Column::left("id"),
        Column::left("over"),
        Column::right("after"),
        Column::right("give"),
        Column::right("link"),
        Column::right("copies"),
        Column::note("note"),
    ];
    Table::new(COLUMNS, hops.iter().map(row))
}

fn row(hop: &TrailHop) -> Vec<Cell> {
    let told = hop.told.as_ref();
    let unknown = || Cell::new("?");
    let time = |us: u64| Cell::new(round_trip(us)).raw(us);
    vec![
        Cell::new(hop.name.as_str()),
        Cell::new(hop.node.short()).raw(hop.node),
        told.map_or_else(unknown, |told| Cell::new(&told.carrier)),
        hop.after_us.map_or_else(Cell::default, |us| {
            let sign = if us < 0 { "-" } else { "" };
            Cell::new(format!("{sign}{}", round_trip(us.unsigned_abs()))).raw(us)
        }),
        hop.after_us.map_or_else(Cell::default, |_| time(hop.give_us)),
        told.and_then(|told| told.link_us).map_or_else(Cell::default, time),
        told.map_or_else(unknown, |told| Cell::new(told.copies.to_string())),
        Cell::new(told.map_or_else(|| "does not tell".to_owned(), remark)),
    ]
}

fn remark(told: &TrailFacts) -> String {
    match (told.hops, told.caught_up) {
        (0, _) => "wrote it".to_owned(),
        (_, true) => "by catch-up".to_owned(),
        (_, false) => String::new(),
    }
}

pub(crate) fn remarks(info: &TrailInfo) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(here) = info.hops.last().and_then(|hop| hop.told.as_ref()) {
        let how = if here.caught_up { "by catch-up" } else { "live" };
        let late = if info.late { ", late" } else { "" };
        lines.push(match here.hops {
            0 => "sent from here".to_owned(),
            hops => format!("came {how}{late}, {}", count(hops.into(), "hop")),
        });
    }
    if !info.copies.is_empty() {
        let copy =
            |copy: &TrailCopy| format!("{} ({} later)", copy.name, round_trip(copy.after_us));
        let copies: Vec<String> = info.copies.iter().map(copy).collect();
        lines.push(format!("again from {}, dropped", copies.join(", ")));
    }
    if !info.passed.is_empty() {
        let names: Vec<&str> = info.passed.iter().map(|hop| hop.name.as_str()).collect();
        lines.push(format!("passed on to {}", names.join(", ")));
    }
    lines
}

#[cfg(test)]
mod tests {
    use meshchat_client::proto::control::Hop;
    use meshchat_client::proto::id::{MessageId, NodeId};

    use super::*;
    use crate::output::View;

    fn hop(n: u8, hops: Option<u8>, after_us: Option<i64>) -> TrailHop {
        let facts = |hops| TrailFacts {
            age_us: 5_000,
            carrier: if hops == 0 { "" } else { "quic" }.into(),
            caught_up: n == 3,
            hops,
            link_us: (hops > 0).then_some(400),
            copies: u32::from(n) - 1,
            passed: 1,
        };
        TrailHop {
            node: NodeId([n; 32]),
            name: format!("pi-{n}").parse().unwrap(),
            told: hops.map(facts),
            after_us,
            give_us: 210,
        }
    }

    #[test]
    fn a_trail_is_a_table_with_a_line_for_each_hop() {
        let name = || "pi-9".parse().unwrap();
        let info = TrailInfo {
            id: MessageId([5; 32]),
            seq: 1,
            late: true,
            hops: vec![hop(1, Some(0), None), hop(2, None, None), hop(3, Some(2), Some(4_200))],
            copies: vec![TrailCopy { node: NodeId([9; 32]), name: name(), after_us: 80 }],
            passed: vec![Hop { node: NodeId([9; 32]), name: name() }],
            complete: false,
        };
        assert_eq!(
            table(&info.hops).render(&View::plain()).unwrap(),
            "NODE  ID         OVER   AFTER     GIVE     LINK  COPIES  NOTE\n\
             pi-1  040g-2081                                       0  wrote it\n\
             pi-2  0810-40g2  ?                                    ?  does not tell\n\
             pi-3  0c1g-60r3  quic  4.2 ms  0.21 ms  0.40 ms       2  by catch-up\n"
        );
        let expected = [
            "came by catch-up, late, 2 hops",
            "again from pi-9 (0.08 ms later), dropped",
            "passed on to pi-9",
        ];
        assert_eq!(remarks(&info), expected);
    }

    #[test]
    fn ids_are_told_from_names_by_their_letters() {
        assert!(may_be_message("7f3k-q2mz") && may_be_message("b21a0x"));
        assert!(!may_be_message("b21a0") && !may_be_message("pi_3_barn"));
    }
}
