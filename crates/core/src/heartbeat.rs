//! Signs of life of one link.
//!
//! The side with more links (or the smaller key) sets the pace and asks; the other answers at
//! once, so that one exchange serves both. An echo proves both directions. An unanswered
//! question is repeated quickly until the link answers or is dead.

use alloc::collections::VecDeque;
use core::time::Duration;

use meshchat_proto::peer::Heartbeat;

use crate::limits;
use crate::time::Mono;

/// Heartbeats whose echo is still of use: all that a suspect link is sent before it is dead.
const REMEMBERED: usize = 96;

#[derive(Debug)]
pub(crate) struct Heart {
    seq: u64,
    sent: VecDeque<(u64, Mono)>,
    heard: Option<(u64, Mono)>,
    last_echo: Mono,
    asked: Option<Mono>,
    last_asked: Mono,
    /// When a question would be due without any chat.
    regular: Mono,
    /// The next question comes because of chat.
    prompted: bool,
    next: Mono,
    rtt: Option<Duration>,
}

/// What the node puts into its heartbeats.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Pulse {
    pub(crate) seen: u64,
    pub(crate) nodes: u64,
    pub(crate) links: u16,
    pub(crate) roster: u64,
}

impl Heart {
    pub(crate) fn new(now: Mono) -> Self {
        Self {
            seq: 0,
            sent: VecDeque::new(),
            heard: None,
            last_echo: now,
            asked: None,
            last_asked: now,
            regular: now + limits::HEARTBEAT,
            prompted: false,
            next: now + limits::HEARTBEAT,
            rtt: None,
        }
    }

    /// When something is to be done: [`Heart::is_dead`] or else [`Heart::beat`].
    pub(crate) fn due(&self) -> Mono {
        self.next.min(self.dead_at())
    }

    /// Whether the next heartbeat is a regular one, not prompted by chat, and due until then.
    pub(crate) fn is_regular_by(&self, then: Mono) -> bool {
        self.asked.is_none() && !self.prompted && self.next <= then
    }

    pub(crate) fn is_dead(&self, now: Mono) -> bool {
        now >= self.dead_at()
    }

    pub(crate) fn rtt(&self) -> Option<Duration> {
        self.rtt
    }

    /// Gives the peer back the time that our own loop lost.
    pub(crate) fn forgive(&mut self, late: Duration) {
        self.last_echo = self.last_echo + late;
        self.asked = self.asked.map(|asked| asked + late);
    }

    /// A heartbeat that wants an answer.
    pub(crate) fn ask(&mut self, now: Mono, pulse: Pulse) -> Heartbeat {
        let asked = *self.asked.get_or_insert(now);
        self.last_asked = now;
        self.next = (asked + limits::SUSPECT).max(now + limits::NUDGE);
        let extra = core::mem::take(&mut self.prompted) && now < self.regular;
        if !extra {
            self.regular = now + limits::HEARTBEAT;
        }
        Heartbeat { ask: true, extra, ..self.beat(now, pulse) }
    }

    /// The answer to a heartbeat that wants one.
    pub(crate) fn answer(&mut self, now: Mono, pulse: Pulse, to: &Heartbeat) -> Heartbeat {
        Heartbeat { extra: to.extra, ..self.beat(now, pulse) }
    }

    fn beat(&mut self, now: Mono, pulse: Pulse) -> Heartbeat {
        self.seq += 1;
        if self.sent.len() == REMEMBERED {
            self.sent.pop_front();
        }
        self.sent.push_back((self.seq, now));
        let (echo, heard_at) = self.heard.unwrap_or((0, now));
        let held = u64::try_from(now.since(heard_at).as_micros()).unwrap_or(u64::MAX);
        let Pulse { seen, nodes, links, roster } = pulse;
        Heartbeat {
            seq: self.seq,
            echo,
            held,
            seen,
            nodes,
            links,
            ask: false,
            extra: false,
            roster,
        }
    }

    /// Since when a question has waited for its answer.
    pub(crate) fn waiting_since(&self) -> Option<Mono> {
        self.asked
    }

    /// The other side is to be asked now: the way to it may have changed.
    pub(crate) fn ask_now(&mut self, now: Mono) {
        if self.asked.is_none() {
            self.prompted |= now < self.next;
            self.next = self.next.min(now);
        }
    }

