//! One client: its handshake, its frames in and out. Costs little while it is idle.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use meshchat_proto::codec::{self, Named};
use meshchat_proto::control::{
    Error, ErrorCode, FromDaemon, Hello, Request, ToDaemon, VERSION, Welcome,
};
use meshchat_proto::limits::CONTROL_REQUEST_BYTES;
use serde::Deserialize;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_serde::Deserializer as _;
use tokio_util::codec::{Decoder, LengthDelimitedCodec};

use super::outbox::Frame;
use super::{ClientEvent, ClientOutbox, peer_ids};

/// Serves one client until it leaves.
pub(super) async fn run(session: u32, mut stream: UnixStream, hub: mpsc::Sender<ClientEvent>) {
    let outbox = Arc::new(ClientOutbox::default());
    let mut frames = Frames::default();
    // Its memory is given back before the client begins to idle.
    let greeted = Box::pin(greet(session, &mut stream, &mut frames, &outbox, &hub));
    match timeout(GREETING, greeted).await {
        Ok(Ok(())) => {}
        Ok(Err(_)) | Err(_) => return,
    }
    let (reader, writer) = stream.split();
    let mut writing = std::pin::pin!(write(session, writer, &outbox, &hub));
    tokio::select! {
        _ = read(session, reader, frames, &outbox, &hub) => {
            // Behind its requests, so that their answers come before the end.
            hub.send(ClientEvent::Ended { session }).await.ok();
            timeout(FAREWELL, writing).await.ok();
        }
        _ = &mut writing => {}
    }
    hub.send(ClientEvent::Down { session }).await.ok();
}

/// Tells a client that there are too many.
pub(super) async fn turn_away(mut stream: UnixStream) {
    let error =
        Error::new(ErrorCode::TooMany, "too many clients").hint("close some, or wait a little");
    let mut buffer = Vec::new();
    let outbox = ClientOutbox::default();
    outbox.push(Frame::whole(&FromDaemon::error(0, error)));
    outbox.take(&mut buffer, WRITE_BYTES).await;
    timeout(GREETING, stream.write_all(&buffer)).await.ok();
}

/// Splits what a client sends into frames.
struct Frames {
    codec: LengthDelimitedCodec,
    bytes: BytesMut,
    /// How much to make room for; more for those that fill it.
    room: usize,
}

impl Default for Frames {
    fn default() -> Self {
        let mut codec = LengthDelimitedCodec::new();
        codec.set_max_frame_length(CONTROL_REQUEST_BYTES);
        Self { codec, bytes: BytesMut::new(), room: FIRST_READ_BYTES }
    }
}

impl Frames {
    /// The next whole frame, if there is one; an error when a length is absurd.
    fn next(&mut self) -> io::Result<Option<BytesMut>> {
        let frame = self.codec.decode(&mut self.bytes)?;
        if frame.is_none() && self.bytes.is_empty() {
            // An idle client keeps no buffer.
            self.bytes = BytesMut::new();
            self.room = FIRST_READ_BYTES;
        }
        Ok(frame)
    }

