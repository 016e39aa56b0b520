//! What becomes of words that were typed.

use meshchat_client::RequestError;
use meshchat_client::proto::control::{self, ErrorCode, Event, Request};
use meshchat_client::proto::id::MessageId;

use super::Chat;
use super::behaviour::{delivery, sent};
use crate::chat::seam::{Effect, Input, Keep, Kept, Unsent};

#[test]
fn words_that_the_node_may_have_are_said_again_only_if_it_does_not_show_them() {
    for took in [true, false] {
        let mut chat = Chat::new(80, 24);
        chat.line("are you there?");
        let [(id, _)] = chat.sends()[..] else { panic!() };
        chat.answer(id, Err(RequestError::Lost("gone".into())));
        chat.lose();
        assert!(chat.shows("are you there? · not sent yet"), "{}", chat.screen());
        chat.pass(40);
        assert!(chat.shows("no meshchatd for 40 s, reconnecting"), "{}", chat.screen());
        assert_eq!(chat.sends(), []);
        chat.up();
        chat.pass(20);
        assert_eq!(chat.sends(), [], "before the stream is caught up");
        if took {
            let mut message = chat.message("#lobby", "me", "are you there?");
            message.age_ms = 59_000;
            chat.event(Event::Message(message));
        }
        chat.event(Event::CaughtUp { cursor: 9 });
        assert_eq!(chat.sends(), [], "the node may be just about to show it");
        chat.pass(3);
        assert_eq!(chat.sends().len(), usize::from(!took));
        assert_eq!(chat.screen().matches("are you there?").count(), 1);
        let unsent = chat.effects.iter().rev().find_map(|effect| {
            let Effect::Keep(Keep::Unsent(unsent)) = effect else { return None };
            Some(unsent.len())
        });
        assert_eq!(unsent, Some(usize::from(!took)));
    }
}

#[test]
fn what_was_not_sent_the_last_time_is_sent_now() {
    let unsent = Unsent {
        conversation: "#fire".into(),
        text: "from yesterday".into(),
        action: true,
        tried_ms: None,
    };
    let mut chat = Chat::with(Kept { introduced: true, unsent: vec![unsent], ..Kept::default() });
    chat.up();
    assert_eq!(chat.sends(), []);
    chat.event(Event::CaughtUp { cursor: 0 });
    let [(_, Request::Send { room, text, .. })] = &chat.sends()[..] else { panic!() };
    assert_eq!((room.as_deref(), text.as_str()), (Some("#fire"), "from yesterday"));
}

#[test]
fn words_are_sent_one_after_the_other() {
    let mut chat = Chat::new(80, 24);
    chat.line("one");
    chat.line("two");
    let [(id, Request::Send { text, .. })] = &chat.sends()[..] else { panic!() };
    assert_eq!(text, "one");
    chat.answer(*id, Ok(sent(MessageId([7; 32]))));
    let [(_, Request::Send { text, .. })] = &chat.sends()[..] else { panic!() };
    assert_eq!(text, "two");
}

#[test]
fn refused_words_come_back_with_the_reason() {
    let mut chat = Chat::new(80, 24);
    chat.line("too long");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    let error = control::Error::new(ErrorCode::BadArgument, "the text is too long");
    chat.answer(id, Err(error.into()));
    assert_eq!(chat.model.editor.text(), "too long");
    assert!(chat.shows("not sent: the text is too long"), "{}", chat.screen());
    assert!(!chat.shows("sending"));
}

/// Says something of which it is not known whether the node took it.
fn doubted(text: &str) -> Chat {
    let mut chat = Chat::new(160, 24);
    chat.line(text);
    let [(id, _)] = chat.sends()[..] else { panic!() };
    chat.answer(id, Err(RequestError::Lost("gone".into())));
    chat.lose();
    chat.pass(5);
    chat
}

