//! The HTTP API for small tools, with real daemons.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use meshchat_tests::{Daemon, Gateway, Limit, wait_for};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::time;

const OPEN: &str = "[web]\nlisten = \"127.0.0.1:0\"\npairing = \"off\"\n";
const PAIRED: &str = "[web]\nlisten = \"127.0.0.1:0\"\n";
const PATIENCE: Duration = Duration::from_secs(30);

/// A small tool.
struct Tool {
    host: String,
    token: Option<String>,
}

/// An answer.
#[derive(Debug)]
struct Answer {
    status: u16,
    head: String,
    body: Value,
}

impl Answer {
    fn code(&self) -> &str {
        self.body["error"]["code"].as_str().unwrap_or_else(|| panic!("{self:?}"))
    }
}

impl Tool {
    fn new(gateway: &Gateway) -> Self {
        let address = gateway.address("web");
        let host = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
        Self { host, token: None }
    }

    async fn begin(&self, head: &str, body: &str) -> BufReader<TcpStream> {
        let mut stream = TcpStream::connect(&self.host).await.unwrap();
        let auth = self.token.as_ref().map(|token| format!("Authorization: Bearer {token}\r\n"));
        let request =
            format!("{head}\r\nHost: {}\r\n{}\r\n{body}", self.host, auth.unwrap_or_default());
        stream.write_all(request.as_bytes()).await.unwrap();
        BufReader::new(stream)
    }

    async fn exchange(&self, head: &str, body: &str) -> Answer {
        let mut text = String::new();
        let mut stream = self.begin(&format!("{head}\r\nConnection: close"), body).await;
        time::timeout(PATIENCE, stream.read_to_string(&mut text)).await.unwrap().unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let body = serde_json::from_str(body).unwrap_or_else(|_| json!(body));
        Answer { status, head: head.to_lowercase(), body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.exchange(&format!("GET /api/v1/{path} HTTP/1.1"), "").await
    }

    async fn post_text(&self, path: &str, kind: &str, body: &str) -> Answer {
        let length = body.len();
        let head = format!(
            "POST /api/v1/{path} HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {length}"
        );
        self.exchange(&head, body).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.post_text(path, "application/json", &body.to_string()).await
    }

    async fn events(&self, query: &str, last: Option<&str>) -> Events {
        let last = last.map(|last| format!("\r\nLast-Event-ID: {last}")).unwrap_or_default();
        let head = format!("GET /api/v1/events?{query} HTTP/1.1{last}");
        let mut lines = self.begin(&head, "").await;
        let mut line = String::new();
        lines.read_line(&mut line).await.unwrap();
        assert!(line.starts_with("HTTP/1.1 200"), "{line}");
        Events { lines }
    }
}

/// A stream of events.
struct Events {
    lines: BufReader<TcpStream>,
}

#[derive(Debug, Default)]
struct Event {
    name: String,
    id: Option<String>,
    data: Value,
}

impl Events {
    async fn next(&mut self) -> Event {
        let mut event = Event::default();
        loop {
            let mut line = String::new();
            let read = self.lines.read_line(&mut line);
            let bytes = time::timeout(PATIENCE, read).await.unwrap().unwrap();
            assert_ne!(bytes, 0, "the stream ended");
            match line.trim_end().split_once(": ") {
                Some(("event", name)) => event.name = name.to_owned(),
                Some(("id", id)) => event.id = Some(id.to_owned()),
                Some(("data", data)) => event.data = serde_json::from_str(data).unwrap(),
                _ if line == "\n" && !event.name.is_empty() => return event,
                _ => {}
            }
        }
    }

    async fn until(&mut self, name: &str) -> Event {
        loop {
            let event = self.next().await;
            if event.name == name {
                return event;
            }
        }
    }
}

/// Whether a value fits a schema, as far as types, required and known properties go.
fn check(all: &Value, schema: &Value, value: &Value, at: &str) {
    if let Some(to) = schema["$ref"].as_str() {
        return check(all, all.pointer(to.trim_start_matches('#')).unwrap(), value, at);
    }
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{at} has no {name}: {value}");
    }
    if let Some(known) = schema["properties"].as_object() {
        for (name, value) in value.as_object().unwrap() {
            let schema = known.get(name).unwrap_or_else(|| panic!("{at}.{name} is not described"));
            check(all, schema, value, &format!("{at}.{name}"));
        }
    }
    for value in value.as_array().into_iter().flatten() {
        check(all, &schema["items"], value, &format!("{at}[]"));
    }
    let kinds = match &schema["type"] {
        Value::String(kind) => vec![kind.as_str()],
        Value::Array(kinds) => kinds.iter().map(|kind| kind.as_str().unwrap()).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => return,
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.contains(&kind), "{at} is {kind}: {value}");
}

