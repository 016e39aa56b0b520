//! Private rooms: who can read what, from when on, and whose word counts.

use meshchat_proto::codec;
use meshchat_proto::control::{
    Error, ErrorCode, PrivateInfo, PrivateRequest, Reply, Request, RoomInfo,
};
use meshchat_proto::frame::{Frame, Kind};
use meshchat_proto::id::{KeyId, NetworkId, NodeId, RoomId};
use meshchat_proto::message::{Batch, Body, Draft};
use meshchat_proto::sealed::{
    Content, Grant, Member, Members, NONCE, Sealed, direct_context, direct_room, outer_room,
    room_context,
};
use serde::Deserialize;

use super::mesh::{ANN, EVE, Mesh, id, signed};

const ROOM: &str = "#~family";

pub(crate) trait Rooms {
    fn private(
        &mut self,
        node: usize,
        session: u32,
        request: PrivateRequest,
    ) -> Result<Reply, Error>;

    fn create(&mut self, node: usize) {
        let room = "family".into();
        self.private(node, ANN, PrivateRequest::Create { room }).unwrap();
    }

    fn invite(&mut self, node: usize, person: &str) -> Result<Reply, Error> {
        let (room, person) = (ROOM.into(), person.into());
        self.private(node, ANN, PrivateRequest::Invite { room, person })
    }

    fn remove(&mut self, node: usize, person: &str) -> Result<Reply, Error> {
        let (room, person) = (ROOM.into(), person.into());
        self.private(node, ANN, PrivateRequest::Remove { room, person })
    }

    fn leave(&mut self, node: usize, session: u32) {
        let room = ROOM.into();
        self.private(node, session, PrivateRequest::Leave { room }).unwrap();
    }

    fn info(&mut self, node: usize, session: u32) -> Option<PrivateInfo> {
        let room = ROOM.into();
        match self.private(node, session, PrivateRequest::Members { room }) {
            Ok(Reply::Private(info)) => Some(info),
            _ => None,
        }
    }

    fn members(&mut self, node: usize, session: u32) -> Vec<String> {
        let info = self.info(node, session);
        let members = info.map(|info| info.members).unwrap_or_default();
        members.iter().map(|m| format!("{}@{}", m.person, m.node_name)).collect()
    }
}

impl Rooms for Mesh {
    fn private(
        &mut self,
        node: usize,
        session: u32,
        request: PrivateRequest,
    ) -> Result<Reply, Error> {
        self.ask(node, session, Request::Private(request))
    }
}

/// What was said in the room, without remarks about it.
pub(crate) fn said(mesh: &Mesh, node: usize, session: u32) -> Vec<String> {
    let words = mesh.words(node, session);
    let talk =
        |line: &String| !["invited", "removed", "left"].iter().any(|word| line.contains(word));
    words.into_iter().filter(talk).map(|line| line.split(": ").last().unwrap().into()).collect()
}

/// A room of node 0 with ann of the nodes 0 to `count` - 1.
pub(crate) fn family(count: usize) -> Mesh {
    let mut mesh = Mesh::chain(count);
    mesh.create(0);
    for node in 1..count {
        mesh.invite(0, &format!("ann@pi-{node}")).unwrap();
    }
    mesh.pass(3);
    mesh
}

#[test]
fn members_talk_and_nobody_else_sees_anything() {
    let mut mesh = Mesh::chain(3);
    mesh.create(0);
    mesh.invite(0, "ann@pi-2").unwrap();
    mesh.pass(3);
    mesh.say(0, ANN, ROOM, "dinner at eight");
    mesh.say(2, ANN, ROOM, "fine with me");
    mesh.pass(3);
    for node in [0, 2] {
        assert_eq!(said(&mesh, node, ANN), ["dinner at eight", "fine with me"], "node {node}");
        assert_eq!(mesh.members(node, ANN), ["ann@pi-0", "ann@pi-2"]);
    }
    assert!(mesh.words(2, ANN)[0].contains("invited ann@pi-2"), "{:?}", mesh.words(2, ANN));
    for (node, session) in [(0, EVE), (1, ANN), (1, EVE), (2, EVE)] {
        assert!(mesh.words(node, session).is_empty(), "{session} on node {node}");
        assert!(mesh.info(node, session).is_none());
    }
    let rooms = |mesh: &mut Mesh, node, session| -> Vec<RoomInfo> {
        match mesh.ask(node, session, Request::Rooms {}).unwrap() {
            Reply::Rooms(rooms) => {
                rooms.into_iter().filter(|r| r.room.as_str() != "#lobby").collect()
            }
            other => panic!("{other:?}"),
        }
    };
    let own = rooms(&mut mesh, 2, ANN);
    assert_eq!((own[0].room.as_str(), own[0].private, own[0].people), (ROOM, true, 2));
    assert!(own[0].joined && own[0].messages == 3, "{own:?}");
    assert!(rooms(&mut mesh, 2, EVE).is_empty() && rooms(&mut mesh, 1, ANN).is_empty());
    for words in ["dinner at eight", "family"] {
        let plain = |frame: &Vec<u8>| String::from_utf8_lossy(frame).contains(words);
        assert!(!mesh.frames.iter().any(plain), "{words}");
    }
}

