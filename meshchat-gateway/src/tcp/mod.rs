//! Line and JSON clients over TCP: one port, the first bytes tell who speaks what.

mod opening;

use std::time::Duration;

use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time;

use crate::config::TcpConfig;
use crate::dialect::{Dialect, Objects, Plain, Unit, Voice};
use crate::door::{Conn, Doorway, House, LINE_BYTES, Line, Lines};
use crate::visit::{Crowd, Sink, Source, Visit};
use opening::{Opened, Opening};

/// Opens the door.
///
/// # Errors
///
/// When it cannot listen.
pub async fn open(house: &House, config: TcpConfig) -> anyhow::Result<()> {
    let doorway = Doorway::open(house, "tcp", config.listen).await?;
    doorway.door.set_addresses([doorway.address()?.to_string()]);
    let house = house.clone();
    let tasks = house.tasks.clone();
    tasks.spawn(async move {
        loop {
            let (stream, conn) = doorway.accept().await;
            house.tasks.spawn(meet(house.clone(), stream, conn));
        }
    });
    Ok(())
}

/// A client that has said its first word.
struct Met {
    dialect: Dialect,
    first: Option<Unit>,
    source: Source,
}

async fn meet(house: House, stream: TcpStream, conn: Conn) {
    let (read, write) = stream.into_split();
    let met = match introduce(&conn, read).await {
        Ok(Some(met)) => met,
        Ok(None) => return,
        Err(late) => return refuse(write, None, &Voice::Plain.error(&late.to_string())).await,
    };
    let Met { dialect, first, mut source } = met;
    if let Some(Unit::Text(text)) = &first
        && Line::Text(text.clone()).is_http()
    {
        conn.door.count("http_refused");
        return refuse(write, Some(&mut source), NO_HTTP).await;
    }
    let seat = match conn.sit() {
        Ok(seat) => seat,
        Err(full) => {
            let words = dialect.voice().error(&full.to_string());
            return refuse(write, Some(&mut source), &words).await;
        }
    };
    let sink = match &dialect {
        Dialect::Distributed(_) => Sink::Apart(write, time::Instant::now()),
        Dialect::Machat(_) | Dialect::Plain(_) | Dialect::Page(_) => Sink::Stream(write),
    };
    let (door, crowd) = (conn.door.clone(), Crowd::default());
    drop(conn);
    Visit { house, door, via: "tcp", seat, dialect, first, crowd }.run(source, sink).await;
}

/// Finds out what a client speaks; none when it goes before that.
async fn introduce(conn: &Conn, mut read: OwnedReadHalf) -> Result<Option<Met>, crate::door::Late> {
    let mut bytes = Vec::with_capacity(FIRST_BYTES);
    let got = conn.greet_within(FIRST, read.read_buf(&mut bytes)).await?;
    if !matches!(got, Ok(1..)) {
        return Ok(None);
    }
    conn.greet(async {
        let mut opening = Opening::default();
        loop {
            match opening.add(&bytes) {
                Some(Opened::Lines(bytes)) => {
                    return first_line(Lines::new(read, bytes, LINE_BYTES)).await;
                }
                Some(Opened::Objects(dialect, first, rest)) => {
                    return Some(Met::of_object(dialect, first, rest, read));
                }
                None => {}
            }
            bytes.clear();
            if !matches!(read.read_buf(&mut bytes).await, Ok(1..)) {
                return None;
            }
        }
    })
    .await
}

async fn first_line(lines: Lines<OwnedReadHalf>) -> Option<Met> {
    let mut source = Source::Lines(lines);
    let first = Some(source.next().await.ok()?);
    Some(Met { dialect: Dialect::Plain(Plain::default()), first, source })
}

impl Met {
    fn of_object(dialect: Dialect, first: Unit, rest: Objects, read: OwnedReadHalf) -> Self {
        let source = match &dialect {
            Dialect::Distributed(_) => Source::Objects(rest, read),
            Dialect::Machat(_) | Dialect::Plain(_) | Dialect::Page(_) => {
                Source::Lines(Lines::new(read, rest.into_rest(), LINE_BYTES))
            }
        };
        Self { dialect, first: Some(first), source }
    }
}

/// Tells a client why it may not come in.
async fn refuse(write: OwnedWriteHalf, source: Option<&mut Source>, words: &str) {
    let mut sink = Sink::Stream(write);
    let telling = async {
        if sink.send(words.to_owned()).await.is_ok() {
            sink.close(&crate::visit::Farewell::new(1013, "")).await.ok();
        }
        // Closing over bytes that were not read would take the words back.
        if let Some(source) = source {
            while source.next().await.is_ok() {}
        }
    };
    time::timeout(LINGER, telling).await.ok();
}

/// How long a client may say nothing at all: some let a person type first. Newer ones may push it
/// out before that.
const FIRST: Duration = Duration::from_secs(120);
const FIRST_BYTES: usize = 1024;
const NO_HTTP: &str =
    "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\nthis door is not for browsers\n";
/// How long refused clients may take to read why.
const LINGER: Duration = Duration::from_millis(500);
