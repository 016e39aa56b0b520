//! Who speaks in the mesh for people elsewhere: one guest for each of the first few names, and the
//! bridge itself for all others.

use std::collections::HashMap;
use std::time::Duration;

use meshchat_client::proto::control::{
    DirectMessage, Dm, DmRequest, ErrorCode, Event, Request, Start,
};
use meshchat_client::proto::limits::NAME_CHARS;
use meshchat_client::proto::message::MessageKind;
use meshchat_client::{
    Guest, Identity, RequestError, SpeakError, Speaker, TailError, TailItem, TailRequest,
};
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::time::{self, Instant};

use super::echo::TAKEN;
use crate::door::{Door, House, fresh_key};

/// Words for a room.
#[derive(Debug, Clone)]
pub(super) struct Words {
    pub(super) room: String,
    pub(super) text: String,
}

/// All guests of the bridge.
#[derive(Debug)]
pub(super) struct People {
    house: House,
    door: Door,
    rooms: Vec<String>,
    guests: HashMap<String, Entry>,
    /// Says what those say who have no guest.
    shared: mpsc::Sender<Words>,
}

#[derive(Debug)]
struct Entry {
    words: mpsc::Sender<Words>,
    heard: Instant,
    /// It gives signs of life, so their end says something.
    ponged: bool,
}

impl People {
    pub(super) fn new(
        house: House,
        door: Door,
        rooms: Vec<String>,
        shared: mpsc::Sender<Words>,
    ) -> Self {
        Self { house, door, rooms, guests: HashMap::new(), shared }
    }

    /// Somebody elsewhere gives a sign of life.
    pub(super) fn alive(&mut self, now: Instant, name: &str) {
        if let Some(entry) = self.entry(now, name) {
            entry.ponged = true;
        }
    }

    /// Somebody elsewhere said something.
    pub(super) fn say(&mut self, now: Instant, name: &str, words: Words) {
        let words = match self.entry(now, name) {
            Some(entry) => match entry.words.try_send(words) {
                Ok(()) => return,
                Err(TrySendError::Full(_)) => return self.door.count("guest_full"),
                Err(TrySendError::Closed(words)) => words,
            },
            None => words,
        };
        lend(&self.door, &self.shared, name, words);
    }

    /// Lets those go who were silent for long.
    pub(super) fn tick(&mut self, now: Instant) {
        let is_here =
            |entry: &Entry| now - entry.heard < if entry.ponged { PONGED } else { SILENT };
        let before = self.guests.len();
        self.guests.retain(|_, entry| is_here(entry) && !entry.words.is_closed());
        if self.guests.len() < before {
            self.door.set_clients(self.guests.len());
        }
    }

    /// Whether somebody of this name is elsewhere.
    pub(super) fn is_foreign(&self, name: &str) -> bool {
        let plain = name.rsplit_once(TAKEN).map_or(name, |(plain, _)| plain);
        self.guests.contains_key(plain) || self.guests.contains_key(name)
    }

    fn entry(&mut self, now: Instant, name: &str) -> Option<&mut Entry> {
        if !self.guests.contains_key(name) {
            if self.guests.len() >= GUESTS {
                return None;
            }
            let (words, queue) = mpsc::channel(WORDS);
            let key = fresh_key().ok()?;
            let rooms = Some(self.rooms.clone());
            let (name, via) = (name.to_owned(), VIA.to_owned());
            let identity = Identity { name: name.clone(), via, key, rooms, away: None };
            let (door, shared) = (self.door.clone(), self.shared.clone());
            let voice = Voice { name: name.clone(), queue, shared, door };
            self.house.tasks.spawn(speak(self.house.clone(), identity, voice));
            self.guests.insert(name, Entry { words, heard: now, ponged: false });
            self.door.set_clients(self.guests.len());
        }
        let entry = self.guests.get_mut(name)?;
        entry.heard = now;
        Some(entry)
    }
}

/// Is a guest until its queue is closed; without a place of their own the bridge speaks for them.
async fn speak(house: House, identity: Identity, mut voice: Voice) {
    let entering = enter(&house, identity, only_direct(), Tries::Few);
    let guest = tokio::select! {
        guest = entering => guest,
        () = gone(&voice.queue) => None,
    };
    match guest {
        Some(guest) => voice.own(guest).await,
        None => voice.borrowed().await,
    }
    voice.hand_over();
}

/// What somebody elsewhere says.
#[derive(Debug)]
struct Voice {
    name: String,
    queue: mpsc::Receiver<Words>,
    shared: mpsc::Sender<Words>,
    door: Door,
}

impl Voice {
    /// Speaks as a guest, until that is over.
    async fn own(&mut self, mut guest: Guest) {
        let mut answered: Option<Instant> = None;
        loop {
            tokio::select! {
                words = self.queue.recv() => {
                    let Some(words) = words else { return };
                    let said = tokio::select! {
                        () = say(&self.door, guest.speaker(), words.clone()) => true,
                        () = gone(&self.queue) => false,
                    };
                    if !said {
                        return self.lend(words);
                    }
                }
                item = guest.next() => match item {
                    Some(Ok(TailItem::Event(Event::Direct(direct)))) => {
                        if !direct.own && answered.is_none_or(|at| at.elapsed() > ANSWER) {
                            answered = Some(Instant::now());
                            excuse(guest.speaker(), &direct).await;
                        }
                    }
                    Some(Ok(_)) => {}
                    Some(Err(_)) | None => return,
                },
            }
        }
    }

