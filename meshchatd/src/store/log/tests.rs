use std::collections::{BTreeMap, BTreeSet};

use meshchat_core::{Kept, Mono, SeenNumbers, Snapshot};
use meshchat_proto::id::{Boot, MessageId, NetworkId, NodeId};
use meshchat_proto::message::{Draft, MessageKind, Place};
use meshchat_proto::name::RoomName;

use super::sim::{Fault, Rng, SimDisk};
use super::*;
use crate::testing;

const NODE: NodeId = NodeId([7; 32]);

fn bounds(segment: u64) -> Bounds {
    Bounds { bytes: 1 << 40, per_day: 1 << 40, segment }
}

fn boot() -> Boot {
    Boot::new(3, 9)
}

fn byte(number: u64) -> u8 {
    u8::try_from(number % 256).unwrap()
}

/// The message with this cursor; its text tells which it is.
fn kept(cursor: u64) -> Kept {
    let draft = Draft {
        author: "ann".parse().unwrap(),
        room: RoomName::lobby(),
        kind: MessageKind::Text,
        text: format!("message {cursor} {}", "x".repeat((cursor % 40) as usize)).parse().unwrap(),
        seen: Vec::new(),
        wall: 1_700_000_000_000,
        sealed: None,
        via: None,
    };
    let path = vec![MessageId([byte(cursor); 32]); (cursor % 3) as usize];
    let place = (!cursor.is_multiple_of(3)).then_some(Place { index: 1, count: 4, path });
    Kept {
        cursor,
        at: Mono::from_micros(cursor * 1000),
        late: cursor.is_multiple_of(5),
        caught_up: cursor.is_multiple_of(7),
        sig: [byte(cursor); 64],
        place,
        body: draft.to_body(NetworkId::OPEN, NODE, boot(), cursor).into(),
    }
}

/// What was seen when the message with this cursor was the newest.
fn snapshot(newest: u64) -> Snapshot {
    let seen = if newest == 0 { vec![] } else { vec![(1, newest)] };
    let window = SeenNumbers { node: NODE, boot: boot(), seen, gone: vec![(1 << 40, 1 << 41)] };
    let at = Mono::from_micros(newest * 1000);
    Snapshot { network: NetworkId([5; 16]), newest, at, seen: vec![window] }
}

/// Writes as the daemon does: a segment when one is needed, from the last safe message on.
fn write(log: &mut Log<SimDisk>, newest: u64) -> Result<(), Refused> {
    let now = Mono::from_micros(newest * 1000);
    if log.wants_snapshot() {
        let safe = log.safe();
        log.begin(now, &snapshot(safe))?;
    }
    let messages: Vec<_> = (log.safe() + 1..=newest).map(kept).collect();
    log.append(now, &messages)
}

fn messages(found: &Found) -> BTreeMap<u64, Kept> {
    found.restored.messages.iter().map(|kept| (kept.cursor, kept.clone())).collect()
}

/// Whatever was found is what was written.
fn assert_true(found: &Found, newest: u64, what: &str) {
    for (cursor, message) in messages(found) {
        assert!(cursor <= newest, "{what}: message {cursor} was never written");
        assert_eq!(message, kept(cursor), "{what}");
    }
    if !found.restored.snapshot.seen.is_empty() {
        assert_eq!(found.restored.snapshot.network, NetworkId([5; 16]), "{what}");
    }
    for window in &found.restored.snapshot.seen {
        assert_eq!((window.node, window.boot), (NODE, boot()), "{what}");
    }
}

fn seen_upto(found: &Found) -> u64 {
    let seen = found.restored.snapshot.seen.first().map(|window| window.seen.as_slice());
    seen.and_then(<[_]>::last).map_or(0, |range| range.1)
}

#[test]
fn what_was_written_is_read_again() {
    let (mut log, found) = Log::open(SimDisk::default(), bounds(4096));
    assert_eq!((found.damage, found.restored.messages.len()), (Damage::default(), 0));
    for cursor in 1..=200 {
        write(&mut log, cursor).unwrap();
    }
    log.note_time(Mono::from_micros(9_000_000), 205).unwrap();
    let mut disk = log.disk.clone();
    assert!(disk.segments().len() > 5);
    disk.kill();
    let (log, found) = Log::open(disk, bounds(4096));
    assert_true(&found, 200, "kill");
    assert_eq!(messages(&found).len(), 200);
    assert_eq!((found.ran, found.damage), (Mono::from_micros(9_000_000), Damage::default()));
    assert_eq!((found.restored.snapshot.newest, log.safe()), (205, 205));
    assert_eq!(
        log.spent().total,
        log.bytes(),
        "nothing was removed, so all that was spent is there"
    );
    assert!(!log.wants_snapshot(), "the last segment goes on");
}

