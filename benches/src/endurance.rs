//! Many distinct messages through one node: its memory must not follow their number.

use crate::control::Control;
use crate::stats::float;
use crate::table::{Table, Target};
use crate::{burst, mesh, proc};

pub(crate) fn measure(quick: bool, table: &mut Table) {
    let count: u64 = if quick { 200_000 } else { 1_000_000 };
    let mut chain = mesh::chain(3);
    let mut client = Control::connect(&chain[0].socket());
    let mut tail = Control::tail(&chain[2].socket());
    let pid = chain[1].process().pid();
    let start = proc::rss_kib(pid);
    let (mut half, mut lost) = (0.0, 0);
    for part in 0..PARTS {
        if part == PARTS / 2 {
            half = proc::rss_kib(pid);
        }
        let size = count / PARTS;
        let (refused, wrong) = burst::pass(&mut client, &mut tail, part * size..(part + 1) * size);
        lost += refused + wrong;
    }
    let end = proc::rss_kib(pid);
    let mib = |kib: f64| kib / 1024.0;
    let note = format!(
        "{count} messages through the middle of a chain: {:.1} MiB before, {:.1} at half, {:.1} at the end",
        mib(start),
        mib(half),
        mib(end)
    );
    let growth = mib(end - half);
    table.row("growth in the second half", growth, "MiB", Target::Below(0.5), note);
    let target = Target::Most(0.0);
    table.row("lost, doubled or out of order", float(lost), "", target, "");
}

const PARTS: u64 = 20;
