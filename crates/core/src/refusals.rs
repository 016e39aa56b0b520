//! Messages of authors who speak faster than is allowed: refused, counted, and told of.

use alloc::collections::BTreeMap;

use meshchat_proto::control::Gone;
use meshchat_proto::id::NodeId;
use meshchat_proto::message::Body;

use crate::env::Env;
use crate::io::{LinkId, Note, Output};
use crate::limits;
use crate::node::Node;
use crate::rates::Verdict;
use crate::seen::Origin;
use crate::status::Drop;
use crate::time::{Mono, Now};

/// Refused messages that are yet to be told of.
#[derive(Debug, Default)]
pub(crate) struct Refusals {
    counts: BTreeMap<NodeId, u64>,
    due: Option<Mono>,
    told: Option<Mono>,
}

/// What became of one batch.
#[derive(Debug, Default)]
pub(crate) struct Intake {
    /// Places in the batch of the messages that were taken in.
    pub(crate) admitted: alloc::vec::Vec<usize>,
    /// Too many at once; the link is to be asked for them.
    pub(crate) put_off: bool,
    /// At least one was refused.
    pub(crate) refused: bool,
}

impl Refusals {
    pub(crate) fn due(&self) -> Option<Mono> {
        self.due
    }

    /// Nodes whose refused messages are yet to be told of.
    pub(crate) fn len(&self) -> usize {
        self.counts.len()
    }

    fn add(&mut self, now: Mono, node: NodeId, count: u64) {
        if self.counts.len() < limits::REFUSALS || self.counts.contains_key(&node) {
            *self.counts.entry(node).or_default() += count;
        }
        let pause = self.told.map(|told| told + limits::REFUSALS_PAUSE);
        let soon = (now + limits::REFUSALS_SETTLE).max(pause.unwrap_or_default());
        self.due.get_or_insert(soon);
    }
}

impl<E: Env> Node<E> {
    /// Whether a fresh message of a proven batch may come in.
    pub(crate) fn admit(
        &mut self,
        now: Now,
        origin: &Origin,
        (author, seq): (&str, u64),
        history: bool,
    ) -> Verdict {
        let Some(rate) = self.rate() else { return Verdict::Admitted };
        let verdict = self.rates.take(now.mono, rate, (&origin.0, author), history);
        if verdict == Verdict::Refused {
            self.counters.drop(Drop::AuthorRate, 1);
            self.refusals.add(now.mono, origin.0, 1);
            if let Some(window) = self.seen.get_mut(origin) {
                window.refuse(seq);
            }
        }
        verdict
    }

    /// Messages come over a link, new or not. What was refused of them and comes from somebody
    /// else than its author was taken in there, so others know that the author has got so far.
    pub(crate) fn heard_of(
        &mut self,
        now: Now,
        link: Option<LinkId>,
        origin: &Origin,
        bodies: &[Body<'_>],
    ) {
        // What a gateway brings again is not checked, and proves nothing.
        let Some(link) = link else { return };
        let by_author = self.links.get(link).is_none_or(|link| link.peer == origin.0);
        let Some(window) = self.seen.get(origin).filter(|_| !by_author) else { return };
        let refused = bodies.iter().filter(|body| window.refused.contains(body.seq));
        if let Some(newest) = refused.map(|body| body.seq).max() {
            self.origin_told(now, origin, newest);
        }
    }

    /// Ends a batch: what waited for refused messages is shown, what was put off is asked for.
    pub(crate) fn after_intake(
        &mut self,
        now: Now,
        link: Option<LinkId>,
        origin: Origin,
        intake: &Intake,
    ) {
        if let Some(window) = self.seen.get_mut(&origin) {
            let untold = core::mem::take(&mut window.untold);
            let waits = !window.held.is_empty();
            if untold > 0 {
                self.refusals.add(now.mono, origin.0, untold);
            }
            if intake.refused && waits {
                self.show_next(now, origin);
            }
        }
        if let Some(link) = link.filter(|_| intake.put_off) {
            self.ask(now, link);
        }
    }

    /// An origin has told how far it has got: what was refused of that is gone for everyone.
    pub(crate) fn origin_told(&mut self, now: Now, origin: &Origin, seq: u64) {
        let Some(window) = self.seen.get_mut(origin) else { return };
        if seq > window.told {
            window.told = seq;
            window.settle_refused();
            let untold = core::mem::take(&mut window.untold);
            if untold > 0 {
                self.refusals.add(now.mono, origin.0, untold);
            }
        }
    }

    /// Tells how many messages were refused, a while after the first or after the last time.
    pub(crate) fn tick_refusals(&mut self, now: Now) {
        if self.refusals.due.is_none_or(|due| due > now.mono) {
            return;
        }
        (self.refusals.due, self.refusals.told) = (None, Some(now.mono));
        for (node, count) in core::mem::take(&mut self.refusals.counts) {
            self.out.push_back(Output::Note(Note::Refused { node, count }));
            let node_name = self.nodes.name(&node);
            let gone = Gone { node, node_name, count, before_start: false, refused: true };
            self.announce_message_gap(gone);
        }
    }
}
