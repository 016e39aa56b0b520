//! Foreign WebSocket clients.

use crate::config::WebSocketConfig;
use crate::door::{Doorway, House};

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen.
pub async fn open(house: &House, config: WebSocketConfig) -> anyhow::Result<()> {
    let doorway = Doorway::open(house, "websocket", config.listen).await?;
    doorway.door.set_addresses([doorway.address()?.to_string()]);
    house.tasks.spawn(async move {
        loop {
            drop(doorway.accept().await);
        }
    });
    Ok(())
}
