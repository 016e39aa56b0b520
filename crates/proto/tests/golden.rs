//! The exact bytes of version 1 of both protocols.
//!
//! A file under `golden/v1` is never edited: what an older release wrote must be read for ever,
//! and what this release writes must be what an older one reads. A new kind of frame or request
//! gets a new file: `MESHCHAT_GOLDEN=new` writes the files that are missing.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test may fail loudly")]

use std::fmt::Debug;
use std::path::PathBuf;

use bytes::Bytes;
use meshchat_proto::address::Address;
use meshchat_proto::beacon::{Beacon, BeaconKey};
use meshchat_proto::codec::{decode, encode};
use meshchat_proto::control::{
    self, CursorInfo, CursorRequest, DeliveryInfo, DeliveryRequest, DeliveryState, DirectChange,
    DirectInfo, DirectMessage, DirectState, Dm, DmRequest, DoorInfo, DoorsRequest, DropCount,
    Error, ErrorCode, Event, FromDaemon, Gone, Graph, GraphLink, GraphNode, HolderInfo, Hop,
    LogGrade, LogLevel, LogLine, LogRequest, Missed, MissedWhy, NodeChange, NodeInfo, NodeState,
    PairingInfo, PartitionChange, PartitionState, PersonChange, PersonStatus, PrivateInfo,
    PrivateRequest, Reply, Request, RoomMember, Sent, Start, ToDaemon, TrailCopy, TrailFacts,
    TrailHop, TrailInfo, Wait, Welcome,
};
use meshchat_proto::frame::{self, Frame, Kind};
use meshchat_proto::holding::{Footprint, Holder, Holding, Holdings, Trail, origin_tag};
use meshchat_proto::id::{
    Boot, KeyId, LetterId, MessageId, MessageRef, NetworkId, NodeId, RoomId, StatementId,
};
use meshchat_proto::message::{Body, Draft, MessageKind, Place, lone_message, whole_batch};
use meshchat_proto::name::{NodeName, PersonName, RoomName};
use meshchat_proto::network::{
    self, Charter, Role, Roster, SignedStatement, Statement, Ticket, What, knock, signed_statement,
    ticket_key,
};
use meshchat_proto::peer::{
    Echo, Goodbye, GoodbyeReason, Heartbeat, Hello, Meet, MeetStep, Observed, OriginRanges, Person,
    PersonState, Probe, Probed, Record, Signed, Summary, SyncEnd,
};
use meshchat_proto::sealed::{
    self, Content, Direct, Grant, Leave, Member, Members, Receipt, Say, Sealed,
};
use serde::Serialize;
use serde::de::DeserializeOwned;

const NODE: NodeId = NodeId([0x11; 32]);
const OTHER: NodeId = NodeId([0x22; 32]);

