//! What the keys of the line of input do.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

/// What a key asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Submit,
    NewLine,
    Insert(char),
    Move(Motion),
    /// Deletes what lies between the cursor and there.
    Delete(Motion),
    Undo,
    /// Puts back what was deleted last.
    Yank,
    Complete,
    CompleteBack,
    Cancel,
    /// Nothing that the line knows.
    Pass,
}

/// A place, as seen from the cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Motion {
    /// One letter as people see it, an emoji with all its parts for example.
    Back,
    Forward,
    WordBack,
    WordForward,
    /// The last white space, however many kinds of signs lie between.
    GapBack,
    Home,
    End,
    Up,
    Down,
}

pub(super) fn action(key: KeyEvent) -> Action {
    let shift = KeyModifiers::SHIFT;
    if key.modifiers.difference(shift).is_empty() {
        plain(key.code, key.modifiers.contains(shift))
    } else if key.modifiers.difference(shift) == KeyModifiers::CONTROL {
        control(key.code)
    } else if key.modifiers.difference(shift) == KeyModifiers::ALT {
        alt(key.code)
    } else {
        Action::Pass
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a terminal has more keys than a line needs")]
fn plain(code: KeyCode, shift: bool) -> Action {
    match code {
        KeyCode::Enter if shift => Action::NewLine,
        KeyCode::Enter => Action::Submit,
        KeyCode::Char(letter) => Action::Insert(letter),
        KeyCode::Tab if shift => Action::CompleteBack,
        KeyCode::Tab => Action::Complete,
        KeyCode::BackTab => Action::CompleteBack,
        KeyCode::Esc => Action::Cancel,
        KeyCode::Backspace => Action::Delete(Motion::Back),
        KeyCode::Delete => Action::Delete(Motion::Forward),
        KeyCode::Left => Action::Move(Motion::Back),
        KeyCode::Right => Action::Move(Motion::Forward),
        KeyCode::Home => Action::Move(Motion::Home),
        KeyCode::End => Action::Move(Motion::End),
        KeyCode::Up if !shift => Action::Move(Motion::Up),
        KeyCode::Down if !shift => Action::Move(Motion::Down),
        _ => Action::Pass,
    }
}

/// Without Ctrl-K, Ctrl-F and Ctrl-R, which belong to the rest of the screen.
#[expect(clippy::wildcard_enum_match_arm, reason = "a terminal has more keys than a line needs")]
fn control(code: KeyCode) -> Action {
    match code {
        KeyCode::Enter | KeyCode::Char('j') => Action::NewLine,
        KeyCode::Char('a') => Action::Move(Motion::Home),
        KeyCode::Char('e') => Action::Move(Motion::End),
        KeyCode::Char('b') => Action::Move(Motion::Back),
        KeyCode::Left => Action::Move(Motion::WordBack),
        KeyCode::Right => Action::Move(Motion::WordForward),
        KeyCode::Char('h') => Action::Delete(Motion::Back),
        KeyCode::Char('d') => Action::Delete(Motion::Forward),
        KeyCode::Char('w') => Action::Delete(Motion::GapBack),
        KeyCode::Char('u') => Action::Delete(Motion::Home),
        KeyCode::Backspace => Action::Delete(Motion::WordBack),
        KeyCode::Delete => Action::Delete(Motion::WordForward),
        KeyCode::Char('y') => Action::Yank,
        // Most terminals send one byte for Ctrl-_, Ctrl-/ and Ctrl-7.
        KeyCode::Char('_' | '/' | '7') => Action::Undo,
        _ => Action::Pass,
    }
}

#[expect(clippy::wildcard_enum_match_arm, reason = "a terminal has more keys than a line needs")]
fn alt(code: KeyCode) -> Action {
    match code {
        KeyCode::Enter => Action::NewLine,
        KeyCode::Char('b') | KeyCode::Left => Action::Move(Motion::WordBack),
        KeyCode::Char('f') | KeyCode::Right => Action::Move(Motion::WordForward),
        KeyCode::Backspace => Action::Delete(Motion::WordBack),
        KeyCode::Char('d') => Action::Delete(Motion::WordForward),
        _ => Action::Pass,
    }
}
