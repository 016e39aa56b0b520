//! The numbers of a node as Prometheus reads them: the text format 0.0.4.
//!
//! Names and labels are stable; `docs/metrics.md` lists them. One text has at most [`PEERS`]
//! peers, [`TABLES`] tables, and [`REASONS`] reasons for what was dropped by each door. A database
//! keeps every peer that it was ever told of, so that a stranger could fill it by keys that are
//! always new: who was not named and is in an open network has no numbers of its own before it has
//! been linked for [`STRANGER`].

mod doors;
mod node;
mod peers;
mod text;

use std::collections::BTreeMap;
use std::time::Duration;

use meshchat_proto::control::{DoorInfo, DoorsRequest, LimitRow, PeerInfo, Reply, Request, Status};
use meshchat_proto::id::NetworkId;

use crate::client::Client;
use crate::error::RequestError;
pub use node::CLOCK_DOUBT_MS;
use text::{Kind, Text};

/// Peers that have numbers of their own, those that are linked first.
pub const PEERS: usize = 64;
/// How long whoever may link without being asked for is linked before it has numbers of its own.
pub const STRANGER: Duration = Duration::from_secs(3600);
/// Bounded tables that have numbers of their own.
pub const TABLES: usize = 256;
/// Reasons of drops, of the node and of each kind of door; what is beyond is `other`.
pub const REASONS: usize = 64;
/// What the text is, for HTTP.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What a node says of itself at one moment.
#[derive(Debug, Clone)]
pub struct Snapshot {
    /// Its state.
    pub status: Status,
    /// Its peers.
    pub peers: Vec<PeerInfo>,
    /// Its bounded tables.
    pub limits: Vec<LimitRow>,
    /// The doors of its gateways.
    pub doors: Vec<DoorInfo>,
}

impl Snapshot {
    /// Asks for it.
    ///
    /// # Errors
    ///
    /// As [`Client::request`].
    pub async fn take(client: &Client) -> Result<Self, RequestError> {
        let (status, peers) = (client.status().await?, client.peers().await?);
        let Reply::Limits(limits) = client.request(Request::Limits {}).await? else {
            return Err(RequestError::NotUnderstood);
        };
        let list = Request::Doors(DoorsRequest::List {});
        let Reply::Doors(doors) = client.request(list).await? else {
            return Err(RequestError::NotUnderstood);
        };
        Ok(Self { status, peers, limits, doors })
    }
}

/// The text for a node, or for one that does not answer.
#[must_use]
pub fn render(node: Option<&Snapshot>) -> String {
    let mut text = Text::default();
    let up = u64::from(node.is_some());
    text.one("meshchat_up", Kind::Gauge, "Whether the daemon answers.", up);
    if let Some(node) = node {
        node::info(&mut text, &node.status);
        node::reach(&mut text, &node.status);
        node::clock(&mut text, &node.status);
        node::messages(&mut text, &node.status);
        node::history(&mut text, &node.status);
        node::process(&mut text, &node.status);
        node::limits(&mut text, &node.limits);
        let closed = node.status.network != NetworkId::OPEN;
        peers::peers(&mut text, &node.peers, closed);
        doors::doors(&mut text, &node.doors);
    }
    text.finish()
}

/// Counts by reason: the largest by themselves, all others together.
fn by_reason<'a>(drops: impl Iterator<Item = (&'a str, u64)>) -> BTreeMap<&'a str, u64> {
    let mut all: BTreeMap<&str, u64> = BTreeMap::new();
    for (reason, count) in drops {
        // The first ones keep their place, so that no counter ever jumps to another name.
        let known = all.contains_key(reason) || all.len() < REASONS;
        let slot = all.entry(if known { reason } else { OTHER }).or_default();
        *slot = slot.saturating_add(count);
    }
    all
}

const OTHER: &str = "other";

#[cfg(test)]
mod tests;
