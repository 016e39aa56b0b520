//! What the log needs of a disk.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

/// Numbered files, of which one at a time is written at its end.
///
/// Nothing is safe before [`Disk::sync`]: until then a power cut may leave any part of what was
/// appended, or nothing.
pub(crate) trait Disk {
    /// The numbers of all segments, in any order.
    fn list(&mut self) -> io::Result<Vec<u64>>;
    /// The first `most` bytes of a segment.
    fn read(&mut self, segment: u64, most: usize) -> io::Result<Vec<u8>>;
    /// Opens a segment to append to; a new one is made with a name that survives a power cut.
    fn open(&mut self, segment: u64, new: bool) -> io::Result<()>;
    /// Writes at the end of the open segment. After a failure a part may be written.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Makes all that was appended to the open segment safe.
    fn sync(&mut self) -> io::Result<()>;
    /// Removes a segment.
    fn remove(&mut self, segment: u64) -> io::Result<()>;
}

/// A directory of real files.
#[derive(Debug)]
pub(crate) struct Directory {
    path: PathBuf,
    file: Option<File>,
}

impl Directory {
    /// The directory `path`, made when the first segment is.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    fn file(&self, segment: u64) -> PathBuf {
        self.path.join(format!("{segment:08}{SUFFIX}"))
    }

    fn opened(&mut self) -> io::Result<&mut File> {
        self.file.as_mut().ok_or_else(|| io::Error::other("no segment is open"))
    }
}

impl Disk for Directory {
    fn list(&mut self) -> io::Result<Vec<u64>> {
        let entries = match fs::read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            other => other?,
        };
        let mut segments = Vec::new();
        for entry in entries {
            let name = entry?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(SUFFIX));
            segments.extend(number.and_then(|number| number.parse::<u64>().ok()));
        }
        Ok(segments)
    }

    fn read(&mut self, segment: u64, most: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        File::open(self.file(segment))?.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn open(&mut self, segment: u64, new: bool) -> io::Result<()> {
        self.file = None;
        if new {
            fs::DirBuilder::new().recursive(true).mode(0o700).create(&self.path)?;
        }
        let mut options = OpenOptions::new();
        let options = options.append(true).create_new(new).mode(0o600);
        let file = options.open(self.file(segment))?;
        if new {
            sync_names(&self.path)?;
        }
        self.file = Some(file);
        Ok(())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.opened()?.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.opened()?.sync_data()
    }

    fn remove(&mut self, segment: u64) -> io::Result<()> {
        fs::remove_file(self.file(segment))
    }
}

fn sync_names(path: &Path) -> io::Result<()> {
    super::super::sync_directory(path)
}

const SUFFIX: &str = ".log";
