//! What members and strangers may try with sealed messages.

use meshchat_core::{Goal, Input};
use meshchat_proto::control::{DirectState, ErrorCode, NamesRequest, PrivateRequest, Request};
use meshchat_proto::id::{NodeId, RoomId};
use meshchat_proto::message::MessageKind;
use meshchat_proto::sealed::{Content, Grant, Member, Members, Say, next_key};

use super::mesh::{ANN, EVE, Mesh, id, signed};
use super::rooms::{Rooms, disk, family, in_room, said, to_node};

const ROOM: &str = "#~family";

fn grant(room: u8, epoch: u64) -> Content {
    Content::Grant(Grant {
        room: RoomId([room; 16]),
        name: format!("#~evil{room}").parse().unwrap(),
        key: [room; 32],
        epoch,
        people: vec!["ann".parse().unwrap()],
        by: "mallory".parse().unwrap(),
    })
}

#[test]
fn a_member_who_is_put_out_cannot_keep_others_on_its_keys() {
    let mut mesh = family(4);
    let (room, keys) = disk(&mesh, 1);
    mesh.cut(1, 2);
    mesh.pass(20);
    mesh.remove(0, "ann@pi-1").unwrap();
    mesh.pass(3);
    // Before the others hear of it, it goes on to a key that it can make by itself.
    let mut key = keys[0];
    for seq in 1..=5 {
        key = next_key(&key);
        let (kind, text) = (MessageKind::Text, "follow me".parse().unwrap());
        let from = "ann".parse().unwrap();
        let say = Content::Say(Say { from, kind, text, wall: 0 });
        mesh.inject(2, &signed(id(1), &in_room(id(1), room, &key, &say), seq));
    }
    mesh.pass(3);
    mesh.link(1, 2);
    mesh.pass(10);
    mesh.say(3, ANN, ROOM, "without it");
    mesh.say(0, ANN, ROOM, "indeed");
    mesh.pass(3);
    for node in [0, 2, 3] {
        let words = said(&mesh, node, ANN);
        assert!(words.contains(&"without it".into()), "node {node}: {words:?}");
        assert!(words.contains(&"indeed".into()), "node {node}: {words:?}");
    }
    let [owner, member] = [0, 3].map(|node| disk(&mesh, node).1[0]);
    assert_eq!(owner, member);
    for _ in 0..100 {
        key = next_key(&key);
        assert_ne!(key, owner, "the room is on a key that the removed member can make");
    }
}

#[test]
fn absurd_epochs_and_versions_stop_nothing() {
    let mut mesh = Mesh::chain(2);
    let evil = NodeId([0xee; 32]);
    mesh.inject(1, &signed(evil, &to_node(evil, id(1), &grant(1, u64::MAX)), 1));
    assert!(mesh.private(1, ANN, PrivateRequest::Members { room: "#~evil1".into() }).is_err());
    mesh.inject(1, &signed(evil, &to_node(evil, id(1), &grant(2, 1 << 31)), 2));
    let list = |version, owner| {
        let member = |node| Member { node, person: "ann".parse().unwrap(), since: 0 };
        let members = vec![member(id(1)), member(evil)];
        let (part, parts, epoch) = (0, 1, u64::MAX);
        Content::Members(Members { version, epoch, owner, part, parts, members })
    };
    let room = RoomId([2; 16]);
    for (seq, version, owner) in [(3, u64::MAX, id(1)), (4, 1 << 31, id(1))] {
        mesh.inject(1, &signed(evil, &in_room(evil, room, &[2; 32], &list(version, owner)), seq));
    }
    // It is the owner now, and has a fresh key for it.
    mesh.pass(3);
    let room = "#~evil2".to_owned();
    mesh.private(1, ANN, PrivateRequest::Invite { room, person: "eve@pi-0".into() }).unwrap();
    mesh.say(1, ANN, "#~evil2", "mine");
    mesh.pass(3);
    assert_eq!(said(&mesh, 0, EVE), ["mine"]);
}

#[test]
fn invitations_of_one_node_leave_room_for_others() {
    let mut mesh = Mesh::chain(2);
    let evil = NodeId([0xee; 32]);
    for room in 1..100 {
        mesh.inject(1, &signed(evil, &to_node(evil, id(1), &grant(room, 1)), room.into()));
    }
    mesh.pass(3);
    mesh.private(1, EVE, PrivateRequest::Create { room: "own".into() }).unwrap();
    mesh.create(0);
    mesh.invite(0, "ann@pi-1").unwrap();
    mesh.say(0, ANN, ROOM, "hello");
    mesh.pass(3);
    assert_eq!(said(&mesh, 1, ANN), ["hello"]);
}

#[test]
fn who_is_blocked_is_refused_and_not_shown_to_that_user_alone() {
    let mut mesh = Mesh::chain(2);
    let mute = |block| NamesRequest::Mute { who: "ann@pi-0".into(), block };
    mesh.ask(1, EVE, Request::Names(mute(true))).unwrap();
    mesh.dm(0, ANN, "eve@pi-1", "take this").unwrap();
    mesh.pass(5);
    assert_eq!(mesh.state(0, ANN), Some(DirectState::Refused));
    mesh.dm(0, ANN, "ann@pi-1", "and you this").unwrap();
    mesh.dm(0, EVE, "eve@pi-1", "from somebody else").unwrap();
    mesh.pass(5);
    assert_eq!(mesh.letters(1, EVE), ["from somebody else"]);
    assert_eq!(mesh.letters(1, ANN), ["and you this"]);
    mesh.create(0);
    mesh.invite(0, "eve@pi-1").unwrap();
    mesh.pass(3);
    let info = mesh.private(1, EVE, PrivateRequest::Members { room: ROOM.into() });
    assert_eq!(info.unwrap_err().code, ErrorCode::NotFound, "an invitation of the blocked");
}

#[test]
fn nothing_is_sealed_to_another_key_under_a_verified_name() {
    let mut mesh = Mesh::chain(3);
    let verify = |node: &str, yes, accept| {
        Request::Names(NamesRequest::Verify { node: node.into(), yes, accept })
    };
    mesh.ask(0, ANN, verify("pi-2", true, false)).unwrap();
    mesh.stop(2);
    mesh.pass(60);
    let now = mesh.now;
    let (admit, goal) = (meshchat_core::Admit::Neighbours, Goal { least: 0, most: 0 });
    let name = "pi-2".parse().unwrap();
    mesh.node(1).handle(now, Input::Reconfigure { name, admit, rate: None, goal });
    mesh.pass(5);
    let thief = id(1).to_string();
    let to = format!("ann@{thief}");
    let error = mesh.dm(0, ANN, &to, "secret").unwrap_err();
    assert_eq!(error.code, ErrorCode::Denied, "{error:?}");
    assert!(error.hint.contains("verify"), "{error:?}");
    mesh.create(0);
    assert_eq!(mesh.invite(0, &to).unwrap_err().code, ErrorCode::Denied);
    mesh.ask(0, ANN, verify(&thief, false, true)).unwrap();
    mesh.dm(0, ANN, &to, "accepted").unwrap();
    mesh.pass(5);
    assert_eq!(mesh.letters(1, ANN), ["accepted"]);
}
