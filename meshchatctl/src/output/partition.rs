//! What is missing of the mesh, in words.

use meshchat_client::proto::control::{Missing, PartitionChange, PartitionState};
use meshchat_client::proto::name::NodeName;

use super::escape::escape;
use super::time::{Clock, count, number, span};

/// What `status` says about missing nodes, one remark each.
pub(crate) fn remarks(missing: &Missing, clock: &Clock) -> Vec<String> {
    let Missing { reachable, known, since_ms, .. } = missing;
    let mut out = Vec::new();
    if missing.isolated {
        out.push("problem: this node looks isolated, it has no link; check cable or Wi-Fi, then: meshchatctl peers".into());
    }
    let since = clock.local(clock.now_ms().saturating_sub(*since_ms));
    let since = since.map_or_else(String::new, |since| {
        let form = if since.date() == clock.now.date() { "%H:%M" } else { "%-d %B %H:%M" };
        format!(" since {}", since.strftime(form))
    });
    let with = match reachable {
        1 => format!("you are alone of {}", count((*known).into(), "known node")),
        _ => format!("you are with {reachable} of {}", count((*known).into(), "known node")),
    };
    out.push(format!("{with}{since} ({})", span(*since_ms)));
    let gone = known.saturating_sub(*reachable);
    out.push(format!("missing: {}", names(&missing.names, gone)));
    out
}

/// What `tail` says; empty for what this build does not know.
pub(crate) fn change(change: &PartitionChange) -> String {
    let PartitionChange { reachable, known, .. } = change;
    let gone = known.saturating_sub(*reachable);
    match change.state {
        PartitionState::Split => format!(
            "partition: {reachable} of {} are reachable, missing: {}",
            count((*known).into(), "known node"),
            names(&change.missing, gone)
        ),
        PartitionState::Isolated => {
            format!("this node looks isolated, missing: {}", names(&change.missing, gone))
        }
        PartitionState::Merged => {
            let (are, they) =
                if change.back == 1 { ("is", "it brings") } else { ("are", "they bring") };
            let still = if gone > 0 {
                format!("; {} still missing", number(gone.into()))
            } else {
                String::new()
            };
            format!(
                "merged: {} {are} back; {they} {}, this side {}{still}",
                count(change.back.into(), "node"),
                count(change.theirs, "message"),
                number(change.ours)
            )
        }
        PartitionState::Unknown => String::new(),
    }
}

fn names(names: &[NodeName], all: u32) -> String {
    let shown: Vec<_> = names.iter().map(|name| escape(name.as_str())).collect();
    let more = all.saturating_sub(u32::try_from(names.len()).unwrap_or(u32::MAX));
    match more {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::time::tests::afternoon;
    use super::*;

    fn missing(reachable: u32, known: u32, names: &[&str]) -> Missing {
        let names = names.iter().map(|name| name.parse().unwrap()).collect();
        Missing { reachable, known, since_ms: 720_000, names, isolated: reachable == 1 }
    }

    #[test]
    fn status_says_since_when_and_who() {
        assert_eq!(
            remarks(&missing(4, 11, &["pi-8", "pi-9"]), &afternoon()),
            [
                "you are with 4 of 11 known nodes since 14:48 (12 m)",
                "missing: pi-8, pi-9 and 5 more"
            ]
        );
        let old = Missing { since_ms: 86_400_000 * 2, ..missing(1, 2, &["pi-8"]) };
        assert_eq!(
            remarks(&old, &afternoon()),
            [
                "problem: this node looks isolated, it has no link; check cable or Wi-Fi, then: meshchatctl peers",
                "you are alone of 2 known nodes since 18 November 15:00 (2 d)",
                "missing: pi-8"
            ]
        );
    }

    #[test]
    fn tail_says_what_happened() {
        let event = |state, missing: &[&str], counts: (u32, u64, u64)| {
            let missing: Vec<NodeName> = missing.iter().map(|name| name.parse().unwrap()).collect();
            let reachable = 11 - u32::try_from(missing.len()).unwrap();
            let (back, theirs, ours) = counts;
            change(&PartitionChange { state, reachable, known: 11, missing, back, theirs, ours })
        };
        assert_eq!(
            event(PartitionState::Split, &["pi-8", "pi-9"], (0, 0, 0)),
            "partition: 9 of 11 known nodes are reachable, missing: pi-8, pi-9"
        );
        assert_eq!(
            event(PartitionState::Isolated, &["pi-8"], (0, 0, 0)),
            "this node looks isolated, missing: pi-8"
        );
        assert_eq!(
            event(PartitionState::Merged, &[], (7, 12, 1030)),
            "merged: 7 nodes are back; they bring 12 messages, this side 1,030"
        );
        assert_eq!(
            event(PartitionState::Merged, &["pi-9"], (1, 1, 0)),
            "merged: 1 node is back; it brings 1 message, this side 0; 1 still missing"
        );
        assert_eq!(event(PartitionState::Unknown, &[], (0, 0, 0)), "");
    }
}
