//! A few nodes of a closed network on perfect wires.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly and look only at what it is about"
)]

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use meshchat_core::{
    Admit, Carrier, Config, DialId, Goal, HistoryMode, Input, LinkId, Mono, Node, Now, Output,
    SavedNetwork,
};
use meshchat_proto::codec;
use meshchat_proto::control::{
    Error, ErrorCode, Event, MemberInfo, NetworkInfo, NetworkRequest, Reply, Request, Start,
};
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::id::NodeId;
use meshchat_proto::message::MessageKind;
use meshchat_proto::network::{
    Charter, Role, Roster, SignedStatement, Statement, What, knock, signed_statement,
};

use crate::env::{AnyEnv, counter, signature};

/// Nodes that link only where the test says so. A link has the same number at both ends.
struct World {
    nodes: Vec<Node<AnyEnv>>,
    now: Now,
    wires: BTreeMap<LinkId, [usize; 2]>,
    links: LinkId,
    asked: u64,
    events: Vec<Vec<Event>>,
    replies: Vec<BTreeMap<u64, Result<Reply, Error>>>,
    dials: Vec<Vec<(DialId, NodeId)>>,
    saved: Vec<Option<SavedNetwork>>,
    /// Frames that each node has sent, and what follows a loss: nothing is delivered from it.
    sent: Vec<usize>,
    mute: Option<usize>,
    /// What nodes have said over links to nobody.
    told: Vec<Frame>,
}

const ADDRESS: &str = "192.0.2.1:7117";

fn id(n: usize) -> NodeId {
    NodeId([u8::try_from(n + 1).unwrap(); 32])
}

impl World {
    fn new(nodes: usize) -> Self {
        let now = Now { mono: Mono::from_micros(1), wall_ms: 5 };
        let mut world = Self {
            nodes: Vec::new(),
            now,
            wires: BTreeMap::new(),
            links: 0,
            asked: 0,
            events: vec![Vec::new(); nodes],
            replies: vec![BTreeMap::new(); nodes],
            dials: vec![Vec::new(); nodes],
            saved: vec![None; nodes],
            sent: vec![0; nodes],
            mute: None,
            told: Vec::new(),
        };
        for n in 0..nodes {
            let node = world.fresh(n, 1);
            world.nodes.push(node);
            world.read(n);
        }
        world
    }

    fn fresh(&self, n: usize, boot_count: u64) -> Node<AnyEnv> {
        let config = Config {
            id: id(n),
            network: self.saved[n].clone(),
            name: format!("pi-{n}").parse().unwrap(),
            software: "test".into(),
            boot_count,
            admit: Admit::Neighbours,
            rate: None,
            stored: meshchat_core::Stored::default(),
            acquaintances: meshchat_core::SavedAcquaintances::default(),
            history: HistoryMode::Memory,
            people: Vec::new(),
            goal: Goal { least: 0, most: 0 },
            beacon: 0,
            addresses: vec![ADDRESS.parse().unwrap()],
            contacts: Vec::new(),
        };
        Node::new(self.now, config, counter(id(n), boot_count << 32))
    }

    fn read(&mut self, n: usize) {
        self.nodes[n].handle(self.now, Input::SessionUp { session: 1, user: format!("user{n}") });
        let presence = true;
        let tail = Request::Tail {
            room: None,
            start: Start::Now,
            follow: true,
            presence,
            dm: meshchat_proto::control::Dm::No,
            cursor: None,
        };
        self.begin(n, tail);
    }

    fn restart(&mut self, n: usize) {
        self.nodes[n].handle(self.now, Input::Shutdown);
        self.drain();
        self.nodes[n] = self.fresh(n, 100);
        self.read(n);
    }

    fn begin(&mut self, n: usize, request: Request) -> u64 {
        self.asked += 1;
        let id = self.asked;
        self.nodes[n].handle(self.now, Input::Request { session: 1, id, request });
        self.drain();
        id
    }

    fn network(&mut self, n: usize, request: NetworkRequest) -> Result<Reply, Error> {
        let id = self.begin(n, Request::Network(request));
        self.replies[n].remove(&id).unwrap()
    }

    fn create(&mut self, n: usize) -> NetworkInfo {
        match self.network(n, NetworkRequest::Create { name: "home".into() }) {
            Ok(Reply::Network(info)) => info,
            other => panic!("{other:?}"),
        }
    }

