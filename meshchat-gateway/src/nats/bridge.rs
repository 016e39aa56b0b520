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
use super::payload::{Foreign, frame_mark, framed, person_name, pieces};
use super::peers::Peers;
use super::people::{People, VIA, Words};
use super::post::{Letter, Post};
use super::signs::beside;
use super::wire::{FromWire, Saying};
use crate::config::NatsConfig;
use crate::door::{Door, House};

/// The bridge's ends towards its tasks.
#[derive(Debug)]
pub(super) struct Ends {
    pub(super) wire: mpsc::Receiver<FromWire>,
    pub(super) looks: mpsc::Receiver<Look>,
    pub(super) relayed: mpsc::Receiver<Relayed>,
    /// Frames that the node took or knew, by their marks.
    pub(super) believed: mpsc::Receiver<MessageId>,
    pub(super) shown: mpsc::Receiver<Message>,
    /// Why the bridge itself is in no room.
    pub(super) trouble: watch::Receiver<String>,
    pub(super) say: mpsc::Sender<Saying>,
    pub(super) inject: mpsc::Sender<Bytes>,
    pub(super) wanted: watch::Sender<Vec<String>>,
}

/// All that the bridge knows.
#[derive(Debug)]
pub(super) struct Bridge {
    pub(super) door: Door,
    pub(super) config: NatsConfig,
    pub(super) rooms: Vec<RoomName>,
    pub(super) lanes: Vec<Lane>,
    pub(super) run: u64,
    pub(super) people: People,
    pub(super) beyond: Beyond,
    pub(super) post: Post,
    echoes: Echoes,
    /// What the node told lately; none when it tells nothing.
    pub(super) mesh: Option<Mesh>,
    /// When it was told.
    looked: Option<Instant>,
    /// The network that is served.
    network: Option<NetworkId>,
    /// Since when there is a connection, and whether it carries headers.
    pub(super) up: Option<(Instant, bool)>,
    /// Bytes that the server takes at once.
    most: usize,
    down: Option<(Instant, String)>,
    pub(super) summed: Option<Instant>,
    /// What went over the backbone lately, for bridges that come back.
    pub(super) lately: VecDeque<(Instant, Letter)>,
    /// When that was repeated last, and is to be repeated next.
    pub(super) repeated: Option<Instant>,
    pub(super) repeat_at: Option<Instant>,
    /// Somebody has just come to these subjects.
    pub(super) greeted: BTreeSet<usize>,
}

/// A subject and who else serves it.
#[derive(Debug)]
pub(super) struct Lane {
    pub(super) subject: String,
    pub(super) peers: Peers,
}

