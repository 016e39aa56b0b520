//! All addresses of a peer at once, one dial a little after the other; the first link wins.
//!
//! As RFC 8305 has it, with two families and two carriers. TCP waits until UDP had its chance: a
//! link by QUIC is the better one, so it also gets the last word when TCP has answered.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::time::{Instant, sleep_until};

use super::Failure;
use crate::transport::{Carrier, Channel, DialError, Endpoint, PeerKey};

/// How to dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// Once, or again and again.
    pub zeal: Zeal,
    /// A second socket sends a byte to hear of refusals at once. Not where a box on the way must
    /// see a single port, as when both sides punch a hole.
    pub knock: bool,
    /// Whether to try TCP where UDP does not get through.
    pub tcp: bool,
}

/// How much to insist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Zeal {
    /// Once for each address.
    Calm,
    /// Again and again for some seconds: the peer was there a moment ago, and is to be found as
    /// soon as it is back. A single dial would not do, its own repetitions come ever later.
    Eager,
}

/// Dials `addresses`, at most eight of them, for six seconds at most.
///
/// # Errors
///
/// [`Failure`] of the address that tells most.
pub async fn race(
    endpoint: &Endpoint,
    addresses: Vec<SocketAddr>,
    key: Option<PeerKey>,
    how: How,
) -> Result<Channel, Failure> {
    let addresses = in_turn(addresses);
    if addresses.is_empty() {
        return Err(Failure::Name("no address".into()));
    }
    Ok(Race::new(endpoint, addresses, key, how).run().await?)
}

/// The first of the other family after each of one, IPv6 first, without repetitions.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let (six, four): (Vec<_>, Vec<_>) = addresses.into_iter().partition(SocketAddr::is_ipv6);
    let (mut six, mut four) = (six.into_iter(), four.into_iter());
    let mut sorted = Vec::new();
    while sorted.len() < ADDRESSES {
        let pair = [six.next(), four.next()];
        if pair == [None, None] {
            break;
        }
        for address in pair.into_iter().flatten() {
            if !sorted.contains(&address) {
                sorted.push(address);
            }
        }
    }
    sorted.truncate(ADDRESSES);
    sorted
}

struct Race<'a> {
    endpoint: &'a Endpoint,
    key: Option<PeerKey>,
    how: How,
    quic: Line,
    tcp: Line,
    dials: FuturesUnordered<Dial<'a>>,
    end: Instant,
    /// Addresses where another answer may still come.
    open: Vec<SocketAddr>,
    /// The failure that tells most.
    failure: Option<DialError>,
    /// TCP has answered; QUIC has a moment left to do better.
    held: Option<Channel>,
}

/// The addresses that one carrier has still to dial, and when it dials the first of them.
#[derive(Debug)]
struct Line {
    waiting: VecDeque<SocketAddr>,
    next: Instant,
    running: usize,
}

type Dial<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;
type Outcome = (Carrier, SocketAddr, Result<Channel, DialError>);

impl<'a> Race<'a> {
    fn new(
        endpoint: &'a Endpoint,
        addresses: Vec<SocketAddr>,
        key: Option<PeerKey>,
        how: How,
    ) -> Self {
        let now = Instant::now();
        let tcp = if how.tcp { addresses.clone() } else { Vec::new() };
        Self {
            endpoint,
            key,
            how,
            quic: Line::new(addresses.clone(), now),
            tcp: Line::new(tcp, now + TCP_AFTER),
            dials: FuturesUnordered::new(),
            end: now + how.zeal.limit(),
            open: addresses,
            failure: None,
            held: None,
        }
    }

    async fn run(mut self) -> Result<Channel, DialError> {
        loop {
            let due = [self.quic.due(), self.tcp.due()].into_iter().flatten().min();
            if due.is_none() && self.dials.is_empty() {
                return self.give_up();
            }
            tokio::select! {
                biased;
                Some(outcome) = self.dials.next() => if let Some(channel) = self.ended(outcome) {
                    return Ok(channel);
                },
                () = sleep_until(self.end) => return self.give_up(),
                () = sleep_until(due.unwrap_or(self.end)), if due.is_some() => self.start(),
            }
        }
    }

    /// Starts the dials that are due.
    fn start(&mut self) {
        let now = Instant::now();
        let (endpoint, key, knock) = (self.endpoint, self.key, self.how.knock);
        let step = self.how.zeal.step();
        if let Some(address) = self.quic.take(now, step) {
            if self.how.zeal == Zeal::Eager {
                self.quic.waiting.push_back(address);
            }
            self.dials.push(Box::pin(async move {
                let dialled = match knock {
                    true => endpoint.dial(address, key).await,
                    false => endpoint.dial_quietly(address, key).await,
                };
                (Carrier::Quic, address, dialled)
            }));
        }
        if let Some(address) = self.tcp.take(now, STEP) {
            self.dials.push(Box::pin(async move {
                (Carrier::Tcp, address, endpoint.dial_tcp(address, key).await)
            }));
        }
    }

