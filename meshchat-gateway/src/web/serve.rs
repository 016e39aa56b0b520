//! Accepts connections and serves each of them for as long as it may stay.

use std::convert::Infallible;

use axum::Router;
use axum::response::Response;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::pool::{Caller, End, Pool};
use crate::door::{Door, Doorway};
use crate::supervise::Tasks;

/// Serves for ever.
pub(super) async fn serve(
    doorway: Doorway,
    tasks: Tasks,
    tls: Option<TlsAcceptor>,
    router: Router,
) {
    let pool =
        Pool::new(doorway.door.clone(), CONNECTIONS, CONNECTIONS_OF_ADDRESS, doorway.hello());
    let seats = doorway.seats();
    loop {
        let (stream, peer) = doorway.next().await;
        let Ok(local) = stream.local_addr() else { continue };
        let Some(caller) = pool.enter(peer.ip(), local, &seats) else { continue };
        let (door, tls, router) = (doorway.door.clone(), tls.clone(), router.clone());
        tasks.spawn(async move {
            tokio::select! {
                () = connection(stream, tls, caller.clone(), &door, router) => {}
                end = caller.end() => match end {
                    End::Late => door.count("hello_late"),
                    // The one was counted when it was decided, the other is as it should be.
                    End::PushedOut | End::Idle => {}
                },
            }
        });
    }
}

async fn connection(
    stream: TcpStream,
    tls: Option<TlsAcceptor>,
    mut caller: Caller,
    door: &Door,
    router: Router,
) {
    let Some(tls) = tls else { return http(stream, caller, door, router).await };
    let mut first = [0];
    if !matches!(stream.peek(&mut first).await, Ok(1)) {
        return;
    }
    if first != [TLS_HANDSHAKE] {
        // Plain HTTP: the gate shows the way.
        return http(stream, caller, door, router).await;
    }
    match tls.accept(stream).await {
        Ok(stream) => {
            caller.secure = true;
            http(stream, caller, door, router).await;
        }
        Err(error) => {
            door.count("tls_failed");
            tracing::debug!("no TLS with {}: {error}", caller.peer);
        }
    }
}

async fn http<S>(stream: S, caller: Caller, door: &Door, router: Router)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let service = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        caller.set_busy(true);
        request.extensions_mut().insert(caller.clone());
        let (answer, caller) = (service.call(request), caller.clone());
        async move {
            let answer: Result<Response, Infallible> = answer.await;
            caller.set_busy(false);
            answer
        }
    });
    let mut server = hyper::server::conn::http1::Builder::new();
    // The pool knows how long a head may take.
    server.timer(TokioTimer::new()).header_read_timeout(None).max_buf_size(BUFFER);
    let serving = server.serve_connection(TokioIo::new(stream), service).with_upgrades();
    if let Err(error) = serving.await {
        if error.is_parse_too_large() {
            door.count("head_too_large");
        } else if error.is_parse() {
            door.count("malformed");
        }
        tracing::debug!("a browser went: {error}");
    }
}

/// The first byte of a TLS connection (RFC 8446, section 5.1).
const TLS_HANDSHAKE: u8 = 22;
/// Connections without a seat, of all and of one address.
const CONNECTIONS: usize = 256;
const CONNECTIONS_OF_ADDRESS: usize = 32;
/// Bytes of a request head and of what is read at once.
const BUFFER: usize = 16 * 1024;
