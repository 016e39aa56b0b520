//! The bridge to NATS: foreign clients on a subject for each room, and islands of nodes that
//! exchange their signed messages over a backbone.

mod beyond;
mod bridge;
mod echo;
mod held;
mod look;
mod payload;
mod peers;
mod people;
mod post;
mod relay;
mod room;
mod signs;
mod wire;

use tokio::sync::{mpsc, watch};

use crate::config::NatsConfig;
use crate::door::{House, fresh_key};
use bridge::{Bridge, Ends};

/// Starts the bridge; it connects, and connects again, by itself.
///
/// # Errors
///
/// When its settings or credentials cannot be used.
pub fn open(house: &House, config: NatsConfig) -> anyhow::Result<()> {
    config.check().map_err(|error| anyhow::anyhow!("[nats]: {error}"))?;
    let rooms = config.rooms().map_err(|error| anyhow::anyhow!("[nats]: {error}"))?;
    let door = house.board.door("nats", people::GUESTS);
    door.set_addresses([config.url.clone()]);
    let way = wire::Way::new(&config)?;
    let run = fresh_key()?.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let (wanted, subjects) = watch::channel(Vec::new());
    let (say, sayings) = mpsc::channel(QUEUE);
    let (tell, wire) = mpsc::channel(QUEUE);
    house.tasks.spawn(wire::run(way, subjects, sayings, tell));
    let (tell, looks) = mpsc::channel(1);
    house.tasks.spawn(look::run(house.sockets.clone(), tell));
    let (inject, into) = mpsc::channel(QUEUE);
    let (tell, relayed) = mpsc::channel(QUEUE);
    let (trust, believed) = mpsc::channel(QUEUE);
    if !config.backbone.is_empty() {
        let sockets = house.sockets.clone();
        house.tasks.spawn(relay::run(sockets, door.clone(), (tell, trust), into));
    }
    let (words, queue) = mpsc::channel(people::WORDS);
    let (tell, shown) = mpsc::channel(QUEUE);
    let (complain, trouble) = watch::channel(String::new());
    let names: Vec<String> = rooms.iter().map(|(room, _)| room.to_string()).collect();
    if !rooms.is_empty() {
        let name = config.name.clone();
        house.tasks.spawn(room::run(
            house.clone(),
            door.clone(),
            (name, names.clone()),
            queue,
            (tell, complain),
        ));
    }
    let people = people::People::new(house.clone(), door.clone(), names, words);
    let ends = Ends { wire, looks, relayed, believed, shown, trouble, say, inject, wanted };
    let bridge = Bridge::new(house.clone(), door, (config, rooms), run.unwrap_or_default(), people);
    house.tasks.spawn(bridge.run(ends));
    Ok(())
}

/// Events on their way between the tasks of the bridge.
const QUEUE: usize = 256;
