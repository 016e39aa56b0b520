use meshchat_client::proto::control::HolderInfo;
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::RoomName;

use super::*;

pub(in super::super) fn person(name: &str, n: u8, state: PersonStatus) -> PersonInfo {
    PersonInfo {
        name: name.parse().unwrap(),
        node: NodeId([n; 32]),
        node_name: format!("pi-{n}").parse().unwrap(),
        state,
        since_ms: 0,
        rooms: Vec::new(),
        note: String::new(),
        me: name == "me",
        gateway: false,
        verified: false,
        muted: false,
    }
}

pub(in super::super) fn said(name: &str, n: u8, text: &str) -> Message {
    Message {
        cursor: 1,
        id: MessageId([n + 100; 32]),
        room: RoomName::lobby(),
        author: name.parse().unwrap(),
        node: NodeId([n; 32]),
        node_name: format!("pi-{n}").parse().unwrap(),
        boot: 1,
        seq: 1,
        kind: MessageKind::Text,
        text: text.parse().unwrap(),
        wall_ms: 0,
        age_ms: 0,
        late: false,
        caught_up: false,
        own: false,
        via: None,
    }
}

pub(in super::super) fn called(people: &[PersonInfo], present: bool) -> List {
    List::new(("me".parse().unwrap(), NodeId([1; 32])), people, present)
}

fn held(nodes: &[(u8, DeliveryState)]) -> DeliveryInfo {
    let holder = |(n, state): &(u8, DeliveryState)| HolderInfo {
        node: NodeId([*n; 32]),
        name: format!("pi-{n}").parse().unwrap(),
        state: *state,
        holds: state.holds(),
        since_ms: None,
        via: None,
    };
    DeliveryInfo {
        id: MessageId([1; 32]),
        room: RoomName::lobby(),
        author: "me".parse().unwrap(),
        node: NodeId([1; 32]),
        node_name: "pi-1".parse().unwrap(),
        age_ms: 0,
        reached: 0,
        known: 0,
        nodes: nodes.iter().map(holder).collect(),
    }
}

fn states(list: &List) -> Vec<State> {
    list.rows().iter().map(|row| row.state).collect()
}

#[test]
fn it_is_known_how_far_the_question_came() {
    let people = [
        person("me", 1, PersonStatus::Online),
        person("ann", 2, PersonStatus::Online),
        person("bob", 3, PersonStatus::Online),
        person("cid", 3, PersonStatus::Away),
        person("dan", 4, PersonStatus::Unreachable),
        person("eve", 2, PersonStatus::Offline),
    ];
    let mut list = called(&people, false);
    list.look(&people, &held(&[(2, DeliveryState::Waiting), (3, DeliveryState::Told)]));
    let wanted =
        [State::Undelivered, State::Silent, State::Away, State::Unreachable, State::Offline];
    assert_eq!(states(&list), wanted);
    assert_eq!((list.expected(), list.answered()), (5, 0));
    assert_eq!(called(&people, true).expected(), 4);
}

#[test]
fn any_word_after_the_question_counts_once() {
    let people = [person("me", 1, PersonStatus::Online), person("ann", 2, PersonStatus::Online)];
    let mut list = called(&people, false);
    list.asked(&MessageId([101; 32]));
    assert!(list.answer(&said("me", 1, "roll call"), 0).is_none());
    assert!(list.answer(&said("me", 1, "hello?"), 5).is_none(), "who asks does not answer");
    let old = Message { caught_up: true, age_ms: 9_000, ..said("ann", 2, "before") };
    assert!(list.answer(&old, 100).is_none(), "said before the question");
    assert!(!list.is_complete());
    assert_eq!(list.answer(&said("ann", 2, "ja"), 700).unwrap().after_ms, Some(700));
    assert!(list.answer(&said("ann", 2, "here"), 900).is_none());
    assert!(list.is_complete());
    assert!(list.answer(&said("zoe", 7, "me too"), 950).is_some(), "nobody knew of her");
    assert_eq!((list.answered(), list.expected()), (2, 2));
    list.look(&[person("ann", 2, PersonStatus::Offline)], &held(&[]));
    assert_eq!(list.answered(), 2, "whoever answered and left has answered");
}

#[test]
fn words_from_before_the_question_are_no_answer() {
    let people = [
        person("me", 1, PersonStatus::Online),
        person("ann", 2, PersonStatus::Online),
        person("dan", 4, PersonStatus::Unreachable),
    ];
    let mut list = called(&people, false);
    let kept = Message { age_ms: 86_400_000, ..said("ann", 2, "yesterday") };
    assert!(list.answer(&kept, 100).is_none(), "kept on disk, so not caught up with");
    let caught_up = |name, n| Message { caught_up: true, ..said(name, n, "yesterday") };
    assert!(list.answer(&caught_up("dan", 4), 100).is_none(), "from behind a cut link");
    assert!(list.answer(&caught_up("zoe", 7), 100).is_none(), "from a node that was unknown");
    assert!(list.answer(&caught_up("ann", 2), 100).is_some(), "her node was there all along");
    let people = people.map(|person| PersonInfo { state: PersonStatus::Online, ..person });
    list.look(&people, &held(&[(4, DeliveryState::Told)]));
    list.look(&people, &held(&[]));
    assert_eq!(states(&list), [State::Answered, State::Silent], "what was told stays told");
    assert!(list.answer(&caught_up("dan", 4), 200).is_some(), "his node had the question");
}

#[test]
fn whoever_takes_another_name_is_counted_on_once() {
    let with =
        |name| [person("me", 1, PersonStatus::Online), person(name, 2, PersonStatus::Online)];
    let there = held(&[(2, DeliveryState::Told)]);
    let mut list = called(&with("ann"), false);
    list.look(&with("annie"), &there);
    assert_eq!((states(&list), list.expected()), (vec![State::Offline, State::Silent], 1));
    list.answer(&said("annie", 2, "here"), 500);
    assert!(list.is_complete());
    let mut list = called(&with("ann"), false);
    list.answer(&said("annie", 2, "here"), 500);
    list.look(&with("annie"), &there);
    assert!(list.is_complete(), "the answer came before the look");
    let mut list = called(&with("ann"), false);
    list.answer(&said("ann", 2, "here"), 500);
    list.look(&with("annie"), &there);
    list.look(&with("annie"), &there);
    assert!(list.is_complete(), "the new name came after the answer");
}

#[test]
fn whoever_leaves_is_missed_and_a_node_that_is_out_of_reach_hides_nobody() {
    let me = person("me", 1, PersonStatus::Online);
    let mut list = called(&[me.clone(), person("ann", 2, PersonStatus::Online)], false);
    list.look(std::slice::from_ref(&me), &held(&[(2, DeliveryState::Unreachable)]));
    assert_eq!(states(&list), [State::Undelivered]);
    list.look(&[me], &held(&[(2, DeliveryState::Told)]));
    assert_eq!((states(&list), list.expected()), (vec![State::Offline], 1));
}
