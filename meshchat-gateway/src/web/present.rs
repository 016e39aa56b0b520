//! People whose page is open, and who stay for a moment after it closes: a page that is loaded
//! again must not look like somebody who went and came.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshchat_client::proto::control::{Dm, Request, Start};
use meshchat_client::{EventStream, Guest, Identity, Speaker, TailRequest};
use tokio::time::{self, Instant};

use super::Fault;
use crate::door::{House, Pace};

/// Everybody who came in by the page. Clones share them.
#[derive(Debug, Clone)]
pub struct Present {
    people: Arc<Mutex<HashMap<String, Person>>>,
    house: House,
}

/// What all pages of one person share.
#[derive(Debug, Clone)]
struct Person {
    /// Pages that are open or are being opened.
    pages: usize,
    /// What keeps them there after their last page.
    lingering: usize,
    shared: Arc<Together>,
}

#[derive(Debug)]
struct Together {
    /// What speaks for them; locked while one of their pages opens, or their lingering ends.
    speaker: tokio::sync::Mutex<Option<Speaker>>,
    pace: tokio::sync::Mutex<Pace>,
}

/// One page of a person.
#[derive(Debug)]
pub struct Visit {
    present: Present,
    key: String,
    together: Arc<Together>,
}

impl Present {
    /// Nobody yet.
    pub fn new(house: &House) -> Self {
        Self { people: Arc::default(), house: house.clone() }
    }

    /// Lets a page of somebody in; further pages of them speak for the same person.
    ///
    /// # Errors
    ///
    /// [`Fault`], with the codes of the daemon.
    pub async fn arrive(
        &self,
        identity: Identity,
        request: TailRequest,
    ) -> Result<(Visit, Guest), Fault> {
        let visit = self.visit(&identity.key);
        let together = Arc::clone(&visit.together);
        let mut place = together.speaker.lock().await;
        let (speaker, name) = match &*place {
            Some(speaker) => (speaker.clone(), identity.name),
            None => {
                let name = identity.name.clone();
                (Speaker::new(self.house.sockets.clone(), identity), name)
            }
        };
        if speaker.identity().name != name {
            speaker.ask(Request::Nick { name }).await?;
        }
        let guest = Guest::join(&speaker, request).await?;
        *place = Some(speaker);
        drop(place);
        Ok((visit, guest))
    }

    fn visit(&self, key: &str) -> Visit {
        let mut people = self.people();
        let limits = &self.house.limits;
        let person = people.entry(key.to_owned()).or_insert_with(|| Person {
            pages: 0,
            lingering: 0,
            shared: Arc::new(Together {
                speaker: tokio::sync::Mutex::default(),
                pace: tokio::sync::Mutex::new(Pace::new(limits)),
            }),
        });
        person.pages += 1;
        let together = Arc::clone(&person.shared);
        drop(people);
        Visit { present: self.clone(), key: key.to_owned(), together }
    }

    /// Whether somebody is to stay after the page that closes now.
    fn may_linger(&self, key: &str) -> bool {
        let people = self.people();
        let lingering: usize = people.values().map(|person| person.lingering).sum();
        lingering < LINGERING && people.get(key).is_some_and(|person| person.pages == 1)
    }

    fn change(&self, key: &str, change: impl FnOnce(&mut Person)) {
        let mut people = self.people();
        if let Some(person) = people.get_mut(key) {
            change(person);
            if person.pages == 0 && person.lingering == 0 {
                people.remove(key);
            }
        }
    }

    /// Keeps somebody there until the time is up and no page of theirs opens just then.
    async fn linger(self, mut stream: EventStream, visit: Visit) {
        let (key, together) = (visit.key.clone(), Arc::clone(&visit.together));
        self.change(&key, |person| person.lingering += 1);
        drop(visit);
        let until = Instant::now() + LINGER;
        while let Ok(Some(Ok(_))) = time::timeout_at(until, stream.next()).await {}
        while self.is_arriving(&key, &together) {
            time::sleep(LOOK_AGAIN).await;
        }
        drop(stream);
        self.change(&key, |person| person.lingering -= 1);
    }

    /// Whether a page is being opened.
    fn is_arriving(&self, key: &str, together: &Together) -> bool {
        together.speaker.try_lock().is_err()
            && self.people().get(key).is_some_and(|person| person.pages > 0)
    }

    fn people(&self) -> MutexGuard<'_, HashMap<String, Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Visit {
    /// Waits until the person may say something more, over all their pages.
    pub async fn pace(&self) {
        self.together.pace.lock().await.wait().await;
    }

    /// The page is gone. The last one's person lingers.
    pub async fn leave(self, guest: Guest) {
        let present = self.present.clone();
        if !present.may_linger(&self.key) {
            return;
        }
        let speaker = guest.speaker().clone();
        if let Ok(Ok(stream)) = time::timeout(OPENING, speaker.stream(reading())).await {
            drop(guest);
            let tasks = present.house.tasks.clone();
            tasks.spawn(present.linger(stream, self));
        }
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        self.present.change(&self.key, |person| person.pages = person.pages.saturating_sub(1));
    }
}

/// A stream of somebody who is there and shown nothing, so that nothing counts as read.
fn reading() -> Request {
    Request::Tail {
        room: None,
        start: Start::Now,
        follow: true,
        presence: false,
        dm: Dm::No,
        cursor: None,
    }
}

/// How long somebody stays whose last page has closed.
const LINGER: Duration = Duration::from_secs(10);
/// How many stay so at once; those beyond go at once.
const LINGERING: usize = 16;
const OPENING: Duration = Duration::from_secs(2);
const LOOK_AGAIN: Duration = Duration::from_millis(100);
