use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use meshchat_client::proto::limits::TEXT_BYTES;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

use super::*;
use crate::chat::seam::Argument;

struct Words;

impl Lexicon for Words {
    fn people(&self) -> Vec<String> {
        ["anna", "Anton", "ben"].map(str::to_owned).to_vec()
    }

    fn rooms(&self) -> Vec<String> {
        vec!["#lobby".into()]
    }

    fn nodes(&self) -> Vec<String> {
        vec!["barn".into()]
    }

    fn commands(&self) -> Vec<(&'static str, Argument)> {
        vec![("/msg", Argument::Person), ("/quit", Argument::Nothing)]
    }
}

const NONE: KeyModifiers = KeyModifiers::NONE;
const CONTROL: KeyModifiers = KeyModifiers::CONTROL;
const ALT: KeyModifiers = KeyModifiers::ALT;

fn press(editor: &mut Editor, code: KeyCode, modifiers: KeyModifiers) -> Typed {
    editor.key(KeyEvent::new(code, modifiers), &Words)
}

fn plain(editor: &mut Editor, code: KeyCode) -> Typed {
    press(editor, code, NONE)
}

fn ctrl(editor: &mut Editor, letter: char) -> Typed {
    press(editor, KeyCode::Char(letter), CONTROL)
}

fn write(editor: &mut Editor, text: &str) {
    for letter in text.chars() {
        assert_eq!(plain(editor, KeyCode::Char(letter)), Typed::Edited);
    }
}

fn written(text: &str) -> Editor {
    let mut editor = Editor::default();
    write(&mut editor, text);
    editor
}

/// The lines of a screen of this size, and the cursor if there is one.
fn screen(editor: &Editor, width: u16, height: u16) -> (Vec<String>, Option<(u16, u16)>) {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| editor.draw(frame, frame.area())).unwrap();
    let buffer = terminal.backend().buffer();
    let row = |y| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
    let rows = (0..height).map(|y| row(y).trim_end().to_owned()).collect();
    let backend = terminal.backend();
    let place = backend.cursor_position();
    (rows, backend.cursor_visible().then_some((place.x, place.y)))
}

#[test]
fn enter_says_it_and_other_enters_break_the_line() {
    let mut editor = written("one");
    press(&mut editor, KeyCode::Enter, ALT);
    write(&mut editor, "two");
    ctrl(&mut editor, 'j');
    press(&mut editor, KeyCode::Enter, KeyModifiers::SHIFT);
    write(&mut editor, "three");
    assert_eq!(editor.height(80), 4);
    assert_eq!(plain(&mut editor, KeyCode::Enter), Typed::Submit("one\ntwo\n\nthree".into()));
    assert!(editor.is_empty());
    assert_eq!(editor.height(80), 1);
}

#[test]
fn nothing_is_not_said() {
    let mut editor = written("   ");
    assert_eq!(plain(&mut editor, KeyCode::Enter), Typed::Edited);
    assert_eq!(editor.text(), "   ");
}

#[test]
fn keys_of_the_rest_of_the_screen_pass() {
    for text in ["", "text"] {
        let mut editor = written(text);
        for letter in ['c', 'k', 'r', 'f', 'l', 'z', 'n', 'p', 'q'] {
            let key = KeyEvent::new(KeyCode::Char(letter), CONTROL);
            assert_eq!(editor.key(key, &Words), Typed::Pass(key));
        }
        for (code, modifiers) in [
            (KeyCode::PageUp, NONE),
            (KeyCode::PageDown, NONE),
            (KeyCode::F(1), NONE),
            (KeyCode::Esc, NONE),
            (KeyCode::Char('a'), ALT),
            (KeyCode::Up, ALT),
            (KeyCode::Down, ALT),
            (KeyCode::Char('1'), ALT),
        ] {
            let key = KeyEvent::new(code, modifiers);
            assert_eq!(editor.key(key, &Words), Typed::Pass(key));
        }
        assert_eq!(editor.text(), text);
    }
}

