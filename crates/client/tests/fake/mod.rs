//! A scripted daemon on a Unix socket of its own, for tests of clients.
#![allow(dead_code, reason = "each test program uses its own part")]
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt as _};
use meshchat_client::proto::codec;
use meshchat_client::proto::control::{
    Event, FromDaemon, Hello, HistoryStatus, Message, PeerInfo, PeerState, Reply, Request, Sent,
    Status, ToDaemon, Welcome,
};
use meshchat_client::proto::id::{MessageId, NetworkId, NodeId};
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::RoomName;
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinHandle;
use tokio_util::codec::{Framed, LengthDelimitedCodec};

/// A directory that goes with the test.
pub(crate) struct Place(PathBuf);

impl Place {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("meshchat-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Listens until dropped; connections live on until their script ends or `stop` is called.
pub(crate) struct FakeDaemon(JoinHandle<()>);

impl FakeDaemon {
    /// Greets every connection and runs `script` on it.
    pub(crate) fn start<F, Fut>(socket: &Path, script: F) -> Self
    where
        F: Fn(Conn) -> Fut + Clone + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        Self::raw(socket, move |mut conn| {
            let script = script.clone();
            async move {
                if conn.read_as::<Hello>().await.is_none() {
                    return;
                }
                conn.write_as(&welcome()).await;
                script(conn).await;
            }
        })
    }

    /// Runs `script` on every connection, greeting and all.
    pub(crate) fn raw<F, Fut>(socket: &Path, script: F) -> Self
    where
        F: Fn(Conn) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let _ = std::fs::remove_file(socket);
        let listener = UnixListener::bind(socket).unwrap();
        Self(tokio::spawn(async move {
            let mut running = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                running.spawn(script(Conn(Framed::new(stream, LengthDelimitedCodec::new()))));
            }
        }))
    }

    /// Answers every request with what `answer` returns.
    pub(crate) fn answering<F>(socket: &Path, answer: F) -> Self
    where
        F: Fn(Request) -> Vec<Answer> + Clone + Send + Sync + 'static,
    {
        Self::start(socket, move |mut conn| {
            let answer = answer.clone();
            async move {
                while let Some(ToDaemon { id, request }) = conn.read().await {
                    for one in answer(request) {
                        conn.write(&one(id)).await;
                    }
                }
            }
        })
    }

    /// Ends the daemon and its connections, as a crash would.
    pub(crate) async fn stop(self) {
        self.0.abort();
        let _ = self.0.await;
    }
}

/// A frame that still lacks its id.
pub(crate) type Answer = Box<dyn FnOnce(u64) -> FromDaemon + Send>;

pub(crate) fn ok(reply: Reply) -> Answer {
    Box::new(|id| FromDaemon::ok(id, reply))
}

pub(crate) fn event(event: Event) -> Answer {
    Box::new(|id| FromDaemon::event(id, event))
}

pub(crate) fn error(error: meshchat_client::proto::control::Error) -> Answer {
    Box::new(|id| FromDaemon::error(id, error))
}

pub(crate) fn end() -> Answer {
    Box::new(FromDaemon::end)
}

/// One connection, seen from the daemon.
pub(crate) struct Conn(Framed<UnixStream, LengthDelimitedCodec>);

impl Conn {
    pub(crate) async fn read(&mut self) -> Option<ToDaemon> {
        self.read_as().await
    }

    pub(crate) async fn read_as<T: serde::de::DeserializeOwned>(&mut self) -> Option<T> {
        let frame = self.0.next().await?.ok()?;
        Some(codec::decode(&frame).expect("a client frame"))
    }

    pub(crate) async fn write(&mut self, frame: &FromDaemon) {
        self.write_as(frame).await;
    }

    pub(crate) async fn write_as<T: serde::Serialize>(&mut self, frame: &T) {
        self.write_raw(codec::encode(frame)).await;
    }