#[test]
fn peer_frames() {
    let boot = Boot::new(7, 0x0102_0304_0506_0708);
    both(
        "hello",
        &Hello {
            min: 1,
            max: 1,
            network: NetworkId::OPEN,
            boot,
            name: "pi-3".parse().unwrap(),
            dial: 4,
            wall: 1_700_000_000_000,
            software: "meshchatd 0.1.0".into(),
            wanted: false,
            anew: false,
        },
    );
    both(
        "heartbeat",
        &Heartbeat {
            seq: 9,
            echo: 8,
            held: 120,
            seen: 0xdead_beef,
            nodes: 0xfeed,
            links: 3,
            ask: true,
            extra: false,
            roster: 0,
        },
    );
    both("goodbye", &Goodbye { reason: GoodbyeReason::Leaving });
    both("goodbye_restarting", &Goodbye { reason: GoodbyeReason::Restarting });
    both(
        "record",
        &Record {
            network: NetworkId::OPEN,
            node: NODE,
            boot,
            version: 12,
            name: "pi-3".parse().unwrap(),
            software: "meshchatd 0.1.0".into(),
            neighbours: vec![OTHER],
            people: vec![Person {
                name: "ann".parse().unwrap(),
                state: PersonState::Away,
                rooms: vec![RoomName::lobby()],
                note: "lunch".into(),
                gateway: false,
            }],
            seq: 300,
            seen: 5,
            left: false,
            addresses: vec![],
            beacon: 0,
            holdings: None,
            doubled: false,
        },
    );
    let ranges = vec![OriginRanges { node: NODE, boot, ranges: vec![(1, 5), (9, 9)] }];
    both(
        "summary",
        &Summary { round: 2, after: Some((NODE, boot)), upto: None, seen: ranges.clone() },
    );
    both("sync_end", &SyncEnd { round: 2, more: false, gone: ranges });
    both("echo", &Echo { from: NODE, to: OTHER, token: 77, answer: false, path: vec![OTHER] });
    let hello: Hello = decode(&golden("hello")).unwrap();
    both("hello_anew", &Hello { wanted: true, anew: true, ..hello });
    let record: Record = decode(&golden("record")).unwrap();
    let addresses = ["192.0.2.7:7117", "[2001:db8::7]:7117"];
    let addresses = addresses.map(|text| Address::new(text.parse().unwrap()).unwrap());
    both("record_addresses", &Record { addresses: addresses.into(), beacon: 5, ..record });
    both("observed", &Observed { address: addresses[0] });
    both("meet", &Meet { from: NODE, to: OTHER, token: 78, step: MeetStep::Go });
    both("probe", &Probe { token: 79, tcp_port: 7117 });
    both("probed", &Probed { token: 79, udp: true, tcp: false });
    let signed = encode(&Signed { sig: [7; 64], body: serde_bytes::Bytes::new(b"record") });
    same("signed", &signed);
    let frame = frame::encode(Kind::Goodbye, 64, &encode(&Goodbye { reason: GoodbyeReason::Full }));
    same("frame", &frame);
    let body = Bytes::from(encode(&Probe { token: 80, tcp_port: 7117 }));
    same("frame_old", &Frame { kind: Kind::Probe, hops: 64, old: true, body }.to_wire());
}

#[test]
fn closed_networks() {
    let name = "home".parse().unwrap();
    let charter = Charter { name, root: NODE, secret: [7; 32] }.encode();
    same("charter", &charter);
    let network = Charter::id_of(&charter);
    assert_eq!(network.to_string(), "4wsd2rv06gv399spadrnsvjb7w");
    same("knock", &knock(&[7; 32], &NODE, &OTHER));
    same("knock_ticket", &knock(&ticket_key(&[8; 16]), &NODE, &OTHER));
    let add = What::Add { node: OTHER, role: Role::Admin, name: Some("pi-4".parse().unwrap()) };
    let kept = vec![StatementId([5; 16])];
    let said = [
        ("statement_add", add),
        ("statement_remove", What::Remove { node: OTHER, kept }),
        ("statement_rate", What::Rate { burst: 20, per_second: 5, serial: 2 }),
    ];
    let mut signed = Vec::new();
    for (name, what) in said {
        let statement = Statement { network, by: NODE, what };
        both(name, &statement);
        signed.push(SignedStatement { sig: [6; 64], body: encode(&statement).into() });
    }
    same("statement_signed", &signed_statement(&signed[0].body));
    let refs = Roster::list(signed.iter().map(|one| one.id().to_ref()));
    both("roster_print", &Roster { print: Some(9), ..Roster::default() });
    both("roster_refs", &Roster { refs: Some(refs), ask: true, ..Roster::default() });
    both("roster", &Roster { statements: signed.clone(), ..Roster::default() });
    let charter = charter.into();
    both("welcome", &network::Welcome { refusal: None, charter, statements: signed });
    let heartbeat: Heartbeat = decode(&golden("heartbeat")).unwrap();
    both("heartbeat_roster", &Heartbeat { roster: 77, ..heartbeat });
    let address = |text: &str| text.parse().unwrap();
    let ticket = Ticket {
        network,
        inviter: NODE,
        secret: [8; 16],
        addresses: vec![address("192.0.2.7:7117"), address("[2001:db8::7]:7117")],
    };
    same("ticket", ticket.to_string().as_bytes());
    assert_eq!(String::from_utf8(golden("ticket")).unwrap().parse(), Ok(ticket));
}

