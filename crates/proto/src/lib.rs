//! Every byte that crosses a meshchat wire.
//!
//! Two protocols share this crate: the *peer* protocol between nodes ([`frame`], [`peer`],
//! [`message`]) and the *control* protocol between the daemon and local tools ([`control`]).
//! Both carry MessagePack maps with named fields ([`codec`]), both are bounded by [`limits`],
//! and both are parsed once, here, into types that cannot be wrong ([`id`], [`name`]).
#![forbid(unsafe_code)]
#![warn(missing_docs)]

pub mod address;
pub mod beacon;
pub mod codec;
pub mod control;
pub mod frame;
pub mod holding;
pub mod id;
pub mod limits;
pub mod merkle;
pub mod message;
pub mod name;
pub mod network;
pub mod peer;
mod reader;
pub mod safety;
pub mod sealed;
mod skeleton;

pub use skeleton::skeleton;
