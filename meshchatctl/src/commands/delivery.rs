use std::time::Duration;

use meshchat_client::Client;
use meshchat_client::proto::control::{
    DeliveryInfo, DeliveryRequest, DeliveryState, HolderInfo, Reply, Request, Wait,
};
use tokio::time;

use super::expect_reply;
use crate::args::{Delivery, WaitFor};
use crate::failure::Failure;
use crate::output::note;
use crate::output::screen::Screen;
use crate::output::spinner::{self, Words};
use crate::output::style;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{count, span};
use crate::session::{PATIENCE, Session, ask, ask_for, until_ended};

/// Shows who holds a message; with `--watch` until all do.
pub(crate) async fn delivery(session: &mut Session, args: Delivery) -> Result<u8, Failure> {
    let client = session.connect().await?;
    if !args.watch {
        let info = show(&client, &args.message).await?;
        print(session, &info, None)?;
        return Ok(0);
    }
    until_ended(watch(session, &client, &args.message)).await
}

async fn watch(session: &mut Session, client: &Client, message: &str) -> Result<u8, Failure> {
    let mut screen = Screen::default();
    let mut before: Option<Vec<(DeliveryState, bool)>> = None;
    loop {
        let info = show(client, message).await?;
        let states = info.nodes.iter().map(|node| (node.state, node.holds)).collect();
        if before.as_ref() != Some(&states) {
            print(session, &info, Some(&mut screen))?;
            session.out.flush()?;
        }
        before = Some(states);
        if info.reached >= info.known {
            return Ok(0);
        }
        time::sleep(PACE).await;
    }
}

/// Waits until enough nodes hold a message; shows a person how far it is.
pub(super) async fn wait_for(
    session: &mut Session,
    client: &Client,
    message: String,
    wait: Wait,
    timeout: Duration,
) -> Result<DeliveryInfo, Failure> {
    let timeout_ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
    let request = DeliveryRequest::Await { message: message.clone(), wait, timeout_ms };
    session.out.flush()?;
    let words = Words::new("waiting for nodes to hold it");
    let look = async {
        let mut told = false;
        loop {
            let info = show(client, &message).await?;
            words.change(format!("{}, waiting for more", summary(&info)));
            if let Wait::Reached(many) = wait
                && let others = info.known.saturating_sub(1)
                && others < many
                && !std::mem::replace(&mut told, true)
            {
                let others = count(others.into(), "other node");
                note(&format!("there are not {many} nodes to reach, but {others}; still waiting"));
            }
            if !spinner::is_allowed() {
                // Nobody looks at how far it is.
                std::future::pending::<()>().await;
            }
            time::sleep(PACE).await;
        }
    };
    let answer = ask_for(&words, client, Request::Delivery(request), timeout + PATIENCE);
    let reply: Result<Reply, Failure> = tokio::select! {
        biased;
        reply = answer => reply,
        failure = look => failure,
    };
    Ok(expect_reply!(reply?, Delivery))
}

/// What the daemon is asked to wait for; none when being accepted is enough.
pub(super) const fn wish(wait: WaitFor) -> Option<Wait> {
    match wait {
        WaitFor::Accepted => None,
        WaitFor::Neighbour => Some(Wait::Neighbour),
        WaitFor::Reached(None) => Some(Wait::Reachable),
        WaitFor::Reached(Some(nodes)) => Some(Wait::Reached(nodes)),
        WaitFor::All => Some(Wait::All),
    }
}

/// `reached 7/9`.
pub(crate) fn summary(info: &DeliveryInfo) -> String {
    format!("reached {}/{}", info.reached, info.known)
}

async fn show(client: &Client, message: &str) -> Result<DeliveryInfo, Failure> {
    let request = DeliveryRequest::Show { message: message.to_owned() };
    Ok(expect_reply!(ask(client, Request::Delivery(request), PATIENCE).await?, Delivery))
}

fn print(
    session: &mut Session,
    info: &DeliveryInfo,
    screen: Option<&mut Screen>,
) -> Result<(), Failure> {
    let out = &mut session.out;
    if out.view.json {
        return out.json(info);
    }
    out.view.measure();
    let mut text = table(&info.nodes).render(&out.view).map_err(Failure::usage)?;
    if out.view.legend {
        text.push_str(&format!("{}\n", summary(info)));
    }
    if let Some(screen) = screen {
        text = screen.frame(&text, &out.view);
    }
    Ok(out.text(&text)?)
}

pub(crate) fn table(nodes: &[HolderInfo]) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("node"),
        Column::left("id"),
        Column::left("state"),
        Column::right("since"),
        Column::note("why"),
    ];
    Table::new(COLUMNS, nodes.iter().map(row))
}

fn row(node: &HolderInfo) -> Vec<Cell> {
    vec![
        Cell::new(node.name.as_str()),
        Cell::new(node.node.short()).raw(node.node),
        style::delivery(node.state).into(),
        node.since_ms.map_or_else(Cell::default, |ms| Cell::new(span(ms)).raw(ms)),
        Cell::new(why(node)),
    ]
}

fn why(node: &HolderInfo) -> String {
    let words = match node.state {
        DeliveryState::Here => "this node",
        DeliveryState::Wrote => "wrote it",
        DeliveryState::Told => "told so",
        DeliveryState::Equal => "has all that this node has",
        DeliveryState::Waiting => "has not told yet",
        DeliveryState::Behind => match &node.via {
            Some(via) if *via == node.name => "its link is behind or catching up",
            Some(via) => return format!("the link to {via} is behind or catching up"),
            None => "behind or catching up",
        },
        DeliveryState::Unreachable => "no path leads to it",
        DeliveryState::Left => "said goodbye; not counted",
        DeliveryState::Lost => "lost for more than 7 days; not counted",
        DeliveryState::NotMember => "not a member of the network; not counted",
        DeliveryState::Silent => "its software is older and does not tell",
        DeliveryState::Unknown => "",
    };
    words.to_owned()
}

/// How often a waiting person is told how far it is.
const PACE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use meshchat_client::proto::id::NodeId;

    use super::*;
    use crate::output::View;

    #[test]
    fn the_table_says_who_is_missing_and_why() {
        let node = |n: u8, state: DeliveryState, since_ms| HolderInfo {
            node: NodeId([n; 32]),
            name: format!("pi-{n}").parse().unwrap(),
            state,
            holds: state.holds(),
            since_ms,
            via: (state == DeliveryState::Behind).then(|| "pi-2".parse().unwrap()),
        };
        let nodes = [
            node(1, DeliveryState::Here, Some(1_000)),
            node(2, DeliveryState::Told, Some(900)),
            node(3, DeliveryState::Behind, None),
            node(4, DeliveryState::Unreachable, Some(180_000)),
        ];
        assert_eq!(
            table(&nodes).render(&View::plain()).unwrap(),
            "NODE  ID         STATE          SINCE  WHY\n\
             pi-1  040g-2081  ● holds it       1 s  this node\n\
             pi-2  0810-40g2  ● holds it       0 s  told so\n\
             pi-3  0c1g-60r3  ◐ behind              the link to pi-2 is behind or catching up\n\
             pi-4  0g20-8104  ✕ unreachable    3 m  no path leads to it\n"
        );
    }
}
