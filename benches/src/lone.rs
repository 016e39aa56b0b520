//! Messages that come one at a time, 200 a second, through a chain of three.

use std::io::Write as _;
use std::thread;
use std::time::{Duration, Instant};

use crate::control::Control;
use crate::stats::{float, quantile};
use crate::table::{Table, Target};
use crate::{mesh, proc};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let count: u64 = if quick { 1000 } else { 4000 };
    let mut chain = mesh::chain(3);
    let mut client = Control::connect(&chain[0].socket());
    let mut tail = Control::tail(&chain[2].socket());
    let pids: Vec<u32> = chain.iter_mut().map(|node| node.process().pid()).collect();
    let sum = |of: fn(u32) -> f64| pids.iter().map(|pid| of(*pid)).sum::<f64>();
    let clock = Instant::now();
    // The first few find cold caches.
    let mut took = Vec::new();
    let (mut cpu, mut woken) = (0.0, 0.0);
    for (warm, count) in [(false, 100), (true, count)] {
        (cpu, woken) = (sum(proc::cpu_us), sum(proc::wakeups));
        took = send_at_pace(&mut client, &mut tail, clock, count);
        assert!(!warm || took.len() as u64 == count, "{} of {count} arrived", took.len());
    }
    let per = float(took.len()) * 3.0;
    let note = format!("{} messages, 5 ms apart, from write to read", took.len());
    table.row("latency, median", quantile(&took, 0.5), "ms", Target::Below(0.6), note);
    table.row("latency, 99 %", quantile(&took, 0.99), "ms", Target::Below(3.0), "");
    table.row("latency, best", quantile(&took, 0.0), "ms", Target::None, "");
    let cpu = (sum(proc::cpu_us) - cpu) / per;
    let note = "one signature at the first node, one check at each of the others";
    table.row("CPU per message and node", cpu, "us", Target::None, note);
    let woken = (sum(proc::wakeups) - woken) / per;
    table.row("wake-ups per message and node", woken, "", Target::None, "");
}

/// Latencies in milliseconds. The text of each message is the time of its sending.
fn send_at_pace(client: &mut Control, tail: &mut Control, clock: Instant, count: u64) -> Vec<f64> {
    let now = move || u64::try_from(clock.elapsed().as_nanos()).unwrap_or(u64::MAX);
    let mut writer = client.writer();
    thread::scope(|scope| {
        let hearing = scope.spawn(move || {
            let mut took = Vec::new();
            while let Some(sent) = (took.len() as u64 != count).then(|| tail.heard()).flatten() {
                took.push(float(now() - sent) / 1e6);
            }
            took
        });
        let mut next = Instant::now();
        for _ in 0..count {
            next += PACE;
            thread::sleep(next.saturating_duration_since(Instant::now()));
            let request = client.say(now());
            writer.write_all(&request).unwrap();
        }
        for _ in 0..count {
            client.frame();
        }
        hearing.join().unwrap()
    })
}

const PACE: Duration = Duration::from_millis(5);