    fn invite(&mut self, n: usize, uses: u32, role: Role) -> String {
        let expires_ms = 3_600_000;
        match self.network(n, NetworkRequest::Invite { uses, expires_ms, role }) {
            Ok(Reply::Ticket(ticket)) => ticket.ticket,
            other => panic!("{other:?}"),
        }
    }

    /// Asks to join; the dial that follows leads to `to`.
    fn join(&mut self, n: usize, to: usize, ticket: &str) -> Result<Reply, Error> {
        let request = NetworkRequest::Join { ticket: ticket.into() };
        let asked = self.begin(n, Request::Network(request));
        if let Some((dial, node)) = self.dials[n].pop() {
            assert_eq!(node, id(to));
            self.link_for(n, to, Some(dial));
        }
        self.pass(20);
        self.replies[n].remove(&asked).unwrap()
    }

    fn show(&mut self, n: usize) -> NetworkInfo {
        match self.network(n, NetworkRequest::Show {}) {
            Ok(Reply::Network(info)) => info,
            other => panic!("{other:?}"),
        }
    }

    fn members(&mut self, n: usize) -> Vec<MemberInfo> {
        match self.network(n, NetworkRequest::Members {}) {
            Ok(Reply::Members(members)) => members,
            other => panic!("{other:?}"),
        }
    }

    /// `a` dials `b`.
    fn link(&mut self, a: usize, b: usize) -> LinkId {
        self.link_for(a, b, None)
    }

    fn link_for(&mut self, a: usize, b: usize, dial: Option<DialId>) -> LinkId {
        self.links += 1;
        let link = self.links;
        self.wires.insert(link, [a, b]);
        self.link_up(a, b, true, dial);
        self.link_up(b, a, false, None);
        self.drain();
        link
    }

    /// One end of the newest link.
    fn link_up(&mut self, n: usize, peer: usize, dialled: bool, dial: Option<DialId>) {
        let up = Input::LinkUp {
            link: self.links,
            peer: id(peer),
            dialled,
            named: false,
            near: true,
            remote: ADDRESS.parse().unwrap(),
            address: "wire".into(),
            carrier: Carrier::Quic,
            dial,
        };
        self.nodes[n].handle(self.now, up);
    }

    /// Somebody has dialled node `n` who is none of the nodes here: the test says what they say.
    fn dialled_by(&mut self, n: usize, peer: usize) -> LinkId {
        self.links += 1;
        self.link_up(n, peer, false, None);
        self.drain();
        self.links
    }

    fn drain(&mut self) {
        let mut wire: VecDeque<(usize, Input)> = VecDeque::new();
        loop {
            for n in 0..self.nodes.len() {
                while let Some(output) = self.nodes[n].poll_output() {
                    self.follow(n, output, &mut wire);
                }
            }
            let Some((to, input)) = wire.pop_front() else { break };
            self.nodes[to].handle(self.now, input);
        }
    }

    fn follow(&mut self, n: usize, output: Output, wire: &mut VecDeque<(usize, Input)>) {
        let other = |wires: &BTreeMap<LinkId, [usize; 2]>, link: &LinkId| {
            wires.get(link).map(|[a, b]| if *a == n { *b } else { *a })
        };
        match output {
            Output::Send { links, frame, .. } => {
                for link in links {
                    self.sent[n] += 1;
                    if !self.wires.contains_key(&link) {
                        self.told.push(Frame::parse(frame.slice(4..)).unwrap());
                    }
                    if let Some(to) = other(&self.wires, &link).filter(|_| self.mute != Some(n)) {
                        let frame = frame.slice(4..);
                        wire.push_back((to, Input::Frame { link, frame }));
                    }
                }
            }
            Output::CloseLink { link, .. } => {
                if let Some(to) = other(&self.wires, &link) {
                    wire.push_back((to, Input::LinkDown { link }));
                }
                self.wires.remove(&link);
            }
            Output::Event { event, .. } => self.events[n].push(*event),
            Output::Reply { id, result, .. } => {
                self.replies[n].insert(id, result);
            }
            Output::Dial(dial) => self.dials[n].extend(dial.node.map(|node| (dial.id, node))),
            Output::SaveNetwork { network, then } => {
                self.saved[n] = network.map(|network| *network);
                if let Some((_, id, reply)) = then {
                    self.replies[n].insert(id, Ok(*reply));
                }
            }
            _ => {}
        }
    }

