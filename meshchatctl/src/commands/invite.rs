use meshchat_client::proto::control::{InviteInfo, NetworkRequest, Request, TicketInfo};

use super::expect_reply;
use crate::args::{Invite, InviteCommand, Qr};
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::note;
use crate::output::qr;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::{count, span};
use crate::session::Session;

pub(crate) async fn invite(session: &mut Session, args: Invite) -> Result<u8, Failure> {
    match args.command {
        Some(InviteCommand::List) => list(session).await,
        Some(InviteCommand::Revoke { id }) => revoke(session, id).await,
        None => make(session, args).await,
    }
}

/// Whether this is a ticket, and not the name of a room.
pub(crate) fn is_ticket(text: &str) -> bool {
    let text = text.trim_start();
    text.get(..PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(PREFIX))
}

async fn make(session: &mut Session, args: Invite) -> Result<u8, Failure> {
    let expires_ms = u64::try_from(args.expires.as_millis()).unwrap_or(u64::MAX);
    let request = NetworkRequest::Invite { uses: args.uses, expires_ms, role: args.role };
    let made = expect_reply!(session.ask(Request::Network(request)).await?, Ticket);
    let view = &session.out.view;
    if view.json {
        session.out.json(&made)?;
    } else if is_bare(view.terse, view.terminal, args.qr) {
        session.out.text(&format!("{}\n", escape(&made.ticket)))?;
    } else {
        let picture = (args.qr != Qr::Never).then(|| qr::render(&made.ticket, view.color));
        let mut text = words(&made);
        text.extend(picture.flatten().map(|picture| format!("\n{picture}")));
        session.out.text(&text)?;
    }
    Ok(0)
}

async fn list(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("id"),
        Column::left("role"),
        Column::right("uses-left"),
        Column::right("expires"),
    ];
    let request = Request::Network(NetworkRequest::Invites {});
    let invites = expect_reply!(session.ask(request).await?, Invites);
    if invites.is_empty() && session.out.view.legend && !session.out.view.json {
        note("no ticket of this node works; make one: meshchatctl invite");
    }
    session.out.list(&invites, |invites| Table::new(COLUMNS, invites.iter().map(row)))?;
    Ok(0)
}

async fn revoke(session: &mut Session, invite: String) -> Result<u8, Failure> {
    let line = format!("Ticket {} works no more; who joined with it stays.", escape(&invite));
    session.ask(Request::Network(NetworkRequest::Revoke { invite })).await?;
    session.out.say(&line)?;
    Ok(0)
}

/// A script gets the ticket alone.
fn is_bare(terse: bool, terminal: bool, qr: Qr) -> bool {
    terse || (!terminal && qr != Qr::Always)
}

pub(crate) fn words(made: &TicketInfo) -> String {
    let TicketInfo { ticket, invite } = made;
    let (ticket, id) = (escape(ticket), escape(&invite.id));
    let uses = match invite.uses_left {
        1 => "one node".into(),
        more => count(more.into(), "node"),
    };
    let (role, time) = (invite.role.as_str(), span(invite.expires_ms));
    format!(
        "{ticket}\n\n\
         Lets {uses} in as {role}, for {time} of running time. It is a secret: who has it gets in.\n\
         Type on the other machine:   meshchatctl join {ticket}\n\
         Take it back:                meshchatctl invite revoke {id}\n"
    )
}

fn row(invite: &InviteInfo) -> Vec<Cell> {
    vec![
        Cell::new(&invite.id),
        Cell::new(invite.role.as_str()),
        Cell::new(invite.uses_left.to_string()),
        Cell::new(span(invite.expires_ms)).raw(invite.expires_ms),
    ]
}

const PREFIX: &str = "meshchat1";

#[cfg(test)]
mod tests {
    use meshchat_client::proto::network::Role;

    use super::*;

    #[test]
    fn a_ticket_is_no_room() {
        assert!(is_ticket("meshchat1abc") && is_ticket(" MESHCHAT1ABC"));
        for room in ["#meshchat1abc", "meshchat", "meshchat2", "lobby", "", "äöüäöü"] {
            assert!(!is_ticket(room), "{room}");
        }
    }

    #[test]
    fn a_ticket_says_what_it_allows() {
        let invite = InviteInfo {
            id: "k7".into(),
            uses_left: 1,
            expires_ms: 86_400_000,
            role: Role::Member,
        };
        let mut made = TicketInfo { ticket: "meshchat1abc".into(), invite };
        let text = words(&made);
        assert!(text.starts_with("meshchat1abc\n\nLets one node in as member, for 24 h of "));
        assert!(text.contains("meshchatctl join meshchat1abc\n"), "{text}");
        assert!(text.ends_with("meshchatctl invite revoke k7\n"), "{text}");
        made.invite.uses_left = 3;
        assert!(words(&made).contains("Lets 3 nodes in"));
    }

    #[test]
    fn scripts_get_the_bare_ticket() {
        assert!(is_bare(false, false, Qr::Auto) && is_bare(true, true, Qr::Always));
        assert!(!is_bare(false, true, Qr::Never) && !is_bare(false, false, Qr::Always));
    }
}