    /// Reads what is there. `false` at the end.
    async fn fill(&mut self, stream: &mut ReadHalf<'_>) -> io::Result<bool> {
        loop {
            stream.readable().await?;
            self.bytes.reserve(self.room);
            match stream.try_read_buf(&mut self.bytes) {
                Ok(0) => return Ok(false),
                Ok(read) => {
                    if read >= self.room {
                        self.room = READ_BYTES;
                    }
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// Why a session ended before it began.
#[derive(Debug)]
struct NotGreeted;

async fn greet(
    session: u32,
    stream: &mut UnixStream,
    frames: &mut Frames,
    outbox: &Arc<ClientOutbox>,
    hub: &mpsc::Sender<ClientEvent>,
) -> Result<(), NotGreeted> {
    let ids = peer_ids(stream).map_err(|_error| NotGreeted)?;
    let frame = loop {
        match frames.next() {
            Ok(Some(frame)) => break frame,
            Ok(None) => {}
            Err(error) => return refuse(stream, absurd(&error)).await,
        }
        let (mut reader, _) = stream.split();
        match frames.fill(&mut reader).await {
            Ok(true) => {}
            Ok(false) | Err(_) => return Err(NotGreeted),
        }
    };
    let Ok(hello) = codec::decode::<Hello>(&frame) else {
        let error = Error::new(ErrorCode::BadFrame, "the first frame is not a hello");
        return refuse(stream, error).await;
    };
    if hello.min > VERSION || hello.max < VERSION {
        let (min, max) = (hello.min, hello.max);
        let words = format!("the client speaks protocol {min} to {max}, the daemon {VERSION}");
        let error = Error::new(ErrorCode::Version, words)
            .hint("install meshchatctl and meshchatd of the same release");
        return refuse(stream, error).await;
    }
    let (answer, welcome) = oneshot::channel();
    let up = ClientEvent::Up { session, ids, outbox: Arc::clone(outbox), answer };
    hub.send(up).await.map_err(|_closed| NotGreeted)?;
    match welcome.await {
        Ok(Ok(welcome)) => send(stream, &welcome).await,
        Ok(Err(error)) => refuse(stream, error).await,
        Err(_) => Err(NotGreeted),
    }
}

async fn send(stream: &mut UnixStream, welcome: &Welcome) -> Result<(), NotGreeted> {
    let body = codec::encode(welcome);
    let mut bytes = u32::try_from(body.len()).unwrap_or(u32::MAX).to_be_bytes().to_vec();
    bytes.extend(body);
    stream.write_all(&bytes).await.map_err(|_error| NotGreeted)
}

async fn refuse(stream: &mut UnixStream, error: Error) -> Result<(), NotGreeted> {
    let outbox = ClientOutbox::default();
    outbox.push(Frame::whole(&FromDaemon::error(0, error)));
    let mut buffer = Vec::new();
    outbox.take(&mut buffer, WRITE_BYTES).await;
    stream.write_all(&buffer).await.ok();
    Err(NotGreeted)
}

/// Reads requests and gives them to the hub, many at a time.
async fn read(
    session: u32,
    mut stream: ReadHalf<'_>,
    mut frames: Frames,
    outbox: &ClientOutbox,
    hub: &mpsc::Sender<ClientEvent>,
) -> io::Result<()> {
    loop {
        let mut requests = Vec::new();
        while requests.len() < REQUESTS {
            match frames.next() {
                Ok(Some(frame)) => match request(&frame) {
                    Ok(request) => requests.push(request),
                    Err((id, error)) => outbox.push(Frame::whole(&FromDaemon::error(id, error))),
                },
                Ok(None) => break,
                Err(error) => {
                    outbox.push(Frame::whole(&FromDaemon::error(0, absurd(&error))));
                    return Err(error);
                }
            }
        }
        if requests.is_empty() {
            if !frames.fill(&mut stream).await? {
                return Ok(());
            }
            continue;
        }
        let event = ClientEvent::Requests { session, requests };
        if hub.send(event).await.is_err() {
            return Ok(());
        }
        outbox.until_calm().await;
    }
}

async fn write(
    session: u32,
    mut stream: WriteHalf<'_>,
    outbox: &ClientOutbox,
    hub: &mpsc::Sender<ClientEvent>,
) -> io::Result<()> {
    let mut buffer = Vec::new();
    while outbox.take(&mut buffer, WRITE_BYTES).await {
        stream.write_all(&buffer).await?;
        // An idle client keeps no buffer; a busy one gets a new one for little.
        buffer = Vec::new();
        if outbox.is_drained() {
            hub.send(ClientEvent::Drained { session }).await.ok();
        }
    }
    Ok(())
}

/// Reads a request; what cannot be read is answered and the connection goes on.
fn request(frame: &BytesMut) -> Result<(u64, Request), (u64, Error)> {
    let mut named = Named::<ToDaemon, FromDaemon>::default();
    match Pin::new(&mut named).deserialize(frame) {
        Ok(ToDaemon { id, request }) => Ok((id, request)),
        Err(error) => Err(explain(frame, &error)),
    }
}

fn explain(frame: &[u8], error: &io::Error) -> (u64, Error) {
    #[derive(Deserialize)]
    struct Envelope {
        id: u64,
    }
    let id = codec::decode::<Envelope>(frame).map_or(0, |envelope| envelope.id);
    let words = error.to_string();
    if words.contains("unknown variant") {
        let error = Error::new(ErrorCode::UnknownRequest, "the daemon does not know this request")
            .hint("it may be older than the client: restart meshchatd after an upgrade");
        return (id, error);
    }
    (id, Error::new(ErrorCode::BadFrame, words))
}

fn absurd(error: &io::Error) -> Error {
    Error::new(
        ErrorCode::BadFrame,
        format!("frame longer than {CONTROL_REQUEST_BYTES} bytes: {error}"),
    )
}

const FAREWELL: Duration = Duration::from_secs(1);
const GREETING: Duration = Duration::from_secs(5);
/// Requests handed to the hub at once.
const REQUESTS: usize = 128;
const FIRST_READ_BYTES: usize = 1024;
/// More than one full batch of messages of some length: each batch costs a signature.
const READ_BYTES: usize = 64 * 1024;
const WRITE_BYTES: usize = 64 * 1024;
