//! What is due, and when: at a time that was asked for, and once after many inputs.

use crate::env::Env;
use crate::io::{Note, Output};
use crate::limits;
use crate::node::Node;
use crate::time::{Mono, Now, millis};

impl<E: Env> Node<E> {
    /// Does what is due. Call it when [`Node::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Now) {
        if self.stopped {
            return;
        }
        self.wake(now);
        self.tick_links(now);
        self.tick_order(now);
        self.tick_pacing(now);
        self.tick_refusals(now);
        self.tick_doubts(now);
        self.tick_pings(now);
        self.tick_holdings(now);
        self.tick_waits(now);
        self.tick_trails(now);
        self.tick_meetings(now);
        self.tick_redials(now);
        self.tick_joining(now);
        if self.peering.due().is_some_and(|due| due <= now.mono) {
            self.seek(now);
        }
        if self.contacts.due().is_some_and(|due| due <= now.mono) {
            self.save_contacts(now);
        }
        if self.acquaintances.due().is_some_and(|due| due <= now.mono) {
            self.save_acquaintances(now);
        }
        if self.blind_until.is_some_and(|until| until <= now.mono) {
            self.blind_until = None;
            self.presence_dirty = true;
        } else if self.presence_due.is_some_and(|due| due <= now.mono) {
            self.show_changes(now);
        }
        self.tick_cursors(now.mono);
        self.tick_partition(now);
        self.history.forget_old(now.mono);
        if self.record_due() <= now.mono {
            self.publish(now);
        }
    }

    /// When [`Node::handle_timeout`] is to be called next; never after a shutdown.
    pub fn poll_timeout(&self) -> Mono {
        if self.stopped {
            return Mono::from_micros(u64::MAX);
        }
        let soonest = [
            self.links.due(),
            self.order.due(),
            self.pacing.due(),
            self.refusals.due(),
            self.doubts.due(),
            self.echoes.due(),
            self.claims.due(self.nodes.len()),
            self.deliveries.due(),
            self.trails.due(),
            self.meetings.due(),
            self.redial_due(),
            self.peering.due(),
            self.contacts.due(),
            self.cursors.due(),
            self.acquaintances.due(),
            self.presence_due,
            self.partition.due(),
            self.mail.due(),
            self.blind_until,
            self.join_due(),
            self.held_due(),
        ];
        soonest.into_iter().flatten().fold(self.record_due(), Mono::min)
    }

    /// What a drain of outputs leaves to be done once for many inputs.
    pub(crate) fn settle(&mut self) {
        if self.stopped {
            return;
        }
        let now = self.clock;
        self.tick_rooms(now);
        self.tick_mail(now);
        self.seal(now);
        if self.publication_is_due(now.mono) {
            self.publish(now);
        }
        if self.presence_dirty {
            self.refresh_presence(now);
        }
        self.tick_waits(now);
        #[cfg(debug_assertions)]
        self.check_invariants();
    }

    fn publication_is_due(&self, now: Mono) -> bool {
        self.record_due() <= now
    }

    /// Notes the time; blames itself when the loop was late.
    pub(crate) fn wake(&mut self, now: Now) {
        let late = now.mono.since(self.poll_timeout().max(self.clock.mono));
        if late > limits::OVERSLEPT && !self.publication_never() {
            self.forgive_links(late);
            self.blind_until = Some(now.mono + limits::REGAIN);
            self.out.push_back(Output::Note(Note::Overslept { late_ms: millis(late) }));
        }
        self.clock = now;
    }

    fn publication_never(&self) -> bool {
        self.record_due() == Mono::ZERO
    }
}
