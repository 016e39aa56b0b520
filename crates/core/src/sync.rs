//! Catch-up: asking one neighbour for what it holds and we have not seen.
//!
//! The asker sends a summary of all it has seen, in parts; the neighbour answers each with what
//! it holds beyond that, a bounded round at a time, and ends with what it has seen but no
//! longer holds. Both sides ask when a link comes up, and whenever two heartbeats in a row show
//! different fingerprints. The neighbour keeps no state for it.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::time::Duration;

use meshchat_proto::codec;
use meshchat_proto::frame::{Frame, Kind};
use meshchat_proto::limits::{BATCH_BYTES, HOPS, RANGES};
use meshchat_proto::message::{Batch, lone_message};
use meshchat_proto::peer::{Heartbeat, OriginRanges, Summary, SyncEnd};

use crate::chat::as_slice;
use crate::env::Env;
use crate::heartbeat::Pulse;
use crate::history::Entry;
use crate::io::LinkId;
use crate::limits;
use crate::node::Node;
use crate::ranges::Ranges;
use crate::records::is_up;
use crate::seen::Origin;
use crate::time::{Mono, Now};

/// What we are asking on one link.
#[derive(Debug, Default)]
pub(crate) struct Asking {
    round: u32,
    /// The part of the summary that waits for its answer, and when the last progress was.
    part: Option<(Part, Mono)>,
    /// Ask once more when done: something was missed meanwhile.
    again: bool,
    last: Option<Mono>,
    /// Fingerprints (theirs, ours) between which asking has changed nothing.
    futile: Futile,
}

/// An exchange that left two fingerprints (theirs, ours) apart. Either its frames were lost, or
/// there is nothing to even out: it is repeated, but ever more rarely.
#[derive(Debug, Default)]
pub(crate) struct Futile {
    pair: Option<(u64, u64)>,
    pause: Duration,
    until: Mono,
}

/// A stretch of origins.
#[derive(Debug, Clone, Copy, Default)]
struct Part {
    after: Option<Origin>,
    upto: Option<Origin>,
}

/// What neighbours no longer hold, until it counts as gone.
#[derive(Debug, Default)]
pub(crate) struct Doubts {
    map: BTreeMap<Origin, Doubt>,
}

#[derive(Debug)]
struct Doubt {
    ranges: Ranges,
    until: Mono,
    before_start: bool,
}

impl Asking {
    pub(crate) fn is_asking(&self) -> bool {
        self.part.is_some()
    }

    pub(crate) fn due(&self) -> Option<Mono> {
        self.part.map(|(_, at)| at + limits::SYNC_PATIENCE)
    }

    pub(crate) fn progress(&mut self, now: Mono) {
        if let Some((_, at)) = &mut self.part {
            *at = now;
        }
    }
}

impl Futile {
    /// Notes that an exchange between these two has been tried.
    pub(crate) fn tried(&mut self, now: Mono, pair: (u64, u64)) {
        let again = self.pair == Some(pair);
        self.pause = if again { self.pause * 2 } else { limits::FUTILE_PAUSE };
        self.pause = self.pause.min(limits::FUTILE_PAUSE_MOST);
        (self.pair, self.until) = (Some(pair), now + self.pause);
    }

    /// Whether it is too soon to try again between these two.
    pub(crate) fn covers(&self, now: Mono, pair: (u64, u64)) -> bool {
        self.pair == Some(pair) && now < self.until
    }
}

impl Doubts {
    pub(crate) fn due(&self) -> Option<Mono> {
        self.map.values().map(|doubt| doubt.until).min()
    }

    pub(crate) fn len(&self) -> usize {
        self.map.len()
    }

    pub(crate) fn retain(&mut self, keep: impl Fn(&Origin) -> bool) {
        self.map.retain(|origin, _| keep(origin));
    }
}

