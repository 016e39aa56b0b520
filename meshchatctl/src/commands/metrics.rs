use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt};
use std::path::Path;

use meshchat_client::metrics::{Snapshot, render};
use tokio::time;

use crate::args::Metrics;
use crate::failure::{Exit, Failure};
use crate::session::{PATIENCE, Session};

pub(crate) async fn metrics(session: &mut Session, args: Metrics) -> Result<u8, Failure> {
    let taken = take(session).await;
    let Some(path) = args.textfile else {
        session.out.text(&render(Some(&taken?)))?;
        return Ok(0);
    };
    // That the daemon does not answer is a number, too: the file would say for ever that it does.
    let written = replace(&path, &render(taken.as_ref().ok()));
    match (taken, written) {
        (Ok(_), Ok(())) => Ok(0),
        (Ok(_), Err(error)) => Err(failure(&path, &error)),
        (Err(down), Ok(())) => Err(down),
        (Err(down), Err(error)) => {
            Err(down.hint(format!("{} does not say so: {error}", path.display())))
        }
    }
}

async fn take(session: &Session) -> Result<Snapshot, Failure> {
    let client = session.connect().await?;
    let Ok(snapshot) = time::timeout(PATIENCE, Snapshot::take(&client)).await else {
        return Err(Failure::new(Exit::TimedOut, "timed_out", "meshchatd did not answer in time")
            .hint("see why:    journalctl -u meshchatd -n 20"));
    };
    Ok(snapshot?)
}

/// Writes beside the file and puts it in its place, so that a reader finds the old or the new
/// text and nothing in between.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // A rename puts a file in the place of whatever is there: root would lose a device by it.
    if fs::symlink_metadata(path).is_ok_and(|there| !there.is_file()) {
        return Err(io::Error::other("it is no regular file, and stays as it is"));
    }
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let beside = path.with_file_name(hidden(name, std::process::id()));
    remove_old(path, name);
    let written = write(&beside, text).and_then(|()| fs::rename(&beside, path));
    if written.is_err() {
        // The first error is the one to tell.
        let _ = fs::remove_file(&beside);
    }
    written
}

/// What runs left behind that were killed. That a folder cannot be read is found out by writing.
fn remove_old(path: &Path, name: &OsStr) {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = fs::read_dir(folder.unwrap_or(Path::new("."))) else { return };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let process = file.to_str().and_then(|file| file.strip_suffix(END)?.rsplit('.').next());
        let Some(process) = process.and_then(|process| process.parse().ok()) else { continue };
        let runs = process != std::process::id() && Path::new(&format!("/proc/{process}")).exists();
        if !runs && file == hidden(name, process) {
            // Another run may have done so.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).mode(0o644).open(path)?;
    file.write_all(text.as_bytes())?;
    // Whatever the umask: the collector is another user.
    file.set_permissions(PermissionsExt::from_mode(0o644))?;
    file.sync_all()
}

/// A name that no collector reads, and that two who write at once do not share.
fn hidden(name: &OsStr, process: u32) -> OsString {
    let mut hidden = OsString::from(".");
    hidden.push(name);
    hidden.push(format!(".{process}{END}"));
    hidden
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let words = format!("cannot write {}: {error}", path.display());
    Failure::new(Exit::Other, "io", words).hint("the file of before, if there is one, stays")
}

const END: &str = ".new";
