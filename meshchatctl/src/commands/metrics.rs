use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::{Path, PathBuf};

use meshchat_client::metrics::{Snapshot, render};
use tokio::time;

use crate::args::Metrics;
use crate::failure::{Exit, Failure};
use crate::session::{PATIENCE, Session};

pub(crate) async fn metrics(session: &mut Session, args: Metrics) -> Result<u8, Failure> {
    let client = session.connect().await?;
    let Ok(snapshot) = time::timeout(PATIENCE, Snapshot::take(&client)).await else {
        return Err(Failure::new(Exit::TimedOut, "timed_out", "meshchatd did not answer in time")
            .hint("see why:    journalctl -u meshchatd -n 20"));
    };
    let text = render(Some(&snapshot?));
    match args.textfile {
        None => session.out.text(&text)?,
        Some(path) => replace(&path, &text).map_err(|error| failure(&path, &error))?,
    }
    Ok(0)
}

/// Writes beside the file and puts it in its place, so that a reader finds the old or the new
/// text and nothing in between.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A rename puts a file in the place of whatever is there: root would lose a device by it.
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is no regular file, and stays as it is"));
    }
    let beside = beside(path)?;
    // Of a run that was killed.
    match fs::remove_file(&beside) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let written = write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    // Whatever the umask: the collector is another user.
    file.set_permissions(PermissionsExt::from_mode(0o644))?;
    file.sync_all()
}

/// In the same folder, under a name that no collector reads.
fn beside(path: &Path) -> io::Result<PathBuf> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let mut hidden = std::ffi::OsString::from(".");
    hidden.push(name);
    hidden.push(".new");
    Ok(path.with_file_name(hidden))
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let words = format!("cannot write {}: {error}", path.display());
    Failure::new(Exit::Other, "io", words).hint("the file of before, if there is one, stays")
}
