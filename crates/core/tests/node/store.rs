//! What outlives a restart: messages on disk, durable cursors, and a disk that goes back in time.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::wildcard_enum_match_arm,
    reason = "a failed step must fail its test on the spot"
)]

use std::collections::VecDeque;
use std::time::Duration;

use meshchat_core::{
    Admit, Carrier, Config, Goal, HistoryMode, Input, Mono, Node, Now, Output, Restored,
    SavedCursors, Stored,
};
use meshchat_proto::control::{CursorRequest, Dm, Error, ErrorCode, Event, Reply, Request, Start};
use meshchat_proto::id::NodeId;
use meshchat_proto::message::MessageKind;

use crate::env::{AnyEnv, counter};

/// What a machine keeps while its node does not run.
#[derive(Debug, Clone, Default)]
struct Disk {
    boots: u64,
    cursors: SavedCursors,
    restored: Restored,
}

struct Host {
    node: Node<AnyEnv>,
    mode: HistoryMode,
    disk: Disk,
    /// Request, and what came for it.
    events: Vec<(u64, Event)>,
    replies: Vec<(u64, Result<Reply, Error>)>,
}

struct Pair {
    hosts: [Host; 2],
    now: Now,
    links: u32,
    requests: u64,
}

fn start(n: usize, now: Now, mode: HistoryMode, mut disk: Disk) -> Host {
    disk.boots += 1;
    let restored = std::mem::take(&mut disk.restored);
    disk.cursors = std::mem::take(&mut disk.cursors).next_run(restored.snapshot.newest);
    let cursors = disk.cursors.clone();
    let id = NodeId([u8::try_from(n + 1).unwrap(); 32]);
    let config = Config {
        id,
        network: None,
        rate: None,
        acquaintances: meshchat_core::SavedAcquaintances::default(),
        name: format!("pi-{n}").parse().unwrap(),
        software: "test".into(),
        boot_count: disk.boots,
        admit: Admit::Neighbours,
        history: mode,
        people: Vec::new(),
        goal: Goal { least: 0, most: 0 },
        beacon: 0,
        addresses: Vec::new(),
        contacts: Vec::new(),
        stored: Stored { restored, cursors, ..Stored::default() },
    };
    let mut node = Node::new(now, config, counter(id, now.mono.as_micros()));
    node.handle(now, Input::SessionUp { session: 1, user: "ann".into() });
    Host { node, mode, disk, events: Vec::new(), replies: Vec::new() }
}

impl Pair {
    fn new(mode: HistoryMode) -> Self {
        let now = Now { mono: Mono::from_micros(1), wall_ms: 5 };
        let host = |n| start(n, now, mode, Disk::default());
        let mut pair = Self { hosts: [host(0), host(1)], now, links: 0, requests: 0 };
        pair.link();
        pair
    }

    fn link(&mut self) {
        self.links += 1;
        for n in 0..2usize {
            let up = Input::LinkUp {
                link: self.links,
                peer: NodeId([u8::try_from(2 - n).unwrap(); 32]),
                dialled: n == 0,
                named: false,
                near: true,
                remote: ([192, 0, 2, 1], 7).into(),
                address: "wire".into(),
                carrier: Carrier::Quic,
                dial: None,
            };
            self.hosts[n].node.handle(self.now, up);
        }
        self.drain();
        self.pass(3);
    }

    /// The node of a host stops, in peace or not, and runs again with what `disk` holds.
    fn stop(&mut self, n: usize, peace: bool) -> Disk {
        if peace {
            self.hosts[n].node.handle(self.now, Input::Shutdown);
            self.drain();
        } else {
            let gone = Input::LinkDown { link: self.links };
            self.hosts[1 - n].node.handle(self.now, gone);
        }
        let host = &mut self.hosts[n];
        let mut disk = host.disk.clone();
        if host.mode == HistoryMode::Disk {
            let (newest, _) = host.node.cursors();
            let snapshot = host.node.snapshot(self.now.mono, newest);
            disk.restored = Restored { snapshot, messages: host.node.kept_after(0, usize::MAX) };
        }
        disk
    }

    fn run(&mut self, n: usize, disk: Disk) {
        self.hosts[n] = start(n, self.now, self.hosts[n].mode, disk);
        self.drain();
    }

    fn restart(&mut self, n: usize, peace: bool) {
        let disk = self.stop(n, peace);
        self.run(n, disk);
    }

    /// Lets some seconds pass, in steps that no node takes for being late.
    fn pass(&mut self, seconds: u64) {
        for _ in 0..seconds * 2 {
            self.now.mono = self.now.mono + Duration::from_millis(500);
            for host in &mut self.hosts {
                if host.node.poll_timeout() <= self.now.mono {
                    host.node.handle_timeout(self.now);
                }
            }
            self.drain();
        }
    }