    fn pass(&mut self, seconds: u64) {
        let end = self.now.mono + Duration::from_secs(seconds);
        loop {
            let next = self.nodes.iter().map(Node::poll_timeout).min().unwrap();
            if next > end {
                break;
            }
            self.now.mono = next.max(self.now.mono);
            for n in 0..self.nodes.len() {
                if self.nodes[n].poll_timeout() <= self.now.mono {
                    self.nodes[n].handle_timeout(self.now);
                }
            }
            self.drain();
        }
        self.now.mono = end;
    }

    fn say(&mut self, n: usize, text: &str) {
        let (room, text, kind) = (None, text.into(), MessageKind::Text);
        self.begin(n, Request::Send { room, text, kind });
    }

    fn heard(&self, n: usize, text: &str) -> usize {
        let said = |event: &&Event| match event {
            Event::Message(message) => message.text.as_str() == text,
            _ => false,
        };
        self.events[n].iter().filter(said).count()
    }

    fn linked(&self, a: usize, b: usize) -> bool {
        let links = self.nodes[a].links(self.now.mono);
        links.iter().any(|link| link.live && link.peer == id(b))
    }

    /// Node `n` hears this about the roster over a link.
    fn roster(&mut self, n: usize, link: LinkId, roster: &Roster) {
        self.hears(n, link, Kind::Roster, &codec::encode(roster));
    }

    fn hears(&mut self, n: usize, link: LinkId, kind: Kind, body: &[u8]) {
        let frame = frame::encode(kind, 0, body).slice(4..);
        self.nodes[n].handle(self.now, Input::Frame { link, frame });
        self.drain();
    }

    /// Node 0 has created a network, and all others have joined it.
    fn closed(nodes: usize) -> Self {
        let mut world = Self::new(nodes);
        world.create(0);
        let uses = u32::try_from(nodes).unwrap();
        let ticket = world.invite(0, uses, Role::Member);
        for n in 1..nodes {
            world.join(n, 0, &ticket).unwrap();
        }
        world
    }
}

fn code(result: Result<Reply, Error>) -> (ErrorCode, String) {
    let error = result.unwrap_err();
    assert!(!error.message.is_empty());
    (error.code, error.message)
}

#[test]
fn a_ticket_leads_into_the_network() {
    let mut world = World::new(2);
    assert_eq!(world.show(0).role, None);
    let info = world.create(0);
    assert_eq!((info.name.as_str(), info.role, info.root), ("home", Some(Role::Admin), true));
    let ticket = world.invite(0, 1, Role::Member);
    let reply = world.join(1, 0, &ticket).unwrap();
    let Reply::Network(joined) = reply else { panic!("{reply:?}") };
    assert_eq!((joined.id, joined.role), (info.id, Some(Role::Member)));
    assert!(world.linked(0, 1) && world.linked(1, 0), "the link to the inviter goes on");
    world.say(0, "hello");
    world.say(1, "thanks");
    for n in 0..2 {
        assert_eq!((world.heard(n, "hello"), world.heard(n, "thanks")), (1, 1), "node {n}");
        let info = world.show(n);
        assert_eq!((info.members, info.reachable), (2, 2));
    }
    assert!(world.nodes[0].counters().dropped(meshchat_core::Drop::BadFrame) == 0);
}

#[test]
fn a_stranger_gets_no_byte() {
    let mut world = World::new(3);
    world.create(0);
    let ticket = world.invite(0, 1, Role::Member);
    world.join(1, 0, &ticket).unwrap();
    // A node of the open network.
    let n = 2;
    let before = world.sent[0];
    let link = world.link(n, 0);
    assert!(!world.wires.contains_key(&link), "the stranger is not hung up on");
    assert_eq!(world.sent[0], before, "the stranger was told something");
    assert!(world.sent[n] > 0);
    // And the other way round: it learns no more than that somebody knocks.
    let before = world.sent[0];
    world.link(0, n);
    assert_eq!(world.sent[0], before + 1, "more than a knock");
    assert!(!world.linked(0, n) && !world.linked(n, 0));
}

