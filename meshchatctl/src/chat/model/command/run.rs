use meshchat_client::proto::control::{NamesRequest, PrivateRequest, Request};

use super::{COMMANDS, Command, Does, Parsed, parse};
use crate::chat::model::Model;
use crate::chat::model::ask::{Purpose, Wish};
use crate::chat::model::mode::{Mode, Search};
use crate::chat::model::outbox::typed;
use crate::chat::model::place::Place;
use crate::chat::model::refresh::Topic;
use crate::chat::seam::{Effect, Keep, Notify};
use crate::output::escape::escape;
use crate::output::style::Paint;
use crate::output::time::Clock;

impl Model {
    /// Carries out or says what was typed.
    pub(in crate::chat::model) fn submit(&mut self, line: &str, clock: &Clock) {
        let conversation = self.places.open().key();
        self.panes.shown = None;
        if line.trim().is_empty() {
            return;
        }
        self.effects.push(Effect::Keep(Keep::Typed { conversation, line: line.to_owned() }));
        match parse(line) {
            Parsed::Say(text) => self.say(text, false, clock),
            Parsed::Do(command, rest) => self.run(command, rest, clock),
            Parsed::Unknown(name, near) => {
                let name = escape(name);
                let words = match near {
                    Some(near) => format!("no command {name}; did you mean {}?", near.name),
                    None => format!("no command {name}; /help lists all, //text says /text"),
                };
                self.tell(&words, Paint::Warn, clock);
            }
        }
    }

    fn say(&mut self, text: &str, action: bool, clock: &Clock) {
        let place = self.places.open().clone();
        self.say_in(&place, text, action, clock);
    }

    fn say_in(&mut self, place: &Place, text: &str, action: bool, clock: &Clock) {
        if self.outbox.is_full() {
            self.editor.insert(&typed(text, action));
            let words = "too much waits for the node already; it goes on when the node is back";
            self.tell(words, Paint::Bad, clock);
            return;
        }
        self.outbox.put(place.clone(), text.to_owned(), action);
        self.flags.unsent_changed = true;
        self.go_to_end();
        let one = self.places.get(place);
        one.marker = None;
    }

    fn run(&mut self, command: &'static Command, rest: &str, clock: &Clock) {
        let needs = !command.usage.is_empty() && !command.usage.starts_with('[');
        if needs && rest.is_empty() {
            let words = format!("{} {}: {}", command.name, command.usage, command.help);
            self.tell(&words, Paint::Warn, clock);
            return;
        }
        match command.does {
            Does::Help => self.help(rest, clock),
            Does::Join => self.join(rest, clock),
            Does::Leave => self.leave(rest, clock),
            Does::Rooms => self.ask(Request::Rooms {}, Wish::Show, clock),
            Does::Who => self.who(rest, clock),
            Does::Users => self.ask(Request::Who { room: None }, Wish::Show, clock),
            Does::Nick => self.nick(rest, clock),
            Does::Away => self.away(true, rest, clock),
            Does::Back => self.away(false, "", clock),
            Does::Me => self.say(rest, true, clock),
            Does::Msg => self.msg(rest, clock),
            Does::Resend => self.resend(clock),
            Does::Drop => self.drop_held(clock),
            Does::Whois => self.whois(rest, clock),
            Does::Peers => self.ask(Request::Peers {}, Wish::Show, clock),
            Does::Connect => self.connect(rest, clock),
            Does::Clear => self.clear(),
            Does::Search => self.search(rest),
            Does::Mute => self.mute(rest, true, clock),
            Does::Unmute => self.mute(rest, false, clock),
            Does::Invite => self.invite(rest, clock),
            Does::Trace => self.trace(rest, clock),
            Does::Delivery => self.show_delivery(rest, clock),
            Does::Ping => {
                let request = Request::Ping { node: rest.to_owned(), timeout_ms: PATIENCE_MS };
                self.ask(request, Wish::Show, clock);
            }
            Does::Status => self.ask(Request::Status {}, Wish::Show, clock),
            Does::Notify => self.set_notify(rest, clock),
            Does::Mouse => self.set_mouse(rest, clock),
            Does::Quit => self.quit(),
        }
    }

