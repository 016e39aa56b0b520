//! The bridge to NATS.

use crate::config::NatsConfig;
use crate::door::House;

/// Starts the bridge; it connects, and connects again, by itself.
pub fn open(house: &House, config: NatsConfig) {
    house.board.door("nats", 0).set_addresses([config.url]);
}