#[test]
fn a_restarted_node_without_history_is_not_told_twice() {
    let mut chat = doubted("the bridge is out");
    chat.up_again(true);
    chat.event(Event::CaughtUp { cursor: 0 });
    chat.pass(60);
    assert_eq!(chat.sends(), []);
    let screen = chat.screen();
    assert!(screen.contains("may have been sent: /resend or /drop"), "{screen}");
    // Neighbours give it back.
    let mut message = chat.message("#lobby", "me", "the bridge is out");
    message.age_ms = 60_000;
    chat.event(Event::Message(message));
    assert_eq!(chat.screen().matches("the bridge is out").count(), 1);
    assert!(!chat.shows("/resend"), "{}", chat.screen());
}

#[test]
fn the_person_decides_about_words_that_may_have_been_sent() {
    for resend in [true, false] {
        let mut chat = doubted("the bridge is out");
        chat.up_again(true);
        chat.event(Event::CaughtUp { cursor: 0 });
        chat.pass(5);
        chat.line(if resend { "/resend" } else { "/drop" });
        assert_eq!(chat.sends().len(), usize::from(resend));
        assert!(!chat.shows("may have been sent"), "{}", chat.screen());
        assert_eq!(chat.model.outbox.waiting(), usize::from(resend));
    }
}

#[test]
fn words_tried_in_an_earlier_run_of_the_chat_wait_for_the_person() {
    let unsent = Unsent {
        conversation: "#fire".into(),
        text: "from yesterday".into(),
        action: false,
        tried_ms: Some(1),
    };
    let kept = Kept { introduced: true, unsent: vec![unsent], ..Kept::default() };
    let mut chat = Chat::with(kept);
    chat.put(Input::Resize(160, 24));
    chat.up();
    chat.event(Event::CaughtUp { cursor: 0 });
    let past =
        |effect: &Effect| matches!(effect, Effect::Past(room, 1000) if room.as_str() == "#fire");
    assert!(chat.effects.iter().any(past), "{:?}", chat.effects);
    chat.pass(5);
    assert_eq!(chat.sends(), []);
    assert!(chat.shows("#fire may have been sent, or not"), "{}", chat.screen());
    assert!(chat.shows("✕ not sent: #fire"), "{}", chat.screen());
}

#[test]
fn words_that_the_node_did_not_take_are_not_taken_for_others_that_say_the_same() {
    let mut chat = Chat::new(80, 24);
    chat.line("ok");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    let error = control::Error::new(ErrorCode::TooMany, "slow down");
    chat.answer(id, Err(error.into()));
    // A script of the same person.
    chat.hear("#lobby", "me", "ok");
    assert_eq!(chat.model.outbox.waiting(), 1);
    chat.pass(2);
    assert_eq!(chat.sends().len(), 1);
}

#[test]
fn the_same_words_twice_are_two_messages() {
    let mut chat = Chat::new(80, 24);
    chat.line("ok");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    let first = chat.message("#lobby", "me", "ok");
    chat.answer(id, Ok(sent(first.id)));
    chat.line("ok");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    chat.answer(id, Err(RequestError::Lost("gone".into())));
    chat.lose();
    chat.up();
    chat.event(Event::Message(first));
    chat.event(Event::CaughtUp { cursor: 9 });
    chat.pass(3);
    assert_eq!(chat.sends().len(), 1, "the second is still to be sent");
}

#[test]
fn a_message_that_comes_before_its_answer_is_shown_once() {
    for lost in [false, true] {
        let mut chat = Chat::new(80, 24);
        chat.line("hello there");
        let [(id, _)] = chat.sends()[..] else { panic!() };
        let message = chat.hear("#lobby", "me", "hello there");
        assert_eq!(chat.screen().matches("hello there").count(), 1);
        let gone = Err(RequestError::Lost("gone".into()));
        chat.answer(id, if lost { gone } else { Ok(sent(message.id)) });
        assert_eq!(chat.model.outbox.waiting(), 0);
        assert_eq!(chat.screen().matches("hello there").count(), 1);
    }
}

