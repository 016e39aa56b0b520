//! Nodes without sockets, clocks and keys: two on a wire, a few that do as they are told, towns
//! behind translators, and whole seeded networks.
//!
//! All are of one type, `Node<AnyEnv>`, and in one program, so that the node is compiled once.
#![forbid(unsafe_code)]

mod abuse;
mod closed;
mod delivery;
mod env;
mod mail;
mod pair;
mod peering;
mod shape;
mod sim;
mod stand_in;
mod store;
mod town;
