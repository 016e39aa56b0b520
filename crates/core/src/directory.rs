//! What is known of nodes, people and rooms, and finding a node by what a person calls it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use meshchat_proto::control::{Error, ErrorCode, NodeInfo, PersonInfo, RoomInfo};
use meshchat_proto::id::NodeId;
use meshchat_proto::limits::NAME_CHARS;
use meshchat_proto::name::RoomName;

use crate::env::Env;
use crate::limits;
use crate::node::Node;
use crate::replies::{is_present, narrow};
use crate::time::{Mono, millis};

impl<E: Env> Node<E> {
    /// The node that a person means by a name, an id, or the beginning of an id.
    ///
    /// # Errors
    ///
    /// [`ErrorCode::NotFound`] or [`ErrorCode::Ambiguous`].
    pub fn find_node(&self, text: &str) -> Result<NodeId, Error> {
        let named = self.nodes.iter().filter(|(_, known)| known.called.as_str() == text);
        let named: Vec<NodeId> = named.map(|(node, _)| *node).collect();
        // Who has a pet name here is still found by its own.
        let own = || {
            let owners = self.nodes.iter().filter(|(_, known)| known.record.name.as_str() == text);
            owners.map(|(node, _)| *node).collect::<Vec<_>>()
        };
        let named = if named.is_empty() { own() } else { named };
        let plain = text.replace('-', "").to_lowercase();
        let prefixed = || {
            let fits = |node: &&NodeId| plain.len() >= 4 && node.to_string().starts_with(&plain);
            self.nodes.iter().map(|(node, _)| node).filter(fits).copied().collect()
        };
        let found: Vec<NodeId> = if named.is_empty() { prefixed() } else { named };
        match found.as_slice() {
            [one] => Ok(*one),
            [] => {
                let error = Error::new(ErrorCode::NotFound, format!("no node named {text:?}"));
                Err(match self.nearest_name(text) {
                    Some(name) => error.hint(format!("did you mean {name}?")),
                    None => error.hint("see the known nodes: meshchatctl nodes"),
                })
            }
            several => {
                let ids: Vec<String> = several.iter().map(NodeId::short).collect();
                Err(Error::new(ErrorCode::Ambiguous, format!("several nodes are called {text:?}"))
                    .hint(format!("say which by its id: {}", ids.join(", "))))
            }
        }
    }

    fn nearest_name(&self, text: &str) -> Option<&str> {
        let names = self.nodes.iter().map(|(_, known)| known.called.as_str());
        let scored = names.map(|name| (distance(name, text), name));
        scored.min().filter(|(score, _)| *score <= 2).map(|(_, name)| name)
    }

    pub(crate) fn node_infos(&self, now: Mono) -> Vec<NodeInfo> {
        let mut room = limits::WAYS_BYTES;
        let info = |(node, known): (&NodeId, &crate::nodes::Known)| NodeInfo {
            node: *node,
            name: known.called.clone(),
            state: known.state,
            hops: self.hops(node),
            via: known.path.map(|path| self.nodes.name(&path.first)),
            since_ms: millis(now.since(known.since)),
            software: known.record.software.clone(),
            links: narrow(known.record.neighbours.len()),
            people: narrow(known.record.people.len()),
            path: self.way(node, &mut room),
            own_name: (known.called != known.record.name).then(|| known.record.name.clone()),
            verified: self.acquaintances.is_verified(node),
            new_key: self.acquaintances.usurped(node, &known.record.name).is_some(),
        };
        self.nodes.iter().map(info).collect()
    }

    /// People of one room or all.
    pub(crate) fn person_infos(
        &self,
        now: Mono,
        user: &str,
        room: Option<&RoomName>,
    ) -> Vec<PersonInfo> {
        let me = self.people.get(user).map(|person| &person.name);
        let mut people = Vec::new();
        for (node, known) in self.nodes.iter() {
            for view in &known.people {
                let Some(person) = known.person(&view.name) else { continue };
                if room.is_some_and(|room| !view.rooms.contains(room)) {
                    continue;
                }
                let mut mutes = self.acquaintances.mutes_on(user, node, view.name.as_str());
                people.push(PersonInfo {
                    name: view.name.clone(),
                    node: *node,
                    node_name: known.called.clone(),
                    state: view.status,
                    since_ms: millis(now.since(view.since)),
                    rooms: view.rooms.clone(),
                    note: view.note.clone(),
                    me: *node == self.me.id && Some(&view.name) == me,
                    gateway: person.gateway,
                    verified: self.acquaintances.is_verified(node),
                    muted: mutes.next().is_some(),
                });
            }
        }
        people
    }

    pub(crate) fn room_infos(&self, user: &str) -> Vec<RoomInfo> {
        let joined = self.people.rooms_of(user);
        let views = || self.nodes.iter().flat_map(|(_, known)| &known.people);
        let mut names: Vec<&RoomName> = self.rooms.names().chain(&joined).collect();
        names.extend(views().flat_map(|view| &view.rooms));
        // Those of sealed messages tell nobody anything.
        names.retain(|name| !name.is_sealed());
        names.sort_unstable();
        names.dedup();
        let info = |room: &RoomName| RoomInfo {
            room: room.clone(),
            joined: joined.contains(room),
            people: narrow(views().filter(|view| view.rooms.contains(room)).count()),
            present: narrow(
                views().filter(|view| view.rooms.contains(room) && is_present(view.status)).count(),
            ),
            messages: self.history.iter().filter(|entry| entry.room == *room).count() as u64,
            private: false,
        };
        names.into_iter().map(info).chain(self.private_infos(user)).collect()
    }
}

/// How many letters must change to make one word of the other (Levenshtein 1966).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(NAME_CHARS).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.chars().take(NAME_CHARS).enumerate() {
        let mut left = i + 1;
        let mut next = alloc::vec![left];
        for (pair, b) in row.windows(2).zip(&other) {
            let &[diagonal, above] = pair else { continue };
            left = (diagonal + usize::from(a != *b)).min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_changed_letters() {
        assert_eq!(distance("pi-barn", "pi-bran"), 2);
        assert_eq!(distance("pi", "pi"), 0);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
