//! The parts of the gateway: doors of a meshchat node for clients that do not speak its control
//! protocol. It speaks nothing but that protocol itself, as any program could.
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod announce;
pub mod args;
pub mod config;
pub mod dialect;
pub mod door;
pub mod irc;
pub mod metrics;
#[cfg(feature = "nats")]
pub mod nats;
pub mod run;
pub mod tcp;
pub mod visit;
pub mod web;
pub mod websocket;

pub use meshchat_service::{logging, notify, supervise};

/// Name and release of this program.
pub const SOFTWARE: &str = concat!("meshchat-gateway ", env!("CARGO_PKG_VERSION"));
