//! Pipelined messages through a chain of three: one client at one end, one tail at the other.

use std::time::Instant;

use meshchat_tests::Daemon;

use crate::control::{self, Control};
use crate::stats::{float, median};
use crate::table::{Table, Target};
use crate::{mesh, proc};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let (rounds, count) = if quick { (3, 50_000) } else { (5, 100_000) };
    let mut chain = mesh::chain(3);
    let mut client = Control::connect(&chain[0].socket());
    let mut tail = Control::tail(&chain[2].socket());
    let mut first = 0;
    round(&mut chain, &mut client, &mut tail, first..first + count / 10);
    first += count / 10;
    let mut all = Vec::new();
    for _ in 0..rounds {
        all.push(round(&mut chain, &mut client, &mut tail, first..first + count));
        first += count;
    }
    let pick = |of: fn(&Round) -> f64| median(&all.iter().map(of).collect::<Vec<_>>());
    let note = format!("{rounds} rounds of {count} texts of {} bytes", control::TEXT);
    table.row("CPU per message and node", pick(Round::mean), "us", Target::Most(3.0), note);
    table.row("  first node (client, signing)", pick(|r| r.cpu[0]), "us", Target::None, "");
    table.row("  middle node", pick(|r| r.cpu[1]), "us", Target::None, "");
    table.row("  last node (tail)", pick(|r| r.cpu[2]), "us", Target::None, "");
    let target = Target::Least(100_000.0);
    let note = "on the wall, with client and tail on the same processors";
    table.row("delivered", pick(|r| r.per_second), "/s", target, note);
    let lost: f64 = all.iter().map(|round| round.lost).sum();
    let drops = chain.iter().map(mesh::drops).collect::<Vec<_>>().join("; ");
    table.row("lost, doubled or out of order", lost, "", Target::Most(0.0), drops);
    let switches = pick(|r| r.switches);
    table.row("wake-ups per 1000 messages and node", switches, "", Target::None, "");
}

/// What one round came to; times in microseconds per message.
struct Round {
    cpu: [f64; 3],
    switches: f64,
    per_second: f64,
    lost: f64,
}

impl Round {
    fn mean(&self) -> f64 {
        self.cpu.iter().sum::<f64>() / 3.0
    }
}

fn round(
    chain: &mut [Daemon],
    client: &mut Control,
    tail: &mut Control,
    numbers: std::ops::Range<u64>,
) -> Round {
    let pids: Vec<u32> = chain.iter_mut().map(|node| node.process().pid()).collect();
    let count = float(numbers.end - numbers.start);
    let wakes = || pids.iter().map(|pid| proc::wakeups(*pid)).sum::<f64>();
    let before: Vec<f64> = pids.iter().map(|pid| proc::cpu_us(*pid)).collect();
    let (woken, began) = (wakes(), Instant::now());
    let (refused, lost) = pass(client, tail, numbers);
    let took = began.elapsed().as_secs_f64();
    let used = |n: usize| (proc::cpu_us(pids[n]) - before[n]) / count;
    Round {
        cpu: [used(0), used(1), used(2)],
        switches: (wakes() - woken) / count / 3.0 * 1000.0,
        per_second: count / took,
        lost: float(refused + lost),
    }
}

/// Sends all and hears all. Returns how many were refused, and how many did not come when they
/// should.
pub(crate) fn pass(
    client: &mut Control,
    tail: &mut Control,
    numbers: std::ops::Range<u64>,
) -> (u64, u64) {
    let wanted = numbers.clone();
    std::thread::scope(|scope| {
        let hearing = scope.spawn(move || {
            // What comes out of its turn counts once, and so does what never comes.
            let (mut next, mut wrong) = (wanted.start, 0);
            while next < wanted.end {
                match tail.heard() {
                    Some(heard) if heard >= next => {
                        wrong += heard - next;
                        next = heard + 1;
                    }
                    Some(_) => wrong += 1,
                    None => return wrong + wanted.end - next,
                }
            }
            wrong
        });
        let refused = control::send_all(client, numbers);
        (refused, hearing.join().unwrap())
    })
}
