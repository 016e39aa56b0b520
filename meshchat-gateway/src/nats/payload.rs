//! What is said on NATS.

use std::borrow::Cow;

use meshchat_client::proto::id::{MessageId, NetworkId, NodeId};
use meshchat_client::proto::limits::{NAME_CHARS, TEXT_BYTES};
use meshchat_client::proto::message::{Batch, Body, MessageKind};
use meshchat_client::proto::name::PersonName;
use meshchat_client::proto::{codec, control};
use serde::{Deserialize, Serialize};

use crate::door::cut;

/// What servers of zgiles/meshchat say on their subject: these five keys in this order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Foreign {
    pub(super) name: String,
    pub(super) message: String,
    pub(super) pong: bool,
    pub(super) presence: bool,
    pub(super) id: String,
}

impl Foreign {
    /// Reads a payload; none when it is none of theirs. A newline behind it does not matter.
    pub(super) fn read(payload: &[u8]) -> Option<Self> {
        // A list would pass for the fields in their order.
        let is_object = payload.trim_ascii_start().starts_with(b"{");
        is_object.then(|| serde_json::from_slice(payload).ok())?
    }

    /// A message of the mesh. Their pages know people by the id, so it is that of the author,
    /// unless the server cannot carry the id of the message beside it.
    pub(super) fn of_message(message: &control::Message, alone: bool) -> Self {
        let (author, text) = (message.author.as_str(), message.text.as_str());
        let node = message.node;
        let id = match alone {
            true => format!("{MARK}{node}:{}", message.id),
            false => person_id(&node, author),
        };
        let message = match message.kind {
            MessageKind::Action => format!("* {author} {text}"),
            MessageKind::Text | MessageKind::Sealed | MessageKind::Unknown(_) => text.to_owned(),
        };
        Self { name: author.to_owned(), message, pong: false, presence: false, id }
    }

    /// A sign of life of somebody in the mesh.
    pub(super) fn of_person(node: &NodeId, name: &str) -> Self {
        let id = person_id(node, name);
        Self { name: name.to_owned(), pong: true, id, ..Self::default() }
    }

    /// It comes from a mesh, by whatever bridge.
    pub(super) fn is_ours(&self) -> bool {
        self.id.starts_with(MARK)
    }

    /// The message of the mesh that it is, where its id says so.
    pub(super) fn message_id(&self) -> Option<MessageId> {
        self.id.strip_prefix(MARK)?.split_once(':')?.1.parse().ok()
    }

    /// What tells this publication of a message of the mesh from others. Anybody may write its
    /// id beside other words: only who says the same under the same name has said it.
    pub(super) fn mark(&self, id: MessageId) -> MessageId {
        let said = Self { id: id.to_string(), ..self.clone() };
        MessageId::of(&said.bytes())
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }
}

fn person_id(node: &NodeId, name: &str) -> String {
    // A name has no colon, and no message id looks like one: it is longer than a name may be.
    format!("{MARK}{node}:{name}")
}

/// A name that somebody chose elsewhere, as the mesh allows it.
pub(super) fn person_name(name: &str) -> String {
    let name = name.trim();
    if let Ok(fine) = name.parse::<PersonName>() {
        return fine.as_str().to_owned();
    }
    let plain = |c: char| if c.is_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let plain: String = name.chars().map(plain).take(NAME_CHARS).collect();
    let plain = plain.trim_matches('-');
    plain.parse::<PersonName>().map_or_else(|_| "someone".to_owned(), |name| name.to_string())
}

/// A text in pieces that fit a message.
pub(super) fn pieces(text: &str, most: usize) -> impl Iterator<Item = &str> {
    let most = most.min(TEXT_BYTES);
    let mut rest = text;
    std::iter::from_fn(move || {
        let piece = cut(rest, most);
        rest = rest.get(piece.len()..)?;
        (!piece.is_empty()).then_some(piece)
    })
}

/// What tells a frame of the backbone from all others; none when there is no message in it. It
/// is of the whole frame: the message's own id says nothing about its signature.
pub(super) fn framed(frame: &[u8]) -> Option<MessageId> {
    let batch: Batch<'_> = codec::decode(frame).ok()?;
    let [body] = batch.msgs.as_slice() else { return None };
    Body::parse(body).ok()?;
    Some(frame_mark(frame))
}

/// Whose message is in a frame, as it says itself.
pub(super) fn author(frame: &[u8]) -> Option<NodeId> {
    let batch: Batch<'_> = codec::decode(frame).ok()?;
    Some(Body::parse(batch.msgs.first()?).ok()?.node)
}

/// What tells a frame of the backbone from all others.
pub(super) fn frame_mark(frame: &[u8]) -> MessageId {
    MessageId::of(frame)
}

