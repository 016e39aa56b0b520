//! Runs `meshchat-gateway` beside a daemon.

use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;

use crate::notify::Notices;
use crate::process::forget_settings;
use crate::{Daemon, Limit, Process, TestDir, program, wait_for, wait_some};

/// A running gateway; killed when dropped, and its folder removed.
#[derive(Debug)]
pub struct Gateway {
    config: String,
    socket: std::path::PathBuf,
    ctl: crate::Ctl,
    process: Process,
    notices: Notices,
    dir: TestDir,
}

impl Gateway {
    /// Starts a gateway for this daemon with the text of a configuration, and waits until it has
    /// told the daemon of its doors. The web page is off unless the text has a `[web]`; give
    /// doors port 0.
    pub fn start(daemon: &Daemon, config: &str) -> Self {
        let dir = TestDir::new();
        let off = if config.contains("[web]") { "" } else { "[web]\nenabled = false\n" };
        let config = format!("{off}{config}");
        fs::write(dir.join("gateway.toml"), &config).unwrap();
        let notices = Notices::listen(dir.join("notify"));
        let socket = daemon.socket();
        let process = spawn(&dir, &socket, &notices);
        let mut gateway = Self { config, socket, ctl: daemon.ctl(), process, notices, dir };
        gateway.wait_ready();
        gateway
    }

    /// Ends it at once and starts it again, with other ports.
    pub fn start_again(&mut self) {
        self.process.kill();
        wait_for("its doors to be forgotten", Limit::default(), || self.doors().is_empty());
        self.notices.forget();
        self.process = spawn(&self.dir, &self.socket, &self.notices);
        self.wait_ready();
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// The first address of a door, once it is told: `127.0.0.1:40123`, `http://127.0.0.1:40123/`.
    pub fn address(&self, door: &str) -> String {
        wait_some(&format!("the address of door {door}"), Limit::default(), || {
            let info = self.door(door)?;
            Some(info["addresses"][0].as_str()?.to_owned())
        })
    }

    /// How often a door refused or dropped something for this reason.
    pub fn drops(&self, door: &str, reason: &str) -> u64 {
        let info = self.door(door).unwrap_or_default();
        let drops = info["drops"].as_array().cloned().unwrap_or_default();
        let found = drops.iter().find(|drop| drop["reason"] == reason);
        found.map_or(0, |drop| drop["count"].as_u64().unwrap())
    }

    /// What the daemon knows of one door.
    pub fn door(&self, name: &str) -> Option<Value> {
        self.doors().into_iter().find(|door| door["name"] == name)
    }

    /// What it printed.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.dir.join("log")).unwrap_or_default()).into_owned()
    }

    /// Its state directory.
    pub fn state_dir(&self) -> std::path::PathBuf {
        self.dir.join("state")
    }

    fn doors(&self) -> Vec<Value> {
        let done = self.ctl.run(["doors", "--json"]);
        done.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    fn wait_ready(&mut self) {
        let deadline = Limit::default().deadline();
        while !self.notices.has("READY=1") {
            if let Some(status) = self.process.status() {
                panic!("the gateway did not start: {status}\n{}\n{}", self.config, self.log());
            }
            assert!(std::time::Instant::now() < deadline, "not ready in time\n{}", self.log());
            thread::sleep(crate::wait::POLL);
        }
        wait_for("the doors to be told", Limit::default(), || !self.doors().is_empty());
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("--- log of the gateway\n{}\n---", self.log());
        }
    }
}

fn spawn(dir: &TestDir, socket: &std::path::Path, notices: &Notices) -> Process {
    let log = File::options().create(true).append(true).open(dir.join("log")).unwrap();
    let mut command = Command::new(program("meshchat-gateway"));
    forget_settings(&mut command);
    command.arg("--socket").arg(socket).arg("--config").arg(dir.join("gateway.toml"));
    command.arg("--state-dir").arg(dir.join("state"));
    command.env("NOTIFY_SOCKET", notices.path()).env("RUST_BACKTRACE", "1");
    command.env_remove("INVOCATION_ID").env_remove("JOURNAL_STREAM").env("HOME", dir.path());
    command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
    Process::spawn(&mut command)
}
