//! A machine: its node, what its disk keeps, and its local clients.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use meshchat_core::{
    Admit, Config, Goal, Handover, HistoryMode, Input, LinkId, Mono, Node, Now, Rate, SavedMail,
    SavedNetwork, SavedPerson, SavedRooms,
};
use meshchat_proto::control::{Dm, Event, NodeInfo, PersonInfo, Request, Start, Status};
use meshchat_proto::id::NodeId;

use super::plan::ROOMS;
use super::rng::Rng;
use super::sealed::Secret;
use super::stub::Stub;
use super::wire::WireId;
use crate::env::AnyEnv;

/// 2026, far enough from any clock of the simulation that its bytes have one length.
const WALL: u64 = 1_790_000_000_000;

#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) node: Option<Node<AnyEnv>>,
    pub(crate) id: NodeId,
    pub(crate) run: u32,
    pub(crate) boots: u64,
    pub(crate) saved: Vec<SavedPerson>,
    pub(crate) network: Option<SavedNetwork>,
    pub(crate) mail: SavedMail,
    pub(crate) rooms: SavedRooms,
    /// A third client uses sealed messages.
    pub(crate) sealing: bool,
    pub(crate) history: HistoryMode,
    pub(crate) rate: Option<Rate>,
    pub(crate) wall_offset: i64,
    pub(crate) mono_offset: u64,
    pub(crate) links: BTreeMap<LinkId, WireId>,
    next_link: LinkId,
    next_session: u32,
    pub(crate) clients: Vec<Client>,
    pub(crate) inbox: VecDeque<Input>,
    /// When it runs next.
    pub(crate) wakes: Option<u64>,
    pub(crate) asleep_until: u64,
    /// What its last run has left for the next, and when.
    pub(crate) handover: Option<(Handover, u64)>,
    /// How long after its start its clients come.
    pub(crate) late: u64,
}

#[derive(Debug)]
pub(crate) struct Client {
    pub(crate) session: u32,
    pub(crate) user: &'static str,
    pub(crate) nick: String,
    /// The only room that it reads, or all.
    pub(crate) room: Option<&'static str>,
    pub(crate) stalled: bool,
    /// Events that it has not read.
    pub(crate) unread: VecDeque<Event>,
    next_request: u64,
    pub(crate) asked: BTreeMap<u64, Ask>,
    pub(crate) answers: Answers,
}

/// What a request was for.
#[derive(Debug, Clone)]
pub(crate) enum Ask {
    /// The text with this number.
    Say(usize),
    Nick(String),
    /// Something sealed, and its number if it is words.
    Secret(Secret, usize),
    Other,
}

#[derive(Debug, Default)]
pub(crate) struct Answers {
    pub(crate) nodes: Vec<NodeInfo>,
    pub(crate) people: Vec<PersonInfo>,
    pub(crate) status: Option<Box<Status>>,
}

impl Host {
    pub(crate) fn new(
        history: HistoryMode,
        rate: Option<Rate>,
        wall_offset: i64,
        rng: &mut Rng,
    ) -> Self {
        Self {
            node: None,
            id: NodeId(rng.bytes()),
            run: 0,
            boots: 0,
            saved: Vec::new(),
            network: None,
            mail: SavedMail::default(),
            rooms: SavedRooms::default(),
            sealing: false,
            history,
            rate,
            wall_offset,
            mono_offset: rng.below(1 << 40),
            links: BTreeMap::new(),
            next_link: 1,
            next_session: 1,
            clients: Vec::new(),
            inbox: VecDeque::new(),
            wakes: None,
            asleep_until: 0,
            handover: None,
            late: 0,
        }
    }

    pub(crate) fn time(&self, now: u64) -> Now {
        let wall = i64::try_from(WALL + now / 1000).unwrap() + self.wall_offset;
        let mono = Mono::from_micros(now + self.mono_offset);
        Now { mono, wall_ms: wall.max(0).unsigned_abs() }
    }

    pub(crate) fn link(&mut self) -> LinkId {
        self.next_link += 1;
        self.next_link
    }

