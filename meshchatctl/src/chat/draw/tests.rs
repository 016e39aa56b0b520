use crossterm::event::KeyCode;
use insta::assert_snapshot;
use meshchat_client::proto::control::{Event, PartitionChange, PartitionState};
use meshchat_client::proto::message::MessageKind;

use crate::chat::model::tests::{Chat, missing};
use crate::chat::seam::Input;
use crate::chat::seam::Kept;

/// An evening in the lobby, with all that can happen.
fn evening(columns: u16, lines: u16) -> Chat {
    let mut chat = Chat::new(columns, lines);
    let mut old = chat.message("#lobby", "bob", "see you tomorrow");
    old.wall_ms -= 86_400_000;
    old.age_ms = 86_400_000;
    chat.event(Event::Message(old));
    chat.hear("#lobby", "ann", "the pump at the mill stands still again; somebody was there?");
    chat.hear("#lobby", "ann", "we need a hand and a 13 mm key");
    chat.pass(60);
    chat.hear("#lobby", "李雷", "我去看看 – e\u{301}te\u{301} and שלום too");
    let action = chat.message("#lobby", "bob", "walks over");
    chat.event(Event::Message(meshchat_client::proto::control::Message {
        kind: MessageKind::Action,
        late: true,
        ..action
    }));
    let guest = chat.message("#lobby", "zoe", "me: bring the key \x1b[31mplease");
    chat.event(Event::Message(meshchat_client::proto::control::Message {
        via: Some("irc".parse().unwrap()),
        ..guest
    }));
    chat.hear("#lobby", "me", "on my way");
    chat.hear("#fire", "ann", "all quiet here");
    let direct = chat.direct(false, "call me");
    chat.event(Event::Direct(direct));
    chat.pass(3);
    chat
}

#[test]
fn wide() {
    assert_snapshot!(evening(200, 60).screen());
}

#[test]
fn usual() {
    assert_snapshot!(evening(80, 24).screen());
}

#[test]
fn no_room_for_people() {
    assert_snapshot!(evening(60, 20).screen());
}

#[test]
fn small() {
    assert_snapshot!(evening(40, 12).screen());
}

#[test]
fn small_with_people() {
    let mut chat = evening(40, 12);
    chat.press(KeyCode::F(3));
    assert_snapshot!(chat.screen());
}

#[test]
fn small_with_rooms() {
    let mut chat = evening(40, 12);
    chat.press(KeyCode::F(2));
    assert_snapshot!(chat.screen());
}

#[test]
fn ascii() {
    let mut chat = evening(80, 24);
    (chat.model.taste.unicode, chat.model.taste.color) = (false, false);
    chat.control('k');
    assert_snapshot!(chat.screen());
}

#[test]
fn partition() {
    let mut chat = evening(80, 24);
    chat.status.missing = Some(missing());
    chat.event(Event::Partition(PartitionChange {
        state: PartitionState::Split,
        reachable: 3,
        known: 7,
        missing: vec!["pi-mill".parse().unwrap(), "pi-dam".parse().unwrap()],
        back: 0,
        theirs: 0,
        ours: 0,
    }));
    chat.pass(2);
    assert_snapshot!(chat.screen());
}

#[test]
fn scrolled_up_with_news_below() {
    let mut chat = Chat::new(80, 24);
    for n in 0..60 {
        chat.hear("#lobby", "ann", &format!("line {n}"));
    }
    chat.press(KeyCode::PageUp);
    chat.hear("#lobby", "bob", "new");
    assert_snapshot!(chat.screen());
}

#[test]
fn searching() {
    let mut chat = evening(80, 24);
    chat.line("/search key");
    assert_snapshot!(chat.screen());
}

#[test]
fn switching() {
    let mut chat = evening(60, 20);
    chat.control('k');
    chat.letters("l");
    assert_snapshot!(chat.screen());
}

#[test]
fn first_start() {
    let mut chat = Chat::with(Kept::default());
    chat.put(Input::Resize(60, 20));
    chat.up();
    assert_snapshot!(chat.screen());
}

#[test]
fn reconnecting_with_unsent_lines() {
    let mut chat = evening(80, 24);
    chat.lose();
    chat.line("is anybody there?");
    chat.line("a second line that has to wait for the daemon, too, and that is quite long");
    chat.pass(75);
    assert_snapshot!(chat.screen());
}

#[test]
fn answers() {
    let mut chat = evening(80, 24);
    chat.line("/whois bob");
    chat.line("/help");
    assert_snapshot!(chat.screen());
}

#[test]
fn colours_go_and_shapes_stay() {
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use ratatui::style::Color;
    let mut chat = evening(80, 24);
    chat.model.taste.color = false;
    let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
    terminal.draw(|frame| super::draw(frame, &chat.model, &chat.now())).unwrap();
    let plain = |cell: &ratatui::buffer::Cell| cell.fg == Color::Reset && cell.bg == Color::Reset;
    assert!(terminal.backend().buffer().content.iter().all(plain));
}