#[test]
fn holdings_and_trails() {
    let boot = Boot::new(7, 0x0102_0304_0506_0708);
    let tag = origin_tag(&NODE, &boot);
    let rows = vec![Holding { origin: tag, ranges: vec![(1, 5), (9, 300)] }];
    let holdings = Holdings { count: 3, taken: 0xbeef, rows };
    let record: Record = decode(&golden("record")).unwrap();
    both("record_holdings", &Record { holdings: Some(holdings.clone()), ..record });
    both("holder", &Holder { network: NetworkId::OPEN, node: OTHER, boot, holdings });
    let ask = Trail { from: NODE, to: OTHER, token: 80, node: NODE, boot, seq: 9, answer: None };
    both("trail", &ask);
    let footprint = Footprint {
        known: true,
        age: 1500,
        via: Some(NODE),
        hops: 1,
        caught_up: false,
        tcp: true,
        rtt: 800,
        copies: 2,
        passed: 3,
    };
    both("trail_answer", &Trail { answer: Some(footprint), ..ask });
}

#[test]
fn chat() {
    let draft = Draft {
        author: "ann".parse().unwrap(),
        room: RoomName::lobby(),
        kind: MessageKind::Action,
        text: "waves \u{1F44B}".parse().unwrap(),
        seen: vec![MessageRef([9; 8])],
        wall: 1_700_000_000_000,
        sealed: None,
        via: None,
    };
    let body = draft.to_body(NetworkId::OPEN, NODE, Boot::new(7, 8), 42);
    same("body", &body);
    let read = Body::parse(&body).unwrap();
    assert_eq!((read.author(), read.seq, read.kind), ("ann", 42, MessageKind::Action));
    assert_eq!(
        MessageId::of(&body).to_string(),
        "b21a0xnz34ryebxkg6js33b28qb85daxw8bqxqtjzr3cvh726q1g",
        "the id of a message is the hash of exactly these bytes"
    );
    let sealed = Sealed {
        to: Some(OTHER),
        keys: vec![vec![5; 80].into(), vec![6; 80].into()],
        key: None,
        lock: vec![7; 104].into(),
    };
    let direct = Draft::of_sealed(sealed::direct_room(), sealed.clone());
    let direct = direct.to_body(NetworkId::OPEN, NODE, Boot::new(7, 8), 43);
    same("body_direct", &direct);
    let read = Body::parse(&direct).unwrap();
    assert_eq!((read.kind, read.to, read.keys.len()), (MessageKind::Sealed, Some(OTHER), 2));
    let room = sealed::outer_room(&RoomId([8; 16]));
    let key = Some(KeyId([9; 8]));
    let private = Draft::of_sealed(room, Sealed { to: None, keys: vec![], key, ..sealed });
    same("body_private", &private.to_body(NetworkId::OPEN, NODE, Boot::new(7, 8), 44));
    same("batch", &whole_batch(&[7; 64], &[body.clone(), body.clone()]));
    let place = Place { index: 1, count: 2, path: vec![MessageId([3; 32])] };
    same("batch_alone", &lone_message(&[7; 64], &body, Some(place)));
}

#[test]
fn sealed_contents() {
    let (from, kind) = ("ann".parse().unwrap(), MessageKind::Text);
    let (id, room) = (LetterId([1; 16]), RoomId([2; 16]));
    let (text, wall) = ("hi".parse().unwrap(), 1_700_000_000_000);
    let member = Member { node: OTHER, person: "bob".parse().unwrap(), since: 4 };
    let direct = Direct { from, to: "bob".parse().unwrap(), id, kind, text, wall };
    let say = Say { from: direct.from.clone(), kind, text: direct.text.clone(), wall };
    let receipt = Receipt { delivered: vec![id], read: vec![id], refused: vec![id] };
    let name = RoomName::private("ops").unwrap();
    let people = vec![direct.from.clone()];
    let by = direct.from.clone();
    let grant = Grant { room, name, key: [3; 32], epoch: 4, people, by };
    let leave = Leave { room, person: direct.from.clone(), epoch: 4 };
    let members =
        Members { version: 5, epoch: 4, owner: NODE, part: 0, parts: 1, members: vec![member] };
    both("content_direct", &Content::Direct(direct));
    both("content_receipt", &Content::Receipt(receipt));
    both("content_grant", &Content::Grant(grant));
    both("content_leave", &Content::Leave(leave));
    both("content_say", &Content::Say(say));
    both("content_members", &Content::Members(members));
}

