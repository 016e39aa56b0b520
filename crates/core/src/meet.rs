//! Two nodes that the mesh joins agree on a moment to dial each other.
//!
//! After an idea of the libp2p project (DCUtR): the answer to a question tells how long words take
//! between the two; the one who asked says "go" and waits half of that, the other dials when it
//! hears it. So both first packets leave at about the same time, and the address translation of
//! each side takes the other's for an answer. Nodes in between only pass words on: what is dialled
//! are the addresses that each node signed for itself.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::codec;
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::id::NodeId;
use meshchat_proto::limits::HOPS;
use meshchat_proto::peer::{Meet, MeetStep};

use crate::dial::Way;
use crate::env::Env;
use crate::io::LinkId;
use crate::limits;
use crate::node::Node;
use crate::status::Drop;
use crate::time::{Mono, Now};

/// Agreements under way, by the other node.
#[derive(Debug, Default)]
pub(crate) struct Meetings(BTreeMap<NodeId, Meeting>);

#[derive(Debug)]
struct Meeting {
    token: u64,
    /// We asked.
    ours: bool,
    at: Mono,
}

impl Meetings {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn due(&self) -> Option<Mono> {
        self.0.values().map(|meeting| meeting.at + limits::MEETING).min()
    }

    pub(crate) fn is_with(&self, node: &NodeId) -> bool {
        self.0.contains_key(node)
    }

    pub(crate) fn forget(&mut self, node: &NodeId) {
        self.0.remove(node);
    }

    /// Ends the agreement with a node if it is this one.
    fn take(&mut self, node: &NodeId, token: u64, ours: bool) -> Option<Meeting> {
        let fits = self.0.get(node).is_some_and(|one| one.token == token && one.ours == ours);
        if fits { self.0.remove(node) } else { None }
    }
}

impl<E: Env> Node<E> {
    /// Asks a node whether it wants to meet. `false` when that is not possible now.
    pub(crate) fn propose_meeting(&mut self, now: Now, node: NodeId) -> bool {
        if self.meetings.len() >= limits::MEETINGS {
            return false;
        }
        let token = self.env.random();
        if !self.say_meet(node, token, MeetStep::Ask) {
            return false;
        }
        self.meetings.0.insert(node, Meeting { token, ours: true, at: now.mono });
        true
    }

    pub(crate) fn on_meet(&mut self, now: Now, link: LinkId, frame: &Frame) {
        let Ok(meet) = codec::decode::<Meet>(&frame.body) else {
            return self.bad_peer(now, link, "an unreadable meeting");
        };
        if !self.echoes.may_pass(now.mono) {
            return self.counters.drop(Drop::EchoRate, 1);
        }
        if !self.roster.admits(&meet.from) || !self.roster.admits(&meet.to) {
            return self.counters.drop(Drop::NotMember, 1);
        }
        if meet.to != self.me.id {
            let Some(hops) = frame.hops.checked_sub(1).filter(|hops| *hops > 0) else {
                return self.counters.drop(Drop::HopsUsedUp, 1);
            };
            if !self.forward_meet(&meet, hops) {
                self.counters.drop(Drop::NoPath, 1);
            }
            return;
        }
        match meet.step {
            MeetStep::Ask => self.on_proposal(now, meet),
            MeetStep::Answer => {
                let Some(meeting) = self.meetings.take(&meet.from, meet.token, true) else {
                    return;
                };
                let there = now.mono.since(meeting.at) / 2;
                self.say_meet(meet.from, meet.token, MeetStep::Go);
                self.go_and_meet(now, meet.from, there);
            }
            MeetStep::Go => {
                if self.meetings.take(&meet.from, meet.token, false).is_some() {
                    self.go_and_meet(now, meet.from, Duration::ZERO);
                }
            }
            MeetStep::Unknown(_) => {}
        }
    }

    /// Gives up agreements that nobody answers: perhaps the other node is too old to know of them.
    pub(crate) fn tick_meetings(&mut self, now: Now) {
        let late = self.meetings.0.iter().filter(|(_, one)| one.at + limits::MEETING <= now.mono);
        for (node, ours) in late.map(|(node, one)| (*node, one.ours)).collect::<Vec<_>>() {
            self.meetings.forget(&node);
            self.peering.dirty = true;
            if ours && !self.dial_node(now, node, Way::Plain, Duration::ZERO) {
                self.peering.tries.fail(now.mono, node, Duration::ZERO);
            }
        }
    }

    fn on_proposal(&mut self, now: Now, meet: Meet) {
        let from = meet.from;
        let known = self.nodes.get(&from).is_some_and(|known| known.path.is_some());
        let busy = self.peering.is_dialling(&from) || self.links.live_to(&from).is_some();
        // When both ask at once, the smaller key's question counts.
        let ours = self.meetings.0.get(&from).is_some_and(|one| one.ours && self.me.id < from);
        let full = self.meetings.len() >= limits::MEETINGS && !self.meetings.is_with(&from);
        if !known || busy || ours || full || self.peering.goal.least == 0 {
            return;
        }
        if self.say_meet(from, meet.token, MeetStep::Answer) {
            let meeting = Meeting { token: meet.token, ours: false, at: now.mono };
            self.meetings.0.insert(from, meeting);
        }
    }

    fn go_and_meet(&mut self, now: Now, node: NodeId, after: Duration) {
        let after = after.min(limits::MEETING);
        if !self.dial_node(now, node, Way::Punch, after) {
            self.peering.tries.fail(now.mono, node, Duration::ZERO);
        }
    }

    fn say_meet(&mut self, to: NodeId, token: u64, step: MeetStep) -> bool {
        self.forward_meet(&Meet { from: self.me.id, to, token, step }, HOPS)
    }

    /// Sends words one link further. `false` when there is no path.
    fn forward_meet(&mut self, meet: &Meet, hops: u8) -> bool {
        let Some(link) = self.first_link_to(&meet.to) else { return false };
        self.send_all([link].into(), frame::encode(Kind::Meet, hops, &codec::encode(meet)), true);
        true
    }
}