    /// Takes note of a dial that ended. Gives the channel that wins.
    fn ended(&mut self, (carrier, address, dialled): Outcome) -> Option<Channel> {
        match carrier {
            Carrier::Quic => self.quic.running -= 1,
            Carrier::Tcp => self.tcp.running -= 1,
        }
        match dialled {
            Ok(channel) if carrier == Carrier::Quic => return Some(channel),
            Ok(channel) => self.hold(channel, address),
            Err(error) => self.failed(carrier, address, error),
        }
        None
    }

    /// QUIC may have missed only by a little, or its packets were lost before the way was free.
    fn hold(&mut self, channel: Channel, address: SocketAddr) {
        if self.held.is_none() {
            let now = Instant::now();
            self.held = Some(channel);
            self.end = now + LAST_WORD;
            self.quic.waiting = [address].into();
            self.quic.next = now;
            self.tcp.waiting.clear();
        }
    }

    fn failed(&mut self, carrier: Carrier, address: SocketAddr, error: DialError) {
        let now = Instant::now();
        if is_answer(&error) {
            self.quic.waiting.retain(|other| *other != address);
            self.tcp.waiting.retain(|other| *other != address);
            self.open.retain(|other| *other != address);
            if self.open.is_empty() || matches!(error, DialError::Stopping) {
                self.stop();
            }
        } else if self.held.is_none() && self.how.zeal == Zeal::Eager {
            if carrier == Carrier::Tcp && self.open.contains(&address) {
                self.tcp.waiting.push_back(address);
                self.tcp.next = self.tcp.next.max(now + TCP_AGAIN);
            }
        } else if carrier == Carrier::Quic {
            self.quic.next = now;
        } else {
            self.tcp.next = now;
        }
        if self.quic.waiting.is_empty() && self.quic.running == 0 {
            self.tcp.next = now;
        }
        if self.failure.as_ref().is_none_or(|known| rank(known) <= rank(&error)) {
            self.failure = Some(error);
        }
    }

    fn stop(&mut self) {
        self.quic.waiting.clear();
        self.tcp.waiting.clear();
        self.dials.clear();
    }

    fn give_up(self) -> Result<Channel, DialError> {
        self.held.ok_or(self.failure.unwrap_or(DialError::TimedOut))
    }
}

impl Line {
    fn new(addresses: Vec<SocketAddr>, next: Instant) -> Self {
        Self { waiting: addresses.into(), next, running: 0 }
    }

    fn due(&self) -> Option<Instant> {
        (!self.waiting.is_empty()).then_some(self.next)
    }

    fn take(&mut self, now: Instant, step: Duration) -> Option<SocketAddr> {
        if self.next > now {
            return None;
        }
        let address = self.waiting.pop_front()?;
        self.next = now + step;
        self.running += 1;
        Some(address)
    }
}

impl Zeal {
    const fn step(self) -> Duration {
        match self {
            Self::Calm => STEP,
            Self::Eager => EAGER_STEP,
        }
    }

    const fn limit(self) -> Duration {
        match self {
            Self::Calm => CALM_LIMIT,
            Self::Eager => EAGER_LIMIT,
        }
    }
}

/// Whether no other dial of this address can end better, over TCP neither.
const fn is_answer(error: &DialError) -> bool {
    match error {
        DialError::OwnKey
        | DialError::WrongKey { .. }
        | DialError::Incompatible
        | DialError::BadAddress(_)
        | DialError::Stopping => true,
        DialError::TimedOut
        | DialError::Refused
        | DialError::Unreachable(_)
        | DialError::Failed(_) => false,
    }
}

/// How much a failure tells about a peer that has several addresses.
const fn rank(error: &DialError) -> u8 {
    match error {
        DialError::BadAddress(_) => 0,
        DialError::Unreachable(_) => 1,
        // A name may be that of several nodes, and this is one of them.
        DialError::OwnKey => 2,
        DialError::Refused => 3,
        DialError::TimedOut => 4,
        DialError::Failed(_) => 5,
        DialError::Incompatible => 6,
        DialError::WrongKey { .. } => 7,
        DialError::Stopping => 8,
    }
}

