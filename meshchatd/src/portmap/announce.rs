//! Routers call out when they have started anew and forgotten all mappings.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::UdpSocket;

/// Listens to the announcements of one router.
#[derive(Debug)]
pub(super) struct Ear {
    socket: UdpSocket,
    router: SocketAddr,
    /// Since when this may be read again.
    deaf_until: Instant,
}

impl Ear {
    /// Other programs of this machine may listen at the same port.
    pub(super) fn open(router: Ipv4Addr) -> io::Result<Self> {
        let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        // Every machine is a member of the group.
        socket.bind(&SocketAddr::from((GROUP, PORT)).into())?;
        let socket = UdpSocket::from_std(socket.into())?;
        let router = (IpAddr::V4(router), crab_nat::GATEWAY_PORT).into();
        Ok(Self { socket, router, deaf_until: Instant::now() })
    }

    /// The next announcement: how many seconds ago the router says it started.
    ///
    /// However much comes in, little of it is looked at; what is lost is made good when the
    /// mapping is asked for again.
    pub(super) async fn hear(&mut self) -> u32 {
        // What is longer is cut; nothing that far back is looked at.
        let mut buffer = [0; LONGEST];
        loop {
            tokio::time::sleep_until(self.deaf_until.into()).await;
            let received = self.socket.recv_from(&mut buffer).await;
            self.deaf_until = Instant::now() + REST;
            let Ok((length, from)) = received else { continue };
            let datagram = buffer.get(..length).unwrap_or_default();
            if let Some(epoch) = (from == self.router).then(|| parse(datagram)).flatten() {
                return epoch;
            }
        }
    }
}

/// The age of the router in an announcement of NAT-PMP (its address) or PCP.
fn parse(datagram: &[u8]) -> Option<u32> {
    let word = |at: usize| {
        let bytes = datagram.get(at..at + 4)?.first_chunk()?;
        Some(u32::from_be_bytes(*bytes))
    };
    match datagram {
        [0, 128, 0, 0, ..] if datagram.len() >= 12 => word(4),
        [2, 128, _, 0, ..] if datagram.len() >= 24 => word(8),
        _ => None,
    }
}

/// Whether a router that said `before` and `passed` later `now` has started anew between: its
/// clock is behind or ahead by more than clocks are wrong (RFC 6887, 8.5).
pub(super) fn restarted(before: u32, passed: Duration, now: u32) -> bool {
    let (ours, its) = (passed.as_secs(), u64::from(now.saturating_sub(before)));
    now.saturating_add(1) < before || ours + 2 < its - its / 16 || its + 2 < ours - ours / 16
}

const GROUP: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
const PORT: u16 = 5350;
const LONGEST: usize = 64;
/// What comes sooner after something else waits in the kernel or is lost.
const REST: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_announcements_are_read() {
        let natpmp = [0, 128, 0, 0, 0, 0, 1, 2, 203, 0, 113, 1];
        assert_eq!(parse(&natpmp), Some(258));
        let mut pcp = [0; 24];
        pcp[..2].copy_from_slice(&[2, 128]);
        pcp[10..12].copy_from_slice(&[1, 3]);
        assert_eq!(parse(&pcp), Some(259));
        assert_eq!(parse(&pcp[..23]), None);
        assert_eq!(parse(&natpmp[..11]), None);
        for bad in [&[][..], &[0; 12], &[1, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], &[2; 64]] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
        let mut refused = natpmp;
        refused[3] = 3;
        assert_eq!(parse(&refused), None);
    }

    #[tokio::test]
    async fn only_the_router_is_heard() {
        let bind = async || UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let (socket, router, stranger) = (bind().await, bind().await, bind().await);
        let to = socket.local_addr().unwrap();
        let router_address = router.local_addr().unwrap();
        let mut ear = Ear { socket, router: router_address, deaf_until: Instant::now() };
        let announce = |epoch| [0, 128, 0, 0, 0, 0, 0, epoch, 203, 0, 113, 1];
        stranger.send_to(&announce(1), to).await.unwrap();
        router.send_to(b"nonsense", to).await.unwrap();
        router.send_to(&announce(2), to).await.unwrap();
        let heard = tokio::time::timeout(Duration::from_secs(30), ear.hear()).await;
        assert_eq!(heard.unwrap(), 2);
    }

    #[test]
    fn a_clock_that_went_on_is_no_restart() {
        let after = |seconds, now| restarted(1000, Duration::from_secs(seconds), now);
        assert!(!after(0, 1000) && !after(100, 1100) && !after(100, 1096) && !after(3600, 4500));
        assert!(after(0, 0) && after(1800, 20) && after(100, 999 - 2) && after(10, 9000));
        assert!(after(100_000, 1100));
        assert!(!restarted(u32::MAX, Duration::ZERO, u32::MAX));
        assert!(restarted(0, Duration::ZERO, u32::MAX) && restarted(u32::MAX, Duration::MAX, 0));
    }
}
