//! The frames of the live socket: one JSON object each.

use meshchat_client::proto::control::{Event, Reply, Request};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::web::Fault;

/// The first frame of a page.
#[derive(Debug, Deserialize)]
pub(super) struct First {
    pub(super) hello: Hello,
}

/// Who the page is, and what it has seen.
#[derive(Debug, Deserialize)]
pub(super) struct Hello {
    /// What it was given at its last welcome.
    #[serde(default)]
    pub(super) token: Option<String>,
    /// What `meshchatctl pair` showed.
    #[serde(default)]
    pub(super) code: Option<String>,
    pub(super) name: String,
    /// Rooms that the person is in when they are new; the lobby when missing.
    #[serde(default)]
    pub(super) rooms: Option<Vec<String>>,
    /// The cursor of the last message that it has.
    #[serde(default)]
    pub(super) since: Option<u64>,
    /// How many of the newest messages it wants, without `since`.
    #[serde(default)]
    pub(super) last: Option<u32>,
}

/// Every further frame of a page.
#[derive(Debug, Deserialize)]
pub(super) struct Ask {
    pub(super) id: u64,
    pub(super) ask: Request,
}

impl Ask {
    /// Reads a frame; what is wrong comes with the id that the answer is to have.
    pub(super) fn read(text: &str) -> Result<Self, (u64, Fault)> {
        #[derive(Deserialize)]
        struct Outline {
            id: u64,
            #[serde(default, rename = "ask")]
            _ask: Option<IgnoredAny>,
        }
        serde_json::from_str(text).map_err(|error| {
            let outline = serde_json::from_str::<Outline>(text);
            let words = format!("this is no request: {error}");
            let hint = "send {\"id\": NUMBER, \"ask\": {\"REQUEST\": {…}}}";
            (outline.map_or(0, |outline| outline.id), Fault::own("bad_frame", words, hint))
        })
    }
}

/// The frames that a page gets, but for answers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outbound {
    Welcome(Box<Welcome>),
    Refused(Fault),
    Event(Box<Event>),
    Link(Link),
}

/// Where the page is.
#[derive(Debug, Serialize)]
pub(super) struct Welcome {
    /// To be shown next time.
    pub(super) token: String,
    /// What the person is called.
    pub(super) name: String,
    pub(super) node: String,
    pub(super) node_name: String,
    /// The id of the network; all zeros for the open one.
    pub(super) network: String,
    pub(super) network_name: Option<String>,
    /// The daemon's release.
    pub(super) software: String,
    /// The gateway's release.
    pub(super) gateway: &'static str,
    /// Pages of other nodes.
    pub(super) others: Vec<String>,
    /// The newest message of the node at this moment.
    pub(super) cursor: u64,
    /// The run of the daemon.
    pub(super) boot: u64,
}

/// How the gateway stands to the daemon.
#[derive(Debug, Serialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub(super) enum Link {
    Lost { why: String },
    Back { restarted: bool },
}

/// The answer to a request: exactly one of its optional fields is there.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    id: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    ok: Option<Reply>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<Fault>,
}

impl Answer {
    pub(super) fn new(id: u64, result: Result<Reply, Fault>) -> Self {
        match result {
            Ok(reply) => Self { id, ok: Some(reply), error: None },
            Err(fault) => Self { id, ok: None, error: Some(fault) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_those_of_the_control_protocol() {
        let ask = Ask::read(r#"{"id": 7, "ask": {"send": {"text": "hi"}}}"#).unwrap();
        assert_eq!(ask.id, 7);
        assert!(matches!(ask.ask, Request::Send { room: None, text, .. } if text == "hi"));
    }

    #[test]
    fn what_is_no_request_is_answered_under_its_id() {
        let id = |text| Ask::read(text).unwrap_err().0;
        assert_eq!(id(r#"{"id": 7, "ask": {"fly": {}}}"#), 7);
        assert_eq!(id(r#"{"id": 7}"#), 7);
        assert_eq!(id(r#"{"ask": {"status": {}}}"#), 0);
        assert_eq!(id("hello"), 0);
    }

    #[test]
    fn ids_in_events_are_text() {
        let event = Event::CaughtUp { cursor: 9 };
        let text = serde_json::to_string(&Outbound::Event(event.into())).unwrap();
        assert_eq!(text, r#"{"event":{"caught_up":{"cursor":9}}}"#);
        let link = Outbound::Link(Link::Back { restarted: true });
        let text = serde_json::to_string(&link).unwrap();
        assert_eq!(text, r#"{"link":{"state":"back","restarted":true}}"#);
    }
}
