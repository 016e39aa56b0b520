use std::io::{self, IsTerminal as _};
use std::time::Duration;

use meshchat_client::proto::control::{NetworkInfo, NetworkRequest, Request};
use meshchat_client::proto::id::NetworkId;
use meshchat_client::proto::network::Role;

use super::confirm::confirm;
use super::{expect_reply, root_key};
use crate::args::Network;
use crate::failure::Failure;
use crate::output::View;
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::count;
use crate::session::{Session, ask};

pub(crate) async fn network(
    session: &mut Session,
    command: Option<Network>,
) -> Result<u8, Failure> {
    match command {
        None | Some(Network::Show) => show(session).await,
        Some(Network::Create { name, yes }) => create(session, name, yes).await,
        Some(Network::Leave { yes }) => leave(session, yes).await,
        Some(Network::Backup) => root_key::backup(session).await,
        Some(Network::Restore { words }) => root_key::restore(session, words).await,
        Some(Network::Rate { burst, per_second }) => rate(session, burst, per_second).await,
    }
}

/// Joins the network of a ticket.
pub(crate) async fn join(session: &mut Session, ticket: String, yes: bool) -> Result<u8, Failure> {
    let loss = part_with_the_open_network(session, yes, "Join the network of this ticket?").await?;
    let client = session.connect().await?;
    let request = Request::Network(NetworkRequest::Join { ticket });
    let info = expect_reply!(ask(&client, request, JOINING).await?, Network);
    if session.out.view.json {
        session.out.json(&info)?;
    }
    let role = info.role.map_or("nothing yet", Role::as_str);
    let line = format!("This node is a {role} of {} now.", escape(&called(&info)));
    session.out.say(&line.replace(" a admin ", " an admin "))?;
    say_what_went(session, loss)?;
    session.out.advise("See who else is:   meshchatctl members")?;
    Ok(0)
}

async fn show(session: &mut Session) -> Result<u8, Failure> {
    let info = about(session, NetworkRequest::Show {}).await?;
    if session.out.view.json {
        session.out.json(&info)?;
    } else if session.out.view.terse || !session.out.view.fields.is_empty() {
        let text = table(&info).render(&session.out.view).map_err(Failure::usage)?;
        session.out.text(&text)?;
    } else {
        let text = render(&info, &session.out.view);
        session.out.text(&text)?;
    }
    Ok(0)
}

/// For scripts, one row.
fn table(info: &NetworkInfo) -> Table {
    const COLUMNS: &[Column] = &[
        Column::left("id"),
        Column::left("name"),
        Column::left("role"),
        Column::left("root-key"),
        Column::left("removed"),
        Column::right("members"),
        Column::right("reachable"),
        Column::right("burst"),
        Column::right("per-second"),
    ];
    let yes = |is: bool| Cell::new(if is { "yes" } else { "no" });
    let row = vec![
        Cell::new(info.id.short()).raw(info.id),
        Cell::new(&info.name),
        Cell::new(info.role.map_or("", Role::as_str)),
        yes(info.root),
        yes(info.removed),
        Cell::new(info.members.to_string()),
        Cell::new(info.reachable.to_string()),
        Cell::new(info.rate.0.to_string()),
        Cell::new(info.rate.1.to_string()),
    ];
    Table::new(COLUMNS, [row])
}

async fn create(session: &mut Session, name: String, yes: bool) -> Result<u8, Failure> {
    let question = format!("Move this node into a new network {name:?}?");
    let loss = part_with_the_open_network(session, yes, &question).await?;
    let info = about(session, NetworkRequest::Create { name }).await?;
    if session.out.view.json {
        session.out.json(&info)?;
    }
    say_what_went(session, loss)?;
    for line in [
        &format!("{} is closed: only who is invited links and reads.", escape(&called(&info))),
        "Invite the next node:         meshchatctl invite",
        "Write the root key down now:  meshchatctl network backup",
    ] {
        session.out.advise(line)?;
    }
    Ok(0)
}

/// What this node keeps of the open network goes when it moves into a closed one. Asks whether
/// that is meant; a script is told afterwards, as what other nodes hold is not lost.
async fn part_with_the_open_network(
    session: &Session,
    yes: bool,
    question: &str,
) -> Result<Option<String>, Failure> {
    if about(session, NetworkRequest::Show {}).await?.id != NetworkId::OPEN {
        return Ok(None);
    }
    let tables = expect_reply!(session.ask(Request::Limits {}).await?, Limits);
    let of = |name| tables.iter().find(|row| row.name == name).map_or(0, |row| row.used);
    let loss = loss(of("history_messages"), of("letters") + of("outbox"), of("private_rooms"));
    if let Some(loss) = loss.as_ref().filter(|_| !yes && io::stdin().is_terminal()) {
        confirm(false, &format!("{question} This deletes {loss} on this node.")).await?;
    }
    Ok(loss)
}

fn say_what_went(session: &mut Session, loss: Option<String>) -> Result<(), Failure> {
    let Some(loss) = loss else { return Ok(()) };
    Ok(session.out.say(&format!("Deleted on this node: {loss}."))?)
}

/// What goes with the open network, of all people of this node; none if there is nothing.
fn loss(messages: u64, letters: u64, private_rooms: u64) -> Option<String> {
    let parts =
        [(messages, "message"), (letters, "direct message"), (private_rooms, "private room")];
    let words: Vec<_> =
        parts.iter().filter(|(many, _)| *many > 0).map(|(many, of)| count(*many, of)).collect();
    (!words.is_empty()).then(|| format!("{} of the open network", words.join(", ")))
}

