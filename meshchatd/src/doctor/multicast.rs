//! Whether multicast works, by which nodes find each other.

use meshchat_proto::beacon::BEACON_PORT;
use meshchat_proto::control::{Finding, Grade};

use super::{Facts, bounded};
use crate::discover::InterfaceStats;
use crate::logging::escaped;

/// One finding for each interface and family in use.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    if !facts.discovery {
        let words = "discovery is off: only named peers are found";
        let fix = "discovery = \"lan\"  # in /etc/meshchat/meshchat.toml";
        return vec![Finding::new(CHECK, Grade::Note, words).fix(fix)];
    }
    let rows = facts.beacons.interfaces.iter().map(|row| Row::of(row).judge());
    let mut findings = bounded(rows.collect());
    if facts.beacons.left_out > 0 {
        let words = format!(
            "{} more interfaces are left out; choose with interfaces = [...]",
            facts.beacons.left_out
        );
        findings.push(Finding::new(CHECK, Grade::Note, words));
    }
    findings
}

/// What counts of an interface and family.
struct Row<'a> {
    name: &'a str,
    family: &'static str,
    sent: u64,
    own: u64,
    others: u64,
    missed: u64,
    error: &'a str,
}

impl<'a> Row<'a> {
    fn of(row: &'a InterfaceStats) -> Self {
        Self {
            name: &row.name,
            family: row.family.as_str(),
            sent: row.sent,
            own: row.heard_own,
            others: row.heard_others,
            missed: row.missed,
            error: &row.last_error,
        }
    }

    fn judge(&self) -> Finding {
        let place = format!("{} ({})", escaped(self.name), self.family);
        let finding = if self.missed >= ENOUGH || (self.own == 0 && self.sent >= ENOUGH) {
            let words = format!("multicast does not work on {place}{}", self.reason());
            Finding::new(CHECK, Grade::Problem, words)
                .fix(format!("sudo ip link set dev {} multicast on", escaped(self.name)))
                .fix(format!("sudo ufw allow {BEACON_PORT}/udp"))
        } else if self.others > 0 {
            let words = format!("beacons of others are heard{}", self.reason());
            Finding::new(CHECK, Grade::Ok, words)
        } else if self.own > 0 {
            let words = format!("multicast works here; nobody else is heard{}", self.reason());
            Finding::new(CHECK, Grade::Note, words)
        } else {
            let words = format!("not known yet; ask again in some seconds{}", self.reason());
            Finding::new(CHECK, Grade::Note, words)
        };
        finding.of(place)
    }

    fn reason(&self) -> String {
        if self.error.is_empty() { String::new() } else { format!(": {}", escaped(self.error)) }
    }
}

const CHECK: &str = "multicast";
/// So many own beacons must be missed before anything is wrong.
const ENOUGH: u64 = 3;

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, grades};
    use super::*;

    fn row(sent: u64, own: u64, others: u64, missed: u64) -> Row<'static> {
        Row { name: "eth0", family: "IPv4", sent, own, others, missed, error: "" }
    }

    #[test]
    fn own_beacons_that_do_not_come_back_are_a_problem() {
        for bad in [row(3, 0, 0, 2), row(9, 6, 0, 3), row(0, 0, 0, 3), row(9, 0, 5, 9)] {
            let finding = bad.judge();
            assert_eq!(finding.grade, Grade::Problem);
            assert_eq!(finding.words, "multicast does not work on eth0 (IPv4)");
            let fixes = ["sudo ip link set dev eth0 multicast on", "sudo ufw allow 7118/udp"];
            assert_eq!(finding.fix, fixes);
        }
        let finding = Row { error: "Permission\ndenied", ..row(3, 0, 0, 2) }.judge();
        assert!(finding.words.ends_with(": Permission\\ndenied"), "{}", finding.words);
    }

    #[test]
    fn whom_it_hears() {
        let heard = row(9, 9, 1, 0).judge();
        assert_eq!((heard.grade, &*heard.subject), (Grade::Ok, "eth0 (IPv4)"));
        assert_eq!(heard.words, "beacons of others are heard");
        let alone = row(9, 9, 0, 0).judge();
        assert_eq!(alone.grade, Grade::Note);
        assert!(alone.words.contains("nobody else is heard"));
        let fresh = row(2, 0, 0, 1).judge();
        assert_eq!(fresh.grade, Grade::Note);
        assert!(fresh.words.contains("not known yet"));
    }

    #[test]
    fn discovery_that_is_off_or_has_too_much_to_do_is_noted() {
        let mut facts = facts();
        assert_eq!(judge(&facts), []);
        facts.beacons.left_out = 2;
        assert_eq!(grades(&judge(&facts)), [Grade::Note]);
        facts.discovery = false;
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Note]);
        assert!(findings[0].fix[0].starts_with("discovery = \"lan\""));
    }
}