#[test]
fn control_frames() {
    both("control_hello", &control::Hello { min: 1, max: 1, client: "test 1.0".into() });
    both(
        "control_welcome",
        &Welcome {
            version: 1,
            software: "meshchatd 0.1.0".into(),
            node: NODE,
            name: "pi-3".parse().unwrap(),
            person: "ann".parse().unwrap(),
            admin: true,
        },
    );
    let room = || Some("#ops".to_owned());
    let requests = [
        Request::Status {},
        Request::Limits {},
        Request::Peers {},
        Request::WatchPeers {},
        Request::Connect { address: "barn:7117".into(), once: true, key: Some(OTHER) },
        Request::Disconnect { peer: "barn".into() },
        Request::Nodes {},
        Request::Who { room: room() },
        Request::Rooms {},
        Request::Join { room: "ops".into() },
        Request::Leave { room: "ops".into() },
        Request::Send { room: room(), text: "hi".into(), kind: MessageKind::Text },
        Request::Tail {
            room: room(),
            start: Start::Last(20),
            follow: true,
            presence: true,
            dm: Dm::No,
            cursor: None,
        },
        Request::Nick { name: "Ann".into() },
        Request::Away { away: true, note: "lunch".into() },
        Request::Ping { node: "barn".into(), timeout_ms: 5000 },
        Request::Config {},
        Request::Reload {},
        Request::Cancel { id: 3 },
        Request::Read { room: room(), start: Start::After(7), presence: true },
    ];
    for (id, request) in (1..).zip(requests) {
        let name = encode(&request);
        let end = name.iter().skip(2).position(|byte| !byte.is_ascii_lowercase() && *byte != b'_');
        let name = String::from_utf8_lossy(&name[2..2 + end.unwrap()]).into_owned();
        both(&format!("request_{name}"), &ToDaemon { id, request });
    }
    both("control_done", &FromDaemon::ok(1, Reply::Done {}));
    both(
        "control_sent",
        &FromDaemon::ok(
            1,
            Reply::Sent(Sent {
                id: MessageId([5; 32]),
                room: RoomName::lobby(),
                seq: 1,
                cursor: 2,
                kept: "memory".into(),
                links: 3,
            }),
        ),
    );
    let error = Error::new(ErrorCode::NotFound, "no node named \"x\"").hint("try another");
    both("control_error", &FromDaemon::error(1, error));
    both("control_end", &FromDaemon::end(1));
}

#[test]
fn direct_messages() {
    let send =
        DmRequest::Send { to: "bob@pi-4".into(), text: "hi".into(), kind: MessageKind::Text };
    both("request_dm_send", &ToDaemon { id: 1, request: Request::Dm(send) });
    both("request_dm_list", &ToDaemon { id: 1, request: Request::Dm(DmRequest::List {}) });
    let (start, follow, presence) = (Start::Now, true, false);
    let tail = Request::Tail { room: None, start, follow, presence, dm: Dm::Only, cursor: None };
    both("request_tail_dm", &ToDaemon { id: 1, request: tail });
    let (letter, id) = (LetterId([6; 16]), MessageId([5; 32]));
    let (to, to_node): (PersonName, _) = ("bob".parse().unwrap(), OTHER);
    let (from_node_name, to_node_name) = ("pi-3".parse().unwrap(), name("pi-4"));
    let info = DirectInfo {
        id: Some(id),
        letter,
        to: to.clone(),
        to_node,
        to_node_name: to_node_name.clone(),
        state: DirectState::Queued,
        age_ms: 9,
        links: 2,
    };
    both("control_direct", &FromDaemon::ok(1, Reply::Direct(info.clone())));
    both("control_directs", &FromDaemon::ok(1, Reply::Directs(vec![info])));
    let change = DirectChange {
        id: Some(id),
        letter,
        to: to.clone(),
        to_node,
        to_node_name: to_node_name.clone(),
        state: DirectState::Read,
    };
    both("event_direct_state", &FromDaemon::event(1, Event::DirectState(change)));
    let direct = DirectMessage {
        cursor: 9,
        id,
        letter,
        from: "ann".parse().unwrap(),
        from_node: NODE,
        from_node_name,
        to,
        to_node,
        to_node_name,
        kind: MessageKind::Text,
        text: "hi".parse().unwrap(),
        wall_ms: 1_700_000_000_000,
        age_ms: 15,
        late: false,
        caught_up: true,
        own: true,
        state: Some(DirectState::Expired),
    };
    both("event_direct", &FromDaemon::event(1, Event::Direct(direct)));
}

