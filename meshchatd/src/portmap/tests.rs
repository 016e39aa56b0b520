//! Against a router of our own, which may lie.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::timeout;

use super::ask::{Lease, ask, nonce, release};
use super::gateway::Target;
use super::task::Task;
use super::*;

/// A router on an address of the loopback that no other test has.
struct Router {
    socket: UdpSocket,
    target: Target,
}

/// What it says to a packet.
type Says<'a> = &'a dyn Fn(&[u8]) -> Vec<Vec<u8>>;

impl Router {
    async fn new() -> Self {
        loop {
            let [a, b, c, port, _, _, _, _] = getrandom::u64().unwrap().to_be_bytes();
            let gateway = Ipv4Addr::new(127, a | 1, b, c);
            let Ok(socket) = UdpSocket::bind((gateway, crab_nat::GATEWAY_PORT)).await else {
                continue;
            };
            let port = (7000 + u16::from(port)).try_into().unwrap();
            let target = Target { gateway, client: Ipv4Addr::LOCALHOST, port, interface: 1 };
            return Self { socket, target };
        }
    }

    /// Answers for ever.
    async fn serve(&self, says: Says<'_>) -> ! {
        let mut packet = [0; 1500];
        loop {
            let (length, from) = self.socket.recv_from(&mut packet).await.unwrap();
            for answer in says(&packet[..length]) {
                self.socket.send_to(&answer, from).await.unwrap();
            }
        }
    }

    /// One conversation with it.
    async fn ask(&self, says: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Result<Lease, Failure> {
        tokio::select! {
            answer = ask(&self.target, NONCE, None, false) => answer,
            _ = self.serve(&says) => unreachable!(),
        }
    }
}

fn pcp_with(packet: &[u8], code: u8, lifetime: u32, port: u16, ip: [u8; 4]) -> Vec<u8> {
    assert_eq!(packet.len(), 60, "a request of PCP");
    let mut answer = packet.to_vec();
    (answer[1], answer[2], answer[3]) = (packet[1] | 128, 0, code);
    answer[4..8].copy_from_slice(&lifetime.to_be_bytes());
    answer[8..12].copy_from_slice(&1000_u32.to_be_bytes());
    answer[12..24].fill(0);
    answer[42..44].copy_from_slice(&port.to_be_bytes());
    answer[44..60].copy_from_slice(&Ipv4Addr::from(ip).to_ipv6_mapped().octets());
    answer
}

/// An honest answer to a request of PCP.
fn pcp(packet: &[u8]) -> Vec<u8> {
    let lifetime = u32::from_be_bytes(packet[4..8].try_into().unwrap());
    pcp_with(packet, 0, lifetime, 4000, PUBLIC)
}

/// Answers NAT-PMP, and to PCP that it does not know it.
fn natpmp(packet: &[u8], ip: [u8; 4], lifetime: u32) -> Vec<u8> {
    let epoch = 1000_u32.to_be_bytes();
    match packet {
        [0, 0] => [&[0, 128, 0, 0][..], &epoch, &ip].concat(),
        [0, op @ (1 | 2), 0, 0, high, low, ..] => {
            let asked = packet[8..12] != [0; 4];
            let (port, lifetime) = if asked { (4000_u16, lifetime) } else { (0, 0) };
            let head = [0, op | 128, 0, 0];
            [&head[..], &epoch, &[*high, *low], &port.to_be_bytes(), &lifetime.to_be_bytes()]
                .concat()
        }
        _ => [&[0, 128, 0, 1][..], &epoch].concat(),
    }
}

#[tokio::test]
async fn pcp_gives_a_mapping_for_both_carriers() {
    let router = Router::new().await;
    let lease = router.ask(|packet| vec![pcp(packet)]).await.unwrap();
    assert_eq!(lease.protocol, Protocol::Pcp);
    assert_eq!(lease.external.to_string(), "5.77.0.1:4000");
    assert!(lease.tcp && lease.is_global() && lease.epoch == 1000);
    assert_eq!(lease.lifetime, Duration::from_secs(3600));
}

#[tokio::test]
async fn tcp_at_another_port_is_given_back() {
    let router = Router::new().await;
    let dropped = AtomicBool::new(false);
    let lease = router.ask(|packet| {
        let (is_tcp, ends) = (packet[36] == 6, packet[4..8] == [0; 4]);
        dropped.fetch_or(is_tcp && ends, Ordering::Relaxed);
        let lifetime = if ends { 0 } else { 3600 };
        vec![pcp_with(packet, 0, lifetime, if is_tcp { 4001 } else { 4000 }, PUBLIC)]
    });
    let lease = lease.await.unwrap();
    assert_eq!((lease.external.port(), lease.tcp), (4000, false));
    assert!(dropped.load(Ordering::Relaxed));
}

#[tokio::test]
async fn natpmp_is_spoken_where_pcp_is_not_known_or_not_answered() {
    let router = Router::new().await;
    let unknown = router.ask(|packet| vec![natpmp(packet, PUBLIC, 3600)]).await.unwrap();
    let unanswered = router.ask(|packet| match packet {
        [2, ..] => Vec::new(),
        _ => vec![natpmp(packet, PUBLIC, 3600)],
    });
    for lease in [unknown, unanswered.await.unwrap()] {
        assert_eq!((lease.protocol, lease.tcp), (Protocol::NatPmp, true));
        assert_eq!(lease.external.to_string(), "5.77.0.1:4000");
    }
}

#[tokio::test]
async fn what_another_address_says_is_not_heard() {
    let router = Router::new().await;
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let forger = async {
        let mut packet = [0; 1500];
        loop {
            let (length, from) = router.socket.recv_from(&mut packet).await.unwrap();
            if length == 60 {
                stranger.send_to(&pcp(&packet[..60]), from).await.unwrap();
            }
        }
    };
    let answer = tokio::select! {
        answer = ask(&router.target, NONCE, None, false) => answer,
        () = forger => unreachable!(),
    };
    assert_eq!(answer, Err(Failure::Silent));
}

#[tokio::test]
async fn lies_and_refusals_give_nothing() {
    let router = Router::new().await;
    let refused = async |says: Says<'_>| match router.ask(says).await {
        Err(Failure::Refused(why)) => why,
        other => panic!("{other:?}"),
    };
    let wrong_nonce = refused(&|packet| {
        let mut answer = pcp(packet);
        answer[30] ^= 1;
        vec![answer]
    })
    .await;
    assert!(wrong_nonce.contains("nonce"));
    for length in [0, 1, 3, 4, 8, 23, 24, 40, 59] {
        refused(&|packet| vec![pcp(packet)[..length].to_vec()]).await;
    }
    for code in 2..=u8::MAX {
        refused(&|packet| vec![pcp_with(packet, code, 3600, 4000, PUBLIC)]).await;
    }
    refused(&|packet| vec![pcp_with(packet, 0, 3600, 0, PUBLIC)]).await;
    for length in [0, 1, 7, 11] {
        let cut = |packet: &[u8]| match packet {
            [2, ..] => vec![natpmp(packet, PUBLIC, 1)],
            _ => vec![natpmp(packet, PUBLIC, 1)[..length].to_vec()],
        };
        refused(&cut).await;
    }
    // A request that comes back is no answer.
    refused(&|packet| vec![packet.to_vec()]).await;
}

