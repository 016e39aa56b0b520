//! What discovery counts.

/// IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Family {
    /// IPv4.
    V4,
    /// IPv6, over link-local addresses.
    V6,
}

impl Family {
    /// As people write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// All counts.
#[derive(Debug, Clone, Default)]
pub struct Stats {
    /// One row for each interface and family in use, sorted; at most twice
    /// [`INTERFACES`](super::INTERFACES).
    pub interfaces: Vec<InterfaceStats>,
    /// Interfaces that are chosen but too many.
    pub left_out: usize,
    /// Neighbours that are remembered, at most [`PAIRS`](super::PAIRS).
    pub pairs: usize,
    /// What was not told to the hub, and why.
    pub drops: Drops,
}

/// What happened on one interface with one family since it is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterfaceStats {
    /// The interface.
    pub name: String,
    /// The family.
    pub family: Family,
    /// Beacons sent.
    pub sent: u64,
    /// Own beacons heard; far fewer than sent means that multicast does not work.
    pub heard_own: u64,
    /// Beacons of others heard, forged ones too.
    pub heard_others: u64,
    /// Own beacons in a row that were not heard, or could not be sent.
    pub missed: u64,
    /// What the system said last when something failed; empty if nothing did.
    pub last_error: String,
    /// The last beacon was not heard yet.
    pub(super) awaited: bool,
}

/// Datagrams that came to nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Drops {
    /// Not beacons.
    pub malformed: u64,
    /// Of other networks, or damaged.
    pub tag: u64,
    /// From where no neighbour can be.
    pub source: u64,
    /// More new neighbours in a second than can be.
    pub rate: u64,
    /// The hub was busy.
    pub inbox: u64,
}

/// So many own beacons are missed before somebody is told.
const MISSED: u64 = 3;

impl InterfaceStats {
    pub(super) fn new(name: &str, family: Family) -> Self {
        Self {
            name: name.to_owned(),
            family,
            sent: 0,
            heard_own: 0,
            heard_others: 0,
            missed: 0,
            last_error: String::new(),
            awaited: false,
        }
    }

    /// A beacon is about to be sent: by now the one before should have been heard.
    pub(super) fn before_call(&mut self) {
        if !std::mem::replace(&mut self.awaited, true) {
            return;
        }
        self.missed += 1;
        if self.missed == MISSED {
            let (name, family) = (&self.name, self.family.as_str());
            let why = if self.last_error.is_empty() {
                "own beacons do not come back"
            } else {
                &self.last_error
            };
            tracing::warn!("multicast does not work on {name} with {family}: {why}");
        }
    }

    pub(super) fn heard_own(&mut self) {
        self.heard_own += 1;
        self.awaited = false;
        if self.missed >= MISSED {
            tracing::info!("multicast works again on {} with {}", self.name, self.family.as_str());
        }
        self.missed = 0;
        self.last_error.clear();
    }

    pub(super) fn failed(&mut self, error: &std::io::Error) {
        self.last_error = error.to_string();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beacons_that_do_not_come_back_are_counted_in_a_row() {
        let mut stats = InterfaceStats::new("eth0", Family::V4);
        stats.before_call();
        assert_eq!(stats.missed, 0, "the first has had no time yet");
        stats.before_call();
        stats.before_call();
        assert_eq!(stats.missed, 2);
        stats.heard_own();
        stats.before_call();
        assert_eq!((stats.missed, stats.heard_own), (0, 1));
    }
}