#[test]
fn doors_and_guests() {
    let draft = Draft {
        author: "ann".parse().unwrap(),
        room: RoomName::lobby(),
        kind: MessageKind::Text,
        text: "hi".parse().unwrap(),
        seen: vec![],
        wall: 1_700_000_000_000,
        sealed: None,
        via: Some("irc".parse().unwrap()),
    };
    let body = draft.to_body(NetworkId::OPEN, NODE, Boot::new(7, 8), 45);
    same("body_via", &body);
    assert_eq!(Body::parse(&body).unwrap().via(), Some("irc".parse().unwrap()));
    let message: FromDaemon = decode(&golden("event_message")).unwrap();
    let FromDaemon { event: Some(Event::Message(message)), .. } = message else { panic!() };
    let via = Some("irc".parse().unwrap());
    let message = control::Message { via, ..message };
    both("event_message_via", &FromDaemon::event(1, Event::Message(message)));
    let (name, via, key) = ("ann".into(), "irc".into(), Some("secret".into()));
    let guest = Request::Become { name, via, key, rooms: Some(vec!["#dev".into()]) };
    both("request_become_guest", &ToDaemon { id: 1, request: guest });
    let web = DoorInfo {
        name: "web".into(),
        addresses: vec!["http://192.0.2.7:8480/".into()],
        clients: 2,
        most: 64,
        pairing: true,
        problem: "cannot read".into(),
        drops: vec![DropCount { reason: "hello_late".into(), count: 3 }],
    };
    let doors = || vec![web.clone()];
    let ask =
        |name: &str, request| both(name, &ToDaemon { id: 1, request: Request::Doors(request) });
    ask("request_doors_list", DoorsRequest::List {});
    ask("request_doors_announce", DoorsRequest::Announce { doors: doors() });
    ask("request_doors_pair", DoorsRequest::Pair {});
    ask("request_doors_redeem", DoorsRequest::Redeem { code: "K7QF-2MXB".into() });
    both("control_doors", &FromDaemon::ok(1, Reply::Doors(doors())));
    let pairing = PairingInfo { code: "K7QF-2MXB".into(), expires_ms: 600_000, doors: doors() };
    both("control_pairing", &FromDaemon::ok(1, Reply::Pairing(pairing)));
}

#[test]
fn private_rooms() {
    let room = || "family".to_owned();
    let person = || "bob@pi-4".to_owned();
    let requests = [
        ("create", PrivateRequest::Create { room: room() }),
        ("invite", PrivateRequest::Invite { room: room(), person: person() }),
        ("leave", PrivateRequest::Leave { room: room() }),
        ("remove", PrivateRequest::Remove { room: room(), person: person() }),
        ("members", PrivateRequest::Members { room: room() }),
    ];
    for (name, request) in requests {
        let request = ToDaemon { id: 1, request: Request::Private(request) };
        both(&format!("request_private_{name}"), &request);
    }
    let member = RoomMember {
        person: "ann".parse().unwrap(),
        node: NODE,
        node_name: name("pi-3"),
        me: true,
    };
    let info = PrivateInfo {
        room: RoomName::private("family").unwrap(),
        owner: NODE,
        owner_name: name("pi-3"),
        epoch: 2,
        members: vec![member],
    };
    both("control_private", &FromDaemon::ok(1, Reply::Private(info)));
}

fn name(text: &str) -> NodeName {
    text.parse().unwrap()
}

#[test]
fn beacons() {
    let beacon = Beacon { port: 7117, nonce: [0x5a; 16] };
    let key = BeaconKey::new(&NetworkId::OPEN);
    same("beacon", &key.seal(&beacon));
    assert_eq!(key.open(&golden("beacon")), Ok(beacon));
}