#[derive(Debug)]
pub(super) struct Mesh {
    pub(super) network: NetworkId,
    pub(super) node: NodeId,
    pub(super) name: String,
    pub(super) reach: BTreeSet<NodeId>,
    pub(super) people: Vec<PersonInfo>,
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
            looked: None,
            network: None,
            up: None,
            most: usize::MAX,
            down: None,
            summed: None,
            lately: VecDeque::new(),
            repeated: None,
            repeat_at: None,
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
                Some(mark) = ends.believed.recv() => {
                    self.post.saw((self.rooms.len(), mark));
                    Instant::now()
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
                    if self.looked.is_some_and(|at| now - at > BLIND) {
                        self.mesh = None;
                    }
                    self.show_problem(now, &ends);
                    now
                }
            };
            self.act(now, &ends);
        }
    }

    fn on_wire(&mut self, now: Instant, said: FromWire, ends: &Ends) {
        match said {
            FromWire::Up { headers, most } => {
                self.most = most;
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
                self.post.saw((place, foreign.mark(id)));
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
        let Some(mark) = framed(&payload) else { return self.door.count("not_understood") };
        if self.post.is_strange((place, mark)) && ends.inject.try_send(payload).is_err() {
            self.door.count("node_full");
        }
    }

    /// The node took in a signed message.
    fn on_relayed(&mut self, now: Instant, relayed: Relayed) {
        let place = self.rooms.len();
        let due = now + self.publish_after(now, place, None);
        let payload = Bytes::from(relayed.frame.into_vec());
        let letter = Letter { key: (place, frame_mark(&payload)), id: None, payload };
        // What is watched again comes again.
        self.lately.retain(|(_, known)| known.key != letter.key);
        if self.lately.len() >= LATELY {
            self.lately.pop_front();
        }
        self.lately.push_back((now, letter.clone()));
        self.post(letter, due);
    }

    /// The node showed a message in one of the rooms.
    fn on_shown(&mut self, now: Instant, message: &Message) {
        let Some(place) = self.rooms.iter().position(|room| *room == message.room) else { return };
        if message.via.as_ref().is_some_and(|via| via.as_str() == VIA) {
            return self.echoes.shown(now, message, place);
        }
        let alone = !self.up.is_some_and(|(_, headers)| headers);
        let foreign = Foreign::of_message(message, alone);
        let key = (place, foreign.mark(message.id));
        let due = now + self.publish_after(now, place, Some(&message.node));
        let payload = Bytes::from(foreign.bytes());
        self.post(Letter { key, id: Some(message.id), payload }, due);
    }

    fn on_look(&mut self, now: Instant, look: Look, ends: &Ends) {
        let Look { network, node, name, reach, people } = look;
        let moved = self.network != Some(network);
        let back = self.mesh.is_none();
        self.mesh = Some(Mesh { network, node, name, reach, people });
        (self.looked, self.network) = (Some(now), Some(network));
        if moved {
            // What waits is of another network.
            (self.post, self.lately) = (Post::default(), VecDeque::new());
            self.subscribe(network, ends);
        }
        let Some((_, headers)) = self.up else { return };
        if back {
            // It has not heard of other bridges meanwhile.
            self.up = Some((now, headers));
        }
        let summary = self.summary(now);
        self.beat(summary, back, &(0..self.lanes.len()).collect(), ends);
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
        self.repeat(now);
        let greeted = std::mem::take(&mut self.greeted);
        self.beat(None, false, &greeted, ends);
        self.door.count_many("nats_unseen", self.post.give_up(now));
        for letter in self.post.due(now) {
            if letter.payload.len().saturating_add(HEADER) > self.most {
                self.post.remove(letter.key);
                self.door.count("nats_too_long");
                continue;
            }
            let Some(lane) = self.lanes.get(letter.key.0) else { continue };
            let Letter { id, payload, .. } = letter;
            let saying = Saying { subject: lane.subject.clone(), payload, id };
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

    fn show_problem(&self, now: Instant, ends: &Ends) {
        let wire = match &self.down {
            Some((since, why)) => {
                // Whole minutes, so that the board does not change all the time.
                let minutes = (now - *since).as_secs() / 60;
                let since =
                    if minutes == 0 { String::new() } else { format!(" for {minutes} min") };
                let waiting = self.post.len();
                let more = if waiting == 0 { String::new() } else { "; messages wait".to_owned() };
                format!("NATS does not answer{since}{more}: {why}")
            }
            None => String::new(),
        };
        let node = if self.mesh.is_none() { "meshchatd does not answer" } else { "" };
        let trouble = ends.trouble.borrow().clone();
        let all = [wire.as_str(), node, &trouble];
        let all: Vec<&str> = all.into_iter().filter(|problem| !problem.is_empty()).collect();
        self.door.set_problem(&all.join("; "));
    }
}

/// Without a look for so long the bridge knows nothing of its mesh, and others act first.
const BLIND: Duration = Duration::from_secs(7);
const TICK: Duration = Duration::from_millis(100);
/// Messages that are repeated to a bridge that comes back.
const LATELY: usize = 256;
/// What the headers of a message take.
const HEADER: usize = 128;
const LONGEST_PAYLOAD: usize = 64 * 1024;
/// Bytes of a foreign text in one message, so that its author's name fits before it.
const LONGEST_TEXT: usize = 3968;