#[test]
fn a_power_cut_takes_only_what_was_not_synced_and_never_invents_anything() {
    for seed in 0..4000 {
        let mut rng = Rng(seed);
        let mut disk = SimDisk::default();
        // Some of what was not synced may be lost, and what came behind it not.
        let (mut newest, mut safe, mut lost) = (0, BTreeSet::new(), BTreeSet::new());
        for _ in 0..1 + rng.below(3) {
            let (mut log, found) = Log::open(disk, bounds(2048));
            assert_true(&found, newest, &format!("seed {seed}"));
            let held: BTreeSet<u64> = messages(&found).into_keys().collect();
            assert!(held.is_superset(&safe), "seed {seed}: a synced message is lost");
            let reach = found.restored.snapshot.newest;
            assert!(reach <= newest && seen_upto(&found) <= reach, "seed {seed}");
            let gone = (1..=seen_upto(&found)).find(|n| !held.contains(n) && !lost.contains(n));
            assert_eq!(gone, None, "seed {seed}: seen, and so never asked for again");
            lost = (1..=reach).filter(|cursor| !held.contains(cursor)).collect();
            (safe, newest) = (held, reach);
            for _ in 0..rng.below(30) {
                newest += 1 + rng.below(5);
                log.disk.fault = if rng.chance(40) { Fault::Sync } else { Fault::None };
                write(&mut log, newest).ok();
                if rng.chance(4) && log.sync().is_ok() && log.safe() == newest {
                    safe.extend((reach + 1..=newest).filter(|cursor| !lost.contains(cursor)));
                }
            }
            disk = log.disk;
            disk.fault = Fault::None;
            disk.crash(&mut rng);
        }
    }
}

#[test]
fn every_flipped_bit_costs_one_record_and_every_cut_what_is_behind_it() {
    let (mut log, _) = Log::open(SimDisk::default(), bounds(1 << 20));
    for cursor in 1..=12 {
        write(&mut log, cursor).unwrap();
    }
    let mut disk = log.disk;
    let sound = disk.only().clone();
    for bit in 0..sound.len() * 8 {
        disk.only()[bit / 8] ^= 1 << (bit % 8);
        let (log, found) = Log::open(disk.clone(), bounds(1 << 20));
        assert_true(&found, 12, &format!("bit {bit}"));
        assert!(messages(&found).len() >= 11, "bit {bit}: more than one message is lost");
        assert_eq!(found.damage.places, 1, "bit {bit}");
        assert!(log.wants_snapshot(), "bit {bit}: a damaged segment goes on");
        disk.only()[bit / 8] ^= 1 << (bit % 8);
    }
    let mut before = 0;
    for length in 0..sound.len() {
        *disk.only() = sound[..length].to_vec();
        let (_, found) = Log::open(disk.clone(), bounds(1 << 20));
        assert_true(&found, 12, &format!("cut at {length}"));
        let count = messages(&found).len();
        assert!(count == before || count == before + 1, "cut at {length}");
        assert_eq!(
            messages(&found).keys().copied().collect::<Vec<_>>(),
            (1..=count as u64).collect::<Vec<_>>()
        );
        before = count;
    }
    assert_eq!(before, 11);
}

#[test]
fn bytes_of_another_place_or_file_are_no_records() {
    let (mut log, _) = Log::open(SimDisk::default(), bounds(1 << 20));
    for cursor in 1..=5 {
        write(&mut log, cursor).unwrap();
    }
    let mut disk = log.disk;
    let sound = disk.only().clone();
    disk.only().extend(&sound);
    let (_, found) = Log::open(disk, bounds(1 << 20));
    assert_eq!(messages(&found).len(), 5);
    assert_eq!(found.damage, Damage { places: 1, bytes: sound.len() as u64, files: 0 });
}

#[test]
fn what_looks_like_many_beginnings_is_soon_given_up() {
    let mut bytes = Vec::new();
    for _ in 0..100_000 {
        bytes.extend([0xc5, 3, 0xff, 0x7f]);
    }
    let started = std::time::Instant::now();
    assert_eq!(frame::parts(1, &bytes).collect::<Vec<_>>(), [frame::Part::Damaged(bytes.len())]);
    assert!(started.elapsed() < std::time::Duration::from_secs(5));
}

