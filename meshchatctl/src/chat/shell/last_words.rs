//! Words that were not sent when the chat ends.

use crate::chat::seam::Unsent;
use crate::failure::{Exit, Failure};
use crate::output::note;

/// Says how many there are, and whether the next chat has them.
///
/// # Errors
///
/// When it will not: with the words themselves, as they are nowhere else.
pub(super) fn report(unsent: &[Unsent], kept: Result<(), String>) -> Result<(), Failure> {
    let Some(count) = count(unsent.len()) else { return Ok(()) };
    let Err(why) = kept else {
        note(&format!("{count} not sent; kept for the next chat"));
        return Ok(());
    };
    let lost = Failure::new(Exit::Other, "not_sent", format!("{count} not sent, nor kept: {why}"));
    let words = |one: &Unsent| format!("for {}: {}", one.conversation, one.text);
    Err(unsent.iter().fold(lost, |lost, one| lost.hint(words(one))))
}

fn count(lines: usize) -> Option<String> {
    match lines {
        0 => None,
        1 => Some("1 line was".into()),
        _ => Some(format!("{lines} lines were")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unsent(text: &str) -> Unsent {
        let conversation = "#lobby".into();
        Unsent { conversation, text: text.into(), action: false, tried_ms: None }
    }

    #[test]
    fn what_is_kept_is_no_failure() {
        assert!(report(&[], Err("no disk".into())).is_ok());
        assert!(report(&[unsent("a")], Ok(())).is_ok());
    }

    #[test]
    fn what_is_lost_is_given_back() {
        let lost = report(&[unsent("a"), unsent("b")], Err("no disk".into())).unwrap_err();
        assert_eq!(lost.exit_code(), 1);
        assert_eq!(lost.message(), "2 lines were not sent, nor kept: no disk");
    }
}
