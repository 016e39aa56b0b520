//! Telling dialects by their first bytes.

use crate::dialect::{Dialect, Distributed, Machat, Object, Objects, Unit};

/// What was found.
#[derive(Debug)]
pub(super) enum Opened {
    /// Lines; these bytes are the first.
    Lines(Vec<u8>),
    /// A dialect that begins with an object: this one, and what came behind it.
    Objects(Dialect, Unit, Objects),
}

/// Collects the first bytes, no more than one object of them.
#[derive(Debug, Default)]
pub(super) struct Opening {
    begin: Vec<u8>,
    objects: Objects,
    object: bool,
}

impl Opening {
    /// Adds what was read; tells as soon as it is clear.
    pub(super) fn add(&mut self, bytes: &[u8]) -> Option<Opened> {
        let room = DISTRIBUTED.len().saturating_sub(self.begin.len());
        self.begin.extend(bytes.iter().take(room));
        if !std::mem::replace(&mut self.object, true) && self.begin.first()? != &b'{' {
            return Some(Opened::Lines(bytes.to_vec()));
        }
        self.objects.add(bytes);
        let object = self.objects.take()?;
        let distributed = match &object {
            Object::Whole(bytes) => Distributed::is_it(bytes),
            Object::Broken | Object::TooLong => self.begin == DISTRIBUTED,
        };
        let dialect = if distributed {
            Dialect::Distributed(Distributed::default())
        } else {
            Dialect::Machat(Machat::default())
        };
        Some(Opened::Objects(dialect, object.into(), std::mem::take(&mut self.objects)))
    }
}

/// How what that dialect's clients send begins: tells a broken object of theirs from others.
const DISTRIBUTED: &[u8] = br#"{"type""#;

#[cfg(test)]
mod tests {
    use super::*;

    /// What is found, with the bytes behind it, when they come in these pieces.
    fn opened(pieces: &[&[u8]]) -> (&'static str, Option<Unit>, Vec<u8>) {
        let mut opening = Opening::default();
        let mut found = None;
        let mut behind = Vec::new();
        for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
            match &found {
                None => found = opening.add(piece),
                Some(_) => behind.extend_from_slice(piece),
            }
        }
        match found {
            None => ("nothing", None, behind),
            Some(Opened::Lines(first)) => ("lines", None, [first, behind].concat()),
            Some(Opened::Objects(dialect, unit, rest)) => {
                let name = match dialect {
                    Dialect::Machat(_) => "machat",
                    Dialect::Distributed(_) => "distributed",
                    Dialect::Plain(_) | Dialect::Page(_) => "other",
                };
                (name, Some(unit), [rest.into_rest(), behind].concat())
            }
        }
    }

    fn check(text: &str, name: &str, first: Option<&str>, rest: &str) {
        let expected = first.map(|first| Unit::Text(first.to_owned()));
        for cut in 0..=text.len() {
            let (a, b) = text.as_bytes().split_at(cut);
            let (found, unit, behind) = opened(&[a, b]);
            assert_eq!((found, &unit), (name, &expected), "{text} cut at {cut}");
            assert_eq!(behind, rest.as_bytes(), "{text} cut at {cut}");
        }
        let (found, unit, behind) = opened(&text.as_bytes().chunks(1).collect::<Vec<_>>());
        assert_eq!((found, unit, behind.as_slice()), (name, expected, rest.as_bytes()));
    }

    #[test]
    fn dialects_are_told_wherever_the_bytes_are_cut() {
        let (machat, join) = (r#"{"name":"Mina","room":"dev"}"#, r#"{"type":"join","uname":"U"}"#);
        check(&format!("{machat}hello\r\nmore\n"), "machat", Some(machat), "hello\r\nmore\n");
        check(&format!("{join}{join}"), "distributed", Some(join), join);
        check("hello\n{}", "lines", None, "hello\n{}");
        check("\n", "lines", None, "\n");
        check(r#"{"name":"#, "nothing", None, "");
    }

    #[test]
    fn broken_objects_have_the_dialect_that_they_begin_as() {
        let first = |text: &str| {
            let (name, unit, _) = opened(&[text.as_bytes()]);
            (name, unit.unwrap())
        };
        assert_eq!(first("{nope}"), ("machat", Unit::Malformed));
        assert_eq!(first(r#"{"type":"join",}"#), ("distributed", Unit::Malformed));
        let endless = "x".repeat(2 * crate::door::LINE_BYTES);
        assert_eq!(first(&format!("{{\"{endless}")), ("machat", Unit::TooLong));
        assert_eq!(first(&format!("{{\"type\":\"{endless}")), ("distributed", Unit::TooLong));
    }
}
