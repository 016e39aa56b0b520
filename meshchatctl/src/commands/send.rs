use std::collections::VecDeque;
use std::io::IsTerminal as _;
use std::time::Instant;

use meshchat_client::proto::control::{Reply, Request, Sent};
use meshchat_client::proto::limits;
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::RoomName;
use meshchat_client::{Client, Pipeline, RequestError};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, BufReader};

use super::{delivery, expect_reply};
use crate::args::Send;
use crate::failure::{Exit, Failure};
use crate::output::note;
use crate::output::time::count;
use crate::session::{PATIENCE, Session, ask};

pub(crate) async fn send(session: &mut Session, args: Send) -> Result<u8, Failure> {
    let kind = if args.me { MessageKind::Action } else { MessageKind::Text };
    let (room, text) = room_and_text(args.words)?;
    let wish = delivery::wish(args.wait);
    if text == "-" && wish.is_some() {
        return Err(Failure::usage("--wait is for one message, not for lines")
            .hint("send them one by one, or without --wait"));
    }
    let client = session.connect().await?;
    if let Some(room) = room.as_deref().filter(|room| !room.starts_with('#')) {
        check_room(&client, room, &text).await?;
    }
    if text == "-" {
        return Lines::new(&client, room, kind).run(session).await;
    }
    let reply = ask(&client, Request::Send { room, text, kind }, PATIENCE).await?;
    let sent = expect_reply!(reply, Sent);
    tell(session, &sent)?;
    if let Some(wish) = wish {
        let id = sent.id.to_string();
        let info = delivery::wait_for(session, &client, id, wish, args.timeout).await?;
        match session.out.view.json {
            true => session.out.json(&info)?,
            false => session.out.say(&format!("{}.", delivery::summary(&info)))?,
        }
    }
    Ok(0)
}

fn room_and_text(words: Vec<String>) -> Result<(Option<String>, String), Failure> {
    let all = words.join(" ");
    let mut words = words.into_iter();
    match (words.next(), words.next(), words.next()) {
        (Some(room), Some(text), None) => Ok((Some(room), text)),
        (Some(room), None, _) if is_room(&room) => {
            Err(Failure::usage(format!("nothing to send to {room}"))
                .hint(format!("a text:             meshchatctl send '{room}' 'hello'"))
                .hint(format!("lines from a pipe:  ... | meshchatctl send '{room}' -"))
                .hint(format!("the word itself:    meshchatctl send '#lobby' '{room}'")))
        }
        (Some(text), None, _) => Ok((None, text)),
        (None, ..) if !std::io::stdin().is_terminal() => Ok((None, "-".into())),
        (None, ..) => Err(Failure::usage("nothing to send")
            .hint("a text:     meshchatctl send 'hello'")
            .hint("to a room:  meshchatctl send '#ops' 'hello'")),
        (Some(_), Some(_), Some(_)) => Err(Failure::usage("more words than a room and a text")
            .hint(format!("put quotes around the text:   meshchatctl send {}", quoted(&all)))),
    }
}

/// Whether it is the name of a room and nothing else.
fn is_room(text: &str) -> bool {
    text.starts_with('#') && text.parse::<RoomName>().is_ok()
}

