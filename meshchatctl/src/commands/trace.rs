use meshchat_client::Client;
use meshchat_client::proto::control::{Hop, NodeInfo, NodeState, Request};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::NodeName;
use serde::Serialize;

use super::expect_reply;
use super::ping::{once, silent};
use super::trail;
use crate::args::Trace;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::note;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::round_trip;
use crate::session::{PATIENCE, Session, ask};

/// Asks every node on the way to another, or on the way of a message; the failure is that of the
/// other.
pub(crate) async fn trace(session: &mut Session, args: Trace) -> Result<u8, Failure> {
    let client = session.connect().await?;
    if trail::may_be_message(&args.target) && !is_node(&client, &args.target).await? {
        return trail::trail(session, &client, &args).await;
    }
    let (way, measured) = way(&client, &args).await?;
    let mut hops = Vec::new();
    for (index, hop) in way.iter().enumerate() {
        let expected = way.get(..=index).unwrap_or_default();
        hops.push(measure(&client, &args, expected, hop).await?);
    }
    add_up(&mut hops);
    session.out.list(&hops, table)?;
    if !session.out.view.json {
        remarks(&args, &hops, measured);
    }
    match hops.last() {
        Some(last) if last.answers > 0 => Ok(0),
        Some(_) => Err(silent(&args.target)),
        None => {
            session.out.say("That is this node itself.")?;
            Ok(0)
        }
    }
}

/// One line of the answer.
#[derive(Debug, Serialize)]
struct Measured {
    /// From 1.
    hop: usize,
    node: NodeId,
    name: NodeName,
    asked: u32,
    answers: u32,
    best_us: Option<u64>,
    median_us: Option<u64>,
    /// The best here less the best of the last node before that answered.
    added_us: Option<i64>,
    /// The way that its last answer took, when it was another than the one traced.
    other_path: Option<Vec<Hop>>,
}

/// The way that a question to the node took, or, when it does not answer, the shortest that the
/// records tell of; and whether it is the former.
async fn way(client: &Client, args: &Trace) -> Result<(Vec<Hop>, bool), Failure> {
    let why = match once(client, &args.target, args.timeout).await? {
        Ok(pong) => return Ok((pong.path, true)),
        Err(why) => why,
    };
    let nodes = expect_reply!(ask(client, Request::Nodes {}, PATIENCE).await?, Nodes);
    let known = nodes.into_iter().find(|node| is_called(node, &args.target));
    match known.map(|node| node.path).filter(|path| !path.is_empty()) {
        Some(path) => Ok((path, false)),
        None => {
            note(&escape(&why));
            Err(silent(&args.target))
        }
    }
}

/// Whether a text names a known node; this one counts.
async fn is_node(client: &Client, text: &str) -> Result<bool, Failure> {
    let nodes = expect_reply!(ask(client, Request::Nodes {}, PATIENCE).await?, Nodes);
    let id = text.replace('-', "").to_lowercase();
    let fits =
        |node: &NodeInfo| node.name.as_str() == text || node.node.to_string().starts_with(&id);
    Ok(nodes.iter().any(fits))
}

/// Whether a person means this node; the daemon has already refused what is ambiguous.
fn is_called(node: &NodeInfo, text: &str) -> bool {
    let id = text.replace('-', "").to_lowercase();
    let named = node.name.as_str() == text;
    node.state != NodeState::Here
        && (named || (id.len() >= 4 && node.node.to_string().starts_with(&id)))
}

async fn measure(
    client: &Client,
    args: &Trace,
    expected: &[Hop],
    hop: &Hop,
) -> Result<Measured, Failure> {
    let (mut times, mut other_path) = (Vec::new(), None);
    for _ in 0..args.count {
        if let Ok(pong) = once(client, &hop.node.to_string(), args.timeout).await? {
            times.push(pong.rtt_us);
            let nodes = |path: &[Hop]| path.iter().map(|hop| hop.node).collect::<Vec<_>>();
            if nodes(&pong.path) != nodes(expected) {
                other_path = Some(pong.path);
            }
        }
    }
    times.sort_unstable();
    Ok(Measured {
        hop: expected.len(),
        node: hop.node,
        name: hop.name.clone(),
        asked: args.count,
        answers: u32::try_from(times.len()).unwrap_or(u32::MAX),
        best_us: times.first().copied(),
        median_us: times.get(times.len() / 2).copied(),
        added_us: None,
        other_path,
    })
}

