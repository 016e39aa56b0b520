//! Frames from the daemon, read so that what a newer daemon says harms nobody.

use std::io;
use std::pin::Pin;

use bytes::BytesMut;
use meshchat_proto::codec;
use meshchat_proto::control::{Error, Event, FromDaemon, Reply};
use serde::Deserialize;
use serde::de::IgnoredAny;

/// One frame.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) id: u64,
    pub(crate) answer: Answer,
}

/// What a frame says about its request.
#[derive(Debug, PartialEq)]
pub(crate) enum Answer {
    Reply(Reply),
    Event(Event),
    Error(Error),
    End,
    /// A reply that this build cannot read.
    NewReply,
    /// Something else that this build cannot read; to be skipped.
    New,
}

impl Answer {
    /// Whether more may come for the same request when it streams.
    pub(crate) const fn is_last(&self) -> bool {
        matches!(self, Self::Error(_) | Self::End | Self::NewReply)
    }
}

/// The `tokio-serde` format of frames from the daemon.
#[derive(Debug, Default)]
pub(crate) struct Lenient;

impl tokio_serde::Deserializer<Incoming> for Lenient {
    type Error = io::Error;

    fn deserialize(self: Pin<&mut Self>, frame: &BytesMut) -> Result<Incoming, io::Error> {
        Ok(read(frame))
    }
}

fn read(frame: &[u8]) -> Incoming {
    let Ok(whole) = codec::decode::<FromDaemon>(frame) else {
        return salvage(frame);
    };
    let answer = match whole {
        FromDaemon { ok: Some(reply), .. } => Answer::Reply(reply),
        FromDaemon { event: Some(event), .. } => Answer::Event(event),
        FromDaemon { error: Some(error), .. } => Answer::Error(error),
        FromDaemon { end: true, .. } => Answer::End,
        FromDaemon { .. } => Answer::New,
    };
    Incoming { id: whole.id, answer }
}

/// Finds out at least whom a frame with unreadable content concerns.
fn salvage(frame: &[u8]) -> Incoming {
    #[derive(Deserialize)]
    struct Outline {
        id: u64,
        #[serde(default)]
        ok: Option<IgnoredAny>,
        #[serde(default)]
        error: Option<IgnoredAny>,
    }
    match codec::decode::<Outline>(frame) {
        Ok(Outline { id, ok: Some(_), .. } | Outline { id, error: Some(_), .. }) => {
            Incoming { id, answer: Answer::NewReply }
        }
        Ok(Outline { id, .. }) => Incoming { id, answer: Answer::New },
        Err(_) => Incoming { id: 0, answer: Answer::New },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_content_is_told_apart_by_its_outline() {
        // {"id": 7, "event": {"fireworks": {"many": [1, {}]}}}
        let event = b"\x82\xa2id\x07\xa5event\x81\xa9fireworks\x81\xa4many\x92\x01\x80";
        let Incoming { id, answer } = read(event);
        assert_eq!((id, answer), (7, Answer::New));
        // {"id": 7, "ok": {"new": nil}}
        let Incoming { id, answer } = read(b"\x82\xa2id\x07\xa2ok\x81\xa3new\xc0");
        assert_eq!((id, answer), (7, Answer::NewReply));
        for garbage in [&b""[..], b"\xff", b"\x81\xa2id", b"hello"] {
            assert_eq!(read(garbage).id, 0);
        }
    }

    #[test]
    fn unknown_error_codes_are_internal_errors() {
        let bytes = b"\x82\xa2id\x07\xa5error\x82\xa4code\xa5mauve\xa7message\xa1x";
        let Answer::Error(error) = read(bytes).answer else { panic!("no error") };
        assert_eq!(error.code, meshchat_proto::control::ErrorCode::Internal);
    }
}
