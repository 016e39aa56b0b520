//! Lines of a person with `nc`.

use meshchat_client::proto::name::PersonName;

use super::{Entry, Unit, Want, names, not_utf8, too_long};

/// Somebody with `nc`.
#[derive(Debug, Default)]
pub struct Plain {
    called: Option<PersonName>,
}

/// What they see first.
pub const WELCOME: &str = "* this is a meshchat node; /join ROOM NAME to talk, /help for more\n";

const HELP: &str = "\
* /join ROOM NAME     enter a room (#lobby is everybody's), or another one
* /who                who is in the room
* /msg PERSON TEXT    say something to one person only
* /quit               go
* anything else is said in the room; //text says \"/text\"
";

impl Plain {
    /// Each unit is a line.
    pub(crate) fn read(&mut self, unit: Unit) -> Vec<Want> {
        let text = match unit {
            Unit::Text(text) => text,
            Unit::TooLong => return vec![too_long()],
            Unit::NotUtf8 | Unit::Malformed => return vec![not_utf8()],
        };
        match text.strip_prefix('/') {
            Some(rest) if !rest.starts_with('/') => vec![self.command(rest)],
            _ if text.trim().is_empty() => Vec::new(),
            _ if self.called.is_none() => {
                vec![refuse("you are in no room yet; enter one: /join lobby NAME")]
            }
            Some(said) => vec![Want::Say(said.to_owned())],
            None => vec![Want::Say(text)],
        }
    }

    fn command(&mut self, line: &str) -> Want {
        let (word, rest) = line.trim().split_once(char::is_whitespace).unwrap_or((line.trim(), ""));
        let rest = rest.trim();
        match word.to_ascii_lowercase().as_str() {
            "join" => self.join(rest),
            "help" => Want::Show(HELP),
            "quit" => Want::Quit,
            "who" | "msg" if self.called.is_none() => {
                refuse("you are in no room yet; enter one: /join lobby NAME")
            }
            "who" => Want::Who,
            "msg" => match rest.split_once(char::is_whitespace) {
                Some((to, text)) => Want::Tell { to: to.to_owned(), text: text.trim().to_owned() },
                None => refuse("say to whom and what: /msg PERSON TEXT"),
            },
            _ => refuse("there is no such command; /help shows all"),
        }
    }

    /// `/join ROOM [NAME]`: who has a name keeps it.
    fn join(&mut self, rest: &str) -> Want {
        let (typed, name) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let person = match &self.called {
            _ if typed.is_empty() => return refuse("say which room: /join ROOM NAME"),
            Some(called) if name.trim().is_empty() => Ok(called.clone()),
            None if name.trim().is_empty() => {
                return refuse("say what you are called, too: /join ROOM NAME");
            }
            Some(_) | None => names::person(name),
        };
        match (person, names::room(typed)) {
            (Ok(person), Ok(room)) => {
                self.called = Some(person.clone());
                Want::Enter(Entry { person, room, typed: typed.to_owned(), id: String::new() })
            }
            (Err(error), _) => refuse(&format!("that name cannot be used: {error}")),
            (_, Err(error)) => refuse(&format!("that room cannot be used: {error}")),
        }
    }
}

fn refuse(words: &str) -> Want {
    Want::Refuse("not_understood", words.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_and_text() {
        let mut plain = Plain::default();
        let mut read = |text: &str| plain.read(Unit::Text(text.into())).pop();
        for early in ["hello", "/who", "/msg ann hi", "/join", "/join dev", "/nonsense", "/"] {
            assert!(matches!(read(early), Some(Want::Refuse(..))), "{early}");
        }
        assert_eq!(read("/HELP"), Some(Want::Show(HELP)));
        let Some(Want::Enter(entry)) = read("/join Dev Ann Lee ") else { panic!() };
        assert_eq!((entry.person.as_str(), entry.room.as_str()), ("Ann Lee", "#dev"));
        let Some(Want::Enter(entry)) = read("/join #ops") else { panic!() };
        assert_eq!((entry.person.as_str(), entry.room.as_str()), ("Ann Lee", "#ops"));
        assert_eq!(read("hello"), Some(Want::Say("hello".into())));
        assert_eq!(read("//etc"), Some(Want::Say("/etc".into())));
        assert_eq!(read(" "), None);
        assert_eq!(read("/who"), Some(Want::Who));
        let told = Want::Tell { to: "ben@pi".into(), text: "a b".into() };
        assert_eq!(read("/msg ben@pi  a b"), Some(told));
        assert_eq!(read("/quit"), Some(Want::Quit));
    }
}
