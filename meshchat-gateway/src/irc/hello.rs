//! Registration: who a client is and what it can do, in whatever order it says so.

use irc_proto::{Command, Response};

use super::caps::Caps;
use super::session::check_nick;
use super::wire::{Input, Line};

/// What a client has said of itself.
#[derive(Debug, Default)]
pub(super) struct Registration {
    pub(super) caps: Caps,
    pub(super) pass: Option<String>,
    nick: Option<String>,
    user: bool,
    lines: String,
    quit: bool,
}

impl Registration {
    /// One line of the client; none if it could not be read.
    pub(super) fn input(&mut self, line: Option<&str>) {
        let Some(Ok(input)) = line.map(Input::parse) else { return };
        match input.command {
            Command::CAP(_, command, first, second) => {
                let nick = self.nick.clone().unwrap_or_else(|| "*".to_owned());
                let value = second.or(first);
                let names = (SERVER, nick.as_str());
                if let Some(line) = self.caps.answer(names, command, value.as_deref()) {
                    self.lines.push_str(&line.render());
                }
            }
            Command::PASS(pass) => self.pass = Some(pass),
            Command::NICK(nick) => match check_nick(&nick) {
                Ok(()) => self.nick = Some(nick),
                Err(why) => self.refuse(Response::ERR_ERRONEOUSNICKNAME, Some(&nick), &why),
            },
            Command::USER(..) => self.user = true,
            Command::PING(token, _) => {
                let line = Line::new(SERVER, "PONG").word(SERVER).text(token);
                self.lines.push_str(&line.render());
            }
            Command::PONG(..) => {}
            Command::QUIT(_) => self.quit = true,
            Command::Raw(..) if input.verb == "NICK" => {
                self.refuse(Response::ERR_NONICKNAMEGIVEN, None, "which nick?");
            }
            Command::Raw(..) if matches!(input.verb.as_str(), "USER" | "PASS" | "CAP") => {
                let words = "not with these parameters";
                self.refuse(Response::ERR_NEEDMOREPARAMS, Some(&input.verb), words);
            }
            _ => self.refuse(Response::ERR_NOTREGISTERED, None, "say NICK and USER first"),
        }
    }

    /// The nick, once all is said.
    pub(super) fn is_ready(&self) -> Option<&str> {
        self.nick.as_deref().filter(|_| self.user && !self.caps.negotiating)
    }

    /// The nick cannot be had: the client chooses another.
    pub(super) fn deny(&mut self, code: Response, why: &str) {
        let nick = self.nick.take();
        self.refuse(code, nick.as_deref(), why);
    }

    /// The client does not want any more.
    pub(super) const fn has_quit(&self) -> bool {
        self.quit
    }

    /// Lines that are to be sent, with their ends.
    pub(super) fn take_lines(&mut self) -> String {
        std::mem::take(&mut self.lines)
    }

    /// A reply to somebody who is not in yet.
    pub(super) fn refuse(&mut self, code: Response, about: Option<&str>, words: &str) {
        let line = Line::numeric(SERVER, code, self.nick.as_deref().unwrap_or("*"));
        let line = about.into_iter().fold(line, Line::word).text(super::text::line(words));
        self.lines.push_str(&line.render());
    }
}

/// What ends a connection.
pub(super) fn error(why: &str) -> String {
    Line::new(SERVER, "ERROR").text(format!("Closing link: {}", super::text::line(why))).render()
}

/// What the server is called before it is known which node this is.
const SERVER: &str = "irc.mesh";

#[cfg(test)]
mod tests {
    use super::*;

    fn all(lines: &[&str]) -> (Registration, String) {
        let mut hello = Registration::default();
        for line in lines {
            hello.input(Some(line));
        }
        let lines = hello.take_lines();
        (hello, lines)
    }

    #[test]
    fn every_order_registers() {
        let lines = ["PASS :se cret", "NICK ann", "USER ann 0 * :Ann Lee"];
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let (hello, said) = all(&order.map(|place| lines[place]));
            assert_eq!(hello.is_ready(), Some("ann"));
            assert_eq!((hello.pass.as_deref(), said.as_str()), (Some("se cret"), ""));
        }
        let (hello, said) = all(&["CAP LS 302", "nick ann", "user a b c d"]);
        assert!(hello.is_ready().is_none() && said.starts_with(":irc.mesh CAP * LS :"), "{said}");
        let (hello, said) =
            all(&["CAP LS", "NICK ann", "CAP REQ :server-time", "USER a b c d", "CAP END"]);
        assert!(hello.is_ready().is_some() && said.contains("CAP ann ACK :server-time"), "{said}");
    }

    #[test]
    fn strangers_may_do_nothing_else() {
        for (line, code) in [
            ("JOIN #dev", "451"),
            ("PRIVMSG #dev :x", "451"),
            ("NICK", "431"),
            ("NICK a!b", "432"),
            ("NICK #a", "432"),
            ("NICK 9a", "432"),
            ("USER x", "461"),
        ] {
            let (hello, said) = all(&[line]);
            assert!(said.starts_with(&format!(":irc.mesh {code} *")), "{line}: {said}");
            assert!(hello.is_ready().is_none());
        }
        let (mut hello, _) = all(&["NICK ann", "USER a b c d"]);
        hello.deny(Response::ERR_NICKNAMEINUSE, "taken");
        assert!(hello.is_ready().is_none() && hello.take_lines().contains(" 433 * ann :taken"));
    }
}
