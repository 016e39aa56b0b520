//! Whom to call, and when.
//!
//! The [`Book`] holds every peer that the configuration, a flag or an operator named, and tells
//! who is to be dialled now. It does no I/O: [`attempt`] makes one try.

mod attempt;
mod backoff;
mod book;
mod race;
mod resolve;

pub use attempt::{Failure, attempt};
pub use book::{Book, Entry, EntryId, Phase, SavedPeer, Source};
pub use race::{How, Zeal, race};
