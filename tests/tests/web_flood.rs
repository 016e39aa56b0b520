//! The web page's door under those who only want to keep others out.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use meshchat_tests::{Answer, Daemon, Gateway, Limit, dial_from, wait_for};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

const WEB: &str = "[web]\nlisten = \"127.0.0.1:0\"\npairing = \"off\"\n";

fn page(gateway: &Gateway) -> Answer {
    gateway.ask_web(&["GET / HTTP/1.1", &format!("Host: {}", gateway.web_host())], "")
}

/// Kilobytes of memory of the gateway.
fn memory(gateway: &mut Gateway) -> u64 {
    let pid = gateway.process().pid();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn whoever_is_slow_or_silent_is_gone_in_time() {
    let daemon = Daemon::start("a");
    let gateway = Gateway::start(&daemon, WEB);
    let begin = Instant::now();
    let silent = gateway.dial_web();
    let mut slow = gateway.dial_web();
    slow.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    let mut kept = gateway.dial_web();
    write!(kept, "GET / HTTP/1.1\r\nHost: {}\r\n\r\n", gateway.web_host()).unwrap();
    let mut body = gateway.dial_web();
    let host = gateway.web_host();
    write!(body, "POST /api/v1/pair HTTP/1.1\r\nHost: {host}\r\nContent-Length: 9\r\n\r\n{{")
        .unwrap();
    let rest = thread::spawn(move || {
        [silent, kept, body].map(|mut stream| (Answer::read(&mut stream), begin.elapsed()))
    });
    // A byte whenever a read has waited in vain.
    let mut byte = [0];
    let ended = b"GET / HTTP/1.1\r\nX: ".iter().chain(std::iter::repeat(&b'x')).position(|next| {
        let closed = slow.write_all(&[*next]).is_err();
        closed
            || !matches!(slow.read(&mut byte), Err(error) if error.kind() == ErrorKind::WouldBlock)
    });
    assert!(ended.is_some() && begin.elapsed() < Duration::from_secs(30));
    let [silent, kept, body] = rest.join().unwrap();
    assert_eq!((silent.0.status, kept.0.status, body.0.status), (0, 200, 408), "{body:?}");
    for (answer, after) in [silent, kept, body] {
        assert!(after < Duration::from_secs(30), "{after:?}: {answer:?}");
    }
    for reason in ["hello_late", "body_late"] {
        wait_for(reason, Limit::default(), || gateway.drops("web", reason) > 0);
    }
}

#[test]
fn what_is_too_large_is_refused_before_it_is_kept() {
    let daemon = Daemon::start("a");
    let mut gateway = Gateway::start(&daemon, WEB);
    page(&gateway);
    let before = memory(&mut gateway);
    let host = format!("Host: {}", gateway.web_host());
    let pour = |head: &str, piece: &str| {
        let mut stream = gateway.dial_web();
        write!(stream, "{head}").unwrap();
        // It may close before it was told all.
        for _ in 0..1024 {
            if stream.write_all(piece.as_bytes()).is_err() {
                break;
            }
        }
        Answer::read(&mut stream).status
    };
    let megabyte = format!("X-A: {}\r\n", "a".repeat(1017));
    assert!([0, 431].contains(&pour(&format!("GET / HTTP/1.1\r\n{host}\r\n"), &megabyte)));
    let long = pour(&format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(100_000)), "\r\n");
    assert!([0, 414, 431].contains(&long), "{long}");
    let chunked =
        format!("POST /api/v1/pair HTTP/1.1\r\n{host}\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("400\r\n{}\r\n", "a".repeat(1024));
    assert!([0, 413].contains(&pour(&chunked, &chunk)));
    let told =
        gateway.ask_web(&["POST /api/v1/pair HTTP/1.1", &host, "Content-Length: 99999999999"], "");
    assert_eq!(told.status, 413, "{told:?}");
    for nonsense in
        ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "\u{16}\u{3}\u{1}"]
    {
        let mut stream = gateway.dial_web();
        stream.write_all(nonsense.as_bytes()).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        assert!([0, 400].contains(&Answer::read(&mut stream).status), "{nonsense:?}");
    }
    for reason in ["head_too_large", "body_too_large", "malformed"] {
        wait_for(reason, Limit::default(), || gateway.drops("web", reason) > 0);
    }
    assert_eq!(page(&gateway).status, 200);
    let grown = memory(&mut gateway).saturating_sub(before);
    assert!(grown < 8 * 1024, "{grown} kB more");
}

#[test]
fn ten_thousand_connections_keep_nobody_out() {
    const MANY: usize = 10_000;
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).unwrap();
    if most < MANY as u64 + 500 {
        eprintln!("skipped: only {most} descriptors are allowed here");
        return;
    }
    let daemon = Daemon::start("a");
    let mut gateway = Gateway::start(&daemon, WEB);
    setrlimit(Resource::RLIMIT_NOFILE, MANY as u64 + 500, most).unwrap();
    page(&gateway);
    let before = memory(&mut gateway);
    let at: SocketAddr = gateway.web_host().parse().unwrap();
    let mut held = Vec::new();
    for number in 0..MANY {
        held.push(dial_from(Ipv4Addr::new(127, 0, 0, u8::try_from(number % 50).unwrap() + 10), at));
        if number % 1000 == 0 {
            assert_eq!(page(&gateway).status, 200);
        }
    }
    let begin = Instant::now();
    assert_eq!(page(&gateway).status, 200);
    assert!(begin.elapsed() < Duration::from_secs(5), "{:?}", begin.elapsed());
    wait_for("most to be pushed out", Limit::default(), || {
        gateway.drops("web", "connections_pushed_out") > (MANY as u64) * 9 / 10
    });
    let grown = memory(&mut gateway).saturating_sub(before);
    eprintln!("{MANY} connections cost {grown} kB");
    assert!(grown < 16 * 1024, "{grown} kB more");
    daemon.ctl().ok(["status"]);
    drop(held);
}
