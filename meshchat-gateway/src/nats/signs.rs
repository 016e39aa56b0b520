//! Signs of life: bridges to each other, people of the mesh to foreign clients, and islands to
//! islands; and what a bridge makes of who else is there.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use meshchat_client::proto::control::PersonInfo;
use meshchat_client::proto::id::NodeId;
use tokio::time::Instant;

use super::bridge::{Bridge, Ends};
use super::payload::{BEYOND, Beat, Foreign, Summary};
use super::peers::Standing;
use super::room::NOTE;
use super::wire::Saying;

impl Bridge {
    /// Another bridge tells that it is there.
    pub(super) fn on_beat(&mut self, now: Instant, place: usize, payload: &[u8]) {
        let Some(mesh) = &self.mesh else { return };
        let beat = (payload.len() <= LONGEST_BEAT).then(|| serde_json::from_slice::<Beat>(payload));
        let Some(Ok(beat)) = beat else { return self.door.count("not_understood") };
        let bridge = (beat.node, beat.run);
        if beat.network != mesh.network || bridge == (mesh.node, self.run) {
            return;
        }
        let near = mesh.reach.contains(&beat.node);
        let is_backbone = place >= self.rooms.len();
        if beat.hello {
            self.greeted.insert(place);
        }
        if let Some(lane) = self.lanes.get_mut(place) {
            lane.peers.heard(now, bridge, beat.backbone);
        }
        if beat.hello && is_backbone && !near && self.is_first(now, place) {
            let pause = self.repeated.map_or(now, |at| at + REPEAT_PAUSE);
            self.repeat_at.get_or_insert(now.max(pause));
        }
        if let Some(summary) = beat.summary.filter(|_| is_backbone && !near)
            && self.is_first(now, place)
        {
            self.beyond.heard(now, beat.node, &summary);
        }
    }

    /// A bridge of another island is back: it has missed what was said while it was away. What it
    /// knows does no harm.
    pub(super) fn repeat(&mut self, now: Instant) {
        if self.repeat_at.is_none_or(|at| at > now) {
            return;
        }
        (self.repeated, self.repeat_at) = (Some(now), None);
        self.lately.retain(|(at, _)| now - *at < LATELY_AGE);
        for (_, letter) in &self.lately {
            self.post.repeat(letter.clone(), now);
        }
    }

    /// Tells other bridges that this one is there.
    pub(super) fn beat(
        &self,
        summary: Option<Summary>,
        hello: bool,
        places: &BTreeSet<usize>,
        ends: &Ends,
    ) {
        let Some(mesh) = &self.mesh else { return };
        let backbone = !self.config.backbone.is_empty();
        let plain = Beat {
            network: mesh.network,
            node: mesh.node,
            run: self.run,
            hello,
            backbone,
            summary: None,
        };
        for (place, lane) in self.lanes.iter().enumerate().filter(|(at, _)| places.contains(at)) {
            let of_backbone = place >= self.rooms.len();
            let summary = summary.clone().filter(|_| of_backbone);
            let payload = serde_json::to_vec(&Beat { summary, ..plain.clone() });
            let payload = Bytes::from(payload.unwrap_or_default());
            ends.say.try_send(Saying { subject: beside(&lane.subject), payload, id: None }).ok();
        }
    }

    /// Now and then the first bridge of a mesh tells the other islands who is here.
    pub(super) fn summary(&mut self, now: Instant) -> Option<Summary> {
        let place = self.rooms.len();
        let soon = self.summed.is_some_and(|at| now - at < SUMMARY);
        if soon || place >= self.lanes.len() || !self.is_first(now, place) {
            return None;
        }
        let mesh = self.mesh.as_ref()?;
        self.summed = Some(now);
        let people: Vec<_> = mesh.people.iter().filter(|person| is_somebody(person)).collect();
        let who = people.iter().take(NAMED);
        let who = who.map(|person| format!("{}@{}", person.name, person.node_name)).collect();
        let count = |count| u32::try_from(count).unwrap_or(u32::MAX);
        let (nodes, people) = (count(mesh.reach.len()), count(people.len()));
        Some(Summary { name: mesh.name.clone(), nodes, people, who })
    }

    /// Signs of life of the people of a room, for foreign clients.
    pub(super) fn show_people(&self, place: usize, ends: &Ends) {
        let (Some(mesh), Some(room), Some(lane)) =
            (&self.mesh, self.rooms.get(place), self.lanes.get(place))
        else {
            return;
        };
        let there = |person: &&PersonInfo| {
            let foreign = person.gateway && self.people.is_foreign(person.name.as_str());
            person.rooms.contains(room) && is_somebody(person) && !foreign
        };
        for person in mesh.people.iter().filter(there).take(SHOWN) {
            let pong = Foreign::of_person(&person.node, person.name.as_str());
            let payload = Bytes::from(pong.bytes());
            let saying = Saying { subject: lane.subject.clone(), payload, id: None };
            ends.say.try_send(saying).ok();
        }
    }

    pub(super) fn standing(&self) -> Option<Standing<'_>> {
        let mesh = self.mesh.as_ref()?;
        let backbone = !self.config.backbone.is_empty();
        Some(Standing { me: (mesh.node, self.run), reach: &mesh.reach, backbone })
    }

    pub(super) fn is_first(&self, now: Instant, place: usize) -> bool {
        let (Some(own), Some(lane)) = (self.standing(), self.lanes.get(place)) else {
            return false;
        };
        lane.peers.is_first(now, own)
    }

    /// A bridge that has just come does not know yet who else is there.
    pub(super) fn fresh(&self, now: Instant) -> Duration {
        let young = self.up.is_none_or(|(since, _)| now - since < FRESH);
        if young { FRESH } else { Duration::ZERO }
    }

    pub(super) fn publish_after(
        &self,
        now: Instant,
        place: usize,
        node: Option<&NodeId>,
    ) -> Duration {
        let (Some(own), Some(lane)) = (self.standing(), self.lanes.get(place)) else {
            return FRESH;
        };
        let node = node.unwrap_or(&own.me.0);
        self.fresh(now).max(lane.peers.publish_after(now, own, node))
    }

    pub(super) fn inject_after(&self, now: Instant, place: usize) -> Duration {
        let (Some(own), Some(lane)) = (self.standing(), self.lanes.get(place)) else {
            return FRESH;
        };
        self.fresh(now).max(lane.peers.inject_after(now, own))
    }
}

/// The subject on which the bridges of another one know each other.
pub(super) fn beside(subject: &str) -> String {
    format!("{subject}.bridges")
}

/// Not a bridge, and not who stands for another island.
fn is_somebody(person: &PersonInfo) -> bool {
    !(person.gateway && (person.note == NOTE || person.note.contains(BEYOND)))
}

/// How long a new connection listens for other bridges before it acts.
const FRESH: Duration = Duration::from_millis(700);
/// How often other islands are told who is here.
const SUMMARY: Duration = Duration::from_secs(10);
/// People named in that.
const NAMED: usize = 32;
/// People whose signs of life are shown to foreign clients.
const SHOWN: usize = 200;
/// How old messages may be that are repeated to a bridge that comes back.
const LATELY_AGE: Duration = Duration::from_secs(120);
/// Least time between two repetitions: anybody may say that they have just come.
const REPEAT_PAUSE: Duration = Duration::from_secs(30);
const LONGEST_BEAT: usize = 8 * 1024;
