//! What waits for its turn to be said on NATS, until it was seen there.
//!
//! A server sends what is published also to who published it, so seeing a message on its subject
//! is the receipt for it, whoever of several bridges has published it.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use meshchat_client::proto::id::MessageId;
use tokio::time::Instant;

/// A publication on one of the subjects, by its place and by all that matters in it: in a room who
/// says what in which message, on the backbone each byte.
pub(super) type Key = (usize, MessageId);

/// A message to publish.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) key: Key,
    /// The message of the mesh, where it is said beside the payload.
    pub(super) id: Option<MessageId>,
    pub(super) payload: Bytes,
}

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Post {
    waiting: VecDeque<Waiting>,
    /// What was seen on its subject lately.
    seen: HashSet<Key>,
    order: VecDeque<Key>,
}

#[derive(Debug)]
struct Waiting {
    letter: Letter,
    due: Instant,
    sent: Option<Instant>,
    tries: u32,
}

impl Post {
    /// Adds a message to be published at `due`, unless it was seen already or waits. Returns how
    /// many had to make room.
    pub(super) fn push(&mut self, letter: Letter, due: Instant) -> u64 {
        let key = letter.key;
        if self.seen.contains(&key) || self.waiting.iter().any(|known| known.letter.key == key) {
            return 0;
        }
        let mut dropped = 0;
        if self.waiting.len() >= WAITING {
            let oldest = self.waiting.iter().position(|waiting| waiting.sent.is_none());
            self.waiting.remove(oldest.unwrap_or(0));
            dropped = 1;
        }
        self.waiting.push_back(Waiting { letter, due, sent: None, tries: 0 });
        dropped
    }

    /// Adds a message that was published lately once more, unless it waits, or others would have to
    /// make room.
    pub(super) fn repeat(&mut self, letter: Letter, due: Instant) {
        let waits = self.waiting.iter().any(|known| known.letter.key == letter.key);
        if !waits && self.waiting.len() < REPEATED {
            self.seen.remove(&letter.key);
            self.order.retain(|key| *key != letter.key);
            self.waiting.push_back(Waiting { letter, due, sent: None, tries: 0 });
        }
    }

    /// A publication was seen on its subject that nobody need check. Returns whether it is new
    /// there and was not waiting.
    pub(super) fn saw(&mut self, key: Key) -> bool {
        let waited = self.waiting.iter().position(|waiting| waiting.letter.key == key);
        if let Some(place) = waited {
            self.waiting.remove(place);
        }
        if !self.seen.insert(key) {
            return false;
        }
        self.order.push_back(key);
        if self.order.len() > SEEN
            && let Some(oldest) = self.order.pop_front()
        {
            self.seen.remove(&oldest);
        }
        waited.is_none()
    }

    /// A publication was seen that others must check. Returns whether they need to: what waits is
    /// one's own, and then this is the receipt for it.
    pub(super) fn is_strange(&mut self, key: Key) -> bool {
        let waits = self.waiting.iter().any(|waiting| waiting.letter.key == key);
        if waits {
            self.saw(key);
        }
        !waits && !self.seen.contains(&key)
    }

    /// What is to be published now; marked as sent.
    pub(super) fn due(&mut self, now: Instant) -> Vec<Letter> {
        let under_way = self.waiting.iter().filter(|waiting| waiting.sent.is_some()).count();
        let mut room = WINDOW.saturating_sub(under_way);
        let mut due = Vec::new();
        for waiting in &mut self.waiting {
            let again = waiting.sent.is_some_and(|sent| now - sent > AGAIN);
            let first = waiting.sent.is_none() && waiting.due <= now && room > 0;
            if first || again {
                room = room.saturating_sub(usize::from(first));
                waiting.sent = Some(now);
                waiting.tries += 1;
                due.push(waiting.letter.clone());
            }
        }
        due
    }

    /// Gives up what was published often enough and never seen. Returns how many that were.
    pub(super) fn give_up(&mut self, now: Instant) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|waiting| {
            let unseen = waiting.sent.is_none_or(|sent| now - sent > AGAIN);
            !(unseen && waiting.tries >= TRIES)
        });
        (before - self.waiting.len()) as u64
    }

    /// Gives up one that cannot be published.
    pub(super) fn remove(&mut self, key: Key) {
        self.waiting.retain(|waiting| waiting.letter.key != key);
    }

    /// The connection is gone, and nobody knows what of it arrived.
    pub(super) fn lost(&mut self) {
        for waiting in &mut self.waiting {
            waiting.sent = None;
        }
    }

    /// The connection is back: who else waits says so first.
    pub(super) fn back(&mut self, now: Instant, wait: impl Fn(Key) -> Duration) {
        for waiting in &mut self.waiting {
            waiting.due = waiting.due.max(now + wait(waiting.letter.key));
        }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }
}

/// Messages that wait; one more pushes out the oldest.
pub(super) const WAITING: usize = 512;
/// Messages beyond which nothing is repeated.
const REPEATED: usize = WAITING / 2;
/// Of these, those that are on their way at once.
const WINDOW: usize = 64;
/// Messages that are known to have been on their subject.
const SEEN: usize = 4096;
/// What was published and not seen is published again.
const AGAIN: Duration = Duration::from_secs(10);
/// How often it is published at most.
const TRIES: u32 = 3;

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(n: u64) -> Letter {
        let key = (0, MessageId::of(&n.to_be_bytes()));
        Letter { key, id: None, payload: Bytes::new() }
    }

    #[tokio::test(start_paused = true)]
    async fn what_somebody_else_published_is_not_published_again() {
        let (mut post, now) = (Post::default(), Instant::now());
        post.push(letter(1), now);
        post.push(letter(2), now + Duration::from_secs(1));
        assert_eq!(post.due(now).len(), 1);
        assert!(!post.saw(letter(1).key) && !post.saw(letter(2).key));
        assert!(post.due(now + Duration::from_secs(2)).is_empty());
        assert!(post.saw(letter(3).key) && !post.saw(letter(3).key));
        post.push(letter(3), now);
        assert_eq!(post.len(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_checked_stays_strange() {
        let (mut post, now) = (Post::default(), Instant::now());
        assert!(post.is_strange(letter(1).key) && post.is_strange(letter(1).key));
        post.push(letter(1), now);
        assert!(!post.is_strange(letter(1).key), "it is the receipt");
        assert_eq!(post.len(), 0);
        post.push(letter(2), now + Duration::from_secs(1));
        post.saw(letter(2).key);
        assert!(!post.is_strange(letter(2).key) && post.due(now + AGAIN).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_not_seen_goes_again_and_the_oldest_makes_room() {
        let (mut post, now) = (Post::default(), Instant::now());
        let dropped: u64 = (0..600).map(|n| post.push(letter(n), now)).sum();
        assert_eq!((dropped, post.len()), (600 - WAITING as u64, WAITING));
        assert_eq!(post.due(now).len(), WINDOW);
        assert!(post.due(now).is_empty());
        post.lost();
        post.back(now, |_| Duration::from_secs(1));
        assert!(post.due(now).is_empty());
        let later = now + Duration::from_secs(2);
        assert_eq!(post.due(later).len(), WINDOW);
        assert_eq!(post.due(later + AGAIN + AGAIN).len(), WINDOW);
        assert_eq!(post.give_up(later + AGAIN + AGAIN), 0);
        assert_eq!(post.give_up(later + AGAIN * 4), WINDOW as u64, "three times were enough");
    }
}