#[test]
fn control_events() {
    let message = control::Message {
        cursor: 9,
        id: MessageId([5; 32]),
        room: RoomName::lobby(),
        author: "ann".parse().unwrap(),
        node: NODE,
        node_name: "pi-3".parse().unwrap(),
        boot: 7,
        seq: 42,
        kind: MessageKind::Text,
        text: "hi".parse().unwrap(),
        wall_ms: 1_700_000_000_000,
        age_ms: 15,
        late: false,
        caught_up: true,
        own: false,
        via: None,
    };
    both("event_message", &FromDaemon::event(1, Event::Message(message)));
    both(
        "event_person",
        &FromDaemon::event(
            1,
            Event::Person(PersonChange {
                name: "ann".parse().unwrap(),
                node: NODE,
                node_name: "pi-3".parse().unwrap(),
                state: PersonStatus::Unreachable,
                was: Some(PersonStatus::Online),
                note: String::new(),
            }),
        ),
    );
    both(
        "event_node",
        &FromDaemon::event(
            1,
            Event::Node(NodeChange {
                node: NODE,
                name: "pi-3".parse().unwrap(),
                state: NodeState::Left,
            }),
        ),
    );
    let missed = Missed { messages: 214, changes: 2, cursor: 9, why: MissedWhy::Slow };
    both("event_missed", &FromDaemon::event(1, Event::Missed(missed)));
    let node_name = "pi-3".parse().unwrap();
    let gone = Gone { node: NODE, node_name, count: 214, before_start: false, refused: false };
    both("event_gone", &FromDaemon::event(1, Event::Gone(gone)));
    both("event_caught_up", &FromDaemon::event(1, Event::CaughtUp { cursor: 9 }));
}

#[test]
fn durable_cursors() {
    let name = || "backup".to_owned();
    let tail = Request::Tail {
        room: None,
        start: Start::Now,
        follow: true,
        presence: false,
        dm: Dm::No,
        cursor: Some(name()),
    };
    both("request_tail_cursor", &ToDaemon { id: 1, request: tail });
    let requests = [
        ("request_cursor_confirm", CursorRequest::Confirm { name: name(), upto: 70_000 }),
        ("request_cursor_list", CursorRequest::List {}),
        ("request_cursor_remove", CursorRequest::Remove { name: name() }),
    ];
    for (file, request) in requests {
        both(file, &ToDaemon { id: 1, request: Request::Cursor(request) });
    }
    let info = CursorInfo { name: name(), upto: 70_000, waiting: 3, active: true };
    both("control_cursors", &FromDaemon::ok(1, Reply::Cursors(vec![info])));
    let missed = Missed { messages: 3, changes: 0, cursor: 9, why: MissedWhy::Restart };
    both("event_missed_restart", &FromDaemon::event(1, Event::Missed(missed)));
}

#[test]
fn the_log() {
    let ask = |name: &str, request| {
        both(name, &ToDaemon { id: 3, request: Request::Log(request) });
    };
    let filter = "info,meshchatd::link=trace".to_owned();
    ask("request_log_show", LogRequest::Show {});
    ask("request_log_set", LogRequest::Set { filter: filter.clone(), for_ms: Some(600_000) });
    ask("request_log_reset", LogRequest::Reset {});
    let wish = Some(filter.clone());
    ask("request_log_follow", LogRequest::Follow { filter: wish, lines: 50, follow: true });
    let level = LogLevel { filter, configured: "info".into(), reverts_ms: Some(599_000) };
    both("control_log_level", &FromDaemon::ok(3, Reply::LogLevel(level)));
    let line = LogLine {
        wall_ms: 1_700_000_000_000,
        level: LogGrade::Warn,
        module: "meshchatd::hub::outputs".into(),
        text: "two machines use the key of pi-3".into(),
        fields: vec![("MESHCHAT_NODE".into(), NODE.to_string())],
        skipped: 7,
    };
    both("event_log", &FromDaemon::event(3, Event::Log(line)));
}

