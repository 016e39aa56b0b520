//! One state file: a line with version and checksum, then the body.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::{LARGEST_STATE, StoreError};

/// The body of a sound file.
pub(super) struct Found {
    pub(super) body: Vec<u8>,
    /// Whether it is the previous generation, because the newest is damaged or lost.
    pub(super) previous: bool,
}

/// The newest sound generation of `name`, or `None` if there never was one.
pub(super) fn read(directory: &Path, name: &str) -> Result<Option<Found>, StoreError> {
    let path = directory.join(name);
    let newest = sound(&path)?;
    if let Some(Ok(body)) = newest {
        return Ok(Some(Found { body, previous: false }));
    }
    let is_damaged = newest.is_some();
    match sound(&path.with_extension("old"))? {
        Some(Ok(body)) => {
            let file = path.display();
            tracing::warn!(%file, "a state file is damaged or lost; using its previous generation");
            Ok(Some(Found { body, previous: true }))
        }
        Some(Err(Damaged)) => Err(StoreError::Damaged(path)),
        None if is_damaged => Err(StoreError::Damaged(path)),
        None => Ok(None),
    }
}

/// Replaces `name` at once or not at all; the generation before stays as `NAME.old`.
pub(super) fn write(directory: &Path, name: &str, body: &[u8]) -> Result<(), StoreError> {
    let path = directory.join(name);
    if body.len() > LARGEST_STATE {
        return Err(StoreError::TooLarge(path));
    }
    let temporary = path.with_extension("new");
    let old = path.with_extension("old");
    let written = write_new(&temporary, body).and_then(|()| {
        // A damaged file must not push out the sound generation before it.
        if matches!(sound(&path), Ok(Some(Ok(_)))) {
            keep_as(&path, &old)?;
        }
        fs::rename(&temporary, &path)?;
        sync_directory(directory)
    });
    written.map_err(|error| {
        // Half a file helps nobody, and on a full disk it takes the last space.
        let _ = fs::remove_file(&temporary);
        StoreError::from_io(&path, error)
    })
}

/// Makes the names in a directory survive a power loss.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// The file is there but its checksum does not fit.
struct Damaged;

fn sound(path: &Path) -> Result<Option<Result<Vec<u8>, Damaged>>, StoreError> {
    let failed = |error| StoreError::from_io(path, error);
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(failed(error)),
    };
    let mut bytes = Vec::new();
    let most = u64::try_from(LARGEST_STATE + HEADER + 1).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut bytes).map_err(failed)?;
    let Some((header, body)) = bytes.split_at_checked(HEADER) else {
        return Ok(Some(Err(Damaged)));
    };
    if header != self::header(body).as_bytes() {
        return Ok(Some(Err(Damaged)));
    }
    Ok(Some(Ok(body.to_vec())))
}

fn write_new(path: &Path, body: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(header(body).as_bytes())?;
    file.write_all(body)?;
    file.sync_all()
}

fn keep_as(path: &Path, old: &Path) -> io::Result<()> {
    match fs::remove_file(old) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    match fs::hard_link(path, old) {
        // File systems without hard links, such as FAT.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => fs::rename(path, old),
        other => other,
    }
}

fn header(body: &[u8]) -> String {
    format!("{VERSION}{}\n", blake3::hash(body).to_hex())
}

const VERSION: &str = "meshchat-state 1 blake3 ";
/// The version, 64 hexadecimal digits and a line feed.
const HEADER: usize = VERSION.len() + 64 + 1;
