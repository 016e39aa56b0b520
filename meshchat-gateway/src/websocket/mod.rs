//! Foreign WebSocket clients: the path tells who speaks what.

mod upgrade;

use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::net::TcpStream;

use crate::config::WebSocketConfig;
use crate::door::{Conn, Doorway, House};
use crate::visit::{Crowd, Frames, Sink, Source, Visit};
use upgrade::{Upgraded, upgrade};

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen.
pub async fn open(house: &House, config: WebSocketConfig) -> anyhow::Result<()> {
    let doorway = Doorway::open(house, "websocket", config.listen).await?;
    doorway.door.set_addresses([format!("ws://{}/", doorway.address()?)]);
    let (origins, crowd) = (Arc::from(config.origins), Crowd::default());
    let house = house.clone();
    let tasks = house.tasks.clone();
    tasks.spawn(async move {
        loop {
            let (stream, conn) = doorway.accept().await;
            let (origins, crowd) = (Arc::clone(&origins), crowd.clone());
            house.tasks.spawn(meet(house.clone(), stream, conn, origins, crowd));
        }
    });
    Ok(())
}

async fn meet(house: House, stream: TcpStream, conn: Conn, origins: Arc<[String]>, crowd: Crowd) {
    let conn = Arc::new(conn);
    let Ok(Some(upgraded)) = conn.greet(upgrade(stream, &conn, origins)).await else { return };
    let Upgraded { socket, dialect, seat } = upgraded;
    let door = conn.door.clone();
    drop(conn);
    let (sink, stream) = socket.split();
    let source = Source::Frames(Box::new(Frames::new(stream)));
    let visit = Visit { house, door, via: "websocket", seat, dialect, first: None, crowd };
    visit.run(source, Sink::Frames(sink)).await;
}
