#![forbid(unsafe_code)]
//! The parts of the daemon; `main` puts them together.

pub mod transport;
