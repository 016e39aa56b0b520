//! What others may do to a mesh on purpose: too much, nonsense, and with a key that is not
//! theirs alone.
#![expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    clippy::wildcard_enum_match_arm,
    reason = "a test may fail loudly and look only at what it is about"
)]

mod clones;
mod door;
mod flood;
mod garbage;
mod islands;
mod mesh;