impl<E: Env> Node<E> {
    /// Begins to catch up over a link, or notes to do so again.
    pub(crate) fn ask(&mut self, now: Now, link: LinkId) {
        let Some(state) = self.links.get_mut(link) else { return };
        if state.asking.is_asking() {
            state.asking.again = true;
            return;
        }
        state.asking.last = Some(now.mono);
        self.counters.syncs += 1;
        self.ask_part(now, link, None);
    }

    /// Repeats a question that was not answered.
    pub(crate) fn ask_again(&mut self, now: Now, link: LinkId) {
        let Some(state) = self.links.get_mut(link) else { return };
        if state.asking.due().is_some_and(|due| due <= now.mono) {
            state.asking.part = None;
            self.ask(now, link);
        }
    }

    /// Looks at a neighbour's fingerprints beside our own.
    pub(crate) fn compare(&mut self, now: Now, link: LinkId, ours: Pulse, beat: &Heartbeat) {
        self.compare_nodes(now, link, ours, beat);
        self.compare_rosters(now, link, ours, beat);
        let Some(state) = self.links.get_mut(link) else { return };
        let pair = (beat.seen, ours.seen);
        state.compared.seen = pair;
        if pair.0 == pair.1 || state.asking.futile.covers(now.mono, pair) {
            state.compared.seen_differs = 0;
            return;
        }
        state.compared.seen_differs += 1;
        if state.compared.seen_differs >= 2 {
            state.compared.seen_differs = 0;
            self.ask(now, link);
        }
    }

    /// Answers a neighbour that asks.
    pub(crate) fn on_summary(&mut self, now: Now, link: LinkId, summary: &Summary) {
        let seen: BTreeMap<Origin, Ranges> = summary
            .seen
            .iter()
            .filter(|origin| self.roster.admits(&origin.node))
            .map(|origin| ((origin.node, origin.boot), Ranges::from_wire(&origin.ranges)))
            .collect();
        let part = Part { after: summary.after, upto: summary.upto };
        let more = self.send_missing(link, part, &seen);
        let gone = if more { Vec::new() } else { self.no_longer_held(part, &seen) };
        let end = SyncEnd { round: summary.round, more, gone };
        self.send(link, Kind::SyncEnd, 0, &codec::encode(&end));
        let lacking = seen.iter().any(|(origin, theirs)| {
            let ours = self.seen.get(origin).map(crate::seen::Window::unwanted);
            !theirs.minus(&ours.unwrap_or_default()).is_empty()
        });
        let Some(state) = self.links.get_mut(link) else { return };
        let pause = state.asking.last.is_some_and(|at| now.mono.since(at) < limits::SYNC_PAUSE);
        if lacking
            && !pause
            && !state.asking.is_asking()
            && !state.asking.futile.covers(now.mono, state.compared.seen)
        {
            self.ask(now, link);
        }
    }

    pub(crate) fn on_sync_end(&mut self, now: Now, link: LinkId, end: &SyncEnd) {
        let Some(state) = self.links.get_mut(link) else { return };
        let Some((part, _)) = state.asking.part.filter(|_| state.asking.round == end.round) else {
            return;
        };
        if end.more {
            return self.ask_part(now, link, part.after);
        }
        for origin in &end.gone {
            self.doubt(now, (origin.node, origin.boot), &origin.ranges);
        }
        if part.upto.is_some() {
            return self.ask_part(now, link, part.upto);
        }
        self.caught_up = true;
        let ours = self.seen.fingerprint();
        let Some(state) = self.links.get_mut(link) else { return };
        state.asking.part = None;
        state.asking.futile.tried(now.mono, (state.compared.seen.0, ours));
        if core::mem::take(&mut state.asking.again) {
            self.ask(now, link);
        } else if !self.links.iter().any(|(_, link)| link.asking.is_asking()) {
            self.release_all(now);
        }
    }

