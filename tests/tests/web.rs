//! The web page's door, asked as browsers, programs and attackers would.
#![expect(clippy::indexing_slicing, clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;

use meshchat_tests::{Answer, Daemon, Gateway, Limit, dial_from, own_address, wait_for};

const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\nhosts = [\"chat.example:443\"]\n\
                   origins = [\"http://barn.example:8480\"]\nothers = [\"http://barn.example:8480\"]\n";

fn start() -> (Daemon, Gateway) {
    let daemon = Daemon::start("a");
    let gateway = Gateway::start(&daemon, WEB);
    (daemon, gateway)
}

fn get(gateway: &Gateway, path: &str, headers: &[&str]) -> Answer {
    let (line, host) = (format!("GET {path} HTTP/1.1"), host(gateway));
    gateway.ask_web(&[&[line.as_str(), host.as_str()], headers].concat(), "")
}

fn post(gateway: &Gateway, path: &str, headers: &[&str], body: &str) -> Answer {
    let (line, host) = (format!("POST {path} HTTP/1.1"), host(gateway));
    let json = "Content-Type: application/json";
    gateway.ask_web(&[&[line.as_str(), host.as_str(), json], headers].concat(), body)
}

fn host(gateway: &Gateway) -> String {
    format!("Host: {}", gateway.web_host())
}

#[test]
fn only_known_names_are_answered() {
    let (_daemon, gateway) = start();
    let own = gateway.web_host();
    let port = own.rsplit(':').next().unwrap().to_owned();
    let machine = nix::unistd::gethostname().unwrap().into_string().unwrap();
    let short = machine.split('.').next().unwrap();
    let ask = |host: &str| gateway.ask_web(&["GET / HTTP/1.1", &format!("Host: {host}")], "");
    for name in ["127.0.0.1", "localhost", "LocalHost", &machine, &format!("{short}.local")] {
        let answer = ask(&format!("{name}:{port}"));
        assert_eq!(answer.status, 200, "{name}: {answer:?}");
    }
    assert_eq!(ask("chat.example").status, 200);
    for host in [
        format!("evil.example:{port}"),
        "127.0.0.1".into(),
        "127.0.0.1:1".into(),
        format!("127.0.0.2:{port}"),
        format!("localhost.evil.example:{port}"),
        format!("me@localhost:{port}"),
        format!("chat.example:{port}"),
    ] {
        let answer = ask(&host);
        assert_eq!(answer.status, 421, "{host}: {answer:?}");
        assert!(answer.body.contains("hosts = ["), "{answer:?}");
    }
    let bad: &[&[&str]] = &[
        &["GET / HTTP/1.1"],
        &["GET / HTTP/1.0"],
        &["GET / HTTP/1.1", "Host: "],
        &["GET / HTTP/1.1", "Host: a b"],
        &["GET / HTTP/1.1", &format!("Host: {own}"), &format!("Host: {own}")],
        &["GET http://evil.example/ HTTP/1.1", &format!("Host: {own}")],
    ];
    for lines in bad {
        let answer = gateway.ask_web(lines, "");
        assert_eq!(answer.status, 400, "{lines:?}: {answer:?}");
    }
    wait_for("refusals to be counted", Limit::default(), || {
        gateway.drops("web", "host_refused") >= 12
    });
}

#[test]
fn only_known_pages_may_use_it() {
    let (_daemon, gateway) = start();
    let own = format!("Origin: http://{}", gateway.web_host());
    let listed = "Origin: http://barn.example:8480";
    assert_eq!(get(&gateway, "/", &[&own]).status, 200);
    let answer = get(&gateway, "/", &[listed]);
    let allowed = "access-control-allow-origin";
    assert_eq!((answer.status, answer.header(allowed)), (200, Some("http://barn.example:8480")));
    assert_eq!(get(&gateway, "/", &[&own]).header(allowed), None);
    let upgrade = [
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ];
    for origin in [
        "Origin: http://evil.example",
        "Origin: null",
        "Origin: http://127.0.0.1",
        "Origin: http://barn.example",
        "Origin: https://barn.example:8480",
        "Origin: http://barn.example:8480.evil.example",
    ] {
        for path in ["/", "/api/v1/people"] {
            let answer = get(&gateway, path, &[origin]);
            assert_eq!(answer.status, 403, "{origin}: {answer:?}");
            assert_eq!(answer.header(allowed), None);
        }
        assert_eq!(post(&gateway, "/api/v1/pair", &[origin], "{\"code\":\"x\"}").status, 403);
        let answer = get(&gateway, "/api/v1/live", &[&upgrade[..], &[origin]].concat());
        assert_eq!(answer.status, 403, "{origin}: {answer:?}");
    }
    let answer = get(&gateway, "/api/v1/live", &upgrade);
    assert_eq!(answer.status, 403, "without an origin: {answer:?}");
    assert_eq!(get(&gateway, "/", &[&own, &own]).status, 403);
    let lines = |origin: &str| {
        let lines = ["OPTIONS /api/v1/pair HTTP/1.1", &host(&gateway), origin];
        gateway.ask_web(&lines.map(str::to_owned).each_ref().map(String::as_str), "")
    };
    assert_eq!(lines(listed).status, 204);
    assert_eq!(lines("Origin: http://evil.example").status, 403);
}

#[test]
fn pages_of_others_may_link_here_and_nothing_else() {
    let (_daemon, gateway) = start();
    let (cross, go) = ("Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: navigate");
    let top = "Sec-Fetch-Dest: document";
    assert_eq!(get(&gateway, "/", &[cross, go, top]).status, 200);
    assert_eq!(get(&gateway, "/", &[cross, go, "Sec-Fetch-Dest: iframe"]).status, 403);
    assert_eq!(get(&gateway, "/", &[cross, "Sec-Fetch-Mode: no-cors"]).status, 403);
    assert_eq!(get(&gateway, "/api/v1/people", &[cross, go, top]).status, 403);
    assert_eq!(get(&gateway, "/", &["Sec-Fetch-Site: same-site"]).status, 403);
    assert_eq!(get(&gateway, "/", &["Sec-Fetch-Site: same-origin"]).status, 200);
}

#[test]
fn every_answer_is_hardened() {
    let (_daemon, gateway) = start();
    let page = get(&gateway, "/", &[]);
    let tag = format!("If-None-Match: {}", page.header("etag").unwrap());
    let same = get(&gateway, "/", &[&tag]);
    assert_eq!((same.status, same.body.as_str()), (304, ""));
    assert_eq!(same.header("etag"), page.header("etag"));
    assert_eq!(page.header("cache-control"), Some("no-cache"));
    let missing = get(&gateway, "/nothing", &[]);
    let api = get(&gateway, "/api/v1/people", &[]);
    let refused = gateway.ask_web(&["GET / HTTP/1.1", "Host: evil.example"], "");
    assert_eq!((missing.status, api.status, refused.status), (404, 401, 421));
    for answer in [page, same, missing, api, refused] {
        let policy = answer.header("content-security-policy").unwrap();
        for part in
            ["default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"]
        {
            assert!(policy.contains(part), "{policy}");
        }
        assert!(policy.contains(" http://barn.example:8480 ws://barn.example:8480"), "{policy}");
        assert!(!policy.contains("unsafe"), "{policy}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("referrer-policy", "no-referrer"),
            ("cross-origin-resource-policy", "same-origin"),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(answer.header(name), Some(value), "{answer:?}");
        }
        for name in ["server", "set-cookie", "access-control-allow-origin"] {
            assert!(!answer.head.to_lowercase().contains(&format!("\n{name}:")), "{answer:?}");
        }
    }
}

fn pair(gateway: &Gateway, code: &str) -> Answer {
    post(gateway, "/api/v1/pair", &[], &format!("{{\"code\":\"{code}\"}}"))
}

fn token_of(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    format!("Authorization: Bearer {}", body["token"].as_str().unwrap())
}

#[test]
fn a_code_lets_one_in_and_its_token_lasts() {
    let (mut daemon, mut gateway) = start();
    let code = daemon.ctl().ok(["pair", "--terse"]).trim().to_owned();
    let first = pair(&gateway, &code.to_lowercase().replace('-', " "));
    assert_eq!(first.status, 201, "{first:?}");
    assert_ne!(pair(&gateway, &code).status, 201);
    let token = token_of(&first);
    let people = |gateway: &Gateway, token: &str| get(gateway, "/api/v1/people", &[token]).status;
    assert_eq!(people(&gateway, &token), 200);
    assert_eq!(get(&gateway, &format!("/api/v1/people?token={}", &token[22..]), &[]).status, 401);
    gateway.start_again();
    daemon.start_again();
    wait_for("the token to count", Limit::default(), || people(&gateway, &token) == 200);
    let key = gateway.state_dir().join("token.key");
    let mode = std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&key).unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
    // How all are put out.
    fs::remove_file(&key).unwrap();
    gateway.start_again();
    assert_eq!(people(&gateway, &token), 401);
}

#[test]
fn one_who_guesses_does_not_keep_others_out() {
    let (daemon, gateway) = start();
    let code = daemon.ctl().ok(["pair", "--terse"]).trim().to_owned();
    let mut refused = 0;
    for _ in 0..10 {
        assert_ne!(pair(&gateway, "0000-0000").status, 201);
    }
    for _ in 0..30 {
        refused += usize::from(pair(&gateway, &code).status == 429);
    }
    assert_eq!(refused, 30, "also the right one, from there");
    let at: SocketAddr = gateway.web_host().parse().unwrap();
    let mut other = dial_from(own_address(), at);
    let body = format!("{{\"code\":\"{code}\"}}");
    let head = format!(
        "POST /api/v1/pair HTTP/1.1\r\nHost: {at}\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    other.write_all(format!("{head}{body}").as_bytes()).unwrap();
    let answer = Answer::read(&mut other);
    assert_eq!(answer.status, 201, "{answer:?}");
}
