//! The lines that were typed in one conversation, and the way through them.

use std::collections::{BTreeMap, VecDeque};

/// See the module.
#[derive(Debug, Default)]
pub(super) struct History {
    lines: VecDeque<String>,
    /// Where in it one is; at its end there is the line that is being written.
    at: usize,
    /// What lines were changed to while looking around, the one being written among them.
    changed: BTreeMap<usize, String>,
}

impl History {
    /// The oldest first.
    pub(super) fn new(lines: Vec<String>) -> Self {
        let skipped = lines.len().saturating_sub(LINES);
        let lines: VecDeque<_> = lines.into_iter().skip(skipped).collect();
        Self { at: lines.len(), lines, changed: BTreeMap::new() }
    }

    /// A line was said.
    pub(super) fn push(&mut self, line: &str) {
        if self.lines.back().is_none_or(|last| last != line) {
            self.lines.push_back(line.to_owned());
        }
        if self.lines.len() > LINES {
            self.lines.pop_front();
        }
        self.at = self.lines.len();
        self.changed.clear();
    }

    /// The line before this one, which has become `now`.
    pub(super) fn older(&mut self, now: String) -> Option<String> {
        self.go(self.at.checked_sub(1)?, now)
    }

    /// The line after this one.
    pub(super) fn newer(&mut self, now: String) -> Option<String> {
        let next = self.at + 1;
        match next <= self.lines.len() {
            true => self.go(next, now),
            false => None,
        }
    }

    fn go(&mut self, to: usize, now: String) -> Option<String> {
        if self.lines.get(self.at) != Some(&now) {
            self.changed.insert(self.at, now);
        }
        self.at = to;
        let changed = self.changed.remove(&to);
        Some(changed.or_else(|| self.lines.get(to).cloned()).unwrap_or_default())
    }
}

/// Lines remembered of each conversation.
pub(in crate::chat) const LINES: usize = 500;

#[cfg(test)]
mod tests {
    use super::*;

    fn history() -> History {
        History::new(vec!["one".into(), "two".into()])
    }

    #[test]
    fn goes_back_and_returns_to_what_was_being_written() {
        let mut history = history();
        assert_eq!(history.newer("dra".into()), None);
        assert_eq!(history.older("draft".into()).unwrap(), "two");
        assert_eq!(history.older("two".into()).unwrap(), "one");
        assert_eq!(history.older("one".into()), None);
        assert_eq!(history.newer("one".into()).unwrap(), "two");
        assert_eq!(history.newer("two".into()).unwrap(), "draft");
    }

    #[test]
    fn keeps_changes_of_old_lines_until_something_is_said() {
        let mut history = history();
        history.older(String::new());
        history.older("two!".into());
        assert_eq!(history.newer("one".into()).unwrap(), "two!");
        history.push("two!");
        assert_eq!(history.older(String::new()).unwrap(), "two!");
        assert_eq!(history.older("two!".into()).unwrap(), "two");
    }

    #[test]
    fn does_not_repeat_and_does_not_grow_for_ever() {
        let mut history = history();
        history.push("two");
        assert_eq!(history.lines.len(), 2);
        for number in 0..2 * LINES {
            history.push(&number.to_string());
        }
        assert_eq!(history.lines.len(), LINES);
        assert_eq!(history.older(String::new()).unwrap(), (2 * LINES - 1).to_string());
        let many = (0..2 * LINES).map(|number| number.to_string()).collect();
        assert_eq!(History::new(many).lines.len(), LINES);
    }
}
