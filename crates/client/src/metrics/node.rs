//! The node itself.

use meshchat_proto::control::{LimitRow, Status};
use meshchat_proto::id::NetworkId;

use super::text::{Kind, Number, Text};
use super::{TABLES, by_reason};

pub(super) fn info(text: &mut Text, status: &Status) {
    let node = status.node.short();
    let network = match status.network == NetworkId::OPEN {
        true => "open".to_owned(),
        false => status.network.short(),
    };
    let labels = vec![
        ("name", status.name.as_str()),
        ("node", node.as_str()),
        ("software", status.software.as_str()),
        ("network", network.as_str()),
        ("admit", status.admit.as_str()),
        ("history", status.history.mode.as_str()),
    ];
    text.family("meshchat_info", Kind::Gauge, "The node; always 1.", [(labels, 1u64)]);
    let help = "Time since the daemon started.";
    text.one("meshchat_uptime_seconds", Kind::Gauge, help, ms(status.uptime_ms));
    let help = "How often the node has started.";
    text.one("meshchat_starts_total", Kind::Counter, help, status.boot);
}

/// Who is in reach.
pub(super) fn reach(text: &mut Text, status: &Status) {
    let mut gauge =
        |name: &str, help: &str, value: Number| text.one(name, Kind::Gauge, help, value);
    gauge("meshchat_links", "Live links to other nodes.", status.links.into());
    gauge("meshchat_nodes_known", "Nodes known, this one included.", status.nodes_known.into());
    let reachable = status.nodes_reachable;
    gauge("meshchat_nodes_reachable", "Nodes in reach, this one included.", reachable.into());
    let missing = status.missing.as_ref();
    let lacks = missing.map_or(0, |missing| missing.known.saturating_sub(missing.reachable));
    let help = "Nodes that are out of reach and did not say goodbye.";
    gauge("meshchat_nodes_missing", help, lacks.into());
    let help = "Whether known nodes are out of reach.";
    gauge("meshchat_partitioned", help, missing.is_some().into());
    let isolated = missing.is_some_and(|missing| missing.isolated);
    gauge("meshchat_isolated", "Whether this node has lost all of its links.", isolated.into());
    let present = status.people_present;
    gauge("meshchat_people_present", "People online or away, on all nodes.", present.into());
    gauge("meshchat_clients", "Local clients, the one that asks included.", status.clients.into());
}

pub(super) fn clock(text: &mut Text, status: &Status) {
    let Some(offset) = status.clock_offset_ms else { return };
    let help = "How far the clocks of linked neighbours are ahead of this node's (median).";
    text.one("meshchat_clock_offset_seconds", Kind::Gauge, help, Number::Millis(offset));
    let doubt = offset.unsigned_abs() > CLOCK_DOUBT_MS;
    let help = "Whether that is more than good clocks differ: shown times may be wrong.";
    text.one("meshchat_clock_doubtful", Kind::Gauge, help, doubt);
}

pub(super) fn messages(text: &mut Text, status: &Status) {
    let mut count = |name: &str, help: &str, value: u64| text.one(name, Kind::Counter, help, value);
    count("meshchat_messages_sent_total", "Messages sent from here.", status.sent);
    count("meshchat_messages_received_total", "Messages taken from others.", status.received);
    let help = "Messages that came again over another way, as a flood must.";
    count("meshchat_messages_duplicate_total", help, status.duplicates);
    let help = "Messages that nobody in reach holds any more.";
    count("meshchat_messages_gone_total", help, status.gone);
    let help = "Frames of others passed on, counted for each link.";
    count("meshchat_frames_forwarded_total", help, status.forwarded);
    let drops = status.drops.iter().map(|drop| (drop.reason.as_str(), drop.count));
    // Those of slow clients are there from the start, so that an alert sees the first one.
    let slow = SLOW.iter().map(|reason| (*reason, 0));
    text.family(
        "meshchat_dropped_total",
        Kind::Counter,
        "What was dropped or refused, by reason; see docs/metrics.md.",
        by_reason(slow.chain(drops)).into_iter().map(|(why, count)| (vec![("reason", why)], count)),
    );
}

pub(super) fn history(text: &mut Text, status: &Status) {
    let history = &status.history;
    let mut gauge =
        |name: &str, help: &str, value: Number| text.one(name, Kind::Gauge, help, value);
    gauge("meshchat_history_messages", "Messages that history holds.", history.messages.into());
    gauge("meshchat_history_bytes", "Bytes of them.", history.bytes.into());
    let Some(disk) = &history.disk else { return };
    let help = "Whether new messages are written to disk now.";
    gauge("meshchat_history_disk_writing", help, disk.writing.into());
    gauge("meshchat_history_disk_bytes", "Bytes of history on disk.", disk.bytes.into());
    gauge("meshchat_history_disk_limit_bytes", "Bytes that they may take.", disk.most.into());
    let help = "Bytes that may be written in a day.";
    gauge("meshchat_history_disk_budget_bytes", help, disk.budget.into());
    let help = "Bytes that may be written now; the budget comes back evenly over a day.";
    gauge("meshchat_history_disk_budget_left_bytes", help, disk.budget_left.into());
    let help = "Damaged places that were skipped at the start.";
    gauge("meshchat_history_disk_damaged_places", help, disk.damaged.into());
    let mut count = |name: &str, help: &str, value: u64| text.one(name, Kind::Counter, help, value);
    let help = "Bytes of history ever written.";
    count("meshchat_history_disk_written_bytes_total", help, disk.written_total);
    let help = "How often data was made safe in this run.";
    count("meshchat_history_disk_syncs_total", help, disk.syncs);
}

pub(super) fn process(text: &mut Text, status: &Status) {
    let Some(process) = &status.process else { return };
    let mut put = |name: &str, kind, help: &str, value: Number| text.one(name, kind, help, value);
    let (name, help) = ("meshchat_process_resident_memory_bytes", "Memory that the daemon takes.");
    put(name, Kind::Gauge, help, process.resident_bytes.into());
    let (name, help) = ("meshchat_process_cpu_seconds_total", "Processor time in this run.");
    put(name, Kind::Counter, help, ms(process.cpu_ms));
    let (name, help) = ("meshchat_process_open_fds", "Open files and sockets.");
    put(name, Kind::Gauge, help, process.open_files.into());
    let (name, help) = ("meshchat_process_max_fds", "Open files and sockets that it may have.");
    put(name, Kind::Gauge, help, process.most_files.into());
}

pub(super) fn limits(text: &mut Text, limits: &[LimitRow]) {
    let mut rows: Vec<_> = limits.iter().collect();
    rows.sort_by(|a, b| a.name.cmp(&b.name));
    rows.dedup_by(|a, b| a.name == b.name);
    rows.truncate(TABLES);
    let mut family = |name: &str, help: &str, value: fn(&LimitRow) -> u64| {
        let samples = rows.iter().map(|row| (vec![("table", row.name.as_str())], value(row)));
        text.family(name, Kind::Gauge, help, samples);
    };
    family("meshchat_table_used", "What is in a bounded table.", |row| row.used);
    family("meshchat_table_limit", "What may be in it.", |row| row.most);
}

fn ms(ms: u64) -> Number {
    Number::Millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// Milliseconds by which good clocks may differ, as `doctor` has it.
pub const CLOCK_DOUBT_MS: u64 = 120_000;
/// What clients miss that read too slowly.
const SLOW: [&str; 4] =
    ["client_missed", "client_missed_change", "client_cut_off", "log_lines_skipped"];
