//! Requests about peers and settings; all others are the node's.

use meshchat_core::{Input, Now};
use meshchat_proto::control::{
    ConfigEntry, DoorsRequest, DropCount, Error, ErrorCode, LimitRow, LogRequest, NamesRequest,
    NetworkRequest, Reply, Request,
};
use meshchat_proto::id::NodeId;
use tokio::time::Instant;

use super::Hub;
use crate::config::{Peer, PeerAddress, render};
use crate::dial::{Book, Entry, EntryId, Phase, SavedPeer, Source};
use crate::discover;
use crate::doctor;
use crate::store::StateFile;

impl Hub {
    pub(super) fn on_request(&mut self, now: Now, session: u32, id: u64, request: Request) {
        if needs_operator(&request) && !self.is_admin(session) {
            let error = Error::new(ErrorCode::Denied, "only an operator of this node may do that")
                .hint("use sudo, or have your name added to `operators` in meshchat.toml");
            return self.answer(session, id, Err(error));
        }
        if needs_gateway(&request) && !self.is_gateway(session) {
            let error = Error::new(ErrorCode::Denied, "only a gateway may do that")
                .hint("have its Unix user added to `gateways` in meshchat.toml");
            return self.answer(session, id, Err(error));
        }
        if matches!(request, Request::Become { .. }) {
            self.demote(session);
        }
        let result = match request {
            Request::Peers {} => Ok(Reply::Peers(self.peer_infos())),
            Request::WatchPeers {} => self.watch(session, id),
            Request::Connect { address, once, key } => self.connect(&address, once, key),
            Request::Disconnect { peer } => self.disconnect(now, &peer),
            Request::Doctor {} => return self.examine(session, id),
            Request::Log(request) => return self.on_log_request(session, id, request),
            Request::Config {} => Ok(Reply::Config(self.config_entries())),
            Request::Reload {} => self.reload().map(Reply::Reloaded),
            Request::Status {} => Ok(Reply::Status(Box::new(self.status(now)))),
            Request::Limits {} => Ok(Reply::Limits(self.limits())),
            Request::Cancel { id: stream }
                if self.watchers.remove(&(session, stream))
                    || self.followers.end(session, stream) =>
            {
                let end = meshchat_proto::control::FromDaemon::end(stream);
                self.give(session, crate::control::Frame::whole(&end));
                Ok(Reply::Done {})
            }
            request @ (Request::Nodes {}
            | Request::Graph {}
            | Request::Who { .. }
            | Request::Rooms {}
            | Request::Join { .. }
            | Request::Leave { .. }
            | Request::Send { .. }
            | Request::Tail { .. }
            | Request::Read { .. }
            | Request::Nick { .. }
            | Request::Away { .. }
            | Request::Ping { .. }
            | Request::Delivery(_)
            | Request::Names(_)
            | Request::Become { .. }
            | Request::Doors(_)
            | Request::Relay(_)
            | Request::Network(_)
            | Request::Dm(_)
            | Request::Cursor(_)
            | Request::Private(_)
            | Request::Cancel { .. }) => {
                return self.node.handle(now, Input::Request { session, id, request });
            }
        };
        self.answer(session, id, result);
    }

    /// Puts the peers into the book that the settings and the operators have named.
    pub(super) fn fill_book(&mut self) {
        let now = Instant::now();
        for peer in &self.parts.settings.peers {
            self.book.add(now, peer.value.clone(), Source::Config);
        }
        match self.parts.store.load::<Vec<SavedPeer>>(StateFile::Peers) {
            Ok(saved) => {
                for peer in saved.unwrap_or_default().into_iter().take(Book::CAPACITY) {
                    self.book.add(now, peer.into(), Source::Operator);
                }
            }
            Err(error) => tracing::error!("cannot read the named peers: {error}; {}", error.fix()),
        }
    }

    /// One line for `systemctl status`.
    pub(super) fn update_status(&mut self) {
        let status = self.node.status(self.now());
        let (links, up, known) = (status.links, status.nodes_reachable, status.nodes_known);
        let line = format!("{links} links, {up} of {known} nodes reachable");
        if line != self.status {
            self.parts.notifier.status(&line);
            self.status = line;
        }
    }