    /// Gives up what nobody had in time.
    pub(crate) fn tick_doubts(&mut self, now: Now) {
        let due = self.doubts.map.iter().filter(|(_, doubt)| doubt.until <= now.mono);
        for origin in due.map(|(origin, _)| *origin).collect::<Vec<_>>() {
            let Some(doubt) = self.doubts.map.remove(&origin) else { continue };
            let settled = self.seen.get(&origin).map(crate::seen::Window::settled);
            let lost = doubt.ranges.minus(&settled.unwrap_or_default());
            self.give_up(origin, &lost, doubt.before_start);
        }
    }

    /// Asks for the origins behind `after`, as many as one frame can speak of.
    fn ask_part(&mut self, now: Now, link: LinkId, after: Option<Origin>) {
        let mut seen = Vec::new();
        let (mut bytes, mut upto) = (0, None);
        for (origin, window) in self.seen.between(after, None) {
            let ranges = window.unwanted();
            let ranges = ranges.as_slice();
            bytes += 80 + 20 * ranges.len();
            if bytes > BATCH_BYTES {
                upto = seen.last().map(|last: &OriginRanges| (last.node, last.boot));
                break;
            }
            seen.push(OriginRanges { node: origin.0, boot: origin.1, ranges: ranges.to_vec() });
        }
        let Some(state) = self.links.get_mut(link) else { return };
        state.asking.round = state.asking.round.wrapping_add(1);
        state.asking.part = Some((Part { after, upto }, now.mono));
        let summary = Summary { round: state.asking.round, after, upto, seen };
        self.send(link, Kind::Summary, 0, &codec::encode(&summary));
    }

    /// Sends what is held of a stretch of origins beyond what the asker has seen, up to the
    /// bound of a round. Returns whether there is more.
    fn send_missing(&mut self, link: LinkId, part: Part, seen: &BTreeMap<Origin, Ranges>) -> bool {
        let mut sent = 0;
        let mut frames = Vec::new();
        let waiting = self.seen.between(part.after, part.upto);
        let waiting = waiting.flat_map(|(_, window)| window.held.values());
        let mut all = self.history.iter().chain(waiting).peekable();
        let mut more = false;
        while let Some(entry) = all.next() {
            if !part.covers(entry) || has_seen(seen, entry) || !self.roster.admits(&entry.node) {
                continue;
            }
            if sent >= limits::SYNC_ROUND_BYTES {
                more = true;
                break;
            }
            let mut batch = alloc::vec![entry];
            while batch.len() < entry.proof.count()
                && let Some(next) =
                    all.next_if(|next| follows(&batch, next) && !has_seen(seen, next))
            {
                batch.push(next);
            }
            for body in bodies(&batch) {
                sent += body.len();
                frames.push(
                    Frame { kind: Kind::Chat, hops: HOPS, old: true, body: body.into() }.to_wire(),
                );
            }
        }
        drop(all);
        for frame in frames {
            self.send_chat([link].into(), frame);
        }
        more
    }

    /// What was seen here of a stretch of origins, is not held any more, and not seen by the
    /// asker.
    fn no_longer_held(&self, part: Part, seen: &BTreeMap<Origin, Ranges>) -> Vec<OriginRanges> {
        let mut held: BTreeMap<Origin, Ranges> = BTreeMap::new();
        for entry in self.history.iter().filter(|entry| part.covers(entry)) {
            held.entry((entry.node, entry.boot)).or_default().insert(entry.seq, entry.seq);
        }
        let (none, mut bytes, mut gone) = (Ranges::default(), 0, Vec::new());
        for (origin, window) in self.seen.between(part.after, part.upto) {
            let mut rest = window.settled();
            for known in [held.get(origin), seen.get(origin)] {
                rest = rest.minus(known.unwrap_or(&none));
            }
            for seq in window.held.keys() {
                rest = rest.minus(&Ranges::of(*seq, *seq));
            }
            bytes += 80 + 20 * rest.as_slice().len();
            if !rest.is_empty() && bytes < BATCH_BYTES {
                let ranges = rest.as_slice().iter().take(RANGES).copied().collect();
                gone.push(OriginRanges { node: origin.0, boot: origin.1, ranges });
            }
        }
        gone
    }

