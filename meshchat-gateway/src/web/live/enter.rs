//! From the first frame of a page to its welcome.

use meshchat_client::proto::control::{Dm, ErrorCode, Reply, Request, Start, Status};
use meshchat_client::proto::name::{PersonName, RoomName};
use meshchat_client::{Guest, Identity, TailRequest};

use super::frame::{First, Hello, Welcome};
use crate::SOFTWARE;
use crate::door::Seat;
use crate::web::present::Visit;
use crate::web::{Caller, Code, Fault, Pass, Web};

/// A page that is in.
#[derive(Debug)]
pub(super) struct Entered {
    pub(super) visit: Visit,
    pub(super) guest: Guest,
    pub(super) welcome: Welcome,
    pub(super) seat: Seat,
}

/// Reads the first frame and lets the page in.
pub(super) async fn enter(web: &Web, caller: &Caller, text: &str) -> Result<Entered, Fault> {
    let First { hello } = serde_json::from_str(text).map_err(|error| {
        let words = format!("the first frame is no hello: {error}");
        Fault::own("bad_hello", words, "load the page again")
    })?;
    let (token, code) = (hello.token.as_deref(), hello.code.as_deref());
    let pass = web.auth.admit(caller.peer, token, code).await?;
    let identity = identity(&pass, &hello)?;
    let seat = caller.sit()?;
    let (visit, guest) = web.present.arrive(identity, request(&hello)).await.map_err(refused)?;
    let status = guest.speaker().ask(Request::Status {}).await;
    let Reply::Status(status) = status.map_err(|error| refused(error.into()))? else {
        return Err(Fault::unreachable("it said something else than its state"));
    };
    let name = guest.speaker().identity().name;
    let welcome = welcome(web, pass, name, *status);
    Ok(Entered { visit, guest, welcome, seat })
}

fn identity(pass: &Pass, hello: &Hello) -> Result<Identity, Fault> {
    let name: PersonName = hello.name.parse().map_err(|error| {
        Fault::own("bad_name", format!("bad name: {error}"), "choose 1 to 32 visible characters")
    })?;
    for room in hello.rooms.iter().flatten() {
        room.parse::<RoomName>().map_err(|error| {
            Fault::own("bad_hello", format!("bad room: {error}"), "leave that room out")
        })?;
    }
    Ok(Identity {
        name: name.as_str().to_owned(),
        via: "web".to_owned(),
        key: format!("web {}", pass.id),
        rooms: hello.rooms.clone(),
        away: None,
    })
}

fn request(hello: &Hello) -> TailRequest {
    let last = hello.last.unwrap_or(LAST).min(MOST_LAST);
    let start = hello.since.map_or(Start::Last(last), Start::After);
    TailRequest::Messages {
        room: None,
        start,
        follow: true,
        presence: true,
        dm: Dm::Also,
        cursor: None,
    }
}

/// Why somebody cannot come in. The name was checked: another wrong argument is a room. Nothing
/// was said yet that could be lost.
pub(super) fn refused(fault: Fault) -> Fault {
    match fault.code {
        Code::Daemon(ErrorCode::BadArgument) => fault.with_code("bad_hello"),
        Code::Own("lost") => Fault::unreachable("the connection to it broke"),
        Code::Daemon(_) | Code::Own(_) => fault,
    }
}

fn welcome(web: &Web, pass: Pass, name: String, status: Status) -> Welcome {
    Welcome {
        token: pass.token,
        name,
        node: status.node.to_string(),
        node_name: status.name.to_string(),
        network: status.network.to_string(),
        network_name: status.network_name,
        software: status.software,
        gateway: SOFTWARE,
        others: web.config.others.clone(),
        cursor: status.history.cursor,
        boot: status.boot,
    }
}

/// Messages of history that a page gets that says nothing else.
const LAST: u32 = 200;
const MOST_LAST: u32 = 1000;
