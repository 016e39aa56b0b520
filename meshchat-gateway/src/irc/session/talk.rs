//! What people say to each other.

use irc_proto::Response;
use meshchat_client::proto::control::{
    DirectInfo, DirectState, DmRequest, ErrorCode, PersonStatus, Request,
};
use meshchat_client::proto::message::MessageKind;
use meshchat_client::proto::name::RoomName;

use super::super::caps::Cap;
use super::super::errand::{Purpose, Trouble};
use super::super::heard::Heard;
use super::super::history::stamp;
use super::super::nicks::{Who, nick};
use super::super::text::{self, Typed};
use super::super::wire::Line;
use super::{Person, Session};

impl Session {
    /// PRIVMSG and NOTICE.
    pub(super) fn say(&mut self, targets: &str, words: &str) {
        let (kind, words) = match text::typed(words) {
            Typed::Words(kind, words) => (kind, words),
            Typed::Question(word) => {
                self.notice(&format!("CTCP {word} was not sent: the mesh carries words only"));
                return;
            }
            Typed::Nothing => {
                let line = self.reply(Response::ERR_NOTEXTTOSEND).text("nothing to send");
                self.send(line);
                return;
            }
        };
        let targets: Vec<&str> = targets.split(',').filter(|target| !target.is_empty()).collect();
        for (place, target) in targets.into_iter().enumerate() {
            if place >= TARGETS {
                let words = format!("not sent: at most {TARGETS} targets at once");
                self.refuse(Response::ERR_TOOMANYTARGETS, target, &words);
            } else if target.starts_with('#') {
                self.say_in_room(target, kind, &words);
            } else {
                self.say_to(target, kind, &words);
            }
        }
    }

    fn say_in_room(&mut self, target: &str, kind: MessageKind, words: &str) {
        match target.parse::<RoomName>() {
            Ok(room) if self.rooms.contains_key(&room) => {
                self.said.waiting += 1;
                let request =
                    Request::Send { room: Some(room.to_string()), text: words.to_owned(), kind };
                self.ask(request, Purpose::Say(room.to_string()));
            }
            Ok(room) => {
                let words = format!("not sent, you are not in {room}: /join {room}");
                self.refuse(Response::ERR_CANNOTSENDTOCHAN, target, &words);
            }
            Err(error) => {
                self.refuse(Response::ERR_NOSUCHCHANNEL, target, &format!("bad room: {error}"));
            }
        }
    }

    fn say_to(&mut self, target: &str, kind: MessageKind, words: &str) {
        let to = match self.nicks.who(target) {
            Some(who) => format!("{}@{}", who.name, who.node),
            // A nick that was not shown here: as others would write it.
            None => target
                .rsplit_once('|')
                .map_or_else(|| target.to_owned(), |(person, node)| format!("{person}@{node}")),
        };
        self.said.waiting += 1;
        let request = Request::Dm(DmRequest::Send { to, text: words.to_owned(), kind });
        self.ask(request, Purpose::Direct(target.to_owned()));
    }

    /// What was said could not be.
    pub(super) fn not_said(&mut self, target: &str, trouble: &Trouble) {
        let code = match trouble.code() {
            Some(ErrorCode::NotFound | ErrorCode::Ambiguous) => Response::ERR_NOSUCHNICK,
            _ => Response::ERR_CANNOTSENDTOCHAN,
        };
        let told = match trouble {
            Trouble::Unsure => trouble.words(),
            Trouble::Refused(_) | Trouble::Away(_) => format!("not sent: {}", trouble.words()),
        };
        self.refuse(code, target, &told);
    }

    /// A direct message was taken in; says so if its recipient will not read it soon.
    pub(super) fn direct_sent(&mut self, target: &str, info: &DirectInfo) {
        let who = Who { node: info.to_node, name: info.to.clone() };
        let Some(person) = self.people.get(&who) else { return };
        let waits = info.state == DirectState::Queued;
        let note = match person.state {
            PersonStatus::Unreachable if waits => {
                format!("{}; what you said is kept and sent again", self.away_note(person))
            }
            PersonStatus::Offline => "is not here now; what you said is kept".to_owned(),
            PersonStatus::Away | PersonStatus::Unreachable => self.away_note(person),
            PersonStatus::Online | PersonStatus::Unknown => return,
        };
        let line = self.reply(Response::RPL_AWAY).word(target).text(text::line(&note));
        self.send(line);
    }

