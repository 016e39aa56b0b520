//! From an HTTP request to a WebSocket (RFC 6455, section 4.2).

use std::convert::Infallible;
use std::future::ready;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::http::header::{
    ALLOW, CONTENT_TYPE, HeaderValue, ORIGIN, RETRY_AFTER, SEC_WEBSOCKET_KEY,
};
use axum::http::header::{CONNECTION, SEC_WEBSOCKET_VERSION, UPGRADE};
use axum::http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::server::create_response_with_body;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::dialect::{Dialect, Distributed, Machat, Page};
use crate::door::{Conn, LINE_BYTES, Seat};

/// A client that has a seat.
pub(super) struct Upgraded {
    pub(super) socket: WebSocketStream<TcpStream>,
    pub(super) dialect: Dialect,
    pub(super) seat: Seat,
}

/// Answers the one request of a connection; none when that ends it.
pub(super) async fn upgrade(
    stream: TcpStream,
    conn: &Arc<Conn>,
    origins: Arc<[String]>,
) -> Option<Upgraded> {
    let agreed = Arc::new(Mutex::new(None));
    let (place, conn) = (Arc::clone(&agreed), Arc::clone(conn));
    let service = service_fn(move |request: Request<Incoming>| {
        let (response, agreed) = answer(&request, &conn, &origins);
        if agreed.is_some() {
            *place.lock().unwrap_or_else(PoisonError::into_inner) = agreed;
        }
        ready(Ok::<_, Infallible>(response))
    });
    let mut server = http1::Builder::new();
    // The deadline for the head is that of the door.
    server.timer(TokioTimer::new()).header_read_timeout(None);
    server.max_buf_size(HEAD_BYTES);
    let parts = server.serve_connection(TokioIo::new(stream), service).without_shutdown().await;
    let parts = parts.inspect_err(|error| tracing::debug!("no WebSocket: {error}")).ok()?;
    let agreed = agreed.lock().unwrap_or_else(PoisonError::into_inner).take();
    let (dialect, seat) = agreed?;
    let (stream, early) = (parts.io.into_inner(), parts.read_buf.to_vec());
    let config = Some(bounds());
    let socket = WebSocketStream::from_partially_read(stream, early, Role::Server, config).await;
    Some(Upgraded { socket, dialect, seat })
}

type Answer = (Response<Body>, Option<(Dialect, Seat)>);

fn answer(request: &Request<Incoming>, conn: &Conn, origins: &[String]) -> Answer {
    let refuse = |reason: &'static str, status, words: &str| {
        conn.door.count(reason);
        (refusal(status, words), None)
    };
    if request.method() != Method::GET {
        return refuse("bad_request", StatusCode::METHOD_NOT_ALLOWED, "ask with GET");
    }
    let origin = request.headers().get_all(ORIGIN).iter();
    if !origin.into_iter().all(|origin| is_welcome(origin, origins)) {
        let words = "pages of this origin may not connect; name it in `origins` of [websocket]";
        return refuse("bad_origin", StatusCode::FORBIDDEN, words);
    }
    let key = request.headers().get(SEC_WEBSOCKET_KEY).map(HeaderValue::len);
    if key.is_some_and(|length| length != KEY_CHARS) {
        return refuse("bad_request", StatusCode::BAD_REQUEST, "that is no Sec-WebSocket-Key");
    }
    let Ok(response) = create_response_with_body(request, Body::empty) else {
        let words = "WebSocket clients only (version 13)";
        return refuse("bad_request", StatusCode::UPGRADE_REQUIRED, words);
    };
    match conn.sit() {
        Ok(seat) => (response, Some((dialect(request.uri().path()), seat))),
        // The seats have counted it.
        Err(full) => (refusal(StatusCode::SERVICE_UNAVAILABLE, &full.to_string()), None),
    }
}

/// Paths that nobody knows are what the original takes all for.
fn dialect(path: &str) -> Dialect {
    match path {
        "/mychat" => Dialect::Machat(Machat::default()),
        "/ws" => Dialect::Page(Page::default()),
        _ => Dialect::Distributed(Distributed::default()),
    }
}

/// Whether a page of this origin may connect. Programs that are no browsers send none.
fn is_welcome(origin: &HeaderValue, origins: &[String]) -> bool {
    origins.iter().any(|known| known == "*" || known.as_bytes() == origin.as_bytes())
}

fn refusal(status: StatusCode, words: &str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{words}\n")));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("close"));
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    match status {
        StatusCode::METHOD_NOT_ALLOWED => {
            headers.insert(ALLOW, HeaderValue::from_static("GET"));
        }
        StatusCode::UPGRADE_REQUIRED => {
            headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(CONNECTION, HeaderValue::from_static("upgrade, close"));
            headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        StatusCode::SERVICE_UNAVAILABLE => {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("30"));
        }
        _ => {}
    }
    response
}

fn bounds() -> WebSocketConfig {
    // An end of line may be beside the text.
    let most = Some(LINE_BYTES + 2);
    WebSocketConfig::default()
        .read_buffer_size(LINE_BYTES)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BYTES)
        .max_message_size(most)
        .max_frame_size(most)
}

/// Bytes of the head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// Many times what is written at once.
const WRITE_BYTES: usize = 128 * 1024;
/// 16 bytes in base64.
const KEY_CHARS: usize = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listed_origins_are_welcome() {
        let welcome = |origin: &'static str, known: &[&str]| {
            let known: Vec<_> = known.iter().map(ToString::to_string).collect();
            is_welcome(&HeaderValue::from_static(origin), &known)
        };
        assert!(welcome("http://a:1", &["http://a:1"]) && welcome("null", &["*"]));
        for near in ["http://a", "http://a:10", "https://a:1", "http://A:1", "null", ""] {
            assert!(!welcome(near, &["http://a:1"]), "{near}");
        }
        assert!(!welcome("http://a:1", &[]));
    }

    #[test]
    fn paths() {
        assert!(matches!(dialect("/mychat"), Dialect::Machat(_)));
        assert!(matches!(dialect("/ws"), Dialect::Page(_)));
        for path in ["/", "/anything", "/mychat/", "/WS"] {
            assert!(matches!(dialect(path), Dialect::Distributed(_)), "{path}");
        }
    }
}
