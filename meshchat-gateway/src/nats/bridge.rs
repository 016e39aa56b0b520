//! The bridge: what happens goes in, and it decides what is said where. It never waits.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use meshchat_client::proto::control::{Message, PersonInfo, Relayed};
use meshchat_client::proto::id::{MessageId, NetworkId, NodeId};
use meshchat_client::proto::name::RoomName;
use tokio::sync::{mpsc, watch};
use tokio::time::{self, Instant};

use super::beyond::Beyond;
use super::echo::{Echoes, Said};
use super::look::Look;
use super::payload::{BEYOND, Beat, Foreign, Summary, framed, person_name, pieces};
use super::peers::{Peers, Standing};
use super::people::{People, VIA, Words};
use super::post::{Letter, Post};
use super::room::NOTE;
use super::wire::{FromWire, Saying};
use crate::config::NatsConfig;
use crate::door::{Door, House};

/// The bridge's ends towards its tasks.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) wire: mpsc::Receiver<FromWire>,
    pub(super) looks: mpsc::Receiver<Look>,
    pub(super) relayed: mpsc::Receiver<Relayed>,
    pub(super) shown: mpsc::Receiver<Message>,
    pub(super) say: mpsc::Sender<Saying>,
    pub(super) inject: mpsc::Sender<Bytes>,
    pub(super) wanted: watch::Sender<Vec<String>>,
}

/// All that the bridge knows.
#[derive(Debug)]
pub(super) struct Bridge {
    door: Door,
    config: NatsConfig,
    rooms: Vec<RoomName>,
    lanes: Vec<Lane>,
    run: u64,
    people: People,
    beyond: Beyond,
    post: Post,
    echoes: Echoes,
    mesh: Option<Mesh>,
    /// Since when there is a connection, and whether it carries headers.
    up: Option<(Instant, bool)>,
    down: Option<(Instant, String)>,
    summed: Option<Instant>,
    /// What went over the backbone lately, for bridges that come back.
    lately: VecDeque<(Instant, Letter)>,
    repeated: Option<Instant>,
    /// Somebody has just come to these subjects.
    greeted: BTreeSet<usize>,
}

/// A subject and who else serves it.
#[derive(Debug)]
struct Lane {
    subject: String,
    peers: Peers,
}

#[derive(Debug)]
struct Mesh {
    network: NetworkId,
    node: NodeId,
    name: String,
    reach: BTreeSet<NodeId>,
    people: Vec<PersonInfo>,
}

impl Bridge {
    pub(super) fn new(
        house: House,
        door: Door,
        (config, rooms): (NatsConfig, Vec<(RoomName, String)>),
        run: u64,
        people: People,
    ) -> Self {
        let lane = |(_, subject): &(RoomName, String)| Lane {
            subject: subject.clone(),
            peers: Peers::default(),
        };
        Self {
            lanes: rooms.iter().map(lane).collect(),
            rooms: rooms.into_iter().map(|(room, _)| room).collect(),
            beyond: Beyond::new(house),
            door,
            config,
            run,
            people,
            post: Post::default(),
            echoes: Echoes::default(),
            mesh: None,
            up: None,
            down: None,
            summed: None,
            lately: VecDeque::new(),
            repeated: None,
            greeted: BTreeSet::new(),
        }
    }

    /// Serves for ever.
    pub(super) async fn run(mut self, mut ends: Ends) {
        let mut tick = time::interval(TICK);
        tick.set_missed_tick_behavior(time::MissedTickBehavior::Delay);
        loop {
            let now = tokio::select! {
                Some(said) = ends.wire.recv() => {
                    let now = Instant::now();
                    self.on_wire(now, said, &ends);
                    now
                }
                Some(look) = ends.looks.recv() => {
                    let now = Instant::now();
                    self.on_look(now, look, &ends);
                    now
                }
                Some(relayed) = ends.relayed.recv() => {
                    let now = Instant::now();
                    self.on_relayed(now, relayed);
                    now
                }
                Some(message) = ends.shown.recv() => {
                    let now = Instant::now();
                    self.on_shown(now, &message);
                    now
                }
                _ = tick.tick() => {
                    let now = Instant::now();
                    self.people.tick(now);
                    self.beyond.tick(now);
                    self.show_problem(now);
                    now
                }
            };
            self.act(now, &ends);
        }
    }

