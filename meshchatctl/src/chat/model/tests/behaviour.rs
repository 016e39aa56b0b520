use crossterm::event::{KeyCode, KeyModifiers};
use meshchat_client::proto::control::{
    self, DeliveryInfo, DeliveryRequest, DirectChange, DirectState, ErrorCode, Event, PersonChange,
    PersonStatus, Reply, Request, Sent,
};
use meshchat_client::proto::id::{MessageId, NodeId};

use super::Chat;
use crate::chat::seam::{Effect, Input, Keep, Kept};

pub(super) fn sent(id: MessageId) -> Reply {
    let (seq, cursor, kept, links) = (1, 1, "memory".to_owned(), 1);
    Reply::Sent(Sent { id, room: "#lobby".parse().unwrap(), seq, cursor, kept, links })
}

pub(super) fn delivery(chat: &mut Chat, reached: u32, known: u32) {
    let asked =
        chat.asked(|request| matches!(request, Request::Delivery(DeliveryRequest::Show { .. })));
    for (id, request) in asked {
        let Request::Delivery(DeliveryRequest::Show { message }) = request else { continue };
        chat.answer(
            id,
            Ok(Reply::Delivery(DeliveryInfo {
                id: message.parse().unwrap(),
                room: "#lobby".parse().unwrap(),
                author: "me".parse().unwrap(),
                node: NodeId([1; 32]),
                node_name: "pi-barn".parse().unwrap(),
                age_ms: 1,
                reached,
                known,
                nodes: Vec::new(),
            })),
        );
    }
}

#[test]
fn own_words_are_shown_at_once_and_then_where_they_are() {
    let mut chat = Chat::new(80, 24);
    chat.line("hello there");
    assert!(chat.shows("hello there · sending"), "{}", chat.screen());
    let [(id, _)] = &chat.sends()[..] else { panic!("{:?}", chat.effects) };
    let message = chat.message("#lobby", "me", "hello there");
    chat.answer(*id, Ok(sent(message.id)));
    chat.event(Event::Message(message));
    assert!(chat.shows("hello there · sent"), "{}", chat.screen());
    assert_eq!(chat.screen().matches("hello there").count(), 1);
    chat.pass(1);
    delivery(&mut chat, 2, 3);
    assert!(chat.shows("hello there ✓ 2/3"), "{}", chat.screen());
    chat.pass(3);
    delivery(&mut chat, 3, 3);
    assert!(chat.shows("hello there ✓ 3/3 all"), "{}", chat.screen());
    chat.effects.clear();
    chat.pass(60);
    assert_eq!(chat.asked(|request| matches!(request, Request::Delivery(_))), []);
}

#[test]
fn new_lines_do_not_move_what_is_being_read() {
    let mut chat = Chat::new(80, 24);
    for n in 0..300 {
        chat.hear("#lobby", "ann", &format!("old line {n} with some words that wrap around here"));
    }
    chat.press(KeyCode::PageUp);
    chat.press(KeyCode::PageUp);
    let log = |chat: &Chat| {
        let screen = chat.screen();
        screen.lines().take(22).map(|line| line.chars().skip(17).take(42).collect()).collect()
    };
    let before: Vec<String> = log(&chat);
    for n in 0..10_000 {
        chat.hear("#lobby", "bob", &format!("new line {n}"));
    }
    assert_eq!(log(&chat), before);
    assert!(chat.shows("-MORE- 10000 new below"), "{}", chat.screen());
    chat.press(KeyCode::End);
    assert!(chat.shows("new line 9999"), "{}", chat.screen());
    assert!(chat.model.places.current().unwrap().log.len() <= super::super::log::KEPT);
}

#[test]
fn paging_up_and_down_again_ends_at_the_end() {
    let mut chat = Chat::new(40, 12);
    for n in 0..40 {
        chat.hear("#lobby", "ann", &format!("line {n} that is longer than one row of it"));
    }
    let end = chat.screen();
    for _ in 0..50 {
        chat.press(KeyCode::PageUp);
    }
    assert!(chat.shows("line 0 that"), "{}", chat.screen());
    let top = chat.screen();
    chat.press(KeyCode::Home);
    assert_eq!(chat.screen(), top);
    for _ in 0..50 {
        chat.press(KeyCode::PageDown);
    }
    assert_eq!(chat.screen(), end);
}

