//! The page of zgiles/meshchat, which knows one room only: the lobby.

use meshchat_client::proto::name::{PersonName, RoomName};
use serde::{Deserialize, Serialize};

use super::{Entry, Unit, Want, cut, names, not_utf8, too_long};

/// A page.
#[derive(Debug, Default)]
pub struct Page {
    called: Option<PersonName>,
}

#[derive(Deserialize)]
struct In {
    #[serde(default)]
    name: String,
    #[serde(default)]
    id: String,
    #[serde(default)]
    message: String,
}

/// What the page gets: always all five, in this order.
#[derive(Serialize)]
pub(crate) struct Out<'a> {
    pub(crate) name: &'a str,
    pub(crate) message: &'a str,
    pub(crate) pong: bool,
    pub(crate) presence: bool,
    pub(crate) id: &'a str,
}

impl Out<'_> {
    pub(crate) fn line(&self) -> String {
        let mut line = serde_json::to_string(self).unwrap_or_default();
        line.push('\n');
        line
    }
}

/// Tells a page that somebody is there.
pub fn pong(name: &str, id: &str) -> String {
    Out { name, message: "", pong: true, presence: false, id }.line()
}

impl Page {
    /// Each unit is one object. The name may be another each time.
    pub(crate) fn read(&mut self, unit: Unit) -> Vec<Want> {
        let text = match unit {
            Unit::Text(text) => text,
            Unit::TooLong => return vec![too_long()],
            Unit::NotUtf8 | Unit::Malformed => return vec![not_utf8()],
        };
        let refuse = |words: String| vec![Want::Refuse("malformed", words)];
        let read: In = match serde_json::from_str(&text) {
            Ok(read) => read,
            Err(error) => return refuse(format!("that is not understood ({error})")),
        };
        let person = match names::person(&read.name) {
            Ok(person) => person,
            Err(error) => return refuse(format!("\"name\" cannot be used: {error}")),
        };
        let mut wants = Vec::new();
        match &self.called {
            None => {
                let room = RoomName::lobby();
                // The page chooses it; nobody else gets it.
                let (typed, id) = (String::new(), cut(&read.id, ID_BYTES).to_owned());
                wants.push(Want::Enter(Entry { person: person.clone(), room, typed, id }));
            }
            Some(called) if *called == person => {}
            Some(_) => wants.push(Want::Rename(person.clone())),
        }
        self.called = Some(person);
        if !read.message.trim().is_empty() {
            wants.push(Want::Say(read.message));
        }
        wants
    }
}

const ID_BYTES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presence_then_messages_then_another_name() {
        let mut page = Page::default();
        let mut read = |text: &str| page.read(Unit::Text(text.into()));
        let wants = read(r#"{"name":"User-17","id":"17","presence":true}"#);
        let [Want::Enter(entry)] = wants.as_slice() else { panic!("{wants:?}") };
        assert_eq!((entry.person.as_str(), entry.id.as_str()), ("User-17", "17"));
        assert_eq!(entry.room, RoomName::lobby());
        let said = read(r#"{"name":"User-17","id":"17","message":"hi"}"#);
        assert_eq!(said, [Want::Say("hi".into())]);
        let wants = read(r#"{"name":"Ann","id":"17","message":"me"}"#);
        assert_eq!(wants, [Want::Rename("Ann".parse().unwrap()), Want::Say("me".into())]);
        assert_eq!(read(r#"{"name":"Ann","id":"17","presence":true}"#), []);
        for bad in ["", "[]", "{}", r#"{"name":1}"#, r#"{"name":"\u200b","message":"x"}"#] {
            assert!(matches!(read(bad).as_slice(), [Want::Refuse("malformed", _)]), "{bad}");
        }
    }

    #[test]
    fn five_keys_in_order() {
        assert_eq!(
            pong("a\"b", "1"),
            "{\"name\":\"a\\\"b\",\"message\":\"\",\"pong\":true,\"presence\":false,\"id\":\"1\"}\n"
        );
    }
}
