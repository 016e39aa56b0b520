//! The frame that crosses a link: a length, a fixed header, an opaque body.
//!
//! ```text
//! | length: u32 big-endian | version: u8 | kind: u8 | hops left: u8 | flags: u8 | body … |
//! ```
//!
//! The length counts all that follows it and is checked before any memory is spent. Of the flags
//! the lowest bit says that what is in the frame is old; the others are 0 and are not looked at.

use bytes::{BufMut, Bytes, BytesMut};

use crate::limits;

/// Version of the peer protocol that this build speaks.
pub const VERSION: u8 = 1;
/// Bytes of the length prefix.
pub const PREFIX_BYTES: usize = 4;
/// Bytes of the header behind the length.
pub const HEADER_BYTES: usize = 4;
/// Flag of a frame whose content is old.
const OLD: u8 = 1;

/// What the body of a frame is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// First frame in both directions: [`crate::peer::Hello`].
    Hello,
    /// Sign of life of a link: [`crate::peer::Heartbeat`].
    Heartbeat,
    /// Last frame of a link: [`crate::peer::Goodbye`].
    Goodbye,
    /// A node's signed record, flooded: [`crate::peer::Signed`].
    Record,
    /// Signed chat messages, flooded: [`crate::message::Batch`].
    Chat,
    /// What the sender has seen, asking for the rest: [`crate::peer::Summary`].
    Summary,
    /// The end of the answer to a summary: [`crate::peer::SyncEnd`].
    SyncEnd,
    /// A question to one node and its way back: [`crate::peer::Echo`].
    Echo,
    /// Where the sender sees the other side: [`crate::peer::Observed`].
    Observed,
    /// Two nodes agree on a moment to dial each other: [`crate::peer::Meet`].
    Meet,
    /// Shall the other side try to reach the sender: [`crate::peer::Probe`].
    Probe,
    /// What came of it: [`crate::peer::Probed`].
    Probed,
    /// Proof that the sender knows the secret of a closed network or of a ticket:
    /// [`crate::network::knock`].
    Knock,
    /// Who belongs to the network: [`crate::network::Roster`].
    Roster,
    /// The answer to the bearer of a ticket: [`crate::network::Welcome`].
    Welcome,
    /// What a node has taken in, signed by it, flooded: [`crate::holding::Holder`].
    Holdings,
    /// How a message came to one node: [`crate::holding::Trail`].
    Trail,
    /// A kind that this build does not know; counted and dropped.
    Unknown(u8),
}

impl Kind {
    /// Its number on the wire.
    pub const fn code(self) -> u8 {
        match self {
            Self::Hello => 1,
            Self::Heartbeat => 2,
            Self::Goodbye => 3,
            Self::Record => 4,
            Self::Chat => 5,
            Self::Summary => 6,
            Self::SyncEnd => 7,
            Self::Echo => 8,
            Self::Observed => 9,
            Self::Meet => 10,
            Self::Probe => 11,
            Self::Probed => 12,
            Self::Knock => 13,
            Self::Roster => 14,
            Self::Welcome => 15,
            Self::Holdings => 20,
            Self::Trail => 21,
            Self::Unknown(code) => code,
        }
    }

    /// The kind with this number.
    pub const fn from_code(code: u8) -> Self {
        match code {
            1 => Self::Hello,
            2 => Self::Heartbeat,
            3 => Self::Goodbye,
            4 => Self::Record,
            5 => Self::Chat,
            6 => Self::Summary,
            7 => Self::SyncEnd,
            8 => Self::Echo,
            9 => Self::Observed,
            10 => Self::Meet,
            11 => Self::Probe,
            12 => Self::Probed,
            13 => Self::Knock,
            14 => Self::Roster,
            15 => Self::Welcome,
            20 => Self::Holdings,
            21 => Self::Trail,
            other => Self::Unknown(other),
        }
    }

    /// Whether the frame goes ahead of chat on a link. What ends something goes behind it.
    pub const fn is_urgent(self) -> bool {
        !matches!(self, Self::Chat | Self::SyncEnd | Self::Goodbye)
    }
}

/// Why a frame was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Shorter than its header.
    #[error("frame shorter than its header")]
    Short,
    /// Longer than [`limits::FRAME_BYTES`].
    #[error("frame longer than {} bytes", limits::FRAME_BYTES)]
    Long,
    /// Of a version that the two sides did not settle on.
    #[error("frame of protocol version {0}")]
    Version(u8),
}

/// One frame, its length prefix taken off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// What the body is.
    pub kind: Kind,
    /// How often it may still be passed on.
    pub hops: u8,
    /// It was sent to somebody who had missed it, or passed on by them: it was said some time
    /// before.
    pub old: bool,
    /// The body, as it came.
    pub body: Bytes,
}

impl Frame {
    /// Reads header and body of a frame without its length prefix.
    ///
    /// # Errors
    ///
    /// [`FrameError`] when it is out of bounds or of another version. A [`Kind::Hello`] of any
    /// version is let through, so that a refusal can name both versions.
    pub fn parse(mut bytes: Bytes) -> Result<Self, FrameError> {
        if bytes.len() > limits::FRAME_BYTES {
            return Err(FrameError::Long);
        }
        let Some(&[version, code, hops, flags]) = bytes.first_chunk::<HEADER_BYTES>() else {
            return Err(FrameError::Short);
        };
        let kind = Kind::from_code(code);
        if version != VERSION && kind != Kind::Hello {
            return Err(FrameError::Version(version));
        }
        let old = flags & OLD != 0;
        Ok(Self { kind, hops, old, body: bytes.split_off(HEADER_BYTES) })
    }

    /// Writes the frame with its length prefix, ready for any number of links.
    pub fn to_wire(&self) -> Bytes {
        write(self.kind, self.hops, u8::from(self.old) * OLD, &self.body)
    }
}

/// Writes a new frame with its length prefix.
pub fn encode(kind: Kind, hops: u8, body: &[u8]) -> Bytes {
    write(kind, hops, 0, body)
}

fn write(kind: Kind, hops: u8, flags: u8, body: &[u8]) -> Bytes {
    let length = HEADER_BYTES + body.len();
    debug_assert!(length <= limits::FRAME_BYTES, "the writer keeps its frames in bounds");
    let mut out = BytesMut::with_capacity(PREFIX_BYTES + length);
    out.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    out.put_slice(&[VERSION, kind.code(), hops, flags]);
    out.put_slice(body);
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_survive_the_wire() {
        for code in 0..=255u8 {
            let body = Bytes::from_static(b"body");
            let frame = Frame { kind: Kind::from_code(code), hops: 9, old: code % 2 == 1, body };
            assert_eq!(frame.kind.code(), code);
            let wire = frame.to_wire();
            assert_eq!(wire[..4], 8u32.to_be_bytes());
            assert_eq!(wire[7], code % 2);
            assert_eq!(Frame::parse(wire.slice(4..)), Ok(frame));
        }
    }

    #[test]
    fn bad_frames_are_refused() {
        assert_eq!(Frame::parse(Bytes::from_static(&[1, 5, 0])), Err(FrameError::Short));
        assert_eq!(Frame::parse(Bytes::from_static(&[9, 5, 0, 0])), Err(FrameError::Version(9)));
        assert!(Frame::parse(Bytes::from_static(&[9, 1, 0, 0])).is_ok());
        let long = Bytes::from(vec![1; limits::FRAME_BYTES + 1]);
        assert_eq!(Frame::parse(long), Err(FrameError::Long));
    }
}