    /// Starts the node and its clients.
    pub(crate) fn start(&mut self, now: u64, name: usize, rng: &mut Rng) {
        self.run += 1;
        self.boots += 1;
        let config = Config {
            id: self.id,
            network: self.network.clone(),
            name: format!("pi-{name}").parse().unwrap(),
            software: "sim".into(),
            boot_count: self.boots,
            admit: Admit::Neighbours,
            rate: self.rate,
            history: self.history,
            people: self.saved.clone(),
            acquaintances: meshchat_core::SavedAcquaintances::default(),
            goal: Goal { least: 0, most: 0 },
            beacon: 0,
            addresses: Vec::new(),
            contacts: Vec::new(),
            stored: meshchat_core::Stored::default(),
        };
        let stub = Stub { me: self.id, rng: Rng::new(rng.next()) };
        let mut node = Node::new(self.time(now), config, AnyEnv::of(stub));
        node.load_mail(self.time(now), self.mail.clone());
        node.load_rooms(self.time(now), self.rooms.clone());
        if let Some((handover, at)) = self.handover.take() {
            node.take_over(self.time(now), handover, Duration::from_micros(now - at));
        }
        self.node = Some(node);
        self.clients.clear();
        let cid = self.sealing.then_some(("cid", None));
        for (user, room) in [("ann", None), ("bob", Some("#ops"))].into_iter().chain(cid) {
            let nick = self.saved.iter().find(|person| person.user == user);
            let nick = nick.map_or(user.into(), |person| person.name.as_str().to_owned());
            self.clients.push(Client {
                session: 0,
                user,
                nick,
                room,
                stalled: false,
                unread: VecDeque::new(),
                next_request: 0,
                asked: BTreeMap::new(),
                answers: Answers::default(),
            });
        }
        if self.late == 0 {
            self.connect_all(Start::Now);
        }
    }

    /// Opens the first session of each client.
    pub(crate) fn connect_all(&mut self, start: Start) {
        self.late = 0;
        for client in 0..self.clients.len() {
            if self.clients[client].session == 0 {
                self.connect(client, start);
            }
        }
    }

    /// Whether its node would talk with another one.
    pub(crate) fn admits(&self, other: &Self) -> bool {
        self.node.as_ref().is_some_and(|node| !node.is_removed() && node.admits(&other.id))
    }

    /// Opens a new session of a client, in the place of an old one.
    pub(crate) fn connect(&mut self, client: usize, start: Start) {
        self.next_session += 1;
        let state = &mut self.clients[client];
        if state.session != 0 {
            self.inbox.push_back(Input::SessionDown { session: state.session });
        }
        state.session = self.next_session;
        (state.unread, state.asked) = (VecDeque::new(), BTreeMap::new());
        let (session, user, only) = (state.session, state.user.to_owned(), state.room);
        self.inbox.push_back(Input::SessionUp { session, user });
        for room in ROOMS {
            self.ask(client, Request::Join { room: room.into() }, Ask::Other);
        }
        let room = only.map(str::to_owned);
        let dm = if client == super::sealed::CID { Dm::Also } else { Dm::No };
        let (follow, presence, cursor) = (true, true, None);
        let tail = Request::Tail { room, start, follow, presence, dm, cursor };
        self.ask(client, tail, Ask::Other);
    }

    pub(crate) fn ask(&mut self, client: usize, request: Request, ask: Ask) {
        let client = &mut self.clients[client];
        client.next_request += 1;
        let (session, id) = (client.session, client.next_request);
        client.asked.insert(id, ask);
        self.inbox.push_back(Input::Request { session, id, request });
    }

    pub(crate) fn client_of(&mut self, session: u32) -> Option<usize> {
        self.clients.iter().position(|client| client.session == session)
    }

    /// Power off: only the disk stays.
    pub(crate) fn stop(&mut self) {
        self.node = None;
        self.clients.clear();
        self.inbox.clear();
        self.wakes = None;
        self.asleep_until = 0;
    }
}
