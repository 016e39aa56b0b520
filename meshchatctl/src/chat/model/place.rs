use std::fmt;

use meshchat_client::proto::control::{DirectMessage, PersonInfo};
use meshchat_client::proto::name::{NodeName, PersonName, RoomName};

/// Where something is said. Rooms come first, people after them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    Room(RoomName),
    Person(Who),
}

/// A person as people name them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Who {
    pub(crate) name: PersonName,
    pub(crate) node: NodeName,
}

impl Place {
    /// Reads what [`Self::key`] wrote, or what a person typed: `#room`, `room`, `@ann@pi-3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        match text.strip_prefix('@') {
            Some(person) => Who::parse(person).map(Self::Person),
            None => text.parse().ok().map(Self::Room),
        }
    }

    /// What it is called in files, and in the history of the line of input.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Room(room) => room.to_string(),
            Self::Person(who) => format!("@{who}"),
        }
    }

    pub(crate) const fn room(&self) -> Option<&RoomName> {
        match self {
            Self::Room(room) => Some(room),
            Self::Person(_) => None,
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Room(room) => room.fmt(f),
            Self::Person(who) => who.fmt(f),
        }
    }
}

impl Who {
    /// Reads `ann@pi-3`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (name, node) = text.trim().rsplit_once('@')?;
        Some(Self { name: name.parse().ok()?, node: NodeName::from_wire(node).ok()? })
    }

    pub(crate) fn of(person: &PersonInfo) -> Self {
        Self { name: person.name.clone(), node: person.node_name.clone() }
    }

    /// With whom a direct message is exchanged.
    pub(crate) fn opposite(message: &DirectMessage) -> Self {
        match message.own {
            true => Self { name: message.to.clone(), node: message.to_node_name.clone() },
            false => Self { name: message.from.clone(), node: message.from_node_name.clone() },
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.name, self.node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for key in ["#lobby", "#~family", "@ann@pi-barn", "@ann lee@pi-barn~7f3k"] {
            assert_eq!(Place::parse(key).unwrap().key(), key);
        }
        assert_eq!(Place::parse("Fire").unwrap().key(), "#fire");
        assert_eq!(Place::parse("@ann"), None);
    }
}