#[test]
fn home_end_and_ctrl_d_pass_when_there_is_nothing() {
    for (code, modifiers) in
        [(KeyCode::Home, NONE), (KeyCode::End, NONE), (KeyCode::Char('d'), CONTROL)]
    {
        let key = KeyEvent::new(code, modifiers);
        assert_eq!(Editor::default().key(key, &Words), Typed::Pass(key));
        assert_eq!(written("x").key(key, &Words), Typed::Edited);
    }
}

#[test]
fn words_go_and_come_back() {
    let mut editor = written("say foo-bar baz");
    ctrl(&mut editor, 'w');
    assert_eq!(editor.text(), "say foo-bar ");
    ctrl(&mut editor, 'w');
    assert_eq!(editor.text(), "say ");
    plain(&mut editor, KeyCode::Backspace);
    ctrl(&mut editor, 'y');
    assert_eq!(editor.text(), "sayfoo-bar ");
    ctrl(&mut editor, '7');
    assert_eq!(editor.text(), "say");
    ctrl(&mut editor, 'u');
    assert_eq!(editor.text(), "");
}

#[test]
fn the_cursor_goes_by_words_and_lines() {
    let mut editor = written("one two");
    press(&mut editor, KeyCode::Char('b'), ALT);
    press(&mut editor, KeyCode::Left, CONTROL);
    write(&mut editor, "<");
    ctrl(&mut editor, 'e');
    write(&mut editor, ">");
    ctrl(&mut editor, 'a');
    press(&mut editor, KeyCode::Char('d'), ALT);
    assert_eq!(editor.text(), "one two>");
    press(&mut editor, KeyCode::Char('f'), ALT);
    plain(&mut editor, KeyCode::Delete);
    assert_eq!(editor.text(), "one wo>");
}

#[test]
fn a_letter_of_several_characters_is_one() {
    let family = "👩\u{200d}👩\u{200d}👧";
    let mut editor = written(&format!("a{family}e\u{301}b"));
    for _ in 0..3 {
        plain(&mut editor, KeyCode::Left);
    }
    assert_eq!(screen(&editor, 40, 1).1, Some((3, 0)));
    plain(&mut editor, KeyCode::Delete);
    assert_eq!(editor.text(), "ae\u{301}b");
    plain(&mut editor, KeyCode::Right);
    plain(&mut editor, KeyCode::Backspace);
    assert_eq!(editor.text(), "ab");
}

#[test]
fn going_up_never_ends_within_a_letter() {
    let mut editor = written("👩\u{200d}🚀x");
    ctrl(&mut editor, 'j');
    write(&mut editor, "aaa");
    screen(&editor, 40, 5);
    plain(&mut editor, KeyCode::Up);
    plain(&mut editor, KeyCode::Backspace);
    assert!(["👩\u{200d}🚀x\naaa", "👩\u{200d}🚀\naaa", "x\naaa"].contains(&&*editor.text()));
}

#[test]
fn deleting_at_the_edge_joins_lines() {
    let mut editor = written("one");
    ctrl(&mut editor, 'j');
    ctrl(&mut editor, 'w');
    assert_eq!(editor.text(), "one");
    ctrl(&mut editor, 'j');
    write(&mut editor, "two");
    plain(&mut editor, KeyCode::Home);
    plain(&mut editor, KeyCode::Backspace);
    assert_eq!(editor.text(), "onetwo");
    ctrl(&mut editor, 'j');
    plain(&mut editor, KeyCode::Left);
    plain(&mut editor, KeyCode::Delete);
    assert_eq!(editor.text(), "onetwo");
}

#[test]
fn what_was_said_comes_back_by_up() {
    let earlier =
        BTreeMap::from([("#a".to_owned(), vec!["old".to_owned(), "older\n2".to_owned()])]);
    let mut editor = Editor::new(earlier);
    editor.enter("#a");
    write(&mut editor, "dra");
    plain(&mut editor, KeyCode::Up);
    assert_eq!(editor.text(), "older\n2");
    // Within the text first.
    plain(&mut editor, KeyCode::Up);
    plain(&mut editor, KeyCode::Up);
    assert_eq!(editor.text(), "old");
    for _ in 0..3 {
        plain(&mut editor, KeyCode::Down);
    }
    assert_eq!(editor.text(), "dra");
    plain(&mut editor, KeyCode::Enter);
    plain(&mut editor, KeyCode::Up);
    assert_eq!(editor.text(), "dra");
}

