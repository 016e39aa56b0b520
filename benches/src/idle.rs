//! Memory and wake-ups of nodes with nothing to do.

use std::thread;
use std::time::Duration;

use meshchat_tests::Daemon;

use crate::table::{Table, Target};
use crate::{mesh, proc};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let (settle, watch) = if quick { (8, 30) } else { (20, 120) };
    let mut alone = mesh::start(Daemon::builder("alone"));
    let mut chain = mesh::chain(3);
    let mut star = mesh::star(8);
    mesh::await_links(&chain[1], 2);
    mesh::await_links(&star[0], 8);
    // Path probes and first records come to their end.
    thread::sleep(Duration::from_secs(settle));
    let pids = [alone.process().pid(), chain[1].process().pid(), star[0].process().pid()];
    let before = pids.map(|pid| (proc::wakeups(pid), proc::cpu_us(pid)));
    thread::sleep(Duration::from_secs(watch));
    let a_minute = |n: usize| {
        let minutes = Duration::from_secs(watch).as_secs_f64() / 60.0;
        let (woken, cpu) = before[n];
        ((proc::wakeups(pids[n]) - woken) / minutes, (proc::cpu_us(pids[n]) - cpu) / minutes / 1e3)
    };
    let cases = [("no", None, None), ("2", Some(60.0), None), ("8", Some(200.0), Some(8.0))];
    for (n, (links, most, memory)) in cases.into_iter().enumerate() {
        let (woken, cpu) = a_minute(n);
        let target = most.map_or(Target::None, Target::Below);
        let note = format!("{cpu:.1} ms of CPU a minute, seen for {watch} s");
        table.row(format!("wake-ups with {links} links"), woken, "/min", target, note);
        let target = memory.map_or(Target::None, Target::Below);
        let note = format!("{:.1} MiB of it its own", proc::own_kib(pids[n]) / 1024.0);
        let rss = proc::rss_kib(pids[n]) / 1024.0;
        table.row(format!("resident with {links} links"), rss, "MiB", target, note);
    }
}