#[tokio::test]
async fn random_bytes_do_no_harm() {
    let router = Router::new().await;
    for _ in 0..300 {
        let answer = router.ask(|packet| {
            let mut noise = [0; 80];
            getrandom::fill(&mut noise).unwrap();
            let mut answer = if packet[0] == 2 { pcp(packet) } else { noise[..16].to_vec() };
            let at = usize::from(noise[0]) % answer.len();
            answer[at] = noise[1];
            answer.truncate(usize::from(noise[2]) % 70);
            vec![answer]
        });
        if let Ok(lease) = answer.await {
            assert!(lease.lifetime <= Duration::from_secs(3600));
        }
    }
}

#[tokio::test]
async fn absurd_lifetimes_are_cut_or_refused() {
    let router = Router::new().await;
    for given in [0, 1, 59] {
        let lease = router.ask(|packet| vec![pcp_with(packet, 0, given, 4000, PUBLIC)]).await;
        assert_eq!(lease, Err(Failure::Brief(given)));
        let lease = router.ask(|packet| vec![natpmp(packet, PUBLIC, given)]).await;
        assert_eq!(lease, Err(Failure::Brief(given)));
    }
    let long = router.ask(|packet| vec![pcp_with(packet, 0, u32::MAX, 4000, PUBLIC)]).await;
    assert_eq!(long.unwrap().lifetime, Duration::from_secs(3600));
}

#[tokio::test]
async fn addresses_that_nobody_can_dial_are_refused() {
    let router = Router::new().await;
    for bad in [[0; 4], [127, 0, 0, 1], [224, 0, 0, 1], [169, 254, 1, 1], [255; 4]] {
        let undialable = Err(Failure::Undialable(Ipv4Addr::from(bad).into()));
        let lease = router.ask(|packet| vec![pcp_with(packet, 0, 3600, 4000, bad)]).await;
        assert_eq!(lease, undialable);
        let lease = router.ask(|packet| vec![natpmp(packet, bad, 3600)]).await;
        assert_eq!(lease, undialable);
    }
    let home = router.ask(|packet| vec![pcp_with(packet, 0, 3600, 4000, [10, 0, 0, 1])]).await;
    assert!(!home.unwrap().is_global());
}

#[tokio::test]
async fn a_silent_router_gets_two_packets() {
    let router = Router::new().await;
    let (mut packet, mut count) = ([0; 1500], 0);
    assert_eq!(ask(&router.target, NONCE, None, false).await, Err(Failure::Silent));
    while router.socket.try_recv(&mut packet).is_ok() {
        count += 1;
    }
    assert_eq!(count, 2);
}

