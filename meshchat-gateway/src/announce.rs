//! Tells the daemon what doors there are, so that `meshchatctl doors` can.

use std::time::Duration;

use meshchat_client::proto::control::{DoorsRequest, Request};
use meshchat_client::{Client, ConnectError, RequestError};
use tokio::time;

use crate::door::House;

/// Keeps telling, whenever something changed; never ends.
pub async fn run(house: House) {
    let mut told = String::new();
    loop {
        let why = match Client::connect_any(&house.sockets).await {
            Ok(client) => match tell(&house, &client).await {
                Ok(never) => match never {},
                Err(RequestError::Daemon(error)) => {
                    format!("{}{}", error.message, hint(&error.hint))
                }
                Err(error) => error.to_string(),
            },
            Err(ConnectError::Refused(error)) => format!("{}{}", error.message, hint(&error.hint)),
            Err(error @ ConnectError::Permission(_)) => {
                format!(
                    "{error}; add this user to the group meshchat, and to `gateways` in meshchat.toml"
                )
            }
            Err(error) => error.to_string(),
        };
        if why != told {
            tracing::warn!("cannot speak for the node: {why}");
            told = why;
        }
        time::sleep(RETRY).await;
    }
}

/// Tells over one connection for as long as it lasts.
async fn tell(house: &House, client: &Client) -> Result<std::convert::Infallible, RequestError> {
    let mut first = true;
    loop {
        let doors = house.board.infos();
        client.request(Request::Doors(DoorsRequest::Announce { doors })).await?;
        if std::mem::take(&mut first) {
            let welcome = client.welcome();
            tracing::info!("speaking for {} ({})", welcome.name, welcome.node.short());
        }
        time::sleep(PAUSE).await;
        // Asking now and then notices that the daemon is gone.
        time::timeout(REFRESH, house.board.changed()).await.ok();
    }
}

fn hint(hint: &str) -> String {
    if hint.is_empty() { String::new() } else { format!("; {hint}") }
}

const RETRY: Duration = Duration::from_secs(2);
/// Between two tellings; changes in between are told together.
const PAUSE: Duration = Duration::from_secs(1);
const REFRESH: Duration = Duration::from_secs(60);
