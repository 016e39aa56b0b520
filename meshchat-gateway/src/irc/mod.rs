//! IRC clients.

use crate::config::IrcConfig;
use crate::door::{Doorway, House};

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen.
pub async fn open(house: &House, config: IrcConfig) -> anyhow::Result<()> {
    let doorway = Doorway::open(house, "irc", config.listen).await?;
    doorway.door.set_addresses([doorway.address()?.to_string()]);
    house.tasks.spawn(async move {
        loop {
            drop(doorway.accept().await);
        }
    });
    Ok(())
}