/// Most addresses of one peer that are dialled.
const ADDRESSES: usize = 8;
/// From one dial to the next.
const STEP: Duration = Duration::from_millis(250);
/// At most this long after the way is free again, a dial is on it, if there is one address; of
/// several, each has its turn.
const EAGER_STEP: Duration = Duration::from_millis(150);
/// From the first dial by QUIC to the first by TCP, unless UDP is refused before.
const TCP_AFTER: Duration = Duration::from_secs(2);
/// From a failure of TCP to the next dial, when eager.
const TCP_AGAIN: Duration = Duration::from_secs(1);
/// How long a link by TCP waits whether QUIC gets through after all.
const LAST_WORD: Duration = Duration::from_millis(300);
const CALM_LIMIT: Duration = Duration::from_secs(6);
const EAGER_LIMIT: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener, UdpSocket};

    use tokio::task::JoinSet;

    use super::*;
    use crate::transport::Limits;

    const CALM: How = How { zeal: Zeal::Calm, knock: true, tcp: true };

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn node(seed: u8) -> Endpoint {
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Endpoint::bind(anywhere, &[seed; 32], Limits::default()).unwrap()
    }

    /// Accepts whoever comes, for as long as the returned set lives.
    fn accepting(endpoint: &Endpoint) -> JoinSet<()> {
        let mut acceptor = endpoint.acceptor();
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut kept = Vec::new();
            while let Some(channel) = acceptor.accept().await {
                kept.push(channel);
            }
        });
        tasks
    }

    /// What swallows UDP: bound, and never read.
    fn silent() -> (UdpSocket, SocketAddr) {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = socket.local_addr().unwrap();
        (socket, address)
    }

    #[test]
    fn families_take_turns_and_the_number_is_bounded() {
        let mixed = addresses(&["10.0.0.1:1", "10.0.0.2:1", "[::1]:1", "10.0.0.1:1", "[::2]:1"]);
        let turns = addresses(&["[::1]:1", "10.0.0.1:1", "[::2]:1", "10.0.0.2:1"]);
        assert_eq!(in_turn(mixed), turns);
        let many = (1..=255).map(|n| SocketAddr::from((Ipv4Addr::LOCALHOST, n))).collect();
        assert_eq!(in_turn(many).len(), ADDRESSES);
    }

    #[tokio::test]
    async fn a_dead_address_costs_one_step_only() {
        let (ours, theirs) = (node(1), node(2));
        let _tasks = accepting(&theirs);
        let (_socket, dead) = silent();
        let start = Instant::now();
        let both = vec![dead, theirs.local_addr().unwrap()];
        let channel = race(&ours, both, Some(theirs.key()), CALM).await.unwrap();
        assert_eq!(channel.conn.carrier(), Carrier::Quic);
        assert!(start.elapsed() >= STEP && start.elapsed() < TCP_AFTER, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn refusals_are_not_waited_for() {
        let ours = node(1);
        let (socket, gone) = silent();
        drop(socket);
        let start = Instant::now();
        let failure = race(&ours, vec![gone], None, CALM).await.unwrap_err();
        assert!(matches!(failure, Failure::Dial(DialError::Refused)), "{failure:?}");
        assert!(start.elapsed() < TCP_AFTER, "{:?}", start.elapsed());
    }

    #[tokio::test]
    async fn this_node_itself_is_found_at_once_and_tells_less_than_another_address() {
        let ours = node(1);
        let _tasks = accepting(&ours);
        let own = ours.local_addr().unwrap();
        for zeal in [Zeal::Calm, Zeal::Eager] {
            let start = Instant::now();
            let failure = race(&ours, vec![own], None, How { zeal, ..CALM }).await.unwrap_err();
            assert!(matches!(failure, Failure::Dial(DialError::OwnKey)), "{failure:?}");
            assert!(start.elapsed() < TCP_AFTER, "{:?}", start.elapsed());
        }
        let (socket, gone) = silent();
        drop(socket);
        let failure = race(&ours, vec![own, gone], None, CALM).await.unwrap_err();
        assert!(matches!(failure, Failure::Dial(DialError::Refused)), "{failure:?}");
    }

    #[tokio::test]
    async fn a_silent_peer_is_given_up_in_time() {
        let ours = node(1);
        let (_socket, dead) = silent();
        // Connections come about, and then nobody speaks.
        let _mute = TcpListener::bind(dead).unwrap();
        for zeal in [Zeal::Calm, Zeal::Eager] {
            let start = Instant::now();
            let failure = race(&ours, vec![dead], None, How { zeal, ..CALM }).await.unwrap_err();
            assert!(matches!(failure, Failure::Dial(DialError::TimedOut)), "{failure:?}");
            let limit = zeal.limit() + Duration::from_secs(2);
            assert!(start.elapsed() < limit, "{:?}", start.elapsed());
        }
    }

    #[tokio::test]
    async fn no_address_is_an_error() {
        let failure = race(&node(1), Vec::new(), None, CALM).await.unwrap_err();
        assert!(matches!(failure, Failure::Name(_)), "{failure:?}");
    }
}
