use meshchat_client::proto::control::{Event, PeerInfo, PeerState, Request};
use meshchat_client::{Tail, TailItem, TailRequest};
use serde::Serialize;

use super::expect_reply;
use crate::failure::{Exit, Failure};
use crate::output::screen::Screen;
use crate::output::style::{self, Paint};
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{bytes, round_trip, span};
use crate::output::{View, note};
use crate::session::{Session, until_ended};

pub(crate) async fn status(session: &mut Session) -> Result<u8, Failure> {
    let peers = expect_reply!(session.ask(Request::Peers {}).await?, Peers);
    if session.out.view.json {
        peers.iter().try_for_each(|peer| session.out.json(peer))?;
    } else {
        let text = render(&peers, &session.out.view)?;
        session.out.text(&text)?;
    }
    let alone = !peers.is_empty() && linked(&peers) == 0;
    Ok(if alone { Exit::Unreached as u8 } else { 0 })
}

pub(crate) async fn list(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("address"),
        Column::left("name"),
        Column::left("source"),
        Column::left("id"),
    ];
    let peers = expect_reply!(session.ask(Request::Peers {}).await?, Peers);
    let row = |peer: &PeerInfo| {
        vec![
            Cell::new(&peer.address),
            Cell::new(peer.name.as_ref().map_or("", |name| name.as_str())),
            Cell::new(&peer.source),
            peer.node.map_or_else(Cell::default, |node| Cell::new(node.short()).raw(node)),
        ]
    };
    session.out.list(&peers, |peers| Table::new(COLUMNS, peers.iter().map(row)))?;
    Ok(0)
}

/// Shows every change until interrupted, also over restarts of the daemon.
pub(crate) async fn watch(session: &mut Session) -> Result<u8, Failure> {
    let mut tail = Tail::open(session.paths.clone(), TailRequest::Peers).await?;
    until_ended(async {
        let mut screen = Screen::default();
        while let Some(item) = tail.next().await {
            match item? {
                TailItem::Event(Event::Peers(peers)) => {
                    show(session, &mut screen, &peers)?;
                    session.out.flush()?;
                }
                TailItem::Event(_) => {}
                TailItem::Lost(why) => note(&format!("waiting for meshchatd: {why}")),
                TailItem::Back { .. } => note("meshchatd is back"),
            }
        }
        Ok(0)
    })
    .await
}

fn show(session: &mut Session, screen: &mut Screen, peers: &[PeerInfo]) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Change<'a> {
        event: &'static str,
        peers: &'a [PeerInfo],
    }
    let out = &mut session.out;
    if out.view.json {
        return out.json(&Change { event: "peers", peers });
    }
    out.view.measure();
    let text = render(peers, &out.view)?;
    Ok(out.text(&screen.frame(&text, &out.view))?)
}

/// How many peers are linked.
pub(crate) fn linked(peers: &[PeerInfo]) -> usize {
    peers.iter().filter(|peer| peer.state == PeerState::Linked).count()
}

pub(crate) fn render(peers: &[PeerInfo], view: &View) -> Result<String, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("peer"),
        Column::left("state"),
        Column::right("since"),
        Column::right("rtt"),
        Column::right("sent"),
        Column::right("received"),
        Column::left("dir"),
        Column::left("address"),
        Column::note("note"),
    ];
    let table = Table::new(COLUMNS, peers.iter().map(row)).render(view).map_err(Failure::usage)?;
    Ok(match (view.legend, peers.len()) {
        (false, _) => table,
        (true, 0) => "No peers. Link to one: meshchatctl connect HOST\n".into(),
        (true, all) => {
            let linked = linked(peers);
            let relayed = peers.iter().filter(|peer| peer.state == PeerState::Relayed).count();
            let wanted = all - relayed;
            let paint = match linked {
                0 => Paint::Bad,
                some if some < wanted => Paint::Warn,
                _ => Paint::Good,
            };
            let mut verdict = format!("{linked} of {wanted} peers linked");
            if relayed > 0 {
                verdict.push_str(&format!(", {relayed} in reach over others"));
            }
            format!("{}\n{table}", paint.on(&verdict, view.color))
        }
    })
}

fn row(peer: &PeerInfo) -> Vec<Cell> {
    let name = peer.name.as_ref().map_or("?", |name| name.as_str());
    let traffic = |count: u64| Cell::new(bytes(count)).raw(count);
    vec![
        Cell::new(name),
        style::peer(peer.state).into(),
        Cell::new(span(peer.since_ms)).raw(peer.since_ms),
        peer.rtt_us.map_or_else(Cell::default, |rtt| Cell::new(round_trip(rtt)).raw(rtt)),
        traffic(peer.sent_bytes),
        traffic(peer.received_bytes),
        Cell::new(if peer.dialled { "out" } else { "in" }),
        Cell::new(&peer.address),
        Cell::new(remark(peer)),
    ]
}

/// Why it is down and what comes next.
fn remark(peer: &PeerInfo) -> String {
    let mut parts = Vec::new();
    if let Some(via) = &peer.via {
        parts.push(format!("relayed via {via}"));
    }
    if peer.behind {
        parts.push(format!("behind, {} wait", bytes(peer.queued_bytes)));
    }
    if peer.carrier == "tcp" {
        parts.push("over TCP".into());
    }
    if !peer.error.is_empty() {
        parts.push(peer.error.clone());
    }
    if peer.tries > 0 && peer.state != PeerState::Linked {
        parts.push(format!("tried {}x", peer.tries));
    }
    if let (Some(next), false) = (peer.next_try_ms, peer.state == PeerState::Linked) {
        parts.push(format!("next try in {}", span(next)));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(name: Option<&str>, state: PeerState) -> PeerInfo {
        PeerInfo {
            address: "barn.local:7117".into(),
            node: None,
            name: name.map(|name| name.parse().unwrap()),
            state,
            dialled: true,
            source: "config".into(),
            since_ms: 61_000,
            rtt_us: None,
            sent_bytes: 2048,
            received_bytes: 9,
            queued_bytes: 0,
            behind: false,
            error: String::new(),
            next_try_ms: None,
            tries: 0,
            carrier: String::new(),
            via: None,
        }
    }

    #[test]
    fn peers_show_why_they_are_down() {
        let peers = [
            PeerInfo { rtt_us: Some(4_200), ..peer(Some("pi-barn"), PeerState::Linked) },
            PeerInfo { carrier: "tcp".into(), ..peer(Some("pi-dam"), PeerState::Linked) },
            PeerInfo {
                error: "no route\x1b[2J".into(),
                tries: 3,
                next_try_ms: Some(8_000),
                ..peer(None, PeerState::Waiting)
            },
            PeerInfo {
                via: Some("pi-dam".parse().unwrap()),
                ..peer(Some("pi-cave"), PeerState::Relayed)
            },
        ];
        assert_eq!(
            render(&peers, &View::plain()).unwrap(),
            "2 of 3 peers linked, 1 in reach over others\n\
             PEER     STATE      SINCE     RTT     SENT  RECEIVED  DIR  ADDRESS          NOTE\n\
             pi-barn  ● linked     1 m  4.2 ms  2.0 KiB       9 B  out  barn.local:7117\n\
             pi-dam   ● linked     1 m          2.0 KiB       9 B  out  barn.local:7117  over TCP\n\
             ?        ○ waiting    1 m          2.0 KiB       9 B  out  barn.local:7117  \
             no route\\x1b[2J; tried 3x; next try in 8 s\n\
             pi-cave  ◌ relayed    1 m          2.0 KiB       9 B  out  barn.local:7117  relayed via pi-dam\n"
        );
    }
}
