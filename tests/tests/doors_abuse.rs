//! Clients that mean no good, at the TCP and WebSocket doors of a real gateway: they are told,
//! memory stays bounded, and neither others nor the daemon notice.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use meshchat_tests::{Daemon, Gateway, Limit, Talk, WebTalk, dial_from, own_address, wait_for};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const DOORS: &str =
    "[tcp]\nlisten = \"127.0.0.1:0\"\n[websocket]\nlisten = \"127.0.0.1:0\"\n[limits]\n";

fn start(limits: &str) -> (Daemon, Gateway) {
    let daemon = Daemon::start("a");
    let gateway = Gateway::start(&daemon, &format!("{DOORS}{limits}"));
    (daemon, gateway)
}

fn machat(address: &str, name: &str) -> Talk {
    Talk::saying(address, format!("{{\"name\":\"{name}\",\"room\":\"dev\"}}"))
}

fn clients(gateway: &Gateway, door: &str) -> u64 {
    gateway.door(door).and_then(|door| door["clients"].as_u64()).unwrap_or(0)
}

/// Resident memory of a process in KiB.
fn memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

/// What the daemon dropped, for whatever reason.
fn daemon_drops(daemon: &Daemon) -> u64 {
    let status = daemon.ctl().json(["status"]).remove(0);
    let drops = status["drops"].as_array().cloned().unwrap_or_default();
    drops.iter().map(|drop| drop["count"].as_u64().unwrap()).sum()
}

#[test]
fn sixty_four_are_in_and_the_next_is_told_why_not() {
    let (daemon, gateway) = start("per-address = 100\n");
    let (tcp, web) = (gateway.address("tcp"), gateway.address("websocket"));
    // Whoever has said something in its dialect has a seat, before it joins too.
    let seated: Vec<_> = (0..64).map(|_| Talk::saying(&tcp, "{\"type\":\"what\"}")).collect();
    wait_for("64 clients", Limit::default(), || clients(&gateway, "tcp") == 64);
    let full = "too many clients are connected; try again later";
    for (hello, form) in [
        ("{\"name\":\"x\"}", format!("~meshchat:error: {full}\n")),
        ("{\"type\":\"join\"}", format!("{{\"type\":\"error\",\"msg\":\"{full}\"}}")),
        ("hello\n", format!("* error: {full}\n")),
    ] {
        let talk = Talk::saying(&tcp, hello);
        talk.wait_over();
        assert_eq!(talk.heard(), form);
    }
    let sockets: Vec<_> = (0..64).map(|_| WebTalk::open(&web, "/")).collect();
    assert_eq!(WebTalk::try_open(&web, "/", None).map(|_| ()), Err(503));
    wait_for("the drops", Limit::default(), || {
        gateway.drops("tcp", "full") == 3 && gateway.drops("websocket", "full") == 1
    });
    drop((seated, sockets));
    wait_for("free seats", Limit::default(), || clients(&gateway, "tcp") == 0);
    let talk = machat(&tcp, "Mina");
    talk.say("hello\n");
    talk.wait_for("Mina:hello\n");
    assert_eq!(daemon_drops(&daemon), 0);
}

#[test]
fn one_address_gets_no_more_than_its_seats() {
    let (_daemon, gateway) = start("per-address = 2\n");
    let tcp = gateway.address("tcp");
    let seated: Vec<_> = (0..2).map(|n| machat(&tcp, &format!("m{n}"))).collect();
    wait_for("two clients", Limit::default(), || clients(&gateway, "tcp") == 2);
    let third = machat(&tcp, "m3");
    third.wait_for("too many clients from your address; close another one first");
    third.wait_over();
    wait_for("the drop", Limit::default(), || gateway.drops("tcp", "full_address") == 1);
    drop(seated);
}

#[test]
fn who_does_not_come_to_the_point_is_sent_away() {
    let (_daemon, gateway) = start("hello-seconds = 1\n");
    let (tcp, web) = (gateway.address("tcp"), gateway.address("websocket"));
    for begin in ["{\"name\":\"Mi", "hel", "{\"type\""] {
        let talk = Talk::saying(&tcp, begin);
        talk.wait_over();
        assert!(talk.heard().contains("you took too long"), "{}", talk.heard());
    }
    let head = Talk::saying(web.trim_start_matches("ws://").trim_end_matches('/'), "GET / HT");
    head.wait_over();
    wait_for("the drops", Limit::default(), || {
        gateway.drops("tcp", "hello_late") == 3 && gateway.drops("websocket", "hello_late") == 1
    });
}

