//! From exec to READY.

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use meshchat_tests::{Limit, Process, TestDir, program};

use crate::mesh;
use crate::stats::{median, quantile};
use crate::table::{Table, Target};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let runs = if quick { 7 } else { 21 };
    let first: Vec<_> = (0..runs).map(|_| start(&TestDir::new())).collect();
    let dir = TestDir::new();
    start(&dir);
    let again: Vec<_> = (0..runs).map(|_| start(&dir)).collect();
    let target = Target::Below(50.0);
    let note = |all: &[f64]| format!("{} starts, longest {:.0} ms", all.len(), quantile(all, 1.0));
    table.row("exec to READY", median(&again), "ms", target, note(&again));
    let note = format!("{}; makes a key", note(&first));
    table.row("exec to READY, first time", median(&first), "ms", target, note);
}

/// Milliseconds until it is ready.
fn start(dir: &TestDir) -> f64 {
    let path = dir.join("notify");
    let notices = UnixDatagram::bind(&path).unwrap();
    notices.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut command = Command::new(program("meshchatd"));
    command.env_clear().env("NOTIFY_SOCKET", &path).env("HOME", dir.path());
    command
        .env("MESHCHAT_DISCOVERY", "off")
        .env("MESHCHAT_LINKS", "named")
        .env("MESHCHAT_MAPPING", "off");
    command.args(["--name", "n", "--listen", "127.0.0.1:0", "--state-dir"]).arg(dir.join("state"));
    command.arg("--socket").arg(dir.join("socket")).stdin(Stdio::null()).stderr(Stdio::null());
    let began = Instant::now();
    let mut process = Process::spawn(&mut command);
    mesh::watch(process.pid());
    let mut buffer = [0; 4096];
    loop {
        let length = notices.recv(&mut buffer).unwrap_or_else(|error| panic!("not ready: {error}"));
        if buffer[..length].starts_with(b"READY=1") {
            break;
        }
    }
    let took = began.elapsed().as_secs_f64() * 1e3;
    process.terminate(Limit::default());
    std::fs::remove_file(path).unwrap();
    took
}
