//! Requests of one page: which it may make, and how many at once.
//!
//! What changes something is done one after the other, in order and at a pace; what only looks
//! is answered beside it, one at a time, as its answers may be long.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use meshchat_client::Speaker;
use meshchat_client::proto::control::{
    DeliveryRequest, DmRequest, NamesRequest, NetworkRequest, PrivateRequest, Reply, Request,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::frame::{Answer, Ask};
use super::outbox::{Closed, Outbox};
use crate::door::Pace;
use crate::web::Fault;
use crate::web::present::Visit;

/// Where requests are put in.
#[derive(Debug)]
pub(super) struct Asks {
    lanes: [mpsc::Sender<Asked>; 3],
    free: Arc<Semaphore>,
    unsaid: Unsaid,
}

/// How many requests that change something were taken in and are not done. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Unsaid(Arc<AtomicUsize>);

impl Unsaid {
    pub(super) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// Where they are taken out.
#[derive(Debug)]
pub(super) struct Lanes {
    lanes: [mpsc::Receiver<Asked>; 3],
    unsaid: Unsaid,
}

#[derive(Debug)]
struct Asked {
    ask: Ask,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Changes something.
    Say,
    /// Is answered from what the daemon knows.
    Look,
    /// Waits for other nodes.
    Probe,
}

pub(super) fn lanes() -> (Asks, Lanes) {
    let (say, saying) = mpsc::channel(IN_FLIGHT);
    let (look, looking) = mpsc::channel(IN_FLIGHT);
    let (probe, probing) = mpsc::channel(IN_FLIGHT);
    let free = Arc::new(Semaphore::new(IN_FLIGHT));
    let unsaid = Unsaid::default();
    let lanes = Lanes { lanes: [saying, looking, probing], unsaid: unsaid.clone() };
    (Asks { lanes: [say, look, probe], free, unsaid }, lanes)
}

impl Asks {
    /// Takes a request in.
    ///
    /// # Errors
    ///
    /// What to answer when it may not be made, or too many run.
    pub(super) fn put(&self, mut ask: Ask) -> Result<(), (u64, Fault)> {
        let id = ask.id;
        let Some(lane) = lane(&ask.ask) else {
            let words = "a page may not do that";
            return Err((id, Fault::own("denied", words, "use meshchatctl on the node's machine")));
        };
        if let Request::Ping { timeout_ms, .. } = &mut ask.ask {
            *timeout_ms = (*timeout_ms).min(PING_MS);
        }
        let too_many = |_| {
            let words = format!("{IN_FLIGHT} requests are running, which is the most");
            (id, Fault::own("too_many", words, "wait for an answer, then ask again"))
        };
        let place = Arc::clone(&self.free).try_acquire_owned().map_err(too_many)?;
        let [say, look, probe] = &self.lanes;
        let sender = match lane {
            Lane::Say => say,
            Lane::Look => look,
            Lane::Probe => probe,
        };
        if lane == Lane::Say {
            self.unsaid.0.fetch_add(1, Ordering::Relaxed);
        }
        // There is room for as many as have a place.
        sender
            .try_send(Asked { ask, _place: place })
            .map_err(|_full| (id, Fault::own("too_many", "too many requests are running", "")))
    }
}

impl Lanes {
    /// How many requests that change something are not done.
    pub(super) fn unsaid(&self) -> Unsaid {
        self.unsaid.clone()
    }

    /// Does what is asked for until [`Asks`] is dropped; what was taken in before is done. A page
    /// that is gone is told no more.
    pub(super) async fn run(self, speaker: &Speaker, visit: &Visit, outbox: &Outbox) {
        let Self { lanes: [mut saying, mut looking, mut probing], unsaid } = self;
        let say = async {
            while let Some(Asked { ask, _place }) = saying.recv().await {
                visit.pace().await;
                let Ask { id, ask } = ask;
                let reply = speaker.ask(ask).await.map_err(Fault::from);
                unsaid.0.fetch_sub(1, Ordering::Relaxed);
                tell(id, reply, outbox).await;
            }
        };
        let look = async {
            let mut pace = Pace::of(LOOKS, LOOKS_PER_SECOND);
            while let Some(Asked { ask, _place }) = looking.recv().await {
                if outbox.is_closed() {
                    continue;
                }
                pace.wait().await;
                answer(ask, speaker, outbox).await;
            }
        };
        let probe = async {
            let mut pace = Pace::of(LOOKS, LOOKS_PER_SECOND);
            while let Some(Asked { ask, _place }) = probing.recv().await {
                if outbox.is_closed() {
                    continue;
                }
                pace.wait().await;
                answer(ask, speaker, outbox).await;
            }
        };
        tokio::join!(say, look, probe);
    }
}

async fn answer(Ask { id, ask }: Ask, speaker: &Speaker, outbox: &Outbox) {
    tell(id, speaker.ask(ask).await.map_err(Fault::from), outbox).await;
}

/// The page may be gone by the time of the answer; what it asked for was done all the same.
async fn tell(id: u64, reply: Result<Reply, Fault>, outbox: &Outbox) {
    if let Err(Closed) = outbox.put(&Answer::new(id, reply)).await {
        tracing::debug!("a page went before it was answered");
    }
}

/// Where a request goes; none for what is not for pages.
fn lane(request: &Request) -> Option<Lane> {
    match request {
        Request::Join { .. }
        | Request::Leave { .. }
        | Request::Send { .. }
        | Request::Dm(DmRequest::Send { .. })
        | Request::Nick { .. }
        | Request::Away { .. }
        | Request::Names(NamesRequest::Mute { .. } | NamesRequest::Unmute { .. })
        | Request::Private(PrivateRequest::Leave { .. }) => Some(Lane::Say),
        Request::Status {}
        | Request::Who { .. }
        | Request::Rooms {}
        | Request::Nodes {}
        | Request::Graph {}
        | Request::Peers {}
        | Request::Dm(DmRequest::List {})
        | Request::Delivery(DeliveryRequest::Show { .. })
        | Request::Names(
            NamesRequest::Mutes {} | NamesRequest::Verify { yes: false, accept: false, .. },
        )
        | Request::Network(NetworkRequest::Show {} | NetworkRequest::Members {})
        | Request::Private(PrivateRequest::Members { .. }) => Some(Lane::Look),
        Request::Ping { .. } => Some(Lane::Probe),
        Request::Limits {}
        | Request::WatchPeers {}
        | Request::Connect { .. }
        | Request::Disconnect { .. }
        | Request::Delivery(_)
        | Request::Tail { .. }
        | Request::Read { .. }
        | Request::Private(_)
        | Request::Config {}
        | Request::Reload {}
        | Request::Doctor {}
        | Request::Log(_)
        | Request::Names(_)
        | Request::Become { .. }
        | Request::Doors(_)
        | Request::Relay(_)
        | Request::Network(_)
        | Request::Cursor(_)
        | Request::Cancel { .. } => None,
    }
}

/// Requests of one page that run at once.
pub(super) const IN_FLIGHT: usize = 16;
const LOOKS: u32 = 30;
const LOOKS_PER_SECOND: u32 = 10;
const PING_MS: u32 = 5_000;