    fn on_wire(&mut self, now: Instant, said: FromWire, ends: &Ends) {
        match said {
            FromWire::Up { headers } => {
                self.up = Some((now, headers));
                self.down = None;
                tracing::info!("connected to NATS at {}", self.config.url);
                self.beat(None, true, &(0..self.lanes.len()).collect(), ends);
                let waits: Vec<Duration> = (0..self.lanes.len())
                    .map(|place| self.fresh(now).max(self.publish_after(now, place, None)))
                    .collect();
                self.post.back(now, |(place, _)| waits.get(place).copied().unwrap_or_default());
            }
            FromWire::Down(why) => {
                if self.down.is_none() {
                    tracing::warn!("NATS at {} does not answer: {why}", self.config.url);
                }
                self.up = None;
                self.post.lost();
                let since = self.down.take().map_or(now, |(since, _)| since);
                self.down = Some((since, why));
            }
            FromWire::Heard { place, payload, id } => {
                let subjects = self.lanes.len();
                if place >= subjects {
                    self.on_beat(now, place - subjects, &payload);
                } else if place < self.rooms.len() {
                    self.on_foreign(now, place, &payload, id);
                } else {
                    self.on_frame(place, payload, ends);
                }
            }
        }
    }

    /// Another bridge tells that it is there.
    fn on_beat(&mut self, now: Instant, place: usize, payload: &[u8]) {
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
            self.repeat(now);
        }
        if let Some(summary) = beat.summary.filter(|_| is_backbone && !near)
            && self.is_first(now, place)
        {
            self.beyond.heard(now, beat.node, &summary);
        }
    }

    /// A foreign client, or another bridge, says something in a room.
    fn on_foreign(&mut self, now: Instant, place: usize, payload: &[u8], id: Option<MessageId>) {
        if payload.len() > LONGEST_PAYLOAD {
            return self.door.count("too_long");
        }
        let Some(foreign) = Foreign::read(payload) else {
            return self.door.count("not_understood");
        };
        if foreign.is_ours() {
            if let Some(id) = id.or_else(|| foreign.message_id()) {
                self.post.saw((place, id));
            }
            return;
        }
        let name = person_name(&foreign.name);
        if foreign.pong || foreign.presence {
            if self.standing().is_some_and(|_| self.inject_after(now, place).is_zero()) {
                self.people.alive(now, &name);
            }
            return;
        }
        let due = now + self.inject_after(now, place);
        for text in pieces(&foreign.message, LONGEST_TEXT) {
            let said = Said { room: place, name: name.clone(), text: text.to_owned() };
            let dropped = self.echoes.heard(now, due, said);
            self.door.count_many("mesh_full", dropped);
        }
    }

    /// A signed message comes over the backbone.
    fn on_frame(&mut self, place: usize, payload: Bytes, ends: &Ends) {
        if payload.len() > LONGEST_PAYLOAD {
            return self.door.count("too_long");
        }
        let Some(id) = framed(&payload) else { return self.door.count("not_understood") };
        if self.post.saw((place, id)) && ends.inject.try_send(payload).is_err() {
            self.door.count("node_full");
        }
    }

    /// The node took in a signed message.
    fn on_relayed(&mut self, now: Instant, relayed: Relayed) {
        let place = self.rooms.len();
        let due = now + self.publish_after(now, place, None);
        let payload = Bytes::from(relayed.frame.into_vec());
        let letter = Letter { key: (place, relayed.id), payload };
        if self.lately.len() >= LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back((now, letter.clone()));
        self.post(letter, due);
    }

    /// A bridge of another island is back: it has missed what was said while it was away. What it
    /// knows does no harm.
    fn repeat(&mut self, now: Instant) {
        if self.repeated.is_some_and(|at| now - at < REPEAT_PAUSE) {
            return;
        }
        self.repeated = Some(now);
        self.lately.retain(|(at, _)| now - *at < LATELY_AGE);
        for (_, letter) in &self.lately {
            self.post.repeat(letter.clone(), now);
        }
    }

    /// The node showed a message in one of the rooms.
    fn on_shown(&mut self, now: Instant, message: &Message) {
        let Some(place) = self.rooms.iter().position(|room| *room == message.room) else { return };
        if message.via.as_ref().is_some_and(|via| via.as_str() == VIA) {
            return self.echoes.shown(now, message, place);
        }
        let alone = !self.up.is_some_and(|(_, headers)| headers);
        let payload = Bytes::from(Foreign::of_message(message, alone).bytes());
        let due = now + self.publish_after(now, place, Some(&message.node));
        self.post(Letter { key: (place, message.id), payload }, due);
    }

    fn on_look(&mut self, now: Instant, look: Look, ends: &Ends) {
        let Look { network, node, name, reach, people } = look;
        let moved = self.mesh.as_ref().is_none_or(|mesh| mesh.network != network);
        self.mesh = Some(Mesh { network, node, name, reach, people });
        if moved {
            self.subscribe(network, ends);
        }
        if self.up.is_none() {
            return;
        }
        let summary = self.summary(now);
        self.beat(summary, false, &(0..self.lanes.len()).collect(), ends);
        self.greeted.clear();
        for place in 0..self.rooms.len() {
            if self.is_first(now, place) {
                self.show_people(place, ends);
            }
        }
    }

    /// Says what is due.
    fn act(&mut self, now: Instant, ends: &Ends) {
        for said in self.echoes.due(now) {
            let Some(room) = self.rooms.get(said.room) else { continue };
            let words = Words { room: room.to_string(), text: said.text };
            self.people.say(now, &said.name, words);
        }
        if self.up.is_none() {
            return;
        }
        let greeted = std::mem::take(&mut self.greeted);
        self.beat(None, false, &greeted, ends);
        for letter in self.post.due(now) {
            let (place, id) = letter.key;
            let Some(lane) = self.lanes.get(place) else { continue };
            let id = (place < self.rooms.len()).then_some(id);
            let saying = Saying { subject: lane.subject.clone(), payload: letter.payload, id };
            // What finds no room now is said again later.
            ends.say.try_send(saying).ok();
        }
    }

    fn subscribe(&mut self, network: NetworkId, ends: &Ends) {
        self.lanes.truncate(self.rooms.len());
        if !self.config.backbone.is_empty() {
            let subject = format!("{}.{network}.messages", self.config.backbone);
            self.lanes.push(Lane { subject, peers: Peers::default() });
        }
        let subjects = self.lanes.iter().map(|lane| lane.subject.clone());
        let beside = self.lanes.iter().map(|lane| beside(&lane.subject));
        ends.wanted.send_replace(subjects.chain(beside).collect());
    }

    fn post(&mut self, letter: Letter, due: Instant) {
        let dropped = self.post.push(letter, due);
        self.door.count_many("nats_full", dropped);
    }

    /// Tells other bridges that this one is there.
    fn beat(&self, summary: Option<Summary>, hello: bool, places: &BTreeSet<usize>, ends: &Ends) {
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
    fn summary(&mut self, now: Instant) -> Option<Summary> {
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
    fn show_people(&self, place: usize, ends: &Ends) {
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

    fn standing(&self) -> Option<Standing<'_>> {
        let mesh = self.mesh.as_ref()?;
        let backbone = !self.config.backbone.is_empty();
        Some(Standing { me: (mesh.node, self.run), reach: &mesh.reach, backbone })
    }

    fn is_first(&self, now: Instant, place: usize) -> bool {
        let (Some(own), Some(lane)) = (self.standing(), self.lanes.get(place)) else {
            return false;
        };
        lane.peers.is_first(now, own)
    }

    /// A bridge that has just come does not know yet who else is there.
    fn fresh(&self, now: Instant) -> Duration {
        let young = self.up.is_none_or(|(since, _)| now - since < FRESH);
        if young { FRESH } else { Duration::ZERO }
    }

    fn publish_after(&self, now: Instant, place: usize, node: Option<&NodeId>) -> Duration {
        let (Some(own), Some(lane)) = (self.standing(), self.lanes.get(place)) else {
            return FRESH;
        };
        let node = node.unwrap_or(&own.me.0);
        self.fresh(now).max(lane.peers.publish_after(now, own, node))
    }

    fn inject_after(&self, now: Instant, place: usize) -> Duration {
        let (Some(own), Some(lane)) = (self.standing(), self.lanes.get(place)) else {
            return FRESH;
        };
        self.fresh(now).max(lane.peers.inject_after(now, own))
    }

    fn show_problem(&self, now: Instant) {
        let problem = match &self.down {
            Some((since, why)) => {
                // Whole minutes, so that the board does not change all the time.
                let minutes = (now - *since).as_secs() / 60;
                let since =
                    if minutes == 0 { String::new() } else { format!(" for {minutes} min") };
                let waiting = self.post.len();
                let more = if waiting == 0 { String::new() } else { "; messages wait".to_owned() };
                format!("NATS does not answer{since}{more}: {why}")
            }
            None if self.mesh.is_none() => "meshchatd does not answer".to_owned(),
            None => String::new(),
        };
        self.door.set_problem(&problem);
    }
}

/// The subject on which the bridges of another one know each other.
fn beside(subject: &str) -> String {
    format!("{subject}.bridges")
}

/// Not a bridge, and not who stands for another island.
fn is_somebody(person: &PersonInfo) -> bool {
    !(person.gateway && (person.note == NOTE || person.note.contains(BEYOND)))
}

const TICK: Duration = Duration::from_millis(100);
/// How long a new connection listens for other bridges before it acts.
const FRESH: Duration = Duration::from_millis(700);
/// How often other islands are told who is here.
const SUMMARY: Duration = Duration::from_secs(10);
/// Messages that are repeated to a bridge that comes back, and how old they may be.
const LATELY: usize = 256;
const LATELY_AGE: Duration = Duration::from_secs(120);
/// Least time between two repetitions.
const REPEAT_PAUSE: Duration = Duration::from_secs(3);
/// People named in that.
const NAMED: usize = 32;
/// People whose signs of life are shown to foreign clients.
const SHOWN: usize = 200;
const LONGEST_BEAT: usize = 8 * 1024;
const LONGEST_PAYLOAD: usize = 64 * 1024;
/// Bytes of a foreign text in one message, so that its author's name fits before it.
const LONGEST_TEXT: usize = 3968;
