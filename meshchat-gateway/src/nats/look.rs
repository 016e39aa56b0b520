//! What the bridge needs to know of its mesh, asked for again and again.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use meshchat_client::proto::control::{NodeState, PersonInfo, PersonStatus, Reply, Request};
use meshchat_client::proto::id::{NetworkId, NodeId};
use meshchat_client::{Client, RequestError};
use tokio::sync::mpsc;
use tokio::time;

/// The mesh as its node sees it.
#[derive(Debug)]
pub(super) struct Look {
    pub(super) network: NetworkId,
    pub(super) node: NodeId,
    pub(super) name: String,
    /// All nodes that a path leads to, this one too.
    pub(super) reach: BTreeSet<NodeId>,
    /// Those who are there.
    pub(super) people: Vec<PersonInfo>,
}

/// Looks for ever.
pub(super) async fn run(sockets: Vec<PathBuf>, tell: mpsc::Sender<Look>) {
    loop {
        if let Ok(client) = Client::connect_any(&sockets).await {
            while let Ok(look) = look(&client).await {
                if tell.send(look).await.is_err() {
                    return;
                }
                time::sleep(EVERY).await;
            }
        }
        time::sleep(RETRY).await;
    }
}

async fn look(client: &Client) -> Result<Look, RequestError> {
    let status = client.status().await?;
    let Reply::Nodes(nodes) = client.request(Request::Nodes {}).await? else {
        return Err(RequestError::NotUnderstood);
    };
    let Reply::People(mut people) = client.request(Request::Who { room: None }).await? else {
        return Err(RequestError::NotUnderstood);
    };
    let here = |state: &NodeState| matches!(state, NodeState::Here | NodeState::Reachable);
    let reach = nodes.into_iter().filter(|node| here(&node.state)).map(|node| node.node).collect();
    people.retain(|person| matches!(person.state, PersonStatus::Online | PersonStatus::Away));
    let (network, node, name) = (status.network, status.node, status.name.to_string());
    Ok(Look { network, node, name, reach, people })
}

/// How often, and so how often signs of life go out.
pub(super) const EVERY: Duration = Duration::from_secs(2);
const RETRY: Duration = Duration::from_millis(500);
