//! The parts of the mesh chat daemon: all of its input and output, and no decisions.

#![forbid(unsafe_code)]

pub mod config;
pub mod identity;
pub mod logging;
pub mod notify;
pub mod store;
pub mod users;

#[cfg(test)]
mod testing;