/// As docs/security.md says: the secret outlives a removal, and new keys are free.
#[test]
fn who_knows_the_secret_without_belonging_reads_the_roster_and_nothing_else() {
    let mut world = World::closed(2);
    world.say(0, "hello");
    let charter = world.saved[0].as_ref().unwrap().charter.clone();
    let charter = Charter::decode(&charter).unwrap();
    let link = world.dialled_by(0, 9);
    world.hears(0, link, Kind::Knock, &knock(&charter.secret, &id(9), &id(0)));
    let ask = Roster { refs: Some(Vec::new().into()), ask: true, ..Roster::default() };
    world.roster(0, link, &ask);
    world.roster(0, link, &Roster { done: true, ..Roster::default() });
    let kinds: Vec<Kind> = world.told.iter().map(|frame| frame.kind).collect();
    assert_eq!(kinds.last(), Some(&Kind::Goodbye), "it is not hung up on: {kinds:?}");
    let allowed = [Kind::Knock, Kind::Roster, Kind::Goodbye];
    assert!(kinds.iter().all(|kind| allowed.contains(kind)), "it was told more: {kinds:?}");
    let rosters = world.told.iter().filter(|frame| frame.kind == Kind::Roster);
    let rosters = rosters.map(|frame| codec::decode::<Roster>(&frame.body).unwrap());
    let added = rosters.flat_map(|roster| roster.statements).filter_map(|signed| {
        match signed.statement().unwrap().what {
            What::Add { node, .. } => Some(node),
            _ => None,
        }
    });
    assert_eq!(added.collect::<BTreeSet<_>>(), BTreeSet::from([id(0), id(1)]));
}

#[test]
fn a_silent_stranger_is_hung_up_on_in_silence() {
    let mut world = World::closed(2);
    world.nodes[1].handle(world.now, Input::Disconnect { peer: id(0) });
    world.drain();
    world.mute = Some(1);
    let before = world.sent[0];
    let link = world.link(1, 0);
    world.pass(6);
    assert_eq!(world.sent[0], before);
    assert!(!world.wires.contains_key(&link));
}

#[test]
fn tickets_are_counted_and_expire() {
    let mut world = World::new(4);
    world.create(0);
    let ticket = world.invite(0, 1, Role::Member);
    world.join(1, 0, &ticket).unwrap();
    assert!(code(world.join(2, 0, &ticket)).1.contains("as often"));
    let other = world.invite(0, 5, Role::Guest);
    world.pass(3601);
    assert!(code(world.join(2, 0, &other)).1.contains("expired"));
    let third = world.invite(0, 5, Role::Guest);
    let Ok(Reply::Invites(list)) = world.network(0, NetworkRequest::Invites {}) else { panic!() };
    assert_eq!(list.len(), 1);
    let invite = list[0].id.clone();
    world.network(0, NetworkRequest::Revoke { invite }).unwrap();
    assert!(code(world.join(2, 0, &third)).1.contains("revoked"));
    let guest = world.invite(0, 5, Role::Guest);
    world.join(2, 0, &guest).unwrap();
    assert_eq!(world.show(2).role, Some(Role::Guest));
    assert_eq!(code(world.join(2, 0, &guest)).0, ErrorCode::BadArgument);
    assert_eq!(code(world.join(3, 0, "hello")).0, ErrorCode::BadArgument);
    let refused =
        world.network(2, NetworkRequest::Invite { uses: 1, expires_ms: 9, role: Role::Guest });
    assert_eq!(code(refused).0, ErrorCode::Denied);
}

#[test]
fn a_lost_answer_does_not_cost_a_second_use() {
    let mut world = World::new(2);
    world.create(0);
    let ticket = world.invite(0, 1, Role::Member);
    world.mute = Some(0);
    assert_eq!(code(world.join(1, 0, &ticket)).0, ErrorCode::Denied);
    assert_eq!(world.show(0).members, 2, "the inviter has let it in");
    world.mute = None;
    world.join(1, 0, &ticket).unwrap();
    assert!(world.linked(1, 0));
}

#[test]
fn an_inviter_that_does_not_answer_is_named() {
    let mut world = World::new(2);
    world.create(0);
    let ticket = world.invite(0, 1, Role::Member);
    let asked = world.begin(1, Request::Network(NetworkRequest::Join { ticket }));
    let (dial, _) = world.dials[1].pop().unwrap();
    world.nodes[1].handle(world.now, Input::DialFailed { dial });
    world.drain();
    let result = world.replies[1].remove(&asked).unwrap();
    assert_eq!(code(result).0, ErrorCode::Unreachable);
}

