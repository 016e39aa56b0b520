//! Answers on their way: a connection has work for as long as one of them is not written.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};

use super::pool::Busy;

/// The body of an answer, in small pieces, so that it is seen how far it is written.
#[derive(Debug)]
pub(super) struct Sending {
    body: Body,
    rest: Bytes,
    busy: Arc<Busy>,
}

/// What is dropped once it was written.
struct Piece {
    bytes: Bytes,
    _busy: Arc<Busy>,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Sending {
    pub(super) fn new(body: Body, busy: Busy) -> Self {
        busy.goes_on();
        Self { body, rest: Bytes::new(), busy: Arc::new(busy) }
    }
}

impl hyper::body::Body for Sending {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(cx)).map(|it| it.map(Frame::into_data))
            {
                Some(Ok(Ok(data))) => self.rest = data,
                Some(Ok(Err(trailers))) => return Poll::Ready(Some(Ok(trailers))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => return Poll::Ready(None),
            }
        }
        self.busy.goes_on();
        let most = self.rest.len().min(PIECE);
        let piece = Piece { bytes: self.rest.split_to(most), _busy: Arc::clone(&self.busy) };
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_owner(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let (body, rest) = (self.body.size_hint(), self.rest.len() as u64);
        let mut hint = SizeHint::new();
        hint.set_lower(body.lower().saturating_add(rest));
        if let Some(upper) = body.upper() {
            hint.set_upper(upper.saturating_add(rest));
        }
        hint
    }
}

/// Bytes of a piece.
const PIECE: usize = 8 * 1024;
