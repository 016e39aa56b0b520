//! Two looks at a node, and what moved between them.

use meshchat_client::proto::control::{LimitRow, PeerInfo, PeerState, ProcessStatus, Status};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::NodeName;
use serde::Serialize;
use tokio::time::Instant;

/// One look.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) at: Instant,
    pub(super) status: Status,
    pub(super) limits: Vec<LimitRow>,
    pub(super) peers: Vec<PeerInfo>,
}

/// What is shown; one line of `--json`. Rates are per second, over the time since the last look,
/// and missing in the first.
#[derive(Debug, Serialize)]
pub(super) struct Look<'a> {
    event: &'static str,
    time: Option<String>,
    pub(super) over_ms: Option<u64>,
    pub(super) links: Vec<Link<'a>>,
    pub(super) messages: Messages,
    pub(super) drops: Vec<Drop<'a>>,
    /// Tables that are more than four fifths full.
    pub(super) full: Vec<&'a LimitRow>,
    pub(super) process: Option<ProcessStatus>,
    /// Of one processor, in hundredths.
    pub(super) cpu_percent: Option<u64>,
    pub(super) clients: u32,
}

#[derive(Debug, Serialize)]
pub(super) struct Link<'a> {
    pub(super) node: Option<NodeId>,
    pub(super) name: Option<&'a NodeName>,
    pub(super) address: &'a str,
    pub(super) state: PeerState,
    pub(super) rtt_us: Option<u64>,
    pub(super) up_bytes: Option<u64>,
    pub(super) down_bytes: Option<u64>,
    pub(super) queued_bytes: u64,
    pub(super) behind: bool,
    pub(super) error: &'a str,
}

#[derive(Debug, Serialize)]
pub(super) struct Messages {
    pub(super) sent: Count,
    pub(super) received: Count,
    pub(super) forwarded: Count,
    pub(super) duplicates: Count,
}

/// A counter of this run, and how fast it grows in thousandths a second.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Count {
    pub(super) total: u64,
    pub(super) per_1000_s: Option<u64>,
}

#[derive(Debug, Serialize)]
pub(super) struct Drop<'a> {
    pub(super) reason: &'a str,
    pub(super) count: Count,
}

impl<'a> Look<'a> {
    pub(super) fn new(now: &'a Sample, before: Option<&Sample>, time: Option<String>) -> Self {
        // Counters of another run began anew.
        let before = before.filter(|before| before.status.boot == now.status.boot);
        let span = before.map(|before| now.at.duration_since(before.at).as_millis());
        let over_ms = span.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
        let pace = |total: u64, was: Option<u64>| Count {
            total,
            per_1000_s: grown(total, was, over_ms, 1_000_000),
        };
        let was = before.map(|before| &before.status);
        let status = &now.status;
        let messages = Messages {
            sent: pace(status.sent, was.map(|was| was.sent)),
            received: pace(status.received, was.map(|was| was.received)),
            forwarded: pace(status.forwarded, was.map(|was| was.forwarded)),
            duplicates: pace(status.duplicates, was.map(|was| was.duplicates)),
        };
        let drops = status.drops.iter().map(|drop| {
            let then = was.map(|was| {
                let same = was.drops.iter().find(|then| then.reason == drop.reason);
                same.map_or(0, |then| then.count)
            });
            Drop { reason: &drop.reason, count: pace(drop.count, then) }
        });
        let cpu = |status: &Status| status.process.map(|process| process.cpu_ms);
        let links = now.peers.iter().map(|peer| link(peer, before, over_ms));
        Self {
            event: "top",
            time,
            over_ms,
            links: links.collect(),
            messages,
            drops: drops.collect(),
            full: now.limits.iter().filter(|row| is_full(row)).collect(),
            process: status.process,
            cpu_percent: cpu(status).and_then(|ms| grown(ms, was.and_then(cpu), over_ms, 100)),
            clients: status.clients,
        }
    }
}

fn link<'a>(peer: &'a PeerInfo, before: Option<&Sample>, over_ms: Option<u64>) -> Link<'a> {
    let was = before.and_then(|before| before.peers.iter().find(|was| is_same(was, peer)));
    let rate = |now: u64, was: Option<u64>| grown(now, was, over_ms, 1000);
    Link {
        node: peer.node,
        name: peer.name.as_ref(),
        address: &peer.address,
        state: peer.state,
        rtt_us: peer.rtt_us,
        up_bytes: rate(peer.sent_bytes, was.map(|was| was.sent_bytes)),
        down_bytes: rate(peer.received_bytes, was.map(|was| was.received_bytes)),
        queued_bytes: peer.queued_bytes,
        behind: peer.behind,
        error: &peer.error,
    }
}

/// Whether two pushes speak of the same link, and not of a newer one to the same node.
fn is_same(was: &PeerInfo, now: &PeerInfo) -> bool {
    (was.node, &was.address) == (now.node, &now.address)
        && was.state == PeerState::Linked
        && was.sent_bytes <= now.sent_bytes
        && was.received_bytes <= now.received_bytes
}

/// `factor` times what a counter grew by in a millisecond.
fn grown(now: u64, was: Option<u64>, over_ms: Option<u64>, factor: u64) -> Option<u64> {
    let grown = now.saturating_sub(was?);
    grown.saturating_mul(factor).checked_div(over_ms?)
}

const fn is_full(row: &LimitRow) -> bool {
    row.most > 0 && row.used.saturating_mul(5) > row.most.saturating_mul(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_time_between() {
        assert_eq!(grown(300, Some(100), Some(2_000), 1000), Some(100));
        assert_eq!(grown(1, Some(0), Some(4_000), 1_000_000), Some(250));
        assert_eq!(grown(300, None, Some(2_000), 1000), None);
        assert_eq!(grown(300, Some(1), None, 1000), None);
        assert_eq!(grown(1, Some(9), Some(7), 1000), Some(0));
    }

    #[test]
    fn a_table_is_full_beyond_four_fifths() {
        let row = |used, most| LimitRow { name: "x".into(), used, most, when_full: String::new() };
        assert!(is_full(&row(81, 100)) && !is_full(&row(80, 100)) && !is_full(&row(0, 0)));
    }
}