#[test]
fn each_conversation_keeps_its_draft_and_its_history() {
    let mut editor = Editor::default();
    editor.enter("#a");
    write(&mut editor, "said in a");
    plain(&mut editor, KeyCode::Enter);
    write(&mut editor, "begun in a");
    editor.enter("#b");
    assert!(editor.is_empty());
    plain(&mut editor, KeyCode::Up);
    assert!(editor.is_empty());
    editor.paste("1\n2\n3\n4");
    editor.enter("#a");
    assert_eq!(editor.text(), "begun in a");
    plain(&mut editor, KeyCode::Up);
    assert_eq!(editor.text(), "said in a");
    editor.enter("#b");
    assert_eq!(plain(&mut editor, KeyCode::Enter), Typed::Submit("1\n2\n3\n4".into()));
}

#[test]
fn drafts_are_bounded_and_empty_places_go_first() {
    let mut editor = Editor::default();
    editor.enter("#kept");
    write(&mut editor, "x");
    for number in 0..2 * PLACES {
        editor.enter(&format!("#{number}"));
    }
    assert!(editor.elsewhere.len() <= PLACES);
    editor.enter("#kept");
    assert_eq!(editor.text(), "x");
}

#[test]
fn tab_completes_what_is_common_and_then_goes_round() {
    let mut editor = written("a");
    plain(&mut editor, KeyCode::Tab);
    assert_eq!(editor.text(), "an");
    assert_eq!(screen(&editor, 40, 2).0, ["anna  Anton", "> an"]);
    assert_eq!(editor.height(40), 2);
    plain(&mut editor, KeyCode::Tab);
    assert_eq!(editor.text(), "anna: ");
    plain(&mut editor, KeyCode::Tab);
    assert_eq!(editor.text(), "Anton: ");
    plain(&mut editor, KeyCode::Tab);
    assert_eq!(editor.text(), "anna: ");
    plain(&mut editor, KeyCode::BackTab);
    assert_eq!(editor.text(), "Anton: ");
    write(&mut editor, "b");
    assert_eq!(editor.height(40), 1);
    plain(&mut editor, KeyCode::Tab);
    assert_eq!(editor.text(), "Anton: ben ");
}

#[test]
fn tab_in_the_middle_leaves_what_follows() {
    let mut editor = written("ask an today");
    for _ in 0..6 {
        plain(&mut editor, KeyCode::Left);
    }
    plain(&mut editor, KeyCode::BackTab);
    assert_eq!(editor.text(), "ask Anton  today");
    let mut editor = written("/q");
    plain(&mut editor, KeyCode::Tab);
    assert_eq!(plain(&mut editor, KeyCode::Enter), Typed::Submit("/quit".into()));
}

#[test]
fn esc_ends_the_offer_and_then_passes() {
    let mut editor = written("a");
    plain(&mut editor, KeyCode::Tab);
    assert_eq!(plain(&mut editor, KeyCode::Esc), Typed::Edited);
    assert_eq!(editor.height(40), 1);
    assert!(matches!(plain(&mut editor, KeyCode::Esc), Typed::Pass(_)));
}

#[test]
fn a_short_paste_goes_in_and_says_nothing() {
    let mut editor = written("see: ");
    editor.paste("one\r\ntwo\tthree\x1b[31m\x07\n");
    assert_eq!(editor.text(), "see: one\ntwo    three[31m");
}

