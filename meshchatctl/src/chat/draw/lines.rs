//! Entries of a log as lines of the screen.

use jiff::civil::DateTime;
use ratatui::style::{Modifier, Style};
use ratatui::text::Line;
use unicode_width::UnicodeWidthStr as _;

use super::ink::ink;
use super::wrap::{Piece, Wrap, fit};
use crate::chat::model::Model;
use crate::chat::model::conversation::Conversation;
use crate::chat::model::log::{Entry, Log, Mark, Said, What};
use crate::chat::model::mode::Mode;
use crate::chat::model::outbox::{Item, State};
use crate::chat::model::people::People;
use crate::output::style::Paint;
use meshchat_client::proto::control::DirectState;

/// How the entries of one log look on a screen this wide.
#[derive(Debug)]
pub(crate) struct Look<'a> {
    log: &'a Log,
    people: &'a People,
    marker: Option<u64>,
    width: u16,
    /// What is looked for, in small letters, and the entry where it was found.
    search: Option<(String, Option<u64>)>,
}

impl<'a> Look<'a> {
    pub(crate) fn new(model: &'a Model, one: &'a Conversation, width: u16) -> Self {
        let search = match &model.mode {
            Mode::Search(search) if !search.prompt.text.is_empty() => {
                Some((search.prompt.text.to_lowercase(), search.at))
            }
            Mode::Search(_) | Mode::Chat | Mode::Name(..) | Mode::Switch(_) => None,
        };
        Self { log: &one.log, people: &model.people, marker: one.marker, width, search }
    }

