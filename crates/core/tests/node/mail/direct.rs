//! Direct messages between nodes: every state, and every way in which one may get lost.

use meshchat_core::Drop;
use meshchat_proto::codec;
use meshchat_proto::control::{DirectState, Dm, ErrorCode, Event, Reply, Request, Start};
use meshchat_proto::frame::{Frame, Kind};
use meshchat_proto::id::{LetterId, NetworkId, NodeId};
use meshchat_proto::message::{Batch, Body, Draft, MessageKind};
use meshchat_proto::sealed::{Content, NONCE, Receipt, Sealed, direct_context, direct_room};

use super::mesh::{ANN, EVE, Mesh, id, signed};

const DAY: u64 = 24 * 3600;
const HELLO: &str = "for you alone";

#[test]
fn a_letter_is_shown_to_one_person_and_read() {
    let mut mesh = Mesh::chain(3);
    mesh.look_away(2, ANN);
    let info = mesh.dm(0, ANN, "ann@pi-2", HELLO).unwrap();
    assert!(info.id.is_some());
    mesh.pass(5);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Delivered));
    mesh.read(2, ANN);
    mesh.pass(5);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Read));
    assert_eq!(mesh.changes(0, ANN), [DirectState::Delivered, DirectState::Read]);
    assert_eq!(mesh.letters(2, ANN), [HELLO]);
    assert_eq!(mesh.letters(0, ANN), [HELLO], "what one has written oneself");
    for (node, session) in [(0, EVE), (1, ANN), (1, EVE), (2, EVE)] {
        assert!(mesh.letters(node, session).is_empty(), "{session} on node {node}");
        assert!(mesh.words(node, session).is_empty(), "{session} on node {node}");
        assert!(mesh.changes(node, session).is_empty(), "{session} on node {node}");
        assert!(mesh.directs(node, session).is_empty(), "{session} on node {node}");
    }
    let plain = |frame: &Vec<u8>| frame.windows(HELLO.len()).any(|part| part == HELLO.as_bytes());
    assert!(!mesh.frames.iter().any(plain));
    let Reply::Rooms(rooms) = mesh.ask(1, ANN, Request::Rooms {}).unwrap() else { panic!() };
    assert_eq!(rooms.iter().map(|room| room.room.as_str()).collect::<Vec<_>>(), ["#lobby"]);
}

#[test]
fn streams_without_direct_messages_get_none_and_do_not_count_as_reading() {
    let mut mesh = Mesh::chain(2);
    mesh.look_away(1, ANN);
    let (start, follow, presence) = (Start::Last(9), true, false);
    for (session, dm) in [(ANN, Dm::No), (EVE, Dm::Only)] {
        let tail = Request::Tail { room: None, start, follow, presence, dm, cursor: None };
        mesh.ask(1, session, tail).unwrap();
    }
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    mesh.say(0, ANN, "#lobby", "for all");
    mesh.pass(5);
    assert_eq!(mesh.letters(1, ANN), [""; 0]);
    assert_eq!(mesh.words(1, ANN), ["#lobby ann: for all"]);
    assert_eq!(mesh.words(1, EVE).len(), 1, "only the stream of all, not that of letters");
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Delivered));
}

#[test]
fn a_letter_within_a_node_arrives_at_once() {
    let mut mesh = Mesh::chain(1);
    let info = mesh.dm(0, ANN, "eve", HELLO).unwrap();
    assert_eq!(info.state, DirectState::Read);
    assert_eq!(
        (mesh.letters(0, EVE), mesh.letters(0, ANN)),
        (vec![HELLO.into()], vec![HELLO.into()])
    );
    let own = |(at, event): &(u32, Event)| match event {
        Event::Direct(direct) => Some((*at, direct.own)),
        _ => None,
    };
    let mut owners: Vec<_> = mesh.events[0].iter().filter_map(own).collect();
    owners.sort_unstable();
    assert_eq!(owners, [(ANN, true), (EVE, false)]);
}

#[test]
fn who_is_meant_must_be_clear() {
    let mut mesh = Mesh::chain(3);
    let code = |error: Result<_, meshchat_proto::control::Error>| error.unwrap_err().code;
    assert_eq!(code(mesh.dm(0, ANN, "ann", HELLO)), ErrorCode::Ambiguous);
    assert_eq!(code(mesh.dm(0, ANN, "bob", HELLO)), ErrorCode::NotFound);
    assert_eq!(code(mesh.dm(0, ANN, "ann@pi-9", HELLO)), ErrorCode::NotFound);
    assert_eq!(code(mesh.dm(0, ANN, "bob@pi-1", HELLO)), ErrorCode::NotFound);
    let nick = Request::Nick { name: "Zoë Lee".into() };
    mesh.ask(2, EVE, nick).unwrap();
    mesh.pass(2);
    assert_eq!(mesh.dm(0, ANN, "Zoë Lee", HELLO).unwrap().to_node, id(2));
    assert!(mesh.frames.iter().all(|frame| !String::from_utf8_lossy(frame).contains(HELLO)));
}

