//! The TCP carrier: TLS 1.3 over one stream for both lanes, for paths that swallow UDP.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use socket2::SockRef;
use tokio::io::{
    AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf, ReadHalf, WriteHalf,
};
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::{Channel, CloseCode, LaneIo, Lost, PeerKey, Stats, plain, tls, tune};

/// The configurations of both roles, and the connections that are to end with the endpoint.
#[derive(Clone)]
pub(super) struct Tcp {
    server: TlsAcceptor,
    client: TlsConnector,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    stopped: bool,
    /// As many as there are links and handshakes; those that are gone leave at the next entry.
    sockets: Vec<Weak<Socket>>,
}

impl Tcp {
    pub(super) fn new(server: rustls::ServerConfig, client: rustls::ClientConfig) -> Self {
        let (server, client) = (Arc::new(server), Arc::new(client));
        Self { server: server.into(), client: client.into(), open: Arc::default() }
    }

    /// Proves both keys over a connection that was dialled.
    pub(super) async fn connect(&self, stream: TcpStream) -> Result<Shaken, Lost> {
        let socket = self.enter(stream)?;
        let name = rustls::pki_types::ServerName::IpAddress(socket.remote.ip().into());
        let shaking = self.client.connect(name, Io(Arc::clone(&socket)));
        let mut stream = shaking.await.map_err(|e| socket.lost(&e))?;
        stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
        Shaken::new(stream.into(), socket)
    }

    /// Proves both keys over a connection that was accepted.
    pub(super) async fn accept(&self, stream: TcpStream) -> Result<Shaken, Lost> {
        let socket = self.enter(stream)?;
        let shaking = self.server.accept(Io(Arc::clone(&socket)));
        let mut stream = shaking.await.map_err(|e| socket.lost(&e))?;
        stream.get_mut().1.set_buffer_limit(Some(TLS_BUFFER));
        Shaken::new(stream.into(), socket)
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.lock().stopped
    }

    /// Closes all connections and takes no more.
    pub(super) fn stop(&self) {
        let mut open = self.lock();
        open.stopped = true;
        for socket in open.sockets.drain(..).filter_map(|socket| socket.upgrade()) {
            socket.close();
        }
    }

    fn enter(&self, stream: TcpStream) -> Result<Arc<Socket>, Lost> {
        let socket = Arc::new(Socket::new(stream)?);
        let mut open = self.lock();
        if open.stopped {
            return Err(Lost::Here);
        }
        open.sockets.retain(|socket| socket.strong_count() > 0);
        open.sockets.push(Arc::downgrade(&socket));
        Ok(socket)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Tcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tcp").field("open", &self.open).finish_non_exhaustive()
    }
}

/// A connection whose peer has proven its key.
#[derive(Debug)]
pub(super) struct Shaken {
    pub(super) peer: PeerKey,
    stream: TlsStream<Io>,
    socket: Arc<Socket>,
}

impl Shaken {
    fn new(stream: TlsStream<Io>, socket: Arc<Socket>) -> Result<Self, Lost> {
        let session = stream.get_ref().1;
        // Over TCP, a peer that names no protocol at all gets this far.
        if session.alpn_protocol() != Some(tls::ALPN) {
            return Err(Lost::Incompatible);
        }
        let shown = session.peer_certificates().and_then(<[_]>::first);
        let peer = shown.and_then(|spki| tls::peer_key(spki));
        let peer = peer.ok_or(Lost::Failed("no key was proven".into()))?;
        Ok(Self { peer, stream, socket })
    }

    pub(super) fn channel(self, dialled: bool) -> Channel {
        let Self { peer, stream, socket } = self;
        let (recv, send) = tokio::io::split(stream);
        let recv = TcpRecv { stream: recv, buf: BytesMut::new(), socket: Arc::clone(&socket) };
        let send = TcpSend { stream: send, socket: Arc::clone(&socket) };
        let control = LaneIo { send: send.into(), recv: recv.into() };
        Channel { peer, remote: socket.remote, dialled, control, bulk: None, conn: socket.into() }
    }
}

/// A TCP socket, what it carried, and how it ended.
#[derive(Debug)]
pub(super) struct Socket {
    stream: TcpStream,
    remote: SocketAddr,
    sent: AtomicU64,
    received: AtomicU64,
    /// This side sends no more.
    finished: AtomicBool,
    end: OnceLock<Lost>,
    ended: Notify,
}

impl Socket {
    fn new(stream: TcpStream) -> Result<Self, Lost> {
        let remote = stream.peer_addr().map(plain).map_err(|e| Lost::Failed(e.to_string()))?;
        tune::tcp(&stream);
        Ok(Self {
            stream,
            remote,
            sent: AtomicU64::new(0),
            received: AtomicU64::new(0),
            finished: AtomicBool::new(false),
            end: OnceLock::new(),
            ended: Notify::new(),
        })
    }

