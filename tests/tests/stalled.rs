//! A client that stops reading delays nobody, and learns what it missed.
#![forbid(unsafe_code)]

use std::fmt::Write as _;

use meshchat_tests::{Daemon, Limit, Tail};

/// Far more than a queue and a history take together.
const MESSAGES: u64 = 60_000;

#[test]
fn a_stopped_tail_delays_nobody_and_then_says_what_it_missed() {
    let a = Daemon::start("a");
    let b = Daemon::builder("b").peer(a.listen()).start();
    b.wait_links(1);
    let (mut stopped, running) = (b.follow(), b.follow());
    stopped.process().pause();

    a.ctl().run_with_input(["send", "-"], lines(MESSAGES).as_bytes()).assert_ok();
    a.say("last of the burst");
    running.wait_for("the last of the burst", Limit::secs(60), |line| {
        line["text"] == "last of the burst"
    });
    assert_eq!(stopped.count(|line| line["text"] == "last of the burst"), 0);

    stopped.process().resume();
    stopped.wait_for("the last of the burst", Limit::secs(60), |line| {
        line["text"] == "last of the burst"
    });
    for (who, tail) in [("stopped", &stopped), ("running", &running)] {
        let (shown, missed) = (messages(tail), missed(tail));
        println!("the {who} tail was shown {shown} and told that it missed {missed}");
        assert_eq!(shown + missed, MESSAGES + 1, "the {who} tail does not know what it missed");
    }
    assert!(missed(&stopped) > 0, "the test does not fill the queue of a stopped tail");
    assert_eq!(b.drops("client_missed"), missed(&stopped) + missed(&running));
}

fn lines(count: u64) -> String {
    (0..count).fold(String::new(), |mut lines, number| {
        writeln!(lines, "{number:06} {}", "x".repeat(200)).ok();
        lines
    })
}

fn messages(tail: &Tail) -> u64 {
    tail.count(|line| line["event"] == "message") as u64
}

fn missed(tail: &Tail) -> u64 {
    tail.lines().iter().filter_map(|line| line["messages"].as_u64()).sum()
}
