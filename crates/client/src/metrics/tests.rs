//! The text is read by a strict parser of the format.

use std::collections::{BTreeMap, BTreeSet};

use meshchat_proto::control::{
    DiskStatus, DropCount, HistoryStatus, Missing, PeerState, ProcessStatus,
};
use meshchat_proto::id::{NetworkId, NodeId};

use super::*;

/// Samples by name and labels; panics at whatever the format does not allow.
fn parse(text: &str) -> BTreeMap<(String, Vec<(String, String)>), f64> {
    assert!(text.ends_with('\n'));
    let (mut all, mut families) = (BTreeMap::new(), BTreeSet::new());
    let (mut help, mut family, mut kind) = (String::new(), String::new(), String::new());
    for line in text.lines() {
        assert!(line.bytes().all(|byte| byte >= b' '), "{line:?}");
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').unwrap().0.to_owned();
            assert!(families.insert(help.clone()), "{help} twice");
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, of) = rest.split_once(' ').unwrap();
            assert_eq!(name, help, "type without help");
            (family, kind) = (name.to_owned(), of.to_owned());
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
            assert!(["counter", "gauge"].contains(&of), "{of}");
        } else {
            let (name, labels, value) = sample(line);
            assert_eq!(name, family, "a sample outside of its family");
            assert!(name.starts_with("meshchat_") && is_name(&name), "{name}");
            assert!(kind != "counter" || value >= 0.0);
            let before = all.insert((name, labels), value);
            assert!(before.is_none(), "twice: {line}");
        }
    }
    all
}

fn is_name(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

fn sample(line: &str) -> (String, Vec<(String, String)>, f64) {
    let end = line.find(['{', ' ']).unwrap();
    let (name, mut rest) = line.split_at(end);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = inside;
        loop {
            let (label, behind) = rest.split_once("=\"").unwrap();
            assert!(is_name(label), "{label}");
            let (value, behind) = quoted(behind);
            labels.push((label.to_owned(), value));
            match behind.split_at(1) {
                (",", more) => rest = more,
                ("}", more) => {
                    rest = more;
                    break;
                }
                other => panic!("{other:?} in {line}"),
            }
        }
    }
    let value = rest.strip_prefix(' ').unwrap();
    assert!(value.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | '-')), "{value}");
    (name.to_owned(), labels, value.parse().unwrap())
}

/// A value up to its closing quote.
fn quoted(text: &str) -> (String, &str) {
    let mut out = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return (out, &text[at + 1..]),
            '\\' => match letters.next().unwrap().1 {
                'n' => out.push('\n'),
                other @ ('\\' | '"') => out.push(other),
                other => panic!("\\{other} is no escape"),
            },
            _ => out.push(letter),
        }
    }
    panic!("no end of {text}")
}

fn status() -> Status {
    Status {
        node: NodeId([7; 32]),
        name: "pi-1".parse().unwrap(),
        software: "meshchatd 0.1.0".into(),
        network: NetworkId::OPEN,
        network_name: None,
        role: None,
        admit: "neighbours".into(),
        listen: Vec::new(),
        uptime_ms: 61_007,
        boot: 3,
        links: 2,
        nodes_reachable: 3,
        nodes_known: 5,
        people_present: 4,
        clients: 1,
        history: history(),
        sent: 1,
        received: 2,
        forwarded: 3,
        duplicates: 4,
        gone: 5,
        drops: vec![drop("bad_frame", 6), drop("client_missed", 7)],
        notes: Vec::new(),
        missing: Some(Missing {
            reachable: 3,
            known: 5,
            since_ms: 1,
            names: Vec::new(),
            isolated: false,
        }),
        process: Some(ProcessStatus {
            resident_bytes: 5_000_000,
            cpu_ms: 1_234,
            open_files: 20,
            most_files: 1024,
        }),
        clock_offset_ms: Some(-180_500),
    }
}

fn history() -> HistoryStatus {
    let disk = DiskStatus {
        writing: true,
        bytes: 1,
        most: 2,
        upto: 3,
        written_today: 4,
        budget: 5,
        budget_left: 6,
        written_total: 7,
        syncs: 8,
        damaged: 9,
    };
    HistoryStatus { mode: "disk".into(), messages: 10, bytes: 2000, cursor: 12, disk: Some(disk) }
}