#[test]
fn a_new_member_links_with_those_who_never_heard_of_it() {
    let mut world = World::new(4);
    world.create(0);
    let ticket = world.invite(0, 9, Role::Member);
    world.join(1, 0, &ticket).unwrap();
    for n in [0, 1] {
        world.nodes[n].handle(world.now, Input::Disconnect { peer: id(1 - n) });
    }
    world.drain();
    world.join(2, 0, &ticket).unwrap();
    // The inviter is gone for ever.
    world.nodes[0].handle(world.now, Input::Shutdown);
    world.drain();
    assert_eq!(world.show(1).members, 2);
    world.link(2, 1);
    assert!(world.linked(2, 1) && world.linked(1, 2));
    assert_eq!(world.show(1).members, 3);
    world.say(2, "here I am");
    assert_eq!(world.heard(1, "here I am"), 1);
    world.link(1, 2);
    world.pass(30);
    assert!(world.linked(1, 2));
}

#[test]
fn a_removal_closes_links_and_mouths() {
    let mut world = World::closed(4);
    world.link(3, 1);
    world.link(2, 1);
    world.say(3, "before");
    world.pass(10);
    assert_eq!(world.heard(2, "before"), 1);
    world.network(0, NetworkRequest::Remove { member: "pi-3".into() }).unwrap();
    for n in 0..3 {
        assert!(!world.linked(n, 3), "node {n}");
        assert_eq!(world.members(n).iter().filter(|one| one.removed).count(), 1);
    }
    let info = world.show(3);
    assert!(info.removed && info.role.is_none(), "{info:?}");
    world.say(3, "after");
    for (a, b) in [(3, 1), (1, 3), (3, 2)] {
        let link = world.link(a, b);
        assert!(!world.wires.contains_key(&link), "{a} links with {b}");
    }
    world.pass(60);
    for n in 0..3 {
        assert_eq!((world.heard(n, "before"), world.heard(n, "after")), (1, 0), "node {n}");
    }
    let syncs: u64 = world.nodes[..3].iter().map(|node| node.counters().syncs).sum();
    world.pass(600);
    let later: u64 = world.nodes[..3].iter().map(|node| node.counters().syncs).sum();
    assert_eq!(syncs, later, "nodes with one roster have nothing to ask each other");
}

#[test]
fn a_removed_node_learns_of_it_when_it_comes_back() {
    for (a, b) in [(2, 1), (1, 2)] {
        let mut world = World::closed(3);
        world.nodes[2].handle(world.now, Input::Disconnect { peer: id(0) });
        world.drain();
        world.network(0, NetworkRequest::Remove { member: id(2).short() }).unwrap();
        assert!(!world.show(2).removed);
        world.link(a, b);
        // Nobody dials a removed node, not even to tell it.
        assert_eq!(world.show(2).removed, a == 2, "{a} dials {b}");
        assert!(!world.linked(1, 2));
    }
    let mut world = World::closed(3);
    world.network(0, NetworkRequest::Remove { member: id(2).short() }).unwrap();
    assert!(world.show(2).removed);
    world.network(2, NetworkRequest::Leave {}).unwrap();
    assert!(!world.show(2).removed);
    let ticket = world.invite(0, 1, Role::Member);
    assert!(code(world.join(2, 0, &ticket)).1.contains("removed"));
}

#[test]
fn a_node_with_a_new_key_leaves_before_it_joins_anew() {
    let mut world = World::new(3);
    world.create(0);
    let ticket = world.invite(0, 2, Role::Member);
    world.join(1, 0, &ticket).unwrap();
    // As after `meshchatd identity fork`: the network is kept, the key is another.
    world.saved[2] = world.saved[1].clone();
    world.restart(2);
    assert!(world.nodes[2].status(world.now).notes[0].contains("network leave"));
    let refused = world.network(2, NetworkRequest::Join { ticket: ticket.clone() });
    assert!(code(refused).1.contains("does not belong"));
    world.network(2, NetworkRequest::Leave {}).unwrap();
    world.join(2, 0, &ticket).unwrap();
    assert_eq!(world.members(0).len(), 3);
}

