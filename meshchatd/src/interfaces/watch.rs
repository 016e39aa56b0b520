//! Hearing of changes: over netlink, or by looking again and again.

use std::os::fd::{AsRawFd as _, OwnedFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::socket::{
    AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, recv, socket,
};
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::{Interface, NetworkChange, came, list};
use crate::sleep::Sleep;

/// Watches the interfaces. Made before anybody uses the first list, so that nothing is missed.
#[derive(Debug)]
pub struct Watcher {
    netlink: Option<AsyncFd<OwnedFd>>,
    told: Vec<Interface>,
}

impl Watcher {
    /// Begins to listen, and looks for the first time. Must be called inside a tokio runtime.
    #[must_use]
    pub fn start() -> Self {
        let netlink = listen().inspect_err(|error| {
            let pause = POLL.as_secs();
            tracing::info!("no netlink ({error}); looking for network changes every {pause} s");
        });
        Self { netlink: netlink.ok(), told: list().unwrap_or_default() }
    }

    /// What it saw last.
    #[must_use]
    pub fn interfaces(&self) -> &[Interface] {
        &self.told
    }

    /// Tells of every change until nobody listens. A slow listener gets several as one.
    pub async fn run(mut self, changes: mpsc::Sender<NetworkChange>) {
        loop {
            self.changed().await;
            // Interfaces that cannot be listed now will be in a moment; then there is more news.
            let Ok(interfaces) = list() else { continue };
            if interfaces == self.told {
                continue;
            }
            let came = came(&self.told, &interfaces);
            self.told.clone_from(&interfaces);
            if changes.send(NetworkChange { interfaces, came }).await.is_err() {
                return;
            }
        }
    }

    /// Ready some time after something may have changed.
    async fn changed(&mut self) {
        let Some(netlink) = &self.netlink else {
            return Sleep::until((Instant::now() + POLL).into()).await;
        };
        if wait(netlink).await.is_err() {
            self.netlink = None;
            return;
        }
        // Changes come in showers; what comes meanwhile waits in the socket.
        sleep(SETTLE).await;
        drain(netlink);
    }
}

async fn wait(netlink: &AsyncFd<OwnedFd>) -> std::io::Result<()> {
    loop {
        let mut ready = netlink.readable().await?;
        match receive(netlink) {
            Err(Errno::EAGAIN) => ready.clear_ready(),
            Err(Errno::EINTR) => {}
            // What was lost is seen in the list.
            Ok(_) | Err(Errno::ENOBUFS) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
    }
}

/// Throws away what waits, but never more than a bound; the rest leads to another look.
fn drain(netlink: &AsyncFd<OwnedFd>) {
    for _ in 0..DRAINED {
        if !matches!(receive(netlink), Ok(_) | Err(Errno::ENOBUFS | Errno::EINTR)) {
            return;
        }
    }
}

/// Takes one message without looking at it: any means "look again".
fn receive(netlink: &AsyncFd<OwnedFd>) -> nix::Result<usize> {
    recv(netlink.as_raw_fd(), &mut [0; 64], MsgFlags::MSG_DONTWAIT)
}

#[expect(deprecated, reason = "what replaces it is unsafe; an `OwnedFd` keeps its descriptor")]
fn listen() -> std::io::Result<AsyncFd<OwnedFd>> {
    let flags = SockFlag::SOCK_NONBLOCK | SockFlag::SOCK_CLOEXEC;
    let protocol = SockProtocol::NetlinkRoute;
    let fd = socket(AddressFamily::Netlink, SockType::Raw, flags, protocol)?;
    bind(fd.as_raw_fd(), &NetlinkAddr::new(0, GROUPS))?;
    AsyncFd::with_interest(fd, Interest::READABLE)
}

/// How long a change may take to be complete.
const SETTLE: Duration = Duration::from_millis(200);
/// How often to look where nobody tells of changes.
const POLL: Duration = Duration::from_secs(10);
const DRAINED: usize = 1024;
/// `RTMGRP_LINK`, `_IPV4_IFADDR`, `_IPV4_ROUTE`, `_IPV6_IFADDR` and `_IPV6_ROUTE`.
const GROUPS: u32 = 0x001 | 0x010 | 0x040 | 0x100 | 0x400;

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_look_is_the_list() {
        let watcher = Watcher::start();
        assert!(watcher.interfaces().iter().any(|interface| interface.loopback));
    }
}