fn drop(reason: &str, count: u64) -> DropCount {
    DropCount { reason: reason.into(), count }
}

fn peer(number: u8, state: PeerState) -> PeerInfo {
    PeerInfo {
        address: format!("192.0.2.{number}:7117"),
        node: Some(NodeId([number; 32])),
        name: Some(format!("pi-{number}").parse().unwrap()),
        state,
        dialled: true,
        source: "config".into(),
        since_ms: 5,
        rtt_us: Some(1_500),
        sent_bytes: 10,
        received_bytes: 20,
        queued_bytes: 30,
        behind: true,
        error: String::new(),
        next_try_ms: None,
        tries: 2,
        via: None,
        carrier: "quic".into(),
    }
}

fn door(name: &str, clients: u32, drops: Vec<DropCount>) -> DoorInfo {
    DoorInfo {
        name: name.into(),
        addresses: Vec::new(),
        clients,
        most: 64,
        pairing: false,
        problem: String::new(),
        drops,
    }
}

fn snapshot() -> Snapshot {
    let row = |name: &str| LimitRow {
        name: name.into(),
        used: 1,
        most: 9,
        when_full: "the oldest is dropped".into(),
    };
    Snapshot {
        status: status(),
        peers: vec![peer(1, PeerState::Linked), peer(2, PeerState::Waiting)],
        limits: vec![row("links"), row("nodes"), row("links")],
        doors: vec![
            door("web", 2, vec![drop("host_refused", 1)]),
            door("web", 3, vec![drop("host_refused", 2), drop("full", 1)]),
            door("irc", 1, Vec::new()),
        ],
    }
}

fn find(node: &Snapshot, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
    let samples = parse(&render(Some(node)));
    let found = samples.iter().find(|((known, given), _)| {
        known == name && labels.iter().all(|(a, b)| given.contains(&((*a).into(), (*b).into())))
    });
    found.map(|(_, value)| *value)
}

#[test]
fn a_node_that_does_not_answer_is_down() {
    let text = render(None);
    assert_eq!(parse(&text).into_values().collect::<Vec<_>>(), [0.0]);
    assert!(text.contains("\nmeshchat_up 0\n"), "{text}");
}

#[test]
fn numbers_are_those_of_the_node_in_base_units() {
    let node = snapshot();
    let is = |name: &str, labels: &[(&str, &str)], value: f64| {
        assert_eq!(find(&node, name, labels), Some(value), "{name} {labels:?}");
    };
    is("meshchat_up", &[], 1.0);
    is("meshchat_info", &[("name", "pi-1"), ("network", "open")], 1.0);
    is("meshchat_uptime_seconds", &[], 61.007);
    is("meshchat_nodes_missing", &[], 2.0);
    is("meshchat_partitioned", &[], 1.0);
    is("meshchat_clock_offset_seconds", &[], -180.5);
    is("meshchat_clock_doubtful", &[], 1.0);
    is("meshchat_dropped_total", &[("reason", "bad_frame")], 6.0);
    is("meshchat_dropped_total", &[("reason", "client_missed")], 7.0);
    is("meshchat_dropped_total", &[("reason", "client_cut_off")], 0.0);
    is("meshchat_history_disk_written_bytes_total", &[], 7.0);
    is("meshchat_process_cpu_seconds_total", &[], 1.234);
    is("meshchat_table_limit", &[("table", "links")], 9.0);
    is("meshchat_peers", &[("state", "waiting")], 1.0);
    is("meshchat_peer_rtt_seconds", &[("peer", "pi-1")], 0.0015);
    is("meshchat_peer_state", &[("peer", "pi-2"), ("state", "waiting")], 1.0);
    is("meshchat_peer_state", &[("peer", "pi-2"), ("state", "linked")], 0.0);
    is("meshchat_door_clients", &[("door", "web")], 5.0);
    is("meshchat_door_dropped_total", &[("door", "web"), ("reason", "host_refused")], 3.0);
    assert_eq!(find(&node, "meshchat_peer_queued_bytes", &[("peer", "pi-2")]), None);
}