    fn drain(&mut self) {
        let mut wire = VecDeque::new();
        loop {
            for (n, host) in self.hosts.iter_mut().enumerate() {
                while let Some(output) = host.node.poll_output() {
                    match output {
                        Output::Send { frame, links, .. } if links.contains(&self.links) => {
                            wire.push_back((1 - n, frame));
                        }
                        Output::Event { streams, event } => {
                            host.events.extend(streams.iter().map(|(_, id)| (*id, *event.clone())));
                        }
                        Output::Reply { id, result, .. } => host.replies.push((id, result)),
                        Output::SaveCursors(saved) => host.disk.cursors = saved,
                        Output::SaveBoot(boots) => host.disk.boots = boots,
                        _ => {}
                    }
                }
            }
            let Some((to, frame)) = wire.pop_front() else { break };
            let input = Input::Frame { link: self.links, frame: frame.slice(4..) };
            self.hosts[to].node.handle(self.now, input);
        }
    }

    fn ask(&mut self, n: usize, request: Request) -> u64 {
        self.requests += 1;
        let input = Input::Request { session: 1, id: self.requests, request };
        self.hosts[n].node.handle(self.now, input);
        self.drain();
        self.requests
    }

    fn reply(&mut self, n: usize, request: Request) -> Result<Reply, Error> {
        let id = self.ask(n, request);
        let found = self.hosts[n].replies.iter().find(|(other, _)| *other == id);
        found.unwrap().1.clone()
    }

    fn say(&mut self, n: usize, text: &str) {
        let (room, text, kind) = (None, text.into(), MessageKind::Text);
        self.reply(n, Request::Send { room, text, kind }).unwrap();
    }

    fn tail(&mut self, n: usize, cursor: Option<&str>, start: Start, follow: bool) -> u64 {
        let cursor = cursor.map(String::from);
        self.ask(
            n,
            Request::Tail { room: None, start, follow, presence: false, dm: Dm::No, cursor },
        )
    }

    /// What a `tail` with a cursor shows that does not follow.
    fn read(&mut self, n: usize, cursor: &str) -> Vec<String> {
        let id = self.tail(n, Some(cursor), Start::Last(u32::MAX), false);
        self.shown(n, id)
    }

    fn shown(&self, n: usize, id: u64) -> Vec<String> {
        let own = self.hosts[n].events.iter().filter(|(other, _)| *other == id);
        own.filter_map(|(_, event)| match event {
            Event::Message(message) => Some(message.text.as_str().to_owned()),
            Event::Missed(missed) => Some(format!("missed {} {:?}", missed.messages, missed.why)),
            _ => None,
        })
        .collect()
    }

    /// The number of the line with this text.
    fn number(&self, n: usize, text: &str) -> u64 {
        let messages = self.hosts[n].events.iter().rev().filter_map(|(_, event)| match event {
            Event::Message(message) if message.text.as_str() == text => Some(message.cursor),
            _ => None,
        });
        messages.into_iter().next().unwrap()
    }

    fn confirm(&mut self, n: usize, name: &str, upto: u64) {
        let request = CursorRequest::Confirm { name: name.into(), upto };
        self.reply(n, Request::Cursor(request)).unwrap();
        self.pass(3);
    }

    /// All texts that a node holds, in order.
    fn held(&mut self, n: usize) -> Vec<String> {
        let id = self.tail(n, None, Start::Last(u32::MAX), false);
        self.shown(n, id)
    }
}

#[test]
fn a_cursor_goes_on_behind_what_was_confirmed() {
    let mut pair = Pair::new(HistoryMode::Memory);
    (1..=3).for_each(|text| pair.say(1, &format!("m{text}")));
    assert_eq!(pair.read(0, "bot"), ["m1", "m2", "m3"]);
    assert_eq!(pair.read(0, "bot"), ["m1", "m2", "m3"], "shown is not dealt with");
    pair.confirm(0, "bot", pair.number(0, "m2"));
    assert_eq!(pair.read(0, "bot"), ["m3"]);
    pair.say(0, "m4");
    assert_eq!(pair.read(0, "bot"), ["m3", "m4"]);
    let list = pair.reply(0, Request::Cursor(CursorRequest::List {})).unwrap();
    let Reply::Cursors(list) = list else { panic!("{list:?}") };
    assert_eq!((list.len(), list[0].waiting, list[0].active), (1, 2, false));
    pair.reply(0, Request::Cursor(CursorRequest::Remove { name: "bot".into() })).unwrap();
    let gone = CursorRequest::Confirm { name: "bot".into(), upto: 1 };
    assert_eq!(pair.reply(0, Request::Cursor(gone)).unwrap_err().code, ErrorCode::NotFound);
}