#[test]
fn news_elsewhere_are_counted_and_gone_to() {
    let mut chat = Chat::new(80, 24);
    chat.hear("#fire", "ann", "smoke in the valley");
    chat.hear("#fire", "ann", "ME: come, please");
    assert!(chat.shows("#fire:2!"), "{}", chat.screen());
    let rings: Vec<_> =
        chat.effects.extract_if(.., |one| matches!(one, Effect::Notify { .. })).collect();
    let Effect::Notify { title, text } = &rings[0] else { panic!() };
    assert_eq!((title.as_str(), text.as_str()), ("ann in #fire", "ME: come, please"));
    chat.key(KeyCode::Char('a'), KeyModifiers::ALT);
    assert!(chat.shows("── new ─"), "{}", chat.screen());
    assert!(!chat.shows("#fire:2"));
    let read = Effect::Keep(Keep::Read { conversation: "#fire".into(), cursor: 2 });
    assert!(chat.effects.contains(&read), "{:?}", chat.effects);
    chat.key(KeyCode::Up, KeyModifiers::ALT);
    chat.key(KeyCode::Down, KeyModifiers::ALT);
    assert!(!chat.shows("── new ─") || chat.model.places.open().key() != "#fire");
}

#[test]
fn history_rings_nothing_and_is_new_only_behind_what_was_read() {
    let read = [("#lobby".to_owned(), 1), ("#fire".to_owned(), 2)].into();
    let mut chat = Chat::with(Kept { introduced: true, read, ..Kept::default() });
    chat.up();
    for text in ["me: one", "me: two"] {
        chat.hear("#lobby", "ann", text);
    }
    chat.hear("#fire", "ann", "me: three");
    chat.event(Event::CaughtUp { cursor: 3 });
    assert!(!chat.effects.iter().any(|effect| matches!(effect, Effect::Notify { .. })));
    let screen = chat.screen();
    let (one, new) = (screen.find("one").unwrap(), screen.find("── new").unwrap());
    assert!(one < new && new < screen.find("two").unwrap(), "{screen}");
    assert!(chat.shows("#fire:1!"), "{screen}");
}

#[test]
fn a_restart_of_the_node_doubles_nothing() {
    let mut chat = Chat::new(80, 24);
    let message = chat.hear("#lobby", "ann", "said once");
    chat.lose();
    chat.up();
    chat.event(Event::Message(message));
    chat.event(Event::CaughtUp { cursor: 1 });
    assert_eq!(chat.screen().matches("said once").count(), 1);
}

#[test]
fn direct_messages_are_a_conversation_with_a_state() {
    let mut chat = Chat::new(80, 24);
    chat.line("/msg ann are you awake?");
    let [(id, Request::Dm(_))] = &chat.sends()[..] else { panic!() };
    let id = *id;
    let message = chat.direct(true, "are you awake?");
    let letter = message.letter;
    chat.event(Event::Direct(message));
    chat.answer(id, Ok(Reply::Done {}));
    let change = DirectChange {
        id: None,
        letter,
        to: "ann".parse().unwrap(),
        to_node: NodeId([2; 32]),
        to_node_name: "pi-roof".parse().unwrap(),
        state: DirectState::Read,
    };
    chat.event(Event::DirectState(change));
    assert!(chat.shows("are you awake? ✓ read"), "{}", chat.screen());
    let answer = chat.direct(false, "yes");
    chat.event(Event::Direct(answer));
    assert!(chat.shows("yes") && chat.shows("ann@pi-roof"), "{}", chat.screen());
}

#[test]
fn people_who_come_and_go_are_one_line() {
    let mut chat = Chat::new(80, 24);
    let change = |state, was| PersonChange {
        name: "ann".parse().unwrap(),
        node: NodeId([2; 32]),
        node_name: "pi-roof".parse().unwrap(),
        state,
        was: Some(was),
        note: String::new(),
    };
    chat.event(Event::Person(change(PersonStatus::Unreachable, PersonStatus::Online)));
    chat.pass(2);
    assert!(chat.shows("ann cannot be reached"), "{}", chat.screen());
    chat.event(Event::Person(change(PersonStatus::Online, PersonStatus::Unreachable)));
    chat.pass(2);
    assert!(!chat.shows("cannot be reached"), "{}", chat.screen());
}

