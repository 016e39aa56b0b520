//! `rollcall`: asks a room who is there, and shows who answers.

mod list;
mod render;

use std::time::Duration;

use meshchat_client::proto::control::{
    DeliveryInfo, DeliveryRequest, Dm, Event, PersonInfo, Request, Sent, Start,
};
use meshchat_client::proto::message::MessageKind;
use meshchat_client::{Client, Tail, TailItem, TailRequest};
use serde::Serialize;
use tokio::signal;
use tokio::time::{self, Instant};

use self::list::{List, Row};
use super::expect_reply;
use super::rooms::with_hash;
use crate::args::Rollcall;
use crate::failure::{Exit, Failure};
use crate::output::escape::escape;
use crate::output::screen::Screen;
use crate::output::time::span;
use crate::output::{Out, event, note, reader_gone};
use crate::session::{PATIENCE, Session, ask};

/// Ends with 0 when all have answered, else with 3.
pub(crate) async fn rollcall(session: &mut Session, args: Rollcall) -> Result<u8, Failure> {
    let client = session.connect().await?;
    let room = known_room(&client, &args.room).await?;
    let people = who(&client, &room).await?;
    let welcome = client.welcome();
    let mut list = List::new((welcome.person.clone(), welcome.node), &people, args.present);
    // Opened first, so that the quickest answer is not missed; and with all that was said before,
    // so that it is known as such when the daemon is restarted and tells it again.
    let request = TailRequest::Messages {
        room: Some(room.clone()),
        start: Start::Last(u32::MAX),
        follow: true,
        presence: true,
        dm: Dm::No,
        cursor: None,
    };
    let mut tail = Tail::open(session.paths.clone(), request).await?;
    time::timeout(PATIENCE, pass_over(&mut tail)).await.unwrap_or_else(|_| Err(slow()))?;
    let text = args.say.clone().unwrap_or_else(|| usual_words(args.timeout));
    let say = Request::Send { room: Some(room), text: text.clone(), kind: MessageKind::Text };
    let begun = Instant::now();
    let sent = expect_reply!(ask(&client, say, PATIENCE).await?, Sent);
    list.asked(&sent.id);
    begin(&mut session.out, &sent, &text, &list)?;
    let mut call = Call { client, tail, sent, list, screen: Screen::default(), begun };
    tokio::select! {
        biased;
        result = call.run(session, &args) => result?,
        // What is known so far is worth having.
        Ok(()) = signal::ctrl_c() => {}
        () = reader_gone() => {}
    }
    call.end(&mut session.out)
}

/// Reads what was said before.
async fn pass_over(tail: &mut Tail) -> Result<(), Failure> {
    loop {
        match tail.next().await.transpose()? {
            Some(TailItem::Event(Event::CaughtUp { .. })) => return Ok(()),
            Some(_) => {}
            None => return Err(meshchat_client::RequestError::NotUnderstood.into()),
        }
    }
}

fn slow() -> Failure {
    let words = "meshchatd took too long to tell what was said in the room before";
    Failure::new(Exit::TimedOut, "timed_out", words.to_owned())
}

/// Words that people understand in any client, in any room.
fn usual_words(timeout: Duration) -> String {
    let time = span(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
    format!("Roll call: who reads this, please answer here with any word, within {time}.")
}

/// The room as the daemon calls it. Nobody answers in a room that nobody is in.
async fn known_room(client: &Client, typed: &str) -> Result<String, Failure> {
    let rooms = expect_reply!(ask(client, Request::Rooms {}, PATIENCE).await?, Rooms);
    let room = with_hash(typed).to_lowercase();
    match rooms.iter().any(|known| known.room.as_str() == room) {
        true => Ok(room),
        false => Err(Failure::new(Exit::NotFound, "not_found", format!("there is no room {room}"))
            .hint("see the rooms:   meshchatctl rooms")),
    }
}

async fn who(client: &Client, room: &str) -> Result<Vec<PersonInfo>, Failure> {
    let request = Request::Who { room: Some(room.to_owned()) };
    Ok(expect_reply!(ask(client, request, PATIENCE).await?, People))
}

fn begin(out: &mut Out, sent: &Sent, text: &str, list: &List) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Asked<'a> {
        #[serde(flatten)]
        sent: &'a Sent,
        text: &'a str,
        expected: usize,
    }
    if out.view.json {
        let asked = Asked { sent, text, expected: list.expected() };
        event::named(out, "asked", None, &asked)?;
        return Ok(out.flush()?);
    }
    if sent.links == 0 {
        note("no link is up: only people of this node can answer");
    }
    if !out.view.terminal {
        note(&format!("asked {}: {}", sent.room, escape(text)));
    }
    Ok(())
}

