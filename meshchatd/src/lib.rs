//! The parts of the mesh chat daemon: all of its input and output, and no decisions.

#![forbid(unsafe_code)]

pub mod carry;
mod clock;
pub mod config;
pub mod control;
pub mod dial;
pub mod discover;
pub mod doctor;
pub mod handover;
pub mod hub;
pub mod identity;
pub mod interfaces;
pub mod link;
pub mod near;
pub mod portmap;
mod shelf;
pub mod sleep;
mod sockets;
pub mod start;
pub mod store;
pub mod transport;
pub mod users;

pub use meshchat_service::{logging, notify, supervise};

/// Name and release of this program.
pub const SOFTWARE: &str = concat!("meshchatd ", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod testing;