    /// Something was said in the mesh.
    pub(super) fn hear(&mut self, heard: Heard) {
        let mine = self.is_me(&heard.author());
        if mine && self.said.waiting > 0 && self.said.held.len() < HELD {
            self.said.held.push(heard);
            return;
        }
        if let Heard::Room(message) = &heard {
            if message.room.is_sealed() && !self.rooms.contains_key(&message.room) {
                // Nobody enters such a room by themselves: its words open it.
                let room = message.room.clone();
                self.enter(&room);
                self.named(&room);
            }
            let Some(channel) = self.rooms.get(&message.room) else { return };
            // After a restart of the daemon, history comes once more.
            if message.age_ms > self.now.mono_ms.saturating_sub(channel.since_ms) + SLACK_MS {
                return;
            }
        } else if heard.age_ms() > self.now.mono_ms + SLACK_MS {
            return;
        }
        if !self.said.is_new(heard.id()) {
            return;
        }
        if mine && self.said.is_own(heard.id()) && !self.caps.has(Cap::EchoMessage) {
            return;
        }
        let delayed = heard.is_delayed();
        self.tell(&heard, None, delayed);
    }

    /// Shows a message, with the time in words if `dated` and the client has no better way.
    pub(super) fn tell(&mut self, heard: &Heard, batch: Option<&str>, dated: bool) {
        let author = heard.author();
        let source = if self.is_me(&author) {
            self.my_source()
        } else {
            self.source(&author, heard.node_name())
        };
        if let Heard::Room(message) = heard {
            let seen = |person: &Person| person.is_in() && person.rooms.contains(&message.room);
            let known = self.people.get(&author).is_some_and(seen);
            self.stale |= !known && message.age_ms < FRESH_MS;
        }
        let time = heard.time_ms(self.now.wall_ms);
        let mut head = Line::new(&source, "PRIVMSG").word(self.target(heard));
        if let Some(batch) = batch.filter(|_| self.caps.has(Cap::Batch)) {
            head = head.tag("batch", batch);
        }
        let timed = self.caps.has(Cap::ServerTime);
        if timed {
            head = head.tag("time", stamp(time));
        }
        let date = if dated && !timed { clock(time, self.now.wall_ms) } else { String::new() };
        let acts = heard.kind() == MessageKind::Action;
        let most = head.room().saturating_sub(if acts { ACTION } else { 0 } + date.len());
        for (place, piece) in text::pieces(heard.text(), most).into_iter().enumerate() {
            let mut line = head.clone();
            if place == 0 && self.caps.has(Cap::MessageTags) {
                line = line.tag("msgid", heard.id().to_string());
            }
            let words = format!("{date}{piece}");
            let words = if acts { format!("\x01ACTION {words}\x01") } else { words };
            self.send(line.text(words));
        }
    }

    /// Where a message is shown.
    fn target(&mut self, heard: &Heard) -> String {
        match heard {
            Heard::Room(message) => message.room.to_string(),
            Heard::Direct(message) => {
                let to = Who { node: message.to_node, name: message.to.clone() };
                if self.is_me(&to) {
                    self.me.nick.clone()
                } else {
                    self.nicks.of(&to, message.to_node_name.as_str())
                }
            }
        }
    }

    /// A nick that the client may mean, as it would be shown.
    pub(super) fn shown_nick(&self, who: &Who) -> String {
        self.nicks.known(who).map_or_else(|| nick(who.name.as_str()), str::to_owned)
    }
}

/// When something was said, for clients that cannot be told otherwise.
fn clock(ms: u64, now_ms: u64) -> String {
    let zoned = |ms: u64| {
        let time = jiff::Timestamp::from_millisecond(i64::try_from(ms).ok()?).ok()?;
        Some(time.to_zoned(jiff::tz::TimeZone::system()))
    };
    let (Some(then), Some(now)) = (zoned(ms), zoned(now_ms)) else { return String::new() };
    let form = if then.date() == now.date() { "[%H:%M] " } else { "[%Y-%m-%d %H:%M] " };
    then.strftime(form).to_string()
}

/// Targets of one line.
pub(super) const TARGETS: usize = 4;
/// Messages that wait for an answer to tell whose they are.
const HELD: usize = 64;
/// Bytes that an action takes beside its words.
const ACTION: usize = 9;
/// Milliseconds by which clocks and queues may differ.
const SLACK_MS: u64 = 2_000;
/// Milliseconds within which somebody who speaks must be in the room.
const FRESH_MS: u64 = 5_000;