#[test]
fn whoever_takes_over_a_name_reads_no_old_letters() {
    let mut mesh = Mesh::chain(2);
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    mesh.pass(5);
    mesh.ask(1, ANN, Request::Nick { name: "bob".into() }).unwrap();
    mesh.ask(1, EVE, Request::Nick { name: "ann".into() }).unwrap();
    mesh.stop(1);
    mesh.start(1);
    mesh.link(0, 1);
    mesh.pass(10);
    assert!(mesh.letters(1, EVE).is_empty());
    assert_eq!(mesh.letters(1, ANN), [HELLO, HELLO], "again after the restart");
}

#[test]
fn a_letter_waits_for_a_recipient_who_is_away_for_a_day() {
    let mut mesh = Mesh::chain(2);
    mesh.stop(1);
    mesh.pass(20);
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    mesh.pass(DAY);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Queued));
    mesh.start(1);
    mesh.link(0, 1);
    mesh.pass(10);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Read));
    assert_eq!(mesh.letters(1, ANN), [HELLO]);
}

#[test]
fn a_relay_keeps_a_letter_while_its_author_is_off() {
    let mut mesh = Mesh::chain(3);
    mesh.stop(2);
    mesh.pass(20);
    mesh.dm(0, ANN, "ann@pi-2", HELLO).unwrap();
    mesh.pass(3);
    mesh.stop(0);
    mesh.pass(60);
    mesh.start(2);
    mesh.link(1, 2);
    mesh.pass(10);
    assert_eq!(mesh.letters(2, ANN), [HELLO]);
    mesh.start(0);
    mesh.link(0, 1);
    mesh.pass(10);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Read), "the receipt waited, too");
}

#[test]
fn a_letter_survives_a_restart_of_the_only_node_that_has_it() {
    let mut mesh = Mesh::chain(2);
    mesh.stop(1);
    mesh.pass(20);
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    mesh.pass(3);
    mesh.stop(0);
    mesh.start(0);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Queued));
    mesh.start(1);
    mesh.link(0, 1);
    mesh.pass(20);
    assert_eq!(mesh.letters(1, ANN), [HELLO]);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Read));
}

#[test]
fn a_letter_that_history_lost_is_sent_again() {
    let mut mesh = Mesh::chain(2);
    mesh.stop(1);
    mesh.pass(20);
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    for number in 0..1300 {
        mesh.say(0, EVE, "#lobby", &format!("line {number}"));
    }
    mesh.start(1);
    mesh.link(0, 1);
    mesh.pass(3);
    assert!(mesh.letters(1, ANN).is_empty(), "it is in nobody's history");
    mesh.pass(10);
    assert_eq!(mesh.letters(1, ANN), [HELLO]);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Read));
}

#[test]
fn a_lost_receipt_is_asked_for_by_sending_again_and_nothing_is_shown_twice() {
    let mut mesh = Mesh::chain(2).without_history(1);
    mesh.mute = Some(1);
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    mesh.mute = None;
    mesh.pass(30);
    assert_eq!(mesh.letters(1, ANN), [HELLO]);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Queued));
    mesh.pass(60);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Read));
    assert_eq!(mesh.letters(1, ANN), [HELLO]);
    assert_eq!(mesh.letters(0, ANN), [HELLO]);
}

#[test]
fn a_letter_expires_after_a_week_of_running_time_even_over_restarts() {
    let mut mesh = Mesh::chain(2);
    mesh.stop(1);
    mesh.pass(20);
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    for _ in 0..3 {
        mesh.pass(2 * DAY);
        mesh.stop(0);
        mesh.start(0);
    }
    mesh.pass(DAY - 4 * 3600);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Queued));
    mesh.pass(8 * 3600);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Expired));
    assert_eq!(mesh.changes(0, ANN), [DirectState::Expired]);
    mesh.start(1);
    mesh.link(0, 1);
    mesh.pass(120);
    assert!(mesh.letters(1, ANN).is_empty());
}

