//! Links: made of channels, fed with frames, ended.

use std::net::SocketAddr;
use std::sync::Arc;

use meshchat_core::{Carrier, Input, Level};
use meshchat_proto::frame::PREFIX_BYTES;
use meshchat_proto::id::NodeId;
use meshchat_proto::peer::GoodbyeReason;
use tokio::time::Instant;

use super::{Cause, Dialled, Hub};
use crate::dial::attempt;
use crate::link::{self, DownReason, LinkEvent, LinkHandle};
use crate::near;
use crate::transport::{self, Channel, CloseCode, DialError, Lane};

/// A link as the hub knows it.
#[derive(Debug)]
pub(super) struct HubLink {
    pub(super) handle: LinkHandle,
    pub(super) peer: NodeId,
    /// Who wanted it: a word of [`meshchat_proto::control::PeerInfo::source`].
    pub(super) source: &'static str,
    /// Where the peer was when the node was told last.
    pub(super) remote: SocketAddr,
    /// Both sides have greeted.
    pub(super) live: bool,
    pub(super) since: Instant,
}

impl Hub {
    pub(super) fn on_link_event(&mut self, event: LinkEvent) {
        let now = self.now();
        match event {
            LinkEvent::Frames { link, frames } => {
                for frame in frames {
                    self.node.handle(now, Input::Frame { link, frame });
                }
            }
            LinkEvent::Level { link, lane: Lane::Bulk, level } => {
                let level = match level {
                    link::Level::Drained => Level::Drained,
                    link::Level::Half => Level::Half,
                    link::Level::Full => Level::Full,
                };
                self.node.handle(now, Input::LinkLevel { link, level });
            }
            LinkEvent::Level { lane: Lane::Control, .. } => {}
            LinkEvent::Down { link, why } => self.on_down(link, &why),
        }
    }

    pub(super) fn on_arrival(&mut self, channel: Channel) {
        self.start_link(channel, None);
    }

    pub(super) fn on_dialled(&mut self, dialled: Dialled) {
        let Dialled { cause, outcome } = dialled;
        self.peers_changed = true;
        match (outcome, cause) {
            (Ok(channel), _) => self.start_link(channel, Some(cause)),
            (Err(failure), Cause::Mesh(dial) | Cause::Lan(dial)) => {
                tracing::debug!("a dial failed: {failure}");
                self.node.handle(self.now(), Input::DialFailed { dial });
            }
            (Err(failure), Cause::Named(entry)) => {
                let refused = failure.is_final();
                let mut words = failure.to_string();
                if let crate::dial::Failure::Dial(DialError::WrongKey { answered }) = &failure {
                    words = format!("another node answered: {}", NodeId(*answered));
                }
                tracing::debug!("a dial failed: {words}");
                if matches!(failure, crate::dial::Failure::Dial(DialError::OwnKey)) {
                    self.forget_later(entry);
                }
                self.book.failed(Instant::now(), entry, words, refused);
            }
        }
    }

    /// Starts dialling whoever is due.
    pub(super) fn dial_due(&mut self, now: Instant) {
        if self.node.is_removed() {
            // Nobody lets this node in; it is told so once.
            return self.book.rest(now);
        }
        let links = &self.links;
        let linked = |node: &NodeId| links.values().any(|link| link.live && link.peer == *node);
        for (entry, peer, zeal) in self.book.take_due(now, linked) {
            let (endpoint, dials) = (self.parts.endpoint.clone(), self.doors.dials.clone());
            self.parts.tasks.spawn(async move {
                let outcome = attempt(endpoint, peer.address, peer.key, zeal).await;
                // The hub ends before its doors do only when the daemon stops.
                dials.send(Dialled { cause: Cause::Named(entry), outcome }).await.ok();
            });
            self.peers_changed = true;
        }
    }

    pub(super) fn push(&mut self, link: u32, frame: bytes::Bytes, urgent: bool) {
        let lane = if urgent { Lane::Control } else { Lane::Bulk };
        let Some(state) = self.links.get(&link) else { return };
        if state.handle.push(lane, frame).is_ok() {
            return;
        }
        let now = self.now();
        match lane {
            // At once, so that the core does not count on what was dropped.
            Lane::Bulk => {
                self.node.handle(now, Input::LinkLevel { link, level: Level::Full });
            }
            // It is closing already, and will say why.
            Lane::Control if state.handle.queued(lane) < link::capacity(lane) / 2 => {}
            // A peer that does not even take heartbeats is as good as dead.
            Lane::Control => {
                self.log_lost(link, &state.peer, "the peer reads nothing");
                self.node.handle(now, Input::LinkDown { link });
                self.end(link, CloseCode::Silent, "the peer reads nothing", false);
            }
        }
    }

