use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt as _;
use meshchat_proto::control::{self, ErrorCode, FromDaemon, Hello, Welcome};
use meshchat_proto::{codec, limits};
use tokio::io::AsyncWriteExt as _;
use tokio::net::UnixStream;
use tokio::time;
use tokio_util::codec::LengthDelimitedCodec;

use crate::error::ConnectError;
use crate::wire::{RawFrames, Wire};

/// How long the daemon has to accept a connection and to greet.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// Connects to the first of `paths` where a daemon listens.
pub(crate) async fn any(paths: &[PathBuf]) -> Result<(Wire, Welcome), ConnectError> {
    for path in paths {
        match one(path).await {
            Err(ConnectError::NotRunning(_)) => {}
            result => return result,
        }
    }
    Err(ConnectError::NotRunning(paths.to_vec()))
}

async fn one(path: &Path) -> Result<(Wire, Welcome), ConnectError> {
    match time::timeout(CONNECT_TIMEOUT, greet(path)).await {
        Ok(result) => result,
        Err(_) => Err(ConnectError::TimedOut(path.into())),
    }
}

async fn greet(path: &Path) -> Result<(Wire, Welcome), ConnectError> {
    let failed = |error| of_io(path, error);
    let (read, mut write) = open(path).await.map_err(failed)?.into_split();
    let mut frames = RawFrames::with_capacity(read, framing(), READ_BYTES);
    // A daemon that refuses may have closed already; its reason is still to be read.
    let sent = write.write_all(&hello()).await;
    let answer = match frames.next().await {
        Some(answer) => answer.map_err(failed)?,
        None => {
            sent.map_err(failed)?;
            return Err(failed(io::ErrorKind::UnexpectedEof.into()));
        }
    };
    let welcome = understand(&answer).map_err(|refusal| match refusal {
        Refusal::Said(error) if error.code == ErrorCode::Version => {
            ConnectError::Version(error.message)
        }
        Refusal::Said(error) => ConnectError::Refused(error),
        Refusal::Unclear(error) => failed(io::Error::new(io::ErrorKind::InvalidData, error)),
    })?;
    if welcome.version != control::VERSION {
        return Err(ConnectError::Version(format!(
            "meshchatd {} chose version {} of the control protocol; this client speaks {}",
            welcome.software,
            welcome.version,
            control::VERSION
        )));
    }
    Ok((Wire::start(frames, write), welcome))
}

async fn open(path: &Path) -> io::Result<UnixStream> {
    loop {
        match UnixStream::connect(path).await {
            // The daemon is there but has not accepted those before us.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                time::sleep(Duration::from_millis(10)).await;
            }
            result => return result,
        }
    }
}

fn hello() -> Vec<u8> {
    let client = concat!("meshchat-client ", env!("CARGO_PKG_VERSION")).to_owned();
    let body = codec::encode(&Hello { min: control::VERSION, max: control::VERSION, client });
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX);
    [&length.to_be_bytes(), body.as_slice()].concat()
}

enum Refusal {
    Said(control::Error),
    Unclear(codec::DecodeError),
}

fn understand(frame: &[u8]) -> Result<Welcome, Refusal> {
    if let Ok(FromDaemon { error: Some(error), .. }) = codec::decode(frame) {
        return Err(Refusal::Said(error));
    }
    if let Ok(error) = codec::decode(frame) {
        return Err(Refusal::Said(error));
    }
    codec::decode(frame).map_err(Refusal::Unclear)
}

fn of_io(path: &Path, error: io::Error) -> ConnectError {
    use io::ErrorKind::{ConnectionRefused, NotADirectory, NotFound, PermissionDenied};
    let kind = error.kind();
    if matches!(kind, NotFound | ConnectionRefused | NotADirectory) {
        ConnectError::NotRunning(vec![path.into()])
    } else if kind == PermissionDenied {
        ConnectError::Permission(path.into())
    } else {
        ConnectError::Io { path: path.into(), error }
    }
}

fn framing() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder().max_frame_length(limits::CONTROL_FRAME_BYTES).new_codec()
}

/// Some hundred replies with one read.
const READ_BYTES: usize = 64 * 1024;