#[test]
fn nothing_goes_out_in_plain_to_a_room_that_one_is_not_in() {
    let mut mesh = family(2);
    let send = |room: &str| Request::Send {
        room: Some(room.into()),
        text: "x".into(),
        kind: meshchat_proto::message::MessageKind::Text,
    };
    let code = |result: Result<Reply, Error>| result.unwrap_err().code;
    assert_eq!(code(mesh.ask(0, EVE, send(ROOM))), ErrorCode::NotFound);
    assert_eq!(code(mesh.ask(0, ANN, send("#~other"))), ErrorCode::NotFound);
    assert_eq!(code(mesh.ask(0, EVE, Request::Join { room: ROOM.into() })), ErrorCode::Denied);
    mesh.leave(1, ANN);
    assert_eq!(code(mesh.ask(1, ANN, send(ROOM))), ErrorCode::NotFound);
}

#[test]
fn a_late_joiner_reads_from_the_invitation_on() {
    let mut mesh = family(2);
    mesh.say(0, ANN, ROOM, "before");
    mesh.pass(3);
    mesh.invite(0, "eve@pi-1").unwrap();
    mesh.say(1, ANN, ROOM, "after");
    mesh.pass(3);
    assert_eq!(said(&mesh, 1, EVE), ["after"], "on a node that has the older key");
    assert_eq!(said(&mesh, 1, ANN), ["before", "after"]);
    mesh.stop(1);
    mesh.start(1);
    mesh.link(0, 1);
    mesh.pass(10);
    assert_eq!(said(&mesh, 1, EVE), ["after", "after"], "nor after a restart");
}

#[test]
fn a_new_node_cannot_make_the_older_keys() {
    let mut mesh = Mesh::chain(3);
    mesh.create(0);
    mesh.invite(0, "ann@pi-1").unwrap();
    mesh.pass(3);
    mesh.say(0, ANN, ROOM, "before");
    mesh.invite(0, "ann@pi-2").unwrap();
    mesh.say(1, ANN, ROOM, "after");
    mesh.pass(3);
    assert_eq!(said(&mesh, 2, ANN), ["after"]);
    let keys = |mesh: &Mesh, node| disk(mesh, node).1;
    let (old, new) = (keys(&mesh, 0), keys(&mesh, 2));
    assert_eq!(new.len(), 1);
    assert_eq!(old[0], new[0]);
    assert_eq!(old.len(), 3);
}

#[test]
fn who_leaves_or_is_removed_reads_nothing_more() {
    for removed in [false, true] {
        let mut mesh = family(3);
        mesh.say(0, ANN, ROOM, "one");
        mesh.pass(3);
        let before = disk(&mesh, 2).1;
        if removed {
            mesh.remove(0, "ann@pi-2").unwrap();
        } else {
            mesh.leave(2, ANN);
        }
        mesh.pass(3);
        mesh.say(1, ANN, ROOM, "two");
        mesh.pass(3);
        assert_eq!(said(&mesh, 2, ANN), ["one"], "removed: {removed}");
        assert_eq!(said(&mesh, 0, ANN), ["one", "two"]);
        assert_eq!(mesh.members(1, ANN), ["ann@pi-0", "ann@pi-1"]);
        assert!(mesh.info(2, ANN).is_none());
        let newest = disk(&mesh, 0).1[0];
        let mut made = before[0];
        for _ in 0..100 {
            made = meshchat_proto::sealed::next_key(&made);
            assert_ne!(made, newest, "the key was renewed, not moved on");
        }
        mesh.stop(2);
        mesh.start(2);
        mesh.link(1, 2);
        mesh.pass(10);
        assert!(mesh.info(2, ANN).is_none(), "old keys do not lead back into the room");
        mesh.invite(0, "ann@pi-2").unwrap();
        mesh.say(1, ANN, ROOM, "three");
        mesh.pass(3);
        assert_eq!(said(&mesh, 2, ANN).last().unwrap(), "three");
    }
}

