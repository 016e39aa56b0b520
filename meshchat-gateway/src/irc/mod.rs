//! The IRC door: RFC 2812 and parts of IRCv3, for clients such as WeeChat, irssi and HexChat.
//!
//! A `session` translates, without input or output; `client` moves its lines and requests.
//! `docs/irc.md` says what is what.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "of many commands and replies, all that are not meant are treated alike"
)]

mod caps;
mod client;
mod errand;
mod heard;
mod hello;
mod history;
mod keys;
mod nicks;
mod session;
#[cfg(test)]
mod tests_kit;
mod text;
mod wire;

use std::sync::Arc;

use crate::config::IrcConfig;
use crate::door::{Doorway, House};

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen, or its password cannot be read.
pub async fn open(house: &House, config: IrcConfig) -> anyhow::Result<()> {
    let keys = Arc::new(keys::Keys::load(config.password_file.as_deref())?);
    let doorway = Doorway::open(house, "irc", config.listen).await?;
    doorway.door.set_addresses([doorway.address()?.to_string()]);
    let inside = house.clone();
    house.tasks.spawn(async move {
        loop {
            let (stream, conn) = doorway.accept().await;
            let (house, keys) = (inside.clone(), Arc::clone(&keys));
            inside.tasks.spawn(client::serve(house, keys, stream, conn));
        }
    });
    Ok(())
}
