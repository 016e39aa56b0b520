//! A child process that never outlives its test.

use std::env;
use std::process::{Child, Command, ExitStatus};
use std::thread;
use std::time::Instant;

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::wait::{Limit, POLL};

/// A running child; killed and collected when dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it; panics, naming the program, if that fails.
    pub fn spawn(command: &mut Command) -> Self {
        let child = command
            .spawn()
            .unwrap_or_else(|e| panic!("cannot start {}: {e}", command.get_program().display()));
        Self { child }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its pipes.
    pub(crate) fn child(&mut self) -> &mut Child {
        &mut self.child
    }

    /// Its exit status, if it has ended.
    pub fn status(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Sends a signal; nothing happens if the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.status().is_none() {
            let pid = Pid::from_raw(i32::try_from(self.pid()).unwrap());
            signal::kill(pid, signal).unwrap();
        }
    }

    /// `kill -9`, and waits until it is gone.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        self.child.wait().unwrap();
    }

    /// Asks it to end (SIGTERM) and waits.
    pub fn terminate(&mut self, limit: Limit) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.wait_exit(limit)
    }

    /// Stops it in its tracks (SIGSTOP).
    pub fn pause(&mut self) {
        self.signal(Signal::SIGSTOP);
    }

    /// Lets it go on (SIGCONT).
    pub fn resume(&mut self) {
        self.signal(Signal::SIGCONT);
    }

    /// Waits until it has ended by itself; panics after `limit`.
    pub fn wait_exit(&mut self, limit: Limit) -> ExitStatus {
        self.try_wait_exit(limit)
            .unwrap_or_else(|| panic!("process {} still runs after {:?}", self.pid(), limit.0))
    }

    pub(crate) fn try_wait_exit(&mut self, limit: Limit) -> Option<ExitStatus> {
        let deadline = limit.deadline();
        loop {
            let status = self.status();
            if status.is_some() || Instant::now() >= deadline {
                return status;
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Keeps the settings of the person who runs the tests away from a child.
pub(crate) fn forget_settings(command: &mut Command) {
    for (name, _) in env::vars_os() {
        if name.as_encoded_bytes().starts_with(b"MESHCHAT_") {
            command.env_remove(name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn ends_on_request() {
        let mut process = sleeper();
        let status = process.terminate(Limit::default());
        assert_eq!(status.signal(), Some(Signal::SIGTERM as i32));
    }

    #[test]
    fn a_paused_one_ends_only_when_resumed() {
        let mut process = sleeper();
        process.pause();
        process.signal(Signal::SIGTERM);
        process.resume();
        process.wait_exit(Limit::default());
    }

    #[test]
    fn a_paused_one_does_not_outlive_its_test() {
        let mut process = sleeper();
        let proc_entry = format!("/proc/{}", process.pid());
        process.pause();
        drop(process);
        assert!(!std::path::Path::new(&proc_entry).exists());
    }

    fn sleeper() -> Process {
        Process::spawn(Command::new("sleep").arg("600"))
    }
}
