//! Answers: few connections, one request each, within a time.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::header::{ALLOW, CONTENT_TYPE, HOST, X_CONTENT_TYPE_OPTIONS};
use axum::http::uri::Authority;
use axum::http::{Method, Request, Response, StatusCode};
use axum::response::IntoResponse as _;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use meshchat_client::metrics;
use tokio::sync::Semaphore;
use tokio::time;

use super::ask::Numbers;
use super::place::{Listener, Stream};
use crate::config::WebConfig;
use crate::door::Door;
use crate::supervise::Tasks;
use crate::web::{Origins, machine};

/// What each connection gets.
#[derive(Debug, Clone)]
struct Desk {
    door: Door,
    numbers: Numbers,
    /// The names of this machine, and the port; none at a socket, which no browser reaches.
    names: Option<(Arc<Origins>, SocketAddr)>,
}

/// Serves for ever.
pub(super) async fn serve(listener: Listener, tasks: Tasks, door: Door, numbers: Numbers) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let origins = Arc::new(Origins::new(&WebConfig::default(), &machine()));
    let names = listener.local().map(|local| (origins, local));
    let desk = Desk { door, numbers, names };
    loop {
        let stream = listener.accept(&desk.door).await;
        let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
            desk.door.count("connections_full");
            continue;
        };
        let desk = desk.clone();
        tasks.spawn(async move {
            if time::timeout(TIME, connection(stream, desk.clone())).await.is_err() {
                desk.door.count("hello_late");
            }
            drop(place);
        });
    }
}

async fn connection(stream: Stream, desk: Desk) {
    let door = desk.door.clone();
    let service = service_fn(move |request| {
        let desk = desk.clone();
        async move { Ok::<_, Infallible>(desk.answer(&request).await) }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    // The one who calls this knows how long it may take, and counts it.
    server.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(HEAD).keep_alive(false);
    if let Err(error) = server.serve_connection(TokioIo::new(stream), service).await {
        if error.is_parse_too_large() {
            door.count("head_too_large");
        } else if error.is_parse() {
            door.count("malformed");
        }
        tracing::debug!("who asked for numbers went: {error}");
    }
}

impl Desk {
    async fn answer<B>(&self, request: &Request<B>) -> Response<Body> {
        if !self.is_known(request) {
            self.door.count("host_refused");
            let words = "ask for this machine by its address, its name or localhost\n";
            return (StatusCode::MISDIRECTED_REQUEST, words).into_response();
        }
        if request.uri().path() != "/metrics" {
            return (StatusCode::NOT_FOUND, "the numbers are at /metrics\n").into_response();
        }
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return (StatusCode::METHOD_NOT_ALLOWED, [(ALLOW, "GET, HEAD")]).into_response();
        }
        let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
        (headers, self.numbers.text().await).into_response()
    }

    /// A page of a stranger whose name leads here (DNS rebinding) learns nothing.
    fn is_known<B>(&self, request: &Request<B>) -> bool {
        let Some((origins, local)) = &self.names else { return true };
        let mut given = request.headers().get_all(HOST).iter();
        let (Some(host), None) = (given.next(), given.next()) else { return false };
        let host = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        host.is_some_and(|host| origins.scheme(&host, *local, false).is_some())
    }
}

/// Connections at once; more are closed and counted.
const CONNECTIONS: usize = 8;
/// How long one may last, the daemon's answer included.
const TIME: Duration = Duration::from_secs(10);
/// Bytes of a request's head; hyper takes no less.
const HEAD: usize = 8 * 1024;
