//! What a client may say once it is in.

use irc_proto::{Command, Response};
use meshchat_client::proto::control::Request;
use meshchat_client::proto::limits::NOTE_CHARS;

use super::super::errand::Purpose;
use super::super::nicks::nick;
use super::super::wire::{BadLine, Input, Line};
use super::Session;

impl Session {
    /// One line of the client.
    pub(in super::super) fn input(&mut self, line: &str) {
        match Input::parse(line) {
            Ok(input) => self.command(input),
            Err(BadLine::Empty) => {}
            Err(BadLine::Long) => self.too_long(),
        }
    }

    /// A line was too long to be read.
    pub(in super::super) fn too_long(&mut self) {
        let line = Line::new(&self.me.server, INPUT_TOO_LONG).word(&self.me.nick);
        self.send(line.text("that line was too long, nothing of it was sent"));
    }

    /// A line was not UTF-8.
    pub(in super::super) fn not_utf8(&mut self) {
        let line = Line::new(&self.me.server, "FAIL").word("*").word("INVALID_UTF8");
        self.send(line.text("that line was not UTF-8, nothing of it was sent"));
    }

    fn command(&mut self, Input { verb, command }: Input) {
        match command {
            Command::PING(token, _) => {
                let line = Line::new(&self.me.server, "PONG").word(&self.me.server).text(token);
                self.send(line);
            }
            Command::PRIVMSG(target, words) | Command::NOTICE(target, words) => {
                self.say(&target, &words);
            }
            Command::JOIN(rooms, ..) => self.join(&rooms),
            Command::PART(rooms, why) => self.part(&rooms, why.as_deref().unwrap_or_default()),
            Command::CAP(_, command, first, second) => {
                let names = (self.me.server.as_str(), self.me.nick.as_str());
                let value = second.or(first);
                if let Some(line) = self.caps.answer(names, command, value.as_deref()) {
                    self.send(line);
                }
            }
            Command::NICK(name) => self.nick(&name),
            Command::AWAY(note) => self.away(note),
            Command::QUIT(_) => self.end("you left"),
            Command::PONG(..) => {}
            other => self.question(&verb, other),
        }
    }

    /// What asks for something.
    fn question(&mut self, verb: &str, command: Command) {
        match command {
            Command::NAMES(rooms, _) => self.ask_names(rooms.as_deref()),
            Command::LIST(rooms, _) => self.ask_list(rooms.as_deref()),
            Command::TOPIC(room, topic) => self.topic(&room, topic.as_deref()),
            Command::ChannelMODE(room, modes) => {
                let modes: Vec<String> = modes.iter().map(ToString::to_string).collect();
                self.room_mode(&room, &modes);
            }
            Command::UserMODE(name, modes) => {
                let modes: Vec<String> = modes.iter().map(ToString::to_string).collect();
                self.own_mode(&name, &modes);
            }
            Command::WHO(mask, _) => self.ask_who(mask.as_deref()),
            Command::WHOIS(_, names) => self.ask_whois(&names),
            Command::WHOWAS(name, ..) => {
                self.refuse(Response::ERR_WASNOSUCHNICK, &name, "nobody is remembered here");
                self.refuse(Response::RPL_ENDOFWHOWAS, &name, "End of /WHOWAS");
            }
            // The grammar takes both for one.
            Command::USERHOST(names) if verb == "ISON" => self.ison(&names),
            Command::USERHOST(names) => self.userhost(&names),
            Command::MOTD(_) => self.ask(Request::Status {}, Purpose::Motd),
            Command::LUSERS(..) => self.ask(Request::Status {}, Purpose::Lusers),
            Command::VERSION(_) => {
                let line =
                    self.reply(Response::RPL_VERSION).word(crate::SOFTWARE.replace(' ', "-"));
                let words = "a door into a meshchat mesh";
                let line = line.word(&self.me.server).text(words);
                self.send(line);
            }
            Command::TIME(_) => {
                let time = super::super::history::stamp(self.now.wall_ms);
                let line = self.reply(Response::RPL_TIME).word(&self.me.server).text(time);
                self.send(line);
            }
            Command::INVITE(_, room) => self.no_operators(&room, "nobody needs to be invited"),
            Command::KICK(room, ..) => self.no_operators(&room, "nobody can be sent away"),
            Command::PASS(_) | Command::USER(..) => {
                let line = self.reply(Response::ERR_ALREADYREGISTRED).text("you are in already");
                self.send(line);
            }
            Command::OPER(..) => {
                let line = self.reply(Response::ERR_NOOPERHOST).text("there are no operators");
                self.send(line);
            }
            Command::Raw(_, params) => self.raw(verb, &params),
            _ => self.unknown(verb),
        }
    }

