//! Where the person is, and what moves them.

use meshchat_client::RequestError;
use meshchat_client::proto::control::{
    self, DeliveryRequest, DirectInfo, DirectState, DmRequest, ErrorCode, Event, PersonStatus,
    Reply, Request,
};
use meshchat_client::proto::id::NodeId;

use super::behaviour::delivery;
use super::{Chat, person, room};
use crate::chat::model::delivery::ASKED;
use crate::chat::model::places::BYTES;
use crate::chat::seam::{Effect, Input};

fn open(chat: &Chat) -> String {
    chat.model.places.open().key()
}

#[test]
fn a_room_left_meanwhile_does_not_carry_the_line_elsewhere() {
    let mut chat = Chat::new(80, 24);
    chat.rooms.push(room("#~family", true));
    chat.pass(40);
    chat.line("/join #~family");
    chat.letters("the code is ");
    chat.rooms.pop();
    chat.pass(40);
    assert_eq!(open(&chat), "#~family");
    assert!(chat.shows("you are not in #~family any more"), "{}", chat.screen());
    chat.line("4711");
    assert_eq!(chat.sends(), []);
    assert_eq!(chat.model.editor.text(), "the code is 4711");
    assert!(chat.shows("not joined"), "{}", chat.screen());
    // It stays while something is written there.
    chat.line("/join #lobby");
    chat.control('u');
    chat.line("/join #lobby");
    chat.pass(40);
    assert_eq!(open(&chat), "#lobby");
    assert!(!chat.shows("#~family:"), "{}", chat.screen());
}

#[test]
fn a_room_left_elsewhere_goes_with_a_word() {
    let mut chat = Chat::new(80, 24);
    chat.rooms[1].joined = false;
    chat.pass(40);
    assert!(chat.shows("you are not in #fire any more"), "{}", chat.screen());
    assert!(chat.model.places.iter().all(|one| one.place.key() != "#fire"));
}

#[test]
fn what_is_typed_behind_join_waits_for_the_room() {
    let mut chat = Chat::new(80, 24);
    chat.line("/join ops");
    chat.line("first words");
    chat.pass(3);
    assert_eq!(chat.sends(), []);
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Join { .. }))[..] else { panic!() };
    chat.rooms[2].joined = true;
    chat.answer(id, Ok(Reply::Done {}));
    let [(_, Request::Send { room, .. })] = &chat.sends()[..] else { panic!() };
    assert_eq!(room.as_deref(), Some("#ops"));
}

#[test]
fn a_room_that_cannot_be_joined_is_left_again() {
    let mut chat = Chat::new(80, 24);
    chat.line("/join #~secret");
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Join { .. }))[..] else { panic!() };
    let error = control::Error::new(ErrorCode::Denied, "nobody can join it");
    chat.answer(id, Err(error.into()));
    assert_eq!(open(&chat), "#lobby");
    assert!(chat.shows("nobody can join it"), "{}", chat.screen());
}

#[test]
fn an_own_message_elsewhere_reads_nothing() {
    let mut chat = Chat::new(80, 24);
    chat.hear("#fire", "ann", "smoke");
    chat.hear("#fire", "me", "posted by a script");
    let fire = chat.model.places.iter().find(|one| one.place.key() == "#fire").unwrap();
    assert_eq!((fire.read, fire.unread), (None, 1));
}

#[test]
fn no_mark_stays_behind() {
    let mut chat = Chat::new(80, 60);
    for n in 0..6 {
        chat.hear("#lobby", "me", &format!("line {n}."));
    }
    chat.pass(1);
    delivery(&mut chat, 2, 3);
    for n in 0..6 {
        assert!(chat.shows(&format!("line {n}. ✓ 2/3")), "{}", chat.screen());
    }
    for n in 6..=ASKED {
        chat.hear("#lobby", "me", &format!("line {n}."));
    }
    assert!(chat.shows("line 0. · sent") && chat.shows("line 1. ✓ 2/3"), "{}", chat.screen());
    let shows = |one: &Request| matches!(one, Request::Delivery(DeliveryRequest::Show { .. }));
    chat.effects.clear();
    chat.pass(1);
    assert!(chat.asked(shows).len() <= ASKED);
}

