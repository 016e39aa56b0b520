//! The other end of sd-notify: hears when a daemon is ready.

use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use crate::keeper::Keeper;

/// Collects every notice that a daemon sends, so that the daemon never waits for us.
#[derive(Debug)]
pub(crate) struct Notices {
    path: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    keeper: Keeper,
    reader: Option<JoinHandle<()>>,
}

impl Notices {
    /// Listens at `path`, which goes into the daemon's `NOTIFY_SOCKET`.
    pub(crate) fn listen(path: PathBuf) -> Self {
        let socket = UnixDatagram::bind(&path)
            .unwrap_or_else(|e| panic!("cannot listen at {}: {e}", path.display()));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let sink = Arc::clone(&lines);
        let keeper = Keeper::default();
        let keeps = keeper.clone();
        let reader = Some(thread::spawn(move || collect(&socket, &keeps, &sink)));
        Self { path, lines, keeper, reader }
    }

    /// What is done with the sockets that the daemon sends.
    pub(crate) fn keeper(&self) -> &Keeper {
        &self.keeper
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// All lines so far, such as `READY=1`, oldest first.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    pub(crate) fn has(&self, line: &str) -> bool {
        self.lines.lock().unwrap().iter().any(|l| l == line)
    }

    pub(crate) fn forget(&self) {
        self.lines.lock().unwrap().clear();
    }
}

impl Drop for Notices {
    fn drop(&mut self) {
        let told = UnixDatagram::unbound().and_then(|s| s.send_to(THE_END, &self.path));
        if let (Ok(_), Some(reader)) = (told, self.reader.take()) {
            let _ = reader.join();
        }
    }
}

fn collect(socket: &UnixDatagram, keeper: &Keeper, sink: &Mutex<Vec<String>>) {
    let mut buffer = [0; 4096];
    loop {
        let length = match keeper.receive(socket, &mut buffer) {
            Ok(length) => length,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) => return,
        };
        let datagram = &buffer[..length];
        if datagram == THE_END {
            return;
        }
        let text = String::from_utf8_lossy(datagram);
        sink.lock().unwrap().extend(text.lines().map(str::to_owned));
    }
}

const THE_END: &[u8] = b"X_TEST_ENDS=1";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limit, TestDir, wait_for};

    #[test]
    fn splits_and_keeps_notices() {
        let dir = TestDir::new();
        let notices = Notices::listen(dir.join("notify"));
        let daemon = UnixDatagram::unbound().unwrap();
        daemon.send_to(b"READY=1\nSTATUS=2 peers\n", notices.path()).unwrap();
        wait_for("the status", Limit::default(), || notices.has("STATUS=2 peers"));
        assert_eq!(notices.lines(), ["READY=1", "STATUS=2 peers"]);
        notices.forget();
        assert!(!notices.has("READY=1"));
    }

    #[test]
    fn many_notices_block_nobody() {
        let dir = TestDir::new();
        let notices = Notices::listen(dir.join("notify"));
        let daemon = UnixDatagram::unbound().unwrap();
        for _ in 0..1000 {
            daemon.send_to(b"WATCHDOG=1", notices.path()).unwrap();
        }
        wait_for("all notices", Limit::default(), || notices.lines().len() == 1000);
    }
}
