//! A chat without terminal, node and time, driven by hand.

mod behaviour;
mod places;
mod words;

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use jiff::ToSpan as _;
use meshchat_client::RequestError;
use meshchat_client::proto::control::{
    DirectMessage, DmRequest, Event, HistoryStatus, Message, Missing, PeerInfo, PeerState,
    PersonInfo, PersonStatus, Reply, Request, RoomInfo, Status, Welcome,
};
use meshchat_client::proto::id::{LetterId, MessageId, NetworkId, NodeId};
use meshchat_client::proto::message::MessageKind;
use ratatui::Terminal;
use ratatui::backend::TestBackend;
use unicode_width::UnicodeWidthStr as _;

use super::Model;
use crate::chat::draw::draw;
use crate::chat::seam::{AskId, Effect, Input, Kept, Link, Notify, Now, Taste};
use crate::output::time::tests::afternoon;

pub(crate) struct Chat {
    pub(crate) model: Model,
    /// What it wanted, but for questions that were answered.
    pub(crate) effects: Vec<Effect>,
    pub(crate) people: Vec<PersonInfo>,
    pub(crate) rooms: Vec<RoomInfo>,
    pub(crate) status: Status,
    running: Duration,
    said: u64,
}

impl Chat {
    /// A screen of somebody who was here before, connected and caught up.
    pub(crate) fn new(columns: u16, lines: u16) -> Self {
        let mut chat = Self::with(Kept { introduced: true, ..Kept::default() });
        chat.put(Input::Resize(columns, lines));
        chat.up();
        chat.put(Input::Event(Box::new(Event::CaughtUp { cursor: 0 })));
        chat
    }

    pub(crate) fn with(kept: Kept) -> Self {
        let taste = Taste { color: true, mouse: false, notify: Notify::Mentions, unicode: true };
        Self {
            model: Model::new(None, kept, taste),
            effects: Vec::new(),
            people: vec![
                PersonInfo { me: true, ..person("me", 1, "pi-barn", PersonStatus::Online) },
                person("ann", 2, "pi-roof", PersonStatus::Online),
                PersonInfo {
                    note: "lunch".into(),
                    ..person("bob", 3, "pi-mill", PersonStatus::Away)
                },
                person("李雷", 3, "pi-mill", PersonStatus::Unreachable),
            ],
            rooms: vec![room("#lobby", true), room("#fire", true), room("#ops", false)],
            status: status(),
            running: Duration::from_secs(1),
            said: 0,
        }
    }

    pub(crate) fn now(&self) -> Now {
        let passed = i64::try_from(self.running.as_millis()).unwrap();
        let mut clock = afternoon();
        clock.now = clock.now.checked_add(passed.milliseconds()).unwrap();
        Now { clock, running: self.running }
    }

    /// Something happens; the node answers what it is asked about itself.
    pub(crate) fn put(&mut self, input: Input) {
        let now = self.now();
        for effect in self.model.handle(&now, input) {
            let answer = if let Effect::Ask(id, request) = &effect {
                self.reply(request).map(|reply| (*id, reply))
            } else {
                None
            };
            match answer {
                Some((id, reply)) => self.put(Input::Answer(id, Ok(reply))),
                None => self.effects.push(effect),
            }
        }
    }

    fn reply(&self, request: &Request) -> Option<Reply> {
        if *request == (Request::Status {}) {
            Some(Reply::Status(Box::new(self.status.clone())))
        } else if *request == (Request::Who { room: None }) {
            Some(Reply::People(self.people.clone()))
        } else if *request == (Request::Rooms {}) {
            Some(Reply::Rooms(self.rooms.clone()))
        } else {
            (*request == Request::Peers {}).then(|| Reply::Peers(vec![peer()]))
        }
    }

    pub(crate) fn up(&mut self) {
        self.up_again(false);
    }

