//! Whether the clock is right, as far as neighbours can tell.

use meshchat_proto::control::{Finding, Grade};

use super::{Facts, LinkFacts, bounded};

/// This machine's clock against those of the neighbours.
pub(super) fn judge(facts: &Facts) -> Vec<Finding> {
    if facts.wall_ms < YEAR_2025 {
        let words = "the clock is years behind: the time was never set";
        return vec![wrong(format!("{words}; {HARMLESS}"))];
    }
    let Some(median) = median(&facts.links) else {
        let words = "no neighbour to compare the clock with";
        return vec![Finding::new(CHECK, Grade::Ok, words)];
    };
    let agree = |link: &&LinkFacts| is_close(link.clock_offset_ms, median);
    let agreeing = facts.links.iter().filter(agree).count();
    let is_trusted = agreeing * 2 >= facts.links.len();
    match (is_trusted, is_close(median, 0)) {
        (false, _) => {
            let words = format!(
                "the clocks of the neighbours differ too much to judge this one; {HARMLESS}"
            );
            vec![Finding::new(CHECK, Grade::Note, words)]
        }
        (true, false) => vec![wrong(off(facts, median, agreeing))],
        (true, true) => right(facts),
    }
}

/// The clock of this machine is right; those of some neighbours may not be.
fn right(facts: &Facts) -> Vec<Finding> {
    let (right, wrong): (Vec<_>, Vec<_>) =
        facts.links.iter().partition(|link| is_close(link.clock_offset_ms, 0));
    let words = match &right[..] {
        [one] => format!("the clock agrees with that of {}", one.name),
        many => format!("the clock agrees with those of {} neighbours", many.len()),
    };
    let mut findings = vec![Finding::new(CHECK, Grade::Ok, words)];
    let others = wrong.into_iter().map(|link| {
        let words = format!("the clock of {} is {}", link.name, apart(link.clock_offset_ms));
        let fix = format!("on {}: {FIX}", link.name);
        Finding::new(CHECK, Grade::Note, words).of(link.name.as_str()).fix(fix)
    });
    findings.extend(bounded(others.collect()));
    findings
}

fn wrong(words: String) -> Finding {
    Finding::new(CHECK, Grade::Warning, words).fix(FIX)
}

fn off(facts: &Facts, median: i64, agreeing: usize) -> String {
    // The neighbours' clock less ours: what is ahead for them is behind for us.
    let apart = apart(median.saturating_neg());
    match &facts.links[..] {
        [only] => format!(
            "the clock is {apart} against {}, and one of the two is wrong; {HARMLESS}",
            only.name
        ),
        many => {
            format!("the clock is {apart}, say {agreeing} of {} neighbours; {HARMLESS}", many.len())
        }
    }
}

fn median(links: &[LinkFacts]) -> Option<i64> {
    median_of(links.iter().map(|link| link.clock_offset_ms).collect())
}

/// The middle one; of two, the smaller.
pub(crate) fn median_of(mut offsets: Vec<i64>) -> Option<i64> {
    offsets.sort_unstable();
    offsets.get(offsets.len().saturating_sub(1) / 2).copied()
}

fn is_close(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= FAR
}

fn apart(offset_ms: i64) -> String {
    let side = if offset_ms < 0 { "behind" } else { "ahead" };
    let seconds = offset_ms.unsigned_abs() / 1000;
    match seconds {
        0..600 => format!("{seconds} s {side}"),
        600..172_800 => format!("{} min {side}", seconds / 60),
        _ => format!("{} days {side}", seconds / 86_400),
    }
}

const CHECK: &str = "clock";
const FIX: &str = "sudo timedatectl set-ntp true";
const HARMLESS: &str = "messages are not affected, only the times that are shown";
/// Milliseconds since 1970; no build is older.
const YEAR_2025: u64 = 1_735_689_600_000;
/// Milliseconds by which good clocks may differ.
const FAR: u64 = 120_000;

#[cfg(test)]
mod tests {
    use super::super::tests::{facts, grades, link};
    use super::*;

    fn findings(offsets: &[i64]) -> Vec<Finding> {
        let mut facts = facts();
        let named = |(n, offset)| LinkFacts { clock_offset_ms: offset, ..link(&format!("pi{n}")) };
        facts.links = offsets.iter().copied().enumerate().map(named).collect();
        judge(&facts)
    }

    #[test]
    fn a_clock_that_was_never_set_is_told_without_neighbours() {
        let mut facts = facts();
        assert_eq!(grades(&judge(&facts)), [Grade::Ok]);
        facts.wall_ms = YEAR_2025 - 1;
        let findings = judge(&facts);
        assert_eq!(grades(&findings), [Grade::Warning]);
        assert_eq!(findings[0].fix, ["sudo timedatectl set-ntp true"]);
        assert!(findings[0].words.contains("messages are not affected"));
    }

    #[test]
    fn neighbours_that_agree_are_right() {
        assert_eq!(grades(&findings(&[120_000, -120_000, 5])), [Grade::Ok]);
        let off = findings(&[-3_600_000, -3_601_000, 0]);
        assert_eq!(grades(&off), [Grade::Warning]);
        assert!(off[0].words.contains("60 min ahead, say 2 of 3"), "{}", off[0].words);
        let days = findings(&[864_000_000, 864_000_000]);
        assert!(days[0].words.contains("10 days behind"), "{}", days[0].words);
    }

    #[test]
    fn the_only_neighbour_is_as_good_as_this_node() {
        assert_eq!(findings(&[0])[0].words, "the clock agrees with that of pi0");
        let off = findings(&[121_000]);
        assert_eq!(grades(&off), [Grade::Warning]);
        assert!(off[0].words.contains("121 s behind against pi0"), "{}", off[0].words);
    }

    #[test]
    fn single_neighbours_that_are_off_are_named() {
        let findings = findings(&[0, 10, i64::MIN, 500_000]);
        assert_eq!(grades(&findings), [Grade::Ok, Grade::Note, Grade::Note]);
        assert_eq!(findings[2].subject, "pi3");
        assert_eq!(findings[2].words, "the clock of pi3 is 500 s ahead");
    }

    #[test]
    fn neighbours_that_disagree_tell_nothing() {
        assert_eq!(grades(&findings(&[900_000, -900_000, 400_000])), [Grade::Note]);
    }
}
