//! The examination behind `meshchatctl doctor`: facts are gathered, then judged.

mod facts;

use meshchat_proto::control::Finding;

pub use facts::{Facts, LinkFacts, NamedFacts, Places, ProbeFacts};

/// What the disk and the hardware say.
#[derive(Debug, Default)]
pub struct Machine {}

impl Machine {
    /// Looks; blocks for a while.
    #[must_use]
    pub fn look(_places: &Places) -> Self {
        Self {}
    }
}

/// Judges the facts; at most [`FINDINGS`] findings, in groups.
#[must_use]
pub fn judge(_facts: &Facts) -> Vec<Finding> {
    Vec::new()
}

/// Most findings of one examination.
pub const FINDINGS: usize = 256;
