//! What the daemon tells systemd, and the socket that systemd may hand over.
//!
//! Everything is a no-op when nobody listens.

use std::io;
use std::os::unix::net::UnixListener;
use std::time::Duration;

use listenfd::ListenFd;
use sd_notify::NotifyState;

/// Talks to the service manager.
#[derive(Debug, Clone)]
pub struct Notifier {
    watchdog: Option<Duration>,
}

impl Notifier {
    /// Reads from the environment what the service manager wants.
    #[must_use]
    pub fn from_environment() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled().map(|limit| limit / 2) }
    }

    /// How often [`Notifier::watchdog`] must be called: half of the limit, so that one late call
    /// is forgiven. `None` if nobody watches.
    #[must_use]
    pub fn watchdog_interval(&self) -> Option<Duration> {
        self.watchdog
    }

    /// The node serves now.
    pub fn ready(&self, status: &str) {
        send(&[NotifyState::Ready, NotifyState::Status(&one_line(status))]);
    }

    /// One line about how it goes, for `systemctl status`.
    pub fn status(&self, status: &str) {
        send(&[NotifyState::Status(&one_line(status))]);
    }

    /// The main loop turns. Only the main loop may call this.
    pub fn watchdog(&self) {
        if self.watchdog.is_some() {
            send(&[NotifyState::Watchdog]);
        }
    }

    /// A reload begins; [`Notifier::ready`] ends it, also when it was refused.
    pub fn reloading(&self) {
        match NotifyState::monotonic_usec_now() {
            Ok(now) => send(&[NotifyState::Reloading, now]),
            Err(error) => tracing::debug!(%error, "no monotonic clock for the service manager"),
        }
    }

    /// The node ends now.
    pub fn stopping(&self) {
        send(&[NotifyState::Stopping]);
    }
}

/// The control socket that systemd listens on for us: the one named `control`, or the only one.
///
/// Call it once, before any thread is started.
///
/// # Errors
/// When sockets were handed over but none of them is a listening Unix stream socket for us.
pub fn control_listener() -> io::Result<Option<UnixListener>> {
    let names: Vec<String> = sd_notify::listen_fds_with_names()?.map(|(_, name)| name).collect();
    let Some(index) = control_index(&names) else { return Ok(None) };
    let listener = ListenFd::from_env().take_unix_listener(index)?;
    if let Some(listener) = &listener {
        listener.set_nonblocking(true)?;
    }
    Ok(listener)
}

fn control_index(names: &[String]) -> Option<usize> {
    let named = names.iter().position(|name| name == "control");
    named.or_else(|| (names.len() == 1).then_some(0))
}

fn send(states: &[NotifyState<'_>]) {
    // The manager may be restarting; nothing depends on this message arriving.
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(%error, "the service manager did not take a message");
    }
}

/// A line feed would start another assignment, and names from the network end up here.
fn one_line(text: &str) -> String {
    text.chars().take(LONGEST_STATUS).map(|c| if c.is_control() { ' ' } else { c }).collect()
}

const LONGEST_STATUS: usize = 200;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_stays_one_short_line() {
        assert_eq!(one_line("2 peers\nREADY=1\u{1b}"), "2 peers READY=1 ");
        assert_eq!(one_line(&"x".repeat(1000)).len(), LONGEST_STATUS);
    }

    #[test]
    fn the_named_or_only_socket_is_taken() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(control_index(&names(&[])), None);
        assert_eq!(control_index(&names(&["meshchatd.socket"])), Some(0));
        assert_eq!(control_index(&names(&["web", "control"])), Some(1));
        assert_eq!(control_index(&names(&["web", "other"])), None);
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        let notifier = Notifier { watchdog: None };
        notifier.ready("x");
        notifier.reloading();
        notifier.watchdog();
        notifier.stopping();
        assert!(control_listener().unwrap().is_none());
    }
}
