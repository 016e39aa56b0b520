//! The helper for daemons, against a stand-in that only tells that it is ready.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use meshchat_tests::{Builder, Daemon, Limit, TestDir, python};

#[test]
fn is_ready_once_it_says_so() {
    let Some(stand_in) = StandIn::or_skip("ready(); sleep()") else { return };
    let daemon = stand_in.builder().peer("127.0.0.1:9").arg("--more").start();
    assert!(daemon.notices().contains(&"READY=1".to_owned()));
    let log = daemon.log();
    for part in ["--name a", "--listen 127.0.0.1:0", "--peer 127.0.0.1:9 --more", "--state-dir"] {
        assert!(log.contains(part), "{part} is missing in {log}");
    }
}

#[test]
fn keeps_its_folder_over_a_kill() {
    let Some(stand_in) = StandIn::or_skip("ready(); sleep()") else { return };
    let mut daemon = stand_in.builder().start();
    let (first, state) = (daemon.process().pid(), daemon.state_dir());
    daemon.kill();
    daemon.start_again();
    assert_ne!(daemon.process().pid(), first);
    assert_eq!(daemon.state_dir(), state);
    assert_eq!(daemon.log().lines().count(), 2, "{}", daemon.log());
}

#[test]
fn leaves_neither_process_nor_folder() {
    let Some(stand_in) = StandIn::or_skip("ready(); sleep()") else { return };
    let mut daemon = stand_in.builder().config("listen = 1\n").start();
    assert!(daemon.log().contains("--config"));
    let process = PathBuf::from(format!("/proc/{}", daemon.process().pid()));
    let folder = daemon.dir().to_path_buf();
    assert!(process.exists() && folder.exists());
    drop(daemon);
    assert!(!process.exists() && !folder.exists());
}

#[test]
fn a_failed_start_shows_status_and_log() {
    let Some(stand_in) = StandIn::or_skip("sys.exit('port in use')") else { return };
    let failure = stand_in.builder().try_start().err().unwrap();
    assert_eq!(failure.status.unwrap().code(), Some(1));
    assert!(failure.log.contains("port in use"), "{failure}");
}

#[test]
fn one_that_is_never_ready_fails_at_the_limit() {
    let Some(stand_in) = StandIn::or_skip("sleep()") else { return };
    let limit = Limit(Duration::from_millis(200));
    let failure = stand_in.builder().limit(limit).try_start().err().unwrap();
    assert!(failure.status.is_none());
}

struct StandIn {
    dir: TestDir,
}

impl StandIn {
    fn or_skip(body: &str) -> Option<Self> {
        if !Command::new(python()).arg("--version").output().is_ok_and(|o| o.status.success()) {
            eprintln!("skipped: no python3");
            return None;
        }
        let dir = TestDir::new();
        // Written by a child: a file that this process had open for writing could not be
        // run while a sibling test is just starting a program.
        let written = Command::new("sh")
            .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod 755 \"$1\"", "sh"])
            .arg(dir.join("stand-in"))
            .arg(format!("#!{}\n{PRELUDE}{body}\n", python_path()))
            .status()
            .unwrap();
        assert!(written.success());
        Some(Self { dir })
    }

    fn builder(&self) -> Builder {
        Daemon::builder("a").program(self.dir.join("stand-in"))
    }
}

fn python_path() -> String {
    let python = python();
    if python.is_absolute() {
        return python.display().to_string();
    }
    format!("/usr/bin/env {}", python.display())
}

const PRELUDE: &str = "
import os, socket, sys, time
print(' '.join(sys.argv[1:]), flush=True)
def ready():
    s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    s.sendto(b'READY=1', os.environ['NOTIFY_SOCKET'])
def sleep():
    time.sleep(600)
";
