//! The half of a visit that writes.

use std::io;
use std::time::Duration;

use meshchat_client::proto::control::Event;
use meshchat_client::proto::name::PersonName;
use meshchat_client::{Guest, TailError, TailItem};
use tokio::sync::mpsc;
use tokio::time::{self, Instant, MissedTickBehavior};

use super::{Crowd, Farewell, Sink};
use crate::dialect::{View, Voice};
use crate::door::Door;

/// What the listening half wants of the writing half.
#[derive(Debug)]
pub(super) enum Order {
    /// To write this.
    Write(String),
    /// To write this and follow somebody from now on.
    Follow(Option<String>, Box<Guest>, View),
    /// They are called otherwise.
    Called(PersonName),
    /// To end it.
    Close(Farewell),
}

pub(super) struct Outbound {
    voice: Voice,
    door: Door,
    sink: Sink,
    crowd: Crowd,
    followed: Option<(Box<Guest>, View)>,
}

impl Outbound {
    pub(super) const fn new(voice: Voice, door: Door, sink: Sink, crowd: Crowd) -> Self {
        Self { voice, door, sink, crowd, followed: None }
    }

    /// Writes until there is nothing more to write, or nobody to read it.
    pub(super) async fn run(mut self, mut orders: mpsc::Receiver<Order>) {
        if let Err(error) = self.write_all(&mut orders).await {
            if error.kind() == io::ErrorKind::TimedOut {
                self.door.count("stalled");
            }
            tracing::debug!("a client went: {error}");
        }
    }

    async fn write_all(&mut self, orders: &mut mpsc::Receiver<Order>) -> io::Result<()> {
        let every = if self.voice == Voice::Page { PAGE_TICK } else { TICK };
        let mut ticks = time::interval_at(Instant::now() + every, every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(order) => if self.obey(order).await? { return Ok(()) },
                    None => return self.sink.close(&Farewell::new(1000, "")).await,
                },
                item = next(&mut self.followed) => if self.show(item).await? { return Ok(()) },
                _ = ticks.tick() => {
                    self.sink.ping().await?;
                    self.tell_crowd().await?;
                }
            }
        }
    }

    /// Whether it was the last.
    async fn obey(&mut self, order: Order) -> io::Result<bool> {
        match order {
            Order::Write(text) => self.sink.send(text).await?,
            Order::Follow(reply, guest, view) => {
                self.followed = Some((guest, view));
                if let Some(reply) = reply {
                    self.sink.send(reply).await?;
                    self.sink.rest();
                }
                self.tell_crowd().await?;
            }
            Order::Called(name) => {
                if let Some((_, view)) = &mut self.followed {
                    view.me = name;
                }
            }
            Order::Close(farewell) => {
                self.sink.close(&farewell).await?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Shows what happened; whether it was the end.
    async fn show(&mut self, item: Option<Result<TailItem, TailError>>) -> io::Result<bool> {
        let Some((_, view)) = &mut self.followed else { return Ok(false) };
        let text = match item {
            Some(Ok(TailItem::Event(Event::CaughtUp { .. }))) => {
                view.live = true;
                None
            }
            Some(Ok(TailItem::Event(event))) => self.voice.event(view, &event),
            Some(Ok(TailItem::Lost(_))) => Some(self.voice.note(LOST)),
            Some(Ok(TailItem::Back { .. })) => Some(self.voice.note("the node is back")),
            Some(Err(error)) => return self.end(&error.to_string()).await,
            None => return self.end("the node ended it").await,
        };
        if let Some(text) = text {
            self.sink.send(text).await?;
        }
        Ok(false)
    }

    async fn end(&mut self, why: &str) -> io::Result<bool> {
        self.door.count("guest_lost");
        self.sink.send(self.voice.error(&format!("{why}; connect again"))).await?;
        self.sink.close(&Farewell::new(1011, why)).await?;
        Ok(true)
    }

    async fn tell_crowd(&mut self) -> io::Result<()> {
        if self.voice != Voice::Page {
            return Ok(());
        }
        let Some((guest, view)) = &self.followed else { return Ok(()) };
        for pong in self.crowd.pongs(guest.speaker(), view).await {
            self.sink.send(pong).await?;
        }
        Ok(())
    }
}

/// What happened to whoever is followed. Safe to cancel.
async fn next(followed: &mut Option<(Box<Guest>, View)>) -> Option<Result<TailItem, TailError>> {
    match followed {
        Some((guest, _)) => guest.next().await,
        None => std::future::pending().await,
    }
}

const LOST: &str = "the node does not answer; what you say waits until it is back";
/// How often a page is asked and told who is there: its dots go out after three seconds.
const PAGE_TICK: Duration = Duration::from_secs(2);
/// How often another WebSocket client is asked.
const TICK: Duration = Duration::from_secs(20);
