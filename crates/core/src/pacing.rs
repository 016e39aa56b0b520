//! Own people wait for their turn when they say more than the network allows, so that nobody
//! else refuses what they say.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::format;
use alloc::vec::Vec;
use core::ops::Bound;

use meshchat_proto::control::{Error, ErrorCode};

use crate::chat::Outgoing;
use crate::env::Env;
use crate::limits;
use crate::node::Node;
use crate::rates::{Pace, Rate};
use crate::time::{Mono, Now};

/// Messages of local people that wait for a token, in a queue for each person.
#[derive(Debug, Default)]
pub(crate) struct Pacing {
    pace: Pace,
    queues: BTreeMap<Box<str>, VecDeque<Outgoing>>,
    waiting: usize,
    due: Option<Mono>,
    /// Who had their turn last, so that the first in the alphabet are not always first.
    served: Box<str>,
}

impl Pacing {
    pub(crate) fn due(&self) -> Option<Mono> {
        self.due
    }

    /// Messages that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting
    }

    /// Messages of one name that wait.
    pub(crate) fn waiting_of(&self, name: &str) -> usize {
        self.queues.get(name).map_or(0, VecDeque::len)
    }

    /// Names whose pace is known.
    pub(crate) fn names(&self) -> usize {
        self.pace.len()
    }

    /// The names with messages that wait, beginning behind the one served last.
    fn turns(&self) -> Vec<Box<str>> {
        let behind = (Bound::Excluded(self.served.clone()), Bound::Unbounded);
        let upto = (Bound::Unbounded, Bound::Included(self.served.clone()));
        let turns = self.queues.range(behind).chain(self.queues.range(upto));
        turns.map(|(name, _)| name.clone()).collect()
    }
}

impl<E: Env> Node<E> {
    /// How fast one author may speak in this network; none when nobody is held back.
    pub(crate) fn rate(&self) -> Option<Rate> {
        let told = self.roster.rate();
        // Nothing at all would be silence, which is not theirs to order.
        let told = told
            .map(|(burst, per_second)| Rate { burst: burst.max(1), per_second: per_second.max(1) });
        told.or(self.me.rate)
    }

    /// Lets a message go out, now or when its author has a token.
    pub(crate) fn pace(&mut self, now: Now, outgoing: Outgoing) -> Result<(), Error> {
        let Some(rate) = self.rate() else {
            self.outgoing.push_back(outgoing);
            return Ok(());
        };
        let name = outgoing.draft.author.as_str();
        let pacing = &mut self.pacing;
        let waiting = pacing.queues.get(name).map_or(0, VecDeque::len);
        if waiting == 0 {
            match pacing.pace.take(now.mono, rate, name) {
                Ok(()) => {
                    self.outgoing.push_back(outgoing);
                    return Ok(());
                }
                Err(at) => pacing.due = Some(pacing.due.map_or(at, |due| due.min(at))),
            }
        }
        if waiting >= limits::WAITING_PER_PERSON || pacing.waiting >= limits::WAITING {
            let words = format!("{} messages wait to be sent already", pacing.waiting);
            return Err(Error::new(ErrorCode::TooMany, words)
                .hint(format!("send at most {} a second in the long run", rate.per_second)));
        }
        pacing.waiting += 1;
        pacing.queues.entry(name.into()).or_default().push_back(outgoing);
        Ok(())
    }

    /// Sends what has waited for its token, one message of each person in turn.
    pub(crate) fn tick_pacing(&mut self, now: Now) {
        if self.pacing.due.is_none_or(|due| due > now.mono) {
            return;
        }
        self.pacing.due = None;
        let rate = self.rate();
        loop {
            let mut soonest: Option<Mono> = None;
            let mut moved = false;
            for name in self.pacing.turns() {
                let pacing = &mut self.pacing;
                let token = match rate {
                    Some(rate) => pacing.pace.take(now.mono, rate, &name),
                    None => Ok(()),
                };
                if let Err(at) = token {
                    soonest = Some(soonest.map_or(at, |due| due.min(at)));
                    continue;
                }
                let Some(queue) = pacing.queues.get_mut(&name) else { continue };
                if let Some(next) = queue.pop_front() {
                    pacing.waiting -= 1;
                    self.outgoing.push_back(next);
                    moved = true;
                }
                if queue.is_empty() {
                    pacing.queues.remove(&name);
                }
                pacing.served = name;
            }
            if !moved || self.pacing.queues.is_empty() {
                self.pacing.due = soonest.filter(|_| !self.pacing.queues.is_empty());
                return;
            }
        }
    }

    /// The rate may have changed: whoever waits may have a token.
    pub(crate) fn rate_changed(&mut self, now: Now) {
        if !self.pacing.queues.is_empty() {
            self.pacing.due = Some(now.mono);
        }
    }

    /// Takes out what still waits, to be said by the next run.
    pub(crate) fn take_waiting(&mut self) -> impl Iterator<Item = Outgoing> {
        (self.pacing.waiting, self.pacing.due) = (0, None);
        core::mem::take(&mut self.pacing.queues).into_values().flatten()
    }

    /// The node stops or leaves its network: what still waits was never sent, and says so.
    pub(crate) fn refuse_waiting(&mut self) {
        for outgoing in core::mem::take(&mut self.pacing.queues).into_values().flatten() {
            let words =
                "the node stopped, or went to another network, before it was this message's turn";
            let error = Error::new(ErrorCode::TooMany, words).hint("send it again");
            self.reply(outgoing.session, outgoing.id, Err(error));
        }
        (self.pacing.waiting, self.pacing.due) = (0, None);
    }
}
