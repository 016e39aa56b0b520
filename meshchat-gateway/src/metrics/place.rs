//! The port or the socket.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream as StdStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::time;

use crate::config::Place;
use crate::door::{Door, listen};

/// See the module.
#[derive(Debug)]
pub(super) enum Listener {
    Port(TcpListener, SocketAddr),
    Socket(UnixListener, PathBuf),
}

/// A connection.
pub(super) type Stream = Box<dyn Both>;

/// What can be read and written.
pub(super) trait Both: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Both for S {}

impl Listener {
    pub(super) fn bind(place: &Place) -> anyhow::Result<Self> {
        match place {
            Place::Port(address) => {
                let bound = listen(*address).and_then(|listener| {
                    let local = listener.local_addr()?;
                    Ok(Self::Port(listener, local))
                });
                bound.with_context(|| {
                    format!(
                        "cannot serve numbers at {address}; choose another `listen` in [metrics]"
                    )
                })
            }
            Place::Socket(path) => {
                remove_stale(path)?;
                let listener = UnixListener::bind(path).and_then(|listener| {
                    // Until here it was for this user alone, by the umask.
                    std::fs::set_permissions(path, PermissionsExt::from_mode(0o660))?;
                    Ok(listener)
                });
                let listener = listener.with_context(|| {
                    format!(
                        "cannot make the socket {}; make its folder, or choose another `listen` in \
                         [metrics]",
                        path.display()
                    )
                })?;
                Ok(Self::Socket(listener, path.clone()))
            }
        }
    }

    /// Where it is, as one would type it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Port(_, local) => format!("http://{local}/metrics"),
            Self::Socket(_, path) => format!("unix:{}", path.display()),
        }
    }

    /// Its port; none for a socket.
    pub(super) const fn local(&self) -> Option<SocketAddr> {
        match self {
            Self::Port(_, local) => Some(*local),
            Self::Socket(..) => None,
        }
    }

    /// The next connection.
    pub(super) async fn accept(&self, door: &Door) -> Stream {
        loop {
            let accepted = match self {
                Self::Port(listener, _) => {
                    listener.accept().await.map(|(stream, _)| Box::new(stream) as Stream)
                }
                Self::Socket(listener, _) => {
                    listener.accept().await.map(|(stream, _)| Box::new(stream) as Stream)
                }
            };
            match accepted {
                Ok(stream) => return stream,
                Err(error) => {
                    // Out of descriptors: others must close theirs first.
                    door.count("accept_failed");
                    tracing::warn!("cannot accept who asks for numbers: {error}");
                    time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Self::Socket(_, path) = self {
            // The next start removes what stays.
            std::fs::remove_file(path).ok();
        }
    }
}

/// Removes the socket that a killed gateway left behind.
fn remove_stale(path: &Path) -> anyhow::Result<()> {
    match StdStream::connect(path) {
        Ok(_) => bail!("somebody serves at {} already; end it, or choose another", path.display()),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path).with_context(|| format!("cannot remove {}", path.display()))
        }
        // Not there; or something that bind will explain better.
        Err(_) => Ok(()),
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
