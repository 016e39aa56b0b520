//! Whether this node's key is its own.

use meshchat_proto::control::{Finding, Grade};

use super::Facts;

/// Whether somebody else was met who speaks with this node's key.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    let Some(ago) = facts.doubled else {
        return vec![Finding::new(
            CHECK,
            Grade::Ok,
            "no other machine speaks with this node's key",
        )];
    };
    let words = format!(
        "another machine speaks with this node's key, last heard {} s ago; \
         this looks like a copied SD card or disk",
        ago.as_secs()
    );
    let copy = "if this is a copy and the original still runs: stop meshchatd, then: \
        sudo meshchatd identity fork";
    let moved = "if this is the same node on new hardware: switch the old one off, \
        stop meshchatd here, then: sudo meshchatd identity move";
    vec![Finding::new(CHECK, Grade::Problem, words).fix(copy).fix(moved)]
}

const CHECK: &str = "key";

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::tests::{facts, grades};
    use super::*;

    #[test]
    fn a_key_on_two_machines_is_a_problem() {
        let mut facts = facts();
        assert_eq!(grades(&judge(&facts)), [Grade::Ok]);
        facts.doubled = Some(Duration::from_secs(90));
        let [finding] = &judge(&facts)[..] else { panic!() };
        assert_eq!(finding.grade, Grade::Problem);
        assert!(finding.words.contains("another machine speaks with this node's key"));
        assert!(finding.words.contains("90 s ago"));
        assert!(finding.fix[0].ends_with("meshchatd identity fork"));
        assert!(finding.fix[1].ends_with("meshchatd identity move"));
    }
}