#[tokio::test]
async fn giving_back_ends_whether_or_not_the_router_answers() {
    let router = Router::new().await;
    let lease = router.ask(|packet| vec![pcp(packet)]).await.unwrap();
    let began = Instant::now();
    release(&router.target, NONCE, &lease).await;
    assert!(began.elapsed() < Duration::from_secs(2));
    let mut packet = [0; 1500];
    let length = router.socket.try_recv(&mut packet).unwrap();
    assert_eq!((length, &packet[4..8]), (60, &[0; 4][..]));
}

/// A task that asks a router, as the hub would have it.
struct Running {
    handle: Handle,
    news: mpsc::Receiver<Mapped>,
    tasks: Tasks,
}

fn run(router: &Router) -> Running {
    let (orders, taken) = watch::channel(Orders { on: true, interfaces: Vec::new() });
    let (tell, news) = mpsc::channel(MAPPED_INBOX);
    let (state, target, tasks) = (Arc::default(), router.target, Tasks::default());
    // No interfaces: the network is there. Any: it is gone.
    let find = move |interfaces: &[Interface]| interfaces.is_empty().then_some(target);
    tasks.spawn_draining(Task::new(find, NONCE, taken, tell, Arc::clone(&state)).run());
    Running { handle: Handle { orders, state }, news, tasks }
}

/// The next news, while the router answers honestly.
async fn next(running: &mut Running, router: &Router, says: Says<'_>) -> Option<SocketAddr> {
    let news = async {
        tokio::select! {
            news = running.news.recv() => news.unwrap().address,
            _ = router.serve(says) => unreachable!(),
        }
    };
    timeout(LIMIT, news).await.unwrap()
}

#[tokio::test]
async fn the_hub_is_told_and_the_mapping_is_given_back_at_the_end() {
    let router = Router::new().await;
    let mut running = run(&router);
    let honest = |packet: &[u8]| vec![pcp(packet)];
    let address = next(&mut running, &router, &honest).await;
    assert_eq!(address, Some("5.77.0.1:4000".parse().unwrap()));
    let state = running.handle.state();
    let held = state.held.unwrap();
    assert_eq!((state.gateway, state.failure), (Some(router.target.gateway), None));
    assert!(held.tcp && held.global && held.internal == router.target.port.get());

    let Running { handle, tasks, .. } = running;
    drop(handle);
    let ended = AtomicBool::new(false);
    let listens = |packet: &[u8]| {
        ended.fetch_or(packet[4..8] == [0; 4], Ordering::Relaxed);
        vec![pcp(packet)]
    };
    tokio::select! {
        () = tasks.stop(LIMIT) => {}
        _ = router.serve(&listens) => unreachable!(),
    }
    assert!(ended.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_network_that_goes_takes_the_mapping_along_and_brings_it_back() {
    let router = Router::new().await;
    let mut running = run(&router);
    let honest = |packet: &[u8]| vec![pcp(packet)];
    assert!(next(&mut running, &router, &honest).await.is_some());
    let gone = Interface {
        name: "gone".into(),
        index: 1,
        up: false,
        multicast: false,
        loopback: false,
        addresses: Vec::new(),
    };
    running.handle.network_changed(&[gone]);
    assert_eq!(next(&mut running, &router, &honest).await, None);
    assert_eq!(running.handle.state().gateway, None);
    running.handle.network_changed(&[]);
    assert!(next(&mut running, &router, &honest).await.is_some());
    running.handle.configure(Mapping::Off);
    assert_eq!(next(&mut running, &router, &honest).await, None);
    assert_eq!(running.handle.state(), State::default());
    running.handle.configure(Mapping::Auto);
    assert!(next(&mut running, &router, &honest).await.is_some());
}

#[tokio::test]
async fn an_address_behind_another_router_is_held_and_not_told() {
    let router = Router::new().await;
    let mut running = run(&router);
    let double = |packet: &[u8]| vec![pcp_with(packet, 0, 3600, 4000, [192, 168, 0, 7])];
    let held = async {
        while running.handle.state().held.is_none() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        held = timeout(LIMIT, held) => held.unwrap(),
        _ = router.serve(&double) => unreachable!(),
    }
    assert!(!running.handle.state().held.unwrap().global);
    assert!(running.news.try_recv().is_err());
}

#[tokio::test]
async fn a_router_that_comes_late_is_asked_again() {
    let router = Router::new().await;
    let mut running = run(&router);
    let refusals = std::cell::Cell::new(0);
    let late = |packet: &[u8]| {
        if refusals.get() > 0 {
            return vec![pcp(packet)];
        }
        refusals.set(1);
        vec![pcp_with(packet, 7, 0, 0, [0; 4])]
    };
    assert!(next(&mut running, &router, &late).await.is_some());
}

#[test]
fn the_nonce_is_that_of_the_node() {
    assert_eq!(nonce(&[1; 32]), nonce(&[1; 32]));
    assert_ne!(nonce(&[1; 32]), nonce(&[2; 32]));
}

const NONCE: crab_nat::pcp::Nonce = [1, 2, 3];
const PUBLIC: [u8; 4] = [5, 77, 0, 1];
const LIMIT: Duration = Duration::from_secs(30);
