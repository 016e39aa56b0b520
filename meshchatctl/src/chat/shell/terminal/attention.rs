//! The bell, notices and the clipboard: sequences that a terminal carries out.

use std::env;

use crate::chat::editor::clean;
use crate::output::escape::escape;

/// What the person's terminal understands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Voice {
    /// It shows notices.
    notices: bool,
    /// It is tmux that we talk to, which hands on what is wrapped.
    tmux: bool,
}

impl Voice {
    pub(super) fn of_terminal() -> Self {
        Self::of(|name| env::var(name).ok().filter(|value| !value.is_empty()))
    }

    fn of(get: impl Fn(&str) -> Option<String>) -> Self {
        let term = get("TERM").unwrap_or_default();
        let named = ["kitty", "ghostty", "foot", "wezterm"].iter().any(|name| term.contains(name));
        let program = get("TERM_PROGRAM").or_else(|| get("LC_TERMINAL")).unwrap_or_default();
        let program = ["iTerm.app", "iTerm2", "WezTerm", "ghostty"].contains(&program.as_str());
        // What tmux runs in is known if it told its environment.
        let around = ["KITTY_WINDOW_ID", "WEZTERM_PANE", "ITERM_SESSION_ID"];
        let around = around.iter().any(|name| get(name).is_some());
        Self { notices: named || program || around, tmux: get("TMUX").is_some() }
    }

    /// The bell, and a notice where one can be shown.
    pub(super) fn notice(self, title: &str, text: &str) -> String {
        let mut out = BELL.to_owned();
        if self.notices {
            let text = format!("{}: {}", escape(title), escape(text));
            let short: String = text.chars().take(NOTICE).collect();
            out.push_str(&self.wrap(&format!("\x1b]9;{short}\x07")));
        }
        out
    }

    /// Puts text into the clipboard of the person's terminal; nothing when it is too long, as
    /// half of it would be worse.
    pub(super) fn copy(self, text: &str) -> String {
        let text = clean(text);
        if text.len() > CLIPBOARD {
            return String::new();
        }
        let copy = format!("\x1b]52;c;{}\x07", base64(text.as_bytes()));
        // Tmux may have been told to take it, or to hand it on.
        match self.tmux {
            true => format!("{copy}{}", self.wrap(&copy)),
            false => copy,
        }
    }

    /// For the terminal around tmux.
    fn wrap(self, sequence: &str) -> String {
        match self.tmux {
            true => format!("\x1bPtmux;{}\x1b\\", sequence.replace('\x1b', "\x1b\x1b")),
            false => sequence.to_owned(),
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let byte = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let digit = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap_or(0);
            let digit = DIGITS.get(digit).copied().unwrap_or(b'=');
            out.push(char::from(if place <= chunk.len() { digit } else { b'=' }));
        }
    }
    out
}

const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const BELL: &str = "\x07";
/// Characters of a notice.
const NOTICE: usize = 200;
/// Bytes that are put into a clipboard.
const CLIPBOARD: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(environment: &[(&str, &str)]) -> Voice {
        Voice::of(|name| {
            let found = environment.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_bell_is_for_all_and_notices_for_those_who_show_them() {
        assert_eq!(voice(&[("TERM", "linux")]).notice("#a", "hi"), "\x07");
        let kitty = voice(&[("TERM", "xterm-kitty")]);
        assert_eq!(kitty.notice("#a", "hi"), "\x07\x1b]9;#a: hi\x07");
        let tmux = [("TERM", "tmux"), ("TMUX", "x"), ("KITTY_WINDOW_ID", "1")];
        assert_eq!(voice(&tmux).notice("#a", "hi"), "\x07\x1bPtmux;\x1b\x1b]9;#a: hi\x07\x1b\\");
    }

    #[test]
    fn nothing_breaks_out_of_a_notice() {
        let kitty = voice(&[("TERM", "xterm-kitty")]);
        let said = kitty.notice("a\x07b", &format!("\x1b\\\u{9c}\n{}", "x".repeat(9000)));
        let inside = said.strip_prefix("\x07\x1b]9;").unwrap().strip_suffix('\x07').unwrap();
        assert!(!inside.contains(char::is_control));
        assert_eq!(inside.chars().count(), NOTICE);
    }

    #[test]
    fn what_is_copied_is_text() {
        let plain = Voice::default();
        assert_eq!(plain.copy("Man"), "\x1b]52;c;TWFu\x07");
        assert_eq!(plain.copy("Ma"), "\x1b]52;c;TWE=\x07");
        assert_eq!(plain.copy("M\x1b\x07"), "\x1b]52;c;TQ==\x07");
        assert_eq!(plain.copy(""), "\x1b]52;c;\x07");
        assert_eq!(plain.copy(&"x".repeat(CLIPBOARD + 1)), "");
        assert_eq!(base64(&[0xFB, 0xEF, 0xBE, 0xFF]), "++++/w==");
    }
}