#[test]
fn marks_of_direct_messages_are_asked_for_after_a_break() {
    let mut chat = Chat::new(80, 24);
    chat.line("/msg ann");
    let message = chat.direct(true, "are you awake?");
    let letter = message.letter;
    chat.event(Event::Direct(message));
    chat.lose();
    chat.up();
    chat.event(Event::CaughtUp { cursor: 9 });
    let list = |one: &Request| *one == Request::Dm(DmRequest::List {});
    let [(id, _)] = chat.asked(list)[..] else { panic!("{:?}", chat.effects) };
    let info = DirectInfo {
        id: None,
        letter,
        to: "ann".parse().unwrap(),
        to_node: NodeId([2; 32]),
        to_node_name: "pi-roof".parse().unwrap(),
        state: DirectState::Read,
        age_ms: 1,
        links: 1,
    };
    chat.answer(id, Ok(Reply::Directs(vec![info])));
    assert!(chat.shows("are you awake? ✓ read"), "{}", chat.screen());
}

#[test]
fn the_past_of_a_room_is_asked_for_again_after_a_break() {
    let mut chat = Chat::new(80, 24);
    chat.line("/join ops");
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Join { .. }))[..] else { panic!() };
    chat.rooms[2].joined = true;
    chat.answer(id, Ok(Reply::Done {}));
    let mut pasts = || {
        let past = |one: &mut Effect| matches!(one, Effect::Past(..));
        chat.effects.extract_if(.., past).count()
    };
    assert_eq!(pasts(), 1);
    chat.lose();
    chat.up();
    // The stream begins with so much that older messages may be missing.
    for n in 0..1_000 {
        chat.hear("#lobby", "ann", &format!("{n}"));
    }
    chat.event(Event::CaughtUp { cursor: 2_000 });
    let past = |one: &mut Effect| matches!(one, Effect::Past(..));
    assert_eq!(chat.effects.extract_if(.., past).count(), 1);
    chat.put(Input::NoPast("#ops".parse().unwrap()));
    chat.pass(6);
    assert_eq!(chat.effects.extract_if(.., past).count(), 1);
    chat.put(Input::Past("#ops".parse().unwrap(), None));
    chat.pass(60);
    assert_eq!(chat.effects.extract_if(.., past).count(), 0);
}

#[test]
fn a_name_that_fits_more_than_one_is_asked_about() {
    let mut chat = Chat::new(80, 24);
    chat.people.push(person("ann I", 9, "pi-strange", PersonStatus::Online));
    chat.pass(40);
    chat.line("/msg ann I am at the gate");
    assert_eq!(chat.sends(), []);
    assert!(chat.shows("which one? ann@pi-roof, ann I@pi-strange"), "{}", chat.screen());
    chat.line("/msg ANN@Pi-Roof I am at the gate");
    let [(_, Request::Dm(DmRequest::Send { to, text, .. }))] = &chat.sends()[..] else { panic!() };
    assert_eq!((to.as_str(), text.as_str()), ("ann@pi-roof", "I am at the gate"));
}

#[test]
fn inviting_somebody_outside_of_a_private_room_makes_no_ticket() {
    let mut chat = Chat::new(160, 24);
    chat.line("/invite ben");
    assert_eq!(chat.asked(|one| matches!(one, Request::Network(_))), []);
    assert!(chat.shows("/invite PERSON lets somebody into a private room"), "{}", chat.screen());
    chat.line("/invite");
    assert_eq!(chat.asked(|one| matches!(one, Request::Network(_))).len(), 1);
    chat.line("/ping pi-roof");
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Ping { .. }))[..] else { panic!() };
    chat.answer(id, Err(RequestError::Full));
}

#[test]
fn long_messages_have_a_bound_too() {
    let mut chat = Chat::new(80, 24);
    let long = "long ".repeat(800);
    for _ in 0..2_000 {
        chat.hear("#fire", "ann", &long);
        chat.hear("#lobby", "ann", &long);
        chat.hear("#~family", "ann", &long);
    }
    let all: usize = chat.model.places.iter().map(|one| one.log.bytes()).sum();
    assert!(all <= BYTES, "{all}");
    let words = chat.model.places.iter().map(|one| one.log.len()).min();
    assert!(words > Some(100), "{words:?}");
}
