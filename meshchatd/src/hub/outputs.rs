//! What follows: frames to links, answers and events to clients, words to the log.

use bytes::Bytes;
use meshchat_core::{Note, Output};
use meshchat_proto::codec;
use meshchat_proto::control::{
    Event, FromDaemon, KeyChange, PartitionChange, PartitionState, Reply,
};
use meshchat_proto::id::NodeId;
use tokio::time::Instant;

use super::Hub;
use crate::control::Frame;
use crate::logging::escaped;

impl Hub {
    /// Does everything that the node wants done, until it rests.
    pub(super) fn drain(&mut self) {
        while let Some(output) = self.node.poll_output() {
            self.apply(output);
        }
        self.keep();
        if self.peers_changed {
            self.peers_changed = false;
            self.push_peers();
            self.update_status();
        }
    }

    fn apply(&mut self, output: Output) {
        match output {
            Output::Send { links, frame, urgent } => {
                for link in links {
                    self.push(link, frame.clone(), urgent);
                }
            }
            Output::CloseLink { link, reason, by_peer } => self.close_link(link, reason, by_peer),
            Output::Reply { session, id, result: Ok(Reply::Sent(sent)) } => {
                self.answer_sent(session, id, sent);
            }
            Output::Reply { session, id, result } => self.answer(session, id, result),
            Output::Event { streams, event } => self.give_event(&streams, &event),
            Output::End { session, id } => {
                self.give(session, Frame::whole(&FromDaemon::end(id)));
            }
            Output::Dial(dial) => self.seek(dial),
            Output::Probe { link, token, node, remote, tcp_port } => {
                self.probe(link, token, node, remote, tcp_port);
            }
            Output::Probed { token, peer, near, udp, tcp } => {
                self.on_probed(token, &peer, (near, udp, tcp));
            }
            Output::SaveContacts(contacts) => self.save_contacts(&contacts),
            Output::PeersChanged => self.peers_changed = true,
            Output::SaveCursors(cursors) => self.save_cursors(cursors),
            Output::SavePeople(people) => self.save_people(&people),
            Output::SaveNetwork { network, then } => {
                let then = then.map(|(session, id, reply)| (session, id, *reply));
                self.save_network(network.as_deref(), then);
            }
            Output::NetworkSwitched(network) => self.on_network_switched(network),
            Output::SaveMail(mail) => self.save_mail(&mail),
            Output::SaveAcquaintances(saved) => self.save_acquaintances(&saved),
            Output::SaveRooms(rooms) => self.save_rooms(&rooms),
            Output::SaveBoot(count) => {
                if let Err(error) = self.parts.store.set_boot(count) {
                    tracing::error!("cannot keep the boot counter: {error}; {}", error.fix());
                }
            }
            Output::Handover(handover) => {
                if let Some(notebook) = &self.parts.notebook {
                    notebook.leave(*handover);
                }
            }
            Output::Note(note) => self.note(&note),
        }
    }

    /// Encodes an event once and gives it to all its streams.
    pub(super) fn give_event(&self, streams: &[(u32, u64)], event: &Event) {
        let mut bytes = Vec::with_capacity(EVENT_BYTES);
        codec::encode_into(&mut bytes, event);
        let event = Bytes::from(bytes);
        for (session, id) in streams {
            self.give(*session, Frame::event(*id, event.clone()));
        }
    }

