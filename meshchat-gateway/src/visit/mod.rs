//! One client from when it is known who speaks what until it goes, whichever door it came by: one
//! half listens and asks the daemon, the other writes and follows what happens.

mod asking;
mod crowd;
mod inbound;
mod outbound;
mod sink;
mod source;

use std::pin::pin;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time;

pub use crowd::Crowd;
pub use sink::Sink;
pub use source::{Frames, Over, Source};

use crate::dialect::{Dialect, Unit};
use crate::door::{Door, House, Seat};
use inbound::Inbound;
use outbound::Outbound;

/// A client that has a seat.
#[derive(Debug)]
pub struct Visit {
    /// What doors have in common.
    pub house: House,
    /// The door that it came by.
    pub door: Door,
    /// What its messages are marked with.
    pub via: &'static str,
    /// Its place.
    pub seat: Seat,
    /// What it speaks.
    pub dialect: Dialect,
    /// What it said first.
    pub first: Option<Unit>,
    /// Who is there, for those who are told again and again.
    pub crowd: Crowd,
}

/// Why a client is sent away: the code of a WebSocket close frame (RFC 6455, section 7.4.1), and
/// words for those who see them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Farewell {
    /// The code.
    pub code: u16,
    /// The words.
    pub words: String,
}

impl Farewell {
    /// A farewell.
    pub fn new(code: u16, words: impl Into<String>) -> Self {
        Self { code, words: words.into() }
    }
}

impl Visit {
    /// Serves the client until one of both goes.
    pub async fn run(self, mut source: Source, sink: Sink) {
        let Self { house, door, via, seat, dialect, first, crowd } = self;
        let (orders, waiting) = mpsc::channel(ORDERS);
        let voice = dialect.voice();
        let inbound = match Inbound::new(house, door.clone(), via, dialect, orders) {
            Ok(inbound) => inbound,
            Err(error) => return tracing::error!("no random numbers: {error}"),
        };
        let mut writing = pin!(Outbound::new(voice, door, sink, crowd).run(waiting));
        tokio::select! {
            () = inbound.run(&mut source, first) => {
                // What waits to be written is written first.
                time::timeout(FAREWELL, &mut writing).await.ok();
            }
            () = &mut writing => {}
        }
        // Closing over bytes that were not read would take back what was written.
        let rest = async { while source.next().await.is_ok() {} };
        time::timeout(LINGER, rest).await.ok();
        drop(seat);
    }
}

/// Things to write that wait for those before them; then the client is not read.
const ORDERS: usize = 8;
/// How long the last words may take.
const FAREWELL: Duration = Duration::from_secs(5);
/// How long a client may take to see that it is over.
const LINGER: Duration = Duration::from_millis(500);