/// What each hop adds to the way before it. The best times are compared: they tell of the way,
/// the others of what else was going on.
fn add_up(hops: &mut [Measured]) {
    let mut before = 0;
    for hop in hops {
        let Some(best) = hop.best_us.and_then(|best| i64::try_from(best).ok()) else { continue };
        hop.added_us = Some(best.saturating_sub(before));
        before = best;
    }
}

fn table(hops: &[Measured]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::right("hop"),
        Column::left("node"),
        Column::left("id"),
        Column::right("best"),
        Column::right("median"),
        Column::right("added"),
        Column::note("note"),
    ];
    Table::new(COLUMNS, hops.iter().map(row))
}

fn row(hop: &Measured) -> Vec<Cell> {
    let time =
        |us: Option<u64>| us.map_or_else(Cell::default, |us| Cell::new(round_trip(us)).raw(us));
    let added = |us: i64| {
        let sign = if us < 0 { '-' } else { '+' };
        Cell::new(format!("{sign}{}", round_trip(us.unsigned_abs()))).raw(us)
    };
    vec![
        Cell::new(hop.hop.to_string()),
        Cell::new(hop.name.as_str()),
        Cell::new(hop.node.short()).raw(hop.node),
        time(hop.best_us),
        time(hop.median_us),
        hop.added_us.map_or_else(Cell::default, added),
        Cell::new(remark(hop)),
    ]
}

fn remark(hop: &Measured) -> String {
    let answered = match (hop.answers, hop.asked) {
        (0, _) => "no answer".to_owned(),
        (some, all) if some < all => format!("answered {some} of {all}"),
        (_, _) => String::new(),
    };
    let way = hop.other_path.iter().map(|path| match path.as_slice() {
        [] | [_] => "answered directly".to_owned(),
        [between @ .., _] => {
            let names: Vec<&str> = between.iter().map(|hop| hop.name.as_str()).collect();
            format!("answered via {}", names.join(", "))
        }
    });
    let parts = std::iter::once(answered).filter(|words| !words.is_empty()).chain(way);
    parts.collect::<Vec<_>>().join("; ")
}

/// What the times do not tell.
fn remarks(args: &Trace, hops: &[Measured], measured: bool) {
    if !measured {
        let name = escape(&args.target);
        note(&format!("{name} did not answer; this is the way that the records tell of"));
    }
    if hops.iter().any(|hop| hop.other_path.is_some()) {
        note("the way has changed meanwhile, or differs from hop to hop; times do not add up");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::View;

    fn hop(number: usize, times: Option<(u64, u64)>, answers: u32) -> Measured {
        let id = NodeId([u8::try_from(number).unwrap(); 32]);
        Measured {
            hop: number,
            node: id,
            name: format!("pi-{number}").parse().unwrap(),
            asked: 3,
            answers,
            best_us: times.map(|(best, _)| best),
            median_us: times.map(|(_, median)| median),
            added_us: None,
            other_path: None,
        }
    }

    #[test]
    fn each_hop_shows_what_it_adds_to_the_last_that_answered() {
        let other = Hop { node: NodeId([9; 32]), name: "pi-9".parse().unwrap() };
        let mut hops = [
            hop(1, Some((400, 410)), 3),
            hop(2, None, 0),
            hop(3, Some((4_200, 5_000)), 2),
            Measured {
                other_path: Some(vec![other.clone(), other]),
                ..hop(4, Some((4_100, 4_100)), 3)
            },
        ];
        add_up(&mut hops);
        assert_eq!(
            table(&hops).render(&View::plain()).unwrap(),
            "HOP  NODE  ID            BEST   MEDIAN     ADDED  NOTE\n  \
             1  pi-1  040g-2081  0.40 ms  0.41 ms  +0.40 ms\n  \
             2  pi-2  0810-40g2                              no answer\n  \
             3  pi-3  0c1g-60r3   4.2 ms   5.0 ms   +3.8 ms  answered 2 of 3\n  \
             4  pi-4  0g20-8104   4.1 ms   4.1 ms  -0.10 ms  answered via pi-9\n"
        );
    }
}
