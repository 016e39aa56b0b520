//! Helpers of the unit tests.

use std::path::{Path, PathBuf};

/// A private directory that is removed at the end.
pub(crate) struct Directory(PathBuf);

impl Directory {
    pub(crate) fn new() -> Self {
        let template = std::env::temp_dir().join("meshchatd-test-XXXXXX");
        Self(nix::unistd::mkdtemp(&template).unwrap())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