    fn note(&mut self, note: &Note) {
        match note {
            Note::LinkLive { link, peer, name, clock_offset_ms } => {
                self.set_live(*link);
                let (name, id) = (escaped(name.as_str()), peer.short());
                tracing::info!(peer = %peer, link, "linked to {name} ({id})");
                if clock_offset_ms.unsigned_abs() > CLOCK_DOUBT_MS {
                    let hours = clock_offset_ms / 3_600_000;
                    tracing::warn!(
                        peer = %peer,
                        "the clocks of {name} and this node differ by {hours} h; shown times may be wrong"
                    );
                }
            }
            Note::LinkLost { link, peer, reason: Some(reason) } => {
                self.log_lost(*link, peer, reason.as_str());
            }
            // Whoever told the core of it has logged why.
            Note::LinkLost { reason: None, .. } => {}
            Note::BadPeer { link, peer, what } => {
                let id = peer.short();
                tracing::warn!(peer = %peer, link, "{id} sent {what}; the link is closed");
            }
            Note::NodeChanged { node, name, state } => {
                let (name, id) = (escaped(name.as_str()), node.short());
                let verb = if *state == "left" { "has" } else { "is" };
                tracing::info!(node = %node, state, "{name} ({id}) {verb} {state}");
                self.peers_changed = true;
            }
            Note::Partition(change) => log_partition(change),
            Note::Removed => {
                tracing::warn!(
                    "this node was removed from its network; meshchatctl status says how it comes back"
                );
            }
            Note::KeyChanged(change) => log_key_change(change),
            Note::Became { name, via } => {
                let (name, via) = (escaped(name.as_str()), escaped(via));
                tracing::info!(person = %name, "somebody came through a gateway ({via})");
            }
            Note::Gone { node, count } => {
                let id = node.short();
                tracing::warn!(node = %node, count, "{count} messages of {id} are gone");
            }
            Note::KeyShared { own: true, .. } => {
                tracing::error!(
                    "another machine uses this node's key, as after copying a card; run on the \
                     copy: meshchatd identity fork"
                );
            }
            Note::KeyShared { node, name, .. } => {
                let (name, id) = (escaped(name.as_str()), node.short());
                tracing::warn!(node = %node, "two machines use the key of {name} ({id})");
            }
            Note::Refused { node, count } => {
                let id = node.short();
                tracing::warn!(
                    node = %node,
                    count,
                    "{count} messages of {id} were refused: it speaks too fast"
                );
            }
            Note::Overslept { late_ms } => {
                tracing::warn!(
                    late_ms,
                    "this node was stopped for {late_ms} ms; no peer is blamed"
                );
            }
        }
    }

    pub(super) fn log_lost(&self, link: u32, peer: &NodeId, why: &str) {
        let (name, id) = (self.node.name_of(peer), peer.short());
        let name = name.as_ref().map_or("a node", |name| name.as_str());
        let name = escaped(name);
        tracing::info!(peer = %peer, link, "link to {name} ({id}) ended: {why}");
    }

    fn push_peers(&mut self) {
        if self.watchers.is_empty() {
            return;
        }
        self.pushed = Instant::now();
        let streams: Vec<_> = self.watchers.iter().copied().collect();
        let event = Event::Peers(self.peer_infos());
        self.give_event(&streams, &event);
    }
}

fn log_partition(change: &PartitionChange) {
    let PartitionChange { reachable, known, back, theirs, ours, .. } = change;
    match change.state {
        PartitionState::Split => {
            tracing::warn!("partition: {reachable} of {known} known nodes are reachable");
        }
        PartitionState::Isolated => {
            tracing::warn!(
                "this node looks isolated: none of {} other known nodes is reachable",
                known.saturating_sub(*reachable)
            );
        }
        PartitionState::Merged => {
            tracing::info!(
                "merged: {back} nodes are back with {theirs} messages, this side had {ours}; {reachable} of {known} known nodes are reachable"
            );
        }
        PartitionState::Unknown => {}
    }
}

fn log_key_change(change: &KeyChange) {
    let (name, id, was) = (escaped(change.name.as_str()), change.node.short(), change.was.short());
    tracing::warn!(
        node = %change.node,
        "{name} ({id}) has a name that {was} had; no direct messages go to it until `meshchatctl verify {name} --accept`"
    );
}

/// Room for an event about a message of some length, so that it need not grow.
const EVENT_BYTES: usize = 768;
/// Clocks further apart than this are worth a word.
const CLOCK_DOUBT_MS: u64 = 2 * 3_600_000;
