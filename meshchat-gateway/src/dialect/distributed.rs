//! gdsoumya/distributed_chat: JSON objects in both directions.

use serde::Deserialize;

use super::{Entry, Unit, Want, names};

/// A client of this dialect.
#[derive(Debug, Default)]
pub struct Distributed {
    joined: bool,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum In {
    Join { uname: String, cname: String },
    Msg { msg: String },
}

/// Tells it from others by its first object.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type")]
    _type: serde::de::IgnoredAny,
}

impl Distributed {
    /// Whether this object is of this dialect.
    pub fn is_it(object: &[u8]) -> bool {
        serde_json::from_slice::<Typed>(object).is_ok()
    }

    /// Each unit is one object.
    pub(crate) fn read(&mut self, unit: Unit) -> Vec<Want> {
        let text = match unit {
            Unit::Text(text) => text,
            Unit::TooLong => {
                return vec![Want::End("too_long", "MALFORMED DATA: TOO LONG".into())];
            }
            Unit::NotUtf8 | Unit::Malformed => return vec![malformed()],
        };
        match serde_json::from_str(&text) {
            Ok(In::Join { uname, cname }) => vec![self.join(&uname, cname)],
            // The name is that of the join.
            Ok(In::Msg { msg }) if self.joined && msg.trim().is_empty() => Vec::new(),
            Ok(In::Msg { msg }) if self.joined => vec![Want::Say(msg)],
            Ok(In::Msg { .. }) | Err(_) => vec![malformed()],
        }
    }

    fn join(&mut self, uname: &str, cname: String) -> Want {
        match (names::person(uname), names::room(&cname)) {
            (Ok(person), Ok(room)) => {
                self.joined = true;
                Want::Enter(Entry { person, room, typed: cname, id: String::new() })
            }
            (Err(error), _) => Want::Refuse("malformed", format!("uname cannot be used: {error}")),
            (_, Err(error)) => Want::Refuse("malformed", format!("cname cannot be used: {error}")),
        }
    }
}

fn malformed() -> Want {
    Want::Refuse("malformed", "MALFORMED DATA".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(client: &mut Distributed, text: &str) -> Vec<Want> {
        client.read(Unit::Text(text.into()))
    }

    #[test]
    fn a_join_and_messages() {
        let mut client = Distributed::default();
        assert_eq!(read(&mut client, r#"{"type":"msg","uname":"u","msg":"x"}"#), [malformed()]);
        let wants = read(&mut client, r#"{"cname":"C d","uname":"U","type":"join"}"#);
        let [Want::Enter(entry)] = wants.as_slice() else { panic!("{wants:?}") };
        assert_eq!((entry.person.as_str(), entry.room.as_str()), ("U", "#c-d"));
        let said = read(&mut client, r#"{"type":"msg","uname":"other","msg":"a\nb"}"#);
        assert_eq!(said, [Want::Say("a\nb".into())]);
        for bad in ["{}", "[]", r#"{"type":"part"}"#, r#"{"type":"msg","msg":1}"#, "nonsense", ""] {
            assert_eq!(read(&mut client, bad), [malformed()], "{bad}");
        }
        let again = read(&mut client, r#"{"type":"join","uname":"U","cname":"other"}"#);
        assert!(matches!(again.as_slice(), [Want::Enter(_)]));
        assert!(matches!(client.read(Unit::TooLong).as_slice(), [Want::End(..)]));
        assert_eq!(client.read(Unit::NotUtf8), [malformed()]);
    }

    #[test]
    fn it_is_known_by_its_type() {
        assert!(Distributed::is_it(br#"{"uname":"x","type":7}"#));
        for other in ["{}", r#"{"name":"Mina","room":"dev"}"#, "[]", "{\"x\":\"type\"}"] {
            assert!(!Distributed::is_it(other.as_bytes()), "{other}");
        }
    }
}