    /// The connection is there, to the same run of the node or to another.
    pub(crate) fn up_again(&mut self, restarted: bool) {
        let welcome = Welcome {
            version: 1,
            software: "0.1.0".into(),
            node: NodeId([1; 32]),
            name: "pi-barn".parse().unwrap(),
            person: "me".parse().unwrap(),
            admin: true,
        };
        self.put(Input::Link(Link::Up { welcome: Box::new(welcome), restarted }));
    }

    pub(crate) fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.running += Duration::from_secs(1);
            self.put(Input::Tick);
        }
    }

    pub(crate) fn key(&mut self, code: KeyCode, modifiers: KeyModifiers) {
        self.put(Input::Key(KeyEvent::new(code, modifiers)));
    }

    pub(crate) fn control(&mut self, letter: char) {
        self.key(KeyCode::Char(letter), KeyModifiers::CONTROL);
    }

    pub(crate) fn press(&mut self, code: KeyCode) {
        self.key(code, KeyModifiers::NONE);
    }

    pub(crate) fn letters(&mut self, text: &str) {
        text.chars().for_each(|letter| self.press(KeyCode::Char(letter)));
    }

    /// Types a line and sends it.
    pub(crate) fn line(&mut self, text: &str) {
        self.letters(text);
        self.press(KeyCode::Enter);
    }

    pub(crate) fn event(&mut self, event: Event) {
        self.put(Input::Event(Box::new(event)));
    }

    pub(crate) fn message(&mut self, room: &str, author: &str, text: &str) -> Message {
        self.said += 1;
        let said = u8::try_from(self.said % 251).unwrap();
        let (n, node) = match author {
            "me" => (1, "pi-barn"),
            "ann" => (2, "pi-roof"),
            _ => (3, "pi-mill"),
        };
        let mut id = [said; 32];
        id[..8].copy_from_slice(&self.said.to_be_bytes());
        Message {
            cursor: self.said,
            id: MessageId(id),
            room: room.parse().unwrap(),
            author: author.parse().unwrap(),
            node: NodeId([n; 32]),
            node_name: node.parse().unwrap(),
            boot: 1,
            seq: self.said,
            kind: MessageKind::Text,
            text: text.parse().unwrap(),
            wall_ms: self.now().clock.now_ms(),
            age_ms: 0,
            late: false,
            caught_up: false,
            own: author == "me",
            via: None,
        }
    }

    pub(crate) fn hear(&mut self, room: &str, author: &str, text: &str) -> Message {
        let message = self.message(room, author, text);
        self.event(Event::Message(message.clone()));
        message
    }

    pub(crate) fn direct(&mut self, own: bool, text: &str) -> DirectMessage {
        let message = self.message("#lobby", if own { "me" } else { "ann" }, text);
        let (me, ann) = ((message.author.clone(), NodeId([1; 32])), NodeId([2; 32]));
        let other = if own { "ann" } else { "me" };
        let (to_node, to_node_name) = if own { (ann, "pi-roof") } else { (me.1, "pi-barn") };
        DirectMessage {
            cursor: message.cursor,
            id: message.id,
            letter: LetterId([u8::try_from(self.said).unwrap(); 16]),
            from: me.0,
            from_node: message.node,
            from_node_name: message.node_name,
            to: other.parse().unwrap(),
            to_node,
            to_node_name: to_node_name.parse().unwrap(),
            kind: MessageKind::Text,
            text: message.text,
            wall_ms: message.wall_ms,
            age_ms: 0,
            late: false,
            caught_up: false,
            own,
            state: None,
        }
    }

    /// Takes the questions that fit out of what was wanted.
    pub(crate) fn asked(&mut self, fits: impl Fn(&Request) -> bool) -> Vec<(AskId, Request)> {
        let is = |effect: &Effect| matches!(effect, Effect::Ask(_, request) if fits(request));
        let taken: Vec<Effect> = self.effects.extract_if(.., |effect| is(effect)).collect();
        let ask = |effect| {
            let Effect::Ask(id, request) = effect else { unreachable!() };
            (id, request)
        };
        taken.into_iter().map(ask).collect()
    }

    pub(crate) fn sends(&mut self) -> Vec<(AskId, Request)> {
        let says = |request: &Request| {
            matches!(request, Request::Send { .. } | Request::Dm(DmRequest::Send { .. }))
        };
        self.asked(says)
    }

    pub(crate) fn answer(&mut self, id: AskId, answer: Result<Reply, RequestError>) {
        self.put(Input::Answer(id, answer));
    }

    pub(crate) fn lose(&mut self) {
        self.put(Input::Link(Link::Lost("meshchatd closed it".into())));
    }

    /// What is on the screen, without the spaces at the ends of lines.
    pub(crate) fn screen(&self) -> String {
        let (columns, lines) = self.model.size;
        let mut terminal = Terminal::new(TestBackend::new(columns, lines)).unwrap();
        terminal.draw(|frame| draw(frame, &self.model, &self.now())).unwrap();
        let buffer = terminal.backend().buffer();
        let row = |y: u16| {
            let (mut text, mut x) = (String::new(), 0);
            while x < columns {
                let symbol = buffer[(x, y)].symbol();
                text.push_str(symbol);
                x += u16::try_from(symbol.width()).unwrap().max(1);
            }
            text.trim_end().to_owned()
        };
        (0..lines).map(row).collect::<Vec<_>>().join("\n")
    }

    /// The lines of the screen that have these words.
    pub(crate) fn shows(&self, words: &str) -> bool {
        self.screen().contains(words)
    }
}

