//! Something that was said, in a room or to one person.

use meshchat_client::proto::control::{DirectMessage, Message};
use meshchat_client::proto::id::MessageId;
use meshchat_client::proto::message::MessageKind;

use super::nicks::Who;

/// A message of either kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Heard {
    /// Said in a room.
    Room(Message),
    /// Said to one person.
    Direct(DirectMessage),
}

impl Heard {
    /// Its id.
    pub(super) const fn id(&self) -> MessageId {
        match self {
            Self::Room(message) => message.id,
            Self::Direct(message) => message.id,
        }
    }

    /// Who said it.
    pub(super) fn author(&self) -> Who {
        match self {
            Self::Room(message) => Who { node: message.node, name: message.author.clone() },
            Self::Direct(message) => Who { node: message.from_node, name: message.from.clone() },
        }
    }

    /// What the author's node is called.
    pub(super) fn node_name(&self) -> &str {
        match self {
            Self::Room(message) => message.node_name.as_str(),
            Self::Direct(message) => message.from_node_name.as_str(),
        }
    }

    /// The words.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Room(message) => message.text.as_str(),
            Self::Direct(message) => message.text.as_str(),
        }
    }

    /// What the author did.
    pub(super) const fn kind(&self) -> MessageKind {
        match self {
            Self::Room(message) => message.kind,
            Self::Direct(message) => message.kind,
        }
    }

    /// Milliseconds since this node got it.
    pub(super) const fn age_ms(&self) -> u64 {
        match self {
            Self::Room(message) => message.age_ms,
            Self::Direct(message) => message.age_ms,
        }
    }

    /// Whether it came later than when it was said.
    pub(super) const fn is_delayed(&self) -> bool {
        match self {
            Self::Room(message) => message.late || message.caught_up,
            Self::Direct(message) => message.late || message.caught_up,
        }
    }

    /// When it was said, in milliseconds since 1970 by the clock of this node: when it came, or,
    /// where it came through catch-up, what its author's clock said, unless that is impossible.
    pub(super) fn time_ms(&self, now_ms: u64) -> u64 {
        let (caught_up, wall) = match self {
            Self::Room(message) => (message.caught_up, message.wall_ms),
            Self::Direct(message) => (message.caught_up, message.wall_ms),
        };
        let came = now_ms.saturating_sub(self.age_ms());
        // Clocks that nobody has set are in 1970.
        if caught_up && wall > YEAR_2020 && wall < came { wall } else { came }
    }
}

/// Milliseconds since 1970.
const YEAR_2020: u64 = 1_577_836_800_000;