/// What a bridge says to others on a subject beside the one that it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Beat {
    /// The network of its mesh.
    pub(super) network: NetworkId,
    /// Its node.
    pub(super) node: NodeId,
    /// Tells bridges of one node apart.
    pub(super) run: u64,
    /// It has just come, and wants to know who else is there.
    #[serde(default)]
    pub(super) hello: bool,
    /// It carries messages over the backbone.
    #[serde(default)]
    pub(super) backbone: bool,
    /// Who is in its mesh; now and then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) summary: Option<Summary>,
}

/// A mesh in few words.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Summary {
    /// What the bridge's node is called.
    pub(super) name: String,
    /// Nodes that can be reached.
    pub(super) nodes: u32,
    /// People who are there.
    pub(super) people: u32,
    /// Some of them, `ann@barn`.
    pub(super) who: Vec<String>,
}

impl Summary {
    /// As others read it, in at most `most` characters.
    pub(super) fn words(&self, most: usize) -> String {
        let plural = |count: u32| if count == 1 { "" } else { "s" };
        let people = if self.people == 1 { "person" } else { "people" };
        let nodes = self.nodes;
        let mut words = format!("{nodes} node{}, {} {people} {BEYOND}", plural(nodes), self.people);
        for (place, who) in self.who.iter().enumerate() {
            let who: Cow<'_, str> = who.chars().filter(|c| !c.is_control()).collect();
            let more = format!("{}{who}", if place == 0 { ": " } else { ", " });
            if words.chars().count() + more.chars().count() + 5 > most {
                words.push_str(", ...");
                break;
            }
            words.push_str(&more);
        }
        words.chars().take(most).collect()
    }
}

/// Begins the ids of all that comes from a mesh.
const MARK: &str = "meshchat:";
/// In the notes of those who stand for another island.
pub(super) const BEYOND: &str = "beyond NATS";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn payloads_are_as_foreign_servers_write_them() {
        let bytes =
            br#"{"name":"Mina","message":"hi <3","pong":false,"presence":false,"id":"7421"}"#;
        let read = Foreign::read(bytes).unwrap();
        assert_eq!((read.name.as_str(), read.message.as_str()), ("Mina", "hi <3"));
        assert_eq!(read.bytes(), bytes);
        assert!(!read.is_ours() && Foreign::read(b"{\"pong\":true}\n").unwrap().pong);
        assert!(Foreign::read(b"[\"a\"]").is_none() && Foreign::read(b"\xff").is_none());
        let pong = Foreign::of_person(&NodeId([1; 32]), "ann");
        assert!(pong.is_ours() && pong.message_id().is_none());
    }

    #[test]
    fn a_publication_is_known_by_its_words_and_not_by_its_id() {
        let id = MessageId([7; 32]);
        let ours = Foreign { name: "ann".into(), message: "hi".into(), ..Foreign::default() };
        let beside = Foreign { id: person_id(&NodeId([1; 32]), "ann"), ..ours.clone() };
        assert_eq!(ours.mark(id), beside.mark(id));
        for forged in [
            Foreign { message: "ho".into(), ..ours.clone() },
            Foreign { name: "ben".into(), ..ours.clone() },
            Foreign { pong: true, ..ours.clone() },
        ] {
            assert_ne!(ours.mark(id), forged.mark(id));
        }
    }

    #[test]
    fn names_become_such_as_the_mesh_allows() {
        for (typed, name) in [
            ("Mina", "Mina"),
            (" a b ", "a b"),
            ("User10.0.0.1:99", "User10.0.0.1-99"),
            ("\u{202e}\n", "someone"),
            ("", "someone"),
            ("#@:", "someone"),
        ] {
            assert_eq!(person_name(typed), name, "{typed:?}");
        }
        assert_eq!(person_name(&"x".repeat(99)).len(), NAME_CHARS);
    }

    #[test]
    fn long_texts_come_in_pieces() {
        let text = "é".repeat(3000);
        let all: Vec<_> = pieces(&text, 4096).collect();
        assert_eq!((all.len(), all.concat()), (2, text.clone()));
        assert_eq!(pieces("", 10).count(), 0);
    }

    #[test]
    fn a_summary_fits_a_note() {
        let who = (0..99).map(|n| format!("person{n}@node")).collect();
        let summary = Summary { name: "barn".into(), nodes: 4, people: 99, who };
        let words = summary.words(200);
        assert!(words.starts_with("4 nodes, 99 people beyond NATS: person0@node, "), "{words}");
        assert!(words.chars().count() <= 200 && words.ends_with(", ..."));
        let one = Summary { nodes: 1, people: 1, who: vec!["ann@a".into()], ..summary };
        assert_eq!(one.words(200), "1 node, 1 person beyond NATS: ann@a");
    }
}
