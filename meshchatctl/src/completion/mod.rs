//! Completion of what is being typed, for bash, zsh and fish.
//!
//! The shell runs the program with `COMPLETE=SHELL` and the line so far. Everything that the
//! command line knows of itself is offered by clap; what only the daemon knows (rooms, people,
//! nodes, peers, cursors) is asked for in the same moment. Nothing is ever said on standard error,
//! and every failure means fewer suggestions.

mod line;
mod live;
mod values;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::ValueEnum;
use clap_complete::CompletionCandidate;
use clap_complete::engine;

use self::line::Line;
use crate::output::escape::escape;

/// A shell whose lines can be completed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU bash.
    Bash,
    /// The Z shell.
    Zsh,
    /// The friendly interactive shell.
    Fish,
}

impl Shell {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Bash, Self::Zsh, Self::Fish];

    /// What the shell must read to complete `meshchatctl`.
    #[must_use]
    pub const fn script(self) -> &'static str {
        match self {
            Self::Bash => include_str!("meshchatctl.bash"),
            Self::Zsh => include_str!("meshchatctl.zsh"),
            Self::Fish => include_str!("meshchatctl.fish"),
        }
    }

    /// Where such scripts are, below the `share` folder, for the shell to find by itself.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Bash => "bash-completion/completions/meshchatctl",
            Self::Zsh => "zsh/site-functions/_meshchatctl",
            Self::Fish => "fish/vendor_completions.d/meshchatctl.fish",
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    /// A value as the shell wants to have it; nothing if it cannot be written there.
    fn write(self, line: &Line, candidate: &CompletionCandidate) -> Option<String> {
        let value = candidate.get_value().to_str()?;
        // What controls terminals would garble the line, and perhaps run it.
        if escape(value) != value {
            return None;
        }
        let about = candidate.get_help().map(ToString::to_string).unwrap_or_default();
        let about = escape(about.lines().next().unwrap_or_default()).into_owned();
        match self {
            Self::Bash => line.write(value),
            Self::Fish => Some(format!("{value}\t{about}")),
            Self::Zsh => {
                let value = value.replace('\\', "\\\\").replace(':', "\\:");
                Some(if about.is_empty() { value } else { format!("{value}:{about}") })
            }
        }
    }
}

/// Answers a shell that asks for completions, and says so; nothing if this is no such run.
pub(crate) fn answer() -> Option<ExitCode> {
    let wanted = env::var_os("COMPLETE").filter(|wanted| !wanted.is_empty() && wanted != "0")?;
    let mut given = env::args_os().skip(1);
    let shell = Shell::ALL.into_iter().find(|shell| wanted == shell.name());
    let text = match (shell, given.next()) {
        (Some(shell), None) => shell.script().to_owned(),
        (Some(shell), Some(dashes)) if dashes == "--" => {
            complete(shell, read(shell, given)).unwrap_or_default()
        }
        // The variable is somebody else's, or a shell that this release does not know.
        (Some(_) | None, _) => return None,
    };
    // The shell may have stopped to listen.
    let _ = io::stdout().write_all(text.as_bytes());
    Some(ExitCode::SUCCESS)
}

/// The line as the shell tells it: bash the text and what of it will be replaced, the others all
/// words, of which fish gives the last one as it is typed.
fn read(shell: Shell, given: impl Iterator<Item = OsString>) -> Line {
    let mut words: Vec<String> =
        given.map(|word| word.to_string_lossy().into_owned()).take(MOST_WORDS).collect();
    match shell {
        Shell::Bash => {
            let replaced = words.get(1).map_or("", String::as_str);
            Line::read(words.first().map_or("", String::as_str), replaced)
        }
        Shell::Zsh => Line::of(words),
        Shell::Fish => {
            if let Some(last) = words.last_mut() {
                *last = Line::read(last, "").current().to_owned();
            }
            Line::of(words)
        }
    }
}

fn complete(shell: Shell, line: Line) -> io::Result<String> {
    let mut command = values::live(crate::command(), &line.words);
    let last = line.words.len().saturating_sub(1);
    let words = line.words.iter().map(OsString::from).collect();
    let folder = env::current_dir().ok();
    let mut found = engine::complete(&mut command, words, last, folder.as_deref())?;
    // Without a dash nobody looks for an option, if there is anything else.
    let is_option = |one: &CompletionCandidate| one.get_value().to_string_lossy().starts_with('-');
    if line.current().is_empty() && !found.iter().all(is_option) {
        found.retain(|one| !is_option(one));
    }
    let mut text = String::new();
    for written in found.iter().filter_map(|one| shell.write(&line, one)) {
        text.push_str(&written);
        text.push('\n');
    }
    Ok(text)
}

/// The words of a line as a shell would pass them.
#[cfg(test)]
pub(crate) fn words(line: &str) -> Vec<String> {
    Line::read(line, "").words
}

/// Most words of a line that are looked at.
const MOST_WORDS: usize = 4096;
