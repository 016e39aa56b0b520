//! How a roll call looks.

use super::list::{List, Row, State};
use crate::failure::Failure;
use crate::output::View;
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::table::{Cell, Column, Table};
use crate::output::time::span;

/// The table and what it comes to; `since` while it goes on, in milliseconds.
pub(super) fn text(
    list: &List,
    room: &str,
    since: Option<u64>,
    view: &View,
) -> Result<String, Failure> {
    const COLUMNS: &[Column] = &[
        Column::left("person"),
        Column::left("state"),
        Column::right("after"),
        Column::note("words"),
    ];
    let table = Table::new(COLUMNS, list.rows().iter().map(row));
    let table = table.render(view).map_err(Failure::usage)?;
    if !view.legend {
        return Ok(table);
    }
    let (answered, expected) = (list.answered(), list.expected());
    let paint = match list.is_complete() {
        true => Paint::Good,
        false if answered == 0 => Paint::Bad,
        false => Paint::Warn,
    };
    let verdict = match (expected, answered) {
        (0, 0) => "nobody else is there".to_owned(),
        (_, _) => format!("{answered} of {expected} answered"),
    };
    let going = since.map(|since| format!(", {} since the question", span(since)));
    let verdict = format!("{room}: {verdict}{}", going.unwrap_or_default());
    let rest = rest(list);
    let rest = if rest.is_empty() { rest } else { format!("{rest}\n") };
    Ok(format!("{}\n{table}{rest}", paint.on(&escape(&verdict), view.color)))
}

/// One line for an answer, where no table stays in place.
pub(super) fn answer(row: &Row) -> String {
    let after = row.after_ms.map(span).unwrap_or_default();
    let words = row.text.as_deref().unwrap_or_default();
    format!("{}@{} answered after {after}: {}\n", row.name, row.node_name, escape(words))
}

/// Who is missing, by what that may mean.
fn rest(list: &List) -> String {
    let kinds = [
        (State::Unreachable, "out of reach"),
        (State::Undelivered, "not reached yet"),
        (State::Silent, "silent"),
        (State::Away, "away"),
        (State::Offline, "offline"),
    ];
    let some = kinds.into_iter().filter_map(|(state, words)| {
        let many = list.rows().iter().filter(|row| row.state == state).count();
        (many > 0).then(|| format!("{many} {words}"))
    });
    some.collect::<Vec<_>>().join(", ")
}

fn row(row: &Row) -> Vec<Cell> {
    let (name, node) = (row.name.as_str(), row.node_name.as_str());
    let person = format!("{name}@{node}");
    let door = if row.gateway { " (gateway)" } else { "" };
    let (shown, word, paint) = state(row.state);
    let words = match (&row.text, row.note.as_str()) {
        (Some(text), _) => text.clone(),
        (None, "") => String::new(),
        (None, note) => format!("away: {note}"),
    };
    vec![
        Cell::new(format!("{person}{door}")).raw(&person).paint(Paint::of_name(name, node)),
        Cell::new(shown).raw(word).paint(paint),
        row.after_ms.map_or_else(Cell::default, |ms| Cell::new(span(ms)).raw(ms)),
        Cell::new(words),
    ]
}

const fn state(state: State) -> (&'static str, &'static str, Paint) {
    match state {
        State::Answered => ("● answered", "answered", Paint::Good),
        State::Silent => ("◌ silent, the node has it", "silent", Paint::Warn),
        State::Undelivered => ("◐ not at the node yet", "undelivered", Paint::Warn),
        State::Away => ("◐ away, the node has it", "away", Paint::Warn),
        State::Unreachable => ("✕ unreachable", "unreachable", Paint::Bad),
        State::Offline => ("○ offline", "offline", Paint::Dim),
    }
}

#[cfg(test)]
mod tests {
    use meshchat_client::proto::control::PersonStatus;

    use super::super::list::tests::{called, person, said};
    use super::*;

    #[test]
    fn a_coordinator_sees_who_is_missing_and_why() {
        let people = [
            person("me", 1, PersonStatus::Online),
            person("ann", 2, PersonStatus::Online),
            person("dan", 4, PersonStatus::Unreachable),
        ];
        let mut list = called(&people, false);
        list.answer(&said("ann", 2, "here \x1b[2J"), 4_000);
        list.sort();
        assert_eq!(
            text(&list, "#ops", None, &View::plain()).unwrap(),
            "#ops: 1 of 2 answered\n\
             PERSON    STATE          AFTER  WORDS\n\
             dan@pi-4  ✕ unreachable\n\
             ann@pi-2  ● answered       4 s  here \\x1b[2J\n\
             1 out of reach\n"
        );
    }
}
