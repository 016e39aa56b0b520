//! Where a client is answered.

use std::io;
use std::time::Duration;

use futures_util::SinkExt as _;
use futures_util::stream::SplitSink;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedWriteHalf;
use tokio::time::{self, Instant};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Bytes, Message};

use super::Farewell;
use crate::dialect::cut;

/// What is written to.
#[derive(Debug)]
pub enum Sink {
    /// TCP.
    Stream(OwnedWriteHalf),
    /// TCP for a client that takes what comes at once for one object: the time from when the next
    /// may be written.
    Apart(OwnedWriteHalf, Instant),
    /// A WebSocket.
    Frames(SplitSink<WebSocketStream<TcpStream>, Message>),
}

impl Sink {
    /// Writes one line, object or frame.
    ///
    /// # Errors
    ///
    /// Those of the connection; [`io::ErrorKind::TimedOut`] when the client does not read.
    pub async fn send(&mut self, text: String) -> io::Result<()> {
        let sending = async {
            match self {
                Self::Stream(write) => write.write_all(text.as_bytes()).await,
                Self::Apart(write, from) => {
                    time::sleep_until(*from).await;
                    write.write_all(text.as_bytes()).await?;
                    *from = Instant::now() + APART;
                    Ok(())
                }
                Self::Frames(frames) => {
                    frames.send(Message::text(text)).await.map_err(io::Error::other)
                }
            }
        };
        time::timeout(STALLED, sending).await?
    }

    /// Lets a client that needs it take in its last answer by itself.
    pub fn rest(&mut self) {
        if let Self::Apart(_, from) = self {
            *from = Instant::now() + REST;
        }
    }

    /// Asks a WebSocket client whether it is there.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn ping(&mut self) -> io::Result<()> {
        let Self::Frames(frames) = self else { return Ok(()) };
        let ping = frames.send(Message::Ping(Bytes::new()));
        time::timeout(STALLED, ping).await?.map_err(io::Error::other)
    }

    /// Ends the connection.
    ///
    /// # Errors
    ///
    /// As [`Self::send`].
    pub async fn close(&mut self, farewell: &Farewell) -> io::Result<()> {
        let closing = async {
            match self {
                Self::Stream(write) | Self::Apart(write, _) => write.shutdown().await,
                Self::Frames(frames) => {
                    let reason = cut(&farewell.words, REASON_BYTES).into();
                    let close = CloseFrame { code: farewell.code.into(), reason };
                    frames.send(Message::Close(Some(close))).await.map_err(io::Error::other)
                }
            }
        };
        time::timeout(STALLED, closing).await?
    }
}

/// Between two objects.
const APART: Duration = Duration::from_millis(20);
/// Behind the answer to a join.
const REST: Duration = Duration::from_millis(500);
/// How long a client may not read what it is sent.
const STALLED: Duration = Duration::from_secs(60);
/// What fits in a close frame (RFC 6455, section 5.5).
const REASON_BYTES: usize = 123;
