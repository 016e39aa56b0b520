//! The half of a visit that listens.

use std::io;
use std::time::Duration;

use meshchat_client::proto::control::{
    Dm, DmRequest, ErrorCode, PersonInfo, PersonStatus, Reply, Request, Start,
};
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::{PersonName, RoomName};
use meshchat_client::{Guest, Identity, Speaker, TailError, TailRequest};
use tokio::sync::mpsc;
use tokio::time::{self, Instant};

use super::asking::{Failure, Refusal, Waiting, ask, of_connect, of_request};
use super::outbound::Order;
use super::{Farewell, Over, Source};
use crate::dialect::{Dialect, Entry, Unit, View, Voice, WELCOME, Want, tagged};
use crate::door::{Door, House, Pace, fresh_key};

pub(super) struct Inbound {
    house: House,
    door: Door,
    via: &'static str,
    /// Makes all connections to the daemon those of one person.
    key: String,
    dialect: Dialect,
    voice: Voice,
    pace: Pace,
    orders: mpsc::Sender<Order>,
    person: Option<Person>,
    /// Where they last wanted to be.
    wanted: Option<Entry>,
    /// By when they must be somewhere.
    deadline: Instant,
}

/// Somebody who is in.
struct Person {
    speaker: Speaker,
    room: RoomName,
    /// As they wanted to be called.
    wanted: PersonName,
}

/// It goes on, or it is over.
type Next = Result<(), ()>;

impl Inbound {
    pub(super) fn new(
        house: House,
        door: Door,
        via: &'static str,
        dialect: Dialect,
        orders: mpsc::Sender<Order>,
    ) -> io::Result<Self> {
        let (pace, voice) = (Pace::new(&house.limits), dialect.voice());
        let (key, deadline) = (fresh_key()?, Instant::now() + JOIN);
        let (person, wanted) = (None, None);
        Ok(Self { house, door, via, key, dialect, voice, pace, orders, person, wanted, deadline })
    }

    /// Listens until the client goes or is sent away.
    pub(super) async fn run(mut self, source: &mut Source, first: Option<Unit>) {
        if self.voice == Voice::Plain && self.write(WELCOME.to_owned()).await.is_err() {
            return;
        }
        if let Some(unit) = first
            && self.understand(unit).await.is_err()
        {
            return;
        }
        while let Some(unit) = self.hear(source).await {
            self.pace.wait().await;
            if self.understand(unit).await.is_err() {
                return;
            }
        }
    }

    async fn hear(&mut self, source: &mut Source) -> Option<Unit> {
        let heard = match &self.person {
            Some(_) => source.next().await,
            None => match time::timeout_at(self.deadline, source.next()).await {
                Ok(heard) => heard,
                Err(_) => {
                    self.end("join_late", 1008, "you did not say who you are; connect again").await;
                    return None;
                }
            },
        };
        match heard {
            Ok(unit) => Some(unit),
            Err(Over(None)) => None,
            Err(Over(Some((reason, farewell)))) => {
                self.door.count(reason);
                self.orders.send(Order::Close(farewell)).await.ok();
                None
            }
        }
    }

    async fn understand(&mut self, unit: Unit) -> Next {
        for (before, want) in self.dialect.read(unit).into_iter().enumerate() {
            if before > 0 && matches!(want, Want::Say(_)) {
                self.pace.wait().await;
            }
            self.act(want).await?;
        }
        Ok(())
    }

    async fn act(&mut self, want: Want) -> Next {
        match want {
            Want::Enter(entry) => self.enter(entry).await,
            Want::Say(text) => self.say(text).await,
            Want::Tell { to, text } => {
                let send = DmRequest::Send { to, text, kind: MessageKind::Text };
                self.request(Request::Dm(send)).await
            }
            Want::Rename(name) => self.rename(name).await,
            Want::Who => self.who().await,
            Want::Show(words) => self.write(words.to_owned()).await,
            Want::Refuse(reason, words) => {
                self.door.count(reason);
                self.write(self.voice.error(&words)).await
            }
            Want::End(reason, words) => {
                self.end(reason, 1008, &words).await;
                Err(())
            }
            Want::Quit => Err(()),
        }
    }

