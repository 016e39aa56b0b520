use std::io::{self, IsTerminal as _, Write as _};

use tokio::io::{AsyncBufReadExt as _, BufReader};

use crate::failure::{Exit, Failure};
use crate::output::escape::escape;

/// Asks before something that cannot be undone; a script has to say `--yes`.
///
/// # Errors
///
/// Unless the answer is yes.
pub(crate) async fn confirm(yes: bool, question: &str) -> Result<(), Failure> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        return Err(Failure::usage("this cannot be undone, and there is no terminal to ask on")
            .hint("say that you mean it:   --yes"));
    }
    write!(io::stderr(), "{} [y/N] ", escape(question))?;
    io::stderr().flush()?;
    let mut answer = String::new();
    BufReader::new(tokio::io::stdin()).read_line(&mut answer).await?;
    match is_yes(&answer) {
        true => Ok(()),
        false => Err(Failure::new(Exit::Other, "not_confirmed", "nothing was done")),
    }
}

fn is_yes(answer: &str) -> bool {
    ["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_yes_is_yes() {
        assert!(is_yes("y\n") && is_yes(" YES \n"));
        assert!(!is_yes("\n") && !is_yes("no\n") && !is_yes("yep\n") && !is_yes(""));
    }

    #[tokio::test]
    async fn scripts_are_not_asked() {
        assert!(confirm(true, "leave?").await.is_ok());
    }
}
