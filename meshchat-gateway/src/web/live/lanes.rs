//! Requests of one page: which it may make, and how many at once.
//!
//! What changes something is done one after the other, in order and at a pace; what only looks
//! is answered beside it, one at a time, as its answers may be long.

use std::sync::Arc;

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
}

/// Where they are taken out.
#[derive(Debug)]
pub(super) struct Lanes([mpsc::Receiver<Asked>; 3]);

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
    (Asks { lanes: [say, look, probe], free }, Lanes([saying, looking, probing]))
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
        let lane = match lane {
            Lane::Say => say,
            Lane::Look => look,
            Lane::Probe => probe,
        };
        lane.try_send(Asked { ask, _place: place })
            .map_err(|_full| (id, Fault::own("too_many", "too many requests are running", "")))
    }
}

impl Lanes {
    /// Does what is asked for until [`Asks`] is dropped; what was taken in before is done.
    pub(super) async fn run(self, speaker: &Speaker, visit: &Visit, outbox: &Outbox) {
        let Self([mut saying, mut looking, mut probing]) = self;
        let say = async {
            while let Some(Asked { ask, _place }) = saying.recv().await {
                visit.pace().await;
                answer(ask, speaker, outbox).await;
            }
        };
        let look = async {
            let mut pace = Pace::of(LOOKS, LOOKS_PER_SECOND);
            while let Some(Asked { ask, _place }) = looking.recv().await {
                pace.wait().await;
                answer(ask, speaker, outbox).await;
            }
        };
        let probe = async {
            let mut pace = Pace::of(LOOKS, LOOKS_PER_SECOND);
            while let Some(Asked { ask, _place }) = probing.recv().await {
                pace.wait().await;
                answer(ask, speaker, outbox).await;
            }
        };
        tokio::join!(say, look, probe);
    }
}

/// The page may be gone by the time of the answer; what it asked for is done all the same.
async fn answer(Ask { id, ask }: Ask, speaker: &Speaker, outbox: &Outbox) {
    let reply: Result<Reply, Fault> = speaker.ask(ask).await.map_err(Fault::from);
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
