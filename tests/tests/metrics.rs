//! Numbers for Prometheus, from a real node and its gateway.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use meshchat_tests::{Answer, Daemon, Gateway, Limit, TestDir, wait_for};

const PORT: &str = "[metrics]\nlisten = \"127.0.0.1:0\"\n[tcp]\nlisten = \"127.0.0.1:0\"\n";

/// The value of a sample, written as in the text.
fn sample(text: &str, wanted: &str) -> Option<f64> {
    let mut lines = text.lines().filter_map(|line| line.rsplit_once(' '));
    lines.find(|(sample, _)| *sample == wanted).map(|(_, value)| value.parse().unwrap())
}

fn host(gateway: &Gateway) -> String {
    gateway.address("metrics").split('/').nth(2).unwrap().to_owned()
}

fn ask(host: &str, lines: &[&str]) -> Answer {
    let stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    exchange(stream, lines)
}

fn exchange(mut stream: impl Read + Write, lines: &[&str]) -> Answer {
    stream.write_all(format!("{}\r\n\r\n", lines.join("\r\n")).as_bytes()).unwrap();
    Answer::read(&mut stream)
}

fn scrape(host: &str) -> Answer {
    ask(host, &["GET /metrics HTTP/1.1", &format!("Host: {host}")])
}

#[test]
fn a_scrape_shows_the_node_its_peers_and_its_doors() {
    let other = Daemon::start("other");
    let node = Daemon::builder("a").peer(other.listen()).start();
    node.ctl().ok(["wait", "--peers", "1"]);
    let gateway = Gateway::start(&node, PORT);
    let host = host(&gateway);
    let answer = scrape(&host);
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let is = |sample_: &str| sample(&answer.body, sample_);
    assert_eq!((is("meshchat_up"), is("meshchat_links")), (Some(1.0), Some(1.0)), "{answer:?}");
    let labels = format!("{{peer=\"other\",node=\"{}\"", short(&other));
    assert_eq!(is(&format!("meshchat_peer_state{labels},state=\"linked\"}}")), Some(1.0));
    assert!(is(&format!("meshchat_peer_rtt_seconds{labels}}}")).unwrap() < 1.0);
    assert!(is(&format!("meshchat_peer_sent_bytes_total{labels}}}")).unwrap() > 0.0);
    let resident = is("meshchat_process_resident_memory_bytes").unwrap();
    assert!(resident > 1e6 && resident < 1e9, "{resident}");
    assert!(is("meshchat_process_open_fds").unwrap() >= 5.0);
    assert_eq!(is("meshchat_clock_doubtful"), Some(0.0));
    assert_eq!(is("meshchat_door_up{door=\"tcp\"}"), Some(1.0));

    // The command line prints the same families.
    let names = |text: &str| {
        let lines = text.lines().filter(|line| line.starts_with("# TYPE"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(names(&answer.body), names(&node.ctl().ok(["metrics"])));

    // Names of strangers, other paths and methods get nothing.
    let evil = ask(&host, &["GET /metrics HTTP/1.1", "Host: evil.example:80"]);
    assert_eq!((evil.status, evil.body.contains("meshchat_up")), (421, false));
    let port = host.split(':').nth(1).unwrap();
    let own = ask(&host, &["GET /metrics HTTP/1.1", &format!("Host: localhost:{port}")]);
    assert_eq!(own.status, 200);
    let is_host = format!("Host: {host}");
    assert_eq!(ask(&host, &["GET / HTTP/1.1", &is_host]).status, 404);
    assert_eq!(ask(&host, &["POST /metrics HTTP/1.1", &is_host]).status, 405);
    assert_eq!(ask(&host, &["nonsense"]).status, 400);
    let dropped = |reason: &str| {
        format!("meshchat_door_dropped_total{{door=\"metrics\",reason=\"{reason}\"}}")
    };
    wait_for("drops by their reason", Limit::default(), || {
        let text = scrape(&host).body;
        sample(&text, &dropped("host_refused")) == Some(1.0)
            && sample(&text, &dropped("malformed")) == Some(1.0)
    });
}

#[test]
fn the_daemon_may_go_and_come_back() {
    let mut node = Daemon::start("a");
    let gateway = Gateway::start(&node, PORT);
    let host = host(&gateway);
    let up = |host: &str| sample(&scrape(host).body, "meshchat_up");
    assert_eq!(up(&host), Some(1.0));
    node.kill();
    wait_for("down", Limit::default(), || up(&host) == Some(0.0));
    let text = scrape(&host).body;
    assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 1, "{text}");
    node.start_again();
    wait_for("up", Limit::default(), || up(&host) == Some(1.0));
    // A daemon that hangs is down, too, before Prometheus gives up.
    node.process().pause();
    wait_for("down", Limit::default(), || up(&host) == Some(0.0));
    node.process().resume();
    wait_for("up", Limit::default(), || up(&host) == Some(1.0));
}

#[test]
fn a_socket_is_for_the_group_and_comes_back_after_a_crash() {
    let (node, dir) = (Daemon::start("a"), TestDir::new());
    let path = dir.join("metrics.sock");
    let config = format!("[metrics]\nlisten = \"unix:{}\"\n", path.display());
    let mut gateway = Gateway::start(&node, &config);
    let ask = || {
        let stream = UnixStream::connect(&path).unwrap();
        exchange(stream, &["GET /metrics HTTP/1.0"])
    };
    assert_eq!(sample(&ask().body, "meshchat_up"), Some(1.0));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o660);
    gateway.start_again();
    assert_eq!(sample(&ask().body, "meshchat_up"), Some(1.0));
    gateway.process().terminate(Limit::default());
    assert!(!path.exists(), "it cleans up behind itself");
}

#[test]
fn those_who_say_nothing_keep_nobody_out_for_long_and_are_counted() {
    let node = Daemon::start("a");
    let gateway = Gateway::start(&node, PORT);
    let host = host(&gateway);
    let silent: Vec<_> = (0..8).map(|_| TcpStream::connect(&host).unwrap()).collect();
    wait_for("a refusal", Limit::default(), || scrape(&host).status == 0);
    wait_for("places again", Limit::default(), || scrape(&host).status == 200);
    wait_for("both to be counted", Limit::default(), || {
        gateway.drops("metrics", "connections_full") >= 1
            && gateway.drops("metrics", "hello_late") >= 1
    });
    drop(silent);
}

#[test]
fn a_textfile_is_replaced_whole_or_stays() {
    let (mut node, dir) = (Daemon::start("a"), TestDir::new());
    let path = dir.join("meshchat.prom");
    let write = |node: &Daemon, path: &Path| {
        node.ctl().run(["metrics".as_ref(), "--textfile".as_ref(), path.as_os_str()])
    };
    // Of a run that was killed, and of one that writes now.
    let left = |process: u32| dir.join(&format!(".meshchat.prom.{process}.new"));
    for process in [u32::MAX, std::process::id()] {
        fs::write(left(process), "a part of it").unwrap();
    }
    write(&node, &path).assert_ok();
    assert_eq!(fs::read_to_string(left(std::process::id())).unwrap(), "a part of it");
    fs::remove_file(left(std::process::id())).unwrap();
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(sample(&text, "meshchat_up"), Some(1.0), "{text}");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);

    let missing = write(&node, &dir.join("nowhere/meshchat.prom"));
    missing.assert_code(1);
    assert!(missing.stderr.contains("cannot write"), "{missing:#?}");
    // A full disk: the file may not grow.
    let full = node.ctl().command(["metrics".as_ref(), "--textfile".as_ref(), path.as_os_str()]);
    let mut limited = std::process::Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 0; exec \"$0\" \"$@\""]).arg(full.get_program());
    let output = limited.args(full.get_args()).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(fs::read_to_string(&path).unwrap(), text, "the old file stays");

    // What is no file is not replaced by one: a folder, a link, a socket or a device.
    let (folder, link) = (dir.join("folder"), dir.join("link"));
    fs::create_dir(&folder).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    for special in [&folder, &link, &node.socket()] {
        let before = fs::symlink_metadata(special).unwrap().file_type();
        let refused = write(&node, special);
        refused.assert_code(1);
        assert!(refused.stderr.contains("no regular file"), "{refused:#?}");
        assert_eq!(fs::symlink_metadata(special).unwrap().file_type(), before);
    }
    fs::remove_dir(&folder).unwrap();
    fs::remove_file(&link).unwrap();

    node.kill();
    write(&node, &path).assert_code(8);
    let text = fs::read_to_string(&path).unwrap();
    assert_eq!(sample(&text, "meshchat_up"), Some(0.0), "{text}");
    assert_eq!(sample(&text, "meshchat_links"), None, "{text}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn an_address_that_others_reach_is_refused() {
    let dir = TestDir::new();
    let config = dir.join("gateway.toml");
    fs::write(&config, "[metrics]\nlisten = \"0.0.0.0:9117\"\n").unwrap();
    let mut command = std::process::Command::new(meshchat_tests::program("meshchat-gateway"));
    let output = command.arg("--check").arg("--config").arg(&config).output().unwrap();
    assert_eq!(output.status.code(), Some(78), "{output:?}");
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(words.contains("can be reached by others") && words.contains("ssh -L"), "{words}");
}

/// The id of a node as people read it.
fn short(node: &Daemon) -> String {
    let status = node.ctl().json(["status"]);
    let id = status[0]["node"].as_str().unwrap().to_owned();
    format!("{}-{}", &id[..4], &id[4..8])
}
