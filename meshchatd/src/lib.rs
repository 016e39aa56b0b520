#![forbid(unsafe_code)]
//! The parts of the daemon; `main` puts them together.

pub mod link;
pub mod transport;
