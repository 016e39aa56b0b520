use meshchat_client::Client;
use meshchat_client::proto::control::{DirectInfo, DirectState, DmRequest, PersonInfo, Request};
use meshchat_client::proto::message::MessageKind;

use super::expect_reply;
use crate::args::Dm;
use crate::failure::{Exit, Failure};
use crate::output::note;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::span;
use crate::session::{PATIENCE, Session, ask};

pub(crate) async fn dm(session: &mut Session, args: Dm) -> Result<u8, Failure> {
    if args.list {
        return list(session).await;
    }
    let kind = if args.me { MessageKind::Action } else { MessageKind::Text };
    let (to, text) = person_and_text(args.words)?;
    let client = session.connect().await?;
    let request = |to: &str| {
        let (to, text) = (to.to_owned(), text.clone());
        Request::Dm(DmRequest::Send { to, text, kind })
    };
    let reply = match ask(&client, request(&to), PATIENCE).await {
        Err(failure) if failure.exit_code() == Exit::NotFound as u8 => {
            let Some(called) = in_other_case(&client, &to).await? else { return Err(failure) };
            ask(&client, request(&called), PATIENCE).await?
        }
        reply => reply?,
    };
    let info = expect_reply!(reply, Direct);
    if session.out.view.json {
        session.out.json(&info)?;
        return Ok(0);
    }
    let whom = format!("{}@{}", info.to, info.to_node_name);
    if info.links == 0 && info.state == DirectState::Queued {
        note(&format!("sealed for {whom}, but no link is up: it goes on when one comes back"));
    } else if session.out.view.terminal {
        session.out.say(&format!("Sealed for {whom}: {}.", info.state.as_str()))?;
    }
    Ok(0)
}

/// The one person whose name differs from what was typed in capitals alone.
async fn in_other_case(client: &Client, typed: &str) -> Result<Option<String>, Failure> {
    let request = Request::Who { room: None };
    let people = expect_reply!(ask(client, request, PATIENCE).await?, People);
    let typed = typed.to_lowercase();
    let full = |person: &PersonInfo| format!("{}@{}", person.name, person.node_name);
    let fits = |person: &&PersonInfo| {
        person.name.as_str().to_lowercase() == typed || full(person).to_lowercase() == typed
    };
    let mut fitting = people.iter().filter(fits);
    Ok(match (fitting.next(), fitting.next()) {
        (Some(person), None) => Some(full(person)),
        (_, _) => None,
    })
}

async fn list(session: &mut Session) -> Result<u8, Failure> {
    const COLUMNS: &[Column] =
        &[Column::left("to"), Column::left("state"), Column::right("age"), Column::left("id")];
    let reply = session.ask(Request::Dm(DmRequest::List {})).await?;
    let infos = expect_reply!(reply, Directs);
    session.out.list(&infos, |infos| Table::new(COLUMNS, infos.iter().map(row)))?;
    Ok(0)
}

fn row(info: &DirectInfo) -> Vec<Cell> {
    let id = info.id.map(|id| id.short()).unwrap_or_default();
    vec![
        Cell::new(format!("{}@{}", info.to, info.to_node_name)),
        Cell::new(info.state.as_str()),
        Cell::new(span(info.age_ms)).raw(info.age_ms),
        Cell::new(id),
    ]
}

fn person_and_text(words: Vec<String>) -> Result<(String, String), Failure> {
    match <[String; 2]>::try_from(words) {
        Ok([to, text]) => Ok((to, text)),
        Err(words) if words.len() < 2 => Err(Failure::usage("nothing to send")
            .hint("a person and a text:   meshchatctl dm ann@pi-barn 'hello'")),
        Err(_) => Err(Failure::usage("more words than a person and a text")
            .hint("put quotes around the text:   meshchatctl dm ann@pi-barn 'good morning'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_and_a_text_are_two_words() {
        let parse =
            |words: &[&str]| person_and_text(words.iter().map(|w| (*w).to_owned()).collect());
        assert_eq!(parse(&["ann", "hi"]).unwrap(), ("ann".into(), "hi".into()));
        assert!(parse(&["ann"]).is_err());
        assert!(parse(&["ann", "good", "morning"]).is_err());
    }
}
