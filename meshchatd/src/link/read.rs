//! From the streams to the hub's inbox, cut into frames.

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt as _;
use thiserror::Error;

use crate::transport::{Lane, Lost, RecvHalf};

use super::{Inbox, LinkEvent, MAX_FRAME, MIN_FRAME, PREFIX};

/// A length that no frame has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameError {
    /// More than [`MAX_FRAME`].
    #[error("frame of {0} bytes is too long")]
    TooLong(u32),
    /// Less than [`MIN_FRAME`].
    #[error("frame of {0} bytes is too short")]
    TooShort(u32),
}

/// Reads until both lanes have ended, by the peer (`None`) or because the connection is lost, or
/// until one brings what is no frame. What came before reaches the inbox in any case.
pub(super) async fn both(
    inbox: Inbox<'_>,
    control: RecvHalf,
    bulk: Option<RecvHalf>,
) -> Result<Option<Lost>, FrameError> {
    let bulk = async {
        match bulk {
            Some(recv) => pump(inbox, Lane::Bulk, recv).await,
            None => Ok(None),
        }
    };
    // A lane may notice the loss while the other still has frames to hand over: wait for both.
    tokio::try_join!(pump(inbox, Lane::Control, control), bulk)
        .map(|(control, bulk)| control.or(bulk))
}

async fn pump(
    inbox: Inbox<'_>,
    lane: Lane,
    mut recv: RecvHalf,
) -> Result<Option<Lost>, FrameError> {
    let mut splitter = Splitter::default();
    let link = inbox.id;
    loop {
        if lane == Lane::Bulk {
            inbox.gate.pass(link).await;
        }
        let mut frames = Vec::new();
        let end = gather(&mut recv, &mut splitter, &mut frames).await;
        if !frames.is_empty() && inbox.hub.send(LinkEvent::Frames { link, frames }).await.is_err() {
            return Ok(Some(Lost::Here));
        }
        match end {
            None => {}
            Some(End::Lane(lost)) => return Ok(lost),
            Some(End::Bad(error)) => return Err(error),
        }
    }
}

/// Why nothing more comes.
enum End {
    Lane(Option<Lost>),
    Bad(FrameError),
}

/// Waits for bytes, then takes all that are there, up to a limit.
async fn gather(
    recv: &mut RecvHalf,
    splitter: &mut Splitter,
    frames: &mut Vec<Bytes>,
) -> Option<End> {
    let mut pieces = [const { Bytes::new() }; PIECES];
    let mut taken = 0;
    let mut outcome = recv.read(&mut pieces).await;
    loop {
        let count = match outcome {
            Ok(Some(count)) => count,
            Ok(None) => return Some(End::Lane(None)),
            Err(lost) => return Some(End::Lane(Some(lost))),
        };
        for piece in pieces.iter_mut().take(count) {
            taken += piece.len();
            if let Err(error) = splitter.feed(std::mem::take(piece), frames) {
                return Some(End::Bad(error));
            }
        }
        if taken >= BATCH {
            return None;
        }
        outcome = recv.read(&mut pieces).now_or_never()?;
    }
}

/// Cuts a stream into frames. A frame that came in one piece is a view of that piece; only one
/// that spans pieces is copied together.
#[derive(Debug, Default)]
struct Splitter {
    prefix: [u8; PREFIX],
    prefix_len: usize,
    /// Length of the frame whose prefix is complete.
    want: Option<usize>,
    /// Its first bytes; without memory of its own while empty.
    part: BytesMut,
}

impl Splitter {
    fn feed(&mut self, mut piece: Bytes, frames: &mut Vec<Bytes>) -> Result<(), FrameError> {
        loop {
            match self.want {
                None => {
                    if piece.is_empty() {
                        return Ok(());
                    }
                    self.want = self.length(&mut piece)?;
                }
                Some(want) => match self.body(want, &mut piece) {
                    Some(frame) => {
                        frames.push(frame);
                        self.want = None;
                    }
                    None => return Ok(()),
                },
            }
        }
    }

    fn length(&mut self, piece: &mut Bytes) -> Result<Option<usize>, FrameError> {
        let count = (PREFIX - self.prefix_len).min(piece.len());
        for (to, from) in self.prefix.iter_mut().skip(self.prefix_len).zip(piece.split_to(count)) {
            *to = from;
        }
        self.prefix_len += count;
        if self.prefix_len < PREFIX {
            return Ok(None);
        }
        self.prefix_len = 0;
        let length = u32::from_be_bytes(self.prefix);
        match usize::try_from(length) {
            Ok(n) if n < MIN_FRAME => Err(FrameError::TooShort(length)),
            Ok(n) if n <= MAX_FRAME => Ok(Some(n)),
            _ => Err(FrameError::TooLong(length)),
        }
    }

    fn body(&mut self, want: usize, piece: &mut Bytes) -> Option<Bytes> {
        if self.part.is_empty() && piece.len() >= want {
            return Some(piece.split_to(want));
        }
        if piece.is_empty() {
            return None;
        }
        if self.part.is_empty() {
            self.part = BytesMut::with_capacity(want);
        }
        let missing = want - self.part.len();
        self.part.extend_from_slice(&piece.split_to(missing.min(piece.len())));
        (self.part.len() == want).then(|| std::mem::take(&mut self.part).freeze())
    }
}

/// Pieces asked for at once; the carrier gives one for each packet.
const PIECES: usize = 16;

/// Bytes after which a batch goes to the inbox although more are there.
const BATCH: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> (Vec<u8>, Vec<Vec<u8>>) {
        let bodies: Vec<Vec<u8>> =
            [4, 5, 1000, 4, 70, MAX_FRAME].iter().zip(1..).map(|(len, n)| vec![n; *len]).collect();
        let mut bytes = Vec::new();
        for body in &bodies {
            bytes.extend(u32::try_from(body.len()).unwrap().to_be_bytes());
            bytes.extend(body);
        }
        (bytes, bodies)
    }

    #[test]
    fn frames_are_the_same_however_the_stream_is_cut() {
        let (bytes, bodies) = stream();
        for step in [1, 2, 3, 4, 5, 7, 64, 1000, 1001, bytes.len()] {
            let mut splitter = Splitter::default();
            let mut frames = Vec::new();
            for piece in bytes.chunks(step) {
                splitter.feed(Bytes::copy_from_slice(piece), &mut frames).unwrap();
            }
            assert_eq!(frames, bodies, "in steps of {step}");
            assert_eq!(splitter.part.capacity(), 0);
        }
    }

    #[test]
    fn a_frame_in_one_piece_is_not_copied() {
        let (bytes, _) = stream();
        let piece = Bytes::from(bytes);
        let mut frames = Vec::new();
        Splitter::default().feed(piece.clone(), &mut frames).unwrap();
        assert_eq!(frames[0].as_ptr(), piece[PREFIX..].as_ptr());
    }

    #[test]
    fn an_impossible_length_is_refused_before_memory_is_taken() {
        for (length, error) in [
            (0, FrameError::TooShort(0)),
            (3, FrameError::TooShort(3)),
            (65_537, FrameError::TooLong(65_537)),
            (u32::MAX, FrameError::TooLong(u32::MAX)),
        ] {
            let mut splitter = Splitter::default();
            let mut frames = Vec::new();
            let prefix = Bytes::copy_from_slice(&length.to_be_bytes());
            assert_eq!(splitter.feed(prefix, &mut frames), Err(error));
            assert_eq!(splitter.part.capacity(), 0);
            assert!(frames.is_empty());
        }
    }
}
