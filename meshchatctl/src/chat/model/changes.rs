//! People who came and went, folded into one line.

use meshchat_client::proto::control::{PersonChange, PersonStatus};

use super::place::Who;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    people: Vec<One>,
    /// Changes of people who found no room.
    more: usize,
}

#[derive(Debug)]
struct One {
    who: Who,
    was: Kind,
    is: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gone,
    Here,
    Away,
    Lost,
}

impl Changes {
    pub(crate) fn add(&mut self, change: &PersonChange) {
        let who = Who { name: change.name.clone(), node: change.node_name.clone() };
        let is = kind(change.state);
        if let Some(one) = self.people.iter_mut().find(|one| one.who == who) {
            one.is = is;
        } else if self.people.len() < MOST {
            let was = change.was.map_or(Kind::Gone, kind);
            self.people.push(One { who, was, is });
        } else {
            self.more += 1;
        }
    }

    /// What came of it: `3 joined, ann left`; empty when all is as before.
    pub(crate) fn words(&self) -> String {
        let groups = [
            ("joined", (|one| one.was == Kind::Gone && one.is == Kind::Here) as fn(&One) -> bool),
            ("is back", |one| matches!(one.was, Kind::Away | Kind::Lost) && one.is == Kind::Here),
            ("is away", |one| one.was != Kind::Away && one.is == Kind::Away),
            ("cannot be reached", |one| one.was != Kind::Lost && one.is == Kind::Lost),
            ("left", |one| one.was != Kind::Gone && one.is == Kind::Gone),
        ];
        let mut words: Vec<String> =
            groups.iter().filter_map(|(verb, is)| self.group(verb, *is)).collect();
        if self.more > 0 {
            words.push(format!("{} more changes", self.more));
        }
        words.join(", ")
    }

    fn group(&self, verb: &str, is: fn(&One) -> bool) -> Option<String> {
        let names: Vec<&str> =
            self.people.iter().filter(|one| is(one)).map(|one| one.who.name.as_str()).collect();
        match names.as_slice() {
            [] => None,
            [name] => Some(format!("{name} {verb}")),
            [one, two] => Some(format!("{one} and {two} {}", plural(verb))),
            all => Some(format!("{} {}", all.len(), plural(verb))),
        }
    }
}

fn plural(verb: &str) -> String {
    verb.strip_prefix("is ").map_or_else(|| verb.to_owned(), |rest| format!("are {rest}"))
}

const fn kind(state: PersonStatus) -> Kind {
    match state {
        PersonStatus::Online => Kind::Here,
        PersonStatus::Away => Kind::Away,
        PersonStatus::Unreachable => Kind::Lost,
        PersonStatus::Offline | PersonStatus::Unknown => Kind::Gone,
    }
}

/// People whose changes one line remembers.
const MOST: usize = 64;

#[cfg(test)]
mod tests {
    use meshchat_client::proto::id::NodeId;

    use super::*;

    #[test]
    fn who_comes_and_goes_is_one_line() {
        let mut changes = Changes::default();
        let mut add = |name: &str, was, state| {
            changes.add(&PersonChange {
                name: name.parse().unwrap(),
                node: NodeId([1; 32]),
                node_name: "pi".parse().unwrap(),
                state,
                was,
                note: String::new(),
            });
        };
        for name in ["ann", "bob", "cy"] {
            add(name, None, PersonStatus::Online);
        }
        add("dora", Some(PersonStatus::Online), PersonStatus::Offline);
        add("eve", Some(PersonStatus::Online), PersonStatus::Unreachable);
        add("eve", Some(PersonStatus::Unreachable), PersonStatus::Online);
        add("finn", Some(PersonStatus::Online), PersonStatus::Away);
        add("gus", Some(PersonStatus::Online), PersonStatus::Away);
        assert_eq!(changes.words(), "3 joined, finn and gus are away, dora left");
    }
}
