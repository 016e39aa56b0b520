//! Line and JSON clients over TCP.

use crate::config::TcpConfig;
use crate::door::{Doorway, House};

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen.
pub async fn open(house: &House, config: TcpConfig) -> anyhow::Result<()> {
    let doorway = Doorway::open(house, "tcp", config.listen).await?;
    doorway.door.set_addresses([doorway.address()?.to_string()]);
    house.tasks.spawn(async move {
        loop {
            drop(doorway.accept().await);
        }
    });
    Ok(())
}
