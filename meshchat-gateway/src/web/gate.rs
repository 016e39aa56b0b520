//! What every request goes through before anything looks at it, and every answer after.

use std::time::Duration;

use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_MAX_AGE, CACHE_CONTROL, CONNECTION, CONTENT_SECURITY_POLICY, HOST, LOCATION,
    ORIGIN, REFERRER_POLICY, UPGRADE, VARY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use hyper::body::Body as _;
use tokio::time;

use super::origins::Source;
use super::{Caller, Web};

/// Lets a request in, or says why not, and adds the headers that every answer has.
pub(super) async fn gate(State(web): State<Web>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let asked = Asked::read(&web, &caller, &request);
    let (socket, listed) = match &asked {
        Ok(asked) => (asked.socket(), asked.listed.clone()),
        Err(_) => (String::new(), None),
    };
    let mut response = match asked {
        Ok(asked) if web.secure && !caller.secure => asked.to_tls(request.uri()),
        Ok(asked) if asked.preflight(&request) => preflight(),
        Ok(_) => pass(&web, request, next).await,
        Err(refusal) => {
            web.door.count(refusal.reason());
            (refusal.status(), format!("{refusal}\n")).into_response()
        }
    };
    let headers = response.headers_mut();
    harden(headers, &web, &caller, &socket);
    if let Some(origin) = listed {
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.append(VARY, HeaderValue::from_static("Origin"));
    }
    // The connection of a seat has left the pool: it must not be used for more.
    if caller.seated() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// What is known of a request that may come in.
struct Asked {
    host: Authority,
    scheme: &'static str,
    /// The origin, where it is a page of somebody else who may use this door.
    listed: Option<HeaderValue>,
}

/// Why a request may not come in.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("a request must say once, and well, which host it is for")]
    NoHost,
    #[error(
        "this node is not known as {0:?}. If that is a name of it, add it to `hosts` in [web] of \
         the gateway's configuration: hosts = [{0:?}]"
    )]
    Host(String),
    #[error(
        "pages of {0:?} may not use this node. If they should, add them to `origins` in [web] of \
         the gateway's configuration: origins = [{0:?}]"
    )]
    Origin(String),
    #[error("this is for the page only; programs use the HTTP API under /api/ with a token")]
    NoOrigin,
    #[error("pages of others may not use this node")]
    CrossSite,
}

impl Refusal {
    fn reason(&self) -> &'static str {
        match self {
            Self::NoHost | Self::Host(_) => "host_refused",
            Self::Origin(_) | Self::NoOrigin => "origin_refused",
            Self::CrossSite => "cross_site",
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NoHost => StatusCode::BAD_REQUEST,
            Self::Host(_) => StatusCode::MISDIRECTED_REQUEST,
            Self::Origin(_) | Self::NoOrigin | Self::CrossSite => StatusCode::FORBIDDEN,
        }
    }
}

impl Asked {
    fn read(web: &Web, caller: &Caller, request: &Request) -> Result<Self, Refusal> {
        let host = host(request)?;
        let scheme = web
            .origins
            .scheme(&host, caller.local, caller.secure)
            .or_else(|| plain_at_tls(web, caller, &host))
            .ok_or_else(|| Refusal::Host(short(host.as_str())))?;
        let own = format!("{scheme}://{host}").to_ascii_lowercase();
        let mut asked = Self { host, scheme, listed: None };
        let mut origins = request.headers().get_all(ORIGIN).iter();
        match (origins.next(), origins.next()) {
            (None, _) => without_origin(request)?,
            (Some(origin), None) => {
                let text = origin.to_str().unwrap_or("?");
                let source = web.origins.source(text, &own);
                let source = source.ok_or_else(|| Refusal::Origin(short(text)))?;
                asked.listed = (source == Source::Listed).then(|| origin.clone());
            }
            (Some(_), Some(_)) => return Err(Refusal::CrossSite),
        }
        Ok(asked)
    }

    /// Our own sockets: older browsers do not take 'self' to mean them.
    fn socket(&self) -> String {
        format!(" {}://{}", self.scheme.replacen("http", "ws", 1), self.host)
    }

    fn to_tls(&self, uri: &axum::http::Uri) -> Response {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let to = format!("https://{}{path}", self.host);
        match HeaderValue::try_from(to) {
            Ok(to) => (StatusCode::PERMANENT_REDIRECT, [(LOCATION, to)]).into_response(),
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        }
    }

