//! What systemd does with the sockets of a service: it keeps those that the service sends, and
//! gives them to its next run.

use std::collections::BTreeMap;
use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

/// Most sockets that can be given back: as many as a child has standard streams.
const MOST: usize = 3;

/// Sockets by name. Clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Keeper(Arc<Mutex<Option<BTreeMap<String, OwnedFd>>>>);

impl Keeper {
    /// From now on what comes is kept; before, it is closed.
    pub(crate) fn begin(&self) {
        self.0.lock().unwrap().get_or_insert_default();
    }

    /// Closes all, as the end of the service does.
    pub(crate) fn clear(&self) {
        if let Some(kept) = self.0.lock().unwrap().as_mut() {
            kept.clear();
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().flat_map(BTreeMap::keys).cloned().collect()
    }

    /// The next datagram and its length, after doing what it wants with sockets.
    pub(crate) fn receive(
        &self,
        socket: &UnixDatagram,
        buffer: &mut [u8],
    ) -> rustix::io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(8))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let flags = RecvFlags::CMSG_CLOEXEC;
        let length = recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags)?.bytes;
        let mut came = Vec::new();
        for message in control.drain() {
            if let RecvAncillaryMessage::ScmRights(sockets) = message {
                came.extend(sockets);
            }
        }
        self.take(&String::from_utf8_lossy(&buffer[..length]), came);
        Ok(length)
    }

    fn take(&self, text: &str, came: Vec<OwnedFd>) {
        let mut kept = self.0.lock().unwrap();
        let name = text.lines().find_map(|line| line.strip_prefix("FDNAME="));
        let (Some(kept), Some(name)) = (kept.as_mut(), name) else { return };
        if text.lines().any(|line| line == "FDSTOREREMOVE=1") {
            kept.remove(name);
        }
        if text.lines().any(|line| line == "FDSTORE=1") {
            kept.extend(came.into_iter().map(|socket| (name.to_owned(), socket)));
        }
    }

    /// The same command, which gets the sockets as systemd would give them. Its output goes to
    /// the end of the file `log`.
    pub(crate) fn give(&self, command: Command, log: &std::path::Path) -> Command {
        let kept = self.0.lock().unwrap();
        let Some(kept) = kept.as_ref().filter(|kept| !kept.is_empty()) else { return command };
        assert!(kept.len() <= MOST, "more is kept than can be given back: {kept:?}");
        let moves = ["3<&0", "4<&1", "5<&2"][..kept.len()].join(" ");
        let script = format!("exec {moves} </dev/null >>\"$LOG\" 2>&1; LISTEN_PID=$$ exec \"$@\"");
        let mut wrapped = Command::new("sh");
        wrapped.arg("-c").arg(script).arg("sh").arg(command.get_program());
        wrapped.args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => wrapped.env(name, value),
                None => wrapped.env_remove(name),
            };
        }
        let names: Vec<&str> = kept.keys().map(String::as_str).collect();
        wrapped.env("LISTEN_FDS", kept.len().to_string()).env("LISTEN_FDNAMES", names.join(":"));
        wrapped.env("LOG", log);
        let mut sockets = kept.values().map(|socket| Stdio::from(socket.try_clone().unwrap()));
        let mut next = || sockets.next().unwrap_or_else(Stdio::null);
        wrapped.stdin(next()).stdout(next()).stderr(next());
        wrapped
    }
}
