use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::id::{Boot, NetworkId, NodeId};
use meshchat_proto::message::{Place, Signature};
use meshchat_proto::peer::OriginRanges;

use crate::limits;
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
    /// The network in which it was seen; in another one it means nothing.
    pub network: NetworkId,
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

/// What a node begins with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// Messages of earlier runs.
    pub restored: Restored,
    /// Cursors, prepared by [`SavedCursors::next_run`] and saved since.
    pub cursors: SavedCursors,
    /// Running time after which history forgets.
    pub age: Duration,
}

impl Default for Stored {
    fn default() -> Self {
        let cursors = SavedCursors::default().next_run(0);
        Self { restored: Restored::default(), cursors, age: limits::HISTORY_AGE }
    }
}

/// The numbers of shown messages, and how far clients have read.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
#[serde(default)]
pub struct SavedCursors {
    /// The newest number used, as far as was known.
    pub newest: u64,
    /// Numbers up to this one may have been used.
    pub reserved: u64,
    /// The run ended after this was saved: nothing behind `newest` was used.
    pub clean: bool,
    /// Numbers that were skipped, or of which nothing is known.
    pub unused: Vec<(u64, u64)>,
    /// The newest number of the runs before.
    pub before: u64,
    /// The run before may have shown more than is known.
    pub torn: bool,
    /// The cursors, those used last at the end.
    pub list: Vec<SavedCursor>,
}

/// One cursor.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct SavedCursor {
    /// The Unix user.
    pub user: String,
    /// Its name.
    pub name: String,
    /// Confirmed up to this number.
    pub upto: u64,
    /// What was confirmed, by origin.
    pub confirmed: Vec<OriginRanges>,
}
