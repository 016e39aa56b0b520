//! What keys and the mouse do.

use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers, MouseButton, MouseEvent, MouseEventKind};
use ratatui::layout::Position;

use super::Model;
use super::ask::Purpose;
use super::mode::{Mode, Pane, Search, Switcher};
use super::words::Words;
use crate::chat::draw::{areas, panes};
use crate::chat::seam::Effect;
use crate::output::style::Paint;
use crate::output::time::Clock;

impl Model {
    pub(super) fn key(&mut self, key: KeyEvent, clock: &Clock) {
        match &mut self.mode {
            Mode::Chat => {
                let Self { people, places, standing, .. } = self;
                let typed = self.editor.key(key, &Words { people, places, standing });
                self.typed(typed, clock);
            }
            Mode::Name(..) => self.name_key(key, clock),
            Mode::Switch(_) => self.switch_key(key),
            Mode::Search(_) => self.search_key(key),
        }
    }

    pub(super) fn paste(&mut self, text: &str, clock: &Clock) {
        match &mut self.mode {
            Mode::Chat => {
                let typed = self.editor.paste(text);
                self.typed(typed, clock);
            }
            Mode::Name(prompt, _) => prompt.paste(text),
            Mode::Switch(switcher) => {
                switcher.prompt.paste(text);
                switcher.filter();
            }
            Mode::Search(search) => {
                search.prompt.paste(text);
                self.search_anew();
            }
        }
    }

    /// A key that means nothing to the line of input.
    pub(super) fn passed(&mut self, key: KeyEvent, clock: &Clock) {
        match (key.code, key.modifiers) {
            (KeyCode::PageUp, _) => self.page(true),
            (KeyCode::PageDown, _) => self.page(false),
            (KeyCode::Home, _) => self.go_to_top(),
            (KeyCode::End, _) => self.go_to_end(),
            (KeyCode::Esc, _) if self.panes.shown.is_some() => self.panes.shown = None,
            (KeyCode::Esc, _) => self.go_to_end(),
            (KeyCode::Up, KeyModifiers::ALT) => self.step(false),
            (KeyCode::Down, KeyModifiers::ALT) => self.step(true),
            (KeyCode::F(1), _) => self.submit("/help", clock),
            (KeyCode::F(2), _) => self.pane(Pane::Rooms),
            (KeyCode::F(3), _) => self.pane(Pane::People),
            (KeyCode::Char('a' | 'A'), KeyModifiers::ALT) => self.go_to_news(clock),
            (KeyCode::Char(letter), KeyModifiers::CONTROL) => self.control(letter, clock),
            _ => {}
        }
    }

    fn control(&mut self, letter: char, clock: &Clock) {
        match letter {
            'p' => self.step(false),
            'n' => self.step(true),
            'k' => {
                let Self { people, places, standing, .. } = &*self;
                let all = Words { people, places, standing }.places();
                self.mode = Mode::Switch(Switcher::new(all));
            }
            'f' | 'r' => self.mode = Mode::Search(Search::default()),
            'l' => self.effects.push(Effect::Repaint),
            'z' => self.effects.push(Effect::Suspend),
            'c' if self.editor.is_empty() || self.running < self.flags.leaving_until => self.quit(),
            'c' => {
                self.flags.leaving_until = self.running + LEAVE;
                self.tell(
                    "Ctrl-C again leaves; what stands in the line is lost",
                    Paint::Dim,
                    clock,
                );
            }
            'd' if self.editor.is_empty() => self.quit(),
            _ => {}
        }
    }

    fn step(&mut self, forward: bool) {
        if let Some(place) = self.places.neighbour(forward) {
            let shown = self.panes.shown;
            self.enter(&place);
            self.panes.shown = shown.filter(|pane| *pane == Pane::Rooms);
        }
    }

    fn go_to_news(&mut self, clock: &Clock) {
        match self.places.news() {
            Some(place) => self.enter(&place),
            None => self.tell("nothing new elsewhere", Paint::Dim, clock),
        }
    }

    /// Folds a pane away or out; where there is no room for it, shows it in place of the log.
    fn pane(&mut self, pane: Pane) {
        if self.panes.shown.take() == Some(pane) {
            return;
        }
        let fits = areas::fits(self.size.0, pane);
        match pane {
            Pane::Rooms if fits => self.panes.rooms = !self.panes.rooms,
            Pane::People if fits => self.panes.people = !self.panes.people,
            Pane::Rooms | Pane::People => self.panes.shown = Some(pane),
        }
    }

    /// Whether people are on the screen, so that it is worth to measure how far they are.
    pub(super) fn shows_people(&self) -> bool {
        let beside = self.panes.people && areas::fits(self.size.0, Pane::People);
        beside || self.panes.shown == Some(Pane::People)
    }

