//! Tools that have asked lately: how fast each may go on, and what speaks for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use meshchat_client::{Identity, Speaker};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit};
use tokio::time::{self, Instant};

use super::answer::Failure;
use super::take::Tool;
use crate::door::{House, Pace};
use crate::web::Fault;

/// All tools. Clones share them.
#[derive(Debug, Clone)]
pub struct Tools {
    state: Arc<Mutex<State>>,
    looks: Arc<Semaphore>,
    answers: Arc<Semaphore>,
    house: House,
}

#[derive(Debug, Default)]
struct State {
    paces: HashMap<String, Paces>,
    senders: HashMap<String, Sender>,
}

/// How fast the holder of one token may go on.
#[derive(Debug)]
struct Paces {
    say: Pace,
    look: Pace,
    used: Instant,
}

/// Somebody whom a tool speaks as.
#[derive(Debug)]
struct Sender {
    speaker: Speaker,
    used: Instant,
}

/// An answer that is being written.
struct Written {
    text: Vec<u8>,
    _share: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Written {
    fn as_ref(&self) -> &[u8] {
        &self.text
    }
}

impl Tools {
    /// Nobody yet; forgets them in time.
    pub fn new(house: &House) -> Self {
        let looks = Arc::new(Semaphore::new(LOOKS_AT_ONCE));
        let answers = Arc::new(Semaphore::new(ANSWER_BYTES as usize));
        let tools = Self { state: Arc::default(), looks, answers, house: house.clone() };
        house.tasks.spawn(tools.clone().forget());
        tools
    }

    /// Whether a tool may say something now.
    pub(super) fn may_say(&self, tool: &Tool) -> Result<(), Failure> {
        self.paced(tool, |paces| &mut paces.say)
    }

    /// Whether a tool may look something up now; the place is to be kept until it has done so.
    pub(super) async fn may_look(&self, tool: &Tool) -> Result<SemaphorePermit<'_>, Failure> {
        self.paced(tool, |paces| &mut paces.look)?;
        let closed = |_| Failure::too_fast(Duration::from_secs(1));
        self.looks.acquire().await.map_err(closed)
    }

    /// The JSON of an answer, which counts among the bytes of all answers until the last of it was
    /// written.
    pub(super) fn answer(&self, answer: &impl Serialize) -> Result<Response, Failure> {
        let internal = |error: serde_json::Error| Fault::own("internal", error.to_string(), "");
        let text = serde_json::to_vec(answer).map_err(internal)?;
        let share = u32::try_from(text.len()).unwrap_or(u32::MAX).min(ANSWER_BYTES);
        let too_many = |_| Failure::too_fast(Duration::from_secs(2));
        let share = Arc::clone(&self.answers).try_acquire_many_owned(share).map_err(too_many)?;
        let body = Body::from(Bytes::from_owner(Written { text, _share: share }));
        Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
    }

    fn paced(&self, tool: &Tool, which: fn(&mut Paces) -> &mut Pace) -> Result<(), Failure> {
        let mut state = self.state();
        if state.paces.len() >= PACES && !state.paces.contains_key(&tool.id) {
            forget_oldest(&mut state.paces, |paces| paces.used);
        }
        let limits = &self.house.limits;
        let paces = state.paces.entry(tool.id.clone()).or_insert_with(|| Paces {
            say: Pace::new(limits),
            look: Pace::of(LOOKS, LOOKS_PER_SECOND),
            used: Instant::now(),
        });
        paces.used = Instant::now();
        let result = which(paces).try_take();
        drop(state);
        result.map_err(Failure::too_fast)
    }

    /// What speaks for the person whom a tool is called as, who is in `room` when they are new.
    pub(super) fn speaker(&self, tool: &Tool, name: &str, room: Option<&str>) -> Speaker {
        let key = blake3::derive_key(CONTEXT, format!("{} {name}", tool.id).as_bytes());
        let key = blake3::Hash::from(key).to_hex().to_string();
        let mut state = self.state();
        if state.senders.len() >= SENDERS && !state.senders.contains_key(&key) {
            forget_oldest(&mut state.senders, |sender| sender.used);
        }
        let sender = state.senders.entry(key.clone()).or_insert_with(|| {
            let rooms = Some(room.into_iter().map(str::to_owned).collect());
            let (name, via) = (name.to_owned(), "api".to_owned());
            let identity = Identity { name, via, key, rooms, away: None };
            let speaker = Speaker::new(self.house.sockets.clone(), identity);
            Sender { speaker, used: Instant::now() }
        });
        sender.used = Instant::now();
        sender.speaker.clone()
    }

    async fn forget(self) {
        let mut often = time::interval(OFTEN);
        loop {
            often.tick().await;
            let mut state = self.state();
            state.senders.retain(|_, sender| sender.used.elapsed() < KEPT);
            state.paces.retain(|_, paces| paces.used.elapsed() < KEPT);
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn forget_oldest<T>(all: &mut HashMap<String, T>, used: fn(&T) -> Instant) {
    let oldest = all.iter().min_by_key(|(_, entry)| used(entry)).map(|(key, _)| key.clone());
    if let Some(oldest) = oldest {
        all.remove(&oldest);
    }
}

const CONTEXT: &str = "meshchat gateway 2026-11-21 people of tools";
/// How long a tool is known after its last request: its person is gone then.
const KEPT: Duration = Duration::from_secs(60);
const OFTEN: Duration = Duration::from_secs(5);
/// People of tools at once; one more makes the one go that was silent longest.
const SENDERS: usize = 32;
const PACES: usize = 256;
const LOOKS: u32 = 30;
const LOOKS_PER_SECOND: u32 = 10;
/// Bytes of all answers that are not yet written.
const ANSWER_BYTES: u32 = 16 * 1024 * 1024;
/// Long answers that are put together at once.
const LOOKS_AT_ONCE: usize = 4;