    /// The bridge speaks for them for a while; then there may be room for a guest.
    async fn borrowed(&mut self) {
        let end = Instant::now() + BORROWED;
        while let Ok(Some(words)) = time::timeout_at(end, self.queue.recv()).await {
            self.lend(words);
        }
    }

    /// Gives all that waits to the bridge, to be said by it.
    fn hand_over(&mut self) {
        self.queue.close();
        while let Ok(words) = self.queue.try_recv() {
            self.lend(words);
        }
    }

    fn lend(&self, words: Words) {
        lend(&self.door, &self.shared, &self.name, words);
    }
}

/// Has the bridge itself say something in somebody's name.
fn lend(door: &Door, shared: &mpsc::Sender<Words>, name: &str, words: Words) {
    let text = format!("{name}: {}", words.text);
    if shared.try_send(Words { text, ..words }).is_err() {
        door.count("guest_full");
    }
}

/// Waits until nobody gives words any more, and what is left had its time.
async fn gone<T>(queue: &mpsc::Receiver<T>) {
    while !queue.is_closed() {
        time::sleep(RETRY).await;
    }
    time::sleep(GRACE).await;
}

/// How often it is tried to let a guest in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tries {
    /// A few times, and never against a daemon that is full.
    Few,
    /// For ever.
    All,
}

/// Lets a guest in, under another name where theirs is taken. None when there is no such name, or
/// when it was tried often enough.
pub(super) async fn enter(
    house: &House,
    identity: Identity,
    request: TailRequest,
    tries: Tries,
) -> Option<Guest> {
    let wanted = identity.name.clone();
    let mut number = 0;
    let mut pause = RETRY;
    loop {
        let name = match number {
            0 => wanted.clone(),
            1 => another(&wanted, TAKEN),
            more => another(&wanted, &format!("{TAKEN}-{more}")),
        };
        let identity = Identity { name, ..identity.clone() };
        match Guest::enter(house.sockets.clone(), identity, request.clone()).await {
            Ok(guest) => return Some(guest),
            Err(TailError::Request(RequestError::Daemon(error)))
                if error.code == ErrorCode::NameTaken && number < NAMES =>
            {
                number += 1;
            }
            Err(TailError::Request(RequestError::Daemon(error)))
                if matches!(error.code, ErrorCode::NameTaken | ErrorCode::BadArgument) =>
            {
                return None;
            }
            Err(TailError::Request(RequestError::Daemon(error)))
                if error.code == ErrorCode::TooMany && tries == Tries::Few =>
            {
                return None;
            }
            Err(_) if pause > LONGEST && tries == Tries::Few => return None,
            // The daemon is away, or has no room now.
            Err(error) => {
                tracing::debug!("{wanted} cannot come in yet: {error}");
                time::sleep(pause.min(LONGEST)).await;
                pause = (pause * 2).min(LONGEST * 2);
            }
        }
    }
}

fn another(name: &str, ending: &str) -> String {
    let plain: String = name.chars().take(NAME_CHARS.saturating_sub(ending.len())).collect();
    format!("{plain}{ending}")
}

/// Says something, as soon as the daemon is there.
pub(super) async fn say(door: &Door, speaker: &Speaker, words: Words) {
    let Words { room, text } = words;
    loop {
        let request =
            Request::Send { room: Some(room.clone()), text: text.clone(), kind: MessageKind::Text };
        match speaker.ask(request).await {
            Ok(_) => return,
            Err(SpeakError::Request(RequestError::Daemon(error)))
                if error.code == ErrorCode::TooMany =>
            {
                time::sleep(RETRY).await;
            }
            Err(SpeakError::Request(RequestError::Daemon(error))) => {
                door.count("node_refused");
                tracing::warn!("the node does not take a message from NATS: {}", error.message);
                return;
            }
            // It is gone, perhaps with what was said: a repetition is better than a loss.
            Err(_) => time::sleep(RETRY).await,
        }
    }
}

/// Nobody elsewhere can read a direct message.
async fn excuse(speaker: &Speaker, direct: &DirectMessage) {
    let to = format!("{}@{}", direct.from, direct.from_node);
    let text = "I am on NATS, where nothing is private: your message was not shown to me. \
                Say it in the room."
        .to_owned();
    let request = DmRequest::Send { to, text, kind: MessageKind::Text };
    if let Err(error) = speaker.ask(Request::Dm(request)).await {
        tracing::debug!("a direct message to a guest cannot be answered: {error}");
    }
}

fn only_direct() -> TailRequest {
    TailRequest::Messages {
        room: None,
        start: Start::Now,
        follow: true,
        presence: false,
        dm: Dm::Only,
        cursor: None,
    }
}

/// The door of all who come over NATS, in their messages.
pub(super) const VIA: &str = "nats";
/// Names with a guest of their own.
pub(super) const GUESTS: usize = 24;
/// Messages of one guest that wait for the daemon.
pub(super) const WORDS: usize = 64;
/// Names that are tried.
const NAMES: u32 = 4;
const RETRY: Duration = Duration::from_millis(500);
/// Longest pause between tries.
const LONGEST: Duration = Duration::from_secs(4);
/// How long words that wait may take after their author was let go.
const GRACE: Duration = Duration::from_secs(5);
/// How long the bridge speaks for somebody who could not come in.
const BORROWED: Duration = Duration::from_secs(30);
/// How long a guest stays without a sign of life, of which there is one each few seconds.
const PONGED: Duration = Duration::from_secs(15);
/// How long it stays when there never was one.
const SILENT: Duration = Duration::from_secs(300);
/// Direct messages of a while are answered once.
const ANSWER: Duration = Duration::from_secs(60);