#[test]
fn disk_shows_nothing_twice_and_asks_for_nothing_again() {
    for peace in [true, false] {
        let mut pair = Pair::new(HistoryMode::Disk);
        (1..=3).for_each(|text| pair.say(1, &format!("m{text}")));
        pair.say(0, "mine");
        pair.read(0, "bot");
        pair.confirm(0, "bot", pair.number(0, "m2"));
        let before = pair.number(0, "mine");
        pair.restart(0, peace);
        assert_eq!(pair.held(0), ["m1", "m2", "m3", "mine"]);
        let all = pair.tail(0, None, Start::Now, true);
        let received = pair.hosts[0].node.counters().received;
        pair.say(1, "meanwhile");
        pair.link();
        pair.pass(30);
        assert_eq!(pair.shown(0, all), ["meanwhile"]);
        assert_eq!(pair.hosts[0].node.counters().received, received + 1, "only that was sent");
        assert!(pair.number(0, "meanwhile") > before, "a number was used twice");
        assert_eq!(pair.read(0, "bot"), ["m3", "mine", "meanwhile"]);
    }
}

#[test]
fn memory_gets_it_back_from_neighbours_and_skips_what_was_confirmed() {
    for peace in [true, false] {
        let mut pair = Pair::new(HistoryMode::Memory);
        pair.say(1, "before there was a cursor");
        pair.tail(0, Some("bot"), Start::Now, true);
        (1..=4).for_each(|text| pair.say(1, &format!("m{text}")));
        pair.confirm(0, "bot", pair.number(0, "m2"));
        let before = pair.number(0, "m4");
        pair.restart(0, peace);
        let again = pair.tail(0, Some("bot"), Start::Now, true);
        pair.link();
        pair.pass(30);
        assert_eq!(pair.shown(0, again), ["missed 2 Restart", "m3", "m4"]);
        assert!(pair.number(0, "m3") > before, "a number was used twice");
        pair.confirm(0, "bot", pair.number(0, "m4"));
        pair.say(1, "m5");
        pair.restart(0, true);
        pair.link();
        pair.pass(30);
        assert_eq!(pair.read(0, "bot"), ["missed 1 Restart", "m5"]);
    }
}

#[test]
fn a_restart_with_all_confirmed_is_no_gap() {
    let mut pair = Pair::new(HistoryMode::Memory);
    pair.tail(0, Some("bot"), Start::Now, true);
    pair.say(1, "m1");
    pair.confirm(0, "bot", pair.number(0, "m1"));
    pair.restart(0, true);
    pair.link();
    pair.pass(30);
    assert!(pair.read(0, "bot").is_empty());
}

#[test]
fn what_history_has_lost_is_told() {
    let mut pair = Pair::new(HistoryMode::Memory);
    pair.tail(0, Some("bot"), Start::Now, false);
    // One sender has at most an eighth of history.
    let sent = meshchat_core_share() + 10;
    (0..sent).for_each(|text| pair.say(1, &format!("m{text}")));
    let shown = pair.read(0, "bot");
    assert_eq!(shown[0], "missed 10 History");
    assert_eq!((shown.len(), shown[1].as_str()), (sent - 9, "m10"));
}

const fn meshchat_core_share() -> usize {
    10_000 / 8
}

#[test]
fn cursors_are_bounded_and_named_plainly() {
    let mut pair = Pair::new(HistoryMode::Memory);
    let open = |pair: &mut Pair, name: &str| {
        let (room, start) = (None, Start::Now);
        let cursor = Some(name.to_owned());
        pair.reply(
            0,
            Request::Tail { room, start, follow: false, presence: false, dm: Dm::No, cursor },
        )
    };
    for bad in ["", "a b", "é", "../x", &"x".repeat(65)] {
        assert_eq!(open(&mut pair, bad).unwrap_err().code, ErrorCode::BadArgument, "{bad:?}");
    }
    for n in 0..16 {
        open(&mut pair, &format!("c{n}")).unwrap();
    }
    let error = open(&mut pair, "one-more").unwrap_err();
    assert_eq!(error.code, ErrorCode::TooMany);
    assert!(error.hint.contains("cursors remove"), "{error:?}");
    open(&mut pair, "c3").unwrap();
}

/// Yesterday's copy of the card is put back: the node speaks under an old count of starts, and
/// what it said since is known to others only.
#[test]
fn a_restored_backup_loses_nothing_and_silences_nobody() {
    for mode in [HistoryMode::Disk, HistoryMode::Memory] {
        let mut pair = Pair::new(mode);
        let theirs = pair.tail(1, None, Start::Now, true);
        pair.say(0, "old");
        let backup = pair.stop(0, true);
        for run in 0..3 {
            let disk = if run == 0 { backup.clone() } else { pair.stop(0, true) };
            pair.run(0, disk);
            pair.link();
            pair.say(0, &format!("run {run}"));
            pair.say(1, &format!("answer {run}"));
        }
        pair.stop(0, true);
        pair.run(0, backup);
        pair.say(0, "restored, alone");
        pair.link();
        pair.pass(30);
        pair.say(0, "restored");
        pair.pass(30);
        let mut expected =
            vec!["old", "run 0", "answer 0", "run 1", "answer 1", "run 2", "answer 2"];
        expected.extend(["restored, alone", "restored"]);
        assert_eq!(pair.shown(1, theirs), expected, "{mode:?}");
        let mut held = pair.held(0);
        held.sort();
        expected.sort_unstable();
        assert_eq!(held, expected, "{mode:?}: it gets back what it said and heard since");
    }
}
