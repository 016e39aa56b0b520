//! Failures: words, advice and exit code.

use std::borrow::Cow;
use std::io::{self, Write as _};

use meshchat_client::proto::control::{self, ErrorCode};
use meshchat_client::{ConnectError, RequestError, TailError};
use serde::Serialize;

use crate::output::View;
use crate::output::advice::advise;
use crate::output::escape::escape;
use crate::output::{json, spinner};

/// Why the program ends with something else than 0.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    /// Stable, for programs.
    code: &'static str,
    message: String,
    hints: Vec<String>,
}

/// Exit codes, as documented in the help.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Whoever read our output has enough.
    Quiet = 0,
    Other = 1,
    Usage = 2,
    TimedOut = 3,
    Unreached = 4,
    NotRunning = 8,
    NotFound = 10,
    Denied = 13,
}

/// Every exit code, for the manual.
pub const EXIT_CODES: [u8; 8] = [
    Exit::Quiet as u8,
    Exit::Other as u8,
    Exit::Usage as u8,
    Exit::TimedOut as u8,
    Exit::Unreached as u8,
    Exit::NotRunning as u8,
    Exit::NotFound as u8,
    Exit::Denied as u8,
];

impl Failure {
    pub(crate) fn new(exit: Exit, code: &'static str, message: impl Into<String>) -> Self {
        Self { exit, code, message: message.into(), hints: Vec::new() }
    }

    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new(Exit::Usage, "usage", message)
    }

    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }

    pub(crate) const fn exit_code(&self) -> u8 {
        self.exit as u8
    }

    /// What went wrong, in one line.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Writes it to standard error and gives the exit code.
    pub(crate) fn report(&self, view: &View) -> u8 {
        let code = self.exit_code();
        if self.exit == Exit::Quiet {
            return code;
        }
        spinner::clear();
        // There is nowhere to tell that standard error is closed.
        let _ = io::stderr().write_all(self.render(view).as_bytes());
        code
    }

    fn render(&self, view: &View) -> String {
        let hints = self.hints.iter().map(|hint| advise(view.instance.as_deref(), hint));
        if view.json_failures() {
            let hints: Vec<_> = hints.collect();
            let (code, message, hints) = (self.code, &self.message, hints.as_slice());
            let error = Reported { code, message, hints, exit: self.exit as u8 };
            return json::line(&Error { error });
        }
        let mut text = format!("meshchatctl: {}\n", escape(&self.message));
        for hint in hints {
            text.push_str(&format!("  {}\n", escape(&hint)));
        }
        text
    }
}

#[derive(Serialize)]
struct Error<'a> {
    error: Reported<'a>,
}

#[derive(Serialize)]
struct Reported<'a> {
    code: &'static str,
    message: &'a str,
    hints: &'a [Cow<'a, str>],
    exit: u8,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() == io::ErrorKind::BrokenPipe {
            true => Self::new(Exit::Quiet, "closed", "nobody reads on"),
            false => Self::new(Exit::Other, "io", error.to_string()),
        }
    }
}

impl From<ConnectError> for Failure {
    fn from(error: ConnectError) -> Self {
        let message = error.to_string();
        match error {
            ConnectError::NotRunning(_) => Self::new(Exit::NotRunning, "not_running", message)
                .hint("start it:   sudo systemctl start meshchatd   (or run meshchatd yourself)")
                .hint("see why:    journalctl -u meshchatd -n 20"),
            ConnectError::Permission(_) => denied(message),
            ConnectError::Version(_) => Self::new(Exit::Other, "version", message)
                .hint("install the same release of meshchatd and meshchatctl, restart meshchatd"),
            ConnectError::Refused(error) if error.code == ErrorCode::Denied => {
                with_advice(denied(error.message), &error.hint)
            }
            ConnectError::Refused(error) => error.into(),
            ConnectError::TimedOut(_) => Self::new(Exit::TimedOut, "timed_out", message)
                .hint("see why:    journalctl -u meshchatd -n 20"),
            ConnectError::Io { .. } => Self::new(Exit::Other, "io", message),
        }
    }
}

fn denied(message: String) -> Failure {
    Failure::new(Exit::Denied, "denied", format!("permission denied: {message}"))
        .hint("join the group meshchat:   sudo usermod -aG meshchat $USER   then log in again")
}