    /// The lines of an entry; none of one that says nothing, or that there is not.
    pub(crate) fn entry(&self, at: usize) -> Vec<Line<'static>> {
        let entries = self.log.entries();
        let Some(entry) = entries.get(at) else { return Vec::new() };
        let before = at.checked_sub(1).and_then(|before| entries.get(before));
        let mut lines = Vec::new();
        let day = entry.when.map(|when| when.date());
        let new_day =
            day.filter(|_| before.and_then(|one| one.when).map(|when| when.date()) != day);
        if let Some(day) = new_day {
            lines.push(self.rule(&day.strftime("%A %-d %B %Y").to_string(), ink(Paint::Dim)));
        }
        let marked = self.marker == Some(entry.id);
        if marked {
            lines.push(self.rule("new", ink(Paint::Bad)));
        }
        let follows = new_day.is_none() && !marked && before.is_some_and(|one| follows(one, entry));
        lines.extend(self.body(entry, follows));
        lines
    }

    fn body(&self, entry: &Entry, follows: bool) -> Vec<Line<'static>> {
        match &entry.what {
            What::Said(said) => self.said(entry, said, follows),
            What::Rule(words, paint) => {
                let front = vec![("── ".to_owned(), ink(*paint))];
                let mut wrap = Wrap::new(self.width, front, 3);
                wrap.text(&clocked(entry.when, words), ink(*paint));
                wrap.finish()
            }
            What::Answer(lines, paint) => self.answer(lines, *paint),
            What::Changes(changes) => {
                let words = changes.words();
                if words.is_empty() {
                    return Vec::new();
                }
                let (front, hang) = self.time(entry.when, ' ');
                let mut wrap = Wrap::new(self.width, front, hang);
                wrap.text(&words, ink(Paint::Dim));
                wrap.finish()
            }
        }
    }

    fn said(&self, entry: &Entry, said: &Said, follows: bool) -> Vec<Line<'static>> {
        let found = self.search.as_ref().is_some_and(|(_, at)| *at == Some(entry.id));
        let flag = match (found, said.mention, said.doubtful) {
            (true, ..) => '>',
            (_, true, _) => '!',
            (_, _, true) => '~',
            _ => ' ',
        };
        let (mut front, time) = self.time(entry.when, flag);
        let paint = Paint::of_name(said.who.name.as_str(), said.who.node.as_str());
        let name = match said.mention {
            true => ink(paint).add_modifier(Modifier::BOLD | Modifier::REVERSED),
            false => ink(paint).add_modifier(Modifier::BOLD),
        };
        let hang = self.author(&mut front, said, (name, time), follows);
        let mut wrap = Wrap::new(self.width, front, hang);
        if said.action {
            wrap.text(&format!("{} ", self.label(said, NAME_MOST)), name);
        }
        let style = if said.mention { Style::new().bold() } else { Style::new() };
        self.words(&mut wrap, &said.lines, style);
        if said.late {
            wrap.text(" (late)", ink(Paint::Dim));
        }
        if let Some((words, paint)) = mark(said.mark) {
            wrap.text(&format!(" {words}"), ink(paint));
        }
        wrap.finish()
    }

    /// Puts the author in front; gives where the words of further lines begin.
    fn author(
        &self,
        front: &mut Vec<Piece>,
        said: &Said,
        (style, time): (Style, usize),
        follows: bool,
    ) -> usize {
        let column = name_column(self.width);
        if column == 0 {
            match (said.action, follows) {
                (true, _) => front.push(("* ".into(), style)),
                (false, true) => {}
                (false, false) => {
                    let most = usize::from(self.width).saturating_sub(time + 4).clamp(1, NAME_MOST);
                    front.push((format!("{}: ", self.label(said, most)), style));
                }
            }
            return time;
        }
        let label = match (said.action, follows) {
            (true, _) => "*".to_owned(),
            (false, true) => String::new(),
            (false, false) => self.label(said, column),
        };
        front.push((" ".repeat(column - label.width().min(column)), Style::new()));
        front.push((label, style));
        front.push(("  ".into(), Style::new()));
        time + column + 2
    }

    /// The author: with the node where there is room or the name alone does not tell.
    fn label(&self, said: &Said, most: usize) -> String {
        let name = said.who.name.as_str();
        let via = said.via.as_ref().map_or_else(String::new, |via| format!(" ({via})"));
        let full = format!("{}{via}", said.who);
        let short = format!("{name}{via}");
        let alone = !self.people.is_ambiguous(name);
        match (full.width() <= most, alone) {
            (true, _) => full,
            (false, true) => fit(&short, most),
            (false, false) => fit(&full, most),
        }
    }

    fn words(&self, wrap: &mut Wrap, lines: &[String], style: Style) {
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                wrap.new_line();
            }
            let Some((wanted, _)) = &self.search else {
                wrap.text(line, style);
                continue;
            };
            for (part, hit) in parts(line, wanted) {
                let style = if hit { style.add_modifier(Modifier::REVERSED) } else { style };
                wrap.text(part, style);
            }
        }
    }

    fn answer(&self, lines: &[String], paint: Paint) -> Vec<Line<'static>> {
        let bar = || vec![("┃ ".to_owned(), ink(Paint::Name(0)))];
        let wrapped = lines.iter().flat_map(|line| {
            let mut wrap = Wrap::new(self.width.saturating_sub(2), Vec::new(), 2);
            wrap.text(line, ink(paint));
            wrap.finish()
        });
        wrapped
            .map(|line| {
                let mut spans: Vec<_> = bar()
                    .into_iter()
                    .map(|(text, style)| ratatui::text::Span::styled(text, style))
                    .collect();
                spans.extend(line.spans);
                Line::from(spans)
            })
            .collect()
    }

    /// Words of one's own that the node does not have yet, or has not shown.
    pub(crate) fn waiting(&self, item: &Item) -> Vec<Line<'static>> {
        let (words, paint) = match &item.state {
            State::Waiting if item.unknown => {
                ("not sent yet: their node is not known yet", Paint::Warn)
            }
            State::Waiting => ("not sent yet", Paint::Warn),
            State::Held => ("may have been sent: /resend or /drop", Paint::Bad),
            State::Asked(_) | State::Taken(..) => ("sending", Paint::Dim),
            State::Refused(_) => ("refused", Paint::Bad),
        };
        let (mut front, time) = self.time(None, ' ');
        let column = name_column(self.width);
        let hang = if column == 0 { time } else { time + column + 2 };
        front.push((" ".repeat(hang - time), Style::new()));
        let mut wrap = Wrap::new(self.width, front, hang);
        let dim = ink(Paint::Dim);
        if item.action {
            wrap.text("* ", dim);
        }
        self.words(&mut wrap, &item.lines, dim);
        wrap.text(&format!(" · {words}"), ink(paint));
        wrap.finish()
    }

    /// The time in front, and what it takes; nothing where there is no room for it.
    fn time(&self, when: Option<DateTime>, flag: char) -> (Vec<Piece>, usize) {
        if self.width < TIME_FROM {
            return (vec![(flag.to_string(), Style::new())], 1);
        }
        let time = when.map_or_else(|| "     ".into(), |when| when.strftime("%H:%M").to_string());
        let flagged = if flag == ' ' { Style::new() } else { ink(Paint::Warn) };
        (vec![(time, ink(Paint::Dim)), (flag.to_string(), flagged)], 6)
    }

    fn rule(&self, words: &str, style: Style) -> Line<'static> {
        let width = usize::from(self.width);
        let words = fit(&format!("── {words} "), width);
        let rest = "─".repeat(width.saturating_sub(words.width()));
        Line::styled(format!("{words}{rest}"), style)
    }
}

