//! What tests of several parts need.

use meshchat_client::proto::control::Message;
use meshchat_client::proto::id::{MessageId, NodeId};
use meshchat_client::proto::message::MessageKind;

/// A message of ann on node 1 in the lobby.
pub(super) fn said(n: u64, text: &str, age_ms: u64) -> Message {
    Message {
        cursor: n,
        id: MessageId::of(&n.to_le_bytes()),
        room: "#lobby".parse().unwrap(),
        author: "ann".parse().unwrap(),
        node: NodeId([1; 32]),
        node_name: "barn".parse().unwrap(),
        boot: 1,
        seq: n + 1,
        kind: MessageKind::Text,
        text: if text.is_empty() { "-" } else { text }.parse().unwrap(),
        wall_ms: 0,
        age_ms,
        late: false,
        caught_up: false,
        own: false,
        via: None,
    }
}