    async fn say(&mut self, text: String) -> Next {
        // Who could not be let in before may be now.
        if self.person.is_none()
            && let Some(entry) = self.wanted.clone()
        {
            self.enter(entry).await?;
        }
        let room = self.person.as_ref().map(|person| person.room.to_string());
        self.request(Request::Send { room, text, kind: MessageKind::Text }).await
    }

    /// Asks for something that must not be done twice, and says why when it was not done.
    async fn request(&mut self, request: Request) -> Next {
        let Some(person) = &self.person else {
            return self.refused("not_joined", "you are in no room; that was not sent").await;
        };
        match ask(&person.speaker, request, false).await {
            Ok(_) => Ok(()),
            Err(refusal) => {
                let words = format!("that was not sent: {}", refusal.words);
                self.refused("not_sent", &words).await
            }
        }
    }

    async fn rename(&mut self, name: PersonName) -> Next {
        let Some(person) = &mut self.person else {
            return Ok(());
        };
        match call(&person.speaker, &name).await {
            Ok(called) => {
                person.wanted = name;
                self.order(Order::Called(called)).await
            }
            Err(refusal) => {
                let words = format!("you are still called as before: {}", refusal.words);
                self.refused("not_named", &words).await
            }
        }
    }

    async fn who(&mut self) -> Next {
        let Some(person) = &self.person else { return Ok(()) };
        let room = Some(person.room.to_string());
        match ask(&person.speaker, Request::Who { room }, true).await {
            Ok(Reply::People(people)) => {
                let there = people.iter().filter(|info| info.state != PersonStatus::Offline);
                let lines = there.take(MOST_PEOPLE).map(|info| self.voice.note(&describe(info)));
                let lines = lines.collect();
                self.write(lines).await
            }
            Ok(_) => Ok(()),
            Err(refusal) => self.refused("not_told", &refusal.words).await,
        }
    }

    /// Lets them in, or into another room.
    async fn enter(&mut self, entry: Entry) -> Next {
        self.wanted = Some(entry.clone());
        let moved = match &mut self.person {
            Some(person) => move_to(person, &entry).await,
            None => Ok(entry.person.clone()),
        };
        let entered = match moved {
            Ok(name) => self.let_in(&entry, name).await,
            Err(refusal) => Err(refusal),
        };
        let (guest, called) = match entered {
            Ok(entered) => entered,
            Err(refusal) => return self.not_entered(&refusal).await,
        };
        let speaker = guest.speaker().clone();
        // What comes from here on is new to them, whether they read it from history or live.
        let newest = match ask(&speaker, Request::Status {}, true).await {
            Ok(Reply::Status(status)) => status.history.cursor,
            Ok(_) | Err(_) => u64::MAX,
        };
        let (room, wanted) = (entry.room.clone(), entry.person.clone());
        self.person = Some(Person { speaker, room, wanted });
        let reply = self.voice.entered(&entry, &called);
        let view = View { me: called, id: entry.id, room: entry.room, newest, live: false };
        self.order(Order::Follow(reply, Box::new(guest), view)).await
    }

    async fn not_entered(&mut self, refusal: &Refusal) -> Next {
        let words = format!("you are not let in: {}", refusal.words);
        if self.voice == Voice::Machat {
            self.end("not_entered", 1013, &words).await;
            return Err(());
        }
        self.refused("not_entered", &words).await
    }

    /// Opens their stream under this name, or one with a tag while it is taken.
    async fn let_in(
        &self,
        entry: &Entry,
        name: PersonName,
    ) -> Result<(Guest, PersonName), Refusal> {
        let (last, _) = self.voice.history();
        let request = TailRequest::Messages {
            room: None,
            start: Start::Last(last),
            follow: true,
            presence: self.voice == Voice::Plain,
            dm: Dm::Also,
            cursor: None,
        };
        let mut tags = Tags::of(name);
        let mut waiting = Waiting::new();
        loop {
            let identity = Identity {
                name: tags.name.to_string(),
                via: self.via.to_owned(),
                key: self.key.clone(),
                rooms: Some(vec![entry.room.to_string()]),
                away: None,
            };
            let sockets = self.house.sockets.clone();
            let failure = match Guest::enter(sockets, identity, request.clone()).await {
                Ok(guest) => return Ok((guest, tags.name)),
                Err(TailError::Connect(error)) => of_connect(error),
                Err(TailError::Request(error)) => of_request(error),
            };
            let refusal = match failure {
                Failure::Never(refusal) if refusal.code == Some(ErrorCode::NameTaken) => {
                    tags.next().map_err(|()| refusal)?;
                    continue;
                }
                Failure::Never(refusal) => return Err(refusal),
                // Nobody goes soon.
                Failure::Later(refusal) if refusal.code == Some(ErrorCode::TooMany) => {
                    return Err(refusal);
                }
                Failure::Later(refusal) => Some(refusal),
                Failure::Unclear => None,
            };
            if !waiting.pause().await {
                let words = || "the node does not answer".to_owned();
                return Err(refusal.unwrap_or_else(|| Refusal { code: None, words: words() }));
            }
        }
    }

