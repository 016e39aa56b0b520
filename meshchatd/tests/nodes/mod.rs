//! Nodes and ends of links for tests, on the loopback interface.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use meshchatd::link::{self, DownReason, LinkEvent, LinkHandle};
use meshchatd::transport::{Channel, Endpoint, Limits, PeerKey};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;

pub(crate) const ANYWHERE: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// Far more than anything here takes; reached only by a test that fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Node {
    pub(crate) endpoint: Endpoint,
    pub(crate) accepted: mpsc::Receiver<Channel>,
    pub(crate) _tasks: JoinSet<()>,
}

impl Node {
    pub(crate) fn new(seed: u8, limits: Limits) -> Self {
        Self::at(ANYWHERE, seed, limits)
    }

    pub(crate) fn at(listen: SocketAddr, seed: u8, limits: Limits) -> Self {
        let endpoint = Endpoint::bind(listen, &[seed; 32], limits).unwrap();
        let (sender, accepted) = mpsc::channel(64);
        let mut acceptor = endpoint.acceptor();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while let Some(channel) = acceptor.accept().await {
                if sender.send(channel).await.is_err() {
                    return;
                }
            }
        });
        Self { endpoint, accepted, _tasks: tasks }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.endpoint.local_addr().unwrap()
    }

    pub(crate) fn key(&self) -> PeerKey {
        self.endpoint.key()
    }

    pub(crate) async fn accept(&mut self) -> Channel {
        timeout(PATIENCE, self.accepted.recv()).await.expect("nobody came").unwrap()
    }
}

pub(crate) struct End {
    pub(crate) handle: LinkHandle,
    pub(crate) events: mpsc::Receiver<LinkEvent>,
    pub(crate) ready: Vec<Bytes>,
    pub(crate) _task: JoinSet<()>,
}

impl End {
    pub(crate) fn new(id: u32, channel: Channel, inbox: usize) -> Self {
        let (sender, events) = mpsc::channel(inbox);
        let (handle, link) = link::open(id, channel, sender, Arc::default());
        let mut task = JoinSet::new();
        task.spawn(link.run());
        Self { handle, events, ready: Vec::new(), _task: task }
    }

    pub(crate) async fn event(&mut self) -> LinkEvent {
        timeout(PATIENCE, self.events.recv()).await.expect("no event").expect("no more events")
    }

    /// The next frame, whatever the levels do.
    pub(crate) async fn frame(&mut self) -> Bytes {
        while self.ready.is_empty() {
            match self.event().await {
                LinkEvent::Frames { frames, .. } => self.ready = frames,
                LinkEvent::Level { .. } => {}
                LinkEvent::Down { why, .. } => panic!("down: {why}"),
            }
        }
        self.ready.remove(0)
    }

    /// The reason of the last event, which must be the last.
    pub(crate) async fn down(&mut self) -> DownReason {
        loop {
            if let LinkEvent::Down { why, .. } = self.event().await {
                let after = timeout(PATIENCE, self.events.recv()).await.expect("link runs on");
                assert!(after.is_none(), "{after:?} after the last event");
                return why;
            }
        }
    }
}

pub(crate) fn frame(body: &[u8]) -> Bytes {
    let mut bytes = u32::try_from(body.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend(body);
    bytes.into()
}
