//! How the chat stands to its node, and the node to the mesh.

use std::collections::BTreeMap;
use std::time::Duration;

use meshchat_client::proto::control::{RoomInfo, Status, Welcome};
use meshchat_client::proto::id::NodeId;
use meshchat_client::proto::name::{NodeName, PersonName};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// Who one is to the node; none before the first connection.
    pub(crate) me: Option<Me>,
    pub(crate) link: LinkState,
    /// What was in history is shown.
    pub(crate) caught_up: bool,
    pub(crate) status: Option<Box<Status>>,
    pub(crate) rooms: Vec<RoomInfo>,
    /// `rooms` was told by the node.
    pub(crate) rooms_known: bool,
    /// The note of being away.
    pub(crate) away: Option<String>,
    /// Nodes that spoke live, and whether their clock and ours agreed when they did.
    clocks: BTreeMap<NodeId, bool>,
}

#[derive(Debug, Clone)]
pub(crate) struct Me {
    pub(crate) name: PersonName,
    /// Names that one had before, in this run of the chat.
    pub(crate) before: Vec<PersonName>,
    pub(crate) node_name: NodeName,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum LinkState {
    #[default]
    Connecting,
    Up,
    /// Since when, by the running clock, and why.
    Lost(Duration, String),
}

impl Standing {
    pub(crate) fn is_up(&self) -> bool {
        self.link == LinkState::Up
    }

    /// Words can be sent: the node is there, and it is known which of them it has.
    pub(crate) fn is_ready(&self) -> bool {
        self.is_up() && self.caught_up
    }

    pub(crate) fn welcome(&mut self, welcome: &Welcome) {
        let mut before = self.me.take().map(|me| (me.before, me.name));
        let before = before.take().map_or_else(Vec::new, |(before, name)| with(before, name));
        self.me =
            Some(Me { name: welcome.person.clone(), before, node_name: welcome.name.clone() });
        self.link = LinkState::Up;
        (self.caught_up, self.rooms_known) = (false, false);
    }

    pub(crate) fn renamed(&mut self, name: PersonName) {
        if let Some(me) = &mut self.me {
            let old = std::mem::replace(&mut me.name, name);
            me.before = with(std::mem::take(&mut me.before), old);
        }
    }

    /// Another program of the same person may have changed the name.
    pub(crate) fn renamed_elsewhere(&mut self, name: &PersonName) {
        if self.me.as_ref().is_some_and(|me| me.name != *name) {
            self.renamed(name.clone());
        }
    }

    /// Whether this name is or was one's own.
    pub(crate) fn is_mine(&self, name: &PersonName) -> bool {
        self.me.as_ref().is_some_and(|me| me.name == *name || me.before.contains(name))
    }

    /// Whether a text speaks of the person who reads.
    pub(crate) fn is_mention(&self, text: &str) -> bool {
        self.me.as_ref().is_some_and(|me| mentions(text, me.name.as_str()))
    }

    /// Notes whether the clock of another node agreed with ours.
    pub(crate) fn heard(&mut self, node: NodeId, agrees: bool) {
        if self.clocks.len() < CLOCKS || self.clocks.contains_key(&node) {
            self.clocks.insert(node, agrees);
        }
    }

    /// Whether all who spoke have another time: then ours may be the wrong one.
    pub(crate) fn doubts_clock(&self) -> bool {
        !self.clocks.is_empty() && self.clocks.values().all(|agrees| !agrees)
    }
}

fn with(mut names: Vec<PersonName>, name: PersonName) -> Vec<PersonName> {
    if !names.contains(&name) && names.len() < NAMES {
        names.push(name);
    }
    names
}

/// Whether `name` stands in `text` as a word of its own, in large or small letters.
fn mentions(text: &str, name: &str) -> bool {
    let (text, name) = (text.to_lowercase(), name.to_lowercase());
    let part = |letter: Option<char>| letter.is_some_and(|c| c.is_alphanumeric() || c == '_');
    !name.is_empty()
        && text.match_indices(&name).any(|(at, found)| {
            let before = text.get(..at).and_then(|text| text.chars().next_back());
            let after = text.get(at + found.len()..).and_then(|text| text.chars().next());
            !part(before) && !part(after)
        })
}

/// Former names of one's own that are remembered.
const NAMES: usize = 16;
/// Nodes whose clocks are remembered.
const CLOCKS: usize = 64;

#[cfg(test)]
mod tests {
    use super::mentions;

    #[test]
    fn a_mention_is_a_word() {
        for text in ["ann", "Hi ANN!", "@ann: look", "(ann)", "is ann-lee there, ann?"] {
            assert!(mentions(text, "Ann"), "{text}");
        }
        for text in ["annual", "joann", "an n", "", "ann_1"] {
            assert!(!mentions(text, "ann"), "{text}");
        }
        assert!(mentions("嗨 李雷", "李雷"));
    }
}