    async fn refused(&mut self, reason: &'static str, words: &str) -> Next {
        self.door.count(reason);
        self.write(self.voice.error(words)).await
    }

    async fn end(&mut self, reason: &'static str, code: u16, words: &str) {
        self.door.count(reason);
        if self.write(self.voice.error(words)).await.is_ok() {
            self.order(Order::Close(Farewell::new(code, words))).await.ok();
        }
    }

    async fn write(&self, text: String) -> Next {
        self.order(Order::Write(text)).await
    }

    async fn order(&self, order: Order) -> Next {
        self.orders.send(order).await.map_err(|_closed| ())
    }
}

/// A name, and those with a tag that are tried after it.
struct Tags {
    first: PersonName,
    name: PersonName,
    number: usize,
}

impl Tags {
    fn of(name: PersonName) -> Self {
        Self { first: name.clone(), name, number: 1 }
    }

    fn next(&mut self) -> Next {
        self.number += 1;
        let name = tagged(&self.first, self.number).filter(|_| self.number <= MOST_TAGS);
        self.name = name.ok_or(())?;
        Ok(())
    }
}

/// Gives somebody a name, with a tag if it is taken.
async fn call(speaker: &Speaker, name: &PersonName) -> Result<PersonName, Refusal> {
    let mut tags = Tags::of(name.clone());
    loop {
        match ask(speaker, Request::Nick { name: tags.name.to_string() }, true).await {
            Ok(_) => return Ok(tags.name),
            Err(refusal) if refusal.code == Some(ErrorCode::NameTaken) => {
                tags.next().map_err(|()| refusal)?;
            }
            Err(refusal) => return Err(refusal),
        }
    }
}

/// Moves somebody who is in to another room, perhaps under another name.
async fn move_to(person: &mut Person, entry: &Entry) -> Result<PersonName, Refusal> {
    let speaker = &person.speaker;
    if person.wanted != entry.person {
        call(speaker, &entry.person).await?;
        person.wanted = entry.person.clone();
    }
    if person.room != entry.room {
        ask(speaker, Request::Join { room: entry.room.to_string() }, true).await?;
        let room = person.room.to_string();
        person.room = entry.room.clone();
        match ask(speaker, Request::Leave { room }, true).await {
            Err(refusal) if refusal.code != Some(ErrorCode::NotFound) => return Err(refusal),
            Ok(_) | Err(_) => {}
        }
    }
    speaker
        .identity()
        .name
        .parse()
        .map_err(|error| Refusal { code: None, words: format!("the name cannot be used: {error}") })
}

fn describe(info: &PersonInfo) -> String {
    let me = if info.me { " (you)" } else { "" };
    let note = if info.note.is_empty() { String::new() } else { format!(": {}", info.note) };
    let state = match info.state {
        PersonStatus::Online => "here".to_owned(),
        PersonStatus::Away => format!("away{note}"),
        PersonStatus::Unreachable => "cannot be reached now".to_owned(),
        PersonStatus::Offline => "left".to_owned(),
        PersonStatus::Unknown => "in a state that this release does not know".to_owned(),
    };
    let since = crate::dialect::age(info.since_ms);
    format!("{}@{}{me} {state}, for {since}", info.name, info.node_name)
}

/// How long a client may take to enter a room: a person types it.
const JOIN: Duration = Duration::from_secs(120);
/// Names that are tried: one more than people are on a node.
const MOST_TAGS: usize = 65;
const MOST_PEOPLE: usize = 200;
