//! Foreign messages on their way into the mesh, each once.
//!
//! They have no ids: a message is known by its room, author and words. Equal ones are counted, so
//! that who says a thing twice is heard twice.

use std::collections::VecDeque;
use std::time::Duration;

use meshchat_client::proto::control::Message;
use tokio::time::Instant;

/// What somebody elsewhere said, under a name that the mesh allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Said {
    pub(super) room: usize,
    pub(super) name: String,
    pub(super) text: String,
}

/// What came from either side lately.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// Waiting for another bridge to bring them.
    waiting: VecDeque<(Instant, Said)>,
    /// Brought by this bridge, and not yet shown by its node.
    own: VecDeque<(Instant, Said)>,
    /// Shown, and not yet heard on NATS.
    early: VecDeque<(Instant, Said)>,
}

impl Echoes {
    /// Something was said on NATS, to be brought in at `due` unless somebody else does. Returns
    /// how many had to make room.
    pub(super) fn heard(&mut self, now: Instant, due: Instant, said: Said) -> u64 {
        self.early.retain(|(at, _)| now - *at < SOON);
        if due > now && take(&mut self.early, &said) {
            return 0;
        }
        let full = self.waiting.len() >= MOST;
        if full {
            self.waiting.pop_front();
        }
        self.waiting.push_back((due, said));
        u64::from(full)
    }

    /// A message of a guest by way of NATS was shown by the node.
    pub(super) fn shown(&mut self, now: Instant, message: &Message, room: usize) {
        self.own.retain(|(at, _)| now - *at < LATE);
        let candidates = origins(room, message.author.as_str(), message.text.as_str());
        for list in [&mut self.own, &mut self.waiting] {
            if candidates.iter().any(|said| take(list, said)) {
                return;
            }
        }
        for said in candidates {
            if self.early.len() >= MOST {
                self.early.pop_front();
            }
            self.early.push_back((now, said));
        }
    }

    /// What this bridge is to bring in now.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Said> {
        let (due, rest): (VecDeque<_>, VecDeque<_>) =
            self.waiting.drain(..).partition(|(due, _)| *due <= now);
        self.waiting = rest;
        for (_, said) in &due {
            if self.own.len() >= MOST {
                self.own.pop_front();
            }
            self.own.push_back((now, said.clone()));
        }
        due.into_iter().map(|(_, said)| said).collect()
    }
}

fn take(list: &mut VecDeque<(Instant, Said)>, said: &Said) -> bool {
    let found = list.iter().position(|(_, known)| known == said);
    found.is_some_and(|place| list.remove(place).is_some())
}

/// Who may have said what a guest is shown to have said: they themselves, somebody whose name was
/// taken, or somebody for whom the bridge speaks.
fn origins(room: usize, author: &str, text: &str) -> Vec<Said> {
    let said = |name: &str, text: &str| Said { room, name: name.to_owned(), text: text.to_owned() };
    let mut all = vec![said(author, text)];
    if let Some((name, _)) = author.rsplit_once(TAKEN) {
        all.push(said(name, text));
    }
    if let Some((name, text)) = text.split_once(": ") {
        all.push(said(name, text));
    }
    all
}

/// Follows the name of somebody whose name was taken.
pub(super) const TAKEN: &str = "-nats";
/// How long a shown message may be ahead of NATS.
const SOON: Duration = Duration::from_secs(8);
/// How long one's own may take to be shown.
const LATE: Duration = Duration::from_secs(60);
/// Messages remembered of each kind.
const MOST: usize = 512;

#[cfg(test)]
mod tests {
    use super::*;
    use meshchat_client::proto::id::{MessageId, NodeId};
    use meshchat_client::proto::message::MessageKind;

    fn said(text: &str) -> Said {
        Said { room: 0, name: "mina".into(), text: text.into() }
    }

    fn message(author: &str, text: &str) -> Message {
        Message {
            cursor: 1,
            id: MessageId([1; 32]),
            room: "#lobby".parse().unwrap(),
            author: author.parse().unwrap(),
            node: NodeId([1; 32]),
            node_name: "a".parse().unwrap(),
            boot: 1,
            seq: 1,
            kind: MessageKind::Text,
            text: text.parse().unwrap(),
            wall_ms: 0,
            age_ms: 0,
            late: false,
            caught_up: false,
            own: false,
            via: Some("nats".parse().unwrap()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_another_bridge_brings_is_not_brought_again() {
        let (mut echoes, now) = (Echoes::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        for (author, text) in [("mina", "hi"), ("mina-nats", "hi"), ("nats", "mina: hi")] {
            echoes.heard(now, later, said("hi"));
            echoes.shown(now, &message(author, text), 0);
            assert!(echoes.due(later).is_empty(), "{author}: {text}");
            // The mesh may be faster than NATS.
            echoes.shown(now, &message(author, text), 0);
            echoes.heard(now, later, said("hi"));
            assert!(echoes.due(later).is_empty(), "{author}: {text}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_said_twice_is_brought_twice_and_nothing_is_lost() {
        let (mut echoes, now) = (Echoes::default(), Instant::now());
        let later = now + Duration::from_secs(1);
        for _ in 0..3 {
            echoes.heard(now, later, said("ok"));
        }
        echoes.shown(now, &message("mina", "ok"), 0);
        assert_eq!(echoes.due(later).len(), 2, "the other bridge is gone after the first");
        // Its own are no sign of another bridge.
        echoes.shown(later, &message("mina", "ok"), 0);
        echoes.shown(later, &message("mina", "ok"), 0);
        echoes.heard(later, later + Duration::from_secs(1), said("ok"));
        assert_eq!(echoes.due(later + Duration::from_secs(1)).len(), 1);
        assert!((0..=MOST).map(|_| echoes.heard(now, later, said("x"))).sum::<u64>() == 1);
    }
}
