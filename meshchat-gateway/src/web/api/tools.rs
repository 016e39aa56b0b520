//! Tools that have asked lately: how fast each may go on, and what speaks for them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use meshchat_client::{Identity, Speaker};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{self, Instant};

use super::answer::Failure;
use super::take::Tool;
use crate::door::{House, Pace};

/// All tools. Clones share them.
#[derive(Debug, Clone)]
pub struct Tools {
    state: Arc<Mutex<State>>,
    looks: Arc<Semaphore>,
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

impl Tools {
    /// Nobody yet; forgets them in time.
    pub fn new(house: &House) -> Self {
        let looks = Arc::new(Semaphore::new(LOOKS_AT_ONCE));
        let tools = Self { state: Arc::default(), looks, house: house.clone() };
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
/// Long answers at once.
const LOOKS_AT_ONCE: usize = 4;