#[test]
fn a_letter_to_somebody_who_has_left_the_node_is_refused() {
    let mut mesh = Mesh::chain(2);
    mesh.cut(0, 1);
    mesh.ask(1, ANN, Request::Nick { name: "bob".into() }).unwrap();
    mesh.dm(0, ANN, "ann@pi-1", HELLO).unwrap();
    mesh.link(0, 1);
    mesh.pass(10);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Refused));
    assert!(mesh.letters(1, ANN).is_empty() && mesh.letters(1, EVE).is_empty());
}

#[test]
fn receipts_count_only_from_the_recipient() {
    let mut mesh = Mesh::chain(3);
    mesh.stop(2);
    mesh.pass(20);
    let letter = mesh.dm(0, ANN, "ann@pi-2", HELLO).unwrap().letter;
    let receipt = |from| receipt(from, id(0), letter);
    mesh.inject(0, &signed(id(1), &receipt(id(1)), 1));
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Queued));
    mesh.inject(0, &signed(id(2), &receipt(id(2)), 1));
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Read));
}

#[test]
fn what_somebody_else_sealed_cannot_be_sent_on_as_ones_own() {
    let mut mesh = Mesh::chain(3);
    mesh.dm(0, ANN, "ann@pi-2", HELLO).unwrap();
    mesh.pass(3);
    let frames = mesh.frames.clone();
    let stolen = frames.iter().find_map(|frame| sealed_in(frame, id(0))).unwrap();
    assert_eq!(stolen.to, Some(id(2)));
    mesh.inject(2, &signed(id(1), &Draft::of_sealed(direct_room(), stolen.clone()), 1));
    let dropped = |mesh: &mut Mesh| mesh.node(2).counters().dropped(Drop::Unopened);
    assert_eq!(dropped(&mut mesh), 1);
    let mut altered = stolen.clone();
    altered.lock[NONCE + 40] ^= 1;
    mesh.inject(2, &signed(id(0), &Draft::of_sealed(direct_room(), altered), 1));
    assert_eq!(dropped(&mut mesh), 2);
    mesh.inject(2, &signed(id(0), &Draft::of_sealed(direct_room(), stolen), 2));
    assert_eq!(dropped(&mut mesh), 2, "a repetition by its author is no forgery");
    assert_eq!(mesh.letters(2, ANN), [HELLO]);
}

#[test]
fn sealed_messages_that_say_nothing_are_passed_on_and_not_shown() {
    let mut mesh = Mesh::chain(3);
    let empty = Draft {
        author: "ann".parse().unwrap(),
        room: "#lobby".parse().unwrap(),
        kind: MessageKind::Sealed,
        text: "look here".parse().unwrap(),
        seen: Vec::new(),
        wall: 0,
        sealed: None,
        via: None,
    };
    mesh.inject(0, &signed(NodeId([99; 32]), &empty, 1));
    let open = Draft { kind: MessageKind::Text, room: direct_room(), ..empty };
    mesh.inject(0, &signed(NodeId([99; 32]), &open, 2));
    mesh.pass(3);
    for node in 0..3 {
        assert!(mesh.words(node, ANN).is_empty() && mesh.letters(node, ANN).is_empty());
        assert_eq!(mesh.node(node).counters().received, 2, "node {node}");
    }
}

fn receipt(from: NodeId, to: NodeId, letter: LetterId) -> Draft {
    let context = direct_context(&NetworkId::OPEN, &from, &to);
    let content = Content::Receipt(Receipt { read: vec![letter], ..Receipt::default() });
    let (key, nonce) = ([8; 32], [0; NONCE]);
    let locked = crate::stand_in::lock(&key, &nonce, &context, &content.pad());
    let sealed = Sealed {
        to: Some(to),
        keys: vec![crate::stand_in::seal(&to, &context, &key).into()],
        key: None,
        lock: [&nonce[..], &locked].concat().into(),
    };
    Draft::of_sealed(direct_room(), sealed)
}

/// The sealed part of a chat frame with a direct message of a node.
fn sealed_in(bytes: &[u8], from: NodeId) -> Option<Sealed> {
    let frame = Frame::parse(bytes::Bytes::copy_from_slice(&bytes[4..])).ok()?;
    if frame.kind != Kind::Chat {
        return None;
    }
    let batch: Batch<'_> = codec::decode(&frame.body).ok()?;
    let body = batch.msgs.iter().find_map(|bytes| {
        Body::parse(bytes).ok().filter(|body| body.node == from && body.lock.is_some())
    })?;
    Some(Sealed {
        to: body.to,
        keys: body.keys.iter().map(|key| key.to_vec().into()).collect(),
        key: body.key,
        lock: body.lock?.to_vec().into(),
    })
}
