//! What the kernel says about a process.

use std::fs;
use std::path::PathBuf;

use crate::stats::float;

/// Processor time of all its threads so far, in microseconds.
pub(crate) fn cpu_us(pid: u32) -> f64 {
    let ran = |task: &PathBuf| -> Option<f64> {
        let line = fs::read_to_string(task.join("schedstat")).ok()?;
        line.split(' ').next()?.parse::<f64>().ok()
    };
    // Threads that have ended are missing from this sum; a daemon keeps its own.
    tasks(pid).iter().map(ran).sum::<Option<f64>>().map_or_else(|| ticks_us(pid), |ns| ns / 1e3)
}

/// The same in steps of 10 ms, for kernels without schedstat.
fn ticks_us(pid: u32) -> f64 {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let behind_name = line.rsplit(')').next().unwrap();
    let field = |n: usize| behind_name.split_whitespace().nth(n).unwrap().parse::<f64>().unwrap();
    (field(11) + field(12)) * 10_000.0
}

/// How often its threads went to sleep by themselves so far: each is a wake-up.
pub(crate) fn wakeups(pid: u32) -> f64 {
    let of = |task: &PathBuf| field(&task.join("status"), "voluntary_ctxt_switches:");
    tasks(pid).iter().map(of).sum()
}

/// Resident memory in KiB.
pub(crate) fn rss_kib(pid: u32) -> f64 {
    field(&format!("/proc/{pid}/status").into(), "VmRSS:")
}

/// The part of it that is its own, not pages of the program file, in KiB.
pub(crate) fn own_kib(pid: u32) -> f64 {
    field(&format!("/proc/{pid}/status").into(), "RssAnon:")
}

/// The first number behind `name` in a status file.
fn field(path: &PathBuf, name: &str) -> f64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let word = line.and_then(|line| line.split_whitespace().next());
    float(word.and_then(|word| word.parse::<u64>().ok()).unwrap_or(0))
}

fn tasks(pid: u32) -> Vec<PathBuf> {
    let entries = fs::read_dir(format!("/proc/{pid}/task"))
        .unwrap_or_else(|error| panic!("process {pid} is gone: {error}"));
    entries.flatten().map(|entry| entry.path()).collect()
}
