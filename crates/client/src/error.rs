use std::io;
use std::path::PathBuf;

use meshchat_proto::control;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No socket, or nobody behind it.
    #[error("meshchatd is not running (nothing answers at {})", list(.0))]
    NotRunning(Vec<PathBuf>),
    /// The file system does not let this user reach the socket.
    #[error("no permission to open {}", .0.display())]
    Permission(PathBuf),
    /// No common version of the control protocol.
    #[error("{0}")]
    Version(String),
    /// The daemon answered and said no.
    #[error(transparent)]
    Refused(control::Error),
    /// The daemon did not greet within [`crate::CONNECT_TIMEOUT`].
    #[error("meshchatd does not answer at {}", .0.display())]
    TimedOut(PathBuf),
    /// Something else went wrong on the socket.
    #[error("cannot talk to meshchatd at {}: {error}", .path.display())]
    Io {
        /// The socket.
        path: PathBuf,
        /// What went wrong.
        error: io::Error,
    },
}

/// Why a request has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// The daemon said no.
    #[error(transparent)]
    Daemon(#[from] control::Error),
    /// The connection ended before the answer came. Whether the request was done is unknown.
    #[error("the connection to meshchatd was lost: {0}")]
    Lost(String),
    /// The daemon answered with something that this client does not know.
    #[error("meshchatd answered something that this version does not understand")]
    NotUnderstood,
    /// The request is longer than a frame may be.
    #[error("the request has {0} bytes, more than a control frame may have")]
    TooLong(usize),
    /// The pipeline's window is full: take a result first.
    #[error("too many requests in flight")]
    Full,
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
