//! The live socket that the web page speaks over, with real daemons.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use meshchat_tests::{Daemon, Gateway, Limit, wait_for};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::time;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

const OPEN: &str = "[web]\nlisten = \"127.0.0.1:0\"\npairing = \"off\"\n";
const PAIRED: &str = "[web]\nlisten = \"127.0.0.1:0\"\n";
const PATIENCE: Duration = Duration::from_secs(30);

/// A page as a browser would run it, without anything to see.
struct Page {
    socket: WebSocketStream<TcpStream>,
    asked: u64,
    /// What came while an answer was awaited: it may overtake that.
    before: VecDeque<Value>,
}

/// What a page gets: a frame, or a close code.
#[derive(Debug)]
enum Got {
    Frame(Value),
    Closed(Option<u16>),
}

impl Page {
    async fn connect(gateway: &Gateway) -> Self {
        let address = gateway.address("web");
        let host = address.trim_start_matches("http://").trim_end_matches('/');
        let stream = TcpStream::connect(host).await.unwrap();
        let mut request = format!("ws://{host}/api/v1/live").into_client_request().unwrap();
        let origin = format!("http://{host}").parse().unwrap();
        request.headers_mut().insert("origin", origin);
        let (socket, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
        Self { socket, asked: 0, before: VecDeque::new() }
    }

    /// Connects, and says hello.
    async fn hello(gateway: &Gateway, hello: Value) -> Self {
        let mut page = Self::connect(gateway).await;
        page.say(json!({ "hello": hello })).await;
        page
    }

    /// The same, and is welcome.
    async fn open(gateway: &Gateway, hello: Value) -> (Self, Value) {
        let mut page = Self::hello(gateway, hello).await;
        let welcome = page.frame().await;
        assert!(welcome["welcome"].is_object(), "{welcome}");
        (page, welcome["welcome"].clone())
    }

    async fn say(&mut self, frame: Value) {
        self.socket.send(Message::text(frame.to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Got {
        match self.before.pop_front() {
            Some(frame) => Got::Frame(frame),
            None => self.fresh().await,
        }
    }

    async fn fresh(&mut self) -> Got {
        loop {
            let next = time::timeout(PATIENCE, self.socket.next()).await.unwrap();
            match next {
                Some(Ok(Message::Text(text))) => {
                    return Got::Frame(serde_json::from_str(text.as_str()).unwrap());
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(frame))) => {
                    return Got::Closed(frame.map(|frame| frame.code.into()));
                }
                Some(Err(_)) | None => return Got::Closed(None),
                Some(Ok(other)) => panic!("{other:?}"),
            }
        }
    }

    async fn frame(&mut self) -> Value {
        match self.next().await {
            Got::Frame(frame) => frame,
            Got::Closed(code) => panic!("closed with {code:?}"),
        }
    }

    /// The first frame that fits; others are skipped.
    async fn until(&mut self, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
        let find = async {
            loop {
                let frame = self.frame().await;
                if fits(&frame) {
                    return frame;
                }
            }
        };
        time::timeout(PATIENCE, find).await.unwrap_or_else(|_| panic!("no {what}"))
    }

    async fn ask(&mut self, ask: Value) -> Value {
        self.asked += 1;
        let id = self.asked;
        self.say(json!({ "id": id, "ask": ask })).await;
        loop {
            match self.fresh().await {
                Got::Frame(frame) if frame["id"] == id => return frame,
                Got::Frame(frame) => self.before.push_back(frame),
                Got::Closed(code) => panic!("closed with {code:?} before the answer"),
            }
        }
    }

    async fn message(&mut self, text: &str) -> Value {
        let what = format!("message {text}");
        let frame = self.until(&what, |frame| frame["event"]["message"]["text"] == text).await;
        frame["event"]["message"].clone()
    }

    /// Reads messages that begin with 0, 1 … up to `most`: in order, and no gap is not told.
    /// Returns how many were missed.
    async fn numbers(&mut self, most: u64) -> u64 {
        let (mut next, mut missed, mut all) = (0, 0, 0);
        while next < most {
            let frame = self.frame().await;
            missed += frame["event"]["missed"]["messages"].as_u64().unwrap_or(0);
            if let Some(said) = frame["event"]["message"]["text"].as_str() {
                let n: u64 = said.split(' ').next().unwrap().parse().unwrap();
                assert!(n == next || (n > next && missed >= n - next), "{next} {n} {missed}");
                all += n - next;
                (next, missed) = (n + 1, 0);
            }
        }
        all
    }

    async fn caught_up(&mut self) {
        self.until("caught_up", |frame| frame["event"]["caught_up"].is_object()).await;
    }

    async fn closed(&mut self) -> Option<u16> {
        loop {
            if let Got::Closed(code) = self.next().await {
                return code;
            }
        }
    }
}

fn is_online(daemon: &Daemon, name: &str) -> bool {
    let people = daemon.ctl().json(["who"]);
    people.iter().any(|person| person["name"] == name && person["state"] == "online")
}

#[tokio::test(flavor = "multi_thread")]
async fn two_pages_on_two_nodes_talk() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let (at_a, at_b) = (Gateway::start(&a, OPEN), Gateway::start(&b, OPEN));
    let (mut ann, welcome) = Page::open(&at_a, json!({"name": "ann"})).await;
    let (mut ben, _) = Page::open(&at_b, json!({"name": "ben", "rooms": ["lobby", "dev"]})).await;
    assert_eq!(welcome["name"], "ann");
    assert_eq!(welcome["node_name"], "a");
    assert_eq!(welcome["node"].as_str().unwrap().len(), 52);
    ann.caught_up().await;
    ben.caught_up().await;
    wait_for("ann at b", Limit::default(), || is_online(&b, "ann"));
    let sent = ann.ask(json!({"send": {"text": "<b>hello</b> \u{7}"}})).await;
    assert_eq!(sent["ok"]["sent"]["room"], "#lobby");
    let heard = ben.message("<b>hello</b> \u{7}").await;
    assert_eq!((&heard["author"], &heard["via"]), (&json!("ann"), &json!("web")));
    assert_eq!(heard["id"], sent["ok"]["sent"]["id"]);
    assert_eq!(ben.ask(json!({"join": {"room": "#ops"}})).await["ok"], json!({"done": {}}));
    let rooms = ben.ask(json!({"rooms": {}})).await;
    let joined: Vec<_> = rooms["ok"]["rooms"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|room| room["joined"] == true)
        .map(|room| room["room"].as_str().unwrap())
        .collect();
    assert_eq!(joined, ["#dev", "#lobby", "#ops"]);
    wait_for("ben at a", Limit::default(), || is_online(&a, "ben"));
    let dm = json!({"dm": {"send": {"to": "ben", "text": "psst"}}});
    assert!(ann.ask(dm).await["ok"]["direct"].is_object());
    let direct = ben.until("letter", |frame| frame["event"]["direct"].is_object()).await;
    assert_eq!(direct["event"]["direct"]["text"], "psst");
    ann.until("read", |frame| frame["event"]["direct_state"]["state"] == "read").await;
    let why = "on the beach";
    ben.ask(json!({"away": {"away": true, "note": why}})).await;
    ann.until("away", |frame| frame["event"]["person"]["note"] == why).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_are_told_why_they_are_not_in() {
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, PAIRED);
    let refused = async |hello: Value| {
        let mut page = Page::hello(&gateway, hello).await;
        let frame = page.frame().await;
        assert_eq!(page.closed().await, Some(4000));
        assert!(!frame["refused"]["message"].as_str().unwrap().is_empty());
        frame["refused"]["code"].as_str().unwrap().to_owned()
    };
    assert_eq!(refused(json!({"name": "ann"})).await, "code_needed");
    assert_eq!(refused(json!({"name": "ann", "token": "x"})).await, "bad_token");
    assert_eq!(refused(json!({"name": "ann", "code": "aaaa-aaaa"})).await, "bad_code");
    let pair = || a.ctl().json(["pair"])[0]["code"].as_str().unwrap().to_owned();
    let code = pair();
    let (_ann, welcome) = Page::open(&gateway, json!({"name": "ann", "code": code})).await;
    assert_eq!(refused(json!({"name": "ben", "code": code})).await, "bad_code");
    let token = &welcome["token"];
    let (_again, _) = Page::open(&gateway, json!({"name": "ann", "token": token})).await;
    let code = pair();
    assert_eq!(refused(json!({"name": " ", "code": code})).await, "bad_name");
    let mut page = Page::hello(&gateway, json!({"name": "ann", "code": code})).await;
    let frame = page.frame().await;
    assert_eq!(frame["refused"]["code"], "name_taken");
    let other = json!({"name": "anna", "token": frame["refused"]["token"]});
    let (_anna, _) = Page::open(&gateway, other).await;
    assert_eq!(refused(json!({"name": " ", "token": token})).await, "bad_name");
    assert_eq!(refused(json!({"name": "ann", "rooms": ["#"], "token": token})).await, "bad_hello");
    assert_eq!(refused(json!({"token": token})).await, "bad_hello");
    wait_for("refusals", Limit::default(), || gateway.drops("web", "refused") == 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_is_late() {
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, &format!("{OPEN}[limits]\nhello-seconds = 1\n"));
    let mut page = Page::connect(&gateway).await;
    assert_eq!(page.frame().await["refused"]["code"], "late");
    assert_eq!(page.closed().await, Some(4000));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_misses_nothing_and_sees_nothing_twice() {
    let mut a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let mut gateway = Gateway::start(&a, OPEN);
    let (mut page, welcome) = Page::open(&gateway, json!({"name": "ann"})).await;
    let mut since = welcome["cursor"].as_u64().unwrap();
    let mut seen = HashSet::new();
    for n in 0..3 {
        b.ctl().ok(["send", &format!("{n}")]);
        let message = page.message(&n.to_string()).await;
        since = message["cursor"].as_u64().unwrap();
        assert!(seen.insert(message["id"].clone()));
    }
    drop(page);
    b.ctl().ok(["send", "while the gateway was away"]);
    gateway.start_again();
    let hello = json!({"name": "ann", "token": welcome["token"], "since": since});
    let (mut page, again) = Page::open(&gateway, hello).await;
    assert_eq!(again["boot"], welcome["boot"]);
    let first = page.until("message", |frame| frame["event"]["message"].is_object()).await;
    assert_eq!(first["event"]["message"]["text"], "while the gateway was away");
    assert!(seen.insert(first["event"]["message"]["id"].clone()));
    a.start_again();
    page.until("loss", |frame| frame["link"]["state"] == "lost").await;
    b.ctl().ok(["send", "while the daemon was away"]);
    let mut restarted = false;
    loop {
        let frame = page.frame().await;
        restarted |= frame["link"]["restarted"] == true;
        let message = &frame["event"]["message"];
        if message["text"] == "while the daemon was away" {
            assert!(seen.insert(message["id"].clone()));
            break;
        }
        // What neighbours gave back has the id that it had.
        if message.is_object() {
            seen.insert(message["id"].clone());
        }
    }
    assert!(restarted);
    assert_eq!(seen.len(), 5);
    assert!(page.ask(json!({"send": {"text": "back"}})).await["ok"].is_object());
    wait_for("ann at b", Limit::default(), || is_online(&b, "ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_request_is_answered_or_ends_the_socket() {
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, OPEN);
    let (mut page, _) = Page::open(&gateway, json!({"name": "ann"})).await;
    page.socket.send(Message::text("{\"id\": 3, \"ask\"")).await.unwrap();
    let frame = page.until("error", |frame| frame["error"].is_object()).await;
    assert_eq!((&frame["id"], &frame["error"]["code"]), (&json!(0), &json!("bad_frame")));
    let error = async |page: &mut Page, ask: Value| page.ask(ask).await["error"]["code"].clone();
    assert_eq!(error(&mut page, json!({"fly": {}})).await, "bad_frame");
    assert_eq!(error(&mut page, json!({"config": {}})).await, "denied");
    assert_eq!(error(&mut page, json!({"connect": {"address": "x"}})).await, "denied");
    assert_eq!(error(&mut page, json!({"private": {"create": {"room": "x"}}})).await, "denied");
    assert_eq!(error(&mut page, json!({"join": {"room": "# #"}})).await, "bad_argument");
    assert!(page.ask(json!({"status": {}})).await["ok"]["status"].is_object());
    page.socket.send(Message::binary(vec![1, 2, 3])).await.unwrap();
    assert_eq!(page.closed().await, Some(1003));
    let (mut page, _) = Page::open(&gateway, json!({"name": "ben"})).await;
    page.socket.send(Message::text("x".repeat(16 * 1024 + 1))).await.unwrap();
    assert_eq!(page.closed().await, Some(1009));
    assert!(gateway.drops("web", "bad_frame") <= 2);
    wait_for("both counted", Limit::default(), || gateway.drops("web", "bad_frame") == 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn sixteen_requests_run_at_once_and_nothing_said_is_lost() {
    let a = Daemon::start("a");
    let limits = "[limits]\nburst = 1\nper-second = 4\n";
    let gateway = Gateway::start(&a, &format!("{OPEN}{limits}"));
    let (mut page, _) = Page::open(&gateway, json!({"name": "ann"})).await;
    page.caught_up().await;
    for n in 1..=40 {
        page.say(json!({"id": n, "ask": {"send": {"text": n.to_string()}}})).await;
    }
    let (mut ok, mut refused, mut texts) = (Vec::new(), Vec::new(), Vec::new());
    while ok.len() + refused.len() < 40 || texts.len() < ok.len() {
        let frame = page.frame().await;
        if frame["ok"].is_object() {
            ok.push(frame["id"].as_u64().unwrap());
        } else if frame["error"].is_object() {
            assert_eq!(frame["error"]["code"], "too_many");
            refused.push(frame["id"].as_u64().unwrap());
        } else if let Some(text) = frame["event"]["message"]["text"].as_str() {
            texts.push(text.parse::<u64>().unwrap());
        }
    }
    assert!(!refused.is_empty() && refused.iter().all(|n| *n > 16), "{refused:?}");
    assert_eq!(texts, ok);
    assert!(ok.is_sorted() && ok.len() >= 16, "{ok:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn loading_the_page_again_shows_nobody_that_they_went() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let gateway = Gateway::start(&a, OPEN);
    let (page, welcome) = Page::open(&gateway, json!({"name": "ann"})).await;
    wait_for("ann at b", Limit::default(), || is_online(&b, "ann"));
    let seen = b.ctl().tail(["tail", "-f"]);
    let hello = json!({"name": "ann", "token": welcome["token"]});
    drop(page);
    let (mut page, _) = Page::open(&gateway, hello.clone()).await;
    page.socket.close(None).await.unwrap();
    drop(page);
    let (mut page, _) = Page::open(&gateway, hello).await;
    page.ask(json!({"send": {"text": "here I am"}})).await;
    seen.wait_for("the message", Limit::default(), |line| line["text"] == "here I am");
    let went = |line: &Value| line["event"] == "person" && line["name"] == "ann";
    assert!(!seen.lines().iter().any(went), "{:?}", seen.lines());
    drop(page);
    wait_for("ann to be gone", Limit::default(), || !is_online(&b, "ann"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_does_not_read_holds_up_only_itself() {
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, OPEN);
    let (mut slow, _) = Page::open(&gateway, json!({"name": "slow"})).await;
    let (_dead, _) = Page::open(&gateway, json!({"name": "dead"})).await;
    let (mut ann, _) = Page::open(&gateway, json!({"name": "ann"})).await;
    ann.caught_up().await;
    let text = "x".repeat(4000);
    let lines: String = (0..MANY).map(|n| format!("{n} {text}\n")).collect();
    let ctl = a.ctl();
    let sending = tokio::task::spawn_blocking(move || {
        ctl.run_with_input(["send", "-"], lines.as_bytes()).assert_ok();
    });
    ann.numbers(MANY).await;
    sending.await.unwrap();
    // The daemon kept its place; what history has lost since is said to be missed.
    assert!(slow.numbers(MANY).await > 0, "it did not have to wait");
    let limit = Limit::secs(90);
    wait_for("the other one to be given up", limit, || gateway.drops("web", "page_stalled") == 1);
}

/// Together more than sockets and history hold.
const MANY: u64 = 8000;
