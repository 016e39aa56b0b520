//! Colours, and the glyphs and words of states. Nothing is told by colour alone.

use anstyle::{AnsiColor, Style};
use meshchat_client::proto::control::{DeliveryState, Grade, NodeState, PeerState, PersonStatus};

/// What a piece of text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Paint {
    #[default]
    Plain,
    Header,
    Good,
    Warn,
    Bad,
    Dim,
    /// A name, coloured by this number.
    Name(u32),
}

impl Paint {
    /// The colour that stays with a name.
    pub(crate) fn of_name(name: &str, node: &str) -> Self {
        let hash = |hash: u32, byte: u8| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
        Self::Name(name.bytes().chain([b'@']).chain(node.bytes()).fold(0x811C_9DC5, hash))
    }

    /// The text, in colour if wanted.
    pub(crate) fn on(self, text: &str, color: bool) -> String {
        let style = self.style();
        match color && !style.is_plain() {
            true => format!("{}{text}{}", style.render(), style.render_reset()),
            false => text.to_owned(),
        }
    }

    pub(crate) fn style(self) -> Style {
        let colored = |color: AnsiColor| Style::new().fg_color(Some(color.into()));
        match self {
            Self::Plain => Style::new(),
            Self::Header => Style::new().bold(),
            Self::Good => colored(AnsiColor::Green),
            Self::Warn => colored(AnsiColor::Yellow),
            Self::Bad => colored(AnsiColor::Red),
            Self::Dim => Style::new().dimmed(),
            Self::Name(number) => {
                let index = usize::try_from(number).unwrap_or(0) % NAMES.len();
                colored(NAMES.get(index).copied().unwrap_or(AnsiColor::Cyan))
            }
        }
    }
}

/// A glyph, a word and their colour.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mark {
    pub(crate) glyph: char,
    pub(crate) word: &'static str,
    pub(crate) paint: Paint,
}

const fn mark(glyph: char, word: &'static str, paint: Paint) -> Mark {
    Mark { glyph, word, paint }
}

pub(crate) const fn person(state: PersonStatus) -> Mark {
    match state {
        PersonStatus::Online => mark('●', "online", Paint::Good),
        PersonStatus::Away => mark('◐', "away", Paint::Warn),
        PersonStatus::Unreachable => mark('✕', "unreachable", Paint::Bad),
        PersonStatus::Offline => mark('○', "offline", Paint::Dim),
        PersonStatus::Unknown => UNKNOWN,
    }
}

pub(crate) const fn node(state: NodeState) -> Mark {
    match state {
        NodeState::Here => mark('●', "here", Paint::Good),
        NodeState::Reachable => mark('●', "reachable", Paint::Good),
        NodeState::Unreachable => mark('✕', "unreachable", Paint::Bad),
        NodeState::Left => mark('○', "left", Paint::Dim),
        NodeState::Unknown => UNKNOWN,
    }
}

pub(crate) const fn delivery(state: DeliveryState) -> Mark {
    match state {
        DeliveryState::Here | DeliveryState::Wrote | DeliveryState::Told | DeliveryState::Equal => {
            mark('●', "holds it", Paint::Good)
        }
        DeliveryState::Waiting => mark('◌', "waiting", Paint::Warn),
        DeliveryState::Behind => mark('◐', "behind", Paint::Warn),
        DeliveryState::Unreachable => mark('✕', "unreachable", Paint::Bad),
        DeliveryState::Left => mark('○', "left", Paint::Dim),
        DeliveryState::Lost => mark('○', "lost", Paint::Dim),
        DeliveryState::NotMember => mark('○', "no member", Paint::Dim),
        DeliveryState::Silent => mark('?', "unknown", Paint::Warn),
        DeliveryState::Unknown => UNKNOWN,
    }
}

pub(crate) const fn peer(state: PeerState) -> Mark {
    match state {
        PeerState::Linked => mark('●', "linked", Paint::Good),
        PeerState::Connecting => mark('◐', "connecting", Paint::Warn),
        PeerState::Waiting => mark('○', "waiting", Paint::Warn),
        PeerState::Relayed => mark('◌', "relayed", Paint::Warn),
        PeerState::Refused => mark('✕', "refused", Paint::Bad),
        PeerState::Unknown => UNKNOWN,
    }
}

pub(crate) const fn grade(grade: Grade) -> Mark {
    match grade {
        Grade::Ok => mark('✓', "ok", Paint::Good),
        Grade::Note => mark('·', "note", Paint::Plain),
        Grade::Warning => mark('!', "warning", Paint::Warn),
        Grade::Problem => mark('✕', "problem", Paint::Bad),
        Grade::Unknown => UNKNOWN,
    }
}

const UNKNOWN: Mark = mark('?', "unknown", Paint::Warn);

/// Not red, which means trouble, and not black or white, which may be the background.
const NAMES: [AnsiColor; 8] = [
    AnsiColor::Cyan,
    AnsiColor::Green,
    AnsiColor::Yellow,
    AnsiColor::Blue,
    AnsiColor::Magenta,
    AnsiColor::BrightCyan,
    AnsiColor::BrightGreen,
    AnsiColor::BrightMagenta,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_come_only_when_wanted() {
        assert_eq!(Paint::Bad.on("x", false), "x");
        assert_eq!(Paint::Bad.on("x", true), "\x1b[31mx\x1b[0m");
        assert_eq!(Paint::Plain.on("x", true), "x");
    }

    #[test]
    fn a_name_keeps_its_colour() {
        assert_eq!(Paint::of_name("ann", "pi"), Paint::of_name("ann", "pi"));
        assert_ne!(Paint::of_name("ann", "pi"), Paint::of_name("anna", "pi"));
    }
}
