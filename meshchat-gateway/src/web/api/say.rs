//! Requests that change something.

use axum::Json;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use meshchat_client::Speaker;
use meshchat_client::proto::control::{
    DeliveryInfo, DeliveryRequest, DirectInfo, DmRequest, Reply, Request, Sent, Wait,
};
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::PersonName;
use serde::{Deserialize, Serialize};

use super::answer::Failure;
use super::take::{Body, Tool};
use crate::web::{Caller, Fault, Web};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Pair {
    code: String,
}

#[derive(Debug, Serialize)]
pub(super) struct Paired {
    token: String,
}

/// Changes a code for a token.
pub(super) async fn pair(
    State(web): State<Web>,
    Extension(caller): Extension<Caller>,
    Body(pair): Body<Pair>,
) -> Result<(StatusCode, Json<Paired>), Failure> {
    let pass = web.auth.admit(caller.peer, None, Some(&pair.code)).await;
    let pass = pass.inspect_err(|_| web.door.count("refused"))?;
    Ok((StatusCode::CREATED, Json(Paired { token: pass.token })))
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewMessage {
    name: String,
    room: Option<String>,
    text: String,
    kind: Option<MessageKind>,
    wait: Option<WaitFor>,
}

/// Who must hold a message before the answer.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum WaitFor {
    Neighbour,
    Reachable,
    All,
}

#[derive(Debug, Serialize)]
pub(super) struct Said {
    #[serde(flatten)]
    sent: Sent,
    /// Who holds it by now, when that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    delivery: Option<DeliveryInfo>,
    /// Why the wait was in vain; the message is on its way all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_error: Option<Fault>,
}

/// Says something in a room.
pub(super) async fn message(
    State(web): State<Web>,
    tool: Tool,
    Body(message): Body<NewMessage>,
) -> Result<(StatusCode, Json<Said>), Failure> {
    let NewMessage { name, room, text, kind, wait } = message;
    let name = person(&name)?;
    web.tools.may_say(&tool)?;
    let speaker = web.tools.speaker(&tool, name.as_str(), room.as_deref());
    let kind = kind.unwrap_or(MessageKind::Text);
    let Reply::Sent(sent) = speaker.ask(Request::Send { room, text, kind }).await? else {
        return Err(strange());
    };
    let mut said = Said { sent, delivery: None, wait_error: None };
    if let Some(wait) = wait {
        match delivered(&speaker, &said.sent, wait).await {
            Ok(delivery) => said.delivery = Some(delivery),
            Err(fault) => said.wait_error = Some(fault),
        }
    }
    Ok((StatusCode::CREATED, Json(said)))
}

async fn delivered(speaker: &Speaker, sent: &Sent, wait: WaitFor) -> Result<DeliveryInfo, Fault> {
    let wait = match wait {
        WaitFor::Neighbour => Wait::Neighbour,
        WaitFor::Reachable => Wait::Reachable,
        WaitFor::All => Wait::All,
    };
    let message = sent.id.to_string();
    let request = DeliveryRequest::Await { message, wait, timeout_ms: WAIT_MS };
    let Reply::Delivery(delivery) = speaker.ask(Request::Delivery(request)).await? else {
        return Err(Fault::own("internal", "the node answered something else", "update meshchatd"));
    };
    Ok(delivery)
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewDirect {
    name: String,
    to: String,
    text: String,
    kind: Option<MessageKind>,
}

/// Says something to one person.
pub(super) async fn direct(
    State(web): State<Web>,
    tool: Tool,
    Body(direct): Body<NewDirect>,
) -> Result<(StatusCode, Json<DirectInfo>), Failure> {
    let NewDirect { name, to, text, kind } = direct;
    let name = person(&name)?;
    web.tools.may_say(&tool)?;
    let speaker = web.tools.speaker(&tool, name.as_str(), None);
    let kind = kind.unwrap_or(MessageKind::Text);
    let request = Request::Dm(DmRequest::Send { to, text, kind });
    let Reply::Direct(info) = speaker.ask(request).await? else { return Err(strange()) };
    Ok((StatusCode::CREATED, Json(info)))
}

/// A name that somebody may have.
pub(super) fn person(name: &str) -> Result<PersonName, Failure> {
    name.parse().map_err(|error| {
        Failure::argument(format!("bad name: {error}"), "choose 1 to 32 visible characters")
    })
}

/// The daemon answered another question.
pub(super) fn strange() -> Failure {
    Fault::own("internal", "the node answered something else", "update meshchatd").into()
}

/// How long a message may wait for others to hold it.
const WAIT_MS: u32 = 30_000;