#[test]
fn a_long_paste_asks() {
    let text = "1\n2\n3\n4\n5\n6\n7\n";
    let mut editor = written("log: ");
    editor.paste(text);
    let (rows, cursor) = screen(&editor, 100, 1);
    assert_eq!(
        rows,
        ["Paste 7 lines? Enter sends them as one message, e edits them first, Esc drops them"]
    );
    assert_eq!(cursor, None);
    assert!(editor.height(30) > 1);
    assert_eq!(plain(&mut editor, KeyCode::Char('x')), Typed::Edited);
    assert!(matches!(plain(&mut editor, KeyCode::PageUp), Typed::Pass(_)));
    plain(&mut editor, KeyCode::Esc);
    assert_eq!(editor.text(), "log: ");
    editor.paste(text);
    plain(&mut editor, KeyCode::Char('e'));
    assert_eq!(editor.text(), "log: 1\n2\n3\n4\n5\n6\n7");
    ctrl(&mut editor, 'u');
    editor.paste("x\ny\nz\n\nw");
    let said = "log: 1\n2\n3\n4\n5\n6\nx\ny\nz\n\nw";
    assert_eq!(plain(&mut editor, KeyCode::Enter), Typed::Submit(said.into()));
}

#[test]
fn what_no_message_can_hold_is_not_taken() {
    let mut editor = written("begun ");
    editor.paste(&"line\n".repeat(2000));
    assert_eq!(editor.text(), "begun ");
    assert!(screen(&editor, 100, 3).0[0].starts_with("Not pasted: the message would have 9.7 KiB"));
    editor.paste(&"x".repeat(3_000_000));
    assert!(screen(&editor, 100, 3).0[0].contains("far more"));
    editor.paste(&"x".repeat(TEXT_BYTES - 6));
    assert_eq!(editor.text().len(), TEXT_BYTES);
    assert_eq!(editor.height(40), 5);
    plain(&mut editor, KeyCode::Char('y'));
    assert_eq!(editor.text().len(), TEXT_BYTES);
    assert_eq!(screen(&editor, 60, 6).0[0], FULL);
    ctrl(&mut editor, 'j');
    editor.insert("ä");
    assert_eq!(editor.text().len(), TEXT_BYTES);
    plain(&mut editor, KeyCode::Backspace);
    assert_eq!(editor.height(40), 5);
    plain(&mut editor, KeyCode::Char('y'));
    assert_eq!(editor.text().len(), TEXT_BYTES);
}

#[test]
fn a_second_paste_joins_the_one_that_waits() {
    let mut editor = Editor::default();
    editor.paste("1\n2\n3\n4");
    editor.paste(&"x".repeat(TEXT_BYTES));
    editor.paste("5");
    assert_eq!(plain(&mut editor, KeyCode::Enter), Typed::Submit("1\n2\n3\n4\n5".into()));
}

#[test]
fn no_control_character_gets_in() {
    let mut editor = Editor::default();
    for code in (0..0x20).chain(0x7F..0xA0) {
        let letter = char::from_u32(code).unwrap();
        plain(&mut editor, KeyCode::Char(letter));
        editor.paste(&letter.to_string());
        editor.insert(&letter.to_string());
    }
    let text = editor.text();
    assert!(!text.contains(|letter: char| letter.is_control() && letter != '\n'), "{text:?}");
}

#[test]
fn long_lines_wrap_and_the_cursor_follows() {
    let mut editor = written("aaaa bbbb cccc dddd");
    assert_eq!(editor.height(12), 2);
    let (rows, cursor) = screen(&editor, 12, 2);
    assert_eq!(rows, ["aaaa bbbb", "cccc dddd"]);
    assert_eq!(cursor, Some((9, 1)));
    write(&mut editor, &" eeee".repeat(20));
    assert_eq!(editor.height(12), 5);
    let (rows, cursor) = screen(&editor, 12, 5);
    assert_eq!((rows[4].as_str(), cursor), ("eeee eeee", Some((9, 4))));
}

#[test]
fn any_size_of_screen_is_drawn() {
    let mut editor = written("a 漢字 👩\u{200d}🚀");
    for asked in [false, true] {
        for width in 0..24 {
            for height in 0..7 {
                let wanted = editor.height(width);
                assert!((1..=20).contains(&wanted) || wanted < 100, "{width}: {wanted}");
                screen(&editor, width.max(1), height.max(1));
            }
        }
        if !asked {
            editor.paste("1\n2\n3\n4");
        }
    }
}