    /// What the grammar does not know, or with fewer or more parameters than it expects.
    fn raw(&mut self, verb: &str, params: &[String]) {
        match (verb, params) {
            ("CHATHISTORY", _) => self.chat_history(params),
            // What someone is typing is told to nobody.
            ("TAGMSG" | "PONG", _) => {}
            ("PRIVMSG" | "NOTICE", [target, words, ..]) => {
                let (target, words) = (target.clone(), words.clone());
                self.say(&target, &words);
            }
            ("PRIVMSG" | "NOTICE", []) => {
                let line = self.reply(Response::ERR_NORECIPIENT).text("to whom?");
                self.send(line);
            }
            ("PRIVMSG" | "NOTICE", _) => {
                let line = self.reply(Response::ERR_NOTEXTTOSEND).text("nothing to send");
                self.send(line);
            }
            ("PART", [rooms, why, ..]) => self.part(&rooms.clone(), &why.clone()),
            ("QUIT", _) => self.end("you left"),
            ("NICK", _) => {
                let line = self.reply(Response::ERR_NONICKNAMEGIVEN).text("which nick?");
                self.send(line);
            }
            ("MODE", [target, ..]) if target.starts_with('#') => {
                self.no_operators(target, "rooms have no modes here");
            }
            (known, _) if KNOWN.contains(&known) => {
                self.refuse(Response::ERR_NEEDMOREPARAMS, known, "not with these parameters");
            }
            _ => self.unknown(verb),
        }
    }

    fn unknown(&mut self, verb: &str) {
        let words = "this door has no such command";
        self.refuse(Response::ERR_UNKNOWNCOMMAND, verb, words);
    }

    fn nick(&mut self, name: &str) {
        if name == self.me.nick {
            return;
        }
        match check_nick(name) {
            Ok(()) => {
                let request = Request::Nick { name: name.to_owned() };
                self.ask(request, Purpose::Nick(name.to_owned()));
            }
            Err(why) => self.refuse(Response::ERR_ERRONEOUSNICKNAME, name, &why),
        }
    }

    fn away(&mut self, note: Option<String>) {
        let note: String = note.unwrap_or_default().chars().take(NOTE_CHARS).collect();
        let note = super::super::text::line(&note).trim().to_owned();
        let away = !note.is_empty();
        self.ask(Request::Away { away, note }, Purpose::Away(away));
    }
}

/// Whether a client may be called so: its nick must be its name in the mesh.
///
/// # Errors
///
/// Words for the client.
pub(in super::super) fn check_nick(name: &str) -> Result<(), String> {
    let parsed: meshchat_client::proto::name::PersonName =
        name.parse().map_err(|error| format!("not a name: {error}"))?;
    if parsed.as_str() != name || nick(name) != name {
        return Err("not a nick: no spaces, and none of , ! @ : * ? . # in it".to_owned());
    }
    Ok(())
}

/// IRCv3 message-tags; not in RFC 2812.
const INPUT_TOO_LONG: &str = "417";
const KNOWN: [&str; 14] = [
    "JOIN", "PART", "TOPIC", "INVITE", "KICK", "MODE", "WHO", "WHOIS", "WHOWAS", "PING", "PASS",
    "USER", "AWAY", "CAP",
];