#[test]
fn what_the_node_took_and_does_not_show_stays() {
    let mut chat = Chat::new(80, 24);
    chat.line("hello there");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    chat.answer(id, Ok(sent(MessageId([7; 32]))));
    chat.pass(20);
    assert!(chat.shows("hello there · sent"), "{}", chat.screen());
    delivery(&mut chat, 2, 3);
    assert!(chat.shows("hello there ✓ 2/3"), "{}", chat.screen());
}

#[test]
fn words_to_somebody_unknown_to_a_restarted_node_wait() {
    let mut chat = Chat::new(80, 24);
    chat.line("/msg ann the key is under the mat");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    chat.answer(id, Err(RequestError::Full));
    chat.lose();
    chat.up_again(true);
    chat.event(Event::CaughtUp { cursor: 0 });
    let [(id, _)] = chat.sends()[..] else { panic!() };
    let error = control::Error::new(ErrorCode::NotFound, "no ann here");
    chat.answer(id, Err(error.into()));
    assert!(chat.shows("their node is not known yet"), "{}", chat.screen());
    // Others do not wait for that.
    chat.line("/join #lobby");
    chat.line("anybody?");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    chat.answer(id, Ok(sent(MessageId([7; 32]))));
    chat.pass(2);
    assert_eq!(chat.sends(), []);
    let node = control::PersonChange {
        name: "ann".parse().unwrap(),
        node: meshchat_client::proto::id::NodeId([2; 32]),
        node_name: "pi-roof".parse().unwrap(),
        state: control::PersonStatus::Online,
        was: None,
        note: String::new(),
    };
    chat.event(Event::Person(node));
    chat.pass(1);
    assert_eq!(chat.sends().len(), 1);
}

#[test]
fn a_refusal_in_another_place_is_told_where_the_person_is() {
    let mut chat = Chat::new(80, 24);
    chat.line("/msg ann@pi-roof hello");
    let [(id, _)] = chat.sends()[..] else { panic!() };
    chat.line("/join #lobby");
    let error = control::Error::new(ErrorCode::NotFound, "no ann here");
    chat.answer(id, Err(error.into()));
    assert!(chat.shows("not sent to ann@pi-roof: no ann here"), "{}", chat.screen());
    assert!(chat.shows("✕ not sent: ann"), "{}", chat.screen());
    assert!(chat.model.editor.is_empty());
    chat.line("/msg ann");
    assert_eq!(chat.model.editor.text(), "hello");
    assert!(!chat.shows("✕ not sent: ann"), "{}", chat.screen());
}

#[test]
fn refused_words_mean_the_same_when_they_come_back() {
    let mut chat = Chat::new(80, 24);
    for typed in ["//quit", "/me waves", "plain"] {
        chat.line(typed);
        let [(id, _)] = chat.sends()[..] else { panic!() };
        let error = control::Error::new(ErrorCode::BadArgument, "no");
        chat.answer(id, Err(error.into()));
        assert_eq!(chat.model.editor.text(), typed);
        chat.control('u');
    }
}

#[test]
fn what_is_asked_when_the_person_leaves_is_kept_before_the_end() {
    let mut chat = Chat::new(80, 24);
    chat.line("last words");
    chat.line("/quit");
    let kept = chat.effects.iter().rposition(
        |effect| matches!(effect, Effect::Keep(Keep::Unsent(words)) if words[0].tried_ms.is_some()),
    );
    assert_eq!(chat.effects.last(), Some(&Effect::Quit));
    assert!(kept.is_some(), "{:?}", chat.effects);
    // The answer may still come.
    let [(id, _)] = chat.sends()[..] else { panic!() };
    chat.answer(id, Ok(sent(MessageId([7; 32]))));
    assert_eq!(chat.effects.last(), Some(&Effect::Keep(Keep::Unsent(Vec::new()))));
    assert_eq!(chat.model.outbox.waiting(), 0);
}
