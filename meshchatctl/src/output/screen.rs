//! A text that is shown again and again in the same place.

use std::io::{self, Write as _};

use unicode_width::UnicodeWidthStr as _;

use super::View;

/// See the module. On what is no terminal, texts come one after the other.
#[derive(Debug, Default)]
pub(crate) struct Screen {
    begun: bool,
}

impl Screen {
    /// What to print so that `text` is seen.
    pub(crate) fn frame(&mut self, text: &str, view: &View) -> String {
        if !view.terminal {
            return format!("{text}\n");
        }
        let (columns, lines) = (view.width.unwrap_or(80), view.height.unwrap_or(24));
        // What stood there before moves up and can be looked at afterwards.
        let room = if self.begun { String::new() } else { "\n".repeat(lines) };
        self.begun = true;
        let mut out = format!("{room}\x1b[H");
        for (at, line) in fit(text, columns, lines).iter().enumerate() {
            // No flicker: each line is written over what it replaces. No new line behind the last.
            out.push_str(if at > 0 { "\r\n" } else { "" });
            out.push_str(line);
            out.push_str("\x1b[K");
        }
        out.push_str("\x1b[J");
        out
    }
}

impl Drop for Screen {
    /// What follows, such as a prompt, begins a line of its own.
    fn drop(&mut self) {
        if self.begun {
            // There is nowhere to tell that standard output is closed.
            let _ = io::stdout().write_all(b"\r\n");
        }
    }
}

/// As many lines as fit, the last of them with how many do not. One row is left for what the
/// terminal itself writes, such as ^C.
fn fit(text: &str, columns: usize, lines: usize) -> Vec<String> {
    let room = lines.saturating_sub(1).max(1);
    let all: Vec<&str> = text.lines().collect();
    let rows = |line: &str| plain_width(line).div_ceil(columns.max(1)).max(1);
    if all.iter().map(|line| rows(line)).sum::<usize>() <= room {
        return all.into_iter().map(Into::into).collect();
    }
    let (mut used, mut shown) = (1, Vec::new());
    for line in &all {
        used += rows(line);
        if used > room {
            break;
        }
        shown.push((*line).to_owned());
    }
    let more = all.len() - shown.len();
    let remark = format!("… {more} more; a taller window shows them");
    shown.push(remark.chars().take(columns).collect());
    shown
}

/// What a line takes on the screen, colours left out.
fn plain_width(line: &str) -> usize {
    let mut plain = String::with_capacity(line.len());
    let mut parts = line.split('\x1b');
    plain.push_str(parts.next().unwrap_or_default());
    for part in parts {
        plain.push_str(part.split_once('m').map_or("", |(_, rest)| rest));
    }
    plain.width()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(columns: usize, lines: usize) -> View {
        View { terminal: true, width: Some(columns), height: Some(lines), ..View::plain() }
    }

    #[test]
    fn the_second_text_takes_the_place_of_the_first() {
        let mut screen = Screen::default();
        assert_eq!(screen.frame("a\nb\n", &view(9, 3)), "\n\n\n\x1b[Ha\x1b[K\r\nb\x1b[K\x1b[J");
        assert_eq!(screen.frame("c\n", &view(9, 3)), "\x1b[Hc\x1b[K\x1b[J");
        assert_eq!(Screen::default().frame("a\n", &View::plain()), "a\n\n");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        assert_eq!(fit("a\nb\nc\nd", 40, 5), ["a", "b", "c", "d"]);
        assert_eq!(fit("a\nb\nc\nd", 40, 4), ["a", "b", "… 2 more; a taller window shows them"]);
        // A line that is wider than the screen takes two rows of it.
        assert_eq!(fit("aaaaaa\nb\nc", 4, 4), ["aaaaaa", "… 2 "]);
        assert_eq!(fit("", 1, 1).len(), 0);
    }

    #[test]
    fn colours_take_no_room() {
        assert_eq!(plain_width("\x1b[31mred\x1b[0m 李"), 6);
    }
}