    /// The core has ended a link.
    pub(super) fn close_link(&mut self, link: u32, reason: GoodbyeReason, by_peer: bool) {
        let refused = matches!(
            reason,
            GoodbyeReason::OtherNetwork | GoodbyeReason::NotAdmitted | GoodbyeReason::Version
        );
        if refused && !by_peer {
            self.tell_refused(link, reason);
        }
        let words = if by_peer {
            reason.as_str().to_owned()
        } else {
            format!("closed here: {}", reason.as_str())
        };
        self.end(link, close_code(reason), &words, refused);
    }

    pub(super) fn set_live(&mut self, link: u32) {
        if let Some(state) = self.links.get_mut(&link) {
            state.live = true;
            state.since = Instant::now();
        }
        self.book.works(link);
    }

    fn start_link(&mut self, channel: Channel, cause: Option<Cause>) {
        self.next_link += 1;
        let (link, now) = (self.next_link, Instant::now());
        let (peer, remote, dialled) = (NodeId(channel.peer), channel.remote, channel.dialled);
        let carrier = match channel.conn.carrier() {
            transport::Carrier::Quic => Carrier::Quic,
            transport::Carrier::Tcp => Carrier::Tcp,
        };
        let (source, dial) = match cause {
            Some(Cause::Named(entry)) => {
                self.book.linked(now, entry, link, peer);
                ("named", None)
            }
            Some(Cause::Mesh(dial)) => ("mesh", Some(dial)),
            Some(Cause::Lan(dial)) => ("lan", Some(dial)),
            None => ("inbound", None),
        };
        let named = matches!(cause, Some(Cause::Named(_))) || self.book.names(&peer, remote.ip());
        let (handle, task) =
            link::open(link, channel, self.doors.links.clone(), Arc::clone(&self.doors.gate));
        self.parts.tasks.spawn_draining(task.run());
        self.links.insert(link, HubLink { handle, peer, source, remote, live: false, since: now });
        let up = Input::LinkUp {
            link,
            peer,
            dialled,
            named,
            near: near::is_near(remote.ip()),
            remote,
            address: near::shown(remote),
            carrier,
            dial,
        };
        self.node.handle(self.now(), up);
        self.peers_changed = true;
    }

    fn tell_refused(&mut self, link: u32, reason: GoodbyeReason) {
        let Some(state) = self.links.get(&link) else { return };
        let why = if reason == GoodbyeReason::NotAdmitted {
            "it is not admitted"
        } else {
            reason.as_str()
        };
        let (peer, id, remote) =
            (state.peer, state.peer.short(), near::shown(state.handle.remote()));
        tracing::info!(peer = %peer, link, "refused a link with {id} at {remote}: {why}");
        self.refused.not_admitted += 1;
    }

    fn on_down(&mut self, link: u32, why: &DownReason) {
        if let Some(state) = self.links.get(&link) {
            if let DownReason::BadFrame(error) = why {
                let (peer, id) = (state.peer, state.peer.short());
                tracing::warn!(peer = %peer, link, "{id} sent no frame: {error}; the link is closed");
                self.refused.bad_lengths += 1;
            }
            if state.live {
                self.log_lost(link, &state.peer, &why.to_string());
            }
            // Its goodbye may be behind what could not be sent any more.
            let restarted = matches!(why, DownReason::Lost(lost) if lost.is_restart());
            let down = if restarted { Input::LinkReset { link } } else { Input::LinkDown { link } };
            self.node.handle(self.now(), down);
            self.end(link, CloseCode::Abandoned, &why.to_string(), why.is_refusal());
        }
    }

    /// Forgets a link; what is queued is still sent.
    fn end(&mut self, link: u32, code: CloseCode, words: &str, refused: bool) {
        let Some(state) = self.links.remove(&link) else { return };
        state.handle.close(code, words);
        if state.live {
            self.parts.discovery.hurry();
        }
        let now = Instant::now();
        self.book.lost(now, link, words, refused);
        if !self.is_linked(&state.peer) {
            self.book.uncovered(now, &state.peer);
        }
        self.peers_changed = true;
    }
}

const fn close_code(reason: GoodbyeReason) -> CloseCode {
    match reason {
        GoodbyeReason::Leaving | GoodbyeReason::Disconnected | GoodbyeReason::Unknown(_) => {
            CloseCode::Goodbye
        }
        GoodbyeReason::Restarting => CloseCode::Restarting,
        GoodbyeReason::Duplicate => CloseCode::Duplicate,
        GoodbyeReason::OtherNetwork | GoodbyeReason::NotAdmitted => CloseCode::NotAdmitted,
        GoodbyeReason::Version => CloseCode::Incompatible,
        GoodbyeReason::Protocol => CloseCode::Malformed,
        GoodbyeReason::Silent => CloseCode::Silent,
        GoodbyeReason::Full => CloseCode::Overloaded,
    }
}

const _: () = assert!(PREFIX_BYTES == link::PREFIX, "core and links agree on the prefix");
