//! Whom and what the daemon knows by name, so that no name of them is told.

use meshchat_client::Client;
use meshchat_client::proto::control::{
    ConfigEntry, LogLine, NodeInfo, PeerInfo, PersonInfo, Reply, Request, RoomInfo,
};
use meshchat_client::proto::id::NodeId;

use super::redact::Redactor;
use super::{field, why};
use crate::session::{PATIENCE, ask};

/// Learns every name there is, to be called by numbers.
///
/// # Errors
///
/// Says which names are not known: what may hold them must not be told then.
pub(super) async fn learn(redactor: &mut Redactor, client: &Client) -> Result<(), String> {
    redactor.node(&client.welcome().node, client.welcome().name.as_str());
    redactor.person(client.welcome().person.as_str());
    let questions = [
        ("nodes", Request::Nodes {}),
        ("people", Request::Who { room: None }),
        ("rooms", Request::Rooms {}),
        ("status", Request::Status {}),
        ("peers", Request::Peers {}),
        ("config", Request::Config {}),
    ];
    for (what, question) in questions {
        let reply = ask(client, question, PATIENCE).await;
        let known = match &reply {
            Ok(reply) => take(redactor, reply),
            Err(_) => false,
        };
        if !known {
            return Err(format!("{what}: {}", why(reply)));
        }
    }
    Ok(())
}

/// False for an answer to something else.
fn take(redactor: &mut Redactor, reply: &Reply) -> bool {
    if let Reply::Nodes(nodes) = reply {
        for NodeInfo { node, name, own_name, .. } in nodes {
            redactor.node(node, name.as_str());
            own_name.iter().for_each(|own| redactor.node(node, own.as_str()));
        }
    } else if let Reply::People(people) = reply {
        for PersonInfo { name, node, node_name, .. } in people {
            redactor.node(node, node_name.as_str());
            redactor.person(name.as_str());
        }
    } else if let Reply::Rooms(rooms) = reply {
        rooms.iter().for_each(|RoomInfo { room, .. }| redactor.room(room.as_str()));
    } else if let Reply::Status(status) = reply {
        redactor.network(status.network_name.as_deref());
    } else if let Reply::Peers(peers) = reply {
        for PeerInfo { address, node, name, .. } in peers {
            if let (Some(node), Some(name)) = (node, name) {
                redactor.node(node, name.as_str());
            }
            redactor.host(address);
        }
    } else if let Reply::Config(entries) = reply {
        let named = entries.iter().filter(|entry| PEOPLE.contains(&entry.key.as_str()));
        for ConfigEntry { value, .. } in named {
            let quoted = |letter: char| letter.is_alphanumeric() || "-_.".contains(letter);
            value.split(|letter| !quoted(letter)).for_each(|name| redactor.person(name));
        }
    } else {
        return false;
    }
    true
}

/// Nodes of which the daemon knows no more, or under another name: the log says `name (short id)`
/// of them, and which node a line is about.
pub(super) fn learn_from_log(redactor: &mut Redactor, lines: &[LogLine]) {
    for line in lines {
        let about = line.fields.iter().filter(|(name, _)| NODES.contains(&field(name).as_str()));
        for node in about.filter_map(|(_, value)| value.parse::<NodeId>().ok()) {
            let short = format!(" ({})", node.short());
            for (at, _) in line.text.match_indices(&short) {
                let before = line.text.get(..at).unwrap_or_default();
                let name = before.rsplit(' ').next().unwrap_or_default();
                if !name.is_empty() {
                    redactor.node(&node, name);
                }
            }
        }
    }
}

/// Settings that name Unix users.
const PEOPLE: &[&str] = &["operators", "gateways"];
/// Fields of a line of the log that hold the whole id of a node.
const NODES: &[&str] = &["node", "peer"];
