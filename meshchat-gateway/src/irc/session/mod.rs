//! One registered client: what it says and what happens in the mesh goes in, lines and requests
//! come out. No input, output or clock of its own.

mod answers;
mod commands;
mod events;
mod history;
mod join;
mod people;
mod rooms;
mod said;
mod talk;
mod welcome;
mod whois;

use std::collections::{BTreeMap, VecDeque};

use irc_proto::Response;
use meshchat_client::proto::control::{NodeInfo, Request, Status};
use meshchat_client::proto::name::RoomName;

pub(super) use commands::check_nick;
use people::Person;

use super::caps::{Cap, Caps};
use super::errand::{Errand, Purpose, What};
use super::nicks::{Nicks, Who, host, nick};
use super::text;
use super::wire::Line;

/// A client that is in.
#[derive(Debug)]
pub(super) struct Session {
    caps: Caps,
    me: Me,
    now: Moment,
    rooms: BTreeMap<RoomName, Channel>,
    people: BTreeMap<Who, Person>,
    nodes: Vec<NodeInfo>,
    nicks: Nicks,
    said: said::Said,
    batches: u64,
    /// The people are to be asked for again.
    stale: bool,
    /// When they were last asked for, by [`Moment::mono_ms`].
    asked_ms: u64,
    lines: String,
    errands: VecDeque<Errand>,
    end: Option<String>,
}

/// Who the client is.
#[derive(Debug, Clone)]
struct Me {
    nick: String,
    who: Who,
    node_name: String,
    /// The name of the server, as which this node speaks.
    server: String,
}

/// What time it is.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Moment {
    /// Milliseconds since 1970, for display.
    pub(super) wall_ms: u64,
    /// Milliseconds since the client came.
    pub(super) mono_ms: u64,
}

/// A room that the client is in.
#[derive(Debug, Default)]
struct Channel {
    /// Who is in it was told.
    named: bool,
    /// When the client entered, by [`Moment::mono_ms`].
    since_ms: u64,
}

/// What is known of a client that has just registered.
#[derive(Debug, Clone)]
pub(super) struct Hello {
    /// Its nick.
    pub(super) nick: String,
    /// What it asked for.
    pub(super) caps: Caps,
    /// Who it is.
    pub(super) who: Who,
    /// What this node is called.
    pub(super) node_name: String,
}

impl Session {
    /// Greets a client, on a node of this status.
    pub(super) fn new(hello: Hello, status: &Status) -> Self {
        let Hello { nick, caps, who, node_name } = hello;
        let server = format!("{}.mesh", host(&node_name));
        let mut nicks = Nicks::default();
        nicks.take(&nick, &who, |_| String::new());
        let mut session = Self {
            caps,
            me: Me { nick, who, node_name, server },
            now: Moment::default(),
            rooms: BTreeMap::new(),
            people: BTreeMap::new(),
            nodes: Vec::new(),
            nicks,
            said: said::Said::default(),
            batches: 0,
            stale: false,
            asked_ms: 0,
            lines: String::new(),
            errands: VecDeque::new(),
            end: None,
        };
        session.welcome(status);
        session.ask(Request::Who { room: None }, Purpose::People);
        session
    }

    /// Tells it what time it is, before anything else is told.
    pub(super) fn set_time(&mut self, now: Moment) {
        self.now = now;
    }

    /// Milliseconds since 1970, as it was told.
    pub(super) const fn wall_ms(&self) -> u64 {
        self.now.wall_ms
    }

    /// Lines that are to be sent, with their ends.
    pub(super) fn take_lines(&mut self) -> String {
        std::mem::take(&mut self.lines)
    }

    /// The next thing to ask the daemon. The one after that when this one is answered.
    pub(super) fn next_errand(&mut self) -> Option<Errand> {
        let rested = self.now.mono_ms.saturating_sub(self.asked_ms) >= COALESCE_MS;
        if self.errands.is_empty() && self.stale && rested {
            self.stale = false;
            self.asked_ms = self.now.mono_ms;
            self.ask(Request::Who { room: None }, Purpose::People);
        }
        self.errands.pop_front()
    }

    /// Puts one back that could not be asked.
    pub(super) fn put_back(&mut self, errand: Errand) {
        self.errands.push_front(errand);
    }

    /// Whether it has something to ask.
    pub(super) fn is_busy(&self) -> bool {
        !self.errands.is_empty()
    }

    /// Whether it will ask for the people soon.
    pub(super) const fn is_stale(&self) -> bool {
        self.stale
    }

    /// Who is there may have changed without a word: rooms are left silently.
    pub(super) fn refresh(&mut self) {
        self.stale |= !self.rooms.is_empty();
    }

    /// Ends it, for this reason.
    pub(super) fn end(&mut self, why: &str) {
        let line = Line::new(&self.me.server, "ERROR").text(format!("Closing link: {why}"));
        self.send(line);
        self.end = Some(why.to_owned());
    }

    /// Whether it has ended.
    pub(super) const fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// Asks whether the client is still there.
    pub(super) fn ping(&mut self) {
        let line = Line::new(&self.me.server, "PING").text(&self.me.server);
        self.send(line);
    }

    fn ask(&mut self, request: Request, purpose: Purpose) {
        self.errands.push_back(Errand { what: What::Ask(request), purpose });
    }

    fn send(&mut self, line: Line) {
        if self.end.is_none() {
            self.lines.push_str(&line.render());
        }
    }

    /// A numeric reply.
    fn reply(&self, code: Response) -> Line {
        Line::numeric(&self.me.server, code, &self.me.nick)
    }

    /// A reply with a target and words.
    fn refuse(&mut self, code: Response, target: &str, words: &str) {
        let line = self.reply(code).word(target).text(text::line(words));
        self.send(line);
    }

    /// Words of this node to the client.
    fn notice(&mut self, words: &str) {
        let target = self.me.nick.clone();
        self.notice_to(&target, words);
    }

    fn notice_to(&mut self, target: &str, words: &str) {
        let mut head = Line::new(&self.me.server, "NOTICE").word(target);
        if self.caps.has(Cap::ServerTime) {
            head = head.tag("time", super::history::stamp(self.now.wall_ms));
        }
        for piece in text::pieces(words, head.room()) {
            self.send(head.clone().text(piece));
        }
    }

    /// Words of this node where people talk: once in each channel.
    fn announce(&mut self, words: &str) {
        let rooms: Vec<RoomName> = self.rooms.keys().cloned().collect();
        if rooms.is_empty() {
            self.notice(words);
        }
        for room in rooms {
            self.notice_to(room.as_str(), words);
        }
    }

    /// `nick!user@host` of somebody.
    fn source(&mut self, who: &Who, node_name: &str) -> String {
        let nick = self.nicks.of(who, node_name);
        format!("{nick}!{}@{}", user(who), host(node_name))
    }

    fn my_source(&self) -> String {
        format!("{}!{}@{}", self.me.nick, user(&self.me.who), host(&self.me.node_name))
    }

    fn is_me(&self, who: &Who) -> bool {
        *who == self.me.who
    }
}

/// The user of somebody, which on IRC stands between nick and host.
fn user(who: &Who) -> String {
    super::nicks::clip(&nick(who.name.as_str()), USER_BYTES).to_owned()
}

const USER_BYTES: usize = 16;
/// Changes of people within such a time are asked for together, in milliseconds.
const COALESCE_MS: u64 = 200;

#[cfg(test)]
mod tests;