#[test]
fn a_message_that_comes_before_its_key_is_shown_once_the_key_comes() {
    let mut mesh = family(4);
    mesh.cut(1, 2);
    mesh.pass(20);
    mesh.remove(0, "ann@pi-3").unwrap();
    mesh.pass(3);
    let from = mesh.frames.len();
    mesh.say(1, ANN, ROOM, "early");
    let early = mesh.frames[from..].iter().find(|frame| is_chat_of(frame, id(1))).unwrap().clone();
    mesh.inject(2, &early);
    mesh.pass(3);
    assert!(said(&mesh, 2, ANN).is_empty());
    mesh.link(1, 2);
    mesh.pass(10);
    assert_eq!(said(&mesh, 2, ANN), ["early"]);
    assert!(said(&mesh, 3, ANN).is_empty());
}

#[test]
fn a_member_who_was_away_gets_all_keys_by_catch_up() {
    let mut mesh = family(3);
    mesh.stop(2);
    mesh.pass(20);
    mesh.say(1, ANN, ROOM, "one");
    mesh.invite(0, "eve@pi-1").unwrap();
    mesh.say(1, ANN, ROOM, "two");
    mesh.pass(3);
    mesh.remove(0, "eve@pi-1").unwrap();
    mesh.pass(3);
    mesh.say(1, ANN, ROOM, "three");
    mesh.start(2);
    mesh.link(1, 2);
    mesh.pass(10);
    let mut all = said(&mesh, 2, ANN);
    all.sort_unstable();
    assert_eq!(all, ["one", "three", "two"]);
    assert_eq!(mesh.members(2, ANN), ["ann@pi-0", "ann@pi-1", "ann@pi-2"]);
}

#[test]
fn the_next_member_takes_over_when_the_owner_leaves() {
    let mut mesh = family(3);
    assert_eq!(mesh.invite(1, "eve@pi-1").unwrap_err().code, ErrorCode::Denied);
    mesh.leave(0, ANN);
    mesh.pass(5);
    assert_eq!(mesh.members(2, ANN), ["ann@pi-1", "ann@pi-2"]);
    assert_eq!(mesh.info(2, ANN).unwrap().owner, id(1));
    mesh.invite(1, "eve@pi-2").unwrap();
    mesh.pass(3);
    mesh.say(2, ANN, ROOM, "without you");
    mesh.pass(3);
    for (node, session) in [(1, ANN), (2, ANN), (2, EVE)] {
        assert_eq!(said(&mesh, node, session), ["without you"]);
    }
    assert!(said(&mesh, 0, ANN).is_empty());
}

#[test]
fn a_node_that_is_removed_from_the_network_loses_its_rooms() {
    let mut mesh = family(3);
    for node in [1, 2] {
        let now = mesh.now;
        mesh.node(node).expel(now, &id(0));
    }
    mesh.pass(5);
    assert_eq!(mesh.info(2, ANN).unwrap().owner, id(1));
    mesh.say(2, ANN, ROOM, "among us");
    mesh.pass(3);
    assert_eq!(said(&mesh, 1, ANN), ["among us"]);
    assert!(said(&mesh, 0, ANN).is_empty());
}

#[test]
fn only_the_owner_is_believed() {
    let mut mesh = family(3);
    mesh.say(0, ANN, ROOM, "one");
    mesh.pass(3);
    let (room, keys) = disk(&mesh, 2);
    let epoch = mesh.info(2, ANN).unwrap().epoch;
    // A member's node that wants to be the owner, and a stranger.
    for (seq, forger) in (1..).zip([id(1), NodeId([99; 32])]) {
        let members = vec![Member { node: forger, person: "ann".parse().unwrap(), since: 0 }];
        let (version, owner, part, parts) = (99, forger, 0, 1);
        let list = Members { version, epoch, owner, part, parts, members };
        let draft = in_room(forger, room, &keys[0], &Content::Members(list));
        mesh.inject(2, &signed(forger, &draft, seq * 2));
        let grant = Grant {
            room,
            name: ROOM.parse().unwrap(),
            key: [1; 32],
            epoch: epoch + 9,
            people: vec!["ann".parse().unwrap(), "eve".parse().unwrap()],
            by: "ann".parse().unwrap(),
        };
        let draft = to_node(forger, id(2), &Content::Grant(grant));
        mesh.inject(2, &signed(forger, &draft, seq * 2 + 1));
    }
    mesh.pass(3);
    assert_eq!(mesh.members(2, ANN).len(), 3);
    assert_eq!(mesh.info(2, ANN).unwrap().epoch, epoch);
    assert!(mesh.info(2, EVE).is_none());
    let say = |from: &str| {
        let (kind, text) = (meshchat_proto::message::MessageKind::Text, "forged".parse().unwrap());
        Content::Say(meshchat_proto::sealed::Say {
            from: from.parse().unwrap(),
            kind,
            text,
            wall: 0,
        })
    };
    let stranger = NodeId([98; 32]);
    mesh.inject(2, &signed(stranger, &in_room(stranger, room, &keys[0], &say("ann")), 1));
    assert_eq!(said(&mesh, 2, ANN), ["one"], "a key without membership shows nothing");
}

