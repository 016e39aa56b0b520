//! minaandrawos/machat: a JSON object that says who it is, then lines.

use serde::Deserialize;

use super::{Entry, Unit, Want, names, not_utf8, too_long};

/// A client of this dialect.
#[derive(Debug, Default)]
pub struct Machat {
    greeted: bool,
}

/// Its first object. The original matches names of fields whatever their case.
#[derive(Deserialize)]
struct Hello {
    #[serde(default, alias = "Name", alias = "NAME")]
    name: String,
    #[serde(default, alias = "Room", alias = "ROOM")]
    room: String,
}

impl Machat {
    /// The first unit is the hello, each further one a line, or several in one frame.
    pub(crate) fn read(&mut self, unit: Unit) -> Vec<Want> {
        if !self.greeted {
            self.greeted = true;
            return vec![hello(unit)];
        }
        let text = match unit {
            Unit::Text(text) => text,
            Unit::TooLong => return vec![too_long()],
            Unit::NotUtf8 | Unit::Malformed => return vec![not_utf8()],
        };
        let lines = text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line));
        // The mesh has no messages without words.
        let lines = lines.filter(|line| !line.trim().is_empty());
        lines.map(|line| Want::Say(line.to_owned())).collect()
    }
}

fn hello(unit: Unit) -> Want {
    let end = |words: String| Want::End("malformed", format!("{words}; begin with {EXAMPLE}"));
    let Unit::Text(text) = unit else {
        return end("that is not a JSON object in UTF-8".into());
    };
    let hello: Hello = match serde_json::from_str(&text) {
        Ok(hello) => hello,
        Err(error) => return end(format!("that is not understood ({error})")),
    };
    let person = match names::person(&hello.name) {
        Ok(person) => person,
        Err(error) => return end(format!("\"name\" cannot be used: {error}")),
    };
    match names::room(&hello.room) {
        Ok(room) => Want::Enter(Entry { person, room, typed: hello.room, id: String::new() }),
        Err(error) => end(format!("\"room\" cannot be used: {error}")),
    }
}

const EXAMPLE: &str = r#"{"name":"Mina","room":"dev"}"#;

#[cfg(test)]
mod tests {
    use super::*;

    fn read(machat: &mut Machat, text: &str) -> Vec<Want> {
        machat.read(Unit::Text(text.into()))
    }

    #[test]
    fn a_hello_and_lines() {
        let mut machat = Machat::default();
        let wants = read(&mut machat, r#"{"name":"Mina","room":"dev","more":[1]}"#);
        let [Want::Enter(entry)] = wants.as_slice() else { panic!("{wants:?}") };
        assert_eq!((entry.person.as_str(), entry.room.as_str()), ("Mina", "#dev"));
        assert_eq!(read(&mut machat, "hi\r"), [Want::Say("hi".into())]);
        let both = [Want::Say("a".into()), Want::Say("b ".into())];
        assert_eq!(read(&mut machat, "a\r\n\n \nb \n"), both);
        assert!(matches!(machat.read(Unit::TooLong).as_slice(), [Want::Refuse("too_long", _)]));
        assert!(matches!(machat.read(Unit::NotUtf8).as_slice(), [Want::Refuse("not_utf8", _)]));
    }

    #[test]
    fn a_hello_without_a_name_ends_it() {
        for bad in [r#"{"room":"dev"}"#, r#"{"name":"","room":"dev"}"#, "{}", r#"{"name":1}"#, "x"]
        {
            let wants = read(&mut Machat::default(), bad);
            assert!(matches!(wants.as_slice(), [Want::End("malformed", _)]), "{bad}: {wants:?}");
        }
        for bad in [Unit::TooLong, Unit::NotUtf8, Unit::Malformed] {
            let wants = Machat::default().read(bad);
            assert!(matches!(wants.as_slice(), [Want::End(..)]), "{wants:?}");
        }
    }
}