pub(crate) fn person(name: &str, n: u8, node: &str, state: PersonStatus) -> PersonInfo {
    PersonInfo {
        name: name.parse().unwrap(),
        node: NodeId([n; 32]),
        node_name: node.parse().unwrap(),
        state,
        since_ms: 61_000,
        rooms: vec!["#lobby".parse().unwrap()],
        note: String::new(),
        me: false,
        gateway: false,
        verified: false,
        muted: false,
    }
}

pub(crate) fn room(name: &str, joined: bool) -> RoomInfo {
    RoomInfo {
        room: name.parse().unwrap(),
        joined,
        people: 4,
        present: 3,
        messages: 12,
        private: false,
    }
}

fn peer() -> PeerInfo {
    PeerInfo {
        address: "192.0.2.2:7117".into(),
        node: Some(NodeId([2; 32])),
        name: Some("pi-roof".parse().unwrap()),
        state: PeerState::Linked,
        dialled: true,
        source: "config".into(),
        since_ms: 61_000,
        rtt_us: Some(4_200),
        sent_bytes: 2048,
        received_bytes: 9,
        queued_bytes: 0,
        behind: false,
        error: String::new(),
        next_try_ms: None,
        tries: 0,
        carrier: "quic".into(),
        via: None,
    }
}

pub(crate) fn missing() -> Missing {
    Missing {
        reachable: 3,
        known: 7,
        since_ms: 60_000,
        names: vec!["pi-mill".parse().unwrap()],
        isolated: false,
    }
}

fn status() -> Status {
    Status {
        node: NodeId([1; 32]),
        name: "pi-barn".parse().unwrap(),
        software: "0.1.0".into(),
        network: NetworkId::OPEN,
        network_name: None,
        role: None,
        admit: "anyone".into(),
        listen: Vec::new(),
        uptime_ms: 3_600_000,
        boot: 1,
        links: 2,
        nodes_reachable: 3,
        nodes_known: 3,
        people_present: 3,
        clients: 1,
        history: HistoryStatus {
            mode: "memory".into(),
            messages: 12,
            bytes: 900,
            cursor: 12,
            disk: None,
        },
        sent: 1,
        received: 2,
        forwarded: 3,
        duplicates: 0,
        gone: 0,
        drops: Vec::new(),
        notes: Vec::new(),
        missing: None,
        process: None,
        clock_offset_ms: None,
    }
}