#[test]
fn commands_answer_where_they_were_typed() {
    let mut chat = Chat::new(80, 24);
    chat.line("/topic none");
    assert!(chat.shows("no command /topic; /help lists all"), "{}", chat.screen());
    chat.line("/jion #x");
    assert!(chat.shows("did you mean /join?"));
    chat.line("/whois ann");
    assert!(chat.shows("ann@pi-roof: ● online for 1 m"), "{}", chat.screen());
    chat.line("/connect barn.local");
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Connect { .. }))[..] else { panic!() };
    let error = control::Error::new(ErrorCode::Denied, "only operators may do that");
    chat.answer(id, Err(error.into()));
    assert!(chat.shows("only operators may do that"), "{}", chat.screen());
    chat.line("//etc/hosts is wrong");
    assert!(chat.shows("/etc/hosts is wrong · sending"), "{}", chat.screen());
}

#[test]
fn a_room_is_joined_and_left() {
    let mut chat = Chat::new(80, 24);
    chat.line("/join ops");
    assert_eq!(chat.model.places.open().key(), "#ops");
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Join { .. }))[..] else { panic!() };
    chat.rooms[2].joined = true;
    chat.answer(id, Ok(Reply::Done {}));
    assert_eq!(chat.model.places.open().key(), "#ops");
    chat.line("/leave");
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Leave { .. }))[..] else { panic!() };
    chat.rooms[2].joined = false;
    chat.answer(id, Ok(Reply::Done {}));
    assert_eq!(chat.model.places.open().key(), "#lobby");
    assert!(chat.shows("You left #ops."), "{}", chat.screen());
}

#[test]
fn the_first_start_asks_for_a_name() {
    let mut chat = Chat::with(Kept::default());
    chat.put(Input::Resize(80, 24));
    chat.up();
    assert!(chat.shows("What are you called?"), "{}", chat.screen());
    chat.line("Ann/Lee");
    assert!(chat.shows("it contains '/'"), "{}", chat.screen());
    chat.control('u');
    chat.line("Ann Lee");
    let [(id, _)] = chat.asked(|one| matches!(one, Request::Nick { .. }))[..] else { panic!() };
    chat.answer(id, Ok(Reply::Done {}));
    assert!(chat.effects.contains(&Effect::Keep(Keep::Introduced)));
    assert!(!chat.shows("What are you called?"));
}

#[test]
fn words_are_found_again() {
    let mut chat = Chat::new(60, 20);
    for n in 0..100 {
        chat.hear("#lobby", "ann", &format!("number {n}"));
    }
    chat.line("/search NUMBER 42");
    assert!(chat.shows(">") && chat.shows("number 42"), "{}", chat.screen());
    chat.press(KeyCode::Enter);
    assert!(chat.shows("nothing more"), "{}", chat.screen());
    chat.press(KeyCode::Esc);
    chat.press(KeyCode::Esc);
    assert!(chat.shows("number 99"), "{}", chat.screen());
}

#[test]
fn a_muted_room_marks_and_rings_nothing() {
    let mut chat = Chat::new(80, 24);
    chat.line("/mute #fire");
    assert!(chat.effects.contains(&Effect::Keep(Keep::Muted(vec!["#fire".into()]))));
    chat.hear("#fire", "ann", "me: hello");
    assert!(!chat.shows("#fire:1"), "{}", chat.screen());
    assert!(!chat.effects.iter().any(|effect| matches!(effect, Effect::Notify { .. })));
}

#[test]
fn any_screen_can_be_drawn() {
    let mut chat = Chat::new(80, 24);
    chat.status.missing = Some(super::missing());
    for n in 0..30 {
        chat.hear(
            "#lobby",
            "李雷",
            "看 e\u{301}\u{200d} שלום http://x/ aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n\n  b",
        );
        chat.hear("#lobby", "me", &format!("line {n}"));
    }
    chat.line("/help");
    chat.line("said");
    let draw_all = |chat: &mut Chat| {
        for columns in [1, 2, 3, 5, 8, 13, 19, 20, 29, 30, 40, 55, 56, 57, 75, 76, 77, 90] {
            for lines in [1, 2, 3, 5, 8, 13, 14, 30] {
                chat.put(Input::Resize(columns, lines));
                chat.press(KeyCode::PageUp);
                chat.screen();
                chat.press(KeyCode::PageDown);
                chat.screen();
            }
        }
    };
    draw_all(&mut chat);
    chat.control('r');
    chat.letters("line");
    draw_all(&mut chat);
    chat.press(KeyCode::Esc);
    chat.control('k');
    draw_all(&mut chat);
    chat.press(KeyCode::Esc);
    chat.put(Input::Resize(30, 10));
    chat.press(KeyCode::F(3));
    draw_all(&mut chat);
    chat.lose();
    draw_all(&mut chat);
}