/// Opens as many connections as may be, up to so many; the test needs some files itself.
fn flood(address: &str, wanted: usize) -> Vec<TcpStream> {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    setrlimit(Resource::RLIMIT_NOFILE, most, most).unwrap();
    let possible = usize::try_from(most).unwrap().saturating_sub(500).min(wanted);
    if possible < wanted {
        eprintln!("only {possible} connections of {wanted}: raise the limit of open files");
    }
    // Not from the address whose ports daemons of other tests come back to.
    let (source, address) = (own_address(), address.parse().unwrap());
    // One that finds the queue of the listening socket full waits for a second.
    thread::scope(|scope| {
        let open = || {
            let stream = dial_from(source, address);
            stream.set_nonblocking(true).unwrap();
            stream
        };
        let each = possible / FLOOD_THREADS;
        let threads: Vec<_> = (0..FLOOD_THREADS)
            .map(|_| scope.spawn(move || (0..each).map(|_| open()).collect::<Vec<_>>()))
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

const FLOOD_THREADS: usize = 50;

#[test]
fn ten_thousand_that_say_a_byte_a_second_keep_nobody_out() {
    let (daemon, mut gateway) = start("");
    let tcp = gateway.address("tcp");
    let friend = machat(&tcp, "Mina");
    friend.say("before\n");
    friend.wait_for("Mina:before\n");
    let pid = gateway.process().pid();
    let before = memory(pid);
    let begun = Instant::now();
    let crowd = flood(&tcp, 10_000);
    eprintln!("{} connections in {:?}", crowd.len(), begun.elapsed());
    for (round, byte) in b"{\"n".iter().enumerate() {
        let begun = Instant::now();
        for mut stream in &crowd {
            // Most are closed by now.
            let _ = stream.write(&[*byte]);
        }
        friend.say(format!("round {round}\n"));
        friend.wait_for(&format!("Mina:round {round}\n"));
        let newcomer = machat(&tcp, &format!("new{round}"));
        newcomer.say("hello\n");
        newcomer.wait_for(&format!("new{round}:hello\n"));
        daemon.ctl().ok(["status"]);
        thread::sleep(Duration::from_secs(1).saturating_sub(begun.elapsed()));
    }
    let after = memory(pid);
    assert!(after < before + 16 * 1024, "{before} KiB before, {after} KiB after");
    assert_eq!(daemon_drops(&daemon), 0);
    let pushed = || gateway.drops("tcp", "hello_pushed_out");
    wait_for("most to be pushed out", Limit::default(), || pushed() + 200 > crowd.len() as u64);
    eprintln!("{before} KiB before {} connections, {after} KiB after", crowd.len());
}

#[test]
fn endless_lines_and_broken_text_are_not_kept() {
    let (daemon, mut gateway) = start("");
    let (tcp, web) = (gateway.address("tcp"), gateway.address("websocket"));
    let friend = machat(&tcp, "Mina");
    friend.say("before\n");
    friend.wait_for("Mina:before\n");
    let pid = gateway.process().pid();
    let before = memory(pid);
    let megabyte = vec![b'x'; 1 << 20];
    let bad: Vec<_> = (0..5)
        .map(|number| {
            let talk = machat(&tcp, &format!("bad{number}"));
            talk.say(&megabyte);
            talk.say(b"\n\xe2\x82\n\xff\xfe\n");
            talk.say("and now a line\n");
            talk
        })
        .collect();
    for (number, talk) in bad.iter().enumerate() {
        talk.wait_for(&format!("bad{number}:and now a line\n"));
        let errors = talk.heard().lines().filter(|line| line.contains("error")).count();
        assert_eq!(errors, 3, "{}", talk.heard());
    }
    for endless in ["{\"type\":\"", "{\"name\":\"", "plain "] {
        let talk = Talk::connect(&tcp);
        talk.try_say([endless.as_bytes(), &megabyte].concat());
        talk.try_say("\"}\n");
        talk.wait_until("that it is too long", |heard| {
            heard.contains("TOO LONG") || heard.contains("error: ")
        });
    }
    let deep = format!("{{\"type\":\"msg\",\"x\":{}", "[".repeat(3000));
    Talk::saying(&tcp, format!("{deep}}}")).wait_for("MALFORMED DATA");
    let socket = WebTalk::open(&web, "/mychat");
    socket.say(&"x".repeat(1 << 20));
    assert_eq!(socket.wait_over().0, 1009);
    friend.say("after\n");
    friend.wait_for("Mina:after\n");
    let after = memory(pid);
    assert!(after < before + 16 * 1024, "{before} KiB before, {after} KiB after");
    assert_eq!(daemon_drops(&daemon), 0);
}

#[test]
fn a_crash_of_the_gateway_costs_no_link_and_no_message() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    b.ctl().ok(["join", "dev"]);
    let mut gateway = Gateway::start(&a, &format!("{DOORS}per-address = 32\n"));
    let address = gateway.address("tcp");
    let talks: Vec<_> = (0..20).map(|n| machat(&address, &format!("m{n}"))).collect();
    for (number, talk) in talks.iter().enumerate() {
        talk.say("said\n");
        talk.wait_for(&format!("m{number}:said\n"));
    }
    let online = |daemon: &Daemon| {
        let who = daemon.ctl().json(["who"]);
        let guests = who.iter().filter(|who| who["name"].as_str().unwrap().starts_with('m'));
        guests.filter(|who| who["state"] == "online").count()
    };
    let link = |daemon: &Daemon| daemon.ctl().json(["peers"]).remove(0)["since_ms"].as_u64();
    wait_for("all on the other node", Limit::default(), || online(&b) == 20);
    let since = link(&b);
    gateway.start_again();
    wait_for("all to be gone", Limit::default(), || online(&b) == 0);
    assert!(link(&b) >= since, "the link was lost");
    let tail = b.ctl().tail(["tail", "dev", "-n", "all"]);
    tail.wait_until("all messages", Limit::default(), |lines| {
        (lines.iter().filter(|line| line["text"] == "said").count() == 20).then_some(())
    });
    let address = gateway.address("tcp");
    let again: Vec<_> = (0..20).map(|n| machat(&address, &format!("m{n}"))).collect();
    wait_for("all under their names", Limit::default(), || online(&b) == 20);
    again[7].say("again\n");
    again[3].wait_for("m7:again\n");
    assert_eq!(daemon_drops(&a), 0);
}