    /// Chat goes out: the other side is to be asked soon. So a link that fails under a message is
    /// suspect, and nudged, long before its next regular heartbeat.
    pub(crate) fn chat_sent(&mut self, now: Mono) {
        if self.asked.is_none() {
            let soon = now.max(self.last_asked + limits::ASK_PAUSE);
            self.prompted |= soon < self.next;
            self.next = self.next.min(soon);
        }
    }

    /// Takes in a heartbeat of the other side, which sets the pace or leaves it to us.
    pub(crate) fn heard(&mut self, now: Mono, beat: &Heartbeat, we_set_pace: bool) {
        if self.heard.is_none_or(|(seq, _)| beat.seq > seq) {
            self.heard = Some((beat.seq, now));
        }
        while self.sent.front().is_some_and(|(seq, _)| *seq < beat.echo) {
            self.sent.pop_front();
        }
        let echoed = self.sent.front().filter(|(seq, _)| *seq == beat.echo);
        if let Some((_, sent_at)) = echoed.copied() {
            self.sent.pop_front();
            let sample = now.since(sent_at).saturating_sub(Duration::from_micros(beat.held));
            self.rtt = Some(self.rtt.map_or(sample, |rtt| (rtt * 7 + sample) / 8));
            self.last_echo = now;
            self.asked = None;
        }
        if !beat.extra {
            let pause = if we_set_pace { limits::HEARTBEAT } else { limits::HEARTBEAT_BACKUP };
            self.regular = now + pause;
        }
        if self.asked.is_none() {
            // A question that chat is waiting for stays due.
            self.next = if self.prompted { self.next.min(self.regular) } else { self.regular };
        }
    }

    pub(crate) fn dead_at(&self) -> Mono {
        self.last_echo + limits::DEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PULSE: Pulse = Pulse { seen: 0, nodes: 0, links: 1, roster: 0 };

    fn ms(ms: u64) -> Mono {
        Mono::from_micros(ms * 1000)
    }

    #[test]
    fn an_exchange_measures_the_round_trip_on_both_sides() {
        let (mut a, mut b) = (Heart::new(ms(0)), Heart::new(ms(0)));
        for round in 1..4u64 {
            let at = round * 5000;
            let ask = a.ask(ms(at), PULSE);
            b.heard(ms(at + 10), &ask, false);
            let answer = b.answer(ms(at + 12), PULSE, &ask);
            a.heard(ms(at + 22), &answer, true);
        }
        assert_eq!(a.rtt(), Some(Duration::from_millis(20)));
        assert_eq!(b.rtt(), Some(Duration::from_millis(20)));
        assert_eq!(a.due(), ms(15_022) + limits::HEARTBEAT);
        assert_eq!(b.due(), ms(15_010) + limits::HEARTBEAT_BACKUP);
    }

    #[test]
    fn a_silent_link_is_nudged_and_then_dead() {
        let mut heart = Heart::new(ms(0));
        let mut beats = 0;
        let mut now = heart.due();
        while !heart.is_dead(now) {
            heart.ask(now, PULSE);
            beats += 1;
            assert!(heart.due() > now, "the next deadline lies in the future");
            now = heart.due();
        }
        assert_eq!(now, ms(0) + limits::DEAD);
        assert!((55..75).contains(&beats), "{beats}");
    }

    #[test]
    fn chat_makes_a_link_that_fails_suspect_soon() {
        let mut heart = Heart::new(ms(0));
        heart.chat_sent(ms(500));
        assert_eq!(heart.due(), ms(0) + limits::ASK_PAUSE, "it was asked just now");
        heart.ask(ms(2000), PULSE);
        heart.chat_sent(ms(2500));
        assert_eq!(heart.due(), ms(2000) + limits::SUSPECT);
        heart.ask(ms(3000), PULSE);
        assert_eq!(heart.due(), ms(3000) + limits::NUDGE);
    }

    #[test]
    fn hearing_without_an_echo_keeps_no_link_alive() {
        let (mut a, mut b) = (Heart::new(ms(0)), Heart::new(ms(0)));
        for at in 0..15 {
            let beat = b.ask(ms(at * 1000), PULSE);
            a.heard(ms(at * 1000), &beat, true);
        }
        assert!(a.is_dead(ms(15_000)));
    }
}