    /// A browser asks whether a listed page may do something.
    fn preflight(&self, request: &Request) -> bool {
        self.listed.is_some() && request.method() == Method::OPTIONS
    }
}

/// Plain HTTP where TLS is expected: the host is right but for the scheme.
fn plain_at_tls(web: &Web, caller: &Caller, host: &Authority) -> Option<&'static str> {
    let plain = web.secure && !caller.secure;
    plain.then(|| web.origins.scheme(host, caller.local, true)).flatten()
}

/// The one host that a request is for.
fn host(request: &Request) -> Result<Authority, Refusal> {
    let mut given = request.headers().get_all(HOST).iter();
    let (Some(host), None) = (given.next(), given.next()) else { return Err(Refusal::NoHost) };
    let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    let host = host.ok_or(Refusal::NoHost)?;
    match request.uri().authority() {
        Some(other) if *other != host => Err(Refusal::NoHost),
        _ => Ok(host),
    }
}

/// Programs send no origin, nor does a browser that follows a link or asks its own server.
fn without_origin(request: &Request) -> Result<(), Refusal> {
    let headers = request.headers();
    if headers.contains_key(UPGRADE) {
        return Err(Refusal::NoOrigin);
    }
    let says = |name: &'static str| headers.get(name).and_then(|value| value.to_str().ok());
    match says("sec-fetch-site") {
        None | Some("same-origin" | "none") => Ok(()),
        // Somebody else's page has a link to ours.
        Some(_)
            if says("sec-fetch-mode") == Some("navigate")
                && says("sec-fetch-dest") == Some("document")
                && matches!(*request.method(), Method::GET | Method::HEAD)
                && !request.uri().path().starts_with("/api") =>
        {
            Ok(())
        }
        Some(_) => Err(Refusal::CrossSite),
    }
}

/// Takes in the whole body, within its bounds, and hands the request on.
async fn pass(web: &Web, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let body = match body.size_hint().lower() {
        told if told > BODY as u64 => None,
        _ => Some(time::timeout(BODY_TIME, to_bytes(body, BODY)).await),
    };
    let (status, reason, words) = match body {
        Some(Ok(Ok(body))) => return next.run(Request::from_parts(parts, Body::from(body))).await,
        Some(Err(_)) => {
            (StatusCode::REQUEST_TIMEOUT, "body_late", "the request took too long to come")
        }
        None | Some(Ok(Err(_))) => {
            (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "that is too much at once")
        }
    };
    web.door.count(reason);
    (status, [(CONNECTION, "close")], format!("{words}\n")).into_response()
}

fn preflight() -> Response {
    let headers = [
        (ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
        (ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type, last-event-id"),
        (ACCESS_CONTROL_MAX_AGE, "600"),
    ];
    (StatusCode::NO_CONTENT, headers).into_response()
}

fn harden(headers: &mut HeaderMap, web: &Web, caller: &Caller, socket: &str) {
    let fixed = HeaderValue::from_static;
    headers.insert(X_CONTENT_TYPE_OPTIONS, fixed("nosniff"));
    headers.insert(REFERRER_POLICY, fixed("no-referrer"));
    headers.insert(RESOURCE_POLICY, fixed("same-origin"));
    // Where a browser does not trust the origin, it ignores this and complains of it.
    if caller.secure || caller.local.ip().is_loopback() {
        headers.insert(OPENER_POLICY, fixed("same-origin"));
    }
    headers.entry(CACHE_CONTROL).or_insert(fixed("no-store"));
    let policy = format!("{POLICY}; connect-src 'self'{socket}{}", web.origins.connect());
    let policy = HeaderValue::try_from(policy).unwrap_or_else(|_| fixed(POLICY));
    headers.insert(CONTENT_SECURITY_POLICY, policy);
}

/// Words of somebody else, short enough to be told back.
fn short(text: &str) -> String {
    text.chars().take(LONGEST_WORD).collect()
}

const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      manifest-src 'self'; base-uri 'none'; form-action 'self'; \
                      frame-ancestors 'none'";
/// Bytes of a request's body: more than the longest message has with every character escaped.
const BODY: usize = 32 * 1024;
/// How long a body may take.
const BODY_TIME: Duration = Duration::from_secs(10);
const LONGEST_WORD: usize = 100;
