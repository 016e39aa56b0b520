//! What may get into the line, and what is asked about first.

use meshchat_client::proto::limits::TEXT_BYTES;

/// What somebody pasted that should not go out by mistake.
#[derive(Debug, Default)]
pub(super) struct Paste {
    pub(super) text: String,
}

impl Paste {
    /// What is asked.
    pub(super) fn question(&self) -> String {
        let lines = self.text.split('\n').count();
        format!(
            "Paste {lines} lines? Enter sends them as one message, e edits them first, Esc drops them"
        )
    }
}

/// Text without what would control the terminal: line breaks stay, tabs become spaces.
pub(in crate::chat) fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len().min(2 * TEXT_BYTES));
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' if letters.peek() == Some(&'\n') => {}
            '\r' | '\n' | '\u{85}' | '\u{2028}' | '\u{2029}' => out.push('\n'),
            '\t' => out.push_str(TAB),
            letter if letter.is_control() => {}
            letter => out.push(letter),
        }
        if out.len() > LARGEST {
            break;
        }
    }
    out
}

/// Whether it should be asked about.
pub(super) fn is_long(text: &str) -> bool {
    text.split('\n').count() > LINES
}

pub(super) fn too_long(bytes: usize) -> String {
    match bytes > LARGEST {
        true => format!("Not pasted: it is far more than a message holds (4 KiB). {INSTEAD}"),
        false => format!(
            "Not pasted: the message would have {}.{} KiB of at most 4. {INSTEAD}",
            bytes / 1024,
            bytes % 1024 * 10 / 1024
        ),
    }
}

pub(super) const FULL: &str = "A message holds 4 KiB, and this one is full";

const INSTEAD: &str = "For files: meshchatctl send ROOM - < FILE";

/// More lines than this are asked about.
const LINES: usize = 3;
/// What is read of a paste; all beyond is too long by far.
const LARGEST: usize = 1024 * 1024;
const TAB: &str = "    ";
