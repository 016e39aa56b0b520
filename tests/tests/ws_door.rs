//! Clients of the WebSocket door, with the exact frames that the original programs send and
//! expect.

use std::time::Duration;

use meshchat_tests::{Daemon, Gateway, Limit, Talk, WebTalk, http, wait_for, wait_some};
use serde_json::Value;
use tokio_tungstenite::tungstenite::Message;

const DOORS: &str = "[tcp]\nlisten = \"127.0.0.1:0\"\n[websocket]\nlisten = \"127.0.0.1:0\"\n\
    origins = [\"http://page.example:8080\"]\n";

fn start() -> (Daemon, Gateway, String) {
    let daemon = Daemon::start("a");
    let gateway = Gateway::start(&daemon, DOORS);
    let address = gateway.address("websocket");
    (daemon, gateway, address)
}

#[test]
fn machat_over_both_doors_is_one_room() {
    let (_daemon, gateway, address) = start();
    let tcp = Talk::saying(&gateway.address("tcp"), "{\"name\":\"Tia\",\"room\":\"dev\"}one\n");
    tcp.wait_for("Tia:one\n");
    let web = WebTalk::open(&address, "/mychat");
    web.say("{\"name\":\"Wim\",\"room\":\"dev\"}");
    web.say("two\n");
    web.wait_for("its own line", |text| text == "Wim:two\n");
    tcp.wait_for("Wim:two\n");
    tcp.say("three\r\n");
    web.wait_for("three", |text| text == "Tia:three\n");
    // Several lines in one frame, the last without an end.
    web.say("four\n\nfive");
    tcp.wait_for("Wim:four\nWim:five\n");
    assert_eq!(web.texts().first().unwrap().1, "Wim:two\n");
    assert_eq!(web.binaries(), 0);
}

