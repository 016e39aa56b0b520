//! Direct messages and private rooms between a few nodes.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly and look only at what it is about"
)]

mod direct;
mod hostile;
mod mesh;
mod rooms;
