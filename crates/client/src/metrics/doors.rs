//! The doors of gateways, those of one kind together.

use std::collections::BTreeMap;

use meshchat_proto::control::DoorInfo;

use super::by_reason;
use super::text::{Kind, Text};

pub(super) fn doors(text: &mut Text, doors: &[DoorInfo]) {
    let mut kinds: BTreeMap<&str, Vec<&DoorInfo>> = BTreeMap::new();
    for door in doors {
        kinds.entry(door.name.as_str()).or_default().push(door);
    }
    let mut gauge = |name: &str, help: &str, value: fn(&[&DoorInfo]) -> u64| {
        let samples = kinds.iter().map(|(kind, doors)| (vec![("door", *kind)], value(doors)));
        text.family(name, Kind::Gauge, help, samples);
    };
    let help = "Whether all doors of this kind work.";
    gauge("meshchat_door_up", help, |doors| {
        u64::from(doors.iter().all(|door| door.problem.is_empty()))
    });
    gauge("meshchat_door_clients", "Clients that are in.", |doors| {
        doors.iter().map(|door| u64::from(door.clients)).sum()
    });
    gauge("meshchat_door_clients_limit", "Clients that may be in; 0 if it has none.", |doors| {
        doors.iter().map(|door| u64::from(door.most)).sum()
    });
    let drops: Vec<_> = kinds
        .iter()
        .flat_map(|(kind, doors)| {
            let drops = doors.iter().flat_map(|door| &door.drops);
            let drops = by_reason(drops.map(|drop| (drop.reason.as_str(), drop.count)));
            drops.into_iter().map(|(reason, count)| (*kind, reason, count))
        })
        .collect();
    text.family(
        "meshchat_door_dropped_total",
        Kind::Counter,
        "What doors refused or dropped, by reason; see docs/metrics.md.",
        drops.iter().map(|(kind, why, count)| (vec![("door", *kind), ("reason", *why)], *count)),
    );
}