impl From<RequestError> for Failure {
    fn from(error: RequestError) -> Self {
        let message = error.to_string();
        match error {
            RequestError::Daemon(error) => error.into(),
            RequestError::Lost(_) => Self::new(Exit::NotRunning, "lost", message)
                .hint("see why:    journalctl -u meshchatd -n 20"),
            RequestError::NotUnderstood => Self::new(Exit::Other, "not_understood", message)
                .hint("compare both sides:   meshchatctl version"),
            RequestError::TooLong(_) => Self::new(Exit::Other, "bad_argument", message),
            RequestError::Full => Self::new(Exit::Other, "too_many", message),
        }
    }
}

impl From<TailError> for Failure {
    fn from(error: TailError) -> Self {
        match error {
            TailError::Connect(error) => error.into(),
            TailError::Request(error) => error.into(),
        }
    }
}

impl From<control::Error> for Failure {
    fn from(error: control::Error) -> Self {
        let (exit, code) = classify(error.code);
        let mut failure = Self::new(exit, code, error.message);
        if exit == Exit::Denied && error.hint.is_empty() {
            failure = failure.hint("try it as root:   sudo meshchatctl …");
        }
        if error.code == ErrorCode::UnknownRequest {
            failure = failure.hint("meshchatd is older than this program; update and restart it");
        }
        with_advice(failure, &error.hint)
    }
}

fn with_advice(failure: Failure, advice: &str) -> Failure {
    advice.lines().fold(failure, |failure, line| failure.hint(line))
}

const fn classify(code: ErrorCode) -> (Exit, &'static str) {
    match code {
        ErrorCode::NotFound => (Exit::NotFound, "not_found"),
        ErrorCode::Ambiguous => (Exit::NotFound, "ambiguous"),
        ErrorCode::Denied => (Exit::Denied, "denied"),
        ErrorCode::TimedOut => (Exit::TimedOut, "timed_out"),
        ErrorCode::Unreachable => (Exit::Unreached, "unreachable"),
        ErrorCode::Stopping => (Exit::NotRunning, "stopping"),
        ErrorCode::BadFrame => (Exit::Other, "bad_frame"),
        ErrorCode::UnknownRequest => (Exit::Other, "unknown_request"),
        ErrorCode::Version => (Exit::Other, "version"),
        ErrorCode::BadArgument => (Exit::Other, "bad_argument"),
        ErrorCode::NameTaken => (Exit::Other, "name_taken"),
        ErrorCode::TooMany => (Exit::Other, "too_many"),
        ErrorCode::Storage => (Exit::Other, "storage"),
        ErrorCode::Internal => (Exit::Other, "internal"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_escaped_and_say_what_to_do() {
        let error = control::Error::new(ErrorCode::NotFound, "no peer named 'x\x1b[31m'")
            .hint("did you mean 'pi-barn'?");
        let failure = Failure::from(error);
        assert_eq!(
            failure.render(&View::plain()),
            "meshchatctl: no peer named 'x\\x1b[31m'\n  did you mean 'pi-barn'?\n"
        );
        assert_eq!(
            failure.render(&View { json: true, ..View::plain() }),
            "{\"schema\":1,\"error\":{\"code\":\"not_found\",\
             \"message\":\"no peer named 'x\\u001b[31m'\",\
             \"hints\":[\"did you mean 'pi-barn'?\"],\"exit\":10}}\n"
        );
    }

    #[test]
    fn the_manual_gets_every_exit_code() {
        // Whoever adds a code is led here by the compiler, and so to the list.
        let place = |exit: Exit| match exit {
            Exit::Quiet => 0,
            Exit::Other => 1,
            Exit::Usage => 2,
            Exit::TimedOut => 3,
            Exit::Unreached => 4,
            Exit::NotRunning => 5,
            Exit::NotFound => 6,
            Exit::Denied => 7,
        };
        let all = [Exit::Quiet, Exit::Other, Exit::Usage, Exit::TimedOut, Exit::Unreached];
        for exit in all.into_iter().chain([Exit::NotRunning, Exit::NotFound, Exit::Denied]) {
            assert_eq!(EXIT_CODES.get(place(exit)), Some(&(exit as u8)), "{exit:?}");
        }
    }

    #[test]
    fn a_closed_pipe_is_success() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.report(&View::plain()), 0);
    }
}