    pub(super) fn announce_ready(&mut self) {
        self.parts.notifier.ready("ready");
        let listen = self.parts.endpoint.local_addr();
        let listen = listen.map_or_else(|| "nowhere".into(), |address| address.to_string());
        let (name, id) = (self.node.name(), self.node.id().short());
        tracing::info!("{name} ({id}) is ready, listening on {listen}");
    }

    fn status(&self, now: Now) -> meshchat_proto::control::Status {
        let mut status = self.node.status(now);
        status.listen =
            self.parts.endpoint.local_addr().map(|a| a.to_string()).into_iter().collect();
        let drops = self.parts.endpoint.drops();
        let beacons = self.parts.discovery.stats().drops;
        let counts = [
            ("bad_frame", self.refused.bad_lengths),
            ("not_admitted", self.refused.not_admitted),
            ("client_cut_off", self.refused.clients_cut_off),
            ("log_lines_skipped", self.parts.log.counts().2),
            ("handshakes_busy", drops.busy),
            ("handshakes_source", drops.source),
            ("handshakes_failed", drops.failed),
            ("beacons_malformed", beacons.malformed),
            ("beacons_network", beacons.tag),
            ("beacons_source", beacons.source),
            ("beacons_rate", beacons.rate),
            ("beacons_busy", beacons.inbox),
        ];
        for (reason, count) in counts.into_iter().filter(|(_, count)| *count > 0) {
            match status.drops.iter_mut().find(|drop| drop.reason == reason) {
                Some(drop) => drop.count += count,
                None => status.drops.push(DropCount { reason: reason.into(), count }),
            }
        }
        if let Some(shelf) = &self.parts.keeper.shelf {
            status.history.disk = Some(shelf.status());
            status.notes.extend(shelf.note());
        }
        if let Some(spare) = self.parts.store.spare() {
            status.notes.push(format!(
                "state is not kept over a restart of the machine: {} cannot be written; until then \
                 it is in {}",
                self.parts.store.path().display(),
                spare.display()
            ));
        }
        status.process = super::process::status();
        let live = self.node.links(now.mono).into_iter().filter(|link| link.live);
        status.clock_offset_ms = doctor::median_of(live.map(|link| link.clock_offset_ms).collect());
        if status.network == meshchat_proto::id::NetworkId::OPEN {
            let whom = match status.admit.as_str() {
                "anyone" => "anyone who can reach this port may link",
                "configured" => "only configured peers may link",
                _ => "neighbours on directly connected subnets, and nodes of this mesh, may link",
            };
            status.notes.push(format!("open network: {whom}"));
        }
        status
    }

    fn limits(&self) -> Vec<LimitRow> {
        let mut rows = self.node.limits();
        let stats = self.parts.discovery.stats();
        let mut interfaces: Vec<_> = stats.interfaces.iter().map(|row| &row.name).collect();
        interfaces.dedup();
        rows.push(LimitRow {
            name: "lan_interfaces".into(),
            used: interfaces.len() as u64,
            most: discover::INTERFACES as u64,
            when_full: "the others stay silent".into(),
        });
        rows.push(LimitRow {
            name: "lan_neighbours".into(),
            used: stats.pairs as u64,
            most: discover::PAIRS as u64,
            when_full: "a random one is forgotten".into(),
        });
        rows.extend(self.log_limits());
        rows.push(LimitRow {
            name: "named_peers".into(),
            used: self.book.len() as u64,
            most: Book::CAPACITY as u64,
            when_full: "the request is refused".into(),
        });
        rows
    }

    fn watch(&mut self, session: u32, id: u64) -> Result<Reply, Error> {
        if self.watchers.len() >= WATCHERS {
            return Err(Error::new(ErrorCode::TooMany, "too many clients watch the peers"));
        }
        self.watchers.insert((session, id));
        self.peers_changed = true;
        Ok(Reply::Done {})
    }

