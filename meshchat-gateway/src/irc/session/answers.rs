//! What the daemon answered.

use irc_proto::Response;
use meshchat_client::proto::control::{ErrorCode, Reply, Request};

use super::super::errand::{Answer, Errand, Purpose, Trouble};
use super::super::nicks::{Who, host};
use super::super::wire::Line;
use super::{Session, user};

impl Session {
    /// What came of an errand.
    pub(in super::super) fn answer(&mut self, errand: Errand, result: Result<Answer, Trouble>) {
        let said = matches!(errand.purpose, Purpose::Say(_) | Purpose::Direct(_));
        match result {
            Ok(Answer::Reply(reply)) => self.done(errand.purpose, *reply),
            Ok(Answer::Read(all)) => match errand.purpose {
                Purpose::Replay(room) => self.replay(&room, all),
                Purpose::Targets(from, to) => self.history_targets((from, to), &all),
                Purpose::History(target) => self.batch(&target, &all),
                _ => {}
            },
            Err(trouble) => self.failed(errand.purpose, &trouble),
        }
        if said {
            self.said.waiting = self.said.waiting.saturating_sub(1);
            if self.said.waiting == 0 {
                for heard in std::mem::take(&mut self.said.held) {
                    self.hear(heard);
                }
            }
        }
    }

    fn done(&mut self, purpose: Purpose, reply: Reply) {
        match (purpose, reply) {
            (Purpose::Motd, Reply::Status(status)) => self.motd(&status),
            (Purpose::Lusers, Reply::Status(status)) => self.lusers(&status),
            (Purpose::People, Reply::People(people)) => self.people_known(people),
            (Purpose::Enter(room), Reply::People(people)) => {
                self.people_known(people);
                self.named(&room);
            }
            (Purpose::Join(room), Reply::Done {}) => self.joined(room),
            (Purpose::JoinPrivate(room), Reply::Rooms(rooms)) => self.join_private(room, &rooms),
            (Purpose::Part(room, why), Reply::Done {}) => self.left(&room, &why),
            (Purpose::Say(_), Reply::Sent(sent)) => {
                self.said.note_own(sent.id);
            }
            (Purpose::Direct(target), Reply::Direct(info)) => {
                if let Some(id) = info.id {
                    self.said.note_own(id);
                }
                self.direct_sent(&target, &info);
            }
            (Purpose::Away(away), Reply::Done {}) => {
                let line = if away {
                    self.reply(Response::RPL_NOWAWAY).text("you are marked as away")
                } else {
                    self.reply(Response::RPL_UNAWAY).text("you are no longer marked as away")
                };
                self.send(line);
            }
            (Purpose::Nick(name), Reply::Done {}) => self.renamed(name),
            (Purpose::Whois(who), Reply::Nodes(nodes)) => {
                self.nodes = nodes;
                self.whois(&who);
            }
            (Purpose::WhoList(mask), Reply::Nodes(nodes)) => {
                self.nodes = nodes;
                self.who_list(&mask);
            }
            (Purpose::List(wanted), Reply::Rooms(rooms)) => self.list(&wanted, &rooms),
            (purpose, _) => {
                self.failed(purpose, &Trouble::Away("it answered something else".to_owned()));
            }
        }
    }

    fn failed(&mut self, purpose: Purpose, trouble: &Trouble) {
        let words = trouble.words();
        match purpose {
            // Asked again when the daemon is back.
            Purpose::People => {}
            Purpose::Enter(room) => {
                self.named(&room);
                self.stale = true;
            }
            Purpose::Join(room) | Purpose::JoinPrivate(room) => self.not_joined(&room, trouble),
            Purpose::Part(room, _) => {
                self.refuse(Response::ERR_NOTONCHANNEL, room.as_str(), &words);
            }
            Purpose::Say(target) | Purpose::Direct(target) => self.not_said(&target, trouble),
            Purpose::Nick(name) => {
                let code = nick_code(trouble);
                self.refuse(code, &name, &words);
            }
            Purpose::Replay(room) => {
                self.notice_to(room.as_str(), &format!("history cannot be shown: {words}"));
            }
            Purpose::History(target) => self.history_failed("MESSAGE_ERROR", &target, &words),
            Purpose::Targets(..) => self.history_failed("MESSAGE_ERROR", "TARGETS", &words),
            Purpose::Whois(who) => {
                // What is known without the daemon.
                self.notice(&words);
                self.whois(&who);
            }
            Purpose::WhoList(mask) => self.who_list(&mask),
            Purpose::List(_) => {
                self.notice(&words);
                self.list_end();
            }
            Purpose::Away(_) | Purpose::Motd | Purpose::Lusers => self.notice(&words),
        }
    }

    fn renamed(&mut self, name: String) {
        let Ok(parsed) = name.parse() else { return };
        let before = self.my_source();
        self.nicks.forget(&self.me.who);
        self.me.who = Who { node: self.me.who.node, name: parsed };
        self.me.nick = name;
        // Whoever was shown by it goes first: no client has room for two.
        self.take_nick();
        let line = Line::new(&before, "NICK").word(&self.me.nick);
        self.send(line);
        self.ask(Request::Who { room: None }, Purpose::People);
    }

    /// Takes the client's nick from whoever was shown by it.
    fn take_nick(&mut self) {
        let people = &self.people;
        let node_name =
            |who: &Who| people.get(who).map(|person| person.node_name.clone()).unwrap_or_default();
        let moved = self.nicks.take(&self.me.nick, &self.me.who, node_name);
        if let Some((other, old, new)) = moved {
            let at = self.people.get(&other).map_or("*", |person| &person.node_name);
            let source = format!("{old}!{}@{}", user(&other), host(at));
            self.send(Line::new(&source, "NICK").word(new));
        }
    }
}

/// The reply to a name that cannot be had.
const fn nick_code(trouble: &Trouble) -> Response {
    match trouble.code() {
        Some(ErrorCode::NameTaken) => Response::ERR_NICKNAMEINUSE,
        Some(ErrorCode::BadArgument) => Response::ERR_ERRONEOUSNICKNAME,
        _ => Response::ERR_UNAVAILRESOURCE,
    }
}
