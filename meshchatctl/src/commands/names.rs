use meshchat_client::proto::control::{MuteInfo, NamesRequest, Request, VerifyInfo};

use super::expect_reply;
use crate::args::{Alias, Verify};
use crate::failure::Failure;
use crate::output::escape::escape;
use crate::output::note;
use crate::output::table::{Cell, Column, Table};
use crate::session::Session;

pub(crate) async fn alias(session: &mut Session, args: Alias) -> Result<u8, Failure> {
    let Alias { node, name, .. } = args;
    let line = match &name {
        Some(name) => format!("{} is called {} here now.", escape(&node), escape(name.trim())),
        None => format!("{} is called by its own name again.", escape(&node)),
    };
    tell(session, NamesRequest::Alias { node, name }, &line).await
}

pub(crate) async fn verify(session: &mut Session, args: Verify) -> Result<u8, Failure> {
    let Verify { node, yes, accept } = args;
    let request = Request::Names(NamesRequest::Verify { node, yes, accept });
    let info = expect_reply!(session.ask(request).await?, Verify);
    if session.out.view.json {
        session.out.json(&info)?;
    } else if session.out.view.terse {
        session.out.text(&format!("{}\n", escape(&info.digits)))?;
    } else {
        session.out.text(&words(&info, yes || accept))?;
    }
    Ok(0)
}

pub(crate) async fn mute(session: &mut Session, who: String, block: bool) -> Result<u8, Failure> {
    let shown = escape(&who);
    let line = match block {
        true => format!("{shown} is blocked: you see no messages from there, direct ones either."),
        false => format!("{shown} is muted: you see no messages from there in rooms."),
    };
    tell(session, NamesRequest::Mute { who, block }, &line).await
}

pub(crate) async fn unmute(session: &mut Session, who: String) -> Result<u8, Failure> {
    let line = format!("You hear {} again.", escape(&who));
    tell(session, NamesRequest::Unmute { who }, &line).await
}

pub(crate) async fn mutes(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] = &[Column::left("name"), Column::left("what"), Column::left("id")];
    let mutes = expect_reply!(session.ask(Request::Names(NamesRequest::Mutes {})).await?, Mutes);
    if mutes.is_empty() && session.out.view.legend && !session.out.view.json {
        note("you hear everybody; mute somebody: meshchatctl mute NAME");
    }
    session.out.list(&mutes, |mutes| Table::new(COLUMNS, mutes.iter().map(row)))?;
    Ok(0)
}

async fn tell(session: &mut Session, request: NamesRequest, line: &str) -> Result<u8, Failure> {
    session.ask(Request::Names(request)).await?;
    session.out.say(line)?;
    Ok(0)
}

fn words(info: &VerifyInfo, done: bool) -> String {
    let (name, id, digits) = (info.name.as_str(), info.node.short(), escape(&info.digits));
    let state = match (&info.was, info.verified) {
        (Some(was), _) => format!(
            "{name} has another key than the node of that name before ({}). No direct messages go \
             to it until you accept it: meshchatctl verify {name} --accept\n",
            was.short()
        ),
        (None, true) => format!("{name} ({id}) is verified.\n"),
        (None, false) if done => format!("{name} ({id}) has this name now; it is not verified.\n"),
        (None, false) => format!("{name} ({id}) is not verified.\n"),
    };
    if done {
        return state;
    }
    format!(
        "{state}\n    {digits}\n\n\
         Let somebody there type `meshchatctl verify` with the name of this node, and read the\n\
         numbers to each other, by telephone or face to face. If they are equal:\n\
         meshchatctl verify {name} --yes\n"
    )
}

fn row(mute: &MuteInfo) -> Vec<Cell> {
    let node = mute.node_name.as_str();
    let name = match &mute.person {
        Some(person) => format!("{person}@{node}"),
        None => node.to_owned(),
    };
    vec![
        Cell::new(name),
        Cell::new(if mute.block { "blocked" } else { "muted" }),
        Cell::new(mute.node.short()).raw(mute.node),
    ]
}

#[cfg(test)]
mod tests {
    use meshchat_client::proto::id::NodeId;

    use super::*;

    #[test]
    fn a_changed_key_is_loud() {
        let info = VerifyInfo {
            node: NodeId([1; 32]),
            name: "barn".parse().unwrap(),
            digits: "00001 00002 00003 00004 00005 00006".into(),
            verified: false,
            was: None,
        };
        let text = words(&info, false);
        assert!(text.starts_with("barn (040g-2081) is not verified.\n\n    00001 0"), "{text}");
        assert!(text.ends_with("meshchatctl verify barn --yes\n"), "{text}");
        let changed = VerifyInfo { was: Some(NodeId([2; 32])), ..info.clone() };
        assert!(words(&changed, false).contains("another key"), "{}", words(&changed, false));
        assert!(words(&VerifyInfo { verified: true, ..info }, true).ends_with("is verified.\n"));
    }
}