#[test]
fn distributed_chat_is_on_every_other_path() {
    let (_daemon, gateway, address) = start();
    let one = WebTalk::open(&address, "/");
    let two = WebTalk::open(&address, "/any/path?x=1");
    one.say("nonsense");
    one.wait_for("the error", |text| text == r#"{"type":"error","msg":"MALFORMED DATA"}"#);
    for (talk, user) in [(&one, "U"), (&two, "V")] {
        talk.say(&format!(r#"{{"type":"join","uname":"{user}","cname":"C"}}"#));
        talk.wait_for("the join", |text| {
            text == r#"{"type":"success","msg":"Connected to channel C"}"#
        });
    }
    one.say(r#"{"type":"msg","uname":"U","msg":"hi"}"#);
    two.wait_for("hi", |text| text == r#"{"type":"msg","uname":"U","msg":"hi"}"#);
    two.say(r#"{"type":"msg","uname":"V","msg":"ho"}"#);
    one.wait_for("ho", |text| text == r#"{"type":"msg","uname":"V","msg":"ho"}"#);
    assert!(one.texts().iter().all(|(_, text)| !text.contains("\"hi\"")));
    wait_for("the drop", Limit::default(), || gateway.drops("websocket", "malformed") == 1);
}

#[test]
fn the_page_of_meshchat_sees_messages_and_who_is_there() {
    let (daemon, _gateway, address) = start();
    let page = WebTalk::open(&address, "/ws");
    page.say(r#"{"name":"User-17","id":"17","presence":true}"#);
    let own =
        "{\"name\":\"User-17\",\"message\":\"\",\"pong\":true,\"presence\":false,\"id\":\"17\"}\n";
    page.wait_for("its own dot", |text| text == own);
    page.say(r#"{"name":"User-17","id":"17","message":"<b>hi</b>"}"#);
    page.wait_for("its own message", |text| {
        text == "{\"name\":\"User-17\",\"message\":\"<b>hi</b>\",\"pong\":false,\"presence\":false,\"id\":\"17\"}\n"
    });
    let tail = daemon.ctl().tail(["tail", "-f"]);
    let other = WebTalk::open(&address, "/ws");
    other.say(r#"{"name":"Zoë","id":"9","presence":true}"#);
    let dot = page.wait_for("the other's dot", |text| text.contains("Zoë"));
    let dot: Value = serde_json::from_str(&dot).unwrap();
    assert!(dot["pong"] == true && dot["id"] != "9" && dot["presence"] == false, "{dot}");
    other.say(r#"{"name":"Zoë","id":"9","message":"ho"}"#);
    let said = page.wait_for("ho", |text| text.contains("\"ho\""));
    assert_eq!(serde_json::from_str::<Value>(&said).unwrap()["id"], dot["id"]);
    // Dots go out after three seconds without news.
    wait_for("five dots", Limit::default(), || {
        page.texts().iter().filter(|(_, text)| text == own).count() >= 5 && page.pings() >= 3
    });
    let texts = page.texts();
    let dots: Vec<_> = texts.iter().filter(|(_, text)| text == own).collect();
    for pair in dots.windows(2) {
        let [(before, _), (after, _)] = pair else { continue };
        assert!(*after - *before < Duration::from_secs(3), "{:?}", *after - *before);
    }
    // Presence is not flooded as messages.
    assert_eq!(tail.count(|line| line["text"] == ""), 0);
    page.say(r#"{"name":"Ann","id":"17","message":"now Ann"}"#);
    other.wait_for("the new name", |text| text.contains(r#""name":"Ann","message":"now Ann""#));
    drop(other);
    wait_some("the other's dot to go out", Limit::default(), || {
        let texts = page.texts();
        let last = texts.iter().rev().take_while(|(_, text)| text.contains("\"pong\":true"));
        let names: Vec<_> = last.map(|(_, text)| text.clone()).collect();
        (names.len() >= 3 && names.iter().take(3).all(|text| !text.contains("Zoë"))).then_some(())
    });
}

#[test]
fn pages_need_a_listed_origin_and_programs_none() {
    let (_daemon, gateway, address) = start();
    let open = |origin| WebTalk::try_open(&address, "/ws", origin).map(|_| ());
    assert_eq!(open(None), Ok(()));
    assert_eq!(open(Some("http://page.example:8080")), Ok(()));
    for near in ["http://page.example", "https://page.example:8080", "http://evil.example", "null"]
    {
        assert_eq!(open(Some(near)), Err(403), "{near}");
    }
    wait_for("the drops", Limit::default(), || gateway.drops("websocket", "bad_origin") == 4);
}

#[test]
fn other_requests_get_an_answer_of_http() {
    let (_daemon, _gateway, address) = start();
    let ask = |head: &str| http(&address, &format!("{head}\r\nHost: x\r\n\r\n"));
    let plain = ask("GET / HTTP/1.1");
    assert!(plain.starts_with("HTTP/1.1 426 ") && plain.contains("13"), "{plain}");
    assert!(ask("POST / HTTP/1.1").starts_with("HTTP/1.1 405 "));
    let upgrade = "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version";
    let old =
        ask(&format!("GET / HTTP/1.1\r\n{upgrade}: 8\r\nSec-WebSocket-Key: {}", "x".repeat(24)));
    assert!(old.starts_with("HTTP/1.1 426 "), "{old}");
    let short = ask(&format!("GET / HTTP/1.1\r\n{upgrade}: 13\r\nSec-WebSocket-Key: x"));
    assert!(short.starts_with("HTTP/1.1 400 "), "{short}");
    assert!(ask("nonsense").starts_with("HTTP/1.1 400 "));
    let large = ask(&format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(100_000)));
    assert!(large.is_empty() || large.starts_with("HTTP/1.1 431 "), "{large}");
}

#[test]
fn frames_that_cannot_be_end_it_with_a_code() {
    let (_daemon, gateway, address) = start();
    let ended = |message: Message| {
        let talk = WebTalk::open(&address, "/mychat");
        talk.say("{\"name\":\"Mina\",\"room\":\"dev\"}");
        talk.send(message);
        talk.wait_over()
    };
    assert_eq!(ended(Message::binary(b"x".to_vec())).0, 1003);
    assert_eq!(ended(Message::text("x".repeat(5000))).0, 1009);
    let bad = WebTalk::open(&address, "/mychat");
    bad.say("{\"room\":\"dev\"}");
    let (code, reason) = bad.wait_over();
    assert!(code == 1008 && reason.contains("name"), "{code} {reason}");
    for (reason, count) in [("binary", 1), ("too_long", 1), ("malformed", 1)] {
        wait_for(reason, Limit::default(), || gateway.drops("websocket", reason) == count);
    }
}

#[test]
fn a_flood_of_pings_is_read_slowly_and_answered() {
    let (daemon, _gateway, address) = start();
    let talk = WebTalk::open(&address, "/mychat");
    talk.say("{\"name\":\"Mina\",\"room\":\"dev\"}");
    for _ in 0..40 {
        talk.send(Message::Ping(vec![b'x'; 100].into()));
    }
    talk.say("after the flood");
    talk.wait_for("its line", |text| text == "Mina:after the flood\n");
    daemon.ctl().ok(["status"]);
}

#[test]
fn a_restart_of_the_daemon_under_a_page() {
    let (mut daemon, _gateway, address) = start();
    let page = WebTalk::open(&address, "/ws");
    page.say(r#"{"name":"Ann","id":"17","presence":true}"#);
    page.wait_for("its dot", |text| text.contains("\"pong\":true"));
    daemon.kill();
    page.wait_for("the note", |text| text.contains("the node does not answer"));
    page.say(r#"{"name":"Ann","id":"17","message":"meanwhile"}"#);
    daemon.start_again();
    page.wait_for("the note", |text| text.contains("the node is back"));
    page.wait_for("its message", |text| text.contains(r#""message":"meanwhile""#));
}