/// Refuses to take the first of two words for a room when it is none: quotes were forgotten.
async fn check_room(client: &Client, typed: &str, text: &str) -> Result<(), Failure> {
    let room = format!("#{}", typed.to_lowercase());
    let rooms = expect_reply!(ask(client, Request::Rooms {}, PATIENCE).await?, Rooms);
    if rooms.iter().any(|known| known.room.as_str() == room) {
        return Ok(());
    }
    if room.starts_with("#~") {
        return Err(Failure::new(
            Exit::NotFound,
            "not_found",
            format!("you are in no private room {room}"),
        )
        .hint("see yours: meshchatctl rooms; to make one: meshchatctl room create NAME"));
    }
    let private = format!("#~{}", typed.to_lowercase());
    if rooms.iter().any(|known| known.room.as_str() == private) {
        return Err(Failure::usage(format!("there is no room {room}"))
            .hint(format!("the private room:   meshchatctl send '{private}' ...")));
    }
    let all = format!("{typed} {text}");
    Err(Failure::usage(format!("there is no room {room}"))
        .hint(format!("if all of it is the text:   meshchatctl send {}", quoted(&all)))
        .hint(format!("if it is a new room:        meshchatctl send '{room}' ...")))
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

fn tell(session: &mut Session, sent: &Sent) -> Result<(), Failure> {
    if session.out.view.json {
        return session.out.json(sent);
    }
    if sent.links == 0 {
        let fate = match sent.kept.as_str() {
            "nowhere" => "and history is off, so nobody will get it",
            _ => "it goes on when one comes back",
        };
        note(&format!("accepted in {}, but no link is up: {fate}", sent.room));
    } else if session.out.view.terminal {
        let links = count(sent.links.into(), "link");
        let id = sent.id.short();
        session.out.say(&format!("Accepted in {}, out on {links}: {id}", sent.room))?;
    }
    Ok(())
}

/// Sends each line of standard input, many at once.
struct Lines {
    pipeline: Pipeline,
    room: Option<String>,
    kind: MessageKind,
    /// The lines in flight.
    numbers: VecDeque<u64>,
    failed: bool,
    since: Instant,
    settled: u64,
    told: bool,
}

impl Lines {
    fn new(client: &Client, room: Option<String>, kind: MessageKind) -> Self {
        Self {
            pipeline: client.pipeline(),
            room,
            kind,
            numbers: VecDeque::new(),
            failed: false,
            since: Instant::now(),
            settled: 0,
            told: false,
        }
    }

    async fn run(mut self, session: &mut Session) -> Result<u8, Failure> {
        let mut input = LineReader::new(BufReader::with_capacity(64 * 1024, tokio::io::stdin()));
        let mut open = true;
        while open || !self.pipeline.is_empty() {
            tokio::select! {
                biased;
                line = input.next(), if open && self.has_room() => match line? {
                    Some((number, line)) => self.push(number, line).await?,
                    None => open = false,
                },
                Some(result) = self.pipeline.next(), if !self.pipeline.is_empty() => {
                    self.settle(session, result)?;
                    if self.pipeline.is_empty() {
                        session.out.flush()?;
                    }
                }
            }
        }
        Ok(u8::from(self.failed))
    }

    /// The node lets only so many messages of one person wait for their turn.
    fn has_room(&self) -> bool {
        self.pipeline.has_room() && self.numbers.len() < IN_FLIGHT
    }

    /// Says once, on a terminal, that the node holds the lines back.
    fn tell_pace(&mut self, session: &Session) {
        self.settled += 1;
        let seconds = self.since.elapsed().as_secs();
        if seconds >= PACED_AFTER && !self.told && session.out.view.terminal {
            self.told = true;
            note(&format!(
                "{} lines in {seconds} s: the network takes no more from one person",
                self.settled
            ));
        }
    }

    async fn push(&mut self, number: u64, line: Line) -> Result<(), Failure> {
        let text = match line {
            Line::Text(text) if text.trim().is_empty() => return Ok(()),
            Line::Text(text) => text,
            Line::Bad(why) => {
                self.complain(number, why);
                return Ok(());
            }
        };
        let request = Request::Send { room: self.room.clone(), text, kind: self.kind };
        self.pipeline.push(request).await?;
        self.numbers.push_back(number);
        Ok(())
    }

    fn settle(
        &mut self,
        session: &mut Session,
        result: Result<Reply, RequestError>,
    ) -> Result<(), Failure> {
        let number = self.numbers.pop_front().unwrap_or(0);
        self.tell_pace(session);
        match result {
            Ok(Reply::Sent(sent)) if session.out.view.json => session.out.json(&sent)?,
            Ok(_) => {}
            Err(RequestError::Daemon(error)) => self.complain(number, &error.message),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    fn complain(&mut self, number: u64, why: &str) {
        self.failed = true;
        note(&format!("line {number}: {}", crate::output::escape::escape(why)));
    }
}

/// Lines in flight at most; the node lets 256 of one person wait.
const IN_FLIGHT: usize = 64;
/// Seconds after which lines that still wait are told of.
const PACED_AFTER: u64 = 5;

/// One line, or why it cannot be sent.
#[derive(Debug, PartialEq)]
enum Line {
    Text(String),
    Bad(&'static str),
}

/// Lines with their numbers; of a line that is too long no more is kept than that it is.
struct LineReader<R> {
    input: R,
    number: u64,
    kept: Vec<u8>,
    long: bool,
}

impl<R: AsyncBufRead + Unpin> LineReader<R> {
    const fn new(input: R) -> Self {
        Self { input, number: 0, kept: Vec::new(), long: false }
    }

    /// The next line. Safe to cancel: what was read of it stays.
    async fn next(&mut self) -> std::io::Result<Option<(u64, Line)>> {
        loop {
            let bytes = self.input.fill_buf().await?;
            if bytes.is_empty() {
                let nothing = self.kept.is_empty() && !self.long;
                return Ok(if nothing { None } else { Some(self.finish()) });
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let (line, used) = match end {
                Some(end) => (bytes.get(..end).unwrap_or_default(), end + 1),
                None => (bytes, bytes.len()),
            };
            // One more for the carriage return.
            if self.kept.len() + line.len() > limits::TEXT_BYTES + 1 {
                self.long = true;
                self.kept.clear();
            } else if !self.long {
                self.kept.extend_from_slice(line);
            }
            self.input.consume(used);
            if end.is_some() {
                return Ok(Some(self.finish()));
            }
        }
    }

    fn finish(&mut self) -> (u64, Line) {
        self.number += 1;
        let mut kept = std::mem::take(&mut self.kept);
        if kept.last() == Some(&b'\r') {
            kept.pop();
        }
        let long = std::mem::take(&mut self.long) || kept.len() > limits::TEXT_BYTES;
        let line = match String::from_utf8(kept) {
            _ if long => Line::Bad("longer than 4096 bytes, not sent"),
            Ok(text) => Line::Text(text),
            Err(_) => Line::Bad("not UTF-8, not sent"),
        };
        (self.number, line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_without_quotes_is_refused() {
        let parse = |words: &[&str]| room_and_text(words.iter().map(|w| (*w).to_owned()).collect());
        assert_eq!(parse(&["hi"]).unwrap(), (None, "hi".into()));
        assert_eq!(parse(&["#a", "hi"]).unwrap(), (Some("#a".into()), "hi".into()));
        assert!(parse(&["good", "morning", "all"]).is_err());
        assert_eq!(quoted("it's"), r"'it'\''s'");
    }

    #[tokio::test]
    async fn lines_are_read_whatever_their_length() {
        let most = "x".repeat(4096);
        let input = format!("a\n\n{most}\r\n{most}y\n{}\nlast", "z".repeat(100_000));
        let mut bytes = input.into_bytes();
        bytes.extend_from_slice(b"\n\xff\n");
        for capacity in [1, 7, 64 * 1024] {
            let mut reader = LineReader::new(BufReader::with_capacity(capacity, bytes.as_slice()));
            let mut lines = Vec::new();
            while let Some(line) = reader.next().await.unwrap() {
                lines.push(line);
            }
            let long = || Line::Bad("longer than 4096 bytes, not sent");
            let expected = [
                Line::Text("a".into()),
                Line::Text(String::new()),
                Line::Text(most.clone()),
                long(),
                long(),
                Line::Text("last".into()),
                Line::Bad("not UTF-8, not sent"),
            ];
            assert_eq!(lines, (1..).zip(expected).collect::<Vec<_>>());
        }
    }
}
