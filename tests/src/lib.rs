//! Real daemons, real command lines and networks of their own, for tests.
//!
//! Every helper panics with what it knows when a step fails: that is how a test wants
//! it. Whatever a helper started is ended and removed when its value is dropped, also
//! when the test panics; a panicking test gets the end of each daemon's log.
//!
//! ```no_run
//! use meshchat_tests::{Daemon, Limit};
//!
//! let a = Daemon::start("a");
//! let b = Daemon::builder("b").peer(a.listen()).start();
//! b.ctl().ok(["send", "hello"]);
//! let tail = a.ctl().tail(["tail", "-f", "-n", "20"]);
//! tail.wait_for("hello at a", Limit::default(), |line| line["text"] == "hello");
//! ```
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a failed step of a test must fail that test on the spot"
)]

mod bin;
mod ctl;
mod daemon;
mod dir;
mod gateway;
mod http;
mod irc;
mod keeper;
mod loopback;
mod nats;
mod net;
mod notify;
mod process;
mod questions;
mod screen;
mod tail;
mod talk;
mod wait;
mod web_talk;

pub use bin::{program, python};
pub use ctl::{Ctl, Finished};
pub use daemon::{Builder, Daemon, StartFailure};
pub use dir::TestDir;
pub use gateway::Gateway;
pub use http::Answer;
pub use irc::Irc;
pub use loopback::{dial_from, own_address};
pub use nats::{NatsClient, NatsServer};
pub use net::Net;
pub use process::Process;
pub use screen::Screen;
pub use tail::Tail;
pub use talk::Talk;
pub use wait::{Limit, wait_for, wait_some};
pub use web_talk::{WebTalk, http};
