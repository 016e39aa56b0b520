use meshchat_client::proto::control::{MemberInfo, NetworkRequest, NodeState, Request};
use meshchat_client::proto::network::Role;

use super::confirm::confirm;
use super::expect_reply;
use crate::args::Members;
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::note;
use crate::output::style::{self, Paint};
use crate::output::table::{Cell, Column, Table};
use crate::session::Session;

pub(crate) async fn members(
    session: &mut Session,
    command: Option<Members>,
) -> Result<u8, Failure> {
    match command {
        None => list(session).await,
        Some(Members::Remove { name, yes }) => remove(session, name, yes).await,
        Some(Members::Promote { name, role }) => promote(session, name, role).await,
    }
}

async fn list(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("name"),
        Column::left("role"),
        Column::left("state"),
        Column::left("by"),
        Column::left("id"),
    ];
    let request = Request::Network(NetworkRequest::Members {});
    let members = expect_reply!(session.ask(request).await?, Members);
    if members.is_empty() && session.out.view.legend && !session.out.view.json {
        note("the open network has no members; close it: meshchatctl network create NAME");
    }
    session.out.list(&members, |members| Table::new(COLUMNS, members.iter().map(row)))?;
    Ok(0)
}

async fn remove(session: &mut Session, member: String, yes: bool) -> Result<u8, Failure> {
    let question = format!("Remove {member} for good? Its key can never come back.");
    confirm(yes, &question).await?;
    let line = format!("{} is removed.", escape(&member));
    session.ask(Request::Network(NetworkRequest::Remove { member })).await?;
    session.out.say(&line)?;
    Ok(0)
}

async fn promote(session: &mut Session, member: String, role: Role) -> Result<u8, Failure> {
    let line = format!("The role of {} is {} now.", escape(&member), role.as_str());
    session.ask(Request::Network(NetworkRequest::Promote { member, role })).await?;
    session.out.say(&line)?;
    Ok(0)
}

fn row(member: &MemberInfo) -> Vec<Cell> {
    let name = member.name.as_str();
    let shown = if member.me { format!("{name} (this node)") } else { name.to_owned() };
    let by = member.by_name.as_ref().map_or("root key", |name| name.as_str());
    vec![
        Cell::new(shown).raw(name),
        Cell::new(member.role.as_str()),
        state(member),
        Cell::new(by).raw(member.by),
        Cell::new(member.node.short()).raw(member.node),
    ]
}

fn state(member: &MemberInfo) -> Cell {
    match (member.removed, member.me, member.reachable) {
        (true, ..) => Cell::new("✕ removed").raw("removed").paint(Paint::Bad),
        (false, true, _) => style::node(NodeState::Here).into(),
        (false, false, true) => style::node(NodeState::Reachable).into(),
        (false, false, false) => style::node(NodeState::Unreachable).into(),
    }
}

#[cfg(test)]
mod tests {
    use meshchat_client::proto::id::NodeId;

    use super::*;
    use crate::output::View;

    #[test]
    fn members_are_shown_with_who_let_them_in() {
        const COLUMNS: &[Column] = &[
            Column::left("name"),
            Column::left("role"),
            Column::left("state"),
            Column::left("by"),
        ];
        let member = |name: &str, by: Option<&str>| MemberInfo {
            node: NodeId([1; 32]),
            name: name.parse().unwrap(),
            role: Role::Member,
            by: NodeId([2; 32]),
            by_name: by.map(|by| by.parse().unwrap()),
            removed: false,
            reachable: true,
            me: false,
        };
        let rows = [
            MemberInfo { role: Role::Admin, me: true, ..member("barn", None) },
            member("mill", Some("barn")),
            MemberInfo { reachable: false, ..member("shed", Some("barn")) },
            MemberInfo { removed: true, ..member("gone", Some("barn")) },
        ];
        let table = Table::new(COLUMNS, rows.iter().map(|member| row(member)[..4].to_vec()));
        let wanted = "NAME              ROLE    STATE          BY\n\
                      barn (this node)  admin   ● here         root key\n\
                      mill              member  ● reachable    barn\n\
                      shed              member  ✕ unreachable  barn\n\
                      gone              member  ✕ removed      barn\n";
        assert_eq!(table.render(&View::plain()).unwrap(), wanted);
    }
}