#[test]
fn shape_of_the_mesh() {
    both("request_graph", &ToDaemon { id: 1, request: Request::Graph {} });
    let node = |node, name: &str, via: Option<u32>| GraphNode {
        node,
        name: name.parse().unwrap(),
        state: if via.is_none() { NodeState::Here } else { NodeState::Reachable },
        since_ms: 1500,
        hops: Some(via.map_or(0, |_| 1)),
        via,
        cut: false,
    };
    let graph = Graph {
        nodes: vec![node(NODE, "pi-3", None), node(OTHER, "pi-4", Some(0))],
        links: vec![GraphLink { a: 0, b: 1, both: true, cut: true }],
        left_out: 0,
    };
    both("control_graph", &FromDaemon::ok(1, Reply::Graph(graph)));
    let change = PartitionChange {
        state: PartitionState::Merged,
        reachable: 10,
        known: 11,
        missing: vec!["pi-9".parse().unwrap()],
        back: 7,
        theirs: 12,
        ours: 30,
    };
    both("event_partition", &FromDaemon::event(1, Event::Partition(change)));
}

#[test]
fn the_way_of_a_message() {
    let name = || "pi-3".parse().unwrap();
    let message = || "b21a0x".to_owned();
    let requests = [
        ("request_delivery_show", DeliveryRequest::Show { message: message() }),
        (
            "request_delivery_await",
            DeliveryRequest::Await {
                message: message(),
                wait: Wait::Reached(2),
                timeout_ms: 30_000,
            },
        ),
        ("request_delivery_trace", DeliveryRequest::Trace { message: message(), timeout_ms: 1000 }),
    ];
    for (file, request) in requests {
        both(file, &ToDaemon { id: 1, request: Request::Delivery(request) });
    }
    let info = DeliveryInfo {
        id: MessageId([5; 32]),
        room: RoomName::lobby(),
        author: "ann".parse().unwrap(),
        node: NODE,
        node_name: name(),
        age_ms: 1500,
        reached: 1,
        known: 2,
        nodes: vec![HolderInfo {
            node: OTHER,
            name: name(),
            state: DeliveryState::Behind,
            holds: false,
            since_ms: Some(40),
            via: Some(name()),
        }],
    };
    both("control_delivery", &FromDaemon::ok(1, Reply::Delivery(info)));
    let facts = TrailFacts {
        age_us: 1500,
        carrier: "quic".into(),
        caught_up: false,
        hops: 1,
        link_us: Some(400),
        copies: 1,
        passed: 2,
    };
    let hop =
        TrailHop { node: NODE, name: name(), told: Some(facts), after_us: Some(-3), give_us: 7 };
    let trail = TrailInfo {
        id: MessageId([5; 32]),
        seq: 42,
        late: false,
        hops: vec![hop],
        copies: vec![TrailCopy { node: OTHER, name: name(), after_us: 12 }],
        passed: vec![Hop { node: OTHER, name: name() }],
        complete: true,
    };
    both("control_trail", &FromDaemon::ok(1, Reply::Trail(trail)));
}

/// What an older daemon writes is read, without the fields that it does not know.
#[test]
fn nodes_of_older_daemons() {
    #[derive(Serialize)]
    struct Old {
        node: NodeId,
        name: &'static str,
        state: NodeState,
        hops: Option<u32>,
        via: Option<&'static str>,
        since_ms: u64,
        software: &'static str,
        links: u32,
        people: u32,
    }
    let old = encode(&Old {
        node: NODE,
        name: "pi-3",
        state: NodeState::Reachable,
        hops: Some(2),
        via: Some("pi-4"),
        since_ms: 1,
        software: "meshchatd 0.1.0",
        links: 1,
        people: 1,
    });
    let info = decode::<NodeInfo>(&old).unwrap();
    assert_eq!((info.hops, info.path), (Some(2), Vec::<Hop>::new()));
}

/// The value is written as these bytes, and these bytes are read as the value.
fn both<T: Serialize + DeserializeOwned + PartialEq + Debug>(name: &str, value: &T) {
    same(name, &encode(value));
    assert_eq!(&decode::<T>(&golden(name)).unwrap(), value, "{name} is read as something else");
}

fn same(name: &str, bytes: &[u8]) {
    let path = path(name);
    if !path.exists() && std::env::var_os("MESHCHAT_GOLDEN").is_some_and(|word| word == "new") {
        std::fs::write(&path, bytes).unwrap();
    }
    assert_eq!(golden(name), bytes, "{name} is written in another way");
}

fn golden(name: &str) -> Vec<u8> {
    let path = path(name);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name)
}
