//! Frames to and from one peer.
//!
//! A frame is a big-endian `u32` length of what follows ([`MIN_FRAME`] to [`MAX_FRAME`] bytes) and
//! then that many bytes; what is in them is not known here. A link is a [`Link`] to be run as one
//! task, which moves bytes, and a [`LinkHandle`] for the hub, on which nothing ever waits.

mod gate;
mod outbox;
mod read;
mod write;

use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use thiserror::Error;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::transport::{
    Carrier, Channel, CloseCode, Conn, Lane, LaneIo, Lost, PeerKey, RecvHalf, Stats,
};

pub use gate::Gate;
use outbox::Outbox;
pub use outbox::{Full, Level, capacity};
pub use read::FrameError;

/// Fewest bytes of a frame after its length.
pub const MIN_FRAME: usize = 4;

/// Most bytes of a frame after its length.
pub const MAX_FRAME: usize = 65_536;

/// Bytes of the length in front of each frame.
pub const PREFIX: usize = 4;

/// What a link tells the hub.
#[derive(Debug)]
pub enum LinkEvent {
    /// Frames came in, without their lengths, in the order sent within each lane.
    ///
    /// Their bytes are views of receive buffers of up to 64 KiB; copy what is to be kept for long.
    Frames {
        /// The link's number.
        link: u32,
        /// At least one frame, and at most some 150 KiB of them.
        frames: Vec<Bytes>,
    },
    /// The outbox of a lane got fuller or emptier. Only the newest level is told if several
    /// changed at once; after a push that failed, `Drained` always follows when there is room
    /// again, unless the link goes down.
    Level {
        /// The link's number.
        link: u32,
        /// Which outbox.
        lane: Lane,
        /// Where it stands.
        level: Level,
    },
    /// The link is gone. This is its last event.
    Down {
        /// The link's number.
        link: u32,
        /// Why.
        why: DownReason,
    },
}

/// Why a link is gone.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DownReason {
    /// This node closed it.
    #[error("closed by this node: {0:?}")]
    Closed(CloseCode),
    /// The peer sent what cannot be a frame.
    #[error(transparent)]
    BadFrame(#[from] FrameError),
    /// The peer closed it, or the connection failed.
    #[error(transparent)]
    Lost(#[from] Lost),
}

impl DownReason {
    /// Whether the peer refuses this node, which will not change by itself soon.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        use CloseCode::{Incompatible, NotAdmitted};
        matches!(self, Self::Lost(Lost::ByPeer { code: NotAdmitted | Incompatible, .. }))
    }
}

impl LinkEvent {
    /// The length of all frames in it.
    #[must_use]
    pub fn bytes(&self) -> usize {
        match self {
            Self::Frames { frames, .. } => frames.iter().map(Bytes::len).sum(),
            Self::Level { .. } | Self::Down { .. } => 0,
        }
    }
}

/// Makes a link of a channel. `id` is the caller's number for it, used in all its events.
#[must_use]
pub fn open(
    id: u32,
    channel: Channel,
    inbox: mpsc::Sender<LinkEvent>,
    gate: Arc<Gate>,
) -> (LinkHandle, Link) {
    let outbox = Arc::new(Outbox::new(channel.bulk.is_none()));
    let handle = LinkHandle {
        id,
        peer: channel.peer,
        dialled: channel.dialled,
        outbox: Arc::clone(&outbox),
        conn: channel.conn.clone(),
    };
    let conn = CloseOnDrop(channel.conn);
    let link = Link { id, control: channel.control, bulk: channel.bulk, conn, outbox, inbox, gate };
    (handle, link)
}

/// The hub's end of a link. Dropping it closes the link.
#[derive(Debug)]
pub struct LinkHandle {
    id: u32,
    peer: PeerKey,
    dialled: bool,
    outbox: Arc<Outbox>,
    conn: Conn,
}

impl LinkHandle {
    /// The number given at [`open`].
    #[must_use]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Who is at the other end.
    #[must_use]
    pub fn peer(&self) -> PeerKey {
        self.peer
    }

    /// Whether this side dialled.
    #[must_use]
    pub fn dialled(&self) -> bool {
        self.dialled
    }

    /// Queues a frame, with its length in front. Never waits, never copies.
    ///
    /// # Errors
    /// If the lane's outbox has no room, or the link is closing; the frame is dropped.
    pub fn push(&self, lane: Lane, frame: Bytes) -> Result<(), Full> {
        self.outbox.push(lane, frame)
    }

    /// What waits in the outbox of a lane, in bytes, out of [`capacity`].
    #[must_use]
    pub fn queued(&self, lane: Lane) -> usize {
        self.outbox.queued(lane)
    }

    /// Sends what is queued, for at most 300 ms, then closes. The first reason given stays.
    pub fn close(&self, code: CloseCode, text: &str) {
        self.outbox.close(code, text);
    }

