//! Datagrams that no node would send: they cost little, and are never answered with more bytes
//! than they had.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use meshchat_tests::{Daemon, Limit, wait_for};

#[test]
fn stray_datagrams_get_no_more_bytes_than_they_bring() {
    let daemon = Daemon::builder("target").listen("127.0.0.1:0").start();
    let friend = Daemon::builder("friend").peer(daemon.listen()).start();
    friend.wait_links(1);
    let mut numbers = Numbers(7);
    let mut probe = Probe::new(daemon.listen());
    for length in (0..64).chain((64..1500).step_by(37)) {
        for first in [0x00, 0x40, 0x7f, 0x80, 0xc0, 0xc3, 0xf0, 0xff] {
            let mut datagram: Vec<u8> = (0..length).map(|_| numbers.next()).collect();
            if let Some(byte) = datagram.first_mut() {
                *byte = first | (*byte & 0x0f);
            }
            // Of each, one of a version of QUIC that the node knows.
            probe.send(&datagram);
            if let Some(version) = datagram.get_mut(1..5) {
                version.copy_from_slice(&[0, 0, 0, 1]);
                probe.send(&datagram);
            }
        }
    }
    probe.check();
    assert!(probe.sent > 100_000);
    // Who behaves is served as before.
    let tail = daemon.follow();
    friend.say("still here");
    tail.wait_text("still here");
    assert_eq!(daemon.status()["links"], 1);
}

#[test]
fn a_real_first_packet_from_a_strange_address_is_answered_within_its_size() {
    let daemon = Daemon::builder("target").listen("127.0.0.1:0").start();
    let catcher = UdpSocket::bind("127.0.0.1:0").unwrap();
    catcher.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // A real node dials us, and its first packet is taken for what a liar would send on.
    let _dialler = Daemon::builder("dialler").peer(catcher.local_addr().unwrap()).start();
    let mut first = [0; 2048];
    let length = loop {
        let length = catcher.recv(&mut first).unwrap();
        if length >= 1200 {
            break length;
        }
    };
    for cut in [length, length - 1, 1200, 1199, 600, 100, 21, 7] {
        let mut probe = Probe::new(daemon.listen());
        probe.send(&first[..cut.min(length)]);
        probe.check();
    }
    assert_eq!(daemon.status()["links"], 0);
}

/// Sends from one port and counts.
struct Probe {
    socket: UdpSocket,
    to: SocketAddr,
    sent: usize,
    got: usize,
}

impl Probe {
    fn new(to: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        Self { socket, to, sent: 0, got: 0 }
    }

    fn send(&mut self, datagram: &[u8]) {
        self.socket.send_to(datagram, self.to).unwrap();
        self.sent += datagram.len();
        self.collect();
        assert!(self.got <= self.sent, "{} bytes for {}", self.got, self.sent);
    }

    /// All answers that come within a moment, which is long on loopback.
    fn check(&mut self) {
        let end = std::time::Instant::now() + Duration::from_millis(300);
        wait_for("the last answers", Limit::secs(10), || {
            self.collect();
            std::time::Instant::now() >= end
        });
        assert!(self.got <= self.sent, "{} bytes for {}", self.got, self.sent);
    }

    fn collect(&mut self) {
        let mut buffer = [0; 65_536];
        while let Ok((length, from)) = self.socket.recv_from(&mut buffer) {
            assert_eq!(from, self.to, "an answer from elsewhere");
            self.got += length;
        }
    }
}

/// Numbers that look random and are the same each time (Numerical Recipes).
struct Numbers(u32);

impl Numbers {
    fn next(&mut self) -> u8 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0.to_be_bytes()[0]
    }
}
