//! The examination behind `meshchatctl doctor`: facts are gathered, then judged.
//!
//! Each group of findings is a pure function of the facts in a file of its own. Only [`Machine`]
//! looks by itself, at the disk and at the hardware.

mod clock;
mod disk;
mod facts;
mod key;
mod links;
mod multicast;
mod nat;
mod network;
mod pi;
mod reach;

use meshchat_proto::control::Finding;

pub(crate) use clock::median_of;
pub use facts::{Facts, LinkFacts, NamedFacts, Places, ProbeFacts};

/// What the disk and the hardware say.
#[derive(Debug, Default)]
pub struct Machine {
    disk: disk::Disk,
    pi: pi::Pi,
}

impl Machine {
    /// Looks; blocks for a while.
    #[must_use]
    pub fn look(places: &Places) -> Self {
        Self { disk: disk::Disk::look(places), pi: pi::Pi::look(&places.sys) }
    }
}

/// Judges the facts; at most [`FINDINGS`] findings, in groups.
#[must_use]
pub fn judge(facts: &Facts) -> Vec<Finding> {
    let groups = [
        network::judge,
        multicast::judge,
        reach::judge,
        nat::judge,
        links::judge,
        clock::judge,
        key::judge,
        disk::judge,
        pi::judge,
    ];
    groups.into_iter().flat_map(|judge| judge(facts)).take(FINDINGS).collect()
}

/// The first [`SUBJECTS`] findings of a kind, so that one kind leaves room for the others; the
/// rest become one finding, as bad as the worst of them.
fn bounded(mut findings: Vec<Finding>) -> Vec<Finding> {
    // The worst go first; those that are equally bad stay in order.
    findings.sort_by_key(|finding| std::cmp::Reverse(finding.grade));
    let rest = findings.split_off(findings.len().min(SUBJECTS));
    if let Some(worst) = rest.first() {
        findings.push(Finding::new(&worst.check, worst.grade, format!("and {} more", rest.len())));
    }
    findings
}

/// Most findings of one examination.
pub const FINDINGS: usize = 256;
/// Most subjects of one kind of findings.
const SUBJECTS: usize = 24;

#[cfg(test)]
mod tests;