    /// Asks the node for what was typed; the answer appears where it was typed.
    pub(super) fn ask(&mut self, request: Request, wish: Wish, clock: &Clock) {
        if !self.standing.is_up() {
            self.tell("meshchatd is not there; try again when it is back", Paint::Bad, clock);
        } else if self.asks.is_full() {
            let words = "too many questions wait for an answer already; try again in a moment";
            self.tell(words, Paint::Bad, clock);
        } else {
            let purpose = Purpose::Command(self.places.open().clone(), wish);
            self.effects.push(self.asks.ask(purpose, request));
        }
    }

    fn join(&mut self, rest: &str, clock: &Clock) {
        match Place::parse(rest) {
            Some(place @ Place::Person(_)) => self.enter(&place),
            Some(place) => {
                let joined = self.places.find(&place).is_some_and(|one| one.joined);
                // What is typed next belongs there; it waits until one is in.
                if joined || self.standing.is_up() {
                    self.enter(&place);
                }
                if !joined {
                    self.ask(Request::Join { room: place.key() }, Wish::Join(place), clock);
                }
            }
            None => {
                let words = format!("'{}' cannot be the name of a room", escape(rest));
                self.tell(&words, Paint::Warn, clock);
            }
        }
    }

    fn leave(&mut self, rest: &str, clock: &Clock) {
        let place = match rest {
            "" => Some(self.places.open().clone()),
            rest => Place::parse(rest),
        };
        match place {
            Some(Place::Room(room)) => {
                let request = match room.is_sealed() {
                    true => Request::Private(PrivateRequest::Leave { room: room.to_string() }),
                    false => Request::Leave { room: room.to_string() },
                };
                self.ask(request, Wish::Left(Place::Room(room)), clock);
            }
            Some(place @ Place::Person(_)) => self.closed(&place),
            None => {
                let words = format!("'{}' cannot be the name of a room", escape(rest));
                self.tell(&words, Paint::Warn, clock);
            }
        }
    }

    /// A conversation is over: another one comes up, but not while something is typed here.
    pub(in crate::chat::model) fn closed(&mut self, place: &Place) {
        let mut draft = false;
        if let Some(one) = self.places.find_mut(place) {
            (one.joined, draft) = (false, one.draft);
        }
        if self.places.is_open(place) && !self.editor.is_empty() {
            return;
        }
        let other = self.first_joined().or_else(|| self.places.neighbour(true));
        let Some(other) = other.filter(|other| other != place) else { return };
        if self.places.is_open(place) {
            self.enter(&other);
        }
        if !draft && !self.outbox.has(place) {
            self.places.remove(place);
        }
    }

    fn who(&mut self, rest: &str, clock: &Clock) {
        let place = match rest {
            "" => self.places.open().clone(),
            rest => Place::parse(rest).unwrap_or_else(|| self.places.open().clone()),
        };
        match place {
            Place::Room(room) if room.is_sealed() => {
                let request = PrivateRequest::Members { room: room.to_string() };
                self.ask(Request::Private(request), Wish::Show, clock);
            }
            Place::Room(room) => {
                self.ask(Request::Who { room: Some(room.to_string()) }, Wish::Show, clock);
            }
            Place::Person(who) => self.whois(&who.to_string(), clock),
        }
    }

    fn nick(&mut self, rest: &str, clock: &Clock) {
        match rest.parse() {
            Ok(name) => {
                self.ask(Request::Nick { name: rest.to_owned() }, Wish::Nick(name), clock);
            }
            Err(error) => {
                let words = format!("nobody can be called '{}': {error}", escape(rest));
                self.tell(&words, Paint::Warn, clock);
            }
        }
    }

    fn away(&mut self, away: bool, note: &str, clock: &Clock) {
        let wish = Wish::Away(away.then(|| note.to_owned()));
        self.ask(Request::Away { away, note: note.to_owned() }, wish, clock);
    }

    /// `/msg PERSON` opens a conversation, `/msg PERSON TEXT` says something in it, too.
    fn msg(&mut self, rest: &str, clock: &Clock) {
        let (who, text) = match self.person_at_start(rest) {
            Ok(found) => found,
            Err(words) => return self.tell(&words, Paint::Warn, clock),
        };
        let place = Place::Person(who);
        self.enter(&place);
        if !text.is_empty() {
            let text = text.to_owned();
            self.say_in(&place, &text, false, clock);
        }
    }