    pub(crate) async fn write_raw(&mut self, bytes: impl Into<Vec<u8>>) {
        let _ = self.0.send(Bytes::from(bytes.into())).await;
    }

    /// Queues without writing out; `flush` writes.
    pub(crate) async fn feed(&mut self, frame: &FromDaemon) {
        let _ = self.0.feed(Bytes::from(codec::encode(frame))).await;
    }

    pub(crate) async fn flush(&mut self) {
        let _ = SinkExt::<Bytes>::flush(&mut self.0).await;
    }

    /// A frame, or nothing when none is there now.
    pub(crate) fn read_now(&mut self) -> Option<ToDaemon> {
        use futures_util::FutureExt as _;
        self.0.next().now_or_never()??.ok().map(|frame| codec::decode(&frame).unwrap())
    }

    /// Waits until the client hangs up.
    pub(crate) async fn closed(&mut self) {
        while self.0.next().await.is_some_and(|frame| frame.is_ok()) {}
    }
}

pub(crate) fn welcome() -> Welcome {
    Welcome {
        version: 1,
        software: env!("CARGO_PKG_VERSION").into(),
        node: NodeId([7; 32]),
        name: "pi-test".parse().unwrap(),
        person: "ann".parse().unwrap(),
        admin: true,
    }
}

pub(crate) fn status(boot: u64, cursor: u64) -> Status {
    Status {
        node: NodeId([7; 32]),
        name: "pi-test".parse().unwrap(),
        software: env!("CARGO_PKG_VERSION").into(),
        network: NetworkId::OPEN,
        network_name: None,
        role: None,
        admit: "neighbours".into(),
        listen: vec!["[::]:7117".into()],
        uptime_ms: 7_200_000,
        boot,
        links: 2,
        nodes_reachable: 3,
        nodes_known: 4,
        people_present: 5,
        clients: 1,
        history: HistoryStatus {
            mode: "memory".into(),
            messages: cursor,
            bytes: 2048,
            cursor,
            disk: None,
        },
        sent: 3,
        received: 1200,
        forwarded: 7,
        duplicates: 1,
        gone: 0,
        drops: Vec::new(),
        notes: vec!["open network: any neighbour may link".into()],
        missing: None,
        process: None,
        clock_offset_ms: None,
    }
}

/// Message `seq` of node `node`; its id follows from both.
pub(crate) fn message(node: u8, seq: u64, cursor: u64, text: &str) -> Message {
    let mut id = [node; 32];
    id[..8].copy_from_slice(&seq.to_be_bytes());
    Message {
        cursor,
        id: MessageId(id),
        room: RoomName::lobby(),
        author: "ann".parse().unwrap(),
        node: NodeId([node; 32]),
        node_name: format!("pi{node}").parse().unwrap(),
        boot: 1,
        seq,
        kind: MessageKind::Text,
        text: text.parse().unwrap(),
        wall_ms: 1_795_000_000_000,
        age_ms: 1000,
        late: false,
        caught_up: false,
        own: false,
        via: None,
    }
}

pub(crate) fn sent(seq: u64) -> Sent {
    Sent {
        id: MessageId([9; 32]),
        room: RoomName::lobby(),
        seq,
        cursor: seq,
        kept: "memory".into(),
        links: 2,
    }
}

pub(crate) fn peer(name: &str, address: &str, state: PeerState) -> PeerInfo {
    PeerInfo {
        address: address.into(),
        node: Some(NodeId([1; 32])),
        name: (!name.is_empty()).then(|| name.parse().unwrap()),
        state,
        dialled: true,
        source: "operator".into(),
        since_ms: 61_000,
        rtt_us: (state == PeerState::Linked).then_some(4_200),
        sent_bytes: 2048,
        received_bytes: 999,
        queued_bytes: 0,
        behind: false,
        error: String::new(),
        next_try_ms: None,
        tries: 0,
        via: None,
        carrier: if state == PeerState::Linked { "quic".into() } else { String::new() },
    }
}
