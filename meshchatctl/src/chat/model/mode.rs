//! What the keys are for at the moment.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};

use super::place::Place;

#[derive(Debug)]
pub(crate) enum Mode {
    Chat,
    /// The first start asks for a name: what is typed, and why the last one was refused.
    Name(Prompt, String),
    Switch(Switcher),
    Search(Search),
}

/// Which panes are there. On a screen too narrow for them, one can be shown in place of the log.
#[derive(Debug)]
pub(crate) struct Panes {
    pub(crate) rooms: bool,
    pub(crate) people: bool,
    pub(crate) shown: Option<Pane>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pane {
    Rooms,
    People,
}

impl Default for Panes {
    fn default() -> Self {
        Self { rooms: true, people: true, shown: None }
    }
}

/// A line that is typed to a question.
#[derive(Debug, Default)]
pub(crate) struct Prompt {
    pub(crate) text: String,
}

impl Prompt {
    /// Takes a key; false when it means nothing here.
    pub(crate) fn key(&mut self, key: KeyEvent) -> bool {
        let plain = !key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT);
        let control = key.modifiers == KeyModifiers::CONTROL;
        match (key.code, control) {
            (KeyCode::Char(letter), _) if plain => self.paste(letter.encode_utf8(&mut [0; 4])),
            (KeyCode::Backspace, _) => drop(self.text.pop()),
            (KeyCode::Char('h'), true) => drop(self.text.pop()),
            (KeyCode::Char('u'), true) => self.text.clear(),
            (KeyCode::Char('w'), true) => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |at| at + 1);
                self.text.truncate(kept);
            }
            _ => return false,
        }
        true
    }

    pub(crate) fn paste(&mut self, text: &str) {
        let letters = text.chars().filter(|letter| !letter.is_control());
        let room = MOST.saturating_sub(self.text.len());
        self.text.extend(letters.take(room));
    }
}

/// Goes to a conversation by some letters of its name.
#[derive(Debug)]
pub(crate) struct Switcher {
    pub(crate) prompt: Prompt,
    all: Vec<Place>,
    /// Those that fit, the best first.
    pub(crate) found: Vec<Place>,
    pub(crate) chosen: usize,
}

impl Switcher {
    /// `all` in the order in which they are offered when nothing is typed.
    pub(crate) fn new(all: Vec<Place>) -> Self {
        Self { prompt: Prompt::default(), found: all.clone(), all, chosen: 0 }
    }

    pub(crate) fn filter(&mut self) {
        self.chosen = 0;
        let pattern = Pattern::parse(&self.prompt.text, CaseMatching::Ignore, Normalization::Smart);
        let mut matcher = Matcher::new(Config::DEFAULT);
        let mut letters = Vec::new();
        let mut scored: Vec<(u32, &Place)> = Vec::new();
        for place in &self.all {
            let name = place.to_string();
            let hay = nucleo_matcher::Utf32Str::new(&name, &mut letters);
            scored.extend(pattern.score(hay, &mut matcher).map(|score| (score, place)));
        }
        scored.sort_by_key(|(score, _)| std::cmp::Reverse(*score));
        self.found = scored.into_iter().map(|(_, place)| place.clone()).collect();
    }

    pub(crate) fn step(&mut self, down: bool) {
        let many = self.found.len().max(1);
        self.chosen = if down { self.chosen + 1 } else { self.chosen + many - 1 } % many;
    }

    pub(crate) fn choice(&self) -> Option<&Place> {
        self.found.get(self.chosen)
    }
}

/// Looks for words in the open log.
#[derive(Debug, Default)]
pub(crate) struct Search {
    pub(crate) prompt: Prompt,
    /// The entry that was found.
    pub(crate) at: Option<u64>,
    /// The last step found nothing further.
    pub(crate) over: bool,
}

/// Letters of an answer.
const MOST: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_letters_find_a_place() {
        let places = ["#lobby", "#fire", "#first-aid", "@finn@pi-barn"].map(Place::parse);
        let mut switcher = Switcher::new(places.into_iter().flatten().collect());
        assert_eq!(switcher.choice(), Place::parse("#lobby").as_ref());
        switcher.prompt.paste("fnn");
        switcher.filter();
        assert_eq!(switcher.choice(), Place::parse("@finn@pi-barn").as_ref());
        switcher.prompt.text = "fi".into();
        switcher.filter();
        assert_eq!(switcher.found.len(), 3);
        switcher.step(false);
        assert_eq!(switcher.chosen, 2);
        switcher.prompt.text = "zzz".into();
        switcher.filter();
        assert_eq!(switcher.choice(), None);
        switcher.step(true);
    }
}
