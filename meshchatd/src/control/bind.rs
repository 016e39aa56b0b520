//! Listening on the control socket.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt};
use std::os::unix::net::{UnixListener as StdListener, UnixStream as StdStream};
use std::path::{Path, PathBuf};

use nix::unistd::{Group, chown};
use thiserror::Error;
use tokio::net::UnixListener;

use crate::config::{Mode, Settings};

/// Why the control socket cannot be had.
#[derive(Debug, Error)]
pub enum SocketError {
    /// Somebody answers there.
    #[error("another daemon answers on {}", .0.display())]
    InUse(PathBuf),
    /// The system refused.
    #[error("cannot listen on {}: {source}", path.display())]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Takes the socket that systemd passed, or the one that the run before has made, or makes one
/// that the group may use.
///
/// The process must run with a umask that keeps others out, so that there is no moment in which
/// they could connect.
///
/// # Errors
///
/// [`SocketError`] when somebody else answers there or the system refuses.
pub fn bind(
    passed: Option<StdListener>,
    kept: Option<StdListener>,
    settings: &Settings,
) -> Result<UnixListener, SocketError> {
    let path = &settings.socket.value;
    let failed = |source| SocketError::Io { path: path.clone(), source };
    let take = |listener: StdListener| {
        listener.set_nonblocking(true).and_then(|()| UnixListener::from_std(listener))
    };
    if let Some(listener) = passed {
        return take(listener).map_err(failed);
    }
    let listener = if let Some(kept) = kept.filter(|kept| is_at(kept, path)) {
        take(kept).map_err(failed)?
    } else {
        remove_stale(path)?;
        UnixListener::bind(path).map_err(failed)?
    };
    if settings.mode == Mode::System {
        open_to_group(path, &settings.group.value).map_err(failed)?;
    }
    Ok(listener)
}

/// Whether clients that connect to `path` still come to this listener.
fn is_at(listener: &StdListener, path: &Path) -> bool {
    let same = listener.local_addr().is_ok_and(|at| at.as_pathname() == Some(path));
    same && std::fs::symlink_metadata(path).is_ok_and(|there| there.file_type().is_socket())
}

/// Removes the socket that a killed daemon left behind.
fn remove_stale(path: &Path) -> Result<(), SocketError> {
    match StdStream::connect(path) {
        Ok(_) => Err(SocketError::InUse(path.into())),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            std::fs::remove_file(path)
                .map_err(|source| SocketError::Io { path: path.into(), source })
        }
        // Not there; or something that bind will explain better.
        Err(_) => Ok(()),
    }
}

fn open_to_group(path: &Path, group: &str) -> io::Result<()> {
    let Some(group) = Group::from_name(group).ok().flatten() else {
        tracing::warn!(
            "this machine has no group {group}, so only root can use the control socket; \
             to let others in: groupadd --system {group}, and restart"
        );
        return Ok(());
    };
    // The sandbox of the service allows no change, and needs none.
    let is_given = std::fs::metadata(path)?.gid() == group.gid.as_raw();
    if !is_given && let Err(error) = chown(path, None, Some(group.gid)) {
        tracing::warn!(%error, group = group.name, "cannot give the control socket to the group");
    }
    std::fs::set_permissions(path, PermissionsExt::from_mode(0o660))
}