    /// A neighbour no longer holds these. Only what their origin provably sent is believed, and
    /// only when nobody else brings it in time does it count as gone.
    fn doubt(&mut self, now: Now, origin: Origin, ranges: &[(u64, u64)]) {
        if !self.roster.admits(&origin.0) {
            return;
        }
        let claimed = Ranges::from_wire(ranges);
        let known = self.nodes.get(&origin.0);
        let record = known.map(|known| &known.record);
        let by_record = record.filter(|record| record.boot == origin.1).map(|record| record.seq);
        let by_message = self.seen.get(&origin).map(|window| window.proven);
        let proven = by_record.max(by_message).unwrap_or(0);
        // Nothing more of a run that is over can be proven any more. A neighbour is believed, but
        // not more than it could itself have held.
        let over = known.is_some_and(|known| known.record.boot > origin.1 || !is_up(known.state));
        let proven = if over { proven.saturating_add(limits::BELIEVED) } else { proven };
        // Nor of a node that only gateways bring messages of: it has no record here.
        let foreign = known.is_none() && claimed.count() <= limits::BELIEVED_FOREIGN;
        let proven = if foreign { proven.max(claimed.last()) } else { proven };
        if proven == 0 {
            return;
        }
        let Some(window) = self.seen.window(origin) else { return };
        let lost = claimed.up_to(proven).minus(&window.settled());
        self.doubt_ranges(now, origin, &lost);
    }

    /// What a gateway brought leaves holes: it, or somebody else, may still bring them.
    pub(crate) fn doubt_relayed(&mut self, now: Now, origin: Origin) {
        let holes = self.seen.get(&origin).map(crate::seen::Window::holes).unwrap_or_default();
        self.doubt_ranges(now, origin, &holes);
    }

    fn doubt_ranges(&mut self, now: Now, origin: Origin, lost: &Ranges) {
        if lost.is_empty() {
            return;
        }
        let (until, before_start) = (now.mono + limits::GONE_GRACE, !self.caught_up);
        let fresh = || Doubt { ranges: Ranges::default(), until, before_start };
        self.doubts.map.entry(origin).or_insert_with(fresh).ranges.insert_all(lost);
    }
}

impl Part {
    fn covers(&self, entry: &Entry) -> bool {
        let origin = (entry.node, entry.boot);
        self.after.is_none_or(|after| origin > after) && self.upto.is_none_or(|upto| origin <= upto)
    }
}

fn has_seen(seen: &BTreeMap<Origin, Ranges>, entry: &Entry) -> bool {
    seen.get(&(entry.node, entry.boot)).is_some_and(|ranges| ranges.contains(entry.seq))
}

/// Whether `next` is the next message of the batch that `batch` is the beginning of.
fn follows(batch: &[&Entry], next: &Entry) -> bool {
    let (Some(first), Some(last)) = (batch.first(), batch.last()) else { return false };
    first.index == 0
        && alloc::sync::Arc::ptr_eq(&first.proof, &next.proof)
        && last.index.checked_add(1) == Some(next.index)
}

/// Chat frame bodies for entries of one batch: one when it is whole, else one for each.
fn bodies(entries: &[&Entry]) -> Vec<Vec<u8>> {
    let Some(first) = entries.first() else { return Vec::new() };
    if entries.len() > 1 && entries.len() == first.proof.count() {
        let msgs = entries.iter().map(|entry| as_slice(&entry.body)).collect();
        return [codec::encode(&Batch { sig: first.proof.sig, msgs, place: None })].into();
    }
    let lone = |entry: &&Entry| {
        lone_message(&entry.proof.sig, &entry.body, entry.proof.place(entry.index))
    };
    entries.iter().map(lone).collect()
}