    fn name_key(&mut self, key: KeyEvent, clock: &Clock) {
        let Mode::Name(prompt, why) = &mut self.mode else { return };
        match (key.code, key.modifiers) {
            (KeyCode::Char('c'), KeyModifiers::CONTROL) => self.quit(),
            (KeyCode::Esc, _) => self.introduced(),
            (KeyCode::Enter, _) => {
                let name = prompt.text.trim();
                let same = self.standing.me.as_ref().is_some_and(|me| me.name.as_str() == name);
                if name.is_empty() || same {
                    self.introduced();
                    return;
                }
                match name.parse() {
                    Ok(name) => self.ask_to_be_called(name),
                    Err(error) => {
                        *why = format!("'{}': {error}", crate::output::escape::escape(name))
                    }
                }
            }
            _ => {
                if prompt.key(key) {
                    why.clear();
                } else {
                    self.passed_over(key, clock);
                }
            }
        }
    }

    fn ask_to_be_called(&mut self, name: meshchat_client::proto::name::PersonName) {
        let request = meshchat_client::proto::control::Request::Nick { name: name.to_string() };
        self.effects.push(self.asks.ask(Purpose::Name(name), request));
    }

    /// Keys that work also while a question is open.
    fn passed_over(&mut self, key: KeyEvent, clock: &Clock) {
        let works = matches!(key.code, KeyCode::PageUp | KeyCode::PageDown)
            || (key.modifiers == KeyModifiers::CONTROL
                && matches!(key.code, KeyCode::Char('l' | 'z')));
        if works {
            self.passed(key, clock);
        }
    }

    fn switch_key(&mut self, key: KeyEvent) {
        let Mode::Switch(switcher) = &mut self.mode else { return };
        match (key.code, key.modifiers == KeyModifiers::CONTROL) {
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'g'), true) => self.mode = Mode::Chat,
            (KeyCode::Enter, _) => {
                let choice = switcher.choice().cloned();
                self.mode = Mode::Chat;
                if let Some(place) = choice {
                    self.enter(&place);
                }
            }
            (KeyCode::Up | KeyCode::BackTab, _) | (KeyCode::Char('p'), true) => {
                switcher.step(false);
            }
            (KeyCode::Down | KeyCode::Tab, _) | (KeyCode::Char('n' | 'k'), true) => {
                switcher.step(true);
            }
            _ => {
                if switcher.prompt.key(key) {
                    switcher.filter();
                }
            }
        }
    }

    fn search_key(&mut self, key: KeyEvent) {
        let Mode::Search(search) = &mut self.mode else { return };
        match (key.code, key.modifiers == KeyModifiers::CONTROL) {
            (KeyCode::Esc, _) | (KeyCode::Char('c' | 'g'), true) => self.mode = Mode::Chat,
            (KeyCode::Enter | KeyCode::Up, _) | (KeyCode::Char('r' | 'f' | 'p'), true) => {
                self.search_step(true);
            }
            (KeyCode::Down, _) | (KeyCode::Char('s' | 'n'), true) => self.search_step(false),
            (KeyCode::PageUp, _) => self.page(true),
            (KeyCode::PageDown, _) => self.page(false),
            _ => {
                if search.prompt.key(key) {
                    self.search_anew();
                }
            }
        }
    }

    pub(super) fn mouse(&mut self, mouse: MouseEvent) {
        match mouse.kind {
            MouseEventKind::ScrollUp => self.scroll(true, WHEEL),
            MouseEventKind::ScrollDown => self.scroll(false, WHEEL),
            MouseEventKind::Down(MouseButton::Left) => self.click(mouse.column, mouse.row),
            MouseEventKind::Down(_)
            | MouseEventKind::Up(_)
            | MouseEventKind::Drag(_)
            | MouseEventKind::Moved
            | MouseEventKind::ScrollLeft
            | MouseEventKind::ScrollRight => {}
        }
    }

    fn click(&mut self, column: u16, row: u16) {
        if !matches!(self.mode, Mode::Chat) {
            return;
        }
        let at = Position::new(column, row);
        let areas = areas::areas(self);
        if let Some(area) = areas.rooms.filter(|area| area.contains(at)) {
            let rows = panes::rooms(self, area);
            let row = rows.get(usize::from(row - area.y));
            if let Some(place) = row.and_then(|row| row.place.clone()) {
                self.enter(&place);
            }
        } else if let Some(area) = areas.people.filter(|area| area.contains(at)) {
            let rows = panes::people(self, area);
            let row = rows.get(usize::from(row - area.y));
            if let Some(name) = row.and_then(|row| row.name.clone()) {
                self.panes.shown = None;
                self.editor.insert(&format!("{name} "));
            }
        }
    }
}

/// How long a second Ctrl-C leaves.
const LEAVE: Duration = Duration::from_secs(3);
/// Lines that the wheel moves.
const WHEEL: usize = 3;
