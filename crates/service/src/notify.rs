//! What the daemon tells systemd, and the sockets that systemd hands over or keeps.
//!
//! Everything is a no-op when nobody listens.

use std::fmt;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::BorrowedFd;
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

    /// Asks the manager to hold a socket open for the next run, however this one ends; it comes
    /// back under this name, see [`Passed`]. A real stop of the service closes it.
    pub fn keep(&self, kept: Kept, socket: BorrowedFd<'_>) {
        // One that is kept already is not to be kept twice.
        self.drop_kept(kept);
        // It is no error of a socket that a peer is not there; the manager need not look at it.
        let states = [
            NotifyState::FdStore,
            NotifyState::FdName(kept.name()),
            NotifyState::Custom("FDPOLL=0"),
        ];
        if let Err(error) = sd_notify::notify_with_fds(&states, &[socket]) {
            tracing::debug!(%error, "the service manager did not take a socket");
        }
    }

    /// Asks the manager to close what it holds under this name.
    pub fn drop_kept(&self, kept: Kept) {
        send(&[NotifyState::FdStoreRemove, NotifyState::FdName(kept.name())]);
    }
}

/// A socket that the service manager keeps for the next run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// The control socket that the daemon made itself.
    Control,
    /// The UDP socket of all QUIC links.
    Udp,
    /// The listener of TCP links.
    Tcp,
}

impl Kept {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Control, Self::Udp, Self::Tcp];

    const fn name(self) -> &'static str {
        match self {
            Self::Control => "kept-control",
            Self::Udp => "kept-udp",
            Self::Tcp => "kept-tcp",
        }
    }
}

/// The sockets that the service manager has handed over at the start.
pub struct Passed {
    sockets: ListenFd,
    names: Vec<String>,
}

impl Passed {
    /// Takes them. Call it once, before any thread is started.
    ///
    /// # Errors
    /// When the manager's variables contradict each other.
    pub fn from_environment() -> io::Result<Self> {
        let names = sd_notify::listen_fds_with_names()?.map(|(_, name)| name).collect();
        Ok(Self { sockets: ListenFd::from_env(), names })
    }

    /// The control socket that a socket unit made: the one named `control`, or the only one.
    ///
    /// # Errors
    /// When it is no listening Unix stream socket.
    pub fn control(&mut self) -> io::Result<Option<UnixListener>> {
        let Some(index) = control_index(&self.names) else { return Ok(None) };
        self.sockets.take_unix_listener(index)
    }

    /// The control socket of the run before.
    pub fn kept_control(&mut self) -> Option<UnixListener> {
        let index = self.index(Kept::Control)?;
        self.sockets.take_unix_listener(index).ok().flatten()
    }

    /// The UDP socket of the run before.
    pub fn kept_udp(&mut self) -> Option<UdpSocket> {
        let index = self.index(Kept::Udp)?;
        self.sockets.take_udp_socket(index).ok().flatten()
    }

    /// The TCP listener of the run before.
    pub fn kept_tcp(&mut self) -> Option<TcpListener> {
        let index = self.index(Kept::Tcp)?;
        self.sockets.take_tcp_listener(index).ok().flatten()
    }

    fn index(&self, kept: Kept) -> Option<usize> {
        self.names.iter().position(|name| name == kept.name())
    }
}

impl fmt::Debug for Passed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Passed").field(&self.names).finish()
    }
}

fn control_index(names: &[String]) -> Option<usize> {
    let is_kept = |name: &String| Kept::ALL.iter().any(|kept| name == kept.name());
    let named = names.iter().position(|name| name == "control");
    let mut others = names.iter().enumerate().filter(|(_, name)| !is_kept(name));
    let only = others.next().filter(|_| others.next().is_none()).map(|(index, _)| index);
    named.or(only)
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
        assert_eq!(control_index(&names(&["kept-udp"])), None);
        assert_eq!(control_index(&names(&["kept-udp", "meshchatd.socket"])), Some(1));
    }

    #[test]
    fn without_a_manager_nothing_happens() {
        let notifier = Notifier { watchdog: None };
        notifier.ready("x");
        notifier.reloading();
        notifier.watchdog();
        notifier.stopping();
        notifier.drop_kept(Kept::Udp);
        assert!(Passed::from_environment().unwrap().control().unwrap().is_none());
    }
}
