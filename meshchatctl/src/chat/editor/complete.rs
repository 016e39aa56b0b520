//! What Tab may make of a word.

use crate::chat::seam::{Argument, Lexicon};

/// What a word that was begun may become.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Completion {
    /// Bytes before the cursor that are replaced.
    pub(super) typed: usize,
    /// The likeliest first, never empty.
    pub(super) words: Vec<String>,
    /// What follows the word once it is chosen.
    pub(super) suffix: &'static str,
}

/// Completes the end of `before`, which stands in the given line of the text.
pub(super) fn complete(row: usize, before: &str, lexicon: &dyn Lexicon) -> Option<Completion> {
    if row == 0 && before.starts_with('/') {
        return match before.split_once(' ') {
            None => command(before, lexicon),
            Some((name, _)) => argument(name, before, lexicon),
        };
    }
    anywhere(row, before, lexicon)
}

/// What begins all of them, as the first has it; in any case of letters.
pub(super) fn common_start(words: &[String]) -> String {
    let Some((first, others)) = words.split_first() else { return String::new() };
    let agree = |other: &String| {
        let pairs = first.chars().zip(other.chars());
        pairs.take_while(|(a, b)| same(*a, *b)).count()
    };
    let letters = others.iter().map(agree).min().unwrap_or(usize::MAX);
    first.chars().take(letters).collect()
}

fn command(before: &str, lexicon: &dyn Lexicon) -> Option<Completion> {
    let commands = lexicon.commands();
    let fitting = commands.iter().filter(|(name, _)| begins(name, before));
    let words: Vec<_> = fitting.clone().map(|(name, _)| (*name).to_owned()).collect();
    let lonely = fitting.clone().all(|(_, argument)| *argument == Argument::Nothing);
    choose(before, words, if lonely { "" } else { " " })
}

fn argument(name: &str, before: &str, lexicon: &dyn Lexicon) -> Option<Completion> {
    let commands = lexicon.commands();
    let (_, kind) = commands.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    let typed = before.get(name.len()..).unwrap_or_default().trim_start();
    let fitting = |words: Vec<String>| {
        let words = words.into_iter().filter(|word| begins(word, typed));
        choose(typed, words.collect(), " ")
    };
    let first = match kind {
        Argument::Nothing => return None,
        Argument::Text => None,
        Argument::Person => fitting(people(typed, lexicon)),
        Argument::Room => room(typed, lexicon),
        Argument::Node => fitting(lexicon.nodes()),
    };
    // Not what the command begins with, but something in its text.
    first.or_else(|| typed.contains(' ').then(|| anywhere(1, before, lexicon)).flatten()).or_else(
        || match kind {
            Argument::Text => anywhere(1, before, lexicon),
            Argument::Nothing | Argument::Person | Argument::Room | Argument::Node => None,
        },
    )
}

fn anywhere(row: usize, before: &str, lexicon: &dyn Lexicon) -> Option<Completion> {
    let word = last_word(before);
    if word.starts_with('#') {
        return room(word, lexicon);
    }
    // Names may have spaces in them: the longest beginning that fits is meant.
    let starts = before.char_indices().filter(|(at, _)| {
        *at == 0 || before.get(..*at).is_some_and(|text| text.ends_with(char::is_whitespace))
    });
    let end = (!word.is_empty()).then_some(before.len() - word.len());
    let starts = starts.map(|(at, _)| at).chain(end.or(Some(before.len())));
    for start in starts {
        let typed = before.get(start..).unwrap_or_default();
        if typed.is_empty() != word.is_empty() || typed.chars().count() > LONGEST {
            continue;
        }
        let words = people(typed, lexicon).into_iter().filter(|name| begins(name, typed));
        let suffix = if row == 0 && start == 0 { ": " } else { " " };
        if let Some(found) = choose(typed, words.collect(), suffix) {
            return Some(found);
        }
    }
    None
}

/// Names, with an `@` before each if one was typed.
fn people(typed: &str, lexicon: &dyn Lexicon) -> Vec<String> {
    let names = lexicon.people();
    match typed.starts_with('@') {
        true => names
            .into_iter()
            .map(|name| if name.starts_with('@') { name } else { format!("@{name}") })
            .collect(),
        false => names,
    }
}

fn room(typed: &str, lexicon: &dyn Lexicon) -> Option<Completion> {
    let bare = typed.trim_start_matches('#');
    let words = lexicon.rooms().into_iter();
    let words =
        words.filter(|room| begins(room, typed) || begins(room.trim_start_matches('#'), bare));
    choose(typed, words.collect(), " ")
}

fn choose(typed: &str, mut words: Vec<String>, suffix: &'static str) -> Option<Completion> {
    words.truncate(MOST);
    (!words.is_empty()).then_some(Completion { typed: typed.len(), words, suffix })
}

fn last_word(text: &str) -> &str {
    text.rsplit(char::is_whitespace).next().unwrap_or_default()
}

/// In any case of letters.
fn begins(word: &str, start: &str) -> bool {
    let mut letters = word.chars();
    start.chars().all(|wanted| letters.next().is_some_and(|letter| same(letter, wanted)))
}

fn same(a: char, b: char) -> bool {
    a == b || a.to_lowercase().eq(b.to_lowercase())
}

/// Words offered at once.
const MOST: usize = 200;
/// Characters before the cursor that may be the begin of a name: `@NAME@NODE`.
const LONGEST: usize = 70;

#[cfg(test)]
mod tests;
