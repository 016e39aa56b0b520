//! One node, one client that sends, 100 that listen.

use std::time::Instant;

use crate::control::{self, Control};
use crate::stats::{float, median};
use crate::table::{Table, Target};
use crate::{mesh, proc};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let (rounds, count) = if quick { (3, 2_000) } else { (5, 4_000) };
    let mut node = mesh::start(meshchat_tests::Daemon::builder("hub"));
    let pid = node.process().pid();
    let mut client = Control::connect(&node.socket());
    let mut tails: Vec<_> = (0..TAILS).map(|_| Control::tail(&node.socket())).collect();
    let (mut cost, mut rate, mut lost) = (Vec::new(), Vec::new(), 0);
    for round in 0..=rounds {
        let (before, began) = (proc::cpu_us(pid), Instant::now());
        lost += pass(&mut client, &mut tails, round * count..(round + 1) * count);
        // The first finds cold caches.
        if round > 0 {
            let deliveries = float(count) * float(TAILS);
            cost.push((proc::cpu_us(pid) - before) / deliveries);
            rate.push(deliveries / began.elapsed().as_secs_f64());
        }
    }
    let note = format!("{rounds} rounds of {count} texts to {TAILS} tails");
    table.row("CPU per delivery", median(&cost), "us", Target::None, note);
    table.row("deliveries", median(&rate), "/s", Target::None, "");
    let target = Target::Most(0.0);
    table.row("lost, doubled or out of order", float(lost), "", target, "");
}

fn pass(client: &mut Control, tails: &mut [Control], numbers: std::ops::Range<u64>) -> u64 {
    std::thread::scope(|scope| {
        let hearing = tails.iter_mut().map(|tail| {
            let mut wanted = numbers.clone();
            scope.spawn(move || wanted.all(|number| tail.heard() == Some(number)))
        });
        let hearing: Vec<_> = hearing.collect();
        let refused = control::send_all(client, numbers);
        refused + hearing.into_iter().map(|tail| u64::from(!tail.join().unwrap())).sum::<u64>()
    })
}

const TAILS: usize = 100;