#[test]
fn hostile_words_stay_inside_their_quotes() {
    let mut node = snapshot();
    let evil = "a\"} 1\nmeshchat_up 0\n\\\u{1b}[2J\u{202e}";
    node.status.software = evil.into();
    node.status.drops = vec![drop(evil, 1)];
    node.limits[0].name = evil.into();
    node.doors[0] = door(evil, 1, vec![drop(evil, 1), drop("\\", 2)]);
    node.peers = vec![PeerInfo { name: None, address: evil.repeat(50), ..node.peers[0].clone() }];
    let text = render(Some(&node));
    let shown = "a\"} 1\nmeshchat_up 0\n\\\\u{1b}[2J\\u{202e}";
    let samples = parse(&text);
    let values: BTreeSet<_> = samples.keys().flat_map(|(_, labels)| labels).collect();
    assert!(values.iter().any(|(name, value)| name == "reason" && *value == shown), "{values:?}");
    assert_eq!(samples[&("meshchat_up".to_owned(), Vec::new())], 1.0);
    assert!(!text.contains(['\u{1b}', '\u{202e}']));
}

#[test]
fn label_sets_are_bounded_and_never_twice() {
    let mut node = snapshot();
    let many = (0..=255).map(|number| peer(number, PeerState::Waiting));
    // One node under several addresses, and a name that two nodes have.
    let again = (0..=255).map(|number| PeerInfo {
        address: format!("198.51.100.{number}:1"),
        ..peer(number / 2, PeerState::Linked)
    });
    node.peers = many.chain(again).collect();
    node.limits =
        (0..1000).map(|n| LimitRow { name: format!("t{n}"), ..node.limits[0].clone() }).collect();
    node.doors = vec![door("web", 1, (0..1000).map(|n| drop(&format!("r{n}"), 1)).collect())];
    let samples = parse(&render(Some(&node)));
    let count = |name: &str| samples.keys().filter(|(known, _)| known == name).count();
    assert_eq!(count("meshchat_peer_tries"), PEERS);
    assert_eq!(count("meshchat_peer_sent_bytes_total"), PEERS, "those that are linked come first");
    assert_eq!(count("meshchat_table_used"), TABLES);
    assert_eq!(count("meshchat_door_dropped_total"), REASONS + 1);
    let other = find(&node, "meshchat_door_dropped_total", &[("reason", "other")]);
    assert_eq!(other, Some(1000.0 - REASONS as f64), "nothing is lost");
}

/// Keys that are always new leave nothing behind in a database.
#[test]
fn strangers_have_no_numbers_of_their_own() {
    let mut node = snapshot();
    let stranger = |number, since_ms, state| PeerInfo {
        source: "inbound".into(),
        since_ms,
        ..peer(number, state)
    };
    let hour = 3_600_000;
    node.peers.push(stranger(3, hour - 1, PeerState::Linked));
    node.peers.push(stranger(4, 5, PeerState::Linked));
    node.peers.push(stranger(5, hour, PeerState::Linked));
    node.peers.push(stranger(6, hour, PeerState::Connecting));
    let named = |node: &Snapshot| -> BTreeSet<_> {
        let samples = parse(&render(Some(node)));
        let labels = samples.into_keys().flat_map(|(_, labels)| labels);
        labels.filter(|(label, _)| label == "peer").map(|(_, value)| value).collect()
    };
    assert_eq!(named(&node), ["other", "pi-1", "pi-2", "pi-5"].map(str::to_owned).into());
    let other = |name| find(&node, name, &[("peer", "other")]);
    assert_eq!(other("meshchat_peer_queued_bytes"), Some(60.0));
    assert_eq!(other("meshchat_peer_behind"), Some(1.0));
    assert_eq!(other("meshchat_peer_sent_bytes_total"), None);
    assert_eq!(find(&node, "meshchat_peers", &[("state", "linked")]), Some(4.0));
    // Who is linked in a closed network was let in; who only knocks was not.
    node.status.network = NetworkId([1; 16]);
    let all = ["pi-1", "pi-2", "pi-3", "pi-4", "pi-5"];
    assert_eq!(named(&node), all.map(str::to_owned).into());
}

#[test]
fn every_name_is_explained() {
    let page = include_str!("../../../../docs/metrics.md");
    for (name, _) in parse(&render(Some(&snapshot()))).keys() {
        assert!(page.contains(&format!("`{name}`")), "docs/metrics.md lacks {name}");
    }
}
