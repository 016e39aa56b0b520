//! Clients of the TCP door, with the exact bytes that the original programs send and expect.
#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use meshchat_tests::{Daemon, Gateway, Limit, Talk, wait_for, wait_some};
use serde_json::Value;

const TCP: &str = "[tcp]\nlisten = \"127.0.0.1:0\"\n";

fn start() -> (Daemon, Gateway, String) {
    let daemon = Daemon::start("a");
    let gateway = Gateway::start(&daemon, TCP);
    let address = gateway.address("tcp");
    (daemon, gateway, address)
}

/// Waits until the daemon says that somebody is there.
fn wait_online(daemon: &Daemon, name: &str) {
    wait_for(name, Limit::default(), || {
        daemon.ctl().json(["who"]).iter().any(|who| who["name"] == name && who["state"] == "online")
    });
}

fn join(address: &str, user: &str, channel: &str) -> Talk {
    let join = format!(r#"{{"type":"join","uname":"{user}","cname":"{channel}"}}"#);
    let talk = Talk::saying(address, join);
    let reply = format!(r#"{{"type":"success","msg":"Connected to channel {channel}"}}"#);
    talk.wait_until("the join to be answered", |heard| heard.starts_with(&reply));
    talk
}

#[test]
fn machat_is_spoken_with_its_bytes() {
    let (daemon, _gateway, address) = start();
    daemon.ctl().ok(["join", "dev"]);
    let tail = daemon.ctl().tail(["tail", "dev", "-f"]);
    let mina = Talk::saying(&address, "{\"name\":\"Mina\",\"room\":\"dev\"}hello\r\nit's me\n");
    mina.wait_until("both lines", |heard| heard == "Mina:hello\nMina:it's me\n");
    let line = tail.wait_for("hello", Limit::default(), |line| line["text"] == "hello");
    assert_eq!((line["author"].as_str(), line["via"].as_str()), (Some("Mina"), Some("tcp")));

    // Byte by byte, and under the same name: nobody is muted.
    let second = Talk::connect(&address);
    for byte in b"{\"name\": \"Mina\", \"room\": \"dev\"}" {
        second.say([*byte]);
    }
    wait_online(&daemon, "Mina-2");
    second.say("x\u{1b}[31m\u{202e}\ny\0z\n");
    for talk in [&mina, &second] {
        talk.wait_for("Mina-2:x\\u{1b}[31m\\u{202e}\nMina-2:y\\u{0}z\n");
    }
    daemon.ctl().ok(["send", "dev", "two\nMina:lines"]);
    mina.wait_for(":two \u{23ce} Mina:lines\n");
    assert!(!mina.heard().contains("\nMina:lines"), "{}", mina.heard());
}

#[test]
fn machat_is_told_what_is_wrong() {
    let (_daemon, gateway, address) = start();
    for bad in ["{\"room\":\"dev\"}", "{nonsense}", "{\"name\":\"\\u200b\"}", "{\"name\":7}"] {
        let talk = Talk::saying(&address, bad);
        talk.wait_over();
        let heard = talk.heard();
        assert!(heard.starts_with("~meshchat:error: ") && heard.lines().count() == 1, "{heard}");
    }
    let talk = Talk::saying(&address, "{\"name\":\"Mina\",\"room\":\"dev\"}");
    talk.say([vec![b'x'; 5000], b"\n\xc3\nstill here\n".to_vec()].concat());
    talk.wait_for("Mina:still here\n");
    let errors: Vec<_> = talk.heard().lines().map(|line| line.contains("error")).collect();
    assert_eq!(errors, [true, true, false], "{}", talk.heard());
    for (reason, count) in [("malformed", 4), ("too_long", 1), ("not_utf8", 1)] {
        wait_for(reason, Limit::default(), || gateway.drops("tcp", reason) == count);
    }
}

#[test]
fn distributed_chat_meets_in_a_channel_of_two_nodes() {
    let (a, _gate_a, here) = start();
    let b = Daemon::builder("b").peer(a.listen()).start();
    let gate_b = Gateway::start(&b, TCP);
    let (one, two) = (join(&here, "U", "Dev"), join(&gate_b.address("tcp"), "V", "Dev"));
    wait_online(&b, "U");
    wait_online(&a, "V");
    // Two glued, the second in two pieces.
    one.say("{\"type\":\"msg\",\"uname\":\"U\",\"msg\":\"first\"}{\"type\":\"msg\",\"una");
    two.wait_for(r#"{"type":"msg","uname":"U","msg":"first"}"#);
    one.say("me\":\"U\",\"msg\":\"second }{\\\"\"}");
    two.wait_for(r#"{"type":"msg","uname":"U","msg":"second }{\""}"#);
    two.say(r#"{"type":"msg","uname":"V","msg":"answer"}"#);
    one.wait_for(r#"{"type":"msg","uname":"V","msg":"answer"}"#);
    assert!(!one.heard().contains("first"), "{}", one.heard());
    // A second join changes the channel.
    one.say(r#"{"type":"join","uname":"U","cname":"ops"}"#);
    one.wait_for(r#"{"type":"success","msg":"Connected to channel ops"}"#);
    two.say(r#"{"type":"msg","uname":"V","msg":"not for ops"}"#);
    b.ctl().ok(["send", "ops", "for ops"]);
    one.wait_for(r#""msg":"for ops"}"#);
    assert!(!one.heard().contains("not for ops"), "{}", one.heard());
}

#[test]
fn distributed_chat_hears_one_object_at_a_time() {
    let (daemon, _gateway, address) = start();
    let talk = join(&address, "U", "Dev");
    wait_online(&daemon, "U");
    for number in 0..10 {
        daemon.ctl().ok(["send", "dev", &format!("number {number}")]);
    }
    talk.wait_for("number 9");
    let pieces = talk.pieces();
    assert_eq!(pieces.len(), 11, "{pieces:#?}");
    for (_, piece) in &pieces {
        assert!(serde_json::from_str::<Value>(piece).unwrap().is_object());
    }
    // Both ends tell the time: a little may be lost between them.
    assert!(pieces[1].0 - pieces[0].0 >= Duration::from_millis(450), "{pieces:#?}");
}

#[test]
fn distributed_chat_is_told_what_is_malformed_and_stays() {
    let (_daemon, gateway, address) = start();
    let malformed = r#"{"type":"error","msg":"MALFORMED DATA"}"#;
    let talk = Talk::saying(&address, r#"{"type":"msg","uname":"U","msg":"early"}"#);
    talk.wait_until("an error", |heard| heard == malformed);
    talk.say("rubbish");
    talk.wait_until("another", |heard| heard == malformed.repeat(2));
    talk.say("{\"type\":\"join\",\"uname\":\"\u{200b}\",\"cname\":\"c\"}");
    talk.wait_for("uname cannot be used");
    talk.say(r#"{"type":"join","uname":"U","cname":"c"}{"type":"what"}"#);
    talk.wait_for(r#"{"type":"success","msg":"Connected to channel c"}"#);
    talk.wait_until("the last", |heard| heard.matches(malformed).count() == 3);
    talk.say([b"{\"type\":\"msg\",\"msg\":\"".as_slice(), &[b'x'; 5000]].concat());
    talk.wait_over();
    assert!(talk.heard().ends_with(r#"{"type":"error","msg":"MALFORMED DATA: TOO LONG"}"#));
    wait_for("the drop", Limit::default(), || gateway.drops("tcp", "too_long") == 1);
}

#[test]
fn somebody_with_nc_sees_history_and_who_comes_and_goes() {
    let (daemon, _gateway, address) = start();
    let ctl = daemon.ctl();
    ctl.ok(["join", "dev"]);
    for number in 0..25 {
        ctl.ok(["send", "dev", &format!("old {number}.\u{1b}[2J")]);
    }
    let ann = Talk::saying(&address, "hello?\r\n");
    ann.wait_for("* error: you are in no room yet");
    assert!(ann.heard().starts_with("* this is a meshchat node; "), "{}", ann.heard());
    ann.say("/join dev ann\n");
    ann.wait_for("old 24.\\u{1b}[2J (");
    let heard = ann.heard();
    assert!(heard.contains("* you are in #dev as ann\n"), "{heard}");
    assert!(heard.contains("old 5.") && !heard.contains("old 4."), "{heard}");
    let ben = Talk::saying(&address, "/join dev ben\nhi all\n");
    ann.wait_for("* ben@a is here\n");
    ann.wait_for("<ben@a> hi all\n");
    ann.say("/who\n/msg ben psst\n/help\n/nonsense\n");
    ann.wait_for("* ann@a (you) here, for ");
    ann.wait_for("* /msg PERSON TEXT");
    ann.wait_for("* error: there is no such command");
    ben.wait_for("<ann@a, to you only> psst\n");
    ben.say("/quit\n");
    ben.wait_over();
    ann.wait_for("* ben@a has left\n");
    assert!(!ann.heard().contains('\u{1b}'));
}

#[test]
fn what_is_said_while_the_daemon_is_away_is_said_afterwards() {
    let (mut daemon, gateway, address) = start();
    let mina = Talk::saying(&address, "{\"name\":\"Mina\",\"room\":\"dev\"}before\n");
    mina.wait_for("Mina:before\n");
    let ann = Talk::saying(&address, "/join dev ann\n");
    ann.wait_for("<Mina@a> before");
    daemon.kill();
    ann.wait_for("* the node does not answer; what you say waits until it is back\n");
    mina.say("meanwhile\n");
    let late = Talk::saying(&address, "/join dev late\nI wait\n");
    daemon.start_again();
    for talk in [&mina, &ann] {
        talk.wait_for("the node is back\n");
    }
    mina.wait_for("Mina:meanwhile\n");
    ann.wait_for("<Mina@a> meanwhile");
    ann.wait_for("<late@a> I wait");
    late.wait_for("you are in #dev as late\n");
    assert_eq!(gateway.drops("tcp", "not_sent"), 0);
}

#[test]
fn who_speaks_too_fast_is_read_slowly() {
    let (_daemon, gateway, address) = start();
    let lines: String = (0..9).map(|number| format!("line {number}\n")).collect();
    let talk = Talk::saying(&address, format!("{{\"name\":\"Mina\",\"room\":\"dev\"}}{lines}"));
    talk.wait_for("Mina:line 8\n");
    let expected: String = (0..9).map(|number| format!("Mina:line {number}\n")).collect();
    assert_eq!(talk.heard(), expected);
    let pieces = talk.pieces();
    // Five at once, then two a second.
    assert!(pieces.last().unwrap().0 - pieces[0].0 >= Duration::from_millis(1700), "{pieces:#?}");
    assert_eq!(gateway.door("tcp").unwrap()["drops"].as_array().map_or(0, Vec::len), 0);
}

/// The program that a variable names, or none with a word about it.
fn foreign(variable: &str) -> Option<String> {
    let path = std::env::var(variable).ok();
    if path.is_none() {
        eprintln!("skipped: set {variable} to the path of the client program");
    }
    path
}

/// Types lines into a program, some time apart, and returns what it printed.
fn drive(command: &mut Command, lines: &[&str], until: impl Fn() -> bool) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut typing = child.stdin.take().unwrap();
    for line in lines {
        // A person does not type before the program is there.
        thread::sleep(Duration::from_secs(1));
        writeln!(typing, "{line}").unwrap();
    }
    wait_for("the program to hear and be heard", Limit::default(), until);
    thread::sleep(Duration::from_secs(1));
    child.kill().unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

#[test]
fn the_original_client_of_distributed_chat_works() {
    let Some(path) = foreign("MESHCHAT_TEST_DISTRIBUTED_CHAT") else { return };
    let (daemon, _gateway, address) = start();
    daemon.ctl().ok(["join", "dev"]);
    let tail = daemon.ctl().tail(["tail", "dev", "-f"]);
    let (host, port) = address.split_once(':').unwrap();
    let mut command = Command::new("node");
    command.args([&path, host, port]);
    let printed = drive(&mut command, &["join dev U", "hello from node"], || {
        let heard = tail.count(|line| line["text"] == "hello from node") > 0;
        if heard {
            for number in 0..3 {
                daemon.ctl().ok(["send", "dev", &format!("to node {number}")]);
            }
        }
        heard
    });
    assert!(printed.contains("Connected to channel dev"), "{printed}");
    assert!((0..3).all(|number| printed.contains(&format!("to node {number}"))), "{printed}");
}

#[test]
fn the_original_client_of_machat_works() {
    let Some(path) = foreign("MESHCHAT_TEST_MACHAT") else { return };
    let (daemon, _gateway, address) = start();
    daemon.ctl().ok(["join", "dev"]);
    let tail = daemon.ctl().tail(["tail", "dev", "-f"]);
    let mut command = Command::new(&path);
    command.args(["-client", "Mina", "-room", "dev", "-address", &address]);
    let printed = drive(&mut command, &["hello from go"], || {
        let heard = tail.count(|line| line["text"] == "hello from go") > 0;
        if heard {
            daemon.ctl().ok(["send", "dev", "to go"]);
        }
        heard
    });
    assert!(printed.contains("Mina:hello from go") && printed.contains(":to go"), "{printed}");
}

#[test]
fn a_crashed_gateway_costs_its_clients_only_the_connection() {
    let (daemon, mut gateway, address) = start();
    let mina = Talk::saying(&address, "{\"name\":\"Mina\",\"room\":\"lobby\"}here\n");
    mina.wait_for("Mina:here\n");
    gateway.start_again();
    mina.wait_over();
    let address = gateway.address("tcp");
    let again = Talk::saying(&address, "{\"name\":\"Mina\",\"room\":\"lobby\"}");
    wait_some("Mina under her name", Limit::default(), || {
        let who = daemon.ctl().json(["who"]);
        who.iter().any(|who| who["name"] == "Mina" && who["state"] == "online").then_some(())
    });
    again.say("back\n");
    again.wait_for("Mina:back\n");
}