/// Whether a message stands under the name of the one before.
fn follows(before: &Entry, entry: &Entry) -> bool {
    let (What::Said(one), What::Said(other)) = (&before.what, &entry.what) else { return false };
    let near = match (before.when, entry.when) {
        (Some(before), Some(now)) => {
            now >= before && now.duration_since(before).as_secs() < TOGETHER_S
        }
        _ => false,
    };
    near && one.who == other.who
        && one.via == other.via
        && !one.action
        && !other.action
        && !other.mention
}

fn clocked(when: Option<DateTime>, words: &str) -> String {
    when.map_or_else(|| words.to_owned(), |when| format!("{} {words}", when.strftime("%H:%M")))
}

/// What is known of where one's own message is.
fn mark(mark: Mark) -> Option<(String, Paint)> {
    match mark {
        Mark::None => None,
        Mark::Sent => Some(("· sent".into(), Paint::Dim)),
        Mark::Reached(0 | 1, _) => Some(("· here only".into(), Paint::Dim)),
        Mark::Reached(reached, known) if reached >= known => {
            Some((format!("✓ {reached}/{known} all"), Paint::Good))
        }
        Mark::Reached(reached, known) => Some((format!("✓ {reached}/{known}"), Paint::Dim)),
        Mark::Direct(DirectState::Queued) => Some(("· on its way".into(), Paint::Dim)),
        Mark::Direct(DirectState::Delivered) => Some(("✓ delivered".into(), Paint::Dim)),
        Mark::Direct(DirectState::Read) => Some(("✓ read".into(), Paint::Good)),
        Mark::Direct(DirectState::Expired) => {
            Some(("✕ did not get there in time".into(), Paint::Bad))
        }
        Mark::Direct(DirectState::Refused) => {
            Some(("✕ refused: nobody of that name is there".into(), Paint::Bad))
        }
        Mark::Direct(DirectState::Unknown) => None,
    }
}

/// Cuts a line where the wanted words, in small letters, are found.
fn parts<'a>(line: &'a str, wanted: &str) -> Vec<(&'a str, bool)> {
    let mut out = Vec::new();
    let (mut from, mut at) = (0, 0);
    while let Some(letter) = line.get(at..).and_then(|rest| rest.chars().next()) {
        match line.get(at..).and_then(|rest| begins(rest, wanted)) {
            Some(length) => {
                out.push((line.get(from..at).unwrap_or(""), false));
                out.push((line.get(at..at + length).unwrap_or(""), true));
                at += length;
                from = at;
            }
            None => at += letter.len_utf8(),
        }
    }
    out.push((line.get(from..).unwrap_or(""), false));
    out.retain(|(part, _)| !part.is_empty());
    out
}

/// How many bytes of a text are the wanted words.
fn begins(text: &str, wanted: &str) -> Option<usize> {
    let mut wanted = wanted.chars();
    let mut length = 0;
    for letter in text.chars() {
        if wanted.as_str().is_empty() {
            break;
        }
        for small in letter.to_lowercase() {
            if wanted.next() != Some(small) {
                return None;
            }
        }
        length += letter.len_utf8();
    }
    (length > 0 && wanted.as_str().is_empty()).then_some(length)
}

/// Columns for names, beside the words; 0 where names stand in front of them.
const fn name_column(width: u16) -> usize {
    match width {
        0..58 => 0,
        58..84 => 14,
        84..110 => 18,
        _ => 24,
    }
}

/// A name that is longer is cut.
const NAME_MOST: usize = 32;
/// Seconds within which messages of one person stand under one name.
const TOGETHER_S: i64 = 300;
/// Columns from which there is room for times.
const TIME_FROM: u16 = 30;

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn what_is_found_is_cut_out() {
        assert_eq!(
            parts("Fire, FIRE!", "fire"),
            [("Fire", true), (", ", false), ("FIRE", true), ("!", false)]
        );
        assert_eq!(parts("süd SÜD", "süd"), [("süd", true), (" ", false), ("SÜD", true)]);
        assert_eq!(parts("nothing", "x"), [("nothing", false)]);
    }
}
