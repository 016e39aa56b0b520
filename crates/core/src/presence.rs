//! Who is there: reachability worked out from the records, and its changes shown.

use alloc::boxed::Box;
use alloc::vec::Vec;

use meshchat_proto::control::{Event, NodeChange, NodeState, PersonChange, PersonStatus};
use meshchat_proto::id::NodeId;

use crate::env::Env;
use crate::graph;
use crate::io::{Note, Output};
use crate::links::Link;
use crate::node::Node;
use crate::nodes::Known;
use crate::time::{Mono, Now};

impl<E: Env> Node<E> {
    /// Brings every node and person in line with the records. Called once for any number of
    /// changes, before the node rests.
    pub(crate) fn refresh_presence(&mut self, now: Now) {
        self.work_out_presence(now);
        self.show_changes(now);
    }

    /// As [`Node::refresh_presence`], but nobody is told yet.
    pub(crate) fn work_out_presence(&mut self, now: Now) {
        self.presence_dirty = false;
        let me = self.me.id;
        let mut ours = self.links.neighbours();
        for (_, link) in self.links.live().filter(|(_, link)| self.is_outdated(link)) {
            ours.remove(&link.peer);
        }
        let neighbours = |node: &NodeId| {
            let known = self.nodes.get(node).filter(|known| !known.record.left);
            known.map(|known| known.record.neighbours.as_slice())
        };
        let paths = graph::reachable(me, &ours, neighbours);
        let blind = self.blind_until.is_some();
        let mut turns = Vec::new();
        for known in self.nodes.values_mut() {
            known.path = paths.get(&known.record.node).copied();
            let state = if known.record.node == me {
                NodeState::Here
            } else if known.record.left {
                NodeState::Left
            } else if known.path.is_some() || (blind && known.state == NodeState::Reachable) {
                NodeState::Reachable
            } else {
                NodeState::Unreachable
            };
            if state != known.state {
                turns.push((known.record.node, known.state, state));
                known.state = state;
                known.since = now.mono;
            }
            known.refresh_people(now.mono);
        }
        self.peering.dirty = true;
        self.deliveries.changed = true;
        self.nodes.settle_fingerprint();
        for (node, _, is) in &turns {
            self.mail_turned(now, node, *is == NodeState::Reachable);
        }
        self.nodes_turned(now, &turns);
        self.tell_clones(now);
    }

    /// Tells clients and log what changed since they were last told, unless it flaps.
    pub(crate) fn show_changes(&mut self, now: Now) {
        self.presence_due = None;
        let mut events = Vec::new();
        for known in self.nodes.values_mut() {
            let wait = known.show(now.mono, &mut events);
            let due = [wait, self.presence_due].into_iter().flatten().min();
            self.presence_due = due;
        }
        for event in events {
            if let Event::Node(change) = &event {
                self.out.push_back(Output::Note(Note::NodeChanged {
                    node: change.node,
                    name: change.name.clone(),
                    state: word(change.state),
                }));
            }
            self.announce(Box::new(event));
        }
    }

    /// Whether a peer has started anew since the record of it that is known. Who and what was
    /// there before proves nothing; the new record is on its way. But who was here until a moment
    /// ago counts until it comes.
    fn is_outdated(&self, link: &Link) -> bool {
        let known = self.nodes.get(&link.peer);
        known.is_some_and(|known| link.outdates(known)) && !self.links.between.has(&link.peer)
    }
}

impl Known {
    fn refresh_people(&mut self, now: Mono) {
        let mut views = core::mem::take(&mut self.people);
        for view in &mut views {
            // Who is no longer named has left the node or changed their name.
            let status = self.status_of(&view.name).unwrap_or(PersonStatus::Offline);
            if status != view.status {
                view.status = status;
                view.since = now;
            }
        }
        views.retain(|view| view.shown.is_some_and(is_there) || self.person(&view.name).is_some());
        self.people = views;
    }

    /// Collects what is to be shown; tells when to come again for what flaps.
    fn show(&mut self, now: Mono, events: &mut Vec<Event>) -> Option<Mono> {
        let mut due: Option<Mono> = None;
        let mut wait = |at: Mono| due = Some(due.map_or(at, |due| due.min(at)));
        let (node, name) = (self.record.node, self.called.clone());
        if self.shown != self.state {
            match self.flap.take(now) {
                Ok(()) => {
                    self.shown = self.state;
                    if self.state != NodeState::Here {
                        let name = name.clone();
                        events.push(Event::Node(NodeChange { node, name, state: self.state }));
                    }
                }
                Err(at) => wait(at),
            }
        }
        for view in &mut self.people {
            let was = view.shown;
            // Who was never seen here does not go, and is not missed.
            if was == Some(view.status) || (was.is_none() && !is_present(view.status)) {
                continue;
            }
            match view.flap.take(now) {
                Ok(()) => {
                    view.shown = Some(view.status);
                    events.push(Event::Person(PersonChange {
                        name: view.name.clone(),
                        node,
                        node_name: name.clone(),
                        state: view.status,
                        was,
                        note: view.note.clone(),
                    }));
                }
                Err(at) => wait(at),
            }
        }
        due
    }
}

const fn is_there(status: PersonStatus) -> bool {
    is_present(status) || matches!(status, PersonStatus::Unreachable)
}

const fn is_present(status: PersonStatus) -> bool {
    matches!(status, PersonStatus::Online | PersonStatus::Away)
}

const fn word(state: NodeState) -> &'static str {
    match state {
        NodeState::Here => "here",
        NodeState::Reachable => "reachable",
        NodeState::Unreachable => "unreachable",
        NodeState::Left => "left",
        NodeState::Unknown => "unknown",
    }
}