    fn whois(&mut self, rest: &str, clock: &Clock) {
        match self.person_at_start(rest) {
            Ok((who, _)) => {
                let words = super::answer::whois(&self.people, &who);
                self.tell(&words, Paint::Plain, clock);
            }
            Err(words) => self.tell(&words, Paint::Warn, clock),
        }
    }

    fn connect(&mut self, rest: &str, clock: &Clock) {
        let address = rest.to_owned();
        let words = format!("Dialling {}. See: /peers", escape(&address));
        self.refresh.want(&[Topic::Peers, Topic::Status]);
        let request = Request::Connect { address, once: false, key: None };
        self.ask(request, Wish::Done(words), clock);
    }

    fn clear(&mut self) {
        let one = self.places.current_mut();
        one.log.clear();
        one.marker = None;
        one.at_end();
    }

    fn search(&mut self, rest: &str) {
        let mut search = Search::default();
        search.prompt.paste(rest);
        self.mode = Mode::Search(search);
        self.search_anew();
    }

    fn mute(&mut self, rest: &str, mute: bool, clock: &Clock) {
        let place = match rest {
            "" => Some(self.places.open().clone()),
            rest if rest.starts_with('#') => Place::parse(rest),
            _ => None,
        };
        if let Some(place) = place {
            self.places.mute(&place, mute);
            self.effects.push(Effect::Keep(Keep::Muted(self.places.muted())));
            let words = match mute {
                true => format!("{place} is muted: it marks nothing as new. /unmute ends that"),
                false => format!("{place} is heard again"),
            };
            return self.tell(&words, Paint::Plain, clock);
        }
        let who = match self.person_at_start(rest) {
            Ok((who, _)) => who.to_string(),
            Err(_) => rest.to_owned(),
        };
        let shown = escape(&who).into_owned();
        self.refresh.want(&[Topic::People]);
        let (request, words) = match mute {
            true => (
                NamesRequest::Mute { who, block: false },
                format!(
                    "{shown} is muted: you see no messages from there in rooms. /unmute ends that"
                ),
            ),
            false => (NamesRequest::Unmute { who }, format!("You hear {shown} again.")),
        };
        self.ask(Request::Names(request), Wish::Done(words), clock);
    }

    fn set_notify(&mut self, rest: &str, clock: &Clock) {
        let (wish, here) = match rest.split_once(' ') {
            Some((wish, "here")) => (wish, true),
            Some(_) | None => (rest, false),
        };
        let notify = match wish {
            "off" => Notify::Off,
            "mentions" => Notify::Mentions,
            "messages" | "all" => Notify::Messages,
            _ => {
                let now = notify_word(self.taste.notify);
                let words = format!("notify: {now}; /notify off, mentions or messages, [here]");
                return self.tell(&words, Paint::Plain, clock);
            }
        };
        let words = match here {
            true => format!("notify in {}: {}", self.places.open(), notify_word(notify)),
            false => format!("notify: {}", notify_word(notify)),
        };
        match here {
            true => self.places.current_mut().notify = Some(notify),
            false => self.taste.notify = notify,
        }
        self.tell(&words, Paint::Plain, clock);
    }

    fn set_mouse(&mut self, rest: &str, clock: &Clock) {
        let on = match rest {
            "on" => true,
            "off" => false,
            _ => !self.taste.mouse,
        };
        self.taste.mouse = on;
        self.effects.push(Effect::Mouse(on));
        let words = match on {
            true => "the mouse works here; with Shift, the terminal marks text",
            false => "the mouse is left to the terminal",
        };
        self.tell(words, Paint::Plain, clock);
    }

    fn help(&mut self, rest: &str, clock: &Clock) {
        let wanted = rest.trim_start_matches('/').to_lowercase();
        let named = COMMANDS.iter().find(|one| one.name.trim_start_matches('/') == wanted);
        let words = match named {
            Some(command) => super::answer::help_of(command),
            None => super::answer::help(self.answer_width()),
        };
        self.tell(&words, Paint::Plain, clock);
    }
}

const fn notify_word(notify: Notify) -> &'static str {
    match notify {
        Notify::Off => "off",
        Notify::Mentions => "mentions and direct messages",
        Notify::Messages => "all messages",
    }
}

/// How long a node may take to answer.
pub(super) const PATIENCE_MS: u32 = 5_000;