/// A roll call that is under way.
struct Call {
    client: Client,
    tail: Tail,
    sent: Sent,
    list: List,
    screen: Screen,
    begun: Instant,
}

impl Call {
    /// Until all have answered, or the time is over.
    async fn run(&mut self, session: &mut Session, args: &Rollcall) -> Result<(), Failure> {
        let deadline = self.begun + args.timeout;
        let mut heard = self.begun;
        let mut look = self.begun;
        loop {
            let quiet = args.quiet_for.map_or(deadline, |quiet| heard + quiet);
            if self.list.is_complete() {
                return Ok(());
            }
            tokio::select! {
                biased;
                () = time::sleep_until(deadline.min(quiet)) => {
                    // What the nodes told last belongs to the answer.
                    return self.look(session).await;
                }
                () = time::sleep_until(look) => {
                    self.look(session).await?;
                    look = Instant::now() + PACE;
                }
                item = self.tail.next() => if self.take(&mut session.out, item.transpose()?)? {
                    heard = Instant::now();
                    self.show(&mut session.out)?;
                },
            }
        }
    }

    /// Asks who is there and whose node holds the question.
    async fn look(&mut self, session: &mut Session) -> Result<(), Failure> {
        let message = self.sent.id.to_string();
        let show = Request::Delivery(DeliveryRequest::Show { message });
        let room = self.sent.room.to_string();
        let answers = async {
            let people = who(&self.client, &room).await?;
            let held: DeliveryInfo =
                expect_reply!(ask(&self.client, show, PATIENCE).await?, Delivery);
            Ok::<_, Failure>((people, held))
        };
        match answers.await {
            Ok((people, held)) => self.list.look(&people, &held),
            // The stream says so and comes back by itself.
            Err(failure) if failure.exit_code() == Exit::NotRunning as u8 => {
                if let Ok(client) = session.connect().await {
                    self.client = client;
                }
            }
            // A daemon that was restarted without history on disk does not know the question.
            Err(failure) if failure.exit_code() == Exit::NotFound as u8 => {}
            Err(failure) => return Err(failure),
        }
        self.show(&mut session.out)
    }

    /// Notes an answer; whether it was the first of somebody.
    fn take(&mut self, out: &mut Out, item: Option<TailItem>) -> Result<bool, Failure> {
        match item {
            Some(TailItem::Event(Event::Message(message))) => {
                let Some(row) = self.list.answer(&message, elapsed(self.begun)) else {
                    return Ok(false);
                };
                if out.view.json {
                    event::named(out, "answer", None, row)?;
                    out.flush()?;
                } else if !out.view.terminal {
                    out.text(&render::answer(row))?;
                    out.flush()?;
                }
                Ok(true)
            }
            Some(TailItem::Lost(why)) => {
                note(&format!("waiting for meshchatd: {why}"));
                Ok(false)
            }
            Some(TailItem::Back { .. }) => {
                note("meshchatd is back");
                Ok(false)
            }
            Some(TailItem::Event(_)) => Ok(false),
            None => Err(meshchat_client::RequestError::NotUnderstood.into()),
        }
    }

    /// The table, where it stays in place.
    fn show(&mut self, out: &mut Out) -> Result<(), Failure> {
        if out.view.json || !out.view.terminal {
            return Ok(());
        }
        out.view.measure();
        let since = elapsed(self.begun);
        let text = render::text(&self.list, self.sent.room.as_str(), Some(since), &out.view)?;
        out.text(&self.screen.frame(&text, &out.view))?;
        Ok(out.flush()?)
    }

    /// The last word, and the exit code.
    fn end(mut self, out: &mut Out) -> Result<u8, Failure> {
        #[derive(Serialize)]
        struct Outcome<'a> {
            id: &'a meshchat_client::proto::id::MessageId,
            room: &'a str,
            answered: usize,
            expected: usize,
            people: &'a [Row],
        }
        let (answered, expected) = (self.list.answered(), self.list.expected());
        let room = self.sent.room.as_str();
        self.list.sort();
        if out.view.json {
            let people = self.list.rows();
            let outcome = Outcome { id: &self.sent.id, room, answered, expected, people };
            event::named(out, "rollcall", None, &outcome)?;
        } else {
            let text = render::text(&self.list, room, None, &out.view)?;
            let text = match out.view.terminal {
                true => self.screen.frame(&text, &out.view),
                false => text,
            };
            out.text(&text)?;
            out.flush()?;
        }
        let all = self.list.is_complete();
        Ok(if all { 0 } else { Exit::TimedOut as u8 })
    }
}

fn elapsed(begun: Instant) -> u64 {
    u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX)
}

/// How often nodes and people are looked at anew; answers show at once.
const PACE: Duration = Duration::from_secs(1);
