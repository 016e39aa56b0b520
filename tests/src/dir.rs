//! Folders that vanish with the test.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::{env, fs, process};

/// A fresh folder, removed when dropped. Its path is short enough for Unix sockets.
#[derive(Debug)]
pub struct TestDir {
    path: PathBuf,
}

impl TestDir {
    /// Makes a new folder under the system's temporary one.
    #[expect(clippy::new_without_default, reason = "it acts on the file system")]
    pub fn new() -> Self {
        loop {
            let path = env::temp_dir().join(format!("meshchat-{}", unique()));
            match fs::create_dir(&path) {
                Ok(()) => return Self { path },
                // A run that was killed has left it, and its process number came again.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => panic!("cannot make {}: {error}", path.display()),
            }
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A path inside it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for TestDir {
    fn drop(&mut self) {
        // A test may have made it read-only; what cannot be removed is not worth a
        // second panic.
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Letters and digits that no other test running now has.
pub(crate) fn unique() -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    format!("t{}x{}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_removed_with_its_contents() {
        let dir = TestDir::new();
        let path = dir.path().to_path_buf();
        fs::write(dir.join("file"), "x").unwrap();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn two_do_not_meet() {
        assert_ne!(TestDir::new().path(), TestDir::new().path());
    }
}