    pub(super) const fn remote(&self) -> SocketAddr {
        self.remote
    }

    pub(super) fn stats(&self) -> Stats {
        Stats {
            sent_bytes: self.sent.load(Ordering::Relaxed),
            received_bytes: self.received.load(Ordering::Relaxed),
            ..Stats::default()
        }
    }

    pub(super) fn close(&self) {
        self.end(Lost::Here);
        // Whoever has no connection any more needs no end of it.
        SockRef::from(&self.stream).shutdown(std::net::Shutdown::Both).ok();
    }

    pub(super) async fn closed(&self) -> Lost {
        loop {
            let ended = self.ended.notified();
            if let Some(lost) = self.end.get() {
                return lost.clone();
            }
            ended.await;
        }
    }

    /// Keeps the first reason, and gives the one that was kept.
    fn end(&self, lost: Lost) -> Lost {
        let kept = self.end.get_or_init(|| lost).clone();
        self.ended.notify_waiters();
        kept
    }

    fn ended_by_peer(&self) -> Lost {
        if self.finished.load(Ordering::Relaxed) {
            return self.end(Lost::Here);
        }
        self.end(Lost::ByPeer { code: CloseCode::Abandoned, text: String::new() })
    }

    fn lost(&self, error: &io::Error) -> Lost {
        use io::ErrorKind::{BrokenPipe, ConnectionReset, TimedOut, UnexpectedEof};
        let kind = error.kind();
        if matches!(kind, UnexpectedEof | BrokenPipe | ConnectionReset) {
            return self.ended_by_peer();
        }
        self.end(if kind == TimedOut { Lost::TimedOut } else { Lost::from(error) })
    }
}

/// The outbound direction.
#[derive(Debug)]
pub(super) struct TcpSend {
    stream: WriteHalf<TlsStream<Io>>,
    socket: Arc<Socket>,
}

impl TcpSend {
    pub(super) async fn write(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let written = async {
            self.stream.write_all(bytes).await?;
            self.stream.flush().await
        };
        written.await.map_err(|e| self.socket.lost(&e))
    }

    /// The system does not say what has arrived, but the peer ends its side when it has all.
    pub(super) async fn finish(&mut self) -> Result<(), Lost> {
        self.socket.finished.store(true, Ordering::Relaxed);
        self.stream.shutdown().await.map_err(|e| self.socket.lost(&e))?;
        let lost = self.socket.closed().await;
        if lost == Lost::Here { Ok(()) } else { Err(lost) }
    }
}

/// The inbound direction.
#[derive(Debug)]
pub(super) struct TcpRecv {
    stream: ReadHalf<TlsStream<Io>>,
    buf: BytesMut,
    socket: Arc<Socket>,
}

impl TcpRecv {
    pub(super) async fn read(&mut self, bufs: &mut [Bytes]) -> Result<Option<usize>, Lost> {
        if self.buf.capacity() < READ_MIN {
            self.buf = BytesMut::with_capacity(READ);
        }
        match self.stream.read_buf(&mut self.buf).await {
            Ok(0) => {
                self.socket.ended_by_peer();
                Ok(None)
            }
            Ok(_) => {
                let Some(first) = bufs.first_mut() else { return Ok(Some(0)) };
                *first = self.buf.split().freeze();
                Ok(Some(1))
            }
            Err(e) => Err(self.socket.lost(&e)),
        }
    }
}

/// The socket as TLS uses it: one task reads and one writes, each counted.
#[derive(Debug)]
pub(super) struct Io(Arc<Socket>);

impl AsyncRead for Io {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.stream.poll_read_ready(cx))?;
            match self.0.stream.try_read(buf.initialize_unfilled()) {
                Ok(count) => {
                    buf.advance(count);
                    self.0.received.fetch_add(count as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Io {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            ready!(self.0.stream.poll_write_ready(cx))?;
            match self.0.stream.try_write(buf) {
                Ok(count) => {
                    self.0.sent.fetch_add(count as u64, Ordering::Relaxed);
                    return Poll::Ready(Ok(count));
                }
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(SockRef::from(&self.0.stream).shutdown(std::net::Shutdown::Write))
    }
}

/// Room for one TLS record in each read.
const READ: usize = 16 * 1024;
/// With less room a new buffer is taken, as the frames of the old one may live on.
const READ_MIN: usize = 2 * 1024;

/// Bytes that TLS may hold back when the system takes no more: a heartbeat waits behind them.
const TLS_BUFFER: usize = 16 * 1024;
