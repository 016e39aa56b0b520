//! Async client of the meshchatd control socket.
//!
//! [`Client`] is one connection: many requests and event streams run on it at once.
//! [`Pipeline`] keeps many requests in flight without waiting for each. [`Tail`] follows a
//! stream across restarts of the daemon. [`Guest`] is somebody whom a gateway speaks for.
//! [`candidates`] knows where the socket is. [`metrics`] writes the numbers of a node.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

mod client;
mod confirm;
mod connect;
mod error;
mod guest;
mod incoming;
pub mod metrics;
mod pipeline;
mod place;
mod socket;
mod stream;
mod tail;
mod wire;

pub use client::Client;
pub use connect::CONNECT_TIMEOUT;
pub use error::{ConnectError, RequestError};
pub use guest::{Guest, Identity, SpeakError, Speaker};
pub use meshchat_proto as proto;
pub use pipeline::Pipeline;
pub use place::SHOWN_IDS;
pub use socket::candidates;
pub use stream::EventStream;
pub use tail::{Tail, TailError, TailItem, TailRequest};

/// Most requests and streams that run on one connection at once; the next one waits.
pub const RUNNING: usize = 4096;
/// Bytes that wait for the socket, after which new requests wait.
pub const QUEUED_BYTES: usize = 256 * 1024;
/// Events that wait for the reader of one [`EventStream`]. When it is full the connection is
/// not read: the daemon sees a slow client, and tells what was missed.
pub const QUEUED_EVENTS: usize = 256;
/// Requests of one [`Pipeline`] that are in flight or whose result was not taken yet.
pub const WINDOW: usize = 1024;
