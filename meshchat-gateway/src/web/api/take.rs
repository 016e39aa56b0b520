//! What handlers take out of a request: who asks, its query, its body.

use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use serde::de::DeserializeOwned;

use super::answer::Failure;
use crate::config::Pairing;
use crate::door::network;
use crate::web::{Caller, Fault, Refusal, Web};

/// A tool that may come in.
#[derive(Debug, Clone)]
pub(super) struct Tool {
    /// The same for all requests with one token, or without one from one address.
    pub(super) id: String,
}

impl FromRequestParts<Web> for Tool {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, web: &Web) -> Result<Self, Failure> {
        match bearer(&parts.headers) {
            Some(token) => match web.auth.check(token) {
                Some(pass) => Ok(Self { id: pass.id }),
                None => Err(refuse(web, Refusal::BadToken)),
            },
            None if web.config.pairing == Pairing::Off => {
                let peer = parts.extensions.get::<Caller>().map(|caller| network(caller.peer));
                Ok(Self { id: format!("open {peer:?}") })
            }
            None => Err(refuse(web, Refusal::CodeNeeded)),
        }
    }
}

fn refuse(web: &Web, refusal: Refusal) -> Failure {
    web.door.count("refused");
    let mut fault = Fault::from(refusal);
    "change a code of `meshchatctl pair` for a token with POST api/v1/pair, and send it as \
     Authorization: Bearer TOKEN"
        .clone_into(&mut fault.hint);
    fault.into()
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// The query of a request.
#[derive(Debug)]
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<Web> for Params<T> {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &Web) -> Result<Self, Failure> {
        Query::try_from_uri(&parts.uri).map(|Query(params)| Self(params)).map_err(|error| {
            Failure::argument(
                format!("bad query: {}", error.body_text()),
                "see api/v1/openapi.json",
            )
        })
    }
}

/// The body of a request: one JSON value.
#[derive(Debug)]
pub(super) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Web> for Body<T> {
    type Rejection = Failure;

    async fn from_request(request: Request, _: &Web) -> Result<Self, Failure> {
        // A page of somebody else can send other types without being asked.
        if !is_json(request.headers()) {
            let hint = "send Content-Type: application/json";
            let fault = Fault::own("bad_type", "the body is not said to be JSON", hint);
            return Err(Failure::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, fault));
        }
        let body = request.into_body();
        let body = axum::body::to_bytes(body, BODY).await.map_err(|_too_long| too_large())?;
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            let words = format!("bad body: {error}");
            if error.is_data() {
                return Failure::argument(words, "see api/v1/openapi.json");
            }
            Failure::new(
                StatusCode::BAD_REQUEST,
                Fault::own("bad_json", words, "send one JSON object"),
            )
        })
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("application/json")
}

fn too_large() -> Failure {
    let words = format!("the body has more than {BODY} bytes");
    let fault = Fault::own("too_large", words, "send it in pieces");
    Failure::new(StatusCode::PAYLOAD_TOO_LARGE, fault)
}

/// Most bytes of a body.
const BODY: usize = 16 * 1024;
