//! What the node counts.

use core::fmt;

/// Why something was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Drop {
    /// A frame or its body could not be read.
    BadFrame,
    /// A signature did not fit.
    BadSignature,
    /// A message or record of another network.
    OtherNetwork,
    /// Messages of a run of a node that is too long ago.
    OldBoot,
    /// A sequence number that nobody can have reached.
    SequenceJump,
    /// No room for another origin of messages.
    OriginsFull,
    /// No room for another node record.
    NodesFull,
    /// Passed on as often as allowed.
    HopsUsedUp,
    /// Chat or a record that overtook the greeting of its link; catch-up brings it.
    BeforeHello,
    /// Of a kind that this build does not know.
    UnknownKind,
    /// Chat left out of a link whose queue was full; catch-up brings it.
    LinkBehind,
    /// More echoes than this node passes on.
    EchoRate,
    /// More tries to reach a neighbour than it may ask for.
    ProbeRate,
    /// An echo to a node that no path leads to.
    NoPath,
    /// A message of an author who speaks faster than is allowed.
    AuthorRate,
    /// From or about somebody who does not belong to the closed network.
    NotMember,
    /// A statement about the network that does not count.
    VoidStatement,
    /// No room for another statement about the network.
    RosterFull,
    /// A message that a slow client missed for good.
    ClientMissed,
    /// A change of presence that a slow client missed.
    ClientMissedChange,
    /// A message sealed to this node that its key does not open.
    Unopened,
}

impl Drop {
    /// All reasons.
    pub const ALL: [Self; 21] = [
        Self::BadFrame,
        Self::BadSignature,
        Self::OtherNetwork,
        Self::OldBoot,
        Self::SequenceJump,
        Self::OriginsFull,
        Self::NodesFull,
        Self::HopsUsedUp,
        Self::BeforeHello,
        Self::UnknownKind,
        Self::LinkBehind,
        Self::EchoRate,
        Self::ProbeRate,
        Self::NoPath,
        Self::AuthorRate,
        Self::NotMember,
        Self::VoidStatement,
        Self::RosterFull,
        Self::ClientMissed,
        Self::ClientMissedChange,
        Self::Unopened,
    ];

    /// The stable word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadFrame => "bad_frame",
            Self::BadSignature => "bad_signature",
            Self::OtherNetwork => "other_network",
            Self::OldBoot => "old_boot",
            Self::SequenceJump => "sequence_jump",
            Self::OriginsFull => "origins_full",
            Self::NodesFull => "nodes_full",
            Self::HopsUsedUp => "hops_used_up",
            Self::BeforeHello => "before_hello",
            Self::UnknownKind => "unknown_kind",
            Self::LinkBehind => "link_behind",
            Self::EchoRate => "echo_rate",
            Self::ProbeRate => "probe_rate",
            Self::NoPath => "no_path",
            Self::AuthorRate => "author_rate",
            Self::NotMember => "not_member",
            Self::VoidStatement => "void_statement",
            Self::RosterFull => "roster_full",
            Self::ClientMissed => "client_missed",
            Self::ClientMissedChange => "client_missed_change",
            Self::Unopened => "unopened",
        }
    }
}

impl fmt::Display for Drop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Counts since the node started.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Dials that the node has asked for by itself.
    pub dials: u64,
    /// Messages of local people.
    pub sent: u64,
    /// Messages taken from other nodes.
    pub received: u64,
    /// Frames of others passed on, counted per link.
    pub forwarded: u64,
    /// Messages that came again.
    pub duplicates: u64,
    /// Messages given up because nobody reachable holds them.
    pub gone: u64,
    /// Messages shown behind a later one of their sender.
    pub late: u64,
    /// Catch-ups begun.
    pub syncs: u64,
    /// Signatures checked.
    pub verified: u64,
    drops: [u64; Drop::ALL.len()],
}

impl Counters {
    /// How often something was dropped for this reason.
    pub fn dropped(&self, why: Drop) -> u64 {
        self.drops.get(why as usize).copied().unwrap_or(0)
    }

    pub(crate) fn drop(&mut self, why: Drop, count: u64) {
        if let Some(slot) = self.drops.get_mut(why as usize) {
            *slot += count;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_counter_and_word() {
        for (at, why) in Drop::ALL.into_iter().enumerate() {
            assert_eq!(why as usize, at);
            let mut counters = Counters::default();
            counters.drop(why, 2);
            assert_eq!(Drop::ALL.map(|other| counters.dropped(other)).iter().sum::<u64>(), 2);
            assert_eq!(Drop::ALL.iter().filter(|o| o.as_str() == why.as_str()).count(), 1);
        }
    }

    #[test]
    fn every_reason_is_explained() {
        let page = include_str!("../../../docs/metrics.md");
        for why in Drop::ALL {
            assert!(page.contains(&alloc::format!("`{why}`")), "docs/metrics.md lacks {why}");
        }
    }
}
