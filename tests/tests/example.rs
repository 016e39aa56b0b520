//! The Python example, a client written from the documentation alone, against a real daemon.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::process::{Command, Output};

use meshchat_tests::{Daemon, Limit, Process, TestDir, python, wait_for};

#[test]
fn the_python_example_sends_tails_and_lists_peers() {
    if !can_run() {
        eprintln!("skipped: no python3 with msgpack");
        return;
    }
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    b.wait_links(1);

    let peers = stdout(example(&b, &["peers"]).output().unwrap());
    assert_eq!(peers.trim(), format!("a {} linked", a.listen()));

    let tail = b.follow();
    let sent = stdout(example(&b, &["send", "hello from Python"]).output().unwrap());
    assert_eq!(sent, "accepted in #lobby as number 1, out on 1 links\n");
    assert_eq!(tail.wait_text("hello from Python")["kind"], 0);
    let shown = stdout(example(&a, &["tail", "-n", "20", "--no-follow"]).output().unwrap());
    assert!(shown.contains("@b: hello from Python\n* caught up\n"), "{shown}");

    let dir = TestDir::new();
    let file = dir.join("tail");
    let mut follow = example(&a, &["tail"]);
    let _follow = Process::spawn(follow.stdout(std::fs::File::create(&file).unwrap()));
    let reads = |words: &str| std::fs::read_to_string(&file).unwrap().contains(words);
    wait_for("history", Limit::default(), || reads("* caught up"));
    b.say("\u{1b}[2Jlive");
    wait_for("what is live", Limit::default(), || reads("\\u{1b}[2Jlive"));

    let refused = example(&a, &["send", ""]).output().unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("(bad_argument)"), "{error}");
}

fn example(daemon: &Daemon, args: &[&str]) -> Command {
    let mut command = Command::new(python());
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/meshchat.py"));
    let (first, rest) = args.split_first().unwrap();
    // Options of the program stand before its commands.
    command.arg("--socket").arg(daemon.socket()).arg(first).args(rest);
    command
}

fn stdout(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn can_run() -> bool {
    let mut trial = Command::new(python());
    trial.args(["-c", "import msgpack"]).output().is_ok_and(|output| output.status.success())
}
