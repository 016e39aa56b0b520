//! The meshchat node as a pure state machine.
//!
//! A [`Node`] gets everything that happens as an [`Input`] together with the time, and gives
//! back everything that follows as [`Output`]s. It has no socket, no clock, no task and no
//! randomness of its own: those come in through its arguments and through [`Env`], so that a
//! simulation replays a seed exactly. The crate is `no_std`, so that the compiler refuses what
//! would break this.
//!
//! The caller's loop: [`Node::handle`] what arrived, [`Node::poll_output`] until nothing is
//! left, wait until [`Node::poll_timeout`] or the next input, and on the timeout call
//! [`Node::handle_timeout`].
#![no_std]
#![forbid(unsafe_code)]
#![warn(missing_docs)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod acquaintances;
mod addresses;
mod arrivals;
mod beacons;
mod budget;
mod chat;
mod clones;
mod contacts;
mod cursors;
mod delivery;
mod dial;
mod directory;
mod door;
mod doors;
mod echo;
mod env;
mod events;
mod frames;
mod gateway;
mod graph;
mod greeting;
mod heartbeat;
mod history;
mod holdings;
mod invites;
mod io;
mod joining;
pub mod limits;
mod links;
mod mail;
mod meet;
mod membership;
mod names;
mod node;
mod nodes;
mod order;
mod pacing;
mod partition;
mod peering;
mod people;
mod presence;
mod private;
mod probes;
mod ranges;
mod rates;
mod records;
mod refusals;
mod relay;
mod replies;
mod report;
mod restart;
mod restore;
mod roam;
mod rooms;
mod roster;
mod router;
mod seen;
mod sessions;
mod shape;
mod status;
mod streams;
mod switch;
mod sync;
mod ticks;
mod time;
mod trail;
mod tries;

pub use acquaintances::{SavedAcquaintances, SavedClaim, SavedMute};
pub use dial::{Carrier, Dial, DialId, Goal, SavedContact, Way};
pub use env::Env;
pub use io::{
    Admit, Config, HistoryMode, Input, Kept, Level, LinkId, Note, Output, Restored, SavedCursor,
    SavedCursors, SavedInvite, SavedNetwork, SavedPerson, SeenNumbers, SessionId, Snapshot, Stored,
};
pub use limits::HISTORY_AGE;
pub use links::LinkInfo;
pub use mail::{SavedLetter, SavedMail, SavedParcel};
pub use node::Node;
pub use peering::Sought;
pub use private::{SavedRoom, SavedRooms};
pub use rates::Rate;
pub use restart::{Handover, HeldNeighbour, HeldPerson, HeldWords};
pub use status::{Counters, Drop};
pub use time::{Mono, Now};