#[test]
fn rooms_survive_a_restart_of_everybody() {
    let mut mesh = family(2);
    for node in [0, 1] {
        mesh.stop(node);
        mesh.start(node);
    }
    mesh.link(0, 1);
    mesh.pass(5);
    mesh.say(1, ANN, ROOM, "still here");
    mesh.pass(3);
    assert_eq!(said(&mesh, 0, ANN), ["still here"]);
    mesh.invite(0, "eve@pi-1").unwrap();
}

#[test]
fn rooms_are_bounded_and_do_not_share_a_name() {
    let mut mesh = Mesh::chain(2);
    mesh.create(0);
    mesh.create(1);
    let again = mesh.private(0, EVE, PrivateRequest::Create { room: "Family".into() });
    assert_eq!(again.unwrap_err().code, ErrorCode::NameTaken);
    mesh.invite(0, "ann@pi-1").unwrap();
    mesh.pass(3);
    let Reply::Rooms(rooms) = mesh.ask(1, ANN, Request::Rooms {}).unwrap() else { panic!() };
    let private: Vec<_> = rooms.iter().filter(|r| r.private).map(|r| r.room.as_str()).collect();
    assert_eq!(private.len(), 2);
    assert!(private.iter().any(|name| name.starts_with("#~family~")), "{private:?}");
    let made = (0..100).map(|n| PrivateRequest::Create { room: format!("r{n}") });
    let made = made.map(|request| mesh.private(0, ANN, request)).take_while(Result::is_ok).count();
    assert!((10..100).contains(&made));
}

/// The room and its keys, the newest first, as a thief of the disk finds them.
pub(crate) fn disk(mesh: &Mesh, node: usize) -> (RoomId, Vec<[u8; 32]>) {
    #[derive(Deserialize)]
    struct Saved {
        rooms: Vec<SavedRoom>,
    }
    #[derive(Deserialize)]
    struct SavedRoom {
        id: RoomId,
        room: Room,
    }
    #[derive(Deserialize)]
    struct Room {
        keys: Vec<Key>,
    }
    #[derive(Deserialize)]
    struct Key {
        #[serde(with = "serde_bytes")]
        key: [u8; 32],
    }
    let saved: Saved = codec::decode(&mesh.rooms_on_disk(node)).unwrap();
    let room = &saved.rooms[0];
    (room.id, room.room.keys.iter().map(|key| key.key).collect())
}

pub(crate) fn in_room(from: NodeId, room: RoomId, key: &[u8; 32], content: &Content) -> Draft {
    let context = room_context(&NetworkId::OPEN, &from, &room);
    let nonce = [0; NONCE];
    let locked = crate::stand_in::lock(key, &nonce, &context, &content.pad());
    let lock = [&nonce[..], &locked].concat().into();
    let sealed = Sealed { to: None, keys: Vec::new(), key: Some(KeyId::of(key)), lock };
    Draft::of_sealed(outer_room(&room), sealed)
}

pub(crate) fn to_node(from: NodeId, to: NodeId, content: &Content) -> Draft {
    let context = direct_context(&NetworkId::OPEN, &from, &to);
    let (key, nonce) = ([8; 32], [0; NONCE]);
    let locked = crate::stand_in::lock(&key, &nonce, &context, &content.pad());
    let keys = vec![crate::stand_in::seal(&to, &context, &key).into()];
    let lock = [&nonce[..], &locked].concat().into();
    Draft::of_sealed(direct_room(), Sealed { to: Some(to), keys, key: None, lock })
}

fn is_chat_of(bytes: &[u8], node: NodeId) -> bool {
    let Ok(frame) = Frame::parse(bytes::Bytes::copy_from_slice(&bytes[4..])) else { return false };
    frame.kind == Kind::Chat
        && codec::decode::<Batch<'_>>(&frame.body)
            .is_ok_and(|batch| batch.msgs.iter().all(|b| Body::parse(b).unwrap().node == node))
}
