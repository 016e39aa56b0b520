use alloc::boxed::Box;
use alloc::vec::Vec;

use meshchat_proto::id::{Boot, NodeId};
use meshchat_proto::message::{Place, Signature};

use crate::time::Mono;

/// A shown message as it is kept on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its place in the order of showing; each is used once.
    pub cursor: u64,
    /// When it was shown. The running clock goes on over restarts where messages are kept.
    pub at: Mono,
    /// It came behind a later one of its sender.
    pub late: bool,
    /// It came through catch-up.
    pub caught_up: bool,
    /// The origin's signature.
    pub sig: Signature,
    /// Its place under the signature; none when it is alone there.
    pub place: Option<Place>,
    /// The exact bytes that the signature covers.
    pub body: Box<[u8]>,
}

/// What was seen of one run of one node, and need not be asked for again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenNumbers {
    /// The node.
    pub node: NodeId,
    /// Its run.
    pub boot: Boot,
    /// Numbers of shown messages: inclusive ranges, ascending and apart.
    pub seen: Vec<(u64, u64)>,
    /// Numbers that were given up, because nobody held them.
    pub gone: Vec<(u64, u64)>,
}

/// What a node needs of earlier runs to show nothing twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// The cursor of the newest message shown; 0 when none.
    pub newest: u64,
    /// The time on the running clock.
    pub at: Mono,
    /// What was seen, those shown last included.
    pub seen: Vec<SeenNumbers>,
}

/// What was kept of earlier runs.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Restored {
    /// All that was seen.
    pub snapshot: Snapshot,
    /// Messages, in the order of their cursors.
    pub messages: Vec<Kept>,
}