    fn connect(&mut self, address: &str, once: bool, key: Option<NodeId>) -> Result<Reply, Error> {
        let address: PeerAddress = address.parse().map_err(|error| {
            Error::new(ErrorCode::BadArgument, format!("bad address {address:?}: {error}"))
                .hint("write HOST, HOST:PORT or [IPV6]:PORT")
        })?;
        let source = if once { Source::Once } else { Source::Operator };
        let peer = Peer { address, key: key.map(|key| key.0) };
        let now = Instant::now();
        if !self.book.add(now, peer, source) {
            let words = format!("{} peers are named already, which is the most", Book::CAPACITY);
            return Err(Error::new(ErrorCode::TooMany, words)
                .hint("forget some: meshchatctl disconnect PEER"));
        }
        self.save_peers()?;
        self.dial_due(now);
        self.peers_changed = true;
        Ok(Reply::Done {})
    }

    fn disconnect(&mut self, now: Now, peer: &str) -> Result<Reply, Error> {
        let address = peer.parse::<PeerAddress>().ok();
        let node = self.node.find_node(peer);
        // As `peers` shows it, too: what was named once may be refused today.
        let by_address = |entry: &Entry| {
            Some(&entry.peer.address) == address.as_ref() || entry.peer.address.to_string() == peer
        };
        let by_node =
            |entry: &Entry| entry.node.is_some() && entry.node == node.as_ref().ok().copied();
        let forgotten = self.book.remove(|entry| by_address(entry) || by_node(entry));
        let mut nodes: Vec<NodeId> = node.as_ref().ok().copied().into_iter().collect();
        let linked = forgotten.iter().filter(|entry| matches!(entry.phase, Phase::Linked(_)));
        nodes.extend(linked.filter_map(|entry| entry.node));
        nodes.retain(|node| self.links.values().any(|link| link.peer == *node));
        if forgotten.is_empty() && nodes.is_empty() {
            return Err(match node {
                Ok(_) => {
                    Error::new(ErrorCode::NotFound, format!("{peer:?} is no peer of this node"))
                        .hint("see the peers: meshchatctl peers")
                }
                Err(error) if address.is_none() => error,
                Err(_) => Error::new(ErrorCode::NotFound, format!("no peer {peer:?}"))
                    .hint("see the peers: meshchatctl peers"),
            });
        }
        for node in nodes {
            self.node.handle(now, Input::Disconnect { peer: node });
        }
        self.save_peers()?;
        self.peers_changed = true;
        Ok(Reply::Done {})
    }

    /// A named peer that turned out to be this node itself is not kept over restarts.
    pub(super) fn forget_later(&mut self, entry: EntryId) {
        if !self.book.demote(entry) {
            return;
        }
        if let Err(error) = self.save_peers() {
            tracing::error!("cannot keep the named peers: {}; {}", error.message, error.hint);
        }
    }

    fn save_peers(&self) -> Result<(), Error> {
        self.parts.store.save_for_good(StateFile::Peers, &self.book.save()).map_err(|error| {
            Error::new(
                ErrorCode::Storage,
                format!("it is done, but will be forgotten at the next restart: {error}"),
            )
            .hint(error.fix())
        })
    }

    fn config_entries(&self) -> Vec<ConfigEntry> {
        let rows = render(&self.parts.settings).into_iter();
        rows.map(|row| ConfigEntry {
            key: row.key.to_owned(),
            value: row.value,
            origin: row.origin.to_string(),
        })
        .collect()
    }
}

/// Streams of peers at once.
const WATCHERS: usize = 64;

/// Whether a request is for programs that speak for others.
fn needs_gateway(request: &Request) -> bool {
    matches!(
        request,
        Request::Become { .. }
            | Request::Read { .. }
            | Request::Relay(_)
            | Request::Doors(DoorsRequest::Announce { .. } | DoorsRequest::Redeem { .. })
    )
}

/// Whether a request changes the node for everybody.
fn needs_operator(request: &Request) -> bool {
    if let Request::Network(request) = request {
        return !matches!(request, NetworkRequest::Show {} | NetworkRequest::Members {});
    }
    matches!(
        request,
        Request::Names(
            NamesRequest::Alias { .. }
                | NamesRequest::Verify { yes: true, .. }
                | NamesRequest::Verify { accept: true, .. },
        ) | Request::Connect { .. }
            | Request::Disconnect { .. }
            | Request::Reload {}
            | Request::Log(
                LogRequest::Set { .. } | LogRequest::Reset {} | LogRequest::Follow { .. }
            )
    )
}