    /// What carries it.
    #[must_use]
    pub fn carrier(&self) -> Carrier {
        self.conn.carrier()
    }

    /// The carrier's estimate of the round trip, if it has one.
    #[must_use]
    pub fn rtt(&self) -> Option<Duration> {
        self.conn.rtt()
    }

    /// Most bytes of one packet on the path, if the carrier knows.
    #[must_use]
    pub fn mtu(&self) -> Option<u16> {
        self.conn.mtu()
    }

    /// Where the peer is now.
    #[must_use]
    pub fn remote(&self) -> SocketAddr {
        self.conn.remote()
    }

    /// What the connection carried so far.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.conn.stats()
    }
}

impl Drop for LinkHandle {
    fn drop(&mut self) {
        self.close(CloseCode::Abandoned, "");
    }
}

/// The moving part of a link; see [`Link::run`].
#[derive(Debug)]
pub struct Link {
    id: u32,
    control: LaneIo,
    bulk: Option<LaneIo>,
    conn: CloseOnDrop,
    outbox: Arc<Outbox>,
    inbox: mpsc::Sender<LinkEvent>,
    gate: Arc<Gate>,
}

impl Link {
    /// Moves frames until the link is gone, then says so with [`LinkEvent::Down`]. While the inbox
    /// is full nothing is read, so that the peer is slowed down; sending goes on.
    pub async fn run(self) {
        let Self { id, control, bulk, conn, outbox, inbox, gate } = self;
        let to = Inbox { id, hub: &inbox, gate: &gate };
        let why = carry(to, control, bulk, &conn.0, &outbox).await;
        outbox.shut();
        drop(conn);
        // A hub that is gone needs no news.
        inbox.send(LinkEvent::Down { link: id, why }).await.ok();
    }
}

#[derive(Debug)]
struct CloseOnDrop(Conn);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close(CloseCode::Abandoned, "");
    }
}

/// Where what a link reads goes.
#[derive(Clone, Copy)]
struct Inbox<'a> {
    id: u32,
    hub: &'a mpsc::Sender<LinkEvent>,
    gate: &'a Gate,
}

async fn carry(
    inbox: Inbox<'_>,
    control: LaneIo,
    bulk: Option<LaneIo>,
    conn: &Conn,
    outbox: &Outbox,
) -> DownReason {
    let (bulk_send, bulk_recv) = bulk.map(|lane| (lane.send, lane.recv)).unzip();
    let mut reads = pin!(listen(inbox, control.recv, bulk_recv, conn));
    let writes = write::both(control.send, bulk_send, outbox);
    tokio::select! {
        end = &mut reads => match end {
            // The peer has ended a stream that this side had finished.
            Ok(Lost::Here) if outbox.is_closing() => hang_up(conn, outbox),
            Ok(lost) => DownReason::Lost(lost),
            Err(bad) => {
                conn.close(CloseCode::Malformed, &bad.to_string());
                bad.into()
            }
        },
        end = writes => match end {
            Ok(()) => hang_up(conn, outbox),
            Err(lost) => {
                conn.close(CloseCode::Abandoned, "");
                // What came before still reaches the hub.
                reads.await.ok();
                lost.into()
            }
        },
        () = flush_limit(outbox) => hang_up(conn, outbox),
        () = report(inbox.id, outbox, inbox.hub) => DownReason::Closed(CloseCode::Abandoned),
    }
}

/// Reads until the peer is gone. If it has ended its lanes, its reason should be on the way.
async fn listen(
    inbox: Inbox<'_>,
    control: RecvHalf,
    bulk: Option<RecvHalf>,
    conn: &Conn,
) -> Result<Lost, FrameError> {
    if let Some(lost) = read::both(inbox, control, bulk).await? {
        return Ok(lost);
    }
    let lost = timeout(FAREWELL, conn.closed()).await;
    Ok(lost.unwrap_or(Lost::ByPeer { code: CloseCode::Abandoned, text: String::new() }))
}

fn hang_up(conn: &Conn, outbox: &Outbox) -> DownReason {
    let (code, text) = outbox.close_reason();
    conn.close(code, &text);
    DownReason::Closed(code)
}

async fn flush_limit(outbox: &Outbox) {
    outbox.closing().await;
    sleep(FLUSH).await;
}

/// Ends when the hub is gone.
async fn report(id: u32, outbox: &Outbox, inbox: &mpsc::Sender<LinkEvent>) {
    loop {
        let (lane, level) = outbox.next_level().await;
        if inbox.send(LinkEvent::Level { link: id, lane, level }).await.is_err() {
            return;
        }
    }
}

/// How long a closing link may take to send what is queued.
const FLUSH: Duration = Duration::from_millis(300);

/// How long to wait for the reason of a peer that has ended its lanes.
const FAREWELL: Duration = Duration::from_secs(1);
