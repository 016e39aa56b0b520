//! Which part of the open log is on the screen. Nothing but the person moves it: it hangs on the
//! entry at its lower edge, not on a number of lines.

use super::Model;
use super::conversation::View;
use super::log::{Entry, What};
use super::mode::Mode;
use crate::chat::draw::areas;
use crate::chat::draw::lines::Look;

/// A place in a log: an entry, and how many of its lines are hidden below the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Edge {
    at: usize,
    hidden: usize,
}

impl Model {
    pub(super) fn page(&mut self, up: bool) {
        let height = usize::from(areas::areas(self).log.height);
        self.scroll(up, height.saturating_sub(1).max(1));
    }

    pub(super) fn scroll(&mut self, up: bool, rows: usize) {
        let Some(edge) = self.edge() else { return };
        let edge = if up { self.up(edge, rows) } else { self.down(edge, rows) };
        self.show(edge);
    }

    pub(super) fn go_to_top(&mut self) {
        if self.edge().is_some() {
            self.show(Edge { at: 0, hidden: usize::MAX });
        }
    }

    pub(super) fn go_to_end(&mut self) {
        let one = self.places.current_mut();
        one.at_end();
        one.log.trim(super::log::KEPT);
    }

    /// A long answer is read from its beginning.
    pub(super) fn show_whole(&mut self) {
        let height = usize::from(areas::areas(self).log.height);
        let at_end = self.places.current().is_some_and(|one| one.view == View::End);
        let Some(edge) = self.edge().filter(|_| at_end && height > 0) else { return };
        let rows = self.height(edge.at);
        if rows > height {
            self.show(Edge { hidden: rows - height, ..edge });
        }
    }

    /// Looks from the end for what is typed.
    pub(super) fn search_anew(&mut self) {
        if let Mode::Search(search) = &mut self.mode {
            (search.at, search.over) = (None, false);
        }
        self.search_step(true);
    }

    pub(super) fn search_step(&mut self, older: bool) {
        let Mode::Search(search) = &self.mode else { return };
        let wanted = search.prompt.text.to_lowercase();
        let Some(log) = self.places.current().map(|one| &one.log) else { return };
        if wanted.is_empty() {
            return;
        }
        let from = search.at.and_then(|id| log.place_of(id));
        let entries = log.entries();
        let fits = |(at, entry): (usize, &Entry)| holds(entry, &wanted).then_some((at, entry.id));
        let found = match (older, from) {
            (true, from) => {
                let before = from.unwrap_or(entries.len());
                entries.iter().enumerate().take(before).rev().find_map(fits)
            }
            (false, from) => {
                entries.iter().enumerate().skip(from.map_or(0, |at| at + 1)).find_map(fits)
            }
        };
        if let Mode::Search(search) = &mut self.mode {
            search.over = found.is_none();
            search.at = found.map(|(_, id)| id).or(search.at);
        }
        if let Some((at, _)) = found {
            let half = usize::from(areas::areas(self).log.height) / 2;
            let edge = self.down(Edge { at, hidden: 0 }, half);
            self.show(edge);
        }
    }

    fn edge(&self) -> Option<Edge> {
        let one = self.places.current()?;
        let last = one.log.len().checked_sub(1)?;
        Some(match one.view {
            View::End => Edge { at: last, hidden: 0 },
            View::At { id, hidden } => match one.log.place_of(id) {
                Some(at) => Edge { at, hidden },
                None => Edge { at: 0, hidden: 0 },
            },
        })
    }

    fn height(&self, at: usize) -> usize {
        let width = areas::areas(self).log.width;
        self.places.current().map_or(0, |one| Look::new(self, one, width).entry(at).len())
    }

    fn up(&self, mut edge: Edge, mut rows: usize) -> Edge {
        loop {
            let left = self.height(edge.at).saturating_sub(edge.hidden);
            if rows < left || edge.at == 0 {
                return Edge { hidden: edge.hidden + rows.min(left), ..edge };
            }
            rows -= left;
            edge = Edge { at: edge.at - 1, hidden: 0 };
        }
    }

    fn down(&self, mut edge: Edge, mut rows: usize) -> Edge {
        let last = self.places.current().map_or(0, |one| one.log.len().saturating_sub(1));
        loop {
            if rows <= edge.hidden {
                return Edge { hidden: edge.hidden - rows, ..edge };
            }
            rows -= edge.hidden;
            if edge.at >= last {
                return Edge { at: last, hidden: 0 };
            }
            edge = Edge { at: edge.at + 1, hidden: self.height(edge.at + 1) };
        }
    }

    /// Shows the log up to this edge, or further down if it would not fill the screen.
    fn show(&mut self, edge: Edge) {
        let height = usize::from(areas::areas(self).log.height);
        let hidden = edge.hidden.min(self.height(edge.at));
        let mut above = self.height(edge.at) - hidden;
        let mut at = edge.at;
        while above < height && at > 0 {
            at -= 1;
            above += self.height(at);
        }
        let edge = self.down(Edge { hidden, ..edge }, height.saturating_sub(above));
        let one = self.places.current_mut();
        let last = one.log.len().saturating_sub(1);
        match one.log.entries().get(edge.at) {
            Some(entry) if edge != (Edge { at: last, hidden: 0 }) => {
                one.view = View::At { id: entry.id, hidden: edge.hidden };
            }
            Some(_) | None => self.go_to_end(),
        }
    }
}

/// Whether an entry has these words, which are in small letters.
fn holds(entry: &Entry, wanted: &str) -> bool {
    let has = |text: &str| text.to_lowercase().contains(wanted);
    match &entry.what {
        What::Said(said) => said.lines.iter().any(|line| has(line)) || has(said.who.name.as_str()),
        What::Rule(words, _) => has(words),
        What::Answer(..) | What::Changes(_) => false,
    }
}
