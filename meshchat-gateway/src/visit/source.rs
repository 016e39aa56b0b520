//! Where a client's words come from.

use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::SplitStream;
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpStream;
use tokio::net::tcp::OwnedReadHalf;
use tokio::time;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::Farewell;
use crate::config::LimitsConfig;
use crate::dialect::{Object, Objects, Unit};
use crate::door::{LINE_BYTES, Line, Lines, Pace};

/// What is read from.
#[derive(Debug)]
pub enum Source {
    /// Lines over TCP.
    Lines(Lines<OwnedReadHalf>),
    /// JSON objects over TCP, with nothing between them.
    Objects(Objects, OwnedReadHalf),
    /// WebSocket frames.
    Frames(Box<Frames>),
}

/// The text frames of a WebSocket.
#[derive(Debug)]
pub struct Frames {
    stream: SplitStream<WebSocketStream<TcpStream>>,
    /// For what is no text: pings above all.
    pace: Pace,
}

/// Why nothing more comes: the client went, or it is sent away for a reason that is counted.
#[derive(Debug, PartialEq, Eq)]
pub struct Over(pub Option<(&'static str, Farewell)>);

impl Frames {
    /// Reads from a WebSocket.
    pub fn new(stream: SplitStream<WebSocketStream<TcpStream>>) -> Self {
        let pace =
            Pace::new(&LimitsConfig { burst: 20, per_second: 10, ..LimitsConfig::default() });
        Self { stream, pace }
    }

    async fn next(&mut self) -> Result<Unit, Over> {
        loop {
            let Ok(next) = time::timeout(SILENCE, self.stream.next()).await else {
                return Err(away("silent", 1001, "you did not answer a ping"));
            };
            match next {
                Some(Ok(Message::Text(text))) => return Ok(unit(text.as_bytes())),
                Some(Ok(Message::Binary(_))) => {
                    return Err(away("binary", 1003, "text frames only"));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => {
                    // Who sends too many is not read.
                    self.pace.wait().await;
                }
                Some(Ok(Message::Close(_))) | None => return Err(Over(None)),
                Some(Err(error)) => return Err(broken(&error)),
            }
        }
    }
}

impl Source {
    /// The next piece.
    ///
    /// # Errors
    ///
    /// [`Over`], when nothing more comes.
    pub async fn next(&mut self) -> Result<Unit, Over> {
        match self {
            Self::Lines(lines) => match lines.next().await {
                Ok(Some(Line::Text(text))) => Ok(Unit::Text(text)),
                Ok(Some(Line::TooLong)) => Ok(Unit::TooLong),
                Ok(Some(Line::NotUtf8)) => Ok(Unit::NotUtf8),
                Ok(None) | Err(_) => Err(Over(None)),
            },
            Self::Objects(objects, read) => loop {
                if let Some(object) = objects.take() {
                    return Ok(object.into());
                }
                let mut bytes = Vec::with_capacity(LINE_BYTES);
                match read.read_buf(&mut bytes).await {
                    Ok(0) | Err(_) => return Err(Over(None)),
                    Ok(_) => objects.add(&bytes),
                }
            },
            Self::Frames(frames) => frames.next().await,
        }
    }
}

impl From<Object> for Unit {
    fn from(object: Object) -> Self {
        match object {
            Object::Whole(bytes) => unit(&bytes),
            Object::Broken => Self::Malformed,
            Object::TooLong => Self::TooLong,
        }
    }
}

fn unit(bytes: &[u8]) -> Unit {
    match std::str::from_utf8(bytes) {
        // A frame may have an end of line beside its text.
        Ok(text) if text.trim_end_matches(['\r', '\n']).len() <= LINE_BYTES => {
            Unit::Text(text.to_owned())
        }
        Ok(_) => Unit::TooLong,
        Err(_) => Unit::NotUtf8,
    }
}

fn away(reason: &'static str, code: u16, words: &str) -> Over {
    Over(Some((reason, Farewell::new(code, words))))
}

fn broken(error: &Error) -> Over {
    if let Error::Capacity(_) = error {
        away("too_long", 1009, &format!("a message may have {LINE_BYTES} bytes"))
    } else if let Error::Utf8(_) = error {
        away("not_utf8", 1007, "that was not UTF-8 text")
    } else if let Error::Protocol(error) = error {
        use tokio_tungstenite::tungstenite::error::ProtocolError::ResetWithoutClosingHandshake;
        if matches!(error, ResetWithoutClosingHandshake) {
            Over(None)
        } else {
            away("bad_frame", 1002, &error.to_string())
        }
    } else {
        Over(None)
    }
}

/// Longest time without any frame of a client, which is asked by pings meanwhile.
const SILENCE: Duration = Duration::from_secs(60);