async fn leave(session: &mut Session, yes: bool) -> Result<u8, Failure> {
    let info = about(session, NetworkRequest::Show {}).await?;
    confirm(yes, &leave_question(&info)).await?;
    session.ask(Request::Network(NetworkRequest::Leave {})).await?;
    let name = called(&info);
    let name = escape(&name);
    if info.removed {
        session.out.say(&format!("This node has left {name}, which had removed it."))?;
        return Ok(0);
    }
    let still = "It may come back with any new ticket; to rule that out, an admin runs: meshchatctl members remove NAME";
    session.out.say(&format!("This node has left {name}.\n{still}"))?;
    Ok(0)
}

async fn rate(session: &mut Session, burst: u32, per_second: u32) -> Result<u8, Failure> {
    session.ask(Request::Network(NetworkRequest::Rate { burst, per_second })).await?;
    let line = format!("Each author may send {}.", pace((burst, per_second)));
    session.out.say(&line)?;
    Ok(0)
}

async fn about(session: &Session, request: NetworkRequest) -> Result<NetworkInfo, Failure> {
    Ok(expect_reply!(session.ask(Request::Network(request)).await?, Network))
}

fn leave_question(info: &NetworkInfo) -> String {
    let name = called(info);
    match info.root {
        true => format!(
            "Leave {name}? This node holds its root key: without a copy (meshchatctl network \
             backup) nobody can make or remove admins any more."
        ),
        false => format!("Leave {name}? It takes a new invitation to come back."),
    }
}

fn called(info: &NetworkInfo) -> String {
    match (info.id == NetworkId::OPEN, info.name.is_empty()) {
        (true, _) => "the open network".into(),
        (false, true) => info.id.short(),
        (false, false) => info.name.clone(),
    }
}

fn pace((burst, per_second): (u32, u32)) -> String {
    format!("{burst} messages at once, then {per_second} a second")
}

fn render(info: &NetworkInfo, view: &View) -> String {
    let open = info.id == NetworkId::OPEN;
    let mut rows = vec![(
        "network",
        match open {
            true => "the open network: who links reads along".to_owned(),
            false => format!("{} ({}), closed", called(info), info.id.short()),
        },
    )];
    if !open {
        let role = match (info.removed, info.role) {
            (true, _) => "removed",
            (false, None) => "nothing",
            (false, Some(role)) => role.as_str(),
        };
        let key = if info.root { ", holds the root key" } else { "" };
        rows.push(("this node", format!("{role}{key}")));
        rows.push(("members", format!("{}, {} reachable", info.members, info.reachable)));
    }
    rows.push(("rate", pace(info.rate)));
    let mut out = String::new();
    for (name, value) in rows {
        let name = Paint::Header.on(&format!("{name:<11}"), view.color);
        out.push_str(&format!("{name}{}\n", escape(&value)));
    }
    for remark in remarks(info) {
        out.push_str(&Paint::Warn.on(&format!("# {remark}"), view.color));
        out.push('\n');
    }
    out
}

fn remarks(info: &NetworkInfo) -> impl Iterator<Item = &'static str> {
    let open = info.id == NetworkId::OPEN;
    let removed = info.removed.then_some(
        "this node was removed; it hears nothing until it leaves:   meshchatctl network leave",
    );
    let lonely = (open && !info.removed).then_some(
        "make it yours:   meshchatctl network create NAME   or   meshchatctl join TICKET",
    );
    [removed, lonely].into_iter().flatten()
}

/// The inviter may be dialled over several addresses, and asks others first.
const JOINING: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    fn info() -> NetworkInfo {
        NetworkInfo {
            id: NetworkId([1; 16]),
            name: "barn\x1b[2J".into(),
            role: Some(Role::Admin),
            root: true,
            removed: false,
            members: 3,
            reachable: 2,
            rate: (20, 5),
        }
    }

    #[test]
    fn what_goes_is_counted() {
        assert_eq!(loss(0, 0, 0), None);
        assert_eq!(loss(1, 0, 0).unwrap(), "1 message of the open network");
        let all = "2 messages, 1 direct message, 3 private rooms of the open network";
        assert_eq!(loss(2, 1, 3).unwrap(), all);
    }

    #[test]
    fn a_closed_network_is_shown() {
        let text = render(&info(), &View::plain());
        let wanted = "network    barn\\x1b[2J (040g-2081), closed\n\
                      this node  admin, holds the root key\n\
                      members    3, 2 reachable\n\
                      rate       20 messages at once, then 5 a second\n";
        assert_eq!(text, wanted);
    }

    #[test]
    fn the_open_network_says_how_to_close_it() {
        let open = NetworkInfo { id: NetworkId::OPEN, name: String::new(), role: None, ..info() };
        let text = render(&open, &View::plain());
        assert!(text.starts_with("network    the open network"), "{text}");
        assert!(!text.contains("members") && text.contains("network create NAME"), "{text}");
    }

    #[test]
    fn a_removed_node_is_told_the_way_out() {
        let text = render(&NetworkInfo { removed: true, ..info() }, &View::plain());
        assert!(text.contains("this node  removed"), "{text}");
        assert!(text.contains("# this node was removed;"), "{text}");
    }

    #[test]
    fn the_holder_of_the_root_key_is_warned() {
        assert!(leave_question(&info()).contains("network backup"));
        assert!(!leave_question(&NetworkInfo { root: false, ..info() }).contains("root"));
    }
}