fn names(daemon: &Daemon) -> BTreeSet<String> {
    let people = daemon.ctl().json(["who"]);
    people.iter().map(|person| person["name"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_as_described() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let ann = a.ctl();
    let _there = ann.tail(["tail", "-f"]);
    ann.ok(["nick", "ann"]);
    let gateway = Gateway::start(&a, OPEN);
    let tool = Tool::new(&gateway);
    let all = tool.get("openapi.json").await.body;
    wait_for("b", Limit::default(), || a.ctl().json(["nodes"]).len() == 2);
    let tail = b.ctl().tail(["tail", "-f"]);
    let message = json!({"name": "thermo", "text": "21 °C", "wait": "reachable"});
    let said = tool.post("messages", message).await;
    assert_eq!((said.status, &said.body["delivery"]["reached"]), (201, &json!(2)), "{said:?}");
    tail.wait_for("it at b", Limit::default(), |line| {
        line["text"] == "21 °C" && line["author"] == "thermo" && line["via"] == "api"
    });
    let direct = json!({"name": "thermo", "to": "ann", "text": "psst"});
    let direct = tool.post("direct", direct).await;
    assert_eq!(direct.status, 201, "{direct:?}");
    let failure = tool.post("messages", json!({"name": "", "text": "x"})).await;
    assert_eq!((failure.status, failure.code()), (422, "bad_argument"));
    let schema = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    check(&all, &schema("Said"), &said.body, "said");
    check(&all, &schema("Failure"), &failure.body, "failure");
    check(&all, &schema("Direct"), &direct.body, "direct");
    for (path, name) in [
        ("messages", "Messages"),
        ("people", "People"),
        ("rooms", "Rooms"),
        ("nodes", "Nodes"),
        ("graph", "Graph"),
        ("status", "Status"),
    ] {
        let answer = tool.get(path).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        check(&all, &schema(name), &answer.body, path);
        let list = answer.body[path].as_array();
        assert!(list.is_none_or(|list| !list.is_empty()), "{path} was not tried: {answer:?}");
    }
    assert_eq!(tool.get("fly").await.code(), "not_found");
    assert_eq!(tool.post("people", json!({})).await.code(), "bad_method");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_come_from_codes() {
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, PAIRED);
    let mut tool = Tool::new(&gateway);
    let stranger = tool.get("status").await;
    assert_eq!((stranger.status, stranger.code()), (401, "code_needed"));
    assert!(stranger.head.contains("\r\nwww-authenticate: bearer"), "{}", stranger.head);
    let wrong = tool.post("pair", json!({"code": "aaaa-aaaa"})).await;
    assert_eq!((wrong.status, wrong.code()), (403, "bad_code"));
    let code = a.ctl().json(["pair"])[0]["code"].clone();
    let paired = tool.post("pair", json!({ "code": code })).await;
    assert_eq!(paired.status, 201);
    tool.token = Some(paired.body["token"].as_str().unwrap().to_owned());
    assert_eq!(tool.get("status").await.status, 200);
    tool.token = Some("x".repeat(96));
    let forged = tool.get("status").await;
    assert_eq!((forged.status, forged.code()), (401, "bad_token"));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_are_told_what_is_wrong() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let ben = b.ctl();
    let _there = ben.tail(["tail", "-f"]);
    ben.ok(["nick", "ben"]);
    let gateway = Gateway::start(&a, OPEN);
    let tool = Tool::new(&gateway);
    wait_for("ben", Limit::default(), || names(&a).contains("ben"));
    let said = |answer: Answer| (answer.status, answer.code().to_owned());
    let wrong = |status: u16, code: &str| (status, code.to_owned());
    let json = "application/json";
    assert_eq!(said(tool.post_text("messages", json, "{").await), wrong(400, "bad_json"));
    assert_eq!(said(tool.post_text("messages", "text/plain", "{}").await), wrong(415, "bad_type"));
    let long = json!({"name": "x", "text": "x".repeat(17_000)}).to_string();
    assert_eq!(said(tool.post_text("messages", json, &long).await), wrong(413, "too_large"));
    let more = json!({"name": "x", "text": "x", "colour": "red"});
    assert_eq!(said(tool.post("messages", more).await), wrong(422, "bad_argument"));
    let taken = json!({"name": "ben", "text": "x"});
    assert_eq!(said(tool.post("messages", taken).await), wrong(409, "name_taken"));
    let nobody = json!({"name": "x", "to": "nobody", "text": "x"});
    assert_eq!(said(tool.post("direct", nobody).await), wrong(404, "not_found"));
    assert_eq!(said(tool.get("messages?room=%23~x").await), wrong(403, "denied"));
    assert_eq!(said(tool.get("messages?limit=0").await), wrong(422, "bad_argument"));
    assert_eq!(said(tool.get("messages?colour=red").await), wrong(422, "bad_argument"));
    assert_eq!(said(tool.get("events?room=%23~x").await), wrong(403, "denied"));
    for _ in 0..10 {
        let answer = tool.post("messages", json!({"name": "x", "text": "fast"})).await;
        if answer.status == 429 {
            assert_eq!(answer.code(), "too_many");
            assert!(answer.head.contains("\r\nretry-after: 1"), "{}", answer.head);
            return;
        }
    }
    panic!("ten messages at once were let through");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_go_on_behind_the_last_one_and_nobody_is_there() {
    let mut a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    let mut gateway = Gateway::start(&a, OPEN);
    let before = names(&a);
    let mut events = Tool::new(&gateway).events("", None).await;
    events.until("caught_up").await;
    assert_eq!(names(&a), before);
    wait_for("the link", Limit::default(), || a.ctl().json(["nodes"]).len() == 2);
    b.ctl().ok(["send", "one\ndata: two"]);
    let one = events.until("message").await;
    assert_eq!(one.data["text"], "one\ndata: two");
    assert_eq!(one.id.as_deref(), Some(one.data["cursor"].to_string().as_str()));
    drop(events);
    b.ctl().ok(["send", "while away"]);
    gateway.start_again();
    let tool = Tool::new(&gateway);
    let mut events = tool.events("after=0", one.id.as_deref()).await;
    assert_eq!(events.until("message").await.data["text"], "while away");
    a.start_again();
    assert_eq!(events.until("link").await.data["state"], "lost");
    assert_eq!(events.until("link").await.data["restarted"], true);
    b.ctl().ok(["send", "after the restart"]);
    while events.until("message").await.data["text"] != "after the restart" {}
    let mut there = tool.events("name=logger&room=ops", None).await;
    there.until("caught_up").await;
    wait_for("logger at b", Limit::default(), || names(&b).contains("logger"));
    drop(there);
}

#[tokio::test(flavor = "multi_thread")]
async fn history_comes_in_pages() {
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, OPEN);
    let tool = Tool::new(&gateway);
    for n in 0..5 {
        a.ctl().ok(["send", &n.to_string()]);
    }
    let texts = |answer: &Answer| -> Vec<String> {
        let messages = answer.body["messages"].as_array().unwrap().iter();
        messages.map(|message| message["text"].as_str().unwrap().to_owned()).collect()
    };
    let newest = tool.get("messages?limit=2").await;
    assert_eq!(
        (texts(&newest), &newest.body["more"]),
        (vec!["3".into(), "4".into()], &json!(false))
    );
    let (mut after, mut all) = (json!(0), Vec::new());
    loop {
        let page = tool.get(&format!("messages?limit=2&after={after}")).await;
        all.extend(texts(&page));
        after = page.body["next"].clone();
        if page.body["more"] == false {
            break;
        }
    }
    assert_eq!(all, ["0", "1", "2", "3", "4"]);
    a.ctl().ok(["send", "5"]);
    assert_eq!(texts(&tool.get(&format!("messages?after={after}")).await), ["5"]);
}

/// Every line of the page about the API that calls curl does what it says.
#[test]
fn the_examples_of_the_documentation_work() {
    if Command::new("curl").arg("--version").output().is_err() {
        eprintln!("skipped: there is no curl");
        return;
    }
    let a = Daemon::start("a");
    let gateway = Gateway::start(&a, &format!("{PAIRED}[limits]\nburst = 50\n"));
    let tool = Tool::new(&gateway);
    let code = a.ctl().json(["pair"])[0]["code"].as_str().unwrap().to_owned();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/http-api.md");
    let page = std::fs::read_to_string(page).unwrap();
    let ann = a.ctl();
    let _there = ann.tail(["tail", "-f"]);
    ann.ok(["nick", "ann"]);
    let mut token = String::new();
    let mut tried = 0;
    for line in page.lines().filter(|line| line.starts_with("    curl ")) {
        let command = line
            .replace("127.0.0.1:8480", &tool.host)
            .replace("k7wq-3f9x", &code)
            .replace("curl ", "curl --silent --show-error --fail-with-body --max-time 2 ");
        let done =
            Command::new("sh").arg("-c").arg(&command).env("TOKEN", &token).output().unwrap();
        let (said, wrong) = (
            String::from_utf8_lossy(&done.stdout).into_owned(),
            String::from_utf8_lossy(&done.stderr).into_owned(),
        );
        // An event stream goes on until curl has had enough.
        let streams = line.contains("/events");
        assert!(done.status.success() || streams, "{line}\n{said}\n{wrong}");
        if streams {
            assert!(said.contains("event: "), "{line}\n{said}\n{wrong}");
        } else {
            let said: Value = serde_json::from_str(&said).unwrap();
            if let Some(given) = said["token"].as_str() {
                token = given.to_owned();
            }
        }
        tried += 1;
    }
    assert!(tried >= 8, "only {tried} examples were found");
}