#[test]
fn admins_do_what_admins_may() {
    let mut world = World::closed(4);
    world.link(1, 2);
    world.link(1, 3);
    let remove = |member: &str| NetworkRequest::Remove { member: member.into() };
    assert_eq!(code(world.network(1, remove("pi-2"))).0, ErrorCode::Denied);
    assert_eq!(code(world.network(0, remove("pi-0"))).0, ErrorCode::BadArgument);
    assert_eq!(code(world.network(0, remove("nobody"))).0, ErrorCode::NotFound);
    let promote = |role| NetworkRequest::Promote { member: "pi-1".into(), role };
    world.network(0, promote(Role::Admin)).unwrap();
    assert_eq!(world.show(1).role, Some(Role::Admin));
    assert_eq!(code(world.network(1, remove("pi-0"))).0, ErrorCode::Denied);
    world.network(1, remove("pi-2")).unwrap();
    assert!(world.show(2).removed);
    world.network(1, NetworkRequest::Rate { burst: 3, per_second: 2 }).unwrap();
    assert_eq!((world.show(0).rate, world.show(3).rate), ((3, 2), (3, 2)));
    assert_eq!(code(world.network(0, NetworkRequest::Leave {})).0, ErrorCode::Denied);
    let Ok(Reply::RootKey(key)) = world.network(0, NetworkRequest::Backup {}) else { panic!() };
    assert_eq!(
        code(world.network(3, NetworkRequest::Restore { key: "0b".repeat(32) })).0,
        ErrorCode::BadArgument
    );
    world.network(3, NetworkRequest::Restore { key }).unwrap();
    assert!(world.show(3).root);
    world.network(3, remove("pi-1")).unwrap();
    assert!(world.show(1).removed && !world.show(0).removed);
    assert!(world.show(0).members == 2);
    world.network(0, NetworkRequest::Leave {}).unwrap();
    assert!(!world.linked(3, 0));
}

#[test]
fn a_restart_keeps_everything() {
    let mut world = World::closed(3);
    let ticket = world.invite(0, 2, Role::Member);
    let before = world.show(0);
    world.restart(0);
    let after = world.show(0);
    assert_eq!((after.id, after.role, after.root), (before.id, before.role, true));
    assert_eq!(after.members, 3);
    world.link(1, 0);
    assert!(world.linked(1, 0));
    let n = 2;
    world.network(n, NetworkRequest::Leave {}).unwrap();
    assert_eq!(world.show(n).members, 0);
    world.join(n, 0, &ticket).unwrap();
    assert!(world.linked(n, 0));
}

#[test]
fn a_member_that_asks_for_the_roster_again_and_again_gets_little() {
    let mut world = World::closed(2);
    let link = *world.wires.keys().last().unwrap();
    world.pass(20);
    let ask = Roster { refs: Some(Vec::new().into()), ask: true, ..Roster::default() };
    let before = world.sent[0];
    for _ in 0..1000 {
        world.roster(0, link, &ask);
    }
    let sent = world.sent[0] - before;
    assert!((2..100).contains(&sent), "{sent} frames for 1000 questions");
    assert!(world.linked(0, 1) && world.linked(1, 0));
    world.pass(20);
    let before = world.sent[0];
    world.roster(0, link, &ask);
    assert!(world.sent[0] >= before + 2, "nobody is ignored for ever");
}

#[test]
fn who_brings_too_many_statements_of_nobody_is_hung_up_on() {
    let mut world = World::closed(2);
    let link = *world.wires.keys().last().unwrap();
    let network = world.show(0).id;
    let of = |n: u16| {
        let mut by = NodeId([0xee; 32]);
        by.0[..2].copy_from_slice(&n.to_be_bytes());
        let what = What::Add { node: id(9), role: Role::Member, name: None };
        let body = codec::encode(&Statement { network, by, what });
        let sig = signature(&by, &signed_statement(&body));
        SignedStatement { sig, body: body.into() }
    };
    let statements = |first: u16| (first..first + 100).map(of).collect();
    for first in [0, 100] {
        world.roster(0, link, &Roster { statements: statements(first), ..Roster::default() });
        assert!(world.linked(0, 1), "{first} are not too many");
    }
    world.roster(0, link, &Roster { statements: statements(200), ..Roster::default() });
    assert!(!world.wires.contains_key(&link));
    assert_eq!(world.members(0).len(), 2);
}
