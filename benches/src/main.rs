//! `make bench`: what a message costs and how fast it arrives, in one table.
//!
//! Starts real daemons on this machine and counts the processor time that the kernel books on
//! them, which other work on the machine disturbs far less than time on the wall. What is measured
//! several times is shown as its median.
#![forbid(unsafe_code)]
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a measurement that cannot go on must end the run on the spot, with a word"
)]

mod bare;
mod burst;
mod clients;
mod control;
mod endurance;
mod fanout;
mod half_open;
mod heal;
mod idle;
mod lone;
mod mesh;
mod nats;
mod proc;
mod size;
mod start;
mod stats;
mod table;

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use table::Table;

/// What a message costs and how fast it arrives, in one table.
#[derive(Debug, Parser)]
struct Args {
    /// Fewer and shorter rounds; numbers are less certain.
    #[arg(long)]
    quick: bool,
    /// Only this measurement; may be given several times.
    #[arg(long, value_name = "NAME")]
    only: Vec<What>,
    /// Also write the table to this file, as one JSON object per line.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum What {
    /// A signature check, a hash, a sealed record.
    Bare,
    /// Pipelined messages through a chain of three.
    Burst,
    /// 200 messages a second through the same chain.
    Lone,
    /// One node, 100 tails.
    Fanout,
    /// A million messages through one node.
    Endurance,
    /// Memory and wake-ups with nothing to do.
    Idle,
    /// Memory of idle clients.
    Clients,
    /// From exec to READY.
    Start,
    /// The programs on disk.
    Size,
    /// From dial or healed network to the first message.
    Heal,
    /// Handshakes that never end.
    HalfOpen,
    /// The same burst through nats-server.
    Nats,
}

fn main() {
    let args = Args::parse();
    mesh::leave_nothing_behind();
    let mut table = Table::default();
    for what in What::value_variants() {
        if args.only.is_empty() || args.only.contains(what) {
            let name = what.to_possible_value().map_or_else(String::new, |v| v.get_name().into());
            eprintln!("measuring: {name}");
            table.section(&name);
            measure(*what, args.quick, &mut table);
        }
    }
    println!("{table}");
    if let Some(path) = args.json {
        std::fs::write(&path, table.json())
            .unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
    }
}

fn measure(what: What, quick: bool, table: &mut Table) {
    match what {
        What::Bare => bare::measure(table),
        What::Burst => burst::measure(quick, table),
        What::Lone => lone::measure(quick, table),
        What::Fanout => fanout::measure(quick, table),
        What::Endurance => endurance::measure(quick, table),
        What::Idle => idle::measure(quick, table),
        What::Clients => clients::measure(table),
        What::Start => start::measure(quick, table),
        What::Size => size::measure(table),
        What::Heal => heal::measure(quick, table),
        What::HalfOpen => half_open::measure(quick, table),
        What::Nats => nats::measure(quick, table),
    }
}