#[test]
fn a_full_disk_at_any_write_loses_nothing_that_is_still_in_memory() {
    for from in 1..60 {
        for count in [1, 2, 7] {
            let (mut log, _) = Log::open(SimDisk::default(), bounds(1500));
            log.disk.fault = Fault::Full { from, count };
            for newest in 1..=40 {
                match write(&mut log, newest) {
                    Ok(()) => assert_eq!(log.safe(), newest),
                    Err(Refused::Disk(_)) => assert!(log.wants_snapshot()),
                    Err(Refused::Budget) => panic!("the budget is large"),
                }
            }
            log.disk.fault = Fault::None;
            write(&mut log, 41).unwrap();
            let mut disk = log.disk;
            disk.kill();
            let (_, found) = Log::open(disk, bounds(1500));
            assert_true(&found, 41, &format!("{from} {count}"));
            assert_eq!(messages(&found).len(), 41, "full from {from} for {count}");
        }
    }
}

#[test]
fn a_read_only_disk_is_read_and_left_alone() {
    let (mut log, _) = Log::open(SimDisk::default(), bounds(4096));
    for cursor in 1..=9 {
        write(&mut log, cursor).unwrap();
    }
    let mut disk = log.disk;
    disk.kill();
    disk.fault = Fault::ReadOnly;
    let (mut log, found) = Log::open(disk, bounds(4096));
    assert_eq!(messages(&found).len(), 9);
    for newest in 10..20 {
        assert!(matches!(write(&mut log, newest), Err(Refused::Disk(_))));
    }
    assert_eq!(log.safe(), 9);
    log.disk.fault = Fault::None;
    write(&mut log, 20).unwrap();
    let (_, found) = Log::open(log.disk, bounds(4096));
    assert_eq!(messages(&found).len(), 20);
}

#[test]
fn old_segments_go_whole_and_the_log_stays_below_its_bound() {
    let small = Bounds { bytes: 20_000, per_day: 1 << 40, segment: 2000 };
    let (mut log, _) = Log::open(SimDisk::default(), small);
    for cursor in 1..=2000 {
        write(&mut log, cursor).unwrap();
        log.trim(0);
        assert!(log.disk.bytes() < 24_000);
    }
    let before = log.disk.segments();
    log.trim(1990);
    let after = log.disk.segments();
    assert!(after.len() < before.len() && before.ends_with(&after));
    let (_, found) = Log::open(log.disk, small);
    assert!(messages(&found).contains_key(&1990));
    assert!(seen_upto(&found) > 1900, "what is forgotten is still seen");
}

#[test]
fn the_days_budget_holds() {
    let tight = Bounds { bytes: 1 << 40, per_day: 10_000, segment: 1 << 20 };
    let (mut log, _) = Log::open(SimDisk::default(), tight);
    let refused =
        (1..=200).filter(|cursor| matches!(write(&mut log, *cursor), Err(Refused::Budget)));
    assert!(refused.count() > 100);
    assert!(log.spent().today <= 10_000 && log.spent().today > 8_000);
    let day = Mono::from_micros(24 * 3600 * 1_000_000);
    let messages: Vec<_> = (log.safe() + 1..=20).map(kept).collect();
    assert!(log.append(day, &messages).is_ok());
}

#[test]
fn real_files_are_written_and_read() {
    let place = testing::Directory::new();
    let path = place.path().join("history");
    let disk = || Directory::new(path.clone());
    let (mut log, found) = Log::open(disk(), bounds(2000));
    assert!(found.error.is_none());
    for cursor in 1..=50 {
        if log.wants_snapshot() {
            log.begin(Mono::ZERO, &snapshot(log.safe())).unwrap();
        }
        log.append(Mono::ZERO, &[kept(cursor)]).unwrap();
    }
    log.sync().unwrap();
    log.trim(30);
    drop(log);
    std::fs::write(path.join("notes.txt"), "not ours").unwrap();
    let (mut log, found) = Log::open(disk(), bounds(2000));
    assert_eq!(messages(&found).last_key_value().map(|(_, last)| last.clone()), Some(kept(50)));
    assert!(found.restored.messages.len() < 40);
    log.append(Mono::ZERO, &[kept(51)]).unwrap();
    drop(log);
    let (_, found) = Log::open(disk(), bounds(2000));
    assert!(messages(&found).contains_key(&51));
}
