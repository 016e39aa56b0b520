//! Numbers of the node and its doors, for Prometheus: `GET /metrics`, to this machine alone.
//!
//! No client of the chat: it takes no seat, sends nothing, and needs no code. What is served is the
//! text that `meshchatctl metrics` prints. A socket is for those who may ask the daemon itself. A
//! port is for every local user, also for those whom the control socket refuses, as the
//! documentation says.

mod ask;
mod place;
mod serve;

use crate::config::MetricsConfig;
use crate::door::House;
use ask::Numbers;
use place::Listener;

/// Begins to serve.
///
/// # Errors
///
/// When it cannot listen; the words say what to do.
pub fn open(house: &House, config: &MetricsConfig) -> anyhow::Result<()> {
    let listener = Listener::bind(&config.listen)?;
    let door = house.board.door("metrics", 0);
    door.set_addresses([listener.shown()]);
    let numbers = Numbers::new(house.sockets.clone());
    house.tasks.spawn(serve::serve(listener, house.tasks.clone(), door, numbers));
    Ok(())
}
